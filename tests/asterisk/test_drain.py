"""A service that is told to stop while callers are in its hands."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from dialogue import LAN, MINH, NAM, agent, complaints, dial

from lab import audio
from lab.house import House
from lab.service import Service


async def impatient(house: House) -> House:
    """The PBX gives up on services sooner: tests have no time."""
    await house.pbx.console("dialplan set global HOTLINE_PATIENCE 2")
    return house


async def told_to_stop(service: Service) -> None:
    service.terminate()
    await service.event("Draining: no new calls; a second signal ends those under way.")


async def test_a_conversation_goes_on_to_its_end_and_then_the_service_is_gone(
    own_house: House, words: Path, reply: Path
):
    house = await impatient(own_house)
    anna = await agent(house, "anna")
    async with dial(house, "1902", NAM) as call:
        ringing = await anna.rings()
        await ringing.answer()
        await call.event("AgentAnswered")
        await told_to_stop(house.service)
        async with house.world.call("1900", caller_id=LAN) as late:
            await asyncio.gather(
                call.party.speak(words),
                ringing.speak(reply),
                late.hears(house.sounds / "en" / "technical-problem.wav"),  # from the PBX itself
            )
        await ringing.hang_up()
        await call.event("ConversationEnded", ended_by="agent")
        await call.ended("completed")
        assert await asyncio.wait_for(house.service.wait(), 5) == 0
        await call.party.hang_up()
    assert call.hears(reply)
    await ringing.finished()
    assert audio.find(words, ringing.heard).score > 0.6
    assert complaints(house) == []


async def test_of_two_services_one_may_go_without_a_caller_noticing(build_house: Callable[..., Awaitable[House]]):
    house = await build_house(services=2)
    async with dial(house, "1902", NAM) as first:
        await first.event("CallerQueued")
        await told_to_stop(first.service)
        async with dial(house, "1902", LAN) as second:
            assert second.service is not first.service
            await second.event("CallerQueued", position=2)
            anna = await agent(house, "anna")
            for number, call in ((NAM, first), (LAN, second)):
                ringing = await anna.rings()
                assert ringing.caller_id == number
                await ringing.answer()
                await call.event("AgentOffered", agent="anna")
                await ringing.hang_up()
                await call.ended("completed")
            assert await asyncio.wait_for(first.service.wait(), 5) == 0
    assert complaints(house) == []


async def test_told_twice_a_service_goes_at_once_and_the_pbx_keeps_its_callers(own_house: House, words: Path):
    house = await impatient(own_house)
    anna = await agent(house, "anna")
    async with dial(house, "1902", NAM) as talking, dial(house, "1900", MINH) as choosing:
        ringing = await anna.rings()
        await ringing.answer()
        await talking.event("AgentAnswered")
        await choosing.played("welcome")
        await told_to_stop(house.service)
        house.service.terminate()
        assert await asyncio.wait_for(house.service.wait(), 5) == 0
        await asyncio.gather(
            choosing.party.hears(house.sounds / "en" / "technical-problem.wav"), talking.party.speak(words)
        )
        assert not talking.party.over
        await ringing.hang_up()
        await talking.party.hung_up()
    assert audio.find(words, ringing.heard).score > 0.6
    assert audio.find(house.sounds / "en" / "technical-problem.wav", talking.party.heard).score < 0.5
    assert complaints(house) == []
