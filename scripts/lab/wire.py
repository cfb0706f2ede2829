"""A test peer's AGI: one command at a time on a world channel. Not the product's (that one may be what fails)."""

from __future__ import annotations

import asyncio
import re

_RESULT = re.compile(r"200 result=(-?\d+)(?: \((.*)\))?")


class HungUp(Exception):
    """The party's channel is gone."""


class Wire:
    """One AGI session; `headers` are those that Asterisk sent. Commands raise HungUp when the channel is gone."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._turn = asyncio.Lock()
        self._replies: asyncio.Queue[str | None] = asyncio.Queue()
        self.headers: dict[str, str] = {}
        self.gone = asyncio.Event()

    async def begin(self) -> None:
        """Read the headers, then go on reading until the end."""
        while line := (await self._reader.readline()).decode(errors="replace").rstrip("\n"):
            key, _, value = line.partition(": ")
            self.headers.setdefault(key, value)
        self._reading = asyncio.create_task(self._read())

    async def _read(self) -> None:
        try:
            while line := (await self._reader.readline()).decode(errors="replace").rstrip("\n"):
                if line.startswith("HANGUP"):
                    break
                self._replies.put_nowait(line)
        except OSError:
            pass
        finally:
            self.gone.set()
            self._replies.put_nowait(None)
            self._writer.close()

    async def command(self, text: str) -> int:
        """Send one command and return its result."""
        return (await self._ask(text))[0]

    async def value(self, expression: str) -> str:
        """What Asterisk makes of a dialplan expression on this channel."""
        return (await self._ask(f"GET FULL VARIABLE {expression}"))[1]

    async def _ask(self, text: str) -> tuple[int, str]:
        assert "\n" not in text, f"a line break in {text!r}"
        async with self._turn:
            if self.gone.is_set():
                raise HungUp
            self._writer.write(text.encode() + b"\n")
            reply = await self._replies.get()
        if reply is None or reply.startswith("511"):
            raise HungUp
        match = _RESULT.match(reply)
        assert match, f"Asterisk answered {text!r} with {reply!r}"
        return int(match[1]), match[2] or ""

    def close(self) -> None:
        """End the session; the channel's dialplan hangs it up."""
        self._writer.close()
