"""What callers are asked about their messages, by telephone; whoever leaves in the middle has left a message."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
from dialogue import BEEP, LAN, MINH, NAM, Dialogue, answers, complaints, dial, nothing_left
from scenes import die
from test_messages import line_of, recording_of

from hotline.acd.core import Core
from lab import audio
from lab.house import House

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY_NIGHT = datetime(2026, 11, 27, 22, 15, tzinfo=ZONE)
REASON = ("which-reason", "reason-meter", "press-1", "reason-refund", "press-2")
PART = ("which-part", "part-morning", "press-1", "part-afternoon", "press-2")
BILLS = "1906"
"""The entry that asks all that can be asked about a message."""


async def leaves(call: Dialogue, words: Path) -> None:
    await call.played("bills-greeting")
    await says(call, words)


async def says(call: Dialogue, words: Path) -> None:
    await asyncio.sleep(BEEP)
    await call.party.speak(words)
    await call.party.press("#")


def known(line: dict[str, Any]) -> tuple[str, bool, str, str]:
    return line["number"], line["confirmed"], line["reason"], line["part"]


def whole(heard: list[str]) -> list[str]:
    """What was heard, but for questions that were cut by a key: those that are asked once more.

    How much of them came through is up to the machine.
    """
    again = ("message-review", "number-is", "number-right", "number-enter")
    return [each for place, each in enumerate(heard, 1) if each not in again or each not in heard[place:]]


def digits(house: House, number: str) -> audio.Sound:
    """How a number sounds."""
    return np.concatenate([audio.load(house.sounds / "en" / f"digit-{digit}.wav") for digit in number])


async def test_a_caller_records_again_listens_gives_another_number_a_reason_and_a_time(
    house: House, core: Core, words: Path, reply: Path
):
    """`reply` is what they say first, and take back."""
    house.set_clock(FRIDAY_NIGHT)
    async with dial(house, BILLS, LAN) as call:
        await leaves(call, reply)
        await answers(call, "message-review", key="2", hurry=True)
        await call.played("record-again")
        await says(call, words)
        await answers(call, "message-review", key="1", hurry=True)
        await call.party.hears(words, within=15)
        await answers(call, "message-review", key="#")
        await answers(call, "number-is", "number-right", key="2", hurry=True)
        await answers(call, "number-enter", key="0900#", hurry=True)
        await answers(call, "number-not-dialable", "number-enter", key="0912223334#")
        await answers(call, "number-is", "number-right", key="1", number="0912223334")
        await answers(call, *REASON, key="2")
        await answers(call, *PART, key="2")
        saved = await call.event("VoicemailSaved", queue="bills", hung_up=False)
        await call.played("message-saved", "callback-promise", "day-1", "from-13-00", "until-17-00")
        await call.ended("completed")
        heard = await call.heard()
    line = line_of(house, saved)
    assert audio.similarity(words, recording_of(house, saved)) > 0.8
    assert (line["number"], line["confirmed"], line["reason"], line["part"]) == (
        MINH,
        True,
        "reason-refund",
        "afternoon",
    )
    assert datetime.fromtimestamp(line["due"], ZONE) == datetime(2026, 11, 30, 13, tzinfo=ZONE)
    assert whole(heard) == [
        *("bills-greeting", "record-again", "message-review", "number-not-dialable", "number-enter"),
        *("number-is", "number-right", "which-reason", "reason-meter", "reason-refund", "which-part", "part-morning"),
        *("message-saved", "callback-promise", "goodbye"),
    ]
    assert audio.find(digits(house, "0912223334"), call.party.heard).score > 0.6
    assert not list((house.spool / "tmp").iterdir()), "the first recording is gone"
    await nothing_left(house, core)


# -- the caller hangs up, wherever the questions have got to ------------------------------------------------------


async def at_the_review(call: Dialogue) -> None:
    await call.listens("message-review")


async def while_listening(call: Dialogue) -> None:
    await answers(call, "message-review", key="1", hurry=True)
    await asyncio.sleep(0.5)


async def before_saying_it_again(call: Dialogue) -> None:
    await answers(call, "message-review", key="2", hurry=True)
    await call.played("record-again")
    await asyncio.sleep(BEEP)


async def saying_it_again(call: Dialogue) -> None:
    await before_saying_it_again(call)
    await asyncio.sleep(0.5)  # of silence: no message


async def at_the_number(call: Dialogue) -> None:
    await answers(call, "message-review", key="#", hurry=True)
    await asyncio.sleep(0.5)


async def keying_a_number_in(call: Dialogue) -> None:
    await at_the_number(call)
    await answers(call, "number-is", "number-right", key="2", hurry=True)
    await asyncio.sleep(0.5)
    await call.party.press("09122")


async def hearing_it_read_back(call: Dialogue) -> None:
    await keying_a_number_in(call)
    await call.party.press("23334#")
    await call.played("number-enter")


async def at_the_reason(call: Dialogue) -> None:
    await at_the_number(call)
    await answers(call, "number-is", "number-right", key="1", hurry=True)
    await asyncio.sleep(0.5)


async def at_the_part_of_the_day(call: Dialogue) -> None:
    await at_the_reason(call)
    await answers(call, *REASON, key="1", hurry=True)
    await asyncio.sleep(0.5)


Step = Callable[[Dialogue], Awaitable[None]]

STEPS: dict[Step, tuple[str, bool, str]] = {
    at_the_review: (NAM, False, ""),
    while_listening: (NAM, False, ""),
    before_saying_it_again: (NAM, False, ""),
    saying_it_again: (NAM, False, ""),
    at_the_number: (NAM, False, ""),
    keying_a_number_in: (NAM, False, ""),
    hearing_it_read_back: (MINH, True, ""),
    at_the_reason: (NAM, True, ""),
    at_the_part_of_the_day: (NAM, True, "reason-meter"),
}
"""How far the caller gets, and what is known then: the number, whether they pressed a key for it, the reason."""


async def test_who_hangs_up_at_a_question_has_left_the_message_and_what_was_answered(
    house: House, core: Core, words: Path
):
    marks = {service: service.mark() for service in house.services}

    async def goes(call: Dialogue, step: Step) -> None:
        await leaves(call, words)
        await step(call)
        await call.party.hang_up()
        saved = await call.event("VoicemailSaved", hung_up=True)
        await call.ended("caller-hung-up")
        line = line_of(house, saved)
        assert known(line) == (*STEPS[step], ""), step.__name__
        assert audio.similarity(words, recording_of(house, saved)) > 0.8, step.__name__

    async with AsyncExitStack() as calls, asyncio.TaskGroup() as going:
        for step in STEPS:
            call = await calls.enter_async_context(dial(house, BILLS, NAM))
            going.create_task(goes(call, step))
    await nothing_left(house, core)
    assert complaints(house, marks) == []
    assert not list((house.spool / "tmp").iterdir())


async def test_who_was_asked_when_the_service_died_is_asked_on_and_need_not_speak_again(
    own_house: House, words: Path
):
    house, service = own_house, own_house.service
    async with dial(house, BILLS, NAM) as call:
        await leaves(call, words)
        await answers(call, "message-review", key="#", hurry=True)
        await call.party.hears(house.sounds / "en" / "number-is.wav")
        await answers(call, "number-is", "number-right", key="1", hurry=True)
        await asyncio.sleep(0.5)
        await die(service)
        mark = service.mark()
        await service.start()
        await service.event("CallStarted", after=mark, call=call.id, resumed=True)
        await call.played("technical-problem")
        await answers(call, "message-review", key="#", hurry=True)
        await answers(call, *REASON, key="1", hurry=True)
        await answers(call, *PART, key="1", hurry=True)
        saved = await call.event("VoicemailSaved", hung_up=False)
        await call.ended("completed")
        heard = await call.heard()
    line = line_of(house, saved)
    assert known(line) == (NAM, True, "reason-meter", "morning")
    assert audio.similarity(words, recording_of(house, saved)) > 0.8
    assert heard.count("bills-greeting") == heard.count("number-is") == 1
    assert not list((house.spool / "tmp").iterdir())
