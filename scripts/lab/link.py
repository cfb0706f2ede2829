"""A TCP link that a test can cut and mend: a relay between a client and 127.0.0.1:`target`."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Self

from lab.process import free_port


class Link:
    """`async with Link(target) as link:` relays what comes to 127.0.0.1:`link.port`."""

    def __init__(self, target: int) -> None:
        self.target, self.port = target, free_port()
        self._server: asyncio.Server | None = None
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Self:
        await self.mend()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.cut()

    async def mend(self) -> None:
        """Take connections (again)."""
        self._server = await asyncio.start_server(self._relay, "127.0.0.1", self.port)

    async def cut(self) -> None:
        """Reset every connection, and refuse new ones."""
        if self._server:
            self._server.close()
            self._server = None
        for writer in self._writers:
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        ends = [(reader, writer)]
        with contextlib.suppress(OSError):
            ends.append(await asyncio.open_connection("127.0.0.1", self.target))
            ways = zip(ends, reversed(ends), strict=True)
            self._writers.update(each for _, each in ends)
            await asyncio.gather(*(self.pour(source, sink) for (source, _), (_, sink) in ways))
        for _, each in ends:
            each.transport.abort()
            self._writers.discard(each)

    async def pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        """One way of a connection, to its end."""
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
        sink.close()
