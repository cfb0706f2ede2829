"""Callbacks: where they are promised, and whether these promises could ever be kept.

Rules of this file:
- As in hotline.schema.check: it complains and warns, concludes nothing from parts that could not be read.
"""

from __future__ import annotations

from collections.abc import Iterator

from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.kinds import written
from hotline.schema.problems import quoted, unknown
from hotline.schema.shape import CallbacksShape, CallbackStep, MyCallbackStep, QueueShape, StepShape


def check_calling(draft: Draft) -> None:
    """Complain about promises that nobody can ask for, without hours, or to telephones that are never rung."""
    for name, queue in draft.queues.items():
        if queue is not None and queue.callbacks is not None:
            _check_queue(draft, ("queues", name, "callbacks"), queue, queue.callbacks)
    for path, step in _steps(draft):
        if isinstance(step, CallbackStep):
            _check_step(draft, (*path, "callback"), step.callback)


def warn_calling(draft: Draft) -> None:
    """Warn of a step that has nothing to tell; of a draft without problems."""
    promised = any(queue and queue.voicemail for queue in draft.queues.values())
    for path, step in _steps(draft):
        if isinstance(step, MyCallbackStep) and not promised:
            message = "no queue has `voicemail`, so nobody is promised a callback and this step says nothing"
            draft.document.warn(path, message)


def _steps(draft: Draft) -> Iterator[tuple[Path_, StepShape]]:
    for menu, row in draft.menus.items():
        for index, step in enumerate(row or ()):
            if step is not None:
                yield ("menus", menu, index), step


def _check_queue(draft: Draft, path: Path_, queue: QueueShape, calls: CallbacksShape) -> None:
    complain = draft.document.complain
    if calls.key:
        _must_dial(draft, (*path, "key"))
    if not calls.offer_above:
        return
    if not calls.key:
        complain((*path, "offer_above"), "a caller takes the offer by a key; give the `key` beside it")
    bounds = [("max_expected_wait", queue.max_expected_wait)]
    bounds += [("overflow's expected", queue.overflow.expected)] if queue.overflow else []
    for limit, most in bounds:
        if most and calls.offer_above >= most:
            message = f"must be less than {limit} ({written(most)}): nobody joins the queue for a longer wait"
            complain((*path, "offer_above"), f"{quoted('offer_above')} {message}")


def _check_step(draft: Draft, path: Path_, name: str) -> None:
    if name not in draft.queues:
        if "queues" not in draft.unread:
            draft.document.complain(path, unknown("queue", name, draft.queues))
        return
    queue = draft.queues[name]
    if queue is None:
        return
    if queue.voicemail is None:
        message = f"when queue {quoted(name)} calls back is not said; give it `voicemail: {{hours: …}}`"
        draft.document.complain(path, message)
    _must_dial(draft, path)


def _must_dial(draft: Draft, path: Path_) -> None:
    """Telephones may be rung at all."""
    if draft.dialing is not None and not draft.dialing.allow and "callbacks" not in draft.unread:
        message = 'nobody is called back: give the section `callbacks` what may be dialed, like `allow: ["+84"]`'
        draft.document.complain(path, message)
