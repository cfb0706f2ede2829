"""The dispatcher's desk: every change of the queue core passes here, and its consequences are carried out.

Rules of this file:
- Whoever changes the core rings the bells of the offers that the change made and tells of the agents it moved.
- An event is told by the one process whose change was applied, so that many processes count it once.
- What must not be lost (an answer, a conversation's end, a missed ring, a caller gone) is tried until Redis is back,
  in the order in which it happened to the call, and told then: with the moment when it happened, while the core
  gets the moment of the try, from which the leases of new offers count.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.model import AgentState, CallState, Change, Left, Missed, Offer, Standing
from hotline.clock import Clock
from hotline.events import AgentAnswered, AgentStateChanged, CallerLeftQueue, ConversationEnded, Emit, OfferMissed
from hotline.store import StoreDown

TICK_EVERY = 1.0
RETRY_EVERY = 0.25
MERCY = 6.0
"""Seconds after Redis's return before any lease runs out: longer than sessions need to look, and to renew."""

_SOON_OVER = (AgentState.WRAP_UP, AgentState.PAUSED)
"""What may end before the next tick. Leases are longer."""

PATIENCE = 2.0
"""Seconds that a call's session waits for Redis to take a change; then it goes on."""

Work = Callable[[str], Awaitable[None]]
"""Makes one change of the core and tells of it, given the id that all its tries share."""


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
        if any(state in _SOON_OVER for _, state in change.agents):
            self._due.set()
        return change

    def heard(self, call: str) -> Offer | None:
        """The offer that this process rings a call's bell for, if it does; told once."""
        return self._bell.heard(call)

    async def settle(self, call: str, what: str, work: Work) -> None:
        """Do what must not be lost to a call: now, or in the background if Redis makes us wait for long.

        All that is settled for one call happens in the order in which it came here. Every try of `work` gets the
        same operation id, so that a change whose answer was lost is known for ours when it is asked for again.
        """
        before, operation = self._settling.get(call), self.core.new_operation()
        task = asyncio.create_task(self._insist(lambda: work(operation), before), name=f"settle {what} {call}")
        self._settling[call] = task
        task.add_done_callback(lambda done: self._settled(call, done))
        await asyncio.wait([task], timeout=PATIENCE)
        if task.done() and not task.cancelled():
            task.result()

    async def _insist(self, work: Callable[[], Awaitable[None]], before: asyncio.Task[None] | None) -> None:
        if before:
            await asyncio.wait([before])
        while True:
            try:
                return await work()
            except StoreDown:
                await asyncio.sleep(RETRY_EVERY)

    def _settled(self, call: str, done: asyncio.Task[None]) -> None:
        if self._settling.get(call) is done:
            del self._settling[call]

    async def answered(self, call: str, agent: str, token: int, ago: float = 0.0) -> None:
        """The agent picked up, `ago` seconds before now. Late, doubled and foreign reports change nothing."""
        moment = self.now() - ago

        async def tell(operation: str) -> None:
            change = await self.core.answered(call, agent, token, moment, operation=operation)
            was = self.carry_out(change, "answered", call).standing
            if change.applied:
                self._answered(call, was.queue, agent, moment, was.arrival)

        await self.settle(call, "answered", tell)

    async def missed(self, offer: Offer, outcome: Missed, rang: float) -> None:
        """The agent of an offer did not answer; the call takes its old place."""
        moment, call = self.now(), offer.call

        async def tell(operation: str) -> None:
            change = await self.core.missed(call, offer.agent, offer.token, outcome, self.now(), operation=operation)
            self.carry_out(change, outcome.value, call)

        await self.settle(call, outcome.value, tell)
        self.emit(
            OfferMissed(at=moment, call=call, queue=offer.queue, agent=offer.agent, outcome=outcome.value, rang=rang)
        )

    async def finished(self, offer: Offer, ended_by: str, talked: float, arrival: float) -> None:
        """The conversation of an offer is over; the agent wraps up. That they answered is told if nobody has."""
        moment, call = self.now(), offer.call

        async def tell(operation: str) -> None:
            change = await self.core.finished(call, offer.agent, offer.token, self.now(), operation=operation)
            was = self.carry_out(change, "finished", call).standing
            if change.applied and was.state is not CallState.TALKING:  # the link to the PBX is down: nobody told it
                self._answered(call, offer.queue, offer.agent, moment - talked, arrival)
            if change.applied or change.standing.state is CallState.UNKNOWN:  # unknown: Redis has lost its data
                self._ended(offer, talked, ended_by, moment)

        await self.settle(call, "finished", tell)

    async def gone(self, call: str, reason: Left, ended_by: str = "unknown", last: Standing | None = None) -> None:
        """The caller is gone, in whatever state; whoever was held or talking is freed. Twice is nothing.

        `last` is what the call's own session knew of it; it is told if Redis has lost its data.
        """
        moment = self.now()

        async def tell(operation: str) -> None:
            change = await self.core.leave(call, reason, self.now(), operation=operation)
            self.carry_out(change, reason.value, call)
            if change.applied:
                self._left(call, change.standing, reason, ended_by, moment)
            elif last and change.standing.state is CallState.UNKNOWN:
                self._left(call, last, reason, ended_by, moment)

        await self.settle(call, reason.value, tell)

    def _left(self, call: str, was: Standing, reason: Left, ended_by: str, at: float) -> None:
        if was.state is CallState.TALKING and was.offer:
            self._ended(was.offer, at - was.answered, ended_by, at)
        else:
            waited = max(0.0, at - was.arrival)
            self.emit(CallerLeftQueue(at=at, call=call, queue=was.queue, reason=reason.value, waited=waited))

    def _answered(self, call: str, queue: str, agent: str, at: float, arrival: float) -> None:
        self.emit(AgentAnswered(at=at, call=call, queue=queue, agent=agent, waited=max(0.0, at - arrival)))

    def _ended(self, offer: Offer, talked: float, ended_by: str, at: float) -> None:
        queue, agent, talked = offer.queue, offer.agent, max(0.0, talked)
        self.emit(
            ConversationEnded(at=at, call=offer.call, queue=queue, agent=agent, talked=talked, ended_by=ended_by)
        )

    async def run(self) -> None:
        """Keep time: wrap-ups end, pauses after a miss end, leases of dead sessions run out. Until cancelled."""
        while True:
            self._due.clear()
            wait = TICK_EVERY
            try:
                moment = self.now()
                change, deadline = await self.core.tick(moment)
                self.carry_out(change, "time")
                for call, was in change.given_up:
                    self._left(call, was, Left.LOST, "unknown", moment)
                wait = min(max(deadline - moment, 0.0), TICK_EVERY) if deadline else TICK_EVERY
            except StoreDown:
                await self._outage()
                continue
            await self._sleep(wait)

    async def _outage(self) -> None:
        """Redis is away. Once it is back, sessions get the time to renew the leases that they could not renew."""
        while True:
            await asyncio.sleep(RETRY_EVERY)
            with contextlib.suppress(StoreDown):
                await self.core.check()
                break
        await asyncio.sleep(MERCY)

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
