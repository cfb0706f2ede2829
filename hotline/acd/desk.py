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
import enum
import math
from collections.abc import Awaitable, Callable

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.model import CallState, Change, Left, Missed, Offer, Standing
from hotline.clock import Clock
from hotline.events import (
    AgentAnswered,
    AgentStateChanged,
    CallerLeftQueue,
    ConversationEnded,
    Emit,
    LeakHealed,
    OfferMissed,
)
from hotline.store import ScriptRefused, StoreDown

TICK_EVERY = 1.0
RETRY_EVERY = 0.25
RETRY_REFUSED_EVERY = 5.0
"""While Redis answers but refuses: nothing that we do will change its mind."""

MERCY = 6.0
"""Seconds after Redis's return before any lease runs out: longer than sessions need to look, and to renew."""

PATIENCE = 2.0
"""Seconds that a call's session waits for Redis to take a change; then it goes on."""

LAST_PATIENCE = 5.0
"""Seconds that a service which has nothing else to do waits for that."""

Work = Callable[[str], Awaitable[None]]
"""Makes one change of the core and tells of it, given the id that all its tries share."""


class Leak(enum.StrEnum):
    """What the nets find in Redis that is not so."""

    CALL = "call"
    """A call that the PBX does not have."""
    CONVERSATION = "conversation"
    """An agent who talks, says Redis, whose phone has left the call."""
    ANSWER = "answer"
    """An agent who is being rung, says Redis, and talks."""
    AGENT = "agent"
    """An agent who is held for a call that Redis does not have."""
    DEVICE = "device"
    """An agent whose phone is in use, says Redis, and is not; or the other way round."""


class Desk:
    """The queue core with its bells, its clock and its voice."""

    def __init__(self, core: Core, bell: Bell, now: Clock, emit: Emit) -> None:
        self.core, self.now, self.emit = core, now, emit
        self._bell = bell
        self._settling: dict[str, asyncio.Task[None]] = {}  # call → the last of what waits for Redis
        self._unsettled: set[asyncio.Task[None]] = set()
        self._due = asyncio.Event()
        self._next_tick = 0.0
        self.trouble = ""
        """Why time stands still for agents and callers, though Redis answers; "" when it does not."""

    def carry_out(self, change: Change, cause: str, call: str = "") -> Change:
        """Ring for the offers of a change, and tell which agents it moved and what came to nothing."""
        for offer in change.offers:
            self._bell.ring(offer)
        for agent, state in change.agents:
            self.emit(AgentStateChanged(at=self.now(), call=call, agent=agent, state=state.value, cause=cause))
        for lapsed in change.lapsed:
            self._missed(lapsed, Missed.LOST, self.now(), 0.0)
        for lost, was in change.given_up:
            self._left(lost, was, Left.LOST, "unknown", self.now())
        if change.due is not None and change.due < self._next_tick:
            self._due.set()
        return change

    def heard(self, call: str) -> Offer | None:
        """The offer that this process rings a call's bell for, if it does; told once."""
        return self._bell.heard(call)

    async def expected_wait(self, call: str) -> float | None:
        """Seconds until a caller in line will be offered to an agent; None: unknown, as while Redis is down."""
        with contextlib.suppress(StoreDown):
            return await self.core.expected_wait(call, self.now())
        return None

    async def settle(self, call: str, what: str, work: Work) -> None:
        """Do what must not be lost to a call: now, or in the background if Redis makes us wait for long.

        All that is settled for one call happens in the order in which it came here. Every try of `work` gets the
        same operation id, so that a change whose answer was lost is known for ours when it is asked for again.
        """
        before, operation = self._settling.get(call), self.core.new_operation()
        task = asyncio.create_task(self._insist(lambda: work(operation), before), name=f"settle {what} {call}")
        self._settling[call] = task
        self._unsettled.add(task)
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
            except StoreDown as down:
                await asyncio.sleep(RETRY_REFUSED_EVERY if isinstance(down, ScriptRefused) else RETRY_EVERY)

    def _settled(self, call: str, done: asyncio.Task[None]) -> None:
        self._unsettled.discard(done)
        if self._settling.get(call) is done:
            del self._settling[call]

    async def answered(self, call: str, agent: str, token: int, ago: float = 0.0, *, heals: bool = False) -> None:
        """The agent picked up, `ago` seconds before now. Late, doubled and foreign reports change nothing.

        `heals`, here and elsewhere: nobody told it but the nets.
        """
        moment = self.now() - ago

        async def tell(operation: str) -> None:
            change = await self.core.answered(call, agent, token, moment, operation=operation)
            was = self.carry_out(change, "answered", call).standing
            if change.applied:
                self._answered(call, was.queue, agent, moment, was.arrival)
                self._healed(heals, Leak.ANSWER, agent, call)

        await self.settle(call, "answered", tell)

    async def missed(self, offer: Offer, outcome: Missed, rang: float) -> None:
        """The agent of an offer did not answer; the call takes its old place."""
        moment, call = self.now(), offer.call

        async def tell(operation: str) -> None:
            change = await self.core.missed(call, offer.agent, offer.token, outcome, self.now(), operation=operation)
            self.carry_out(change, outcome.value, call)
            if change.applied or _forgotten(change.standing):  # else its lease ran out, and that was told
                self._missed(offer, outcome, moment, rang)

        await self.settle(call, outcome.value, tell)

    async def finished(
        self, offer: Offer, ended_by: str, talked: float, arrival: float, *, heals: bool = False
    ) -> None:
        """The conversation of an offer is over; the agent wraps up. That they answered is told if nobody has."""
        moment, call = self.now(), offer.call

        async def tell(operation: str) -> None:
            change = await self.core.finished(call, offer.agent, offer.token, self.now(), operation=operation)
            was = self.carry_out(change, "finished", call).standing
            if change.applied and was.state is not CallState.TALKING:  # the link to the PBX is down: nobody told it
                self._answered(call, offer.queue, offer.agent, moment - talked, arrival)
            if change.applied or _forgotten(change.standing):
                self._ended(offer, talked, ended_by, moment)
            self._healed(heals and change.applied, Leak.CONVERSATION, offer.agent, call)

        await self.settle(call, "finished", tell)

    async def gone(
        self,
        call: str,
        reason: Left,
        ended_by: str = "unknown",
        last: Standing | None = None,
        *,
        heals: bool = False,
    ) -> None:
        """The caller is gone, in whatever state; whoever was held or talking is freed. Twice is nothing.

        `last` is what the call's own session knew of it; it is told if Redis has lost its data.
        """
        moment = self.now()

        async def tell(operation: str) -> None:
            change = await self.core.leave(call, reason, self.now(), operation=operation)
            was_talking = change.standing.state is CallState.TALKING
            self.carry_out(change, "finished" if was_talking else reason.value, call)
            if change.applied:
                self._left(call, change.standing, reason, ended_by, moment)
            elif last and _forgotten(change.standing):
                self._left(call, last, reason, ended_by, moment)
            self._healed(heals and change.applied, Leak.CALL, "", call)

        await self.settle(call, reason.value, tell)

    async def device(self, agent: str, in_use: bool, *, heals: bool = False) -> None:
        """An agent's phone is in use for something else than our calls, or no more. What Redis cannot be told now,
        the nets tell it later."""
        with contextlib.suppress(StoreDown):
            change = self.carry_out(await self.core.device(agent, in_use, self.now()), "phone")
            self._healed(heals and bool(change.agents), Leak.DEVICE, agent)

    async def free(self, agent: str, call: str, token: int) -> None:
        """An agent is held by this token for a call that is not: free them."""
        with contextlib.suppress(StoreDown):
            change = self.carry_out(await self.core.free(agent, call, token, self.now()), "healed", call)
            self._healed(change.applied, Leak.AGENT, agent, call)

    def _healed(self, applied: bool, what: Leak, agent: str, call: str = "") -> None:
        if applied:
            self.emit(LeakHealed(at=self.now(), call=call, what=what.value, agent=agent))

    def _left(self, call: str, was: Standing, reason: Left, ended_by: str, at: float) -> None:
        if was.state is CallState.TALKING and was.offer:
            self._ended(was.offer, at - was.answered, ended_by, at)
        else:
            waited = max(0.0, at - was.arrival)
            self.emit(CallerLeftQueue(at=at, call=call, queue=was.queue, reason=reason.value, waited=waited))

    def _missed(self, offer: Offer, outcome: Missed, at: float, rang: float) -> None:
        call, queue, agent = offer.call, offer.queue, offer.agent
        self.emit(OfferMissed(at=at, call=call, queue=queue, agent=agent, outcome=outcome.value, rang=rang))

    def _answered(self, call: str, queue: str, agent: str, at: float, arrival: float) -> None:
        self.emit(AgentAnswered(at=at, call=call, queue=queue, agent=agent, waited=max(0.0, at - arrival)))

    def _ended(self, offer: Offer, talked: float, ended_by: str, at: float) -> None:
        queue, agent, talked = offer.queue, offer.agent, max(0.0, talked)
        self.emit(
            ConversationEnded(at=at, call=offer.call, queue=queue, agent=agent, talked=talked, ended_by=ended_by)
        )

    async def run(self) -> None:
        """Keep time: wrap-ups end, pauses after a miss end, leases of dead sessions run out. Until cancelled.

        After an outage of Redis, sessions get the time to renew the leases that they could not renew.
        """
        mercy = 0.0
        while True:
            self._due.clear()
            moment = self.now()
            try:
                change, deadline = await self.core.tick(moment, mercy)
            except StoreDown as down:
                await self._outage(down)
                mercy = self.now() + MERCY
                continue
            self.trouble = ""
            self.carry_out(change, "time")
            self._next_tick = min(deadline or math.inf, moment + TICK_EVERY)
            await self._sleep(max(self._next_tick - moment, 0.0))

    async def _outage(self, down: StoreDown) -> None:
        """Until Redis takes a write again."""
        refused = isinstance(down, ScriptRefused)
        self.trouble = f"Wrap-ups, pauses and leases do not end: {down}" if refused else ""
        while True:
            await asyncio.sleep(TICK_EVERY if refused else RETRY_EVERY)
            with contextlib.suppress(StoreDown):
                return await self.core.check()

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._due.wait()
        except TimeoutError:
            pass

    async def close(self, patience: float = LAST_PATIENCE) -> None:
        """Stop ringing; after `patience` seconds give up what Redis still could not be told."""
        await self._bell.close()
        if self._unsettled:
            await asyncio.wait(self._unsettled, timeout=patience)
        unsettled = list(self._unsettled)
        for task in unsettled:
            task.cancel()
        await asyncio.gather(*unsettled, return_exceptions=True)


def _forgotten(standing: Standing) -> bool:
    """Whether Redis knows nothing of the call: it has lost its data. One whose session fell silent has a queue."""
    return standing.state is CallState.UNKNOWN and not standing.queue
