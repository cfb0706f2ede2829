"""The PBXs to which this process is linked: their bells, their nets, their health."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterator, Mapping
from typing import Any

from ami.actions import LinkDown
from ami.client import Client
from hotline.acd.bell import Chime
from hotline.acd.desk import Desk
from hotline.acd.devices import Devices
from hotline.acd.model import AgentSettings
from hotline.acd.nets import Nets
from hotline.clock import Clock
from hotline.events import Emit, LinkChanged
from hotline.flow.phone import BELL
from hotline.settings import Manager


class Pbxs:
    """One client for each PBX; once there is a desk, one net each. The PBXs may come and go.

    Every `look_every` seconds, more or less, Redis is compared with them.
    """

    def __init__(self, managers: Collection[Manager], *, now: Clock, emit: Emit, look_every: float) -> None:
        self._look_every = look_every
        self._now, self._emit = now, emit
        self._clients = {manager.name: self._client(manager) for manager in managers}
        self._nets: dict[str, Nets] = {}

    def _client(self, pbx: Manager) -> Client:
        def on_link(up: bool) -> None:
            self._emit(LinkChanged(at=self._now(), link=f"ami:{pbx.name}", up=up))

        address = pbx.address
        return Client(
            address.host, address.port, pbx.user, pbx.secret, name=pbx.name, clock=self._now, on_link=on_link
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
