"""Messages while something breaks: the service under the caller, or the PBX's way to the disk."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest
from dialogue import BEEP, LAN, NAM, Dialogue, dial
from scenes import MESSAGE, die, kept_messages
from storm import grow_old, wrong_with

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


async def test_a_disk_that_is_full_in_mid_recording_is_told_and_no_other_message_is_harmed(
    own_house: House, words: Path
):
    """First it takes no more of the PBX alone, then nothing of the service either; then there is room again."""
    house, service = own_house, own_house.service
    async with dial(house, MESSAGE, NAM) as call:
        await begins_to_speak(call, words)
        with full(house.pbx.process.pid, SPACE):
            await speaks_on(call, words)
            await call.event("VoicemailFailed", reason="cut-short")
        first = await call.event("VoicemailSaved", hung_up=False)
        await call.ended("completed")
        heard = await call.heard()
    assert heard == ["voicemail-greeting", "message-cut-short", "message-saved", "callback-promise", "goodbye"]
    assert first["seconds"] == pytest.approx(SPACE / 16_000, abs=0.1), "so much of it is there"
    recording = house.spool / "voicemail" / f"{first['promise']}.wav"
    before = recording.read_bytes()
    async with dial(house, MESSAGE, LAN) as call:
        await begins_to_speak(call, words)
        with full(house.pbx.process.pid, SPACE), full(service.pid, 0):
            await speaks_on(call, words)
            failed = await call.event("VoicemailFailed", reason="disk")
        await call.ended("completed")
        heard = await call.heard()
    assert failed["problem"] == "File too large"
    assert heard == ["voicemail-greeting", "message-cut-short", "technical-problem", "goodbye"]
    grow_old(house.spool)
    saved = await service.event("VoicemailSaved", seconds=30, source="recovered")
    lines = await kept_messages(house, 2)
    assert [(line["id"], line["number"]) for line in lines] == [(first["promise"], NAM), (saved["promise"], LAN)]
    assert list(wrong_with(house.spool, lines)) == []
    assert recording.read_bytes() == before


SPACE = 50_000
"""Bytes that the full disk takes of a recording: three seconds."""


async def begins_to_speak(call: Dialogue, words: Path) -> None:
    await call.played("voicemail-greeting")
    await asyncio.sleep(BEEP)
    await call.party.speak(words)


async def speaks_on(call: Dialogue, words: Path) -> None:
    await call.party.speak(words)
    await call.party.speak(words)
    await call.party.press("#")


@contextlib.contextmanager
def full(pid: int, size: int) -> Iterator[None]:
    """As if the disk were full for a process: it can write nothing beyond `size` bytes of a file."""
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
