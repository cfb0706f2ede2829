"""Messages left by telephone: what was said is what is kept, and the caller is promised the right moment."""

from __future__ import annotations

import asyncio
import hashlib
import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from dialogue import BEEP, LAN, MINH, NAM, Dialogue, complaints, dial, nothing_left

from hotline.acd.core import Core
from lab import audio
from lab.house import House
from lab.service import Line

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY_NIGHT = datetime(2026, 11, 27, 22, 15, tzinfo=ZONE)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """Of November 2026; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour, minute, tzinfo=ZONE)


def recording_of(house: House, saved: Line) -> Path:
    return house.spool / "voicemail" / f"{saved['promise']}.wav"


def line_of(house: House, saved: Line) -> dict[str, Any]:
    """What the outbox says of a message."""
    outbox = "".join(file.read_text() for file in (house.spool / "outbox").glob("*.jsonl"))
    (line,) = [each for each in map(json.loads, outbox.splitlines()) if each["id"] == saved["promise"]]
    return line


async def speaks(call: Dialogue, words: Path) -> None:
    """After the tone."""
    await asyncio.sleep(BEEP)
    await call.party.speak(words)


async def test_a_message_on_friday_night_is_kept_and_promised_for_monday_morning(
    house: House, core: Core, words: Path
):
    before = await house.service.metrics()
    house.set_clock(FRIDAY_NIGHT)
    async with dial(house, "1901", NAM) as call:
        await call.event("HoursChecked", calendar="office", open=False)
        await call.played("voicemail-greeting")
        await speaks(call, words)
        await call.party.press("#")
        saved = await call.event("VoicemailSaved", queue="power", hung_up=False)
        await call.played("message-saved", "callback-promise", "day-1", "from-08-00", "until-17-00")
        await call.ended("completed")
        heard = await call.heard()
    assert heard == ["closed", "voicemail-greeting", "message-saved", "callback-promise", "goodbye"]
    assert _said(call, [f"day-{number}" for number in range(1, 8)]) == "day-1"
    assert call.hears(house.sounds / "en" / "from-08-00.wav")
    assert datetime.fromtimestamp(saved["due"], ZONE) == at(30, 8)
    recording, line = recording_of(house, saved), line_of(house, saved)
    assert audio.similarity(words, recording) > 0.8
    assert line["sha256"] == hashlib.sha256(recording.read_bytes()).hexdigest()
    assert (line["number"], line["call"], line["due"]) == (NAM, call.id, saved["due"])
    await nothing_left(house, core)
    after = await house.service.metrics()
    for name in ('hotline_voicemails_total{outcome="saved",queue="power"}', "hotline_voicemail_seconds_count"):
        assert after[name] - before[name] == 1, name
    assert _promises(after) - _promises(before) == 1


def _said(call: Dialogue, prompts: list[str]) -> str:
    """Which of some prompts that are much alike the caller heard."""
    folder = call.house.sounds / "en"
    return max(prompts, key=lambda prompt: audio.find(folder / f"{prompt}.wav", call.party.heard).score)


def _promises(metrics: dict[str, float]) -> float:
    return sum(value for name, value in metrics.items() if name.startswith("hotline_promises{"))


@pytest.mark.parametrize(
    ("left", "due"),
    [(at(26, 6, 30), at(26, 8)), (at(24, 18, 5), at(25, 8)), (at(25, 12), at(26, 8))],
    ids=["early in the morning", "in the evening", "at noon"],
)
async def test_who_hangs_up_in_a_message_has_left_it(
    house: House, core: Core, words: Path, left: datetime, due: datetime
):
    marks = {house.service: house.service.mark()}
    house.set_clock(left)
    async with dial(house, "1905", LAN) as call:
        await call.played("voicemail-greeting")
        await speaks(call, words)
        await call.party.hang_up()
        saved = await call.event("VoicemailSaved", hung_up=True)
        await call.ended("caller-hung-up")
    assert datetime.fromtimestamp(saved["due"], ZONE) == due
    assert audio.similarity(words, recording_of(house, saved)) > 0.8
    assert line_of(house, saved)["number"] == LAN
    await nothing_left(house, core)
    assert complaints(house, marks) == []


async def test_silence_ends_a_message(house: House, words: Path):
    async with dial(house, "1905", MINH) as call:
        await call.played("voicemail-greeting")
        await speaks(call, words)
        saved = await call.event("VoicemailSaved", hung_up=False)
    assert audio.similarity(words, recording_of(house, saved)) > 0.8
    spoken = len(audio.load(words)) / audio.RATE
    assert spoken - 1 < saved["seconds"] < spoken + 3


async def test_too_short_a_message_is_asked_for_once_more_and_then_no_more(house: House, words: Path):
    async def speaks_at_last(call: Dialogue) -> Line:
        await _asked_twice(call)
        await speaks(call, words)
        await call.party.press("#")
        saved = await call.event("VoicemailSaved")
        await call.ended("completed")
        return saved

    async def has_nothing_to_say(call: Dialogue) -> None:
        await _asked_twice(call)
        await asyncio.sleep(BEEP)
        await call.party.press("#")
        await call.event("VoicemailFailed", reason="too-short")
        await call.ended("completed")

    kept = set((house.spool / "voicemail").glob("*"))
    async with dial(house, "1905", caller_id="") as hidden, dial(house, "1905", LAN) as silent:
        saved, _ = await asyncio.gather(speaks_at_last(hidden), has_nothing_to_say(silent))
    asked = ["voicemail-greeting", "message-too-short", "voicemail-greeting"]
    assert await hidden.heard() == [*asked, "message-saved", "callback-no-number", "goodbye"]
    assert await silent.heard() == [*asked, "message-too-short", "goodbye"]
    assert set((house.spool / "voicemail").glob("*")) == kept | {recording_of(house, saved)}
    assert not list((house.spool / "tmp").iterdir())
    assert audio.similarity(words, recording_of(house, saved)) > 0.8
    assert line_of(house, saved)["number"] == ""


async def _asked_twice(call: Dialogue) -> None:
    await call.played("voicemail-greeting")
    await asyncio.sleep(BEEP)
    await call.party.press("#")
    await call.played("message-too-short", "voicemail-greeting")
