"""A test peer's view of AMI: enough to know that Asterisk is up, and to place calls. Not the product's client."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import Callable

Message = dict[str, str]


class Manager:
    """One connection. `on_event` gets every message that answers no action; `booted` is set by FullyBooted."""

    def __init__(self, on_event: Callable[[Message], None] = lambda _: None) -> None:
        self.booted = asyncio.Event()
        self._on_event = on_event
        self._numbers = itertools.count(1)
        self._asked: dict[str, asyncio.Future[Message]] = {}

    async def connect(self, port: int, user: str, secret: str) -> None:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", port)
        await self._reader.readline()  # the banner
        self._reading = asyncio.create_task(self._read())
        reply = await self.action("Login", Username=user, Secret=secret)
        assert reply["Response"] == "Success", f"Asterisk refused the lab's AMI login: {reply}"

    async def close(self) -> None:
        self._writer.close()
        self._reading.cancel()
        with contextlib.suppress(asyncio.CancelledError, OSError):
            await self._reading

    async def action(self, name: str, *, within: float = 10.0, **fields: str) -> Message:
        """Send an action and return its response."""
        number = f"lab-{next(self._numbers)}"
        answer = self._asked[number] = asyncio.get_running_loop().create_future()
        lines = [f"Action: {name}", f"ActionID: {number}", *(f"{key}: {value}" for key, value in fields.items())]
        assert not any("\r" in line or "\n" in line for line in lines), f"a line break in {lines}"
        self._writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
        try:
            return await asyncio.wait_for(answer, within)
        finally:
            self._asked.pop(number, None)

    async def _read(self) -> None:
        message: Message = {}
        while line := await self._reader.readline():
            key, colon, value = line.decode(errors="replace").rstrip("\r\n").partition(": ")
            if colon:
                message.setdefault(key, value)
            elif message:
                self._deal(message)
                message = {}

    def _deal(self, message: Message) -> None:
        answer = self._asked.get(message.get("ActionID", ""))
        if "Response" in message and "Event" not in message and answer is not None:
            if not answer.done():
                answer.set_result(message)
        elif message.get("Event") == "FullyBooted":
            self.booted.set()
        else:
            self._on_event(message)
