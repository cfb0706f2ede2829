"""Menus as callers meet them: what is said in which order, which keys are taken, and where they lead."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from dialogue import LAN, MINH, NAM, Dialogue, dial, nothing_left

from hotline.acd.core import Core
from lab import audio
from lab.house import House

QUESTION = ["main-menu", "more-choices"]


def but_for(cut: str, heard: list[str]) -> list[str]:
    """What was heard, but for a prompt that a key cut: how much of that came through is up to the machine."""
    return [each for each in heard if each != cut]


async def test_wrong_keys_and_silence_lead_to_goodbye(house: House):
    async def wrong_then_silent(call: Dialogue) -> list[str]:
        await call.played("welcome")
        await call.listens(*QUESTION)
        await call.party.press("7")
        for outcome in ("invalid", "silence", "silence"):
            await call.event("KeyPressed", outcome=outcome)
        await call.ended("completed")
        return await call.heard()

    async def only_wrong(call: Dialogue) -> list[str]:
        await call.played("welcome")
        for key in "345":
            await call.party.press(key)
            await call.event("KeyPressed", key=key, outcome="invalid")
        await call.ended("completed")
        return await call.heard()

    async with dial(house, "1900", NAM) as one, dial(house, "1900", LAN) as other:
        slow, quick = await asyncio.gather(wrong_then_silent(one), only_wrong(other))
    assert slow == ["welcome", *QUESTION, "invalid-key", *QUESTION, "nothing-pressed", *QUESTION, "goodbye"]
    assert but_for("invalid-key", quick) == ["welcome", "goodbye"]


async def test_star_and_hash_are_keys_like_any_other(house: House):
    await (await house.world.phone("chi")).unregister()
    for key, menu in (("*", "operator"), ("#", "bye")):
        async with dial(house, "1900") as call:
            await call.played("welcome")
            await call.party.press(key)
            await call.event("KeyPressed", key=key, outcome="chosen")
            await call.event("MenuEntered", menu=menu)
            await call.ended("completed")
            assert (await call.heard())[-1] == "goodbye"


async def test_a_key_in_the_first_of_two_prompts_is_taken_at_once(house: House):
    async with dial(house, "1900") as call:
        await call.played("welcome")
        await asyncio.sleep(0.5)
        await call.party.press("#")
        played = await call.played(*QUESTION)
        await call.ended("completed")
        assert played["key"] == "#"
        assert but_for("main-menu", await call.heard()) == ["welcome", "goodbye"]


async def test_keys_pressed_ahead_are_taken_in_order(house: House):
    """Two wrong ones and a right one in half a second: each answers what the one before brought up."""
    async with dial(house, "1900") as call:
        await call.played("welcome")
        await call.party.press("78#")
        for key, outcome in (("7", "invalid"), ("8", "invalid"), ("#", "chosen")):
            await call.event("KeyPressed", key=key, outcome=outcome)
        await call.ended("completed")
        assert but_for("invalid-key", await call.heard()) == ["welcome", "goodbye"]


async def test_a_key_between_two_prompts_of_a_question_is_not_lost(house: House):
    """Right where one file gives way to the next, for a caller each on both sides of the seam."""
    seam = len(audio.load(house.sounds / "en" / "main-menu.wav")) / audio.RATE

    async def press(call: Dialogue, at: float) -> None:
        await asyncio.sleep(at)
        await call.party.press("#")
        await call.event("KeyPressed", key="#", outcome="chosen")

    async with dial(house, "1900", NAM) as one, dial(house, "1900", LAN) as two, dial(house, "1900", MINH) as three:
        await asyncio.gather(*(call.played("welcome") for call in (one, two, three)))
        await asyncio.gather(*(press(call, seam + x) for call, x in ((one, -0.2), (two, -0.1), (three, 0.0))))


async def test_who_chooses_vietnamese_hears_vietnamese_to_the_end(house: House):
    async with dial(house, "1900") as call:
        await call.played("welcome")
        await call.party.press("9")
        await call.event("LanguageChosen", language="vi")
        await call.listens(*QUESTION, language="vi")
        await call.party.press("5")
        await call.event("KeyPressed", key="5", outcome="invalid")
        await call.listens("invalid-key", language="vi")
        await call.party.press("#")
        await call.ended("completed")
        heard = await call.heard(languages=("en", "vi"))
    assert heard[:4] == ["welcome", "vi/main-menu", "vi/more-choices", "vi/invalid-key"]
    assert heard[-1] == "vi/goodbye"


async def test_a_transfer_connects_the_two(house: House, core: Core, words: Path, reply: Path):
    chi = await house.world.phone("chi")
    async with dial(house, "1903") as call:
        ringing = await chi.rings()
        assert ringing.caller_id == NAM
        await ringing.answer()
        await asyncio.gather(call.party.speak(words), ringing.speak(reply))
        await ringing.hang_up()
        await call.event("Transferred", target="PJSIP/chi", outcome="answered")
        await call.ended("completed")
        await call.heard()
        assert call.hears(reply)
    assert audio.find(words, ringing.heard).score > 0.6
    await nothing_left(house, core)


@pytest.mark.parametrize("outcome", ["ring-no-answer", "busy", "unregistered"])
async def test_a_transfer_that_nobody_takes_goes_on(house: House, core: Core, outcome: str):
    chi = await house.world.phone("chi", register=False)
    await (chi.unregister() if outcome == "unregistered" else chi.register())
    async with dial(house, "1903") as call:
        if outcome != "unregistered":
            ringing = await chi.rings()
            if outcome == "busy":
                await ringing.reject()
            else:
                ringing.ignore()
        await call.event("Transferred", outcome=outcome)
        await call.ended("completed")
        assert await call.heard() == ["goodbye"]
    await nothing_left(house, core)


async def test_a_number_that_is_in_no_entry_gets_the_default(house: House):
    async with dial(house, "555") as call:
        assert call.started["entry"] == "other"
        await call.event("MenuEntered", menu="main")
