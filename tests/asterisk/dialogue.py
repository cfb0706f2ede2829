"""One call of a test, from both its ends: what the caller does and hears, and what the service says of it."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hotline.acd.core import Core
from lab import audio
from lab.house import House
from lab.party import Call
from lab.service import Line, Service, ServiceFailed
from lab.world import Phone

NAM, LAN, MINH, HOA = CALLERS = ("+84901234567", "+84907654321", "+84912223334", "+84938887766")
"""Callers. No digit of theirs may ever be in a log (the fixture `house` looks)."""

BEEP = 1.0
"""Seconds from the end of a greeting until a caller may speak: the tone, and a breath."""


PROMPTS = (
    *("welcome", "main-menu", "more-choices", "connecting", "open-now", "closed"),
    *("invalid-key", "nothing-pressed", "goodbye", "technical-problem", "busy-try-later"),
    *("voicemail-greeting", "message-too-short", "message-cut-short", "message-saved", "callback-promise"),
    "callback-no-number",
    *("bills-greeting", "message-review", "record-again", "number-is", "number-right", "number-enter"),
    *("number-not-dialable", "which-reason", "reason-meter", "reason-refund", "which-part", "part-morning"),
)
"""Whatever a caller may hear, but for the words of days and times, which are much alike."""


class Dialogue:
    """A caller on the line. `id` is the call's id at the service that has it, `party` the caller."""

    def __init__(self, house: House, service: Service, party: Call, started: Line, mark: int) -> None:
        self.house, self.service, self.party, self.started = house, service, party, started
        self.id: str = started["call"]
        self._next = mark

    async def event(self, name: str, *, seconds: float = 15, **fields: Any) -> Line:
        """The next event of this call with that name and those fields, after the one that was last asked for."""
        line = await self.service.event(name, after=self._next, seconds=seconds, call=self.id, **fields)
        self._next = next(i for i, each in enumerate(self.service.events) if each is line) + 1
        return line

    async def played(self, *prompts: str) -> Line:
        """Wait until these prompts, together one step of a menu, were played or cut short by a key."""
        return await self.event("PromptPlayed", prompts=list(prompts))

    async def listens(self, *prompts: str, language: str = "en") -> None:
        """Be silent for as long as these prompts take: they began just now."""
        files = (self.house.sounds / language / f"{prompt}.wav" for prompt in prompts)
        await asyncio.sleep(sum(len(audio.load(file)) for file in files) / audio.RATE + 0.3)

    async def ended(self, reason: str) -> Line:
        return await self.event("CallEnded", reason=reason)

    async def heard(self, *, languages: Sequence[str] = ("en",)) -> list[str]:
        """The prompts that the caller heard in this call, which is over; those of other languages as `vi/name`."""
        await self.party.hang_up()
        prompts = {
            prompt if language == "en" else f"{language}/{prompt}": self.house.sounds / language / f"{prompt}.wav"
            for language in languages
            for prompt in PROMPTS
        }
        return await asyncio.to_thread(audio.transcript, self.party.heard, prompts)

    def hears(self, sound: Path) -> bool:
        """Whether the caller heard this sound, in a call that is over."""
        return audio.find(sound, self.party.heard).score > 0.6


@contextlib.asynccontextmanager
async def dial(house: House, number: str, caller_id: str = NAM) -> AsyncIterator[Dialogue]:
    """Call the house's number; until the call has reached a service, place no other one.

    The caller hangs up at the end of the block.
    """
    marks = [service.mark() for service in house.services]
    async with house.world.call(number, caller_id=caller_id) as party:
        service, started = await first_to_say(house, "CallStarted", marks)
        yield Dialogue(house, service, party, started, marks[house.services.index(service)])


@contextlib.asynccontextmanager
async def queued(dialing: contextlib.AbstractAsyncContextManager[Dialogue], **fields: Any) -> AsyncIterator[Dialogue]:
    """A call that is in its queue: whoever is dialed next comes after it. `fields` are of that event."""
    async with dialing as call:
        await call.event("CallerQueued", **fields)
        yield call


async def answers(call: Dialogue, *prompts: str, key: str, number: str = "", hurry: bool = False) -> None:
    """Listen to a question, or not, and press a key; it is pressed again if it came before the question."""
    if not hurry:
        first, *rest = prompts
        await call.listens(first, *(f"digit-{digit}" for digit in number), *rest)
    for _ in range(5):
        await call.party.press(key)
        with contextlib.suppress(ServiceFailed):
            await call.event("PromptPlayed", prompts=list(prompts), seconds=3)
            return
    raise AssertionError(f"{prompts} was not asked")


async def first_to_say(house: House, name: str, marks: list[int], **fields: Any) -> tuple[Service, Line]:
    """The service that is the first to log such a line after its mark, and the line."""
    asked = {
        asyncio.create_task(service.event(name, after=mark, **fields)): service
        for service, mark in zip(house.services, marks, strict=True)
    }
    done, pending = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    await asyncio.gather(*pending, return_exceptions=True)
    (first,) = done
    return asked[first], first.result()


async def agent(house: House, name: str) -> Phone:
    """An agent's phone, registered, its owner at work and idle."""
    (phone,) = await house.begin_shift(name)
    return phone


async def nothing_left(house: House, core: Core, agents: Mapping[str, str] | None = None) -> None:
    """Soon there is no channel on the PBX, no call in Redis, and `agents` (name → state) are all who work."""
    wanted = dict(agents or {})
    deadline = time.monotonic() + 8
    while True:
        channels = int((await house.pbx.manager.action("CoreStatus"))["CoreCurrentCalls"])
        snapshot = await core.snapshot()
        states = {name: state.value for name, (state, *_) in snapshot.agents.items()}
        if not channels and not snapshot.calls and states == wanted:
            return
        assert time.monotonic() < deadline, f"left: {channels} channels, calls {snapshot.calls}, agents {states}"
        await asyncio.sleep(0.05)  # an end has many ends: channels and Redis tell nobody when all is over


def complaints(house: House, marks: Mapping[Service, int] | None = None) -> list[Line]:
    """Lines of the services' logs since `marks` that are no mere information."""
    return [
        line
        for service in house.services
        for line in service.events[(marks or {}).get(service, 0) :]
        if line.get("level") not in ("info", "debug")
    ]
