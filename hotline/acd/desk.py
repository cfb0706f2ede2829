"""The dispatcher's desk: every change of the queue core passes here, and its consequences are carried out.

Rules of this file:
- Whoever changes the core rings the bells of the offers that the change made and tells of the agents it moved.
- An event is told by the one process whose change was applied, so that many processes count it once.
- What must not be lost (a conversation's end, a missed ring, a caller gone) is tried until Redis is back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.model import CallState, Change, Left, Offer
from hotline.clock import Clock
from hotline.events import AgentAnswered, AgentStateChanged, CallerLeftQueue, ConversationEnded, Emit
from hotline.store import StoreDown

TICK_EVERY = 1.0
RETRY_EVERY = 0.25


class Desk:
    """The queue core with its bells, its clock and its voice."""

    def __init__(self, core: Core, bell: Bell, now: Clock, emit: Emit) -> None:
        self.core, self.now, self.emit = core, now, emit
        self._bell = bell
        self._settling: set[asyncio.Task[None]] = set()
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

    async def settle(self, operation: Callable[[], Awaitable[Change]], cause: str, call: str) -> Change | None:
        """Do what must not be lost: now, or (then None is returned) in the background once Redis is back."""
        try:
            return self.carry_out(await operation(), cause, call)
        except StoreDown:
            task = asyncio.create_task(self._insist(operation, cause, call), name=f"settle {cause} {call}")
            self._settling.add(task)
            task.add_done_callback(self._settling.discard)
            return None

    async def _insist(self, operation: Callable[[], Awaitable[Change]], cause: str, call: str) -> None:
        while True:
            await asyncio.sleep(RETRY_EVERY)
            try:
                self.carry_out(await operation(), cause, call)
            except StoreDown:
                continue
            return

    async def answered(self, call: str, agent: str, token: int, ago: float = 0.0) -> None:
        """The agent picked up, `ago` seconds before now. Late, doubled and foreign reports change nothing."""
        moment = self.now() - ago
        change = await self.settle(lambda: self.core.answered(call, agent, token, moment), "answered", call)
        if change and change.applied:
            standing = change.standing
            queue = standing.offer.queue if standing.offer else ""
            waited = max(0.0, moment - standing.arrival)
            self.emit(AgentAnswered(at=moment, call=call, queue=queue, agent=agent, waited=waited))

    async def finished(self, offer: Offer, ended_by: str, talked: float) -> None:
        """The conversation of an offer is over; the agent wraps up."""
        moment = self.now()
        await self.settle(
            lambda: self.core.finished(offer.call, offer.agent, offer.token, moment), "finished", offer.call
        )
        self.emit(
            ConversationEnded(
                at=moment, call=offer.call, queue=offer.queue, agent=offer.agent, talked=talked, ended_by=ended_by
            )
        )

    async def gone(self, call: str, reason: Left, ended_by: str = "unknown") -> None:
        """The caller is gone, in whatever state; whoever was held or talking is freed. Twice is nothing."""
        moment = self.now()
        change = await self.settle(lambda: self.core.leave(call, reason, moment), reason.value, call)
        if change is None or not change.applied:
            return
        was = change.standing
        if was.state is CallState.TALKING and was.offer:
            talked = max(0.0, moment - was.answered)
            self.emit(
                ConversationEnded(
                    at=moment,
                    call=call,
                    queue=was.offer.queue,
                    agent=was.offer.agent,
                    talked=talked,
                    ended_by=ended_by,
                )
            )
        else:
            waited = max(0.0, moment - was.arrival)
            self.emit(CallerLeftQueue(at=moment, call=call, queue=was.queue, reason=reason.value, waited=waited))

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
        for task in self._settling:
            task.cancel()
        await asyncio.gather(*self._settling, return_exceptions=True)
