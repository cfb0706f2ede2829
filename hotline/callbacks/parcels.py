"""What is still to be handed on, as an outbox tells: messages, and word of who could not be reached.

Rules of this file:
- These are the recordings of the last TRY_FOR seconds without a line `done`, and what became unreachable in these
  days. A new address is not sent more of the past than that.
- What was erased is not handed on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hotline.callbacks.book import cases_of
from hotline.callbacks.lines import Done, Entry, Erased, Move, Record, files
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.states import State
from hotline.clock import Clock

TRY_FOR = 5 * 86400.0
"""Seconds: over a long weekend, and a day on which somebody looks."""

LINES = 500


@dataclass(slots=True)
class Parcel:
    """Something to hand on: a message, or word that the promise was `given_up`. `made`: it was, and only its line is
    missing."""

    entry: Entry
    since: float
    what: str
    """Of its line."""
    given_up: Move | None = None
    next: float = 0.0
    tries: int = 0
    made: bool = False

    @property
    def key(self) -> _Key:
        return self.entry.id, self.what


_Key = tuple[str, str]
"""Id, and what its line says."""


class Parcels:
    """Those that go one way: `what` is mail or webhook, and it `takes` some messages."""

    def __init__(self, what: str, takes: Callable[[Entry], bool], outbox: Outbox, now: Clock) -> None:
        self._what, self._takes, self._outbox, self._now = what, takes, outbox, now
        self._unreachable = f"unreachable-{what}"
        self._waiting: dict[_Key, Parcel] = {}
        self._given_up: dict[str, Move] = {}
        """Those that were read of and not looked at yet."""
        self._done: dict[_Key, float] = {}
        self._positions: dict[str, int] | None = None

    def __len__(self) -> int:
        """As far as the outbox was read."""
        return len(self._waiting)

    def due(self) -> list[Parcel]:
        """Those that are to be tried (again) by now, in this order."""
        now = self._now()
        return sorted((each for each in self._waiting.values() if each.next <= now), key=lambda each: each.next)

    def over(self, parcel: Parcel) -> None:
        """It was handed on, and its line is written."""
        self._over(parcel.key, self._now())

    def give_up(self, parcel: Parcel) -> None:
        self._waiting.pop(parcel.key, None)

    async def catch_up(self) -> None:
        """Read on in the outbox. Raises OSError."""
        if self._positions is None:
            self._positions = await asyncio.to_thread(self._past)
        more = True
        while more:
            reading = await asyncio.to_thread(self._outbox.entries, self._positions, LINES)
            for record in reading.records:
                self._take(record)
            self._positions, more = dict(reading.positions), reading.more
        await self._look_at_given_up()
        self._forget()

    async def _look_at_given_up(self) -> None:
        """Whether a promise ended by such a line is told by all of its lines, of which the first may be long ago."""
        if not self._given_up:
            return
        cases = await asyncio.to_thread(cases_of, self._outbox, self._given_up.keys())
        for id, move in self._given_up.items():
            case, key = cases.get(id), (id, self._unreachable)
            if case is None or case.entry is None or case.state is not State.UNREACHABLE or key in self._done:
                continue
            if self._takes(case.entry):
                parcel = Parcel(case.entry, move.at, self._unreachable, replace(move, attempts=case.attempts))
                self._waiting.setdefault(key, parcel)
        self._given_up.clear()

    def _past(self) -> dict[str, int]:
        """Files that are too old to hold anything to hand on count as read."""
        first = f"{datetime.fromtimestamp(self._now() - TRY_FOR, UTC):%Y-%m}.jsonl"
        return {file.name: file.stat().st_size for file in files(self._outbox.lines) if file.name < first}

    def _take(self, record: Record) -> None:
        match record:
            case Entry():
                key = (record.id, self._what)
                new = key not in self._done and record.kept_at > self._now() - TRY_FOR
                if new and record.sha256 and self._takes(record):
                    self._waiting.setdefault(key, Parcel(record, record.kept_at, self._what))
            case Move(state=State.UNREACHABLE) if record.at > self._now() - TRY_FOR:
                self._given_up[record.id] = record
            case Done(what=self._what | self._unreachable):
                self._over((record.id, record.what), record.at)
            case Erased():
                self._given_up.pop(record.id, None)
                for what in (self._what, self._unreachable):
                    self._over((record.id, what), record.at)

    def _over(self, key: _Key, at: float) -> None:
        self._done[key] = at
        self._waiting.pop(key, None)

    def _forget(self) -> None:
        """The ids of deliveries so old that their messages would not be taken again."""
        while self._done and (first := next(iter(self._done))) and self._done[first] < self._now() - 2 * TRY_FOR:
            del self._done[first]
