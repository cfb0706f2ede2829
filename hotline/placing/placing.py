"""Placing callbacks: takes due promises in hand, at their pace, and sends each on its errand to an agent.

Rules of this file:
- Any number of processes place at once; the ledger sees to it that each promise is in one hand.
- Nobody is rung outside the hours of the promise's queue, nor while no PBX could ring an agent.
- Promises that were in the hand of a process which died are found: those not rung yet by the lease, those under way
  by asking the PBXs whether the agent's channel is still there. While it is, the attempt goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Protocol

from hotline.acd.desk import Desk
from hotline.acd.model import CALLBACK, AgentState, CallState, Left, QueueSettings, is_callback
from hotline.acd.virtual import PBX, queue_of_callbacks
from hotline.callbacks import pace
from hotline.callbacks.ledger import Ledger, Promise
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import new_id
from hotline.callbacks.outcome import after_attempt
from hotline.callbacks.promise import Promises
from hotline.callbacks.settings import CallbackSettings
from hotline.callbacks.states import LOST, State
from hotline.placing.errand import Errand, Ring
from hotline.store import StoreDown

REAP_EVERY = 5.0
"""Seconds between looks for attempts and virtual callers whose processes have died."""

MOST_AT_ONCE = 20
"""Promises that are taken in hand in one round, of each queue."""


class Telephones(Protocol):
    """What placing asks of the PBXs (hotline.pbxs)."""

    @property
    def any_up(self) -> bool: ...

    @property
    def ring_agent(self) -> Ring: ...

    async def channels(self) -> frozenset[str] | None:
        """The ids of all channels there are; None when a PBX cannot tell."""


class Placing:
    """`queues` and `settings` are by the names of queues that call back."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        pbxs: Telephones,
        promises: Promises,
        mover: Mover,
        *,
        queues: Mapping[str, QueueSettings],
        settings: Mapping[str, CallbackSettings],
    ) -> None:
        self._ledger, self._desk, self._pbxs = ledger, desk, pbxs
        self._promises, self._mover = promises, mover
        self._queues, self._settings = queues, settings
        self._quiet = pace.Quiet()
        self._errands: dict[str, Errand] = {}
        self._running: set[asyncio.Task[None]] = set()
        self._missing: set[str] = set()
        """Attempts and talks whose channels were missing at the last look."""
        self._draining = False

    async def chime(self, call: str) -> None:
        """The bell of a virtual caller, for hotline.acd.bell."""
        if errand := self._errands.get(call):
            errand.wake()

    async def run(self) -> None:
        """Place until cancelled."""
        await asyncio.gather(self._place(), self._reap())

    async def drain(self) -> None:
        """Take nothing more in hand; put back what no agent was rung for, and let the others be rung."""
        self._draining = True
        for errand in self._errands.values():
            errand.wake()
        if self._running:
            await asyncio.wait(self._running)

    # -- taking in hand -------------------------------------------------------------------------------------------

    async def _place(self) -> None:
        while True:
            # Redis is down, or the outbox: both are told of elsewhere, and promises wait
            with contextlib.suppress(StoreDown, OSError):
                if self._pbxs.any_up and not self._draining:
                    await self.round()
            await asyncio.sleep(pace.LOOK_EVERY)

    async def round(self) -> None:
        """Take in hand what may be begun now. Raises StoreDown, OSError."""
        for queue, settings in self._settings.items():
            if not self._may_ring(queue):
                continue
            for _ in range(MOST_AT_ONCE):
                if not await self._begin(queue, cap=0, place=True):
                    break
            staffing = await self._desk.core.staffing(queue_of_callbacks(self._queues[queue]))
            in_hand, since = await self._ledger.in_hand(queue), self._since_opening(queue)
            most = pace.most(staffing.staff, since, settings)
            quiet = self._quiet.seconds(queue, in_hand, self._desk.now())
            more = pace.room(staffing.staff, staffing.idle, in_hand, since, settings, quiet=quiet)
            for _ in range(min(MOST_AT_ONCE, more)):
                if not await self._begin(queue, cap=most, place=False):
                    break

    async def _begin(self, queue: str, *, cap: int, place: bool) -> bool:
        token = new_id()
        promise = await self._ledger.claim(queue, token=token, cap=cap, place=place)
        if promise is None:
            return False
        errand = Errand(
            promise,
            token,
            self._queues[queue],
            ledger=self._ledger,
            desk=self._desk,
            ring=self._pbxs.ring_agent,
            wanted=lambda: not self._draining and self._may_ring(queue),
        )
        self._errands[errand.call] = errand
        task = asyncio.create_task(errand.run(), name=errand.call)
        self._running.add(task)
        task.add_done_callback(lambda done: self._over(done, errand))
        return True

    def _over(self, task: asyncio.Task[None], errand: Errand) -> None:
        self._running.discard(task)
        if self._errands.get(errand.call) is errand:
            del self._errands[errand.call]

    def _may_ring(self, queue: str) -> bool:
        return self._promises.is_open(queue, self._now())

    def _since_opening(self, queue: str) -> float:
        window = self._promises.window_for(queue, self._now())
        return max(0.0, (self._now() - window.start).total_seconds()) if window else 0.0

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._desk.now(), UTC)

    # -- after a death --------------------------------------------------------------------------------------------

    async def _reap(self) -> None:
        while True:
            await asyncio.sleep(REAP_EVERY)
            with contextlib.suppress(StoreDown, OSError):  # as above
                await self.reap()

    async def reap(self) -> None:
        """Find what a process left behind that died. Raises StoreDown, OSError."""
        known, silent = await self._desk.core.snapshot(), await self._ledger.silent()
        talks = {
            f"{call}_{token}": call
            for state, call, token in known.agents.values()
            if state is AgentState.TALKING and is_callback(call)
        }
        if silent or talks:
            await self._look_for(silent, talks)
        for call, place in known.calls.items():
            if is_callback(call) and place.pbx == PBX and place.state is CallState.WAITING:
                promise = await self._ledger.find(call.removeprefix(CALLBACK))
                if promise is None or promise.state is not State.OFFERED:
                    await self._desk.gone(call, Left.LOST)

    async def _look_for(self, silent: list[Promise], talks: Mapping[str, str]) -> None:
        """What has no channel, twice in a row, is over; who had it in hand cannot tell any more.

        `talks`: channel → call of an agent who is with a callback.
        """
        channels = await self._pbxs.channels()
        if channels is None:
            return
        missing: set[str] = set()
        for promise in silent:
            if any(each.startswith(f"{CALLBACK}{promise.id}_") for each in channels):
                await self._ledger.hold(promise.id, promise.token)
            elif promise.token in self._missing:
                following = after_attempt(self._promises, promise, LOST, self._desk.now())
                await self._mover.move(promise, following, outcome=LOST, token=promise.token)
            else:
                missing.add(promise.token)
        for channel in talks.keys() - channels:
            if channel in self._missing:
                await self._end(talks[channel], channel)
            else:
                missing.add(channel)
        self._missing = missing

    async def _end(self, call: str, channel: str) -> None:
        """The agent of a callback has hung up, and nobody was there to be told."""
        standing = await self._desk.core.look(call)
        offer = standing.offer
        if offer and standing.state is CallState.TALKING and channel == f"{call}_{offer.token}":
            talked = max(0.0, self._desk.now() - standing.answered)
            await self._desk.finished(offer, "unknown", talked, standing.arrival, heals=True)
