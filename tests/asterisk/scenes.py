"""Scenes before a fault: two who talk, two who wait; and how they end."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from dialogue import BEEP, LAN, MINH, NAM, Dialogue, agent, dial

from lab import audio
from lab.house import House
from lab.party import Call
from lab.service import Line, Service
from lab.world import Phone

STRAIGHT = "1902"
"""The entry that leads into the queue "power" without a word."""

MESSAGE = "1905"
"""The entry that asks for a message at once."""


@contextlib.asynccontextmanager
async def talk(house: House, name: str = "anna") -> AsyncIterator[tuple[Dialogue, Call]]:
    """A caller in conversation with an agent, who has just come to work."""
    phone = await agent(house, name)
    async with dial(house, STRAIGHT, MINH) as call:
        ringing = await phone.rings()
        await ringing.answer()
        await call.event("AgentAnswered", agent=name)
        yield call, ringing


@contextlib.asynccontextmanager
async def waiting(house: House) -> AsyncIterator[tuple[Dialogue, Dialogue]]:
    """Two callers in the queue, while no agent is free."""
    async with dial(house, STRAIGHT, NAM) as first:
        await first.event("CallerQueued", position=1)
        async with dial(house, STRAIGHT, LAN) as second:
            await second.event("CallerQueued", position=2)
            yield first, second


@contextlib.asynccontextmanager
async def dial_at(house: House, service: Service, number: str = STRAIGHT) -> AsyncIterator[Dialogue]:
    """A call that this one of the house's services has in hand; the PBX picks one at random."""
    for _ in range(30):
        async with dial(house, number, NAM) as call:
            if call.service is service:
                yield call
                return
            await call.party.hang_up()
            await call.ended("caller-hung-up")
    raise AssertionError("The PBX brings no call to that service.")


async def serve(phone: Phone, *callers: Dialogue, by: Service | None = None) -> list[Line]:
    """These callers get the agent one after the other, in this order; the AgentAnswered of each."""
    answers = []
    for each in callers:
        ringing = await phone.rings()
        await ringing.answer()
        service = by or each.service
        answers.append(await service.event("AgentAnswered", call=each.id))
        await ringing.hang_up()
        await service.event("ConversationEnded", call=each.id)
        await each.party.hung_up()
    return answers


async def leave_message(caller: Call, greeting: Path, words: Path) -> None:
    """Wait for the greeting, speak after the tone, press # and listen to the end."""
    await caller.hears(greeting, within=30)
    await asyncio.sleep(BEEP)
    await caller.speak(words)
    await caller.press("#")
    await caller.hung_up(20)


async def kept_messages(house: House, count: int) -> list[dict[str, Any]]:
    """The lines of the outbox, as soon as there are so many."""
    async with asyncio.timeout(20):
        while True:
            files = (house.spool / "outbox").glob("*.jsonl")
            lines = [json.loads(line) for file in files for line in file.read_text().splitlines()]
            if len(lines) >= count:
                return lines
            await asyncio.sleep(0.05)  # a file sends no event


async def die(service: Service) -> None:
    """kill -9."""
    service.kill()
    await service.wait()


async def tell_each_other(caller: Call, agent: Call, stories: tuple[Path, Path]) -> None:
    await asyncio.gather(caller.speak(stories[0]), agent.speak(stories[1]))


async def heard_all(caller: Call, agent: Call, stories: tuple[Path, Path], score: float = 0.9) -> None:
    """Each heard the whole of the other's story without a gap, in calls that are over.

    A hiccup of the machine costs a story of a few seconds more of its score than a long one.
    """
    for story, listener in ((stories[0], agent), (stories[1], caller)):
        await listener.finished()
        assert audio.find(story, listener.heard).score > score, listener.heard
