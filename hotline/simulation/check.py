"""What a scenario's parts say of each other: names that exist, needs that somebody can meet, rules with an effect.

Rules of this file:
- As in hotline.schema.routing: what leaves callers unserved or a rule without the effect that was surely meant is a
  mistake, what only looks odd is a warning. A part that could not be read is None, and nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hotline.acd.model import Needs
from hotline.schema.document import Document, Path_
from hotline.schema.problems import quoted, unknown
from hotline.schema.rules import check_rest, check_rules
from hotline.schema.shape import QueueShape
from hotline.simulation.model import TOTAL
from hotline.simulation.periods import clock_times
from hotline.simulation.shape import CallShape, GroupShape, SimulationShape


@dataclass(frozen=True, slots=True)
class Draft:
    """All parts of a file. None stands for what could not be read (and was complained about)."""

    document: Document
    simulation: SimulationShape | None
    calls: Mapping[str, CallShape | None]
    queues: Mapping[str, QueueShape | None]
    groups: Mapping[str, GroupShape | None]

    def callers(self, queue: str) -> Iterator[CallShape]:
        """The types of calls that join a queue."""
        return (call for name, call in self.calls.items() if call and (call.queue or name) == queue)

    def queue_of(self, name: str, call: CallShape) -> QueueShape | None:
        """The queue that a type of calls joins; one that is described nowhere has the defaults."""
        return self.queues.get(call.queue or name, QueueShape())


def check(draft: Draft) -> None:
    """Complain about everything that does not fit together; warn about what has no effect."""
    complain, whole = draft.document.complain, draft.simulation
    if whole and whole.warm_up >= whole.length:
        complain(("simulation", "warm_up"), "the warm-up must be shorter than the length of the simulation")
    for name, queue in draft.queues.items():
        if queue:
            _check_queue(draft, name, queue)
        if not any(draft.callers(name)) and None not in draft.calls.values():
            draft.document.warn(("queues", name), f"no calls go to queue {quoted(name)}", key=True)
    for name, call in draft.calls.items():
        if name == TOTAL:
            message = f"{quoted(name)} is what all calls together are called; take another name"
            complain(("calls", name), message, key=True)
        if call:
            _check_call(draft, name, call)
    for name, group in draft.groups.items():
        if group:
            check_rest(draft.document, ("agents", name), group.max_in_row, group.cool_down)


def _check_queue(draft: Draft, name: str, queue: QueueShape) -> None:
    path: Path_ = ("queues", name)
    check_rules(draft.document, path, queue)
    if queue.sticky:
        draft.document.warn((*path, "sticky"), "nobody who talked with an agent calls again here: this has no effect")
    if not _all_read(draft):
        return
    if queue.widen and any(draft.callers(name)):
        whom = f"queue {quoted(name)}, even at its last step"
        _check_able(draft, (*path, "widen", len(queue.widen) - 1, "needs"), whom, queue.widen[-1].needs)
    if queue.own_site and not _sites(draft):
        message = "no group has a `site`, so nobody is of the caller's own; give the groups theirs"
        draft.document.complain((*path, "own_site"), message)
    elif queue.own_site and not any(call.site for call in draft.callers(name)):
        draft.document.warn((*path, "own_site"), "none of these calls has a `site`, so this has no effect")
    if queue.reserve_above and not any(group.reserve for group in _groups(draft)):
        draft.document.warn((*path, "reserve_above"), "no group has `reserve: yes`, so this has no effect")


def _check_call(draft: Draft, name: str, call: CallShape) -> None:
    complain, whole, path = draft.document.complain, draft.simulation, ("calls", name)
    if call.queue is not None and call.queue not in draft.queues:
        complain((*path, "queue"), unknown("queue", call.queue, draft.queues))
    if call.arrivals is None and call.callbacks is None and whole and whole.trace is None:
        complain(path, f"calls {quoted(name)} never come; give `arrivals`, like 300/h, or a `trace`", key=True)
    if call.callbacks and whole:
        _check_callbacks(draft, (*path, "callbacks", "at"), call.callbacks.at, draft.queue_of(name, call), whole)
    queue = draft.queue_of(name, call)
    if queue is None or not _all_read(draft):
        return
    if call.site and call.site not in _sites(draft):
        complain((*path, "site"), unknown("site", call.site, _sites(draft)))
    where: Path_ = ("queues", call.queue or name, "needs") if call.needs is None else (*path, "needs")
    needs: Needs = queue.needs if call.needs is None else call.needs
    for skill in needs:  # a widening names no other skills: see check_rules and _check_own_needs
        if skill not in _skills(draft):
            complain((*where, skill), unknown("skill", skill, _skills(draft)), key=True)
    if call.needs is not None:
        _check_own_needs(draft, where, call.queue or name, queue, needs)
    if not queue.widen:
        _check_able(draft, where, f"calls {quoted(name)}", needs)
    elif needs.keys() <= _skills(draft) and not _able(draft, needs):
        draft.document.warn(where, f"no group has {_written(needs)}: these callers pass this step at once")


def _check_callbacks(draft: Draft, where: Path_, at: float, queue: QueueShape | None, whole: SimulationShape) -> None:
    """They must fall due within the simulation, and before customers may no longer be rung."""
    if not clock_times(at, whole.starts.seconds, whole.length):
        draft.document.complain(where, "the simulation ends before its clock shows this time")
    hours = queue.callbacks.between if queue and queue.callbacks else ()
    if hours and all(span.end * 60 <= at for span in hours):
        draft.document.complain(where, "after this time customers are not rung any more: see `between` of the queue")


def _check_own_needs(draft: Draft, where: Path_, name: str, queue: QueueShape, needs: Needs) -> None:
    """The queue's first widening must relax them, as it relaxes the queue's own."""
    for skill, level in queue.widen[0].needs.items() if queue.widen else ():
        if level > needs.get(skill, 0):
            message = f"queue {quoted(name)} widens to {skill} {level}, which these calls do not need"
            draft.document.complain(where, f"{message}; a step can only ask for less, so give them another queue")
            return


def _check_able(draft: Draft, where: Path_, whom: str, needs: Needs) -> None:
    """Somebody must be able to answer."""
    if needs.keys() <= _skills(draft) and not _able(draft, needs):
        draft.document.complain(where, f"nobody could ever answer {whom}: no group has {_written(needs)}")


def _all_read(draft: Draft) -> bool:
    """Whether all who answer are known."""
    return bool(draft.groups) and None not in draft.groups.values()


def _groups(draft: Draft) -> list[GroupShape]:
    return [group for group in draft.groups.values() if group]


def _sites(draft: Draft) -> set[str]:
    return {group.site for group in _groups(draft) if group.site}


def _skills(draft: Draft) -> set[str]:
    return {skill for group in _groups(draft) for skill in group.skills}


def _able(draft: Draft, needs: Needs) -> bool:
    return any(all(group.skills.get(skill, 0) >= level for skill, level in needs.items()) for group in _groups(draft))


def _written(needs: Needs) -> str:
    return " and ".join(f"{skill} {level}" for skill, level in needs.items())
