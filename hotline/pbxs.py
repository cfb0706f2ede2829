"""The PBXs to which this process is linked: their bells, their nets, their health."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any

from ami.actions import LinkDown
from ami.client import Client
from ami.events import OriginateResponse
from hotline.acd.bell import Chime
from hotline.acd.desk import Desk
from hotline.acd.devices import Devices
from hotline.acd.model import AgentSettings, Missed
from hotline.acd.nets import Nets
from hotline.clock import Clock
from hotline.events import Emit, LinkChanged
from hotline.flow.phone import BELL
from hotline.settings import Manager

ANSWER_PATIENCE = 5.0
"""Seconds beyond the ringing that a PBX has to say how it ended."""

_MISSES = {1: Missed.REJECTED, 3: Missed.NO_ANSWER, 5: Missed.BUSY, 8: Missed.UNREGISTERED}
"""Reasons of an OriginateResponse (AST_CONTROL_HANGUP, _RINGING, _BUSY, _CONGESTION); measured on Asterisk 22."""


class _Refused(Exception):
    """The PBX would not begin to ring; the text is its reason."""


class Pbxs:
    """One client for each PBX; once there is a desk, one net each. The PBXs may come and go.

    Every `look_every` seconds, more or less, Redis is compared with them. `on_refused` is told which PBX would not
    ring an agent for a callback, and what it said, where no other rang them.
    """

    def __init__(
        self,
        managers: Collection[Manager],
        *,
        now: Clock,
        emit: Emit,
        look_every: float,
        on_refused: Callable[[str, str], None],
    ) -> None:
        self._look_every = look_every
        self._now, self._emit, self._on_refused = now, emit, on_refused
        self._clients = {manager.name: self._client(manager) for manager in managers}
        self._nets: dict[str, Nets] = {}
        self._rung: dict[str, asyncio.Future[OriginateResponse]] = {}  # action id → how an agent took a callback
        self._asking = 0  # Originates whose replies were not read yet: their answers may be here already
        self._early: dict[str, OriginateResponse] = {}

    def _client(self, pbx: Manager) -> Client:
        def on_link(up: bool) -> None:
            self._emit(LinkChanged(at=self._now(), link=f"ami:{pbx.name}", up=up))

        address = pbx.address
        return Client(
            address.host,
            address.port,
            pbx.user,
            pbx.secret,
            name=pbx.name,
            clock=self._now,
            on_link=on_link,
            on_answer=self._tell_answer,
        )

    @property
    def names(self) -> Collection[str]:
        return self._clients.keys()

    def chimes(self) -> dict[str, Chime]:
        """How to ring a bell on each."""
        return {name: _chime(client) for name, client in self._clients.items()}

    def pings(self) -> dict[str, Callable[[], Awaitable[str | None]]]:
        """For each, as a part of our health, what is wrong with its link."""
        return {f"ami:{name}": _ping(client) for name, client in self._clients.items()}

    def spread_nets(self, desk: Desk, ours: Callable[[str], bool], agents: Mapping[str, AgentSettings]) -> None:
        """From now on, tell the desk what the PBXs say. `ours`: whether a session here has a call in hand."""
        devices = Devices(agents)
        self._nets = {
            name: Nets(name, desk, ours, client.snapshot, agents=agents, devices=devices)
            for name, client in self._clients.items()
        }

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run all the time."""
        for name, client in self._clients.items():
            yield client.run()
            yield self._listen(client, self._nets[name])
            yield self._look_now_and_then(self._nets[name])

    async def _look_now_and_then(self, nets: Nets) -> None:
        while True:
            await asyncio.sleep(self._look_every * random.uniform(0.8, 1.2))  # noqa: S311  services take turns
            await nets.look()

    async def _listen(self, client: Client, nets: Nets) -> None:
        async for message in client.events():
            await nets.hear(message)

    # -- callbacks ------------------------------------------------------------------------------------------------

    @property
    def any_up(self) -> bool:
        """Whether an agent's phone could be rung now."""
        return any(client.up for client in self._clients.values())

    async def ring_agent(
        self, phone: str, *, channel_id: str, seconds: float, caller_id: str, variables: Mapping[str, str]
    ) -> Missed | None:
        """Ring an agent's phone for a callback; None once they answered, and the dialplan has them.

        PBXs that do not have the phone are passed over, and so are those that refuse. Where a channel of that id
        exists nothing is rung: LOST.
        """
        outcome, refusals = Missed.LOST, dict[str, str]()
        for client in [each for each in self._clients.values() if each.up]:
            try:
                answer = await self._originate(client, phone, channel_id, seconds, caller_id, variables)
            except (LinkDown, TimeoutError):
                return Missed.LOST  # it may be ringing there
            except _Refused as refused:
                refusals[client.name] = str(refused)
                continue
            if answer.ok:
                return None
            outcome = _MISSES.get(answer.reason, Missed.UNREGISTERED)
            if outcome is not Missed.UNREGISTERED:
                return outcome
        for pbx, said in refusals.items():
            self._on_refused(pbx, said)
        return Missed.LOST if refusals else outcome

    async def _originate(
        self,
        client: Client,
        phone: str,
        channel_id: str,
        seconds: float,
        caller_id: str,
        variables: Mapping[str, str],
    ) -> OriginateResponse:
        """Raises _Refused, LinkDown, TimeoutError."""
        self._asking += 1
        try:
            reply = await client.originate(
                phone,
                channel_id=channel_id,
                context="hotline-callback",
                exten="s",
                seconds=seconds,
                caller_id=caller_id,
                variables=variables,
            )
            waiting: asyncio.Future[OriginateResponse]
            waiting = self._rung[reply.action_id] = asyncio.get_running_loop().create_future()
            if early := self._early.pop(reply.action_id, None):
                waiting.set_result(early)
        finally:
            self._asking -= 1
            if not self._asking:
                self._early.clear()
        try:
            if not reply.ok:
                raise _Refused(reply.message)
            async with asyncio.timeout(seconds + ANSWER_PATIENCE):
                return await waiting
        finally:
            del self._rung[reply.action_id]

    def _tell_answer(self, answer: OriginateResponse) -> None:
        """Nobody waits for it who has given it up, nor for those of other users of the PBX."""
        waiting = self._rung.get(answer.action_id)
        if waiting is None and self._asking:
            self._early[answer.action_id] = answer
        elif waiting and not waiting.done():
            waiting.set_result(answer)

    async def channels(self, pbx: str) -> frozenset[str] | None:
        """The ids of all channels of a PBX, or of all that we are linked to (""); None when that is not known now."""
        asked = [self._clients.get(pbx)] if pbx else list(self._clients.values())
        ids: set[str] = set()
        for client in asked:
            if client is None:
                return None
            try:
                snapshot = await client.snapshot()
            except LinkDown:
                return None
            if not snapshot.complete:
                return None
            ids.update(each.uniqueid for each in snapshot.channels)
        return frozenset(ids) if asked else None

    async def look(self) -> None:
        """Compare Redis with every PBX now."""
        await asyncio.gather(*(nets.look() for nets in self._nets.values()))

    async def looked(self) -> None:
        """Until Redis was compared with every PBX once."""
        for nets in self._nets.values():
            await nets.looked.wait()

    async def close(self) -> None:
        for nets in self._nets.values():
            await nets.close()


def _chime(client: Client) -> Chime:
    async def chime(channel: str) -> None:
        try:
            await client.play_dtmf(channel, BELL)
        except LinkDown as down:
            raise ConnectionError(str(down)) from down

    return chime


def _ping(client: Client) -> Callable[[], Awaitable[str | None]]:
    async def ping() -> str | None:
        try:
            await client.action("Ping")
        except LinkDown as down:
            return f"{down} Callers are served, but bells ring late."
        return None

    return ping
