"""Placing callbacks: takes due promises in hand, at their pace, and sends each on its errand to an agent.

Rules of this file:
- Any number of processes place at once; the ledger sees to it that each promise is in one hand.
- Who keeps a place in a queue is ahead of the pace, once, in the hours in which they came. A place that is left over
  from the hours before goes by the pace, or all of these would be ahead of every live caller at the next opening.
- Nobody is rung outside the hours of the promise's queue and the part of the day that they chose, nor while no PBX
  could ring an agent, or one has refused to ring a moment ago.
- A promise in the hand of a process which died is due again by its lease; hotline.placing.reaper finds the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Protocol

from structlog.stdlib import BoundLogger

from hotline.acd.desk import Desk
from hotline.acd.model import QueueSettings
from hotline.acd.virtual import queue_of_callbacks
from hotline.callbacks import pace
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.outbox import new_id
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import CallbackSettings
from hotline.placing.brake import Brake
from hotline.placing.errand import Errand, Ring
from hotline.placing.parts import PartsOfTheDay
from hotline.store import StoreDown

MOST_AT_ONCE = 20
"""Promises that are taken in hand in one round, of each queue."""


class Telephones(Protocol):
    """What placing asks of the PBXs (hotline.pbxs)."""

    @property
    def any_up(self) -> bool: ...

    @property
    def ring_agent(self) -> Ring: ...


class Placing:
    """`queues` and `settings` are by the names of queues that call back."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        pbxs: Telephones,
        promises: Promises,
        parts: PartsOfTheDay,
        *,
        queues: Mapping[str, QueueSettings],
        settings: Mapping[str, CallbackSettings],
        brake: Brake,
        log: BoundLogger,
    ) -> None:
        self._ledger, self._desk, self._pbxs = ledger, desk, pbxs
        self._promises, self._parts = promises, parts
        self._queues, self._settings = queues, settings
        self._brake, self._log = brake, log
        self._quiet = pace.Quiet()
        self._errands: dict[str, Errand] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._draining = False

    async def chime(self, call: str) -> None:
        """The bell of a virtual caller, for hotline.acd.bell."""
        if errand := self._errands.get(call):
            errand.wake()

    async def run(self) -> None:
        """Place until cancelled; whatever is on its way then is left to its lease."""
        try:
            await self._place()
        finally:
            running = list(self._running)
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)

    async def drain(self) -> None:
        """Take nothing more in hand; put back what no agent was rung for, and let the others be rung."""
        self._draining = True
        for errand in self._errands.values():
            errand.wake()
        while self._running:
            await asyncio.wait(self._running)

    # -- taking in hand -------------------------------------------------------------------------------------------

    async def _place(self) -> None:
        while True:
            # Redis is down, or the outbox: both are told of elsewhere, and promises wait
            with contextlib.suppress(StoreDown, OSError):
                if self._can_ring():
                    await self.round()
            await asyncio.sleep(pace.LOOK_EVERY)

    async def round(self) -> None:
        """Take in hand what may be begun now. Raises StoreDown, OSError."""
        for queue, settings in self._settings.items():
            if not self._promises.is_open(queue, self._now()):
                continue
            opened = self._opened(queue)
            for _ in range(MOST_AT_ONCE):
                if not await self._begin(queue, cap=0, place=True, opened=opened):
                    break
            staffing = await self._desk.core.staffing(queue_of_callbacks(self._queues[queue]))
            in_hand, since = await self._ledger.in_hand(queue), self._since_opening(queue)
            most = pace.most(staffing.staff, since, settings)
            quiet = self._quiet.seconds(queue, in_hand, self._desk.now())
            more = pace.room(staffing.staff, staffing.idle, in_hand, since, settings, quiet=quiet)
            for _ in range(min(MOST_AT_ONCE, more)):
                if not await self._begin(queue, cap=most, place=False, opened=opened):
                    break

    async def _begin(self, queue: str, *, cap: int, place: bool, opened: float) -> bool:
        """Send the next one on its errand; False where there is none. Who cannot be rung today is put off before."""
        for _ in range(MOST_AT_ONCE):
            token = new_id()
            promise = await self._ledger.claim(queue, token=token, cap=cap, place=place, since=opened)
            if promise is None:
                return False
            if self._draining:  # which began while Redis was asked
                await self._ledger.release(promise.id, token)
                return False
            if not await self._is_put_off(promise):
                self._send(promise, token, queue)
                break
        return True

    def _send(self, promise: Promise, token: str, queue: str) -> None:
        errand = Errand(
            promise,
            token,
            self._queues[queue],
            ledger=self._ledger,
            desk=self._desk,
            ring=self._pbxs.ring_agent,
            wanted=lambda: self._can_ring() and self._promises.may_ring(promise, self._now()),
        )
        self._errands[errand.call] = errand
        task = asyncio.create_task(self._run(errand), name=errand.call)
        self._running.add(task)
        task.add_done_callback(lambda done: self._over(done, errand))

    async def _is_put_off(self, promise: Promise) -> bool:
        """Whether its number had its calls for today, or its part of the day is over; then others behind it,
        whose part is over, are put off too."""
        try:
            if promise.full:
                await self._parts.put_off_a_day(promise)
                return True
            if not self._parts.over(promise):
                return False
            await self._parts.put_off(promise)
            await self._parts.look()
        except (StoreDown, OSError):
            raise
        except Exception as error:  # a fault of ours with one promise: the others are still placed
            self._log.error("A callback could not be put off.", promise=promise.id, exc_info=error)
            return False
        return True

    async def _run(self, errand: Errand) -> None:
        try:
            await errand.run()
        except Exception as error:
            self._log.error("A callback failed here; it is tried again.", call=errand.call, exc_info=error)
            await errand.give_up()

    def _over(self, task: asyncio.Task[None], errand: Errand) -> None:
        self._running.discard(task)
        if self._errands.get(errand.call) is errand:
            del self._errands[errand.call]

    def _can_ring(self) -> bool:
        return self._pbxs.any_up and not self._brake.on and not self._draining

    def _since_opening(self, queue: str) -> float:
        window = self._promises.window_for(queue, self._now())
        return max(0.0, (self._now() - window.start).total_seconds()) if window else 0.0

    def _opened(self, queue: str) -> float:
        """Since when customers of a queue that is open are rung without a break; round the clock, at least a week."""
        window = self._promises.window_for(queue, self._now())
        start = window.start.astimezone(UTC) if window else self._now()
        for _ in range(7):
            last = start - timedelta(seconds=1)
            window = self._promises.window_for(queue, last)
            if window is None or last not in window:
                break
            start = window.start.astimezone(UTC)
        return start.timestamp()

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._desk.now(), UTC)
