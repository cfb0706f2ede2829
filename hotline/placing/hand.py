"""A promise and an agent in hand, while the agent is on the line for it.

Rules of this file:
- Whoever has an agent on the line shows every few seconds that they are alive; whoever else wants the promise waits.
- An agent whose promise is somebody else's by now is let go, and nobody else is disturbed by it.
"""

from __future__ import annotations

import contextlib
import enum
from dataclasses import dataclass, replace

from hotline.acd.desk import Desk
from hotline.acd.model import CALLBACK, CallState, Missed, Offer
from hotline.acd.ringing import renewing
from hotline.acd.virtual import PBX, SUFFIX
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.outcome import not_made
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.store import StoreDown


@dataclass(frozen=True, slots=True)
class InHand:
    """Which callback an agent's channel is for: the promise, the claim by which it is in hand, the core's offer; and
    on which PBX that channel is."""

    promise: str
    claim: str
    agent: str
    token: int
    pbx: str = ""

    @property
    def call(self) -> str:
        return CALLBACK + self.promise

    @property
    def attempt(self) -> str:
        """The name of an attempt that this agent makes. By one claim two agents may have the promise, where nobody
        knew any more that the first one's phone rang."""
        return f"{self.claim}:{self.agent}:{self.token}"


class Unrung(enum.Enum):
    """Why a customer's phone did not ring."""

    LATE = enum.auto()
    """The service was too slow, by the PBX's clock."""
    REFUSED = enum.auto()
    """The PBX has no trunk for callbacks, or not our dialplan."""


class Hands:
    """What is done with a promise in hand, in the ledger and in the queue core."""

    def __init__(self, ledger: Ledger, desk: Desk) -> None:
        self._ledger, self._desk = ledger, desk

    async def finish(self, hand: InHand, promise: Promise, talked: float) -> None:
        """The agent wraps up. Twice is nothing."""
        queue = promise.queue if promise.keeps_place else promise.queue + SUFFIX
        await self._desk.finished(self._offer(hand, queue), "agent", talked, promise.arrival)

    async def ended(self, hand: InHand, talked: float) -> None:
        """The agent's channel is gone: they wrap up, unless that is known. Raises StoreDown."""
        standing = await self._desk.core.look(hand.call)
        if standing.queue:
            await self._desk.finished(self._offer(hand, standing.queue), "agent", talked, standing.arrival)

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
        for token in (hand.claim, hand.attempt):
            if await self._ledger.hold(promise, token, hand.pbx):
                return True
        return False

    def held(self, hand: InHand) -> contextlib.AbstractAsyncContextManager[None]:
        async def renew() -> bool:
            await self.hold(hand)
            return True  # an attempt that is over has its agent on the line still

        return renewing(hand.call, renew)
