"""Agents on real phones: breaks by code, calls of their own, and what the PBX knows better than Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from aftermath import all_is_well, core_of
from conftest import NOON
from dialogue import NAM, agent, dial, nothing_left

from hotline.acd.core import Core
from hotline.acd.model import QueueSettings
from lab import audio
from lab.house import House
from lab.party import Call
from lab.world import Phone

POWER = QueueSettings("power", {"power": 1})


async def test_a_break_begins_and_ends_by_a_code(house: House, core: Core):
    anna = await agent(house, "anna")
    mark = house.service.mark()
    await dials(house, anna, "*142", told="agent-paused")
    await house.service.event("AgentStateChanged", after=mark, agent="anna", state="paused")
    async with dial(house, "1902") as caller:
        await caller.event("CallerQueued", position=1)
        await dials(house, anna, "*13", told="agent-ready")
        await (await anna.rings()).answer()
        await caller.event("AgentAnswered", agent="anna")
    await nothing_left(house, core, {"anna": "idle"})


@pytest.mark.parametrize(("code", "told"), [("*149", "agent-no-such-pause"), ("*13", "agent-not-logged-in")])
async def test_codes_that_make_no_sense_are_told_so(house: House, core: Core, code: str, told: str):
    anna = await house.world.phone("anna")
    await dials(house, anna, code, told=told)
    await nothing_left(house, core)


async def test_an_agent_who_phones_for_herself_gets_no_calls_until_she_hangs_up(house: House, core: Core):
    await house.pbx.console("dialplan add extension 7010,1,Dial(PJSIP/chi,30) into lab")
    anna, chi = await agent(house, "anna"), await house.world.phone("chi")
    mark = house.service.mark()
    placed = await own_call(house, chi)
    await house.service.event("AgentStateChanged", after=mark, agent="anna", state="device-busy")
    async with dial(house, "1902", NAM) as caller:
        await caller.event("CallerQueued", position=1)
        assert not [line for line in house.service.events[mark:] if line["event"] == "AgentOffered"]
        assert (await house.service.metrics())['hotline_agents{state="device-busy"}'] == 1
        await placed.hang_up()
        ringing = await anna.rings()
        assert ringing.caller_id == NAM
        await ringing.answer()
        await caller.event("AgentAnswered", agent="anna")
    await nothing_left(house, core, {"anna": "idle"})


async def test_a_conversation_that_only_redis_knows_of_is_ended(
    build_house: Callable[..., Awaitable[House]], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("HOTLINE_RECONCILE", "1")
    house = await build_house()
    await agent(house, "anna")
    began = NOON.timestamp() - 60
    async with core_of(house) as core:
        change = await core.join(
            "pbx1-0.0", queue=POWER, arrival=began, now=began, channel="PJSIP/trunk-0", pbx="pbx1"
        )
        assert change.offers
        assert (await core.answered("pbx1-0.0", "anna", change.offers[0].token, began)).applied
    await house.service.event("LeakHealed", call="pbx1-0.0", what="call", seconds=15)
    assert (await house.service.metrics())['hotline_healed_total{what="call"}'] == 1
    await all_is_well_but_for("pbx1-0.0", house)


async def all_is_well_but_for(call: str, house: House) -> None:
    """Nobody told that this call had joined."""
    for service in house.services:
        service.events[:] = [line for line in service.events if line.get("call") != call]
    await all_is_well(house, anna="idle")


async def own_call(house: House, chi: Phone) -> Call:
    """anna phones chi, who takes the call."""
    async with asyncio.TaskGroup() as group:
        placing = group.create_task(house.world.place("7010", account="anna"))
        await (await chi.rings()).answer()
    return placing.result()


async def dials(house: House, phone: Phone, code: str, *, told: str) -> None:
    """A phone dials a code and is told something to the end. It may miss the first tenths of so short a text."""
    async with phone.dial(code) as call:
        await call.hung_up(20)
    prompts = ("agent-paused", "agent-ready", "agent-no-such-pause", "agent-not-logged-in", "agent-unknown")
    scores = {prompt: audio.find(house.sounds / "en" / f"{prompt}.wav", call.heard).score for prompt in prompts}
    best = max(scores, key=lambda prompt: scores[prompt])
    assert best == told, scores
    assert scores[best] > 0.4, scores
