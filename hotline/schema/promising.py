"""Promises of callbacks: hours in which nobody could ever be called, numbers that never could be dialed.

Rules of this file:
- As in `check`: it reads the draft and complains to its document.
- Only what the week and the dates of a calendar show is judged; on which dates holidays fall changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from hotline.callbacks.calendar import DAY, Span, joined
from hotline.callbacks.guard import countries, never_dialed
from hotline.callbacks.hours import common
from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.problems import quoted
from hotline.schema.shape import CallbacksShape, DialingShape, HoursShape, QueueShape, VoicemailShape

MOST_COUNTRIES = 10
"""A beginning of numbers that more countries have is not meant as it stands."""

Spans = tuple[Span, ...]


def check_promises(draft: Draft) -> None:
    """Complain about calendars, hours of callbacks and numbers that contradict one another."""
    for name, hours in draft.hours.items():
        if hours is not None:
            _check_dates(draft, ("hours", name), hours)
    for name, queue in draft.queues.items():
        if queue is not None:
            _check_queue(draft, ("queues", name), queue)
    if draft.dialing is not None:
        _check_dialing(draft, draft.dialing)


def warn_promises(draft: Draft) -> None:
    """Warn about callbacks that nobody gets, and of beginnings of numbers that hold half the world."""
    dialing = draft.dialing or DialingShape()
    for index, prefix in enumerate(dialing.allow):
        count = countries(prefix)
        if count > MOST_COUNTRIES and not any(each.startswith(prefix) for each in dialing.deny):
            message = f"{quoted(prefix)} holds {count} countries, some of them dear to call"
            message += "; allow those that you mean, or deny the others"
            draft.document.warn(("callbacks", "allow", index), message)
    for name, queue in draft.queues.items():
        if queue is not None and queue.callbacks is not None and not dialing.allow:
            message = "nobody is called back: the section `callbacks` allows no numbers"
            draft.document.warn(("queues", name, "callbacks"), message, key=True)


def _check_dates(draft: Draft, path: Path_, hours: HoursShape) -> None:
    for index, date in enumerate(hours.closed):
        if date in hours.closed[:index]:
            draft.document.complain((*path, "closed", index), f"{date} stands here twice; keep one of them")
    week = {day: spans for days, spans in hours.week.items() for day in days}
    if any(_runs_into(spans, week.get((day + 1) % 7, ())) for day, spans in week.items()):
        message = "a night's hours run into those of the next day; write each minute once"
        draft.document.complain((*path, "week"), message)


def _runs_into(spans: Spans, tomorrow: Spans) -> bool:
    return any(later.start < span.end - DAY for span in spans for later in tomorrow)


def _check_queue(draft: Draft, path: Path_, queue: QueueShape) -> None:
    mail, calls = queue.voicemail, queue.callbacks or CallbacksShape()
    if mail is None:
        if queue.callbacks is not None:
            message = "callbacks need `voicemail: {hours: …}` beside them: its calendar says when somebody calls"
            draft.document.complain((*path, "callbacks"), message, key=True)
        return
    hours = draft.hours.get(mail.hours)
    if hours is not None and any(hours.week.values()):
        opening = joined(span for spans in (*hours.week.values(), *hours.open.values()) for span in spans)
        _check_clock(draft, path, mail, calls, opening)


def _check_clock(draft: Draft, path: Path_, mail: VoicemailShape, calls: CallbacksShape, opening: Spans) -> None:
    """What the clock allows must come while it is open, and so must the parts of the day."""
    for index, span in enumerate(calls.between):
        if not common((span,), opening):
            message = f"calendar {quoted(mail.hours)} is never open in these hours, so nobody is called in them"
            draft.document.complain((*path, "callbacks", "between", index), message)
    ringing = common(calls.between, opening) if calls.between else opening
    for name, span in mail.parts.items():
        if not common((span,), opening):
            message = f"calendar {quoted(mail.hours)} is never open in this part of the day, so nobody can have it"
        elif ringing and not common((span,), ringing):
            message = "customers are called `between` other hours, so nobody can have this part of the day"
        else:
            continue
        draft.document.complain((*path, "voicemail", "parts", name), message)


def _check_dialing(draft: Draft, dialing: DialingShape) -> None:
    complain = draft.document.complain
    for key in ("allow", "deny"):
        for index, message in _repeated(getattr(dialing, key)):
            complain(("callbacks", key, index), message)
    for index, prefix in enumerate(dialing.allow):
        if never_dialed(prefix):
            message = f"no telephone of a country has {quoted(prefix)}; satellites and the like are never dialed"
            complain(("callbacks", "allow", index), message)
    for index, prefix in enumerate(dialing.deny):
        if allowed := next((each for each in dialing.allow if each.startswith(prefix)), None):
            message = f"this denies all of {quoted(allowed)}, which `allow` allows"
            complain(("callbacks", "deny", index), message)
        elif not prefix.startswith(dialing.allow):
            message = f"{quoted(prefix)} is an exception to nothing: `allow` does not hold it"
            complain(("callbacks", "deny", index), message)
    if dialing.per_number > dialing.per_day:
        message = f"'per_number' must not be more than per_day ({dialing.per_day})"
        complain(("callbacks", "per_number"), message)


def _repeated(prefixes: Sequence[str]) -> Iterator[tuple[int, str]]:
    for index, prefix in enumerate(prefixes):
        for other, wider in enumerate(prefixes):
            if prefix.startswith(wider) and (len(wider) < len(prefix) or other < index):
                same = "stands here twice" if wider == prefix else f"is within {quoted(wider)} already"
                yield index, f"{quoted(prefix)} {same}; keep one of them"
                break
