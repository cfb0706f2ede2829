"""One caller's wait: from joining the queue to the end of the conversation, read top to bottom.

Rules of this file:
- The caller's session looks for an offer before every command and every `LOOK_EVERY` seconds: a bell that got
  lost, or a PBX that nobody has a link to, costs that long and no caller.
- While Redis is down the caller waits on with music, and keeps the moment of arrival on the channel.
- Whoever leaves by the queue's overflow takes the moment of arrival along: the next queue gives the place that it is
  worth. A queue sends a caller on only once, so that two queues cannot play ball with them.
- Who is promised a callback leaves the queue only once the promise is kept for good; it has their place.
- A caller who hangs up leaves; a line that we lose leaves nothing: the dialplan brings the caller back to the
  same place, or the nets under us (hotline.acd.nets) see the channel end.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from dataclasses import replace

from hotline.acd.announcer import Announcer
from hotline.acd.announcing import Told
from hotline.acd.aside import Aside, KeepPlace
from hotline.acd.desk import Desk
from hotline.acd.model import CallState, Left, Missed, Offer, QueueSettings, Standing
from hotline.acd.ringing import LEASE_MARGIN, MISSES, held
from hotline.acd.ticket import Ticket
from hotline.events import AgentOffered, CallerLeftQueue, CallerQueued
from hotline.flow.engine import END
from hotline.flow.phone import DONE, DialOutcome, HungUp, Phone
from hotline.store import StoreDown

LOOK_EVERY = 3.0
LAST_WORD = 1.0
"""Seconds that the PBX has to tell whether a caller who hung up under a dial had an agent on the line."""

ARRIVED = "ARRIVED"
"""The note on the channel with the caller's Ticket: it keeps the place through our death or Redis's."""

_NO_PLACE = {CallState.FULL: Left.FULL, CallState.TOO_LONG: Left.TOO_LONG, CallState.OVERFLOW: Left.OVERFLOW}
"""Standings of one who could not join, with what that is called."""


async def wait_for_agent(
    phone: Phone,
    queue: QueueSettings,
    desk: Desk,
    ended: asyncio.Event | None = None,
    *,
    site: str = "",
    caller: str = "",
    told: Told | None = None,
    keep: KeepPlace | None = None,
) -> str:
    """END after a conversation with an agent, or with the promise of one by `keep`; else the menu to which the
    queue's overflow leads, "" without one.

    `site` is the caller's; `caller` stands for the person in an opaque way. "" where they are not known.
    `told` is what the caller was told of waits and places in this session, and is kept up.

    `ended` is set once the dialplan's last word on the call was heard and the answer it told of is known; None where
    it has none.
    Raises HungUp (the caller has left the queue then) and LineLost (the place is kept).
    """
    wait = _Wait(phone, queue, desk, site=site, caller=caller, told=told or Told(), keep=keep)
    try:
        return await wait.run()
    except HungUp:
        if wait.dialing and ended:
            await wait.hear_the_last_word(ended)
        await desk.gone(phone.info.call, Left.ABANDONED, ended_by="caller", last=wait.last())
        raise


class _Wait:
    """The state of one wait. Moments in POSIX seconds by the desk's clock."""

    def __init__(
        self,
        phone: Phone,
        queue: QueueSettings,
        desk: Desk,
        *,
        site: str,
        caller: str,
        told: Told,
        keep: KeepPlace | None,
    ) -> None:
        self.phone, self.queue, self.desk = phone, queue, desk
        self.site, self.caller = site, caller
        self.aside = Aside(phone, desk, keep, self._wanted)
        self.announcer = Announcer(phone, queue, desk, told, keys=self.aside.key)
        self.call = phone.info.call
        self.ticket = Ticket(0.0)
        self.joined = False
        """Redis was told of us by this session."""
        self.known = False
        """It was told that the caller waits, by us or by an earlier session."""
        self.doubted = False
        """Redis says that the call has ended, and we have not heard of the caller since."""
        self.dialing = False
        self.spent: set[int] = set()
        self.seen: Standing | None = None
        """How we stand, where that ended what the caller was doing."""
        self.promised = False
        """The caller has the promise of a callback, and goes."""

    def last(self) -> Standing | None:
        """How we stand as far as we know, once it was told that the caller waits."""
        return Standing(CallState.WAITING, arrival=self.ticket.arrival, queue=self.queue.name) if self.known else None

    @property
    def arrival(self) -> float:
        return self.ticket.arrival

    async def run(self) -> str:
        await self._arrive()
        self.announcer.start(begins=not self.known)
        while not self.promised:
            standing, self.seen = self.seen or await self._stand(), None
            if reason := _NO_PLACE.get(standing.state):
                return await self._leave(reason)
            if standing.state is CallState.TALKING and standing.offer:
                # the conversation outlived the service that began it, and is over: we have the caller
                talked = max(0.0, self.desk.now() - standing.answered)
                await self.desk.finished(standing.offer, "agent", talked, self.arrival)
                return END
            if standing.offer and standing.offer.token not in self.spent:
                if await self._connect(standing.offer):
                    return END
            elif reason := self._limit_passed():
                return await self._leave(reason)
            else:
                await self._pass_time(standing.position)
        return await self._depart()

    async def _arrive(self) -> None:
        """Since when the caller waits: now, or what an earlier session or queue noted."""
        ticket = Ticket.read(await self.phone.noted(ARRIVED))
        self.known = ticket is not None and ticket.waits_in(self.queue.name)
        self.ticket = (ticket or Ticket(self.desk.now())).joining(self.queue.name)
        if ticket != self.ticket:
            await self.phone.note(ARRIVED, str(self.ticket))

    async def _stand(self) -> Standing:
        """Where we stand; joins, or joins again when Redis has lost us. While Redis is down: nowhere.

        When Redis says that the call has ended, that may be the caller's end, of which we are about to hear: only
        one who is there after another while joins again.
        """
        try:
            if self.joined:
                offer = self.desk.heard(self.call)
                if offer and offer.token not in self.spent:
                    return Standing(CallState.OFFERED, arrival=self.arrival, offer=offer, queue=self.queue.name)
                standing = await self.desk.core.look(self.call)
                doubted, self.doubted = self.doubted, standing.state is CallState.ENDED
                if standing.state is not CallState.UNKNOWN and not (self.doubted and doubted):
                    return standing
            standing = await self._join()
            self.doubted = standing.state is CallState.ENDED
        except StoreDown:
            standing = Standing(CallState.UNKNOWN)
            if self.known:
                return standing
        if standing.state is not CallState.ENDED and standing.state not in _NO_PLACE:
            self._tell_queued(standing.position)
        return standing

    async def _join(self) -> Standing:
        info, core = self.phone.info, self.desk.core
        change = await core.join(
            self.call,
            queue=self._rules(),
            arrival=self.arrival,
            now=self.desk.now(),
            channel=info.channel,
            pbx=info.pbx,
            site=self.site,
            caller=self.caller,
            force=self.doubted,
        )
        self.joined = True
        if change.applied:  # to the core we are new: so are its tokens, should Redis have lost its data
            self.spent.clear()
        return self.desk.carry_out(change, "joined", self.call).standing

    def _rules(self) -> QueueSettings:
        """The queue's, less what does not concern this caller: one who was in is never too many."""
        if self.known:
            return replace(self.queue, max_length=0, max_expected_wait=0.0, overflow=None)
        return replace(self.queue, overflow=None) if self._sent_on() else self.queue

    def _sent_on(self) -> bool:
        return self.queue.name in self.ticket.sent_on

    def _tell_queued(self, position: int) -> None:
        """Tell that the caller waits: once as a new one, also while Redis is down (then at place 0)."""
        rejoined, self.known = self.known, True
        self.desk.emit(
            CallerQueued(
                at=self.desk.now(), call=self.call, queue=self.queue.name, position=position, rejoined=rejoined
            )
        )

    def _limits(self) -> Iterator[tuple[float, Left]]:
        """The moments at which the caller leaves, with why."""
        if self.queue.max_wait:
            yield self.arrival + self.queue.max_wait, Left.MAX_WAIT
        if self.queue.overflow and self.queue.overflow.after and not self._sent_on():
            yield self.arrival + self.queue.overflow.after, Left.OVERFLOW

    def _limit_passed(self) -> Left | None:
        moment, reason = min(self._limits(), default=(0.0, None))
        return reason if reason and self.desk.now() >= moment else None

    async def _leave(self, reason: Left) -> str:
        """The caller goes elsewhere: the menu of the queue's overflow, or ""."""
        onward = self.queue.overflow.to if self.queue.overflow and reason is Left.OVERFLOW else ""
        await self.phone.note(ARRIVED, str(self.ticket.overflown(self.queue.name)) if onward else "")
        if self.known:
            await self.desk.gone(self.call, reason, last=self.last())
        else:
            waited = self.desk.now() - self.arrival
            self.desk.emit(
                CallerLeftQueue(
                    at=self.desk.now(), call=self.call, queue=self.queue.name, reason=reason.value, waited=waited
                )
            )
        return onward

    async def _depart(self) -> str:
        """The caller goes with a promise. Should we die from here on, they have it, and the call is over."""
        last, self.known = self.last(), False
        await self.desk.gone(self.call, Left.CALLBACK, last=last)
        await self.phone.note(DONE, "1")
        await self.aside.farewell(self.phone)
        return END

    async def _wanted(self) -> bool:
        """Whether the wait is over, for a caller who does something else meanwhile."""
        standing = await self._stand()
        if standing.state in _NO_PLACE or (standing.offer and standing.offer.token not in self.spent):
            self.seen = standing
        return self.seen is not None

    async def _pass_time(self, place: int = 0) -> None:
        """Music for a while, or what is due to be said. The bell ends either at once. Place 0: not known."""
        key = await self.announcer.announce(place) if self.desk.now() >= self.announcer.due else None
        key = await self.aside.offer() if key is None else key
        if key is None:
            moments = [self.announcer.due, *(limit for limit, _ in self._limits())]
            seconds = min(LOOK_EVERY, min(moments) - self.desk.now())
            key = await self.phone.hold(max(0.1, seconds), music=self.queue.music)
        self.promised = await self.aside.heed(key, self.arrival)

    async def _connect(self, offer: Offer) -> bool:
        """Ring the agent of an offer; True once they talked."""
        self.spent.add(offer.token)
        noted = self.phone.note("OFFER", f"{offer.agent}:{offer.token}")  # for the PBX's events about the dial
        try:
            taken, _ = await asyncio.gather(self._take(offer), noted)
        except StoreDown:
            self.spent.discard(offer.token)
            await self._pass_time()
            return False
        if not taken:
            return False
        began = self.desk.now()
        self.desk.emit(
            AgentOffered(
                at=began, call=self.call, queue=offer.queue, agent=offer.agent, waited=max(0.0, began - self.arrival)
            )
        )
        async with held(self.desk, offer):
            self.dialing = True
            dialed = await self.phone.dial(offer.phone, seconds=self.queue.ring)
            self.dialing = False
        if dialed.outcome is DialOutcome.ANSWERED:
            await self.desk.finished(offer, "agent", dialed.talked, self.arrival)
            return True
        await self.desk.missed(offer, MISSES.get(dialed.outcome, Missed.LOST), self.desk.now() - began)
        return False

    async def _take(self, offer: Offer) -> bool:
        now = self.desk.now()
        change = await self.desk.core.take(offer, now, now + self.queue.ring + LEASE_MARGIN)
        return self.desk.carry_out(change, "ringing", self.call).applied

    async def hear_the_last_word(self, ended: asyncio.Event) -> None:
        """The caller hung up on a ringing phone or on an agent. The PBX's events have told which, or `ended` will."""
        with contextlib.suppress(StoreDown):
            if (await self.desk.core.look(self.call)).state is not CallState.OFFERED:
                return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LAST_WORD):
                await ended.wait()
