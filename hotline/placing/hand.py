"""A promise and an agent in hand, while the agent is on the line for it.

Rules of this file:
- Whoever has an agent on the line shows every few seconds that they are alive; whoever else wants the promise waits.
- An agent whose promise is somebody else's by now is let go, and nobody else is disturbed by it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from hotline.acd.desk import Desk
from hotline.acd.model import CALLBACK, CallState, Missed, Offer
from hotline.acd.virtual import PBX, SUFFIX
from hotline.callbacks.ledger import Ledger, Promise
from hotline.callbacks.outcome import not_made
from hotline.callbacks.states import State
from hotline.flow.phone import DialOutcome
from hotline.store import StoreDown

RENEW_EVERY = 5.0


@dataclass(frozen=True, slots=True)
class InHand:
    """Which callback an agent's channel is for: the promise, the claim by which it is in hand, the core's offer."""

    promise: str
    claim: str
    agent: str
    token: int

    @property
    def call(self) -> str:
        return CALLBACK + self.promise

    @property
    def attempt(self) -> str:
        """The name of an attempt that this agent makes. By one claim two agents may have the promise, where nobody
        knew any more that the first one's phone rang."""
        return f"{self.claim}:{self.agent}:{self.token}"


@dataclass(frozen=True, slots=True)
class LastWord:
    """How it stood with the customer when the agent's channel went: whether their phone was rung, how that ended, and
    for how many seconds they talked."""

    rung: bool
    outcome: DialOutcome
    talked: float


class Hands:
    """What is done with a promise in hand, in the ledger and in the queue core."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self._ledger, self._desk = ledger, desk

    async def finish(self, hand: InHand, promise: Promise, talked: float) -> None:
        """The agent wraps up. Twice is nothing."""
        queue = promise.queue if promise.keeps_place else promise.queue + SUFFIX
        await self._desk.finished(self._offer(hand, queue), "agent", talked, promise.arrival)

    async def let_go(self, hand: InHand) -> None:
        """This agent is free; whoever else has the promise by now keeps its place in the core."""
        with contextlib.suppress(StoreDown):
            standing = await self._desk.core.look(hand.call)
            offer = self._offer(hand, standing.queue)
            if standing.state is CallState.TALKING:
                await self._desk.finished(offer, "agent", self._desk.now() - standing.answered, standing.arrival)
            else:
                await self._desk.missed(offer, Missed.LOST, 0.0)

    def _offer(self, hand: InHand, queue: str) -> Offer:
        return Offer(hand.call, hand.agent, hand.token, queue, "", hand.call, PBX, 0.0)

    async def in_hand(self, hand: InHand) -> Promise | None:
        """The promise, while it is in this hand.

        If a service that died had begun an attempt for this agent, nobody was rung in it: the dialplan would not have
        come to us. So it does not count.
        """
        with contextlib.suppress(StoreDown):
            if await self.hold(hand):
                promise = await self._ledger.find(hand.promise)
                return not_made(promise) if promise and promise.state is State.DIALING else promise
        return None

    async def newest(self, attempt: Promise) -> Promise:
        """The attempt, and what the customer may have left for us meanwhile."""
        with contextlib.suppress(StoreDown):
            if promise := await self._ledger.find(attempt.id):
                return replace(attempt, spent=promise.spent)
        return attempt

    async def hold(self, hand: InHand) -> bool:
        promise = hand.promise
        return await self._ledger.hold(promise, hand.claim) or await self._ledger.hold(promise, hand.attempt)

    @contextlib.asynccontextmanager
    async def held(self, hand: InHand) -> AsyncIterator[None]:
        renewing = asyncio.create_task(self._renew(hand), name=f"hold {hand.call}")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, hand: InHand) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY)
            with contextlib.suppress(StoreDown):
                await self.hold(hand)
