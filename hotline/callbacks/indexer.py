"""From the outbox to Redis: every line of it has its effect there, once, whatever is restarted or wiped.

Rules of this file:
- The outbox is the truth. How far it was read is kept in Redis, beside what was read from it: a Redis that lost
  its data, or went back in time, also lost the position, and is filled again from there.
- Any number of indexers may run on one spool, and any number of spools on one Redis.
- Redis may be down: then the messages wait in the outbox, and nothing is lost.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from itertools import pairwise

from hotline.callbacks.lines import Record, kind_of
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.reading import Positions, Reading
from hotline.callbacks.states import OPEN, State
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.store import Store, StoreDown, load_script

BATCH = 100
"""Lines that go to Redis at once."""

POLL = 5.0
"""Seconds between looks at the outbox for what other processes put there."""

RETRY = 0.5

MOST_TOLD = 10
"""Bad lines of one round that are told one by one: garbage in a file may look like thousands."""

STRANGERS = (
    "Redis holds promises of another spool, and nothing can be done about them here. All services of one Redis must"
    " share one spool."
)

_HOUR, _DAY = 3600, 86400
AGES = {"1h": _HOUR, "4h": 4 * _HOUR, "1d": _DAY, "2d": 2 * _DAY, "4d": 4 * _DAY, "7d": 7 * _DAY}
"""Ages of promises: each counts what is older than the one before it and no older than its seconds."""

OLDER = "older"


@dataclass(frozen=True, slots=True)
class PromiseCounts:
    """All promises at one moment. `oldest_due` is when the one that waits longest became due, 0 if none is."""

    by_state: Mapping[str, int]
    due_now: int
    oldest_due: float
    by_age: Mapping[str, int] = field(default_factory=dict)
    """Open promises by how long ago the caller asked: a word of AGES, or OLDER."""


class Indexer:
    """Keeps Redis up to date with one outbox. `tell` is given each problem once."""

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        now: Clock,
        *,
        tell: Tell,
        prefix: bytes = b"hotline:",
        poll: float = POLL,
    ) -> None:
        self._store, self._outbox, self._now = store, outbox, now
        self._tell, self._keys, self._poll = tell, (prefix,), poll
        self._news = asyncio.Event()
        self._told: frozenset[Trouble] = frozenset()
        self._strangers: set[str] = set()
        self.spool = ""
        """The identity of the outbox, once it was read."""
        self.reached: Positions = {}
        """How far the lines reached when they were last all in Redis."""
        self._index, self._mature, self._count = (
            load_script("hotline.callbacks", name) for name in ("index", "mature", "count")
        )

    def wake(self) -> None:
        """A message was kept here: index it now, not at the next look."""
        self._news.set()

    async def run(self) -> None:
        """Index until cancelled."""
        while True:
            self._news.clear()
            wait = self._poll
            try:
                await self.catch_up()
            except StoreDown:
                wait = min(RETRY, self._poll)
            except OSError as error:
                problem = f"The outbox cannot be read: {error.strerror}."
                self._tell_once((Trouble(problem, str(error.filename or self._outbox.lines)),))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._news.wait()

    async def catch_up(self) -> int:
        """Index all that is not yet in Redis and move what fell due; how many promises are new.

        Raises StoreDown or OSError.
        """
        await self._identify()
        added, told, more = 0, 0, True
        while more:
            known = await self._positions()
            reading = await asyncio.to_thread(self._outbox.entries, known, BATCH)
            told = self._tell_once(reading.problems, told)
            done = await self._put(known, reading)
            added += done["added"]
            more = reading.more or not done["applied"]
        if told > MOST_TOLD:
            self._tell(Trouble(f"{told - MOST_TOLD} more lines of the outbox are like that.", "outbox"))
        self.reached = reading.positions
        while (await self._store.script(self._mature, self._keys, (_moment(self._now()),)))["more"]:
            pass
        return added

    async def owns(self, spool: str) -> bool:
        """Whether promises of this spool may be moved here: those of our own. That there are others is told, once."""
        with suppress(OSError):
            await self._identify()
        if spool in ("", self.spool):
            return True
        if spool not in self._strangers:
            self._strangers.add(spool)
            self._tell(Trouble(STRANGERS, "outbox"))
        return False

    async def _identify(self) -> None:
        self.spool = self.spool or await asyncio.to_thread(self._outbox.identity)

    async def promises(self, now: float) -> PromiseCounts:
        """Count them. Raises StoreDown."""
        ages = (str(seconds).encode() for seconds in AGES.values())
        counts = await self._store.script(self._count, self._keys, (_moment(now), *ages))
        states = {state.value: int(counts["states"][state]) for state in State}
        older = (*counts["younger"], sum(states[state] for state in OPEN))
        by_age = dict(zip((*AGES, OLDER), (b - a for a, b in pairwise((0, *older))), strict=True))
        return PromiseCounts(states, states[State.DUE], float(counts["oldest"]), by_age)

    async def unread(self) -> tuple[int, int]:
        """What is not in Redis yet, as far as we know: bytes and lines of the outbox. Also while Redis is away."""
        return await asyncio.to_thread(self._outbox.beyond, self.reached)

    async def _positions(self) -> dict[str, int]:
        found = await self._store.read("hgetall", self._keys[0] + b"outbox:" + self.spool.encode())
        return {name.decode(): int(position) for name, position in found.items()}

    async def _put(self, known: Positions, reading: Reading) -> Mapping[str, int]:
        """Give a reading to Redis; not `applied` if another indexer was quicker, then it must be read again."""
        steps = [
            [name, str(known.get(name, 0)), str(position)]
            for name, position in reading.positions.items()
            if position != known.get(name, 0)
        ]
        if not steps:
            return {"applied": 1, "added": 0}
        args = [_moment(self._now()), self.spool.encode(), json.dumps(steps).encode()]
        for record in reading.records:
            args += [kind_of(record).encode(), record.id.encode(), _fields(record)]
        done: Mapping[str, int] = await self._store.script(self._index, self._keys, args)
        return done

    def _tell_once(self, problems: tuple[Trouble, ...], before: int = 0) -> int:
        """Tell what is new, after so many that were told before; how many those are now, told or not."""
        new = [problem for problem in problems if problem not in self._told]
        for problem in new[: max(0, MOST_TOLD - before)]:
            self._tell(problem)
        self._told = frozenset(problems) if problems else self._told
        return before + len(new)


def _moment(seconds: float) -> bytes:
    return b"%.6f" % seconds


def _fields(record: Record) -> bytes:
    """All but the id, as texts."""
    values = {name: value for name, value in asdict(record).items() if name != "id"}
    return json.dumps({name: _text(value) for name, value in values.items()}).encode()


def _text(value: str | float | bool) -> str:
    if isinstance(value, float):
        return f"{value:.6f}"
    return str(int(value)) if isinstance(value, bool) else str(value)
