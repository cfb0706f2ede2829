"""One promise on its way to an agent, read top to bottom: it joins the queue core, waits for an offer, rings.

Rules of this file:
- Whoever runs an errand holds the promise by a token (hotline.callbacks.ledger), and gives up as soon as they do not.
- In the queue core the promise is a virtual caller. One who joins it again takes the old place, so that an errand may
  be taken over by another process.
- Once an agent has answered, hotline.placing.leg has promise and agent in hand, in whichever process that is.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import Protocol

from hotline.acd.desk import Desk
from hotline.acd.model import CALLBACK, CallState, Left, Missed, Offer, QueueSettings, Standing
from hotline.acd.ringing import LEASE_MARGIN, renewing
from hotline.acd.virtual import PBX, queue_of_callbacks
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.number import dialable
from hotline.callbacks.promise_record import Promise
from hotline.events import CallbackOffered
from hotline.store import StoreDown

LOOK_EVERY = 1.0
"""Seconds between looks for an offer that another process made."""

GRACE = 3.0
"""Seconds that a missed ring stays in hand: an agent who answered in the last moment is about to be heard of."""

REST, LONGEST_REST = 10.0, 60.0
"""Seconds that a promise gets no agent after a ring that nobody knows the end of: doubled from the first to the last,
so that agents are not held again and again for what no PBX can do."""


class Ring(Protocol):
    def __call__(
        self, phone: str, *, channel_id: str, seconds: float, caller_id: str, variables: Mapping[str, str]
    ) -> Awaitable[Missed | None]:
        """Ring an agent's phone; None once they answered."""


class Errand:
    """`wanted` tells whether the customer may and can still be rung; when not, the promise goes back to its place."""

    def __init__(
        self,
        promise: Promise,
        token: str,
        queue: QueueSettings,
        *,
        ledger: Ledger,
        desk: Desk,
        ring: Ring,
        wanted: Callable[[], bool],
    ) -> None:
        self.promise, self.token = promise, token
        self.call = CALLBACK + promise.id
        self.queue = _places(queue) if promise.keeps_place else queue_of_callbacks(queue)
        self._ledger, self._desk, self._ring, self._wanted = ledger, desk, ring, wanted
        self._bell = asyncio.Event()
        self._spent: set[int] = set()
        self._joined = False
        self._rest, self._rests_until = 0.0, 0.0

    def wake(self) -> None:
        """There may be an offer."""
        self._bell.set()

    async def run(self) -> None:
        """Until an agent has the promise, or it is not ours any more."""
        while True:
            try:
                if await self._step():
                    return
            except StoreDown:
                if not self._wanted():
                    return  # the lease runs out, and hotline.placing.reaper finds the virtual caller
                await asyncio.sleep(LOOK_EVERY)

    async def give_up(self) -> None:
        """Something is wrong with it: it goes back to its place when the lease runs out, not at once."""
        with contextlib.suppress(StoreDown):
            await self._withdraw()

    async def _step(self) -> bool:
        """Look once, and act; True when the errand is over. Raises StoreDown."""
        if not await self._ledger.hold(self.promise.id, self.token):
            await self._withdraw()
            return True
        standing = await self._desk.core.look(self.call)
        rung = standing.offer is not None and standing.offer.token in self._spent
        if standing.state is CallState.TALKING and rung:
            return True  # also one who answered when we had given them up
        if not self._wanted():
            await self._withdraw()
            return await self._ledger.release(self.promise.id, self.token)
        if self._desk.now() < self._rests_until:
            return await self._wait()
        standing = await self._stand(standing)
        rung = standing.offer is not None and standing.offer.token in self._spent
        # an agent who has it from an earlier claim, in the hand of a process that was stopped, comes to an end first
        if standing.state is not CallState.TALKING and standing.offer and not rung:
            return await self._offer(standing.offer)
        return await self._wait()

    async def _wait(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_EVERY):
                await self._bell.wait()
        self._bell.clear()
        return False

    async def _withdraw(self) -> None:
        """Out of the core, unless somebody else has the promise in hand by now: then it is theirs there, too."""
        found = await self._ledger.find(self.promise.id)
        if found is None or found.claim in ("", self.token):
            await self._desk.gone(self.call, Left.CALLBACK)

    async def _stand(self, standing: Standing) -> Standing:
        """In the core, joined (again) where it knows nothing of the call."""
        beside = self.promise.given or self.promise.paced
        if standing.state is CallState.WAITING and beside and not self._joined:
            await self._desk.gone(self.call, Left.CALLBACK)  # it may have waited in the live queue before
            standing = await self._desk.core.look(self.call)
        if standing.state not in (CallState.UNKNOWN, CallState.ENDED):
            return standing
        now = self._desk.now()
        change = await self._desk.core.join(
            self.call,
            queue=self.queue,
            arrival=self.promise.arrival,
            now=now,
            channel=self.call,
            pbx=PBX,
            caller=self.call,
            force=True,
        )
        self._joined = True
        if change.applied:  # to the core we are new: so are its tokens, should Redis have lost its data
            self._spent.clear()
        return self._desk.carry_out(change, "joined", self.call).standing

    async def _offer(self, offer: Offer) -> bool:
        """Ring the agent of an offer; True once they answered, or the promise is not ours any more."""
        began = self._desk.now()
        taken = await self._desk.core.take(offer, began, began + self.queue.ring + LEASE_MARGIN)
        self._spent.add(offer.token)
        if not self._desk.carry_out(taken, "ringing", self.call).applied:
            return False
        self._desk.emit(
            CallbackOffered(
                at=began, call=self.call, queue=self.promise.queue, promise=self.promise.id, agent=offer.agent
            )
        )
        async with renewing(self.call, lambda: self._renew(offer)):
            missed = await self._ring(
                offer.phone,
                channel_id=f"{self.call}_{offer.token}",
                seconds=self.queue.ring,
                caller_id=self._shown(),
                variables={
                    "HOTLINE_CALLBACK": self.promise.id,
                    "HOTLINE_CLAIM": self.token,
                    "HOTLINE_OFFER": f"{offer.agent}:{offer.token}",
                },
            )
            if missed is Missed.LOST:
                await asyncio.sleep(GRACE)
        if missed is None:
            return True
        await self._desk.missed(offer, missed, self._desk.now() - began)
        self._rest = min(LONGEST_REST, 2 * self._rest or REST) if missed is Missed.LOST else 0.0
        self._rests_until = self._desk.now() + self._rest
        return False

    def _shown(self) -> str:
        """What the agent's phone shows while it rings; nothing that the PBX could take for an instruction."""
        return f'"Callback" <{dialable(self.promise.number)}>'

    async def _renew(self, offer: Offer) -> bool:
        """Keep promise and agent in hand while the agent's phone rings."""
        now = self._desk.now()
        await self._ledger.hold(self.promise.id, self.token)
        await self._desk.core.take(offer, now, now + LEASE_MARGIN)
        return True


def _places(queue: QueueSettings) -> QueueSettings:
    """The live queue, for one who left a place in it: nobody who was in is ever too many."""
    return replace(queue, max_length=0, max_expected_wait=0.0, overflow=None)
