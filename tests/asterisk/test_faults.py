"""kill -9 of a service, with callers in a menu, in the queue, with an agent, and with an agent's phone ringing."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from aftermath import all_is_well, state_of
from conftest import CONFIG, NOON
from dialogue import LAN, NAM, agent, dial, first_to_say, queued
from scenes import (
    STRAIGHT,
    dial_at,
    die,
    heard_all,
    kept_messages,
    leave_message,
    serve,
    talk,
    tell_each_other,
    waiting,
)

from lab import audio
from lab.house import House

Build = Callable[..., Awaitable[House]]


async def test_the_talker_notices_nothing_and_the_others_are_back_within_3_s_of_its_return(
    own_house: House, stories: tuple[Path, Path]
):
    house, service = own_house, own_house.service
    async with talk(house) as (talker, anna), waiting(house) as others, dial(house, "1900", NAM) as chooser:
        await chooser.played("welcome")
        telling = asyncio.create_task(tell_each_other(talker.party, anna, stories))
        await asyncio.sleep(0.5)  # the menu is being read out, the stories have begun
        await die(service)
        mark = service.mark()
        await service.start()
        began = time.monotonic()  # how long a busy machine takes to start a Python is not ours to promise
        for each in (*others, chooser):
            back = await service.event("CallStarted", after=mark, call=each.id, resumed=True)
            print(f"back {back['seen'] - began:.2f} s after the service was ready")
            assert back["seen"] - began < 3
        await chooser.event("MenuEntered", menu="main")
        for place, each in enumerate(others, 1):
            await each.event("CallerQueued", position=place, rejoined=True)
        assert not telling.done(), "the stories must last until everyone is back"
        await telling
        await chooser.party.hang_up()
        await anna.hang_up()
        await talker.event("ConversationEnded", agent="anna", ended_by="agent")
        await talker.party.hung_up()
        await heard_all(talker.party, anna, stories)
        await serve(await house.world.phone("anna"), *others)
    await all_is_well(house, anna="idle")


async def test_without_a_restart_the_pbx_takes_messages_and_a_later_service_keeps_them(own_house: House, words: Path):
    house, service = own_house, own_house.service
    await house.pbx.console("dialplan set global HOTLINE_PATIENCE 3")
    greeting = house.sounds / "en" / "voicemail-greeting.wav"
    async with (
        talk(house) as (talker, anna),
        dial(house, STRAIGHT, NAM) as waiter,
        dial(house, "1900", LAN) as chooser,
    ):
        await waiter.event("CallerQueued", position=1)
        await chooser.played("welcome")
        await die(service)
        await asyncio.gather(*(leave_message(each.party, greeting, words) for each in (waiter, chooser)))
        assert not talker.party.over
        await anna.speak(words)
        await anna.hang_up()
        await talker.party.hung_up()
        assert await state_of(house, "anna") == "talking"
    assert audio.find(words, talker.party.heard).score > 0.8
    for file in (house.spool / "fallback").iterdir():
        os.utime(file, (time.time() - 60,) * 2)  # old enough to be nobody's work any more
    mark = service.mark()
    await service.start()
    lines = await kept_messages(house, 2)
    assert {(line["call"], line["number"]) for line in lines} == {(waiter.id, NAM), (chooser.id, LAN)}
    for line in lines:
        assert audio.find(words, house.spool / "voicemail" / f"{line['id']}.wav").score > 0.8
    await service.event("ConversationEnded", after=mark, call=talker.id, agent="anna")
    await service.event("CallerLeftQueue", after=mark, call=waiter.id, reason="lost")
    await all_is_well(house, anna="idle")


async def test_the_callers_of_a_dead_service_go_on_at_the_other_in_their_old_places(build_house: Build, words: Path):
    house = await build_house(services=2)
    dead, living = house.services
    async with dial_at(house, dead) as talker:
        phone = await agent(house, "anna")
        anna = await phone.rings()
        await anna.answer()
        await first_to_say(house, "AgentAnswered", [0, 0], call=talker.id)  # whichever the PBX told first
        async with (
            queued(dial_at(house, dead), position=1) as first,
            queued(dial_at(house, dead), position=2) as second,
        ):
            mark, began = living.mark(), time.monotonic()
            await die(dead)
            for place, each in enumerate((first, second), 1):
                back = await living.event("CallerQueued", after=mark, call=each.id, position=place, rejoined=True)
                print(f"place {place} taken at the other service {back['seen'] - began:.2f} s after the kill")
            await anna.speak(words)
            await talker.party.hang_up()
            await living.event("ConversationEnded", after=mark, call=talker.id, agent="anna", ended_by="caller")
            assert audio.find(words, talker.party.heard).score > 0.8
            await serve(phone, first, second, by=living)
    await all_is_well(house, anna="idle")


@pytest.mark.parametrize("answered", ["before the restart", "after the restart"])
async def test_an_agent_who_was_ringing_when_the_service_died_answers_and_they_talk(
    tmp_path: Path, prompts: Path, words: Path, reply: Path, answered: str
):
    patient = tmp_path / "hotline.yaml"
    patient.write_text(CONFIG.read_text().replace("ring: 3s\n    wrap_up", "ring: 30s\n    wrap_up"))
    async with House(tmp_path / "house", patient, prompts) as house:
        house.set_clock(NOON)
        service, phone = house.service, await agent(house, "anna")
        async with dial(house, STRAIGHT) as caller:
            anna = await phone.rings()
            await caller.event("AgentOffered", agent="anna")
            await die(service)
            if answered == "before the restart":
                await anna.answer()
                await service.start()
            else:
                await service.start()
                await anna.answer()
            await caller.event("AgentAnswered", agent="anna")
            assert await state_of(house, "anna") == "talking"
            await tell_each_other(caller.party, anna, (words, reply))
            await anna.hang_up()
            await caller.event("ConversationEnded", agent="anna", ended_by="agent")
            await caller.party.hung_up()
        await heard_all(caller.party, anna, (words, reply), score=0.8)
        await all_is_well(house, anna="idle")
