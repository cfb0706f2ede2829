"""A peer that behaves as badly as it is told to: what a real PBX can't be made to do on demand."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

Answer = Callable[["Peer", dict[str, str]], None]
BANNER = b"Asterisk Call Manager/11.0.0\r\n"


class Peer(asyncio.Protocol):
    """One connection. `actions` are those it got, in order; `said` is set by each."""

    def __init__(self, pbx: ScriptedPbx) -> None:
        self.pbx = pbx
        self.buffer = b""
        self.lost = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.pbx.peers.append(self)
        transport.write(BANNER)

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        *actions, self.buffer = self.buffer.split(b"\r\n\r\n")
        for action in actions:
            headers = dict(line.split(": ", 1) for line in action.decode().split("\r\n") if line)
            self.pbx.actions.put_nowait((self, headers))
            self.pbx.answers.get(headers["Action"], ok)(self, headers)

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost.set_result(None)

    def send(self, *headers: str) -> None:
        self.transport.write(("\r\n".join(headers) + "\r\n\r\n").encode())


def ok(peer: Peer, action: dict[str, str]) -> None:
    peer.send("Response: Success", f"ActionID: {action['ActionID']}", "Message: fine")


def silence(peer: Peer, action: dict[str, str]) -> None:
    pass


def rows(*messages: tuple[str, ...]) -> Answer:
    def answer(peer: Peer, action: dict[str, str]) -> None:
        mine = f"ActionID: {action['ActionID']}"
        peer.send("Response: Success", mine, "EventList: start", "Message: will follow")
        for message in messages:
            peer.send(message[0], mine, *message[1:])
        peer.send("Event: ListComplete", mine, "EventList: Complete", f"ListItems: {len(messages)}")

    return answer


class ScriptedPbx:
    """A listener whose peers answer by `answers`, from an action's name to what it does."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {"CoreShowChannels": rows(), "DeviceStateList": rows()}
        self.actions: asyncio.Queue[tuple[Peer, dict[str, str]]] = asyncio.Queue()
        self.peers: list[Peer] = []
        self.port = 0

    @property
    def peer(self) -> Peer:
        return self.peers[-1]

    async def action(self, name: str) -> tuple[Peer, dict[str, str]]:
        """The next action called `name`; others are skipped."""
        async with asyncio.timeout(5):
            while True:
                peer, headers = await self.actions.get()
                if headers["Action"] == name:
                    return peer, headers
