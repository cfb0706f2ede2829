"""The nets under every call: what the PBX says about calls and phones whose own session cannot say it any more.

The first net is the dialplan's hangup handler, which tells any living service that a call ended. Here are the
second, the PBX's events, and the third, a snapshot: after every connect, to the PBX or to Redis (which may have come
back with less than it knew), and every now and then. All three may speak of the same call: the queue core applies the
first and ignores the rest, and what was applied from here is told as a leak that was healed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping

from ami.events import DeviceStateChange, DialEnd, Event, Hangup, Snapshot
from hotline.acd import reconcile
from hotline.acd.desk import Desk
from hotline.acd.devices import Devices
from hotline.acd.model import AgentSettings, AgentState, CallState, Left, parse_offer
from hotline.acd.model import Snapshot as Known
from hotline.acd.reconcile import Held
from hotline.store import StoreDown

GRACE = 2.0
"""Seconds that a call's own session has to tell its end first, since it knows the reason."""

GONE_BEFORE = 0.5
"""The same for a call that was gone already when the PBX listed its channels."""

YOUNG = 1.0
"""A call that joined less than so many seconds before the PBX was asked may be missing from its list: the services'
clocks may differ. It is looked for once more."""

SILENCE = 60.0
"""Seconds without a link to a PBX after which it is no longer believed that a phone of it is in use."""

Ask = Callable[[], Awaitable[Snapshot]]
"""Asks the PBX what channels it has; raises ConnectionError while the link is down."""


class Nets:
    """Reads one PBX's messages. `ours` tells whether a session in this process has the call in hand; `devices` is
    shared by the nets of all PBXs."""

    def __init__(
        self,
        pbx: str,
        desk: Desk,
        ours: Callable[[str], bool],
        ask: Ask,
        *,
        agents: Mapping[str, AgentSettings],
        devices: Devices,
    ) -> None:
        self._pbx, self._desk, self._ours, self._ask = pbx, desk, ours, ask
        self._agents, self._devices = agents, devices
        self._late: dict[str, asyncio.Task[None]] = {}
        self._silent_since: float | None = None
        self.looked = asyncio.Event()
        """Set once a snapshot was compared with what Redis knows."""

    async def hear(self, message: Event | Snapshot) -> None:
        """Act on one event or snapshot. Never raises for what it says."""
        match message:
            case DialEnd(status="ANSWER"):
                if offer := parse_offer(message.offer):
                    await self._desk.answered(message.linkedid, *offer)
            case Hangup() if message.uniqueid == message.linkedid:
                self._later(f"net {message.linkedid}", self._gone(message.linkedid, GRACE))
            case DeviceStateChange():
                if agent := self._devices.hear(self._pbx, message.device, message.state):
                    await self._desk.device(agent, bool(self._devices.in_use(agent)))
            case Snapshot():
                await self._compare(message, self._devices.mark())

    async def look(self) -> None:
        """Compare Redis with the PBX now. Without a link to it, its return will do that."""
        mark = self._devices.mark()
        try:
            snapshot = await self._ask()
        except ConnectionError:
            await self._without_link()
        else:
            await self._compare(snapshot, mark)

    async def _without_link(self) -> None:
        """A phone that is in use all the same will say so when it is rung."""
        self._silent_since = self._silent_since or self._desk.now()
        if self._desk.now() - self._silent_since < SILENCE:
            return
        self._devices.silent(self._pbx)
        with contextlib.suppress(StoreDown):
            self._compare_devices(await self._desk.core.snapshot())

    def _later(self, name: str, work: Coroutine[None, None, None]) -> None:
        """Do this in a task, unless one of that name is at it."""
        if name in self._late:
            work.close()
            return
        task = self._late[name] = asyncio.create_task(work, name=name)
        task.add_done_callback(lambda _: self._late.pop(name, None))

    async def _compare(self, snapshot: Snapshot, mark: int) -> None:
        self._silent_since = None
        self._devices.list(self._pbx, snapshot.devices, mark)
        try:
            known = await self._desk.core.snapshot()
        except StoreDown:
            return  # there will be another snapshot when Redis is back
        self._miss(reconcile.gone_calls(self._pbx, known, snapshot), snapshot.asked_at - YOUNG)
        for held in reconcile.missed_answers(known, snapshot):
            await self._desk.answered(held.call, held.agent, held.token, heals=True)
        if ended := reconcile.ended_talks(self._pbx, known, snapshot, self._agents):
            self._later("net, talks", self._look_at_talks(ended))
        for held in reconcile.held_for_nothing(known):
            await self._desk.free(held.agent, held.call, held.token)
        self._compare_devices(known)
        self.looked.set()

    # -- calls ----------------------------------------------------------------------------------------------------

    def _miss(self, arrivals: Mapping[str, float], young: float) -> None:
        """Calls that the PBX does not have: those who joined before the moment `young` are gone."""
        for call, arrival in arrivals.items():
            if arrival < young:
                self._later(f"net {call}", self._gone(call, GONE_BEFORE))
        if any(arrival >= young for arrival in arrivals.values()):
            self._later("net, second look", self._look_again())

    async def _gone(self, call: str, grace: float) -> None:
        await asyncio.sleep(grace)
        if self._ours(call):
            return
        with contextlib.suppress(StoreDown):
            if not (await self._desk.core.look(call)).queue:
                return  # no call of a queue: it never was one, or has ended
        await self._desk.gone(call, Left.LOST, heals=True)

    async def _look_again(self) -> None:
        await asyncio.sleep(YOUNG)
        await self.look()

    async def _look_at_talks(self, before: Collection[Held]) -> None:
        """These agents' phones were not in the call any more; where they still are not, the conversation is over."""
        await asyncio.sleep(GRACE)
        with contextlib.suppress(ConnectionError):
            snapshot = await self._ask()
            known = await self._desk.core.snapshot()
            for held in reconcile.ended_talks(self._pbx, known, snapshot, self._agents):
                if held in before:
                    await self._talk_ended(held)

    async def _talk_ended(self, held: Held) -> None:
        standing = await self._desk.core.look(held.call)
        offer = standing.offer
        if offer and standing.state is CallState.TALKING and offer.token == held.token:
            talked = max(0.0, self._desk.now() - standing.answered)
            await self._desk.finished(offer, "unknown", talked, standing.arrival, heals=True)

    # -- phones ---------------------------------------------------------------------------------------------------

    def _compare_devices(self, known: Known) -> None:
        if differing := self._differing(known):
            self._later("net, phones", self._look_at_phones(differing))

    def _differing(self, known: Known) -> set[str]:
        """Agents who are idle while their phones are in use, or the other way round."""
        wrong = {True: AgentState.IDLE, False: AgentState.DEVICE_BUSY, None: None}
        return {
            name
            for name, (state, *_) in known.agents.items()
            if name in self._agents and state is wrong[self._devices.in_use(name)]
        }

    async def _look_at_phones(self, before: Collection[str]) -> None:
        """Events are on their way all the time: what is so a moment later is so."""
        await asyncio.sleep(GRACE)
        with contextlib.suppress(StoreDown):
            for agent in self._differing(await self._desk.core.snapshot()):
                if agent in before:
                    await self._desk.device(agent, bool(self._devices.in_use(agent)), heals=True)

    async def close(self) -> None:
        """Forget what was about to be told; the next snapshot tells it again."""
        late = list(self._late.values())
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
