"""What befell a promise, from its lines in the outbox, in plain words.

Rules of this file:
- One line is one sentence, which a supervisor can read to a caller who complains.
- A word that is not known here (written by another version) is told as it is.
- These sentences are for staff, who need the number: they are printed, and never logged.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, tzinfo
from itertools import pairwise
from types import MappingProxyType

from hotline.callbacks.book import Book, Case
from hotline.callbacks.lines import Done, Entry, Move, Record
from hotline.callbacks.outcome import Outcome
from hotline.callbacks.states import State
from hotline.diary import dated


def tell(book: Book, case: Case, zone: tzinfo, reasons: Mapping[str, str], now: float) -> list[str]:
    """A sentence for each thing that happened, by the clock of `zone`; the first of each day has its date.

    `reasons` has the words of the prompts that name them.
    """
    taken_back = _taken_back(case.story)
    if case.entry is None:
        return [f"{_when(case.since, zone)} Erased: nothing else is known of it any more."]
    moments = [(_at(record), _sentence(record, zone, reasons)) for record in case.story if record not in taken_back]
    if case.into and (other := book.cases.get(case.into)):
        moments += _merged(case, other)
    for id in case.also:
        if other := book.cases.get(id):
            moments.append((other.entry.kept_at if other.entry else other.since, _joined(other)))
    moments.sort(key=lambda moment: moment[0])
    return [*dated(moments, zone), _standing(case, zone, now)]


def _taken_back(story: list[Record]) -> list[Record]:
    """Attempts that were not made after all: nobody was rung, and the next line counts one less."""
    moves = [record for record in story if isinstance(record, Move)]
    return [
        move for move, following in pairwise(moves)
        if move.state == State.DIALING and following.token == move.token and following.attempts < move.attempts
    ]  # fmt: skip


def _at(record: Record) -> float:
    return record.kept_at if isinstance(record, Entry) else record.at


def _sentence(record: Record, zone: tzinfo, reasons: Mapping[str, str]) -> str:
    match record:
        case Entry():
            return _kept(record, zone, reasons)
        case Move():
            return _moved(record, zone)
        case Done():
            return _DELIVERIES.get(record.what, f"Delivered: {record.what}")
        case _:
            return "Erased"


def _kept(entry: Entry, zone: tzinfo, reasons: Mapping[str, str]) -> str:
    number = entry.number or "a caller who hid the number"
    what = _SOURCES.get(entry.source, f"Asked to be called back ({entry.source})")
    length = f" of {entry.seconds:.0f} s" if entry.seconds else ""
    about = f' about "{reasons.get(entry.reason, entry.reason)}"' if entry.reason else ""
    part = f", best in the {entry.part}" if entry.part else ""
    note = f" The note says: {entry.note!r}" if entry.note else ""
    queue = f" for {entry.queue}" if entry.queue else ""
    return f"{number}: {what}{length}{queue}{about}; promised for {_when(entry.due, zone)}{part}" + (
        f".{note}" if note else ""
    )


def _moved(move: Move, zone: tzinfo) -> str:
    when = _when(move.due, zone)
    who = move.agent or _WHO.get(move.by, move.by) or "The service"
    if move.outcome == "assigned":
        return f"{_WHO.get(move.by, 'Staff')} gave it to {move.agent}"
    if move.outcome == "postponed":
        return f"{who if move.by == 'agent' else _WHO.get(move.by, who)} postponed it to {when}"
    if move.state == State.DIALING:
        return f"{who} rang the customer, for the {_nth(move.attempts)} time"
    if move.state in (State.RETRY, State.CAPTURED, State.DUE):
        return f"{_outcome(move)}; to be tried {'again ' if move.attempts else ''}on {when}"
    tell = _ENDS.get(move.state)
    return tell(move) if tell else f"It became {move.state}"


def _outcome(move: Move) -> str:
    return _OUTCOMES.get(move.outcome, move.outcome.capitalize() or "It was put down")


def _talked(move: Move) -> str:
    return f"{move.agent or 'An agent'} and the customer talked"


def _unreachable(move: Move) -> str:
    return f"{_outcome(move)}; given up, for it was tried as often as the queue allows"


def _closed(move: Move) -> str:
    return f"{move.agent or 'An agent'} closed it without a talk"


def _cancelled(move: Move) -> str:
    where = " on the web" if move.outcome == Outcome.WEB else f" (call {move.call})" if move.call else ""
    return f"{_WHO.get(move.by, move.by or 'The service')} cancelled it{where}"


def _superseded(move: Move) -> str:
    return "The caller phoned again and was served" + (f" (call {move.call})" if move.call else "")


def _merged(case: Case, other: Case) -> list[tuple[float, str]]:
    """When two promises of a number became one is when the later one came."""
    began = [each.entry.kept_at for each in (case, other) if each.entry]
    return [(max(began), f"The number has promise {other.id} as well: this one is heard with it, and ends with it")]


def _joined(other: Case) -> str:
    return f"Promise {other.id} of the same number is heard with this one, and ends with it"


def _standing(case: Case, zone: tzinfo, now: float) -> str:
    state = case.state_at(now)
    if state is State.DUE:
        return f"Now: due since {_when(case.due, zone)}{_whose(case)}."
    if case.is_open and state is not State.DIALING:
        return f"Now: waits until {_when(case.due, zone)}{_whose(case)}."
    return f"Now: {state.value}, since {_when(case.since, zone)}."


def _whose(case: Case) -> str:
    return f", for {case.given}" if case.given else ""


def _nth(number: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(number, f"{number}th")


def _when(moment: float, zone: tzinfo) -> str:
    return f"{datetime.fromtimestamp(moment, zone):%a %Y-%m-%d %H:%M}"


_WHO: Mapping[str, str] = MappingProxyType(
    {"staff": "Staff", "caller": "The caller", "service": "The service", "agent": "An agent"}
)
_SOURCES: Mapping[str, str] = MappingProxyType(
    {
        "voicemail": "Left a message",
        "recovered": "Left a message, found after a crash,",
        "fallback": "Left a message with the PBX alone",
        "queue": "Left a place in the queue to be called back,",
        "menu": "Asked to be called back,",
        "web": "Asked on the web to be called back,",
    }
)
_OUTCOMES: Mapping[str, str] = MappingProxyType(
    {
        Outcome.BUSY: "The line was busy",
        Outcome.NO_ANSWER: "Nobody answered",
        Outcome.MACHINE: "A machine answered",
        Outcome.REJECTED: "The call was rejected",
        Outcome.UNREACHABLE: "The phone could not be reached",
        Outcome.FAILED: "It failed by our own fault",
        Outcome.LOST: "What became of it is not known: the service died",
        Outcome.AGENT_HUNG_UP: "The agent hung up",
        Outcome.NOT_RUNG: "The agent was gone before the phone could be rung",
        Outcome.LATE: "The service was too slow to have the phone rung",
        Outcome.REFUSED: "The PBX refused to ring the phone, for want of a trunk or of our dialplan",
        Outcome.NOT_BEGUN: "Redis or the disk failed just when the phone was to be rung",
        Outcome.NUMBER_BUSY: "The number was being rung already",
        Outcome.NUMBER_FULL: "The number was rung often enough that day",
        Outcome.DAY_FULL: "Enough customers were rung that day",
        Outcome.AGENT_SILENT: "The agent pressed no key, and nobody was rung",
        Outcome.CLOSED_HOURS: "The hours for the customer were over when the agent wanted to ring",
        Outcome.PART_OVER: "It was not rung in the part of the day that the customer chose",
    }
)
_ENDS: Mapping[str, Callable[[Move], str]] = MappingProxyType(
    {
        State.TALKED: _talked,
        State.UNREACHABLE: _unreachable,
        State.CLOSED: _closed,
        State.CANCELLED: _cancelled,
        State.SUPERSEDED: _superseded,
    }
)
_DELIVERIES: Mapping[str, str] = MappingProxyType(
    {
        "mail": "Mailed",
        "webhook": "Told to the webhook",
        "unreachable-mail": "Mailed that the customer was not reached",
        "unreachable-webhook": "Told to the webhook that the customer was not reached",
    }
)
