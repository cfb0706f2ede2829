"""Who phones again and talks with an agent needs no call from us any more: the promise is superseded.

Rules of this file:
- No call ever waits for it. It is done in the background, and tried again for as long as Redis or the disk is away.
- That an agent answered is told by the one process whose report Redis took first, which may be another one. So after
  each call the queue core is asked how it ended: as "served", or otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.number import normal
from hotline.callbacks.outcome import Next
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Tell, Trouble
from hotline.events import AgentAnswered, Event
from hotline.store import StoreDown

SERVED = "served"

RETRY_EVERY = 1.0
RETRY_DISK_EVERY = 15.0

LOOKS = 3
"""Times that the core is asked about a call of which it knows no end: it may be about to hear of it."""

MOST = 1000
"""Callers who wait to be looked for at one moment; of more, the promises stay as they are."""


class Superseding:
    """`ended` answers how a call of the queue core ended, "" where it did not, and raises StoreDown.

    `catch_up` brings Redis up to date with the outbox, and raises StoreDown or OSError.
    """

    def __init__(
        self,
        ledger: Ledger,
        mover: Mover,
        ended: Callable[[str], Awaitable[str]],
        catch_up: Callable[[], Awaitable[object]],
        *,
        tell: Tell,
        region: str = "",
    ) -> None:
        self._ledger, self._mover, self._ended, self._catch_up = ledger, mover, ended, catch_up
        self._region, self._tell = region, tell
        self._numbers: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def waits(self, call: str, number: str) -> None:
        """A caller waits for an agent in this process."""
        if number:
            self._numbers[call] = number

    def see(self, event: Event) -> None:
        """An agent who answers supersedes the promise at once: it is not to be kept while the two talk."""
        if isinstance(event, AgentAnswered) and (number := self._numbers.pop(event.call, "")):
            self._later(event.call, number, served=True)

    def over(self, call: str, number: str = "", *, served: bool = False) -> None:
        """A call is over. `number`: that of one who did not wait here; `served`: surely, by what its session saw."""
        if number := self._numbers.pop(call, number):
            self._later(call, number, served=served)

    def _later(self, call: str, number: str, *, served: bool) -> None:
        if len(self._tasks) < MOST:
            task = asyncio.create_task(self._supersede(call, number, served), name=f"supersede by {call}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _supersede(self, call: str, number: str, served: bool) -> None:
        """Until it is done, or was not to be."""
        told = False
        while True:
            try:
                if served or await self._was_served(call):
                    await self._move(call, normal(number, self._region))
            except StoreDown:
                await asyncio.sleep(RETRY_EVERY)
            except OSError as error:
                if not told:
                    problem = f"A promise is superseded, but its line cannot be written: {error.strerror}."
                    self._tell(Trouble(problem, "outbox"))
                told = True
                await asyncio.sleep(RETRY_DISK_EVERY)
            else:
                return

    async def _was_served(self, call: str) -> bool:
        for look in range(LOOKS):
            if look:
                await asyncio.sleep(RETRY_EVERY)
            if reason := await self._ended(call):
                return reason == SERVED
        return False

    async def _move(self, call: str, number: str) -> None:
        await self._catch_up()
        promise = await self._ledger.open_for(number)
        if promise:
            await self._mover.move(promise, Next(State.SUPERSEDED), call=call)

    async def close(self, patience: float = 0.0) -> None:
        """Give what is left so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
