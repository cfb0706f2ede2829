"""The FastAGI server: one task per call, and nothing that one peer does can hurt another.

Rules of this file:
- A connection is nobody until its header block is whole. Until then it has `header_seconds`, `max_header_bytes`
  and one of `max_waiting` places; when all are taken, the oldest makes room (Asterisk sends its headers at once).
- Above `max_calls` the busy handler gets the call, in a task as well; above twice `max_calls`, or while draining,
  the connection is closed at once and the dialplan goes on to its next server.
- A handler's exception is told to `on_error` and ends its call only. HungUp and WireLost are no errors.
- The end of a handler closes the connection: the dialplan goes on with a caller who is still there.
- No timer and no task per command here: CPU per call is a figure we keep (bench/agi_server.py).
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Self, cast

from agi.channel import Channel, HungUp, WireLost
from agi.protocol import MAX_HEADER_BYTES, Parser, ProtocolError, Request

Handler = Callable[[Channel], Awaitable[None]]
OnError = Callable[[Request, Exception], None]


class Refusal(enum.StrEnum):
    """Why a connection got no handler (`on_refused` is told)."""

    FULL = "full"
    DRAINING = "draining"
    BAD_REQUEST = "bad-request"


OnRefused = Callable[[Refusal], None]


async def _hang_up(channel: Channel) -> None:
    await channel.hangup()


class Server:
    """`async with Server(handler, …) as server:` serves until the block is left; leaving it stops every call.

    `port` 0 picks a free one (see `address`). `busy_handler` gets the calls above `max_calls`; without one they
    are hung up. `on_error` and `on_refused` must not raise.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 4573,
        max_calls: int = 1000,
        busy_handler: Handler = _hang_up,
        header_seconds: float = 5.0,
        max_header_bytes: int = MAX_HEADER_BYTES,
        max_waiting: int = 256,
        on_error: OnError = lambda _request, _error: None,
        on_refused: OnRefused = lambda _reason: None,
    ) -> None:
        self._handler, self._busy_handler = handler, busy_handler
        self._host, self._port = host, port
        self._max_calls, self._max_waiting = max_calls, max_waiting
        self._on_error, self._on_refused = on_error, on_refused
        self.header_seconds, self.max_header_bytes = header_seconds, max_header_bytes
        self._waiting: dict[_Connection, None] = {}
        self._calls: dict[asyncio.Task[None], _Connection] = {}
        self._draining = False
        self._idle = asyncio.Event()
        self._idle.set()

    # -- for the owner --------------------------------------------------------------------------------------------

    @property
    def address(self) -> tuple[str, int]:
        """Host and port that it listens on."""
        host, port = self._listening.sockets[0].getsockname()[:2]
        return host, port

    @property
    def calls(self) -> int:
        """Calls under way, the busy handler's included."""
        return len(self._calls)

    async def __aenter__(self) -> Self:
        self._loop = asyncio.get_running_loop()
        self._listening = await self._loop.create_server(
            lambda: _Connection(self, self._loop), self._host, self._port, backlog=512
        )
        for listening in self._listening.sockets:
            _notice_dead_peers(listening)
        self._tasks = asyncio.TaskGroup()
        await self._tasks.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        await self._tasks.__aexit__(kind, error, trace)

    async def drain(self) -> None:
        """Take no new calls and return when the calls under way have ended. `stop` cuts it short."""
        self._close()
        await self._idle.wait()

    def stop(self) -> None:
        """Take no new calls and cancel those under way; their dialplans go on."""
        self._close()
        for task in self._calls:
            task.cancel()

    def _close(self) -> None:
        self._draining = True
        self._listening.close()
        for connection in list(self._waiting):
            connection.refuse(Refusal.DRAINING)

    # -- for the connections --------------------------------------------------------------------------------------

    def arrived(self, connection: _Connection) -> None:
        if self._draining:
            connection.refuse(Refusal.DRAINING)
            return
        if len(self._waiting) >= self._max_waiting:
            next(iter(self._waiting)).refuse(Refusal.FULL)
        self._waiting[connection] = None

    def left(self, connection: _Connection) -> None:
        self._waiting.pop(connection, None)

    def refused(self, reason: Refusal) -> None:
        self._on_refused(reason)

    def begin(self, connection: _Connection, channel: Channel) -> None:
        """A whole header block is here."""
        self._waiting.pop(connection, None)
        busy = len(self._calls) >= self._max_calls
        if busy:
            self._on_refused(Refusal.FULL)
            if len(self._calls) >= 2 * self._max_calls:
                connection.close()
                return
        task = self._tasks.create_task(self._serve(channel, self._busy_handler if busy else self._handler))
        self._calls[task] = connection
        self._idle.clear()
        task.add_done_callback(self._ended)

    async def _serve(self, channel: Channel, handler: Handler) -> None:
        try:
            await handler(channel)
        except (HungUp, WireLost):
            pass
        except Exception as error:
            self._on_error(channel.request, error)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._calls.pop(task).close()
        if not self._calls:
            self._idle.set()


class _Connection(asyncio.Protocol):
    """One TCP connection: bytes to the parser, events to the channel."""

    __slots__ = ("_channel", "_parser", "_server", "_timer", "_transport", "loop")

    def __init__(self, server: Server, loop: asyncio.AbstractEventLoop) -> None:
        self._server, self.loop = server, loop
        self._parser = Parser(max_header_bytes=server.max_header_bytes)
        self._channel: Channel | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._timer = self.loop.call_later(self._server.header_seconds, self.refuse, Refusal.BAD_REQUEST)
        self._server.arrived(self)

    def data_received(self, data: bytes) -> None:
        try:
            for event in self._parser.feed(data):
                if self._channel is not None and not isinstance(event, Request):
                    self._channel.take(event)
                elif isinstance(event, Request):
                    self._timer.cancel()
                    self._channel = Channel(event, self._transport)
                    self._server.begin(self, self._channel)
        except ProtocolError as problem:
            if self._channel is None:
                self.refuse(Refusal.BAD_REQUEST)
            else:
                self._channel.lose(str(problem))

    def connection_lost(self, _: Exception | None) -> None:
        self._timer.cancel()
        if self._channel is None:
            self._server.left(self)
        else:
            self._channel.lose("The connection to Asterisk ended.")

    def refuse(self, reason: Refusal) -> None:
        """Close a connection that has no channel yet, at once."""
        self._timer.cancel()
        self._server.left(self)
        self._server.refused(reason)
        self._transport.abort()

    def close(self) -> None:
        self._transport.close()


def _notice_dead_peers(listening: socket.socket) -> None:
    """Let the kernel find peers that vanished, on every connection accepted here (Linux passes the options on)."""
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        with contextlib.suppress(AttributeError, OSError):
            listening.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
