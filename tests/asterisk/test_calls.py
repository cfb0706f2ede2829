"""Whole calls through a real PBX: answered by an agent, given up at every step, refused, or made by a liar."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from dialogue import BEEP, LAN, NAM, Dialogue, agent, complaints, dial, nothing_left
from stranger import STRANGER, Stranger

from hotline.acd.core import Core
from lab import audio
from lab.house import House


async def test_a_caller_finds_an_agent_and_they_talk(house: House, core: Core, words: Path, reply: Path):
    before = await house.service.metrics()
    async with dial(house, "1900") as call:
        await call.played("welcome")
        await call.listens("main-menu", "more-choices")
        await call.party.press("1")
        await call.event("CallerQueued", queue="power", position=1)
        began = call.party.since_start()
        await asyncio.sleep(2)  # of music
        anna = await agent(house, "anna")
        ringing = await anna.rings()
        assert ringing.caller_id == NAM
        await ringing.answer()
        waited = call.party.since_start()
        await call.event("AgentAnswered", agent="anna")
        await asyncio.gather(call.party.speak(words), ringing.speak(reply))
        await ringing.hang_up()
        await call.event("ConversationEnded", agent="anna", ended_by="agent")
        await call.ended("completed")
        await call.party.hung_up()
    assert (await call.heard())[:4] == ["welcome", "main-menu", "more-choices", "connecting"]
    assert call.hears(reply)
    await ringing.finished()
    assert audio.find(words, ringing.heard).score > 0.6
    music = audio.load(call.party.heard)[int((began + 0.5) * audio.RATE) : int((waited - 0.5) * audio.RATE)]
    assert audio.speech_seconds(music) > 1
    await nothing_left(house, core, {"anna": "idle"})
    _moved(before, await house.service.metrics())


async def test_when_the_caller_hangs_up_the_agent_is_free(house: House, core: Core, words: Path, reply: Path):
    anna = await agent(house, "anna")
    async with dial(house, "1902") as call:
        ringing = await anna.rings()
        await ringing.answer()
        await call.event("AgentAnswered", agent="anna")
        await asyncio.gather(call.party.speak(words), ringing.speak(reply))
        await call.party.hang_up()
        ended = await call.event("ConversationEnded", agent="anna", ended_by="caller")
        await call.ended("caller-hung-up")
        await ringing.hung_up()
    spoken = len(audio.load(words)) / audio.RATE
    assert spoken - 0.5 < ended["talked"] < spoken + 5
    assert call.hears(reply)
    await nothing_left(house, core, {"anna": "idle"})


def _moved(before: dict[str, float], after: dict[str, float]) -> None:
    """A call answered is counted once, wherever it is counted."""
    for name in (
        'hotline_calls_total{entry="1900"}',
        'hotline_menu_keys_total{menu="choose",outcome="chosen"}',
        'hotline_queue_offered_total{queue="power"}',
        'hotline_queue_answered_total{queue="power"}',
        'hotline_queue_answered_within_total{queue="power"}',
        'hotline_offers_total{outcome="answered",queue="power"}',
        'hotline_talk_seconds_count{queue="power"}',
        'hotline_wait_seconds_count{outcome="answered",queue="power"}',
    ):
        assert after[name] - before[name] == 1, name
    assert after['hotline_wait_seconds_sum{outcome="answered",queue="power"}'] > 2
    assert after["hotline_calls_active"] == after['hotline_queue_waiting{queue="power"}'] == 0
    assert after['hotline_agents{state="idle"}'] == 1


# -- the caller hangs up, wherever the call has got to ------------------------------------------------------------


async def in_the_first_prompt(house: House, call: Dialogue) -> None:
    await call.event("MenuEntered", menu="main")
    await asyncio.sleep(0.3)


async def at_the_question(house: House, call: Dialogue) -> None:
    await call.played("welcome")
    await call.listens("main-menu", "more-choices")


async def at_the_correction(house: House, call: Dialogue) -> None:
    await call.played("welcome")
    await call.party.press("7")
    await call.event("KeyPressed", key="7", outcome="invalid")
    await asyncio.sleep(0.3)


async def in_a_transfer(house: House, call: Dialogue) -> None:
    chi = await house.world.phone("chi")
    (await chi.rings()).ignore()


async def while_waiting(house: House, call: Dialogue) -> None:
    await call.event("CallerQueued")
    await asyncio.sleep(0.3)


async def while_the_agent_rings(house: House, call: Dialogue) -> None:
    anna = await agent(house, "anna")
    (await anna.rings()).ignore()
    await call.event("AgentOffered", agent="anna")


async def while_talking(house: House, call: Dialogue) -> None:
    anna = await agent(house, "anna")
    await (await anna.rings()).answer()
    await call.event("AgentAnswered", agent="anna")


async def in_the_greeting(house: House, call: Dialogue) -> None:
    await call.event("MenuEntered", menu="message")
    await asyncio.sleep(0.3)


async def in_the_recording(house: House, call: Dialogue) -> None:
    await call.played("voicemail-greeting")
    await asyncio.sleep(BEEP)


async def in_the_promise(house: House, call: Dialogue) -> None:
    await in_the_recording(house, call)
    await call.party.speak(house.sounds / "en" / "busy-try-later.wav")
    await call.party.press("#")
    await call.event("VoicemailSaved", hung_up=False)
    await asyncio.sleep(0.3)


STEPS = [
    ("1900", in_the_first_prompt, None),
    ("1900", at_the_question, None),
    ("1900", at_the_correction, None),
    ("1903", in_a_transfer, None),
    ("1902", while_waiting, ("CallerLeftQueue", {"reason": "abandoned"})),
    ("1902", while_the_agent_rings, ("CallerLeftQueue", {"reason": "abandoned"})),
    ("1902", while_talking, ("ConversationEnded", {"ended_by": "caller", "agent": "anna"})),
    ("1905", in_the_greeting, None),
    ("1905", in_the_recording, ("VoicemailFailed", {"reason": "too-short"})),
    ("1905", in_the_promise, None),
]
"""Number dialed, how far the call gets, and what is told of it besides its end."""


@pytest.mark.parametrize(("number", "step", "left"), STEPS, ids=[step.__name__ for _, step, _ in STEPS])
async def test_a_caller_may_hang_up(
    house: House,
    core: Core,
    number: str,
    step: Callable[[House, Dialogue], Awaitable[None]],
    left: tuple[str, dict[str, str]] | None,
):
    await house.world.phone("chi")
    marks = {service: service.mark() for service in house.services}
    async with dial(house, number) as call:
        await step(house, call)
        await call.party.hang_up()
        if left:
            await call.event(left[0], **left[1])
        await call.ended("caller-hung-up")
    at_work = step in (while_the_agent_rings, while_talking)
    await nothing_left(house, core, {"anna": "idle"} if at_work else {})
    assert complaints(house, marks) == []
    assert not list((house.spool / "tmp").iterdir())
    metrics = await house.service.metrics()
    assert metrics["hotline_calls_active"] == metrics['hotline_queue_waiting{queue="power"}'] == 0


# -- calls that are not as they should be -------------------------------------------------------------------------


async def test_above_the_limit_a_caller_is_told_to_call_later(build_house):
    house: House = await build_house(max_calls=1)
    async with dial(house, "1900") as first:
        await first.played("welcome")
        async with house.world.call("1900", caller_id=LAN) as second:
            await second.hung_up()
        await house.service.event("CallRefused", reason="full")
        assert audio.find(house.sounds / "en" / "busy-try-later.wav", second.heard).score > 0.6
        await first.party.press("#")
        await first.ended("completed")
    assert complaints(house) == []


async def test_a_lie_about_the_callers_number_disturbs_nobody_and_gets_nowhere(house: House, core: Core):
    marks = {service: service.mark() for service in house.services}
    anna = await agent(house, "anna")
    async with Stranger(house.pbx.sip, "1902"):
        ringing = await anna.rings()
        shown = "".join(each for each in ringing.caller_id if each.isdigit())
        await ringing.answer()
        await house.service.event("AgentAnswered", after=marks[house.service], agent="anna")
        started = await house.service.event("CallStarted", after=marks[house.service], entry="1902")
    assert set(ringing.caller_id) <= set("0123456789+*#")
    assert shown.startswith(STRANGER[:4])
    await house.service.event("CallEnded", call=started["call"], reason="caller-hung-up")
    await ringing.hung_up()
    await nothing_left(house, core, {"anna": "idle"})
    assert complaints(house, marks) == []
