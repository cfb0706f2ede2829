"""Who phones again and talks with an agent needs no call from us any more: the promise is superseded.

Rules of this file:
- No call ever waits for it. It is done in the background, and tried again for as long as Redis or the disk is away.
- A number that may be several people's (withheld, or a network's placeholder) supersedes nothing: see the ledger.
- What was asked for after the agent answered is promised still, however late the older promise is superseded.
- A promise of another spool is left alone: its own services may not see the caller, and then they call in vain.
- That an agent answered is told by the one process whose report Redis took first, which may be another one. So after
  each call the queue core is asked how it ended: as "served", or otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from hotline.callbacks.ledger import ForeignPromise, Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.number import normal
from hotline.callbacks.outcome import Next
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.events import AgentAnswered, Event
from hotline.store import StoreDown

SERVED = "served"

RETRY_EVERY = 1.0
RETRY_DISK_EVERY = 15.0

LOOKS = 3
"""Times that the core is asked about a call of which it knows no end: it may be about to hear of it."""

MOST = 1000
"""Callers who wait to be looked for at one moment; of more, the promises stay as they are."""


@dataclass(frozen=True, slots=True)
class _Answer:
    """A caller was served, at the latest at `at`. `seen`: at that very moment an agent answered."""

    call: str
    number: str
    at: float
    seen: bool = False

    def is_after(self, promise: Promise) -> bool:
        """What was asked for in the call itself may have come after the answer, where nobody saw that."""
        return promise.arrival <= self.at and (self.seen or promise.call != self.call)


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
        now: Clock,
        tell: Tell,
        region: str = "",
    ) -> None:
        self._ledger, self._mover, self._ended, self._catch_up = ledger, mover, ended, catch_up
        self._now, self._region, self._tell = now, region, tell
        self._numbers: dict[str, str] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def waits(self, call: str, number: str) -> None:
        """A caller waits for an agent in this process."""
        if number:
            self._numbers[call] = number

    def see(self, event: Event) -> None:
        """An agent who answers supersedes the promise at once: it is not to be kept while the two talk."""
        if isinstance(event, AgentAnswered) and (number := self._numbers.pop(event.call, "")):
            self._later(_Answer(event.call, number, event.at, seen=True), served=True)

    def over(self, call: str, number: str = "", *, served: bool = False) -> None:
        """A call is over. `number`: that of one who did not wait here; `served`: surely, by what its session saw."""
        if number := self._numbers.pop(call, number):
            self._later(_Answer(call, number, self._now()), served=served)

    def _later(self, answer: _Answer, *, served: bool) -> None:
        if len(self._tasks) < MOST:
            task = asyncio.create_task(self._supersede(answer, served), name=f"supersede by {answer.call}")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _supersede(self, answer: _Answer, served: bool) -> None:
        """Until it is done, or was not to be."""
        told = False
        while True:
            try:
                if served or await self._was_served(answer.call):
                    await self._move(answer)
            except ForeignPromise:
                return
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

    async def _move(self, answer: _Answer) -> None:
        await self._catch_up()
        promise = await self._ledger.open_for(normal(answer.number, self._region))
        if promise and all(map(answer.is_after, (promise, *await self._ledger.find_all(promise.also)))):
            rung = promise.state is State.DIALING
            await self._mover.move(promise, Next(State.SUPERSEDED), call=answer.call, rung=rung)

    async def close(self, patience: float = 0.0) -> None:
        """Give what is left so many seconds."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        left = list(self._tasks)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
