"""The promises as the outbox's lines tell them, without Redis: for staff, and for the erasure of what they know.

Rules of this file:
- A line does here what it does in lua/index.lua; a test holds the two against each other. Only what is fleeting (an
  agent is about to ring the customer) is not known here.
- A book reads on from where it stopped. Lines that erasure overwrote behind it are told again by the line that
  erasure adds.
- Blocking file I/O.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from hotline.callbacks.lines import Done, Entry, Erased, Move, Record
from hotline.callbacks.number import identifies
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.reading import Positions
from hotline.callbacks.states import ENDED_BESIDE, LOST, NEXT, OPEN, State
from hotline.callbacks.trouble import Trouble

_WAITS = (State.CAPTURED, State.RETRY)


@dataclass(slots=True)
class Case:
    """One promise. `entry` is None once it is erased."""

    id: str
    entry: Entry | None
    state: State
    due: float
    since: float
    """When it came into its state."""
    attempts: int = 0
    spent: int = 0
    """Attempts that do not count any more: a later message was left after them."""
    agent: str = ""
    given: str = ""
    """The agent to whom staff gave it."""
    outcome: str = ""
    token: str = ""
    into: str = ""
    """The promise in which this one was merged."""
    also: set[str] = field(default_factory=set)
    """Those that were merged into this one."""
    story: list[Record] = field(default_factory=list, repr=False)

    @property
    def is_open(self) -> bool:
        return self.state in OPEN

    def state_at(self, now: float) -> State:
        """Its state, which may have become due in the meantime."""
        return State.DUE if self.state in _WAITS and self.due <= now else self.state


class Fold:
    """Promises by their ids, in the order in which they came, as lines tell them. Without `stories` it knows only how
    they stand."""

    def __init__(self, *, stories: bool = True) -> None:
        self._stories = stories
        self._open: dict[str, Case] = {}
        self.cases: dict[str, Case] = {}

    def open_for(self, number: str) -> Case | None:
        """The open promise of a number. One that does not identify anybody has none: nobody knows whose it is."""
        return self._open.get(number)

    def family(self, id: str) -> set[str]:
        """The promise, and those whose recordings are heard with it."""
        case = self.cases.get(id)
        return {id, *case.also} if case else set()

    def of_number(self, number: str) -> Iterator[Case]:
        """All promises of a person that are not erased; none of those who hid their number ("")."""
        return (case for case in self.cases.values() if number and case.entry and case.entry.number == number)

    def take(self, record: Record) -> None:
        """The next line."""
        match record:
            case Entry():
                self._kept(record)
            case Move():
                self._moved(record)
            case Done():
                if (case := self.cases.get(record.id)) and case.entry:
                    self._tell(case, record)
            case Erased():
                self._erased(record)

    def _kept(self, entry: Entry) -> None:
        if entry.id in self.cases:
            return
        made = Case(entry.id, entry, State.CAPTURED, entry.due, since=entry.kept_at)
        self._tell(made, entry)
        self.cases[entry.id] = made
        other = self._open.get(entry.number)
        # who keeps a place in the queue is called back from there, and has the place that they took first
        if other and (entry.source != "queue" or _keeps_place(other, entry) or other.state is State.DIALING):
            made.state = State.MERGED
            self._merge(made, other)
            other.due, other.spent = min(other.due, entry.due), other.attempts
            return
        if other:
            self._become(other, State.MERGED, entry.kept_at)
            self._merge(other, made)
        if identifies(entry.number):
            self._open[entry.number] = made

    def _merge(self, case: Case, other: Case) -> None:
        """It is heard with the other one, and so are those that were heard with it."""
        for id in (case.id, *case.also):
            self.cases[id].into = other.id
            other.also.add(id)
        case.also.clear()

    def _moved(self, move: Move) -> None:
        case = self.cases.get(move.id)
        if case is None or not _believed(case, move):
            return
        self._tell(case, move)
        case.due, case.outcome, case.agent = move.due, move.outcome, move.agent or case.agent
        if move.outcome == "assigned":
            case.given = move.agent
        if move.token:  # also one that was taken back
            case.attempts = move.attempts
        if move.state == State.DIALING:
            case.token = move.token
        self._become(case, State(move.state), move.at)

    def _tell(self, case: Case, record: Record) -> None:
        if self._stories:
            case.story.append(record)

    def _become(self, case: Case, state: State, at: float) -> None:
        case.state, case.since = state, at
        if state in OPEN:
            return
        self._free(case)
        for other in map(self.cases.__getitem__, case.also) if state is not State.MERGED else ():
            if other.state is State.MERGED:
                other.state, other.since = state, at

    def _free(self, case: Case) -> None:
        """Its number may have another open promise."""
        if case.entry and self._open.get(case.entry.number) is case:
            del self._open[case.entry.number]

    def _erased(self, erased: Erased) -> None:
        if case := self.cases.get(erased.id):
            self._free(case)
            if into := self.cases.get(case.into):
                into.also.discard(case.id)
        self.cases[erased.id] = Case(erased.id, None, State.ERASED, due=0.0, since=erased.at)


class Book(Fold):
    """All promises of one outbox."""

    def __init__(self, outbox: Outbox, *, stories: bool = True) -> None:
        super().__init__(stories=stories)
        self._outbox = outbox
        self._positions: Positions = {}
        self.problems: list[Trouble] = []

    def read(self) -> None:
        """Read what was not read yet. Raises OSError."""
        more = True
        while more:
            reading = self._outbox.entries(self._positions)
            for record in reading.records:
                self.take(record)
            self._positions, more = reading.positions, reading.more
            self.problems += reading.problems


def cases_of(outbox: Outbox, ids: Collection[str]) -> Mapping[str, Case]:
    """What the lines of these promises alone tell, without reading all others. Raises OSError."""
    fold = Fold(stories=False)
    for record in outbox.lines_of(ids):
        fold.take(record)
    return fold.cases


def _keeps_place(case: Case, entry: Entry) -> bool:
    """Whether it is a place in the queue of this line."""
    return case.entry is not None and (case.entry.source, case.entry.queue) == ("queue", entry.queue)


def _believed(case: Case, move: Move) -> bool:
    """Whether a line is about this promise as it stands: an attempt is begun by one who knows of all those before it,
    and ended once. Beside it, only the caller and staff may end the promise."""
    if move.state not in NEXT[case.state]:
        return False
    if move.state == State.DIALING:
        return move.attempts == case.attempts + 1
    under_way = case.state is State.DIALING
    if not move.token:
        return not under_way or (move.state in ENDED_BESIDE and move.by != "agent")
    if move.token != case.token:
        return False
    return under_way or (move.state == State.TALKED and case.outcome == LOST)
