"""Messages are handed on, by mail or to a webhook, until they have arrived; so is word of who could not be reached.

Rules of this file:
- The outbox is all that is needed (see parcels.py). Redis may be down, and whatever dies goes on after a restart.
- At least once. Processes that share a spool take turns, so that each delivery is made once while nobody dies between
  a delivery and its line; the receiver knows a second one by its id.
- What is older than TRY_FOR is given up, and told.
- How often something was tried is known to the process that tried it alone: after a restart it is tried at once.
- Nothing here is ever in the way of a call.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager, suppress
from typing import Protocol

from hotline.callbacks.disk import locked
from hotline.callbacks.lines import Done, Entry, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.parcels import TRY_FOR, Parcel, Parcels
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.events import DeliveryFailed, DeliveryMade, Emit

FIRST_RETRY = 5.0
LAST_RETRY = 3600.0
GROWTH = 4

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
        self._parcels = Parcels(courier.what, courier.takes, outbox, now)
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
                await self._parcels.catch_up()
                due = self._parcels.due()
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

    # -- one delivery ---------------------------------------------------------------------------------------------

    async def _see_to(self, parcel: Parcel) -> None:
        """Make a delivery and write its line, whatever happens to who asked for it."""
        async with self._hands:
            if not self._closing:
                task = asyncio.create_task(self._hand_on(parcel), name=f"{parcel.what} of {parcel.entry.id}")
                self._under_way.add(task)
                task.add_done_callback(self._under_way.discard)
                await asyncio.shield(task)

    async def _hand_on(self, parcel: Parcel) -> None:
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
            self._parcels.over(parcel)

    async def _deliver(self, parcel: Parcel) -> str:
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

    def _later(self, parcel: Parcel) -> None:
        parcel.next = self._now() + min(FIRST_RETRY * GROWTH ** min(parcel.tries, 10), LAST_RETRY)
        parcel.tries += 1

    def _failed(self, parcel: Parcel, problem: str) -> None:
        self._later(parcel)
        entry = parcel.entry
        given_up = parcel.next > parcel.since + TRY_FOR
        if given_up:
            self._parcels.give_up(parcel)
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
