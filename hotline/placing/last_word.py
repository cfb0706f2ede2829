"""The dialplan's last word on a callback: the agent's channel is gone, whatever became of whoever served it.

Rules of this file:
- It comes after every callback, and changes nothing where all was told before.
- The agent is freed whatever becomes of the promise. Neither is given up while Redis or the disk is away.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from hotline.acd.desk import Desk
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.outcome import OUTCOMES, Next, Outcome, after_attempt, not_made, untried
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.flow.phone import DialOutcome
from hotline.placing.hand import Hands, InHand

DISK_AGAIN = 5.0
"""Seconds until a line that could not be written is tried again."""


@dataclass(frozen=True, slots=True)
class LastWord:
    """How it stood with the customer when the agent's channel went: whether their phone was rung, how that ended, and
    for how many seconds they talked."""

    rung: bool
    outcome: DialOutcome
    talked: float


class LastWords:
    def __init__(self, ledger: Ledger, desk: Desk, mover: Mover, promises: Promises) -> None:
        self._ledger, self._desk, self._mover, self._promises = ledger, desk, mover, promises
        self._hands = Hands(ledger, desk)

    async def hear(self, hand: InHand, last: LastWord) -> bool:
        """Whether all is told. If not, it is tried on here, and another service may be told as well."""
        told = set()

        async def free(_: str) -> None:
            await self._hands.ended(hand, last.talked)
            told.add(free)

        async def move(_: str) -> None:
            await self._move_on(hand, last)
            told.add(move)

        # by names of their own: within, the core is told of the call, in its turn
        await asyncio.gather(
            self._desk.settle(f"{hand.promise} {hand.agent}", "the end of a callback", free),
            self._desk.settle(hand.promise, "the promise after a callback", move),
        )
        return len(told) == 2

    async def _move_on(self, hand: InHand, last: LastWord) -> None:
        """Raises StoreDown."""
        while promise := await self._ledger.find(hand.promise):
            try:
                await self._left_over(hand, promise, last)
            except OSError:  # the outbox's health tells of it
                await asyncio.sleep(DISK_AGAIN)
            else:
                return

    async def _left_over(self, hand: InHand, promise: Promise, last: LastWord) -> None:
        """Move on a promise that was still in this agent's hand; where that was told before, do nothing."""
        now, attempt = self._desk.now(), promise.state is State.DIALING and promise.token == hand.attempt
        outcome: Outcome | None
        if attempt and last.rung:
            hung_up = last.outcome is DialOutcome.CANCELLED
            outcome = Outcome.AGENT_HUNG_UP if hung_up else OUTCOMES.get(last.outcome)
            following = after_attempt(self._promises, promise, outcome, now) if outcome else Next(State.TALKED)
        elif attempt or (promise.state is State.OFFERED and promise.claim == hand.claim):
            outcome = Outcome.NOT_RUNG if attempt else Outcome.AGENT_HUNG_UP
            following = untried(self._promises, promise, now)
            promise = not_made(promise) if attempt else promise
        else:
            return
        token = hand.attempt if attempt else ""
        await self._mover.move(
            promise,
            following,
            outcome=outcome,
            by="agent",
            agent=hand.agent,
            token=token,
            rung=attempt and last.rung,
        )
