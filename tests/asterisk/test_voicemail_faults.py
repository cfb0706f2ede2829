"""Messages while something breaks: the service under the caller, or the PBX's way to the disk."""

from __future__ import annotations

import asyncio
from pathlib import Path

from dialogue import BEEP, NAM, dial
from scenes import MESSAGE, die

from lab import audio
from lab.house import House


async def test_who_was_speaking_when_the_service_died_is_asked_again_at_the_same_step(own_house: House, words: Path):
    house, service = own_house, own_house.service
    async with dial(house, MESSAGE, NAM) as call:
        await call.played("voicemail-greeting")
        await asyncio.sleep(BEEP)
        speaking = asyncio.create_task(call.party.speak(words))
        await asyncio.sleep(1)
        await die(service)
        await speaking
        mark = service.mark()
        await service.start()
        await service.event("CallStarted", after=mark, call=call.id, resumed=True)
        await call.played("technical-problem")
        await call.played("voicemail-greeting")
        await asyncio.sleep(BEEP)
        await call.party.speak(words)
        await call.party.press("#")
        saved = await call.event("VoicemailSaved")
        await call.ended("completed")
    assert [line["menu"] for line in service.events[mark:] if line["event"] == "MenuEntered"] == ["message"]
    assert audio.similarity(words, house.spool / "voicemail" / f"{saved['promise']}.wav") > 0.8
    notes = list((house.spool / "tmp").glob("*.note"))
    assert len(notes) == 1, "what was said before waits for the next round, with its note"


async def test_a_pbx_that_may_not_record_is_told_to_the_caller(own_house: House):
    """The folder vanishes under the PBX, after the service has noted whose recording it is to be."""
    house = own_house
    async with dial(house, MESSAGE, NAM) as call:
        await call.event("MenuEntered", menu="message")
        async with asyncio.timeout(10):
            while not (notes := list((house.spool / "tmp").glob("*.note"))):  # noqa: ASYNC110 - a file sends no event
                await asyncio.sleep(0.005)
        notes[0].with_suffix(".wav").mkdir()  # a file of this name cannot be made now
        failed = await call.event("VoicemailFailed")
        await call.played("technical-problem")
        await call.ended("completed")
    assert (failed["reason"], failed["queue"]) == ("recording", "power")
    assert "may it write there" in failed["problem"]
