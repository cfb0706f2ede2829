"""Services, Redis and the indexer are killed, and Redis is wiped, again and again while callers leave messages: none
that was called saved is lost. Whether it was, their own ears tell: what went to them is compared with the prompt."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from storm import (
    Caller,
    Faults,
    beginning,
    grow_old,
    left_over,
    lines_of,
    make_callers,
    make_tone,
    told,
    victims_of,
    wrong_in_redis,
    wrong_with,
)

from lab import audio
from lab.house import House

SEED = 4


@pytest.mark.timeout(3000)
async def test_no_message_that_was_called_saved_is_lost_whatever_is_killed(
    build_answering: Callable[..., Awaitable[House]],
    tmp_path: Path,
    deep: bool,
    record_property: Callable[[str, object], None],
):
    count, at_once, seconds = (200, 8, float("inf")) if deep else (12, 12, 12.0)
    chance = random.Random(SEED)
    house, callers = await asyncio.gather(
        build_answering(services=2),
        make_callers(count, tmp_path / "words", chance, third="1902" if deep else "1901"),
    )
    indexer = house.make_indexer()
    await indexer.start()
    faults = Faults(house, victims_of(house, indexer), chance, pause=(0.5, 6.0) if deep else (2.0, 4.0))
    tone = make_tone(tmp_path / "tone.wav")
    try:
        began = time.monotonic()
        async with faults.raging(seconds):
            await _all_phone(house, callers, at_once, tone)
        print(f"{count} callers in {time.monotonic() - began:.0f} s; killed: {dict(faults.killed)}")
        lines = await _settled(house)
    finally:
        await indexer.stop()
    assert list(wrong_with(house.spool, lines)) == []
    saved = beginning(_prompt(house, "message-saved"), tmp_path / "saved.wav")
    messages = await _saved(house, callers, lines, tone, saved)
    assert messages > count / 2, "too few were told anything for this to prove much"
    record_property("messages called saved while processes were killed, all there", messages)


def _prompt(house: House, name: str) -> Path:
    return house.sounds / "en" / f"{name}.wav"


async def _all_phone(house: House, callers: list[Caller], at_once: int, tone: Path) -> None:
    room = asyncio.Semaphore(at_once)

    async def phone(caller: Caller) -> None:
        async with room:
            await caller.phone(house, tone)

    async with asyncio.TaskGroup() as calls:
        for caller in callers:
            calls.create_task(phone(caller))
            await asyncio.sleep(0.2)  # people do not phone in the same instant


async def _settled(house: House) -> list[dict[str, Any]]:
    """The lines, once everything that lay about is taken in and Redis knows of it."""
    grow_old(house.spool)
    await asyncio.gather(*(each.stop() for each in house.services))
    await asyncio.gather(*(each.start(seconds=60) for each in house.services))  # each begins with a round
    async with asyncio.timeout(60):
        while left_over(house.spool):  # noqa: ASYNC110 - a folder sends no event
            await asyncio.sleep(0.2)
        while await wrong_in_redis(house.redis.address, lines := lines_of(house.spool)):  # noqa: ASYNC110 - nor Redis
            await asyncio.sleep(0.2)
    return lines


async def _saved(house: House, callers: list[Caller], lines: list[dict[str, Any]], tone: Path, saved: Path) -> int:
    """How many messages the callers were told to be saved; all of them are there, with the callers' own words."""
    for other in ("voicemail-greeting", "technical-problem", "goodbye", "callback-promise"):
        assert audio.find(saved, _prompt(house, other)).score < 0.5, "the ear must tell them apart"
        assert audio.find(tone, _prompt(house, other)).score < 0.5, "the ear must tell them apart"
    promised, likeness, tones = 0, [1.0], Counter[int]()
    for caller in callers:
        chances, count = await asyncio.to_thread(told, caller, tone, saved)
        theirs = [line for line in lines if line["number"] == caller.number]
        alike = [await asyncio.to_thread(_likeness, house, caller, line) for line in theirs]
        good = sorted((each for each in alike if each > 0.6), reverse=True)[:count]
        assert len(good) == count, f"{caller.words} was told of {count}; kept are {alike} in {theirs}"
        assert len(theirs) <= chances, f"{caller.words} spoke {chances} times; kept are {theirs}"
        promised += count
        likeness += good
        tones[chances] += 1
    print(f"{promised} were told; kept: {dict(Counter(line['source'] for line in lines))}")
    print(f"the least likeness is {min(likeness):.2f}; calls by tones heard: {dict(sorted(tones.items()))}")
    return promised


def _likeness(house: House, caller: Caller, line: dict[str, Any]) -> float:
    """How much of the caller's words is in a recording; the key after them may have cut off a few milliseconds."""
    recording = audio.load(house.spool / "voicemail" / f"{line['id']}.wav")
    breath = np.zeros(audio.RATE // 2)
    return audio.find(caller.words, np.concatenate([breath, recording, breath])).score
