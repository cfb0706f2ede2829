"""The nets under every call: what the PBX says about calls whose own session cannot say it any more.

The first net is the dialplan's hangup handler, which tells any living service that a call ended. Here are the
second, the PBX's events, and the third, a snapshot after every connect, to the PBX or to Redis (which may have come
back with less than it knew). All three may speak of the same call:
the queue core applies the first and ignores the rest.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping

from ami.events import ChannelRow, DialEnd, Event, Hangup, Snapshot
from hotline.acd.desk import Desk
from hotline.acd.model import AgentState, Left, parse_offer
from hotline.store import StoreDown

GRACE = 2.0
"""Seconds that a call's own session has to tell its end first, since it knows the reason."""

GONE_BEFORE = 0.5
"""The same for a call that was gone already when the PBX listed its channels."""


YOUNG = 1.0
"""A call that joined less than so many seconds before the PBX was asked may be missing from its list: the services'
clocks may differ. It is looked for once more."""

Ask = Callable[[], Awaitable[Snapshot]]
"""Asks the PBX what channels it has; raises ConnectionError while the link is down."""


class Nets:
    """Reads one PBX's messages. `ours` tells whether a session in this process has the call in hand."""

    def __init__(self, pbx: str, desk: Desk, ours: Callable[[str], bool], ask: Ask) -> None:
        self._pbx, self._desk, self._ours, self._ask = pbx, desk, ours, ask
        self._late: set[asyncio.Task[None]] = set()
        self.looked = asyncio.Event()
        """Set once a snapshot was compared with what Redis knows."""

    async def hear(self, message: Event | Snapshot) -> None:
        """Act on one event or snapshot. Never raises for what it says."""
        match message:
            case DialEnd(status="ANSWER"):
                if offer := parse_offer(message.offer):
                    await self._desk.answered(message.linkedid, *offer)
            case Hangup() if message.uniqueid == message.linkedid:
                self._later(self._gone(message.linkedid, GRACE), f"net {message.linkedid}")
            case Snapshot():
                await self._compare(message)

    async def look(self) -> None:
        """Compare Redis with the PBX now; without a link to it, its return will do that."""
        with contextlib.suppress(ConnectionError):
            await self._compare(await self._ask())

    def _later(self, work: Coroutine[None, None, None], name: str) -> None:
        task = asyncio.create_task(work, name=name)
        self._late.add(task)
        task.add_done_callback(self._late.discard)

    async def _gone(self, call: str, grace: float) -> None:
        await asyncio.sleep(grace)
        if self._ours(call):
            return
        with contextlib.suppress(StoreDown):
            if not (await self._desk.core.look(call)).queue:
                return  # no call of a queue: it never was one, or has ended
        await self._desk.gone(call, Left.LOST)

    async def _compare(self, snapshot: Snapshot) -> None:
        """After a connect: free who held a call that the PBX no longer has, and learn who answered meanwhile."""
        try:
            known = await self._desk.core.snapshot()
        except StoreDown:
            return  # there will be another snapshot when Redis is back
        alive: dict[str, list[ChannelRow]] = {}
        for row in snapshot.channels:
            alive.setdefault(row.linkedid, []).append(row)
        if snapshot.complete:
            here = {call: place.arrival for call, place in known.calls.items() if place.pbx == self._pbx}
            self._miss({call: here[call] for call in here.keys() - alive.keys()}, snapshot.asked_at - YOUNG)
        for agent, (state, call, token) in known.agents.items():
            place = known.calls.get(call)
            if state is AgentState.OFFERED and place and _talking(place.channel, alive.get(call, [])):
                await self._desk.answered(call, agent, token)
        self.looked.set()

    def _miss(self, arrivals: Mapping[str, float], young: float) -> None:
        """Calls that the PBX does not have: those who joined before the moment `young` are gone."""
        for call, arrival in arrivals.items():
            if arrival < young:
                self._later(self._gone(call, GONE_BEFORE), f"net {call}")
        if any(arrival >= young for arrival in arrivals.values()):
            self._later(self._look_again(), "net, second look")

    async def _look_again(self) -> None:
        await asyncio.sleep(YOUNG)
        await self.look()

    async def close(self) -> None:
        """Forget what was about to be told; the next snapshot tells it again."""
        for task in self._late:
            task.cancel()
        await asyncio.gather(*self._late, return_exceptions=True)


def _talking(caller: str, rows: list[ChannelRow]) -> bool:
    """Whether the caller's channel shares a bridge with another of its call."""
    bridges = {row.bridge_id for row in rows if row.channel == caller and row.bridge_id}
    return any(row.bridge_id in bridges for row in rows if row.channel != caller)
