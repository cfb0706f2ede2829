"""Messages are handed on, by mail or to a webhook, until they have arrived; so is word of who could not be reached.

Rules of this file:
- The outbox is all that is needed: what is to be handed on are its recordings of the last days without a line
  `done`, and what became unreachable in these days. Redis may be down, and whatever dies goes on after a restart.
- At least once. Processes that share a spool take turns, so that each delivery is made once while nobody dies between
  a delivery and its line; the receiver knows a second one by its id.
- What is older than TRY_FOR is given up, and told; a new address is not sent more of the past than that.
- How often something was tried is known to the process that tried it alone: after a restart it is tried at once.
- What was erased is not handed on. Nothing here is ever in the way of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Protocol

from hotline.callbacks.book import cases_of
from hotline.callbacks.disk import locked
from hotline.callbacks.lines import Done, Entry, Erased, Move, Record, files
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.events import DeliveryFailed, DeliveryMade, Emit

FIRST_RETRY = 5.0
LAST_RETRY = 3600.0
GROWTH = 4
TRY_FOR = 5 * 86400.0
"""Seconds: over a long weekend, and a day on which somebody looks."""

POLL = 5.0
"""Seconds between looks at the outbox for what other processes put there."""

LIMIT = 600.0
"""Seconds that one delivery may take; couriers have shorter limits of their own for what does not move."""

AT_ONCE = 4
BATCH = 8
"""Deliveries of one turn."""

STUCK = 1800.0
"""Seconds after which a process that keeps its turn is passed by: longer than any turn can take."""

LAST_PATIENCE = 10.0
"""Seconds that a service which ends gives to deliveries under way."""

LINES = 500


class NotDelivered(Exception):
    """A delivery was not made. The text says why, without a number, an address or a secret."""


class Courier(Protocol):
    """A way to hand messages on."""

    what: str
    """mail or webhook."""

    def takes(self, entry: Entry) -> bool:
        """Whether this message is to be handed on this way."""

    async def deliver(self, entry: Entry, given_up: Move | None = None, tries: int = 0) -> str:
        """Hand on a message, or that its promise was `given_up`; "", or a sentence that says who of several did not
        get it. `tries`: how often that failed before. Raises NotDelivered."""


_Key = tuple[str, str]
"""Id, and what its line says."""


@dataclass(slots=True)
class _Parcel:
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


class Deliverer:
    """Hands on what one courier takes. `tell` is given a trouble of the outbox once, while it lasts."""

    def __init__(
        self,
        courier: Courier,
        outbox: Outbox,
        now: Clock,
        *,
        emit: Emit,
        tell: Tell,
        poll: float = POLL,
        limit: float = LIMIT,
        stuck: float = STUCK,
    ) -> None:
        self.what = courier.what
        self._courier, self._outbox, self._now = courier, outbox, now
        self._emit, self._tell = emit, tell
        self._poll, self._limit, self._stuck = poll, limit, stuck
        self._lock = outbox.lines / f".{courier.what}"
        self._hands = asyncio.Semaphore(AT_ONCE)
        self._news = asyncio.Event()
        self._under_way: set[asyncio.Task[None]] = set()
        self._unreachable = f"unreachable-{self.what}"
        self._parcels: dict[_Key, _Parcel] = {}
        self._given_up: dict[str, Move] = {}
        """Those that were read of and not looked at yet."""
        self._done: dict[_Key, float] = {}
        self._positions: dict[str, int] | None = None
        self._told: Trouble | None = None
        self._last_turn = 0.0
        self._closing = False

    def wake(self) -> None:
        """A message was kept here: hand it on now, not at the next look."""
        self._news.set()

    @property
    def waiting(self) -> int:
        """How many messages are to be handed on, as far as this process has read."""
        return len(self._parcels)

    async def run(self) -> None:
        """Hand on until cancelled."""
        self._last_turn = asyncio.get_running_loop().time()
        while True:
            self._news.clear()
            try:
                await self.round()
            except OSError as error:
                self._trouble(error)
            else:
                self._told = None
            with suppress(TimeoutError):
                async with asyncio.timeout(self._poll):
                    await self._news.wait()

    async def close(self) -> None:
        """Begin nothing more, and see to an end what is under way."""
        self._closing = True
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=LAST_PATIENCE)

    async def round(self) -> None:
        """Hand on all that is due, in turns with other processes. Raises OSError when the outbox cannot be read."""
        more = True
        while more and not self._closing:
            async with self._turn() as mine:
                if not mine:
                    return
                await self._catch_up()
                due = self._due()
                await asyncio.gather(*(self._see_to(parcel) for parcel in due[:BATCH]))
            more = len(due) > BATCH

    # -- turns ----------------------------------------------------------------------------------------------------

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[bool]:
        """Nobody else hands on meanwhile. False while somebody does, if not for too long."""
        loop, stack = asyncio.get_running_loop(), ExitStack()
        entering = asyncio.ensure_future(asyncio.to_thread(stack.enter_context, locked(self._lock, 0.0)))
        try:
            mine = await asyncio.shield(entering)
        except asyncio.CancelledError:
            entering.add_done_callback(lambda _: stack.close())
            raise
        with stack:
            if mine or loop.time() - self._last_turn >= self._stuck:
                mine = True
                self._last_turn = loop.time()
            yield mine

    async def _catch_up(self) -> None:
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
            if self._courier.takes(case.entry):
                parcel = _Parcel(case.entry, move.at, self._unreachable, replace(move, attempts=case.attempts))
                self._parcels.setdefault(key, parcel)
        self._given_up.clear()

    def _past(self) -> dict[str, int]:
        """Files that are too old to hold anything to hand on count as read."""
        first = f"{datetime.fromtimestamp(self._now() - TRY_FOR, UTC):%Y-%m}.jsonl"
        return {file.name: file.stat().st_size for file in files(self._outbox.lines) if file.name < first}

    def _take(self, record: Record) -> None:
        match record:
            case Entry():
                key = (record.id, self.what)
                new = key not in self._done and record.kept_at > self._now() - TRY_FOR
                if new and record.sha256 and self._courier.takes(record):
                    self._parcels.setdefault(key, _Parcel(record, record.kept_at, self.what))
            case Move(state=State.UNREACHABLE) if record.at > self._now() - TRY_FOR:
                self._given_up[record.id] = record
            case Done(what=self.what | self._unreachable):
                self._over((record.id, record.what), record.at)
            case Erased():
                self._given_up.pop(record.id, None)
                for what in (self.what, self._unreachable):
                    self._over((record.id, what), record.at)

    def _over(self, key: _Key, at: float) -> None:
        self._done[key] = at
        self._parcels.pop(key, None)

    def _forget(self) -> None:
        """The ids of deliveries so old that their messages would not be taken again."""
        while self._done and (first := next(iter(self._done))) and self._done[first] < self._now() - 2 * TRY_FOR:
            del self._done[first]

    def _due(self) -> list[_Parcel]:
        now = self._now()
        return sorted((each for each in self._parcels.values() if each.next <= now), key=lambda each: each.next)

    # -- one delivery ---------------------------------------------------------------------------------------------

    async def _see_to(self, parcel: _Parcel) -> None:
        """Make a delivery and write its line, whatever happens to who asked for it."""
        async with self._hands:
            if not self._closing:
                task = asyncio.create_task(self._hand_on(parcel), name=f"{parcel.what} of {parcel.entry.id}")
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await asyncio.shield(task)

    async def _hand_on(self, parcel: _Parcel) -> None:
        entry = parcel.entry
        try:
            if not parcel.made:
                lacking = await self._deliver(parcel)
                parcel.made = True
                self._emit(self._made(entry))
                if lacking:
                    self._emit(self._not_made(entry, lacking, given_up=True))
            await asyncio.to_thread(self._outbox.add, Done(id=entry.id, at=self._now(), what=parcel.what))
        except NotDelivered as failure:
            self._failed(parcel, str(failure))
        except OSError as error:
            self._trouble(error)
            self._later(parcel)
        else:
            self._over((entry.id, parcel.what), self._now())

    async def _deliver(self, parcel: _Parcel) -> str:
        """Raises NotDelivered."""
        try:
            async with asyncio.timeout(self._limit):
                return await self._courier.deliver(parcel.entry, parcel.given_up, parcel.tries)
        except TimeoutError:
            raise NotDelivered(f"It took longer than {self._limit:g} s.") from None
        except NotDelivered:
            raise
        except Exception as error:  # a peer's strangest answer ends a try, not the service
            raise NotDelivered(f"It failed: {type(error).__name__}.") from error

    def _later(self, parcel: _Parcel) -> None:
        parcel.next = self._now() + min(FIRST_RETRY * GROWTH ** min(parcel.tries, 10), LAST_RETRY)
        parcel.tries += 1

    def _failed(self, parcel: _Parcel, problem: str) -> None:
        self._later(parcel)
        entry = parcel.entry
        given_up = parcel.next > parcel.since + TRY_FOR
        if given_up:
            self._parcels.pop((entry.id, parcel.what), None)
        self._emit(self._not_made(entry, problem, given_up=given_up))

    def _not_made(self, entry: Entry, problem: str, *, given_up: bool) -> DeliveryFailed:
        return DeliveryFailed(
            at=self._now(),
            call=entry.call,
            queue=entry.queue,
            promise=entry.id,
            what=self.what,
            problem=problem,
            given_up=given_up,
        )

    def _made(self, entry: Entry) -> DeliveryMade:
        return DeliveryMade(at=self._now(), call=entry.call, queue=entry.queue, promise=entry.id, what=self.what)

    def _trouble(self, error: OSError) -> None:
        trouble = Trouble(f"Deliveries ({self.what}) wait for the outbox: {error.strerror}.", "outbox")
        if trouble != self._told:
            self._tell(trouble)
        self._told = trouble
