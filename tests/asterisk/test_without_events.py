"""A service that hears no event of the PBX: the dialplan alone tells who answered. Every call ends as what it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio
from aftermath import all_is_well, state_of
from conftest import CONFIG, NOON
from dialogue import agent, dial
from scenes import STRAIGHT, die

from lab.house import House
from lab.process import free_port


@pytest_asyncio.fixture(loop_scope="session")
async def deaf_house(tmp_path: Path, prompts: Path) -> AsyncIterator[House]:
    """At noon, with a manager link that leads nowhere."""
    house = House(tmp_path / "house", CONFIG, prompts)
    house.manager_port = free_port()
    async with house:
        house.set_clock(NOON)
        yield house


async def test_calls_are_told_as_they_were(deaf_house: House):
    house = deaf_house
    await a_caller_ends_a_conversation(house)
    await a_caller_hangs_up_on_a_ringing_phone(house)
    await a_service_dies_under_a_conversation(house)
    await all_is_well(house, anna="idle")


async def a_caller_ends_a_conversation(house: House) -> None:
    phone = await agent(house, "anna")
    async with dial(house, STRAIGHT) as caller:
        anna = await phone.rings()
        await anna.answer()
        await asyncio.sleep(1)
        assert await state_of(house, "anna") == "offered"
        await caller.party.hang_up()
        answered = await caller.event("AgentAnswered", agent="anna")
        ended = await caller.event("ConversationEnded", agent="anna", ended_by="caller")
        assert 0.8 < ended["talked"] < 3
        assert answered["waited"] < 3


async def a_caller_hangs_up_on_a_ringing_phone(house: House) -> None:
    phone = await house.world.phone("anna")
    async with dial(house, STRAIGHT) as caller:
        await phone.rings()
        await caller.party.hang_up()
        gone = await caller.event("CallerLeftQueue", reason="abandoned")
        ended = await caller.event("CallEnded", reason="caller-hung-up")
        assert ended["seen"] - gone["seen"] < 0.9


async def a_service_dies_under_a_conversation(house: House) -> None:
    phone, service = await house.world.phone("anna"), house.service
    async with dial(house, STRAIGHT) as caller:
        anna = await phone.rings()
        await anna.answer()
        await asyncio.sleep(0.5)
        await die(service)
        mark = service.mark()
        await service.start()
        await anna.hang_up()
        await service.event("AgentAnswered", after=mark, call=caller.id, agent="anna")
        await service.event("ConversationEnded", after=mark, call=caller.id, ended_by="agent")
        await caller.party.hung_up()
