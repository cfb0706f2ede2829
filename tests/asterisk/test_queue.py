"""Callers and agents: who waits, whose phone rings, and what becomes of those whom nobody answers."""

from __future__ import annotations

import pytest
from dialogue import LAN, MINH, NAM, agent, complaints, dial, nothing_left, queued

from hotline.acd.core import Core
from lab import audio
from lab.house import House
from lab.party import BUSY, DECLINED, Call
from lab.world import Phone


async def test_two_callers_and_one_agent_are_served_in_the_order_in_which_they_came(house: House, core: Core):
    async with (
        queued(dial(house, "1902", NAM), position=1) as first,
        queued(dial(house, "1902", LAN), position=2) as second,
    ):
        anna = await agent(house, "anna")
        await _serves(anna, NAM)
        await first.event("AgentAnswered", agent="anna")
        metrics = await house.service.metrics()
        assert metrics['hotline_queue_waiting{queue="power"}'] == 1
        assert metrics['hotline_agents{state="talking"}'] == 1
        await first.party.hang_up()
        await _serves(anna, LAN)
        await second.event("AgentAnswered", agent="anna")
    await nothing_left(house, core, {"anna": "idle"})


async def test_of_two_agents_the_one_who_was_idle_for_longer_is_rung(house: House, core: Core):
    phones = {name: await agent(house, name) for name in ("anna", "binh")}
    for name in ("anna", "binh", "anna"):
        async with dial(house, "1902") as call:
            ringing = await _serves(phones[name], NAM)
            await call.event("AgentAnswered", agent=name)
            await ringing.hang_up()
            await call.ended("completed")
    await nothing_left(house, core, {"anna": "idle", "binh": "idle"})


async def test_two_agents_talk_with_two_callers_at_once(house: House, core: Core):
    anna, binh = [await agent(house, name) for name in ("anna", "binh")]
    async with dial(house, "1902", NAM) as first:
        await _serves(anna, NAM)
        await first.event("AgentAnswered", agent="anna")
        async with dial(house, "1902", LAN) as second:
            await _serves(binh, LAN)
            await second.event("AgentAnswered", agent="binh")
            async with dial(house, "1902", MINH) as third:
                await third.event("CallerQueued", position=1)
                await first.party.hang_up()
                await _serves(anna, MINH)
                await third.event("AgentAnswered", agent="anna")
    await nothing_left(house, core, {"anna": "idle", "binh": "idle"})


async def test_who_was_not_answered_goes_back_to_the_same_place_and_to_the_next_agent(house: House, core: Core):
    anna = await agent(house, "anna")
    async with queued(dial(house, "1902", NAM)) as first, queued(dial(house, "1902", LAN), position=2) as second:
        ringing = await anna.rings()
        assert ringing.caller_id == NAM
        ringing.ignore()
        binh = await agent(house, "binh")
        # binh is free at once, but rings for the second only: the first is with anna until her phone has rung out
        await _serves(binh, LAN)
        await second.event("AgentAnswered", agent="binh")
        missed = await first.event("OfferMissed", agent="anna", outcome="ring-no-answer")
        assert 2.5 < missed["rang"] < 10
        await ringing.hung_up()
        await second.party.hang_up()
        await _serves(binh, NAM)
        await first.event("AgentAnswered", agent="binh")
    await nothing_left(house, core, {"anna": "idle", "binh": "idle"})


async def test_the_old_place_is_in_front_of_those_who_came_later(house: House, core: Core):
    anna = await agent(house, "anna")
    async with queued(dial(house, "1902", NAM)) as first, queued(dial(house, "1902", LAN), position=2) as second:
        ringing = await anna.rings()
        await ringing.reject()
        await first.event("OfferMissed", agent="anna", outcome="busy")
        binh = await agent(house, "binh")
        await _serves(binh, NAM)
        await first.event("AgentAnswered", agent="binh")
        await first.party.hang_up()
        await _serves(binh, LAN)
        await second.event("AgentAnswered", agent="binh")
    await nothing_left(house, core, {"anna": "paused", "binh": "idle"})


@pytest.mark.parametrize(("outcome", "then"), [("busy", "paused"), ("unregistered", "paused"), ("rejected", "idle")])
async def test_an_agent_who_cannot_be_had_costs_the_caller_no_time(house: House, core: Core, outcome: str, then: str):
    marks = {house.service: house.service.mark()}
    anna, binh = [await agent(house, name) for name in ("anna", "binh")]
    if outcome == "unregistered":
        await anna.unregister()
    async with dial(house, "1902") as call:
        if outcome != "unregistered":
            await (await anna.rings()).reject(BUSY if outcome == "busy" else DECLINED)
        missed = await call.event("OfferMissed", agent="anna", outcome=outcome)
        assert missed["rang"] < 2.9
        await _serves(binh, NAM)
        await call.event("AgentAnswered", agent="binh")
    await nothing_left(house, core, {"anna": then, "binh": "idle"})
    assert complaints(house, marks) == []


async def test_an_agent_who_missed_a_call_is_rung_again_when_there_is_no_other(house: House, core: Core):
    anna = await agent(house, "anna")
    async with dial(house, "1902") as call:
        await (await anna.rings()).reject(DECLINED)
        await call.event("OfferMissed", outcome="rejected")
        await _serves(anna, NAM)  # after the second for which she is left alone
        await call.event("AgentAnswered", agent="anna")
    await nothing_left(house, core, {"anna": "idle"})


async def test_who_has_waited_for_long_enough_goes_elsewhere(house: House, core: Core):
    async with dial(house, "1904") as call:
        await call.event("CallerQueued", queue="impatient")
        left = await call.event("CallerLeftQueue", reason="max-wait")
        assert 1.9 < left["waited"] < 10
        await call.ended("completed")
        assert await call.heard() == ["goodbye"]
    await nothing_left(house, core)


async def test_an_agent_who_logs_out_in_a_conversation_finishes_it_and_is_gone(house: House, core: Core):
    anna = await agent(house, "anna")
    async with dial(house, "1902", NAM) as first:
        ringing = await _serves(anna, NAM)
        await first.event("AgentAnswered")
        await house.end_shift("anna")
        assert not ringing.over
        async with dial(house, "1902", LAN) as second:
            await second.event("CallerQueued", position=1)
            await ringing.hang_up()
            await first.ended("completed")
            await nothing_left_but(core, second.id)


async def nothing_left_but(core: Core, call: str) -> None:
    snapshot = await core.snapshot()
    assert set(snapshot.calls) == {call}
    assert not snapshot.agents


async def _serves(phone: Phone, number: str) -> Call:
    """The agent's phone rings with this caller's number, and the agent takes the call."""
    ringing = await phone.rings()
    assert ringing.caller_id == number
    await ringing.answer()
    return ringing


# -- the agents' codes --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "prompt", "state"), [("*11", "agent-logged-in", "idle"), ("*12", "agent-logged-out", "offline")]
)
async def test_agents_begin_and_end_work_by_a_code(house: House, core: Core, code: str, prompt: str, state: str):
    if code == "*12":
        await agent(house, "anna")
    mark = house.service.mark()
    anna = await house.world.phone("anna")
    async with anna.dial(code) as phone:
        await phone.hung_up()
    await house.service.event("AgentStateChanged", after=mark, agent="anna", state=state)
    assert _told(house, phone) == prompt
    await nothing_left(house, core, {"anna": "idle"} if state == "idle" else {})
    assert complaints(house, {house.service: mark}) == []


async def test_a_phone_that_is_nobodys_is_told_so(house: House, core: Core):
    dung = await house.world.phone("dung")
    async with dung.dial("*11") as phone:
        await phone.hung_up()
    assert _told(house, phone) == "agent-unknown"
    await nothing_left(house, core)


async def test_a_caller_who_dials_the_agents_code_reaches_the_menu_and_no_more(house: House, core: Core):
    async with dial(house, "*11", "anna") as call:
        assert call.started["entry"] == "other"
        await call.played("welcome")
    await nothing_left(house, core)


def _told(house: House, phone: Call) -> str:
    """What a phone was told, that is over now. It may have missed the first tenths of a second of so short a text."""
    prompts = ("agent-logged-in", "agent-logged-out", "agent-unknown", "technical-problem")
    scores = {prompt: audio.find(house.sounds / "en" / f"{prompt}.wav", phone.heard).score for prompt in prompts}
    best = max(scores, key=lambda prompt: scores[prompt])
    assert scores[best] > 0.4, scores
    return best
