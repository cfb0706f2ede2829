"""One bounded queue between the wire, which must never wait, and its one reader, who may be slow."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """At most `size` things. For one reader: iterate until it is closed and empty."""

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("A mailbox holds at least one thing; give a size of 1 or more.")
        self._size = size
        self._things: deque[T] = deque()
        self._changed = asyncio.Event()
        self._closed = False

    def __len__(self) -> int:
        return len(self._things)

    def put(self, thing: T) -> bool:
        """Take it at once; False when there is no room."""
        if len(self._things) >= self._size:
            return False
        self._things.append(thing)
        self._changed.set()
        return True

    def clear(self) -> None:
        """Throw away what nobody has read."""
        self._things.clear()

    def close(self) -> None:
        """Let the reader finish what is here, then end."""
        self._closed = True
        self._changed.set()

    def __aiter__(self) -> Mailbox[T]:
        return self

    async def __anext__(self) -> T:
        while not self._things:
            if self._closed:
                raise StopAsyncIteration
            self._changed.clear()
            await self._changed.wait()
        return self._things.popleft()
