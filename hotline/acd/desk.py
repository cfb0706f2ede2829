"""The dispatcher's desk: every change of the queue core passes here, and its consequences are carried out.

Rules of this file:
- Whoever changes the core rings the bells of the offers that the change made and tells of the agents it moved.
- An event is told by the one process whose change was applied, so that many processes count it once.
- What must not be lost (an answer, a conversation's end, a missed ring, a caller gone) is tried until Redis is back,
  in the order in which it happened to the call, and told then.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.model import CallState, Change, Left, Missed, Offer
from hotline.clock import Clock
from hotline.events import AgentAnswered, AgentStateChanged, CallerLeftQueue, ConversationEnded, Emit, OfferMissed
from hotline.store import StoreDown

TICK_EVERY = 1.0
RETRY_EVERY = 0.25

Operation = Callable[[str], Awaitable[Change]]
"""A change of the core, given the id that all its tries share."""

Told = Callable[[Change], None]


def _untold(_: Change) -> None:
    """Nothing is to be told of this change."""


class Desk:
    """The queue core with its bells, its clock and its voice."""

    def __init__(self, core: Core, bell: Bell, now: Clock, emit: Emit) -> None:
        self.core, self.now, self.emit = core, now, emit
        self._bell = bell
        self._settling: dict[str, asyncio.Task[None]] = {}  # call → the last of what waits for Redis
        self._due = asyncio.Event()

    def carry_out(self, change: Change, cause: str, call: str = "") -> Change:
        """Ring for the offers of a change and tell which agents it moved."""
        for offer in change.offers:
            self._bell.ring(offer)
        for agent, state in change.agents:
            self.emit(AgentStateChanged(at=self.now(), call=call, agent=agent, state=state.value, cause=cause))
        if change.applied:
            self._due.set()
        return change

    async def settle(self, call: str, operation: Operation, cause: str, told: Told = _untold) -> None:
        """Do what must not be lost: now, or once Redis is back and what came before it for this call is done.

        `told` is given the change, once it was made.
        """
        id = self.core.new_operation()

        async def step() -> None:
            told(self.carry_out(await operation(id), cause, call))

        before = self._settling.get(call)
        if before is None:
            try:
                return await step()
            except StoreDown:
                pass
        task = asyncio.create_task(self._insist(step, before), name=f"settle {cause} {call}")
        self._settling[call] = task
        task.add_done_callback(lambda done: self._settled(call, done))

    async def _insist(self, step: Callable[[], Awaitable[None]], before: asyncio.Task[None] | None) -> None:
        if before:
            await asyncio.wait((before,))
        while True:
            await asyncio.sleep(RETRY_EVERY)
            with contextlib.suppress(StoreDown):
                return await step()

    def _settled(self, call: str, done: asyncio.Task[None]) -> None:
        if self._settling.get(call) is done:
            del self._settling[call]

    async def answered(self, call: str, agent: str, token: int, ago: float = 0.0) -> None:
        """The agent picked up, `ago` seconds before now. Late, doubled and foreign reports change nothing."""
        moment = self.now() - ago

        def told(change: Change) -> None:
            if change.applied:
                was = change.standing
                waited = max(0.0, moment - was.arrival)
                self.emit(AgentAnswered(at=moment, call=call, queue=was.queue, agent=agent, waited=waited))

        await self.settle(
            call, lambda id: self.core.answered(call, agent, token, moment, operation=id), "answered", told
        )

    async def missed(self, offer: Offer, outcome: Missed, rang: float) -> None:
        """The agent of an offer did not answer; the call takes its old place."""
        moment, call, agent = self.now(), offer.call, offer.agent
        await self.settle(
            call,
            lambda id: self.core.missed(call, agent, offer.token, outcome, moment, operation=id),
            outcome.value,
        )
        self.emit(OfferMissed(at=moment, call=call, queue=offer.queue, agent=agent, outcome=outcome.value, rang=rang))

    async def finished(self, offer: Offer, ended_by: str, talked: float) -> None:
        """The conversation of an offer is over; the agent wraps up."""
        moment, call, agent = self.now(), offer.call, offer.agent
        await self.settle(
            call, lambda id: self.core.finished(call, agent, offer.token, moment, operation=id), "finished"
        )
        self._talk_over(call, offer.queue, agent, talked, ended_by, moment)

    async def gone(self, call: str, reason: Left, ended_by: str = "unknown") -> None:
        """The caller is gone, in whatever state; whoever was held or talking is freed. Twice is nothing."""
        moment = self.now()

        def told(change: Change) -> None:
            was = change.standing
            if not change.applied:
                return
            if was.state is CallState.TALKING and was.offer:
                talked = max(0.0, moment - was.answered)
                self._talk_over(call, was.queue, was.offer.agent, talked, ended_by, moment)
            else:
                waited = max(0.0, moment - was.arrival)
                self.emit(CallerLeftQueue(at=moment, call=call, queue=was.queue, reason=reason.value, waited=waited))

        await self.settle(call, lambda id: self.core.leave(call, reason, moment, operation=id), reason.value, told)

    def _talk_over(self, call: str, queue: str, agent: str, talked: float, ended_by: str, at: float) -> None:
        self.emit(ConversationEnded(at=at, call=call, queue=queue, agent=agent, talked=talked, ended_by=ended_by))

    async def run(self) -> None:
        """Keep time: wrap-ups end, pauses after a miss end, leases of dead sessions run out. Until cancelled."""
        while True:
            self._due.clear()
            wait = TICK_EVERY
            try:
                moment = self.now()
                change, deadline = await self.core.tick(moment)
                self.carry_out(change, "time")
                wait = min(max(deadline - moment, 0.0), TICK_EVERY) if deadline else TICK_EVERY
            except StoreDown:
                pass  # the store reconnects by itself; the next tick finds what fell due meanwhile
            await self._sleep(wait)

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._due.wait()
        except TimeoutError:
            pass

    async def close(self) -> None:
        """Stop ringing, and give up what Redis could not be told."""
        await self._bell.close()
        settling = list(self._settling.values())
        for task in settling:
            task.cancel()
        await asyncio.gather(*settling, return_exceptions=True)
