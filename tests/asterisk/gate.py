"""A relay that withholds what begins with certain words, as if a process were stopped just before it says them."""

from __future__ import annotations

import asyncio
import contextlib

from lab.link import Link


class Gate(Link):
    """Relays to 127.0.0.1:`target`. The first time that `words` are about to pass, in either direction, they are
    withheld, and all that follows them on that connection, until `open`."""

    def __init__(self, target: int, words: bytes) -> None:
        super().__init__(target)
        self._words = words
        self.caught = asyncio.Event()
        self._opened = asyncio.Event()

    def open(self) -> None:
        self._opened.set()

    async def pour(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self._words in data and not self.caught.is_set():
                    self.caught.set()
                    await self._opened.wait()
                sink.write(data)
                await sink.drain()
        sink.close()
