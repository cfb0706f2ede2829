"""The ledger of promised calls: what is promised to whom, who has it in hand, and what becomes of it.

Rules of this file:
- What is to last is a line of the outbox first; Redis learns it from there (hotline.callbacks.indexer). Only claims,
  which are fleeting, are made in Redis alone.
- Whoever has a promise in hand holds it by a token of their own, for LEASE seconds at a time. A customer's phone is
  rung only after `begin` said GO, which it says once per attempt, whoever else believes to hold the promise.
- Every method may raise StoreDown; those that write a line may raise OSError.
"""

from __future__ import annotations

import asyncio
import enum
import errno
import json
from collections.abc import Callable, Collection
from dataclasses import replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from hotline.callbacks.indexer import Indexer
from hotline.callbacks.lines import Entry, Move
from hotline.callbacks.number import identifies
from hotline.callbacks.outbox import Outbox, new_id
from hotline.callbacks.promise_record import Promise, promise_of
from hotline.callbacks.settings import Dialing
from hotline.callbacks.states import State
from hotline.clock import Clock
from hotline.store import Store, StoreDown, load_script

LEASE = 30.0
"""Seconds that a holder is believed to be alive after the last sign of it (as in lua/lib/promises.lua)."""

_SCRIPTS = ("begin", "claim", "find", "hold", "list", "release")


class Begun(enum.StrEnum):
    """What became of the wish to ring a customer's phone."""

    GO = "go"
    STALE = "stale"
    """The promise is somebody else's by now, or has ended."""
    NUMBER_BUSY = "number-busy"
    """Another attempt at this number is under way."""
    DAY_FULL = "day-full"
    NUMBER_FULL = "number-full"


class ForeignPromise(OSError):
    """The promise is of another spool: a line of ours about it would be forgotten when Redis is."""


class Ledger:
    """The promises of one spool, beside those of others in the same Redis. `zone` tells which day it is.

    `served_by`: the queue whose agents call back those of a queue; itself, or another one where it is not configured.
    """

    def __init__(
        self,
        store: Store,
        outbox: Outbox,
        indexer: Indexer,
        now: Clock,
        *,
        dialing: Dialing,
        zone: ZoneInfo,
        served_by: Callable[[str], str] = str,
        prefix: bytes = b"hotline:",
    ) -> None:
        self._store, self._outbox, self._indexer, self._now = store, outbox, indexer, now
        self._dialing, self.zone, self._keys = dialing, zone, (prefix,)
        self._served_by = served_by
        self._scripts = {name: load_script("hotline.callbacks", name) for name in _SCRIPTS}

    # -- in hand --------------------------------------------------------------------------------------------------

    async def claim(
        self, queue: str, *, token: str, cap: int, place: bool = False, since: float = 0.0
    ) -> Promise | None:
        """Take in hand the promise of a queue that was made first, of those that are due.

        None when none is due, `cap` of the queue are in hand already, the day had its calls, or Redis does not know
        all lines yet. One that staff gave to an agent who is at work comes first, if they have none in hand.
        `place`: one whose caller keeps a place in the queue; for these there is no cap.
        `since`: who kept it before keeps it no more, nor does who was rung in vain.
        One that is `full` is to be put off: its number had its calls for today.
        """
        await self._indexer.catch_up()
        most = "place" if place else str(cap)
        return await self._claim(token, await self._queues(queue), most, since=since)

    async def claim_one(self, id: str, *, token: str) -> Promise | None:
        """Take this promise in hand, if it is of our spool, is due and waits; to put it off, not to ring anybody."""
        await self._indexer.catch_up()
        return await self._claim(token, id=id)

    async def _claim(
        self, token: str, queues: Collection[str] = (), most: str = "0", id: str = "", since: float = 0.0
    ) -> Promise | None:
        reached = [[name, str(position)] for name, position in self._indexer.reached.items()]
        limits = self._day(self._now()), self._dialing.per_day, self._dialing.per_number
        known = self._indexer.spool, json.dumps(reached), json.dumps(list(queues))
        found = await self._run("claim", *known, token, most, *limits, id, f"{since:.6f}")
        return self.promise_of(found) if found else None

    async def in_hand(self, queue: str) -> int:
        """How many of a queue are in hand at its pace: not those who keep a place, nor those given to an agent."""
        keys = [self._keys[0] + f"in-hand:{each}".encode() for each in await self._queues(queue)]
        return sum([int(await self._store.read("scard", key)) for key in keys])

    async def _queues(self, queue: str) -> list[str]:
        """Those that the agents of a queue serve: some that are not configured (any more), and the queue itself."""
        known = [name.decode() for name in await self._store.read("hgetall", self._keys[0] + b"queues")]
        return [*(each for each in sorted(known) if each != queue == self._served_by(each)), queue]

    async def hold(self, id: str, token: str, pbx: str = "") -> bool:
        """We are alive, and have it in hand, an agent on the line at `pbx`; False when it is not ours any more."""
        return bool(await self._run("hold", id, token, pbx))

    async def release(self, id: str, token: str) -> bool:
        """Put it back to its place, untried; False when it is not ours, or the customer's phone was rung."""
        return bool(await self._run("release", id, token))

    async def begin(self, promise: Promise, claim: str, agent: str, attempt: str = "") -> Begun:
        """May the customer's phone be rung now, by whoever has this claim? The attempt is on disk then.

        `attempt` is a name that nobody else gives to one, even if they share the claim (without: the claim itself).
        From GO on the promise is held by it. After any other answer nothing may be dialed; the promise is still to be
        moved on, but for STALE.
        """
        now, token = self._now(), attempt or claim
        day = self._day(now)
        attempts = promise.attempts + 1
        line = Move(
            id=promise.id, at=now, state=State.DIALING, due=now, attempts=attempts, by="agent", agent=agent,
            token=token, day=day,
        )  # fmt: skip
        held = await self.hold(promise.id, claim) or await self.hold(promise.id, token)
        if not held or not await self.owns(promise):
            return Begun.STALE
        await asyncio.to_thread(self._outbox.add, line)
        await self._indexer.catch_up()
        limits = self._dialing.per_day, self._dialing.per_number
        return Begun(await self._run("begin", promise.id, token, day, *limits))

    async def silent(self) -> list[Promise]:
        """Those of our spool whose customers' phones were rung, and whose holders were silent for LEASE seconds."""
        ids = await self._run("list", "leases", "-inf", f"{self._now():.6f}", 1000)
        found = [each for each in await self.find_all(ids) if each.state is State.DIALING]
        return [each for each in found if await self.owns(each)]

    # -- for good -------------------------------------------------------------------------------------------------

    async def request(
        self,
        *,
        queue: str,
        number: str,
        source: str,
        due: float,
        id: str = "",
        arrival: float = 0.0,
        call: str = "",
        entry: str = "",
        language: str = "",
        reason: str = "",
        part: str = "",
        note: str = "",
        key: str = "",
        confirmed: bool = True,
    ) -> Entry:
        """A promise without a message, on disk when this returns. `arrival`: since when the caller waits; else now.

        `id`: made of an idempotency key, `key` the digest of what was asked by it.

        Raises OSError, never StoreDown: Redis learns of it later.
        """
        now = self._now()
        entry_ = Entry(
            id=id or new_id(), call=call, queue=queue, entry=entry, language=language, recorded_at=arrival or now,
            due=due, seconds=0.0, hung_up=False, kept_at=now, sha256="", source=source, reason=reason, part=part,
            confirmed=confirmed, note=note, key=key, number=number,
        )  # fmt: skip
        await asyncio.to_thread(self._outbox.add, entry_)
        await self._tell_redis()
        return entry_

    async def move(
        self,
        promise: Promise,
        state: State,
        *,
        due: float = 0.0,
        outcome: str = "",
        by: str = "service",
        agent: str = "",
        token: str = "",
        call: str = "",
    ) -> Move:
        """The promise is in `state` from now on, and due at `due` (else as before). Raises OSError, never StoreDown.

        `token` is that of an attempt which ended: nothing happens then if another one has begun since.
        Raises ForeignPromise, which is an OSError, for one of another spool.
        """
        if not await self.owns(promise):
            raise ForeignPromise(errno.EXDEV, "the promise is of another spool")
        line = Move(
            id=promise.id, at=self._now(), state=state, due=due or promise.due, attempts=promise.attempts,
            outcome=outcome, by=by, agent=agent, token=token, call=call,
        )  # fmt: skip
        await asyncio.to_thread(self._outbox.add, line)
        await self._tell_redis()
        return line

    def _day(self, moment: float) -> str:
        return f"{datetime.fromtimestamp(moment, self.zone):%Y-%m-%d}"

    async def _tell_redis(self) -> None:
        """Where Redis is down, the indexer tells it later."""
        try:
            await self._indexer.catch_up()
        except StoreDown:
            self._indexer.wake()

    async def owns(self, promise: Promise) -> bool:
        """Whether it is of our spool; only then we may move it."""
        return await self._indexer.owns(promise.spool)

    # -- looking --------------------------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Redis knows all lines of the outbox when this returns. May raise OSError."""
        await self._indexer.catch_up()

    async def find(self, id: str) -> Promise | None:
        return next(iter(await self.find_all([id])), None)

    async def find_all(self, ids: Collection[str]) -> list[Promise]:
        """Those that there are, in order."""
        if not ids:
            return []
        return [self.promise_of(each) for each in await self._run("find", "", *ids)]

    async def open_for(self, number: str) -> Promise | None:
        """The open promise of a number, where that tells whose it is."""
        found = await self._run("find", "number", number) if identifies(number) else []
        return self.promise_of(found[0]) if found else None

    async def list(
        self, states: Collection[State], *, since: float = 0.0, until: float = 0.0, most: int = 1000
    ) -> list[Promise]:
        """Promises by state, then by when they are due, or ended; of each state at most `most`.

        `since` and `until` bound that moment.
        """
        found: list[Promise] = []
        for state in states:
            ids = await self._run("list", state, f"{since:.6f}", f"{until:.6f}" if until else "+inf", most)
            found += await self.find_all(ids)
        return found

    async def _run(self, name: str, *args: str | int) -> Any:
        values = (f"{self._now():.6f}", *args)
        return await self._store.script(self._scripts[name], self._keys, [str(value).encode() for value in values])

    def promise_of(self, fields: dict[str, Any]) -> Promise:
        promise = promise_of(fields)
        return replace(promise, queue=self._served_by(promise.queue))
