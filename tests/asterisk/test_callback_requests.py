"""Callers who hang up on a promise, phone again, and take it back or are served: real calls."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest_asyncio
from conftest import CONFIG, NOON, no_number_in_the_log
from dialogue import LAN, MINH, NAM, Dialogue, agent, answers, complaints, dial, nothing_left
from scenes import die

from hotline.acd.core import Core
from hotline.store import Store
from lab.house import House, make_prompts
from lab.party import Call
from lab.world import Phone

EARLY = NOON.replace(hour=7)
NUMBER = ("number-is", "number-right")


@pytest_asyncio.fixture(loop_scope="session")
async def asking(tmp_path: Path) -> AsyncIterator[House]:
    """A hotline of this test's own, at noon (asking.yaml)."""
    config = CONFIG.with_name("asking.yaml")
    sounds = await make_prompts(config)
    async with House(tmp_path / "house", config, sounds) as house:
        house.set_clock(NOON)
        yield house
    no_number_in_the_log(tmp_path / "house")


@asynccontextmanager
async def core_of(house: House) -> AsyncIterator[Core]:
    store = Store("127.0.0.1", house.redis.port)
    running = asyncio.create_task(store.run())
    assert await store.wait_up(5)
    yield Core(store)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def promises(house: House) -> list[dict[str, Any]]:
    """What the outbox says became of each promise, its last line over its first."""
    known: dict[str, dict[str, Any]] = {}
    for file in sorted((house.spool / "outbox").glob("*.jsonl")):
        for line in map(json.loads, file.read_text().splitlines()):
            known[line["id"]] = known.get(line["id"], {}) | line
    return list(known.values())


async def confirms(call: Dialogue, *, listens: bool = False) -> None:
    """The caller's own number is read to them, and is the right one."""
    if listens:
        await call.party.hears(call.house.sounds / "en" / "number-right.wav", within=20)
    else:
        await asyncio.sleep(0.5)
    await answers(call, *NUMBER, key="1", hurry=True)


async def asks_for_a_call(call: Dialogue) -> None:
    """Press * until one's number is read out: before the music plays, nobody listens for keys."""
    for _ in range(5):
        await call.party.press("*")
        with contextlib.suppress(TimeoutError):
            await call.party.hears(call.house.sounds / "en" / "number-is.wav", within=4)
            return
    raise AssertionError("* leads nowhere")


async def test_callers_hang_up_on_a_promise_and_take_it_back_or_are_served(asking: House):
    house, marks = asking, {asking.service: asking.service.mark()}
    async with core_of(house) as core:
        await _leaves_the_queue(house)
        await _cancels(house)
        await _is_promised_a_call_in_a_menu(house)
        await _is_served_while_another_is_asked(house)
        await nothing_left(house, core, {"anna": "idle"})
    assert [(each["source"], each["state"], each["by"]) for each in promises(house)] == [
        ("queue", "cancelled", "caller"),
        ("menu", "superseded", "service"),
    ]
    metrics = await house.service.metrics()
    assert metrics['hotline_queue_left_total{queue="power",reason="callback"}'] == 1
    assert metrics['hotline_queue_left_total{queue="power",reason="abandoned"}'] == 2
    assert metrics['hotline_queue_abandoned_total{queue="power"}'] == 2
    assert complaints(house, marks) == []
    await house.end_shift("anna")
    await _is_called_in_their_place(house)
    await house.end_shift("anna")
    await _hangs_up_at_the_reading_of_another_number(house)
    await _dies_in_the_farewell(house)


async def _leaves_the_queue(house: House) -> None:
    async with dial(house, "1900", NAM) as call:
        queued = await call.event("CallerQueued", position=1)
        await asks_for_a_call(call)
        await confirms(call, listens=True)
        asked = await call.event("CallbackRequested", source="queue", queue="power")
        await call.event("CallerLeftQueue", reason="callback")
        await call.played("callback-in-turn", "goodbye")
        await call.ended("completed")
        await call.party.hung_up()
    assert call.hears(house.sounds / "en" / "callback-in-turn.wav")
    assert call.hears(house.sounds / "en" / "digit-9.wav")
    [promise] = promises(house)
    assert (promise["id"], promise["number"], promise["confirmed"]) == (asked["promise"], NAM, True)
    assert abs(promise["recorded_at"] - queued["at"]) < 0.5, "the place is that of when they came"


async def _cancels(house: House) -> None:
    async with dial(house, "1900", NAM) as call:
        await asyncio.sleep(1)
        await answers(call, "callback-open", "callback-soon", "callback-cancel", "press-1", key="1", hurry=True)
        await call.event("PromiseMoved", state="cancelled", by="caller")
        await call.played("callback-cancelled")
        await call.event("CallerQueued")
        await call.party.hears(house.sounds / "en" / "callback-cancelled.wav")


async def _is_promised_a_call_in_a_menu(house: House) -> None:
    house.set_clock(EARLY)
    async with dial(house, "1901", LAN) as call:
        await confirms(call)
        asked = await call.event("CallbackRequested", source="menu")
        assert asked["due"] == NOON.replace(hour=8).timestamp()
        await call.played("callback-promise", "today", "from-08-00", "until-17-00")
        await call.ended("completed")


async def _is_served_while_another_is_asked(house: House) -> None:
    """Who was promised a call phones again and talks with anna; then it is the turn of one who wants a promise."""
    async with dial(house, "1900", LAN) as served:
        await served.played("callback-open", "callback-promise", "today", "from-08-00", "until-17-00",
                            "callback-cancel", "press-1")  # fmt: skip
        anna = await agent(house, "anna")
        talk = await anna.rings()
        await talk.answer()
        await served.event("PromiseMoved", state="superseded", by="service")
        house.set_clock(NOON)
        async with dial(house, "1900", MINH) as waiting:
            await waiting.event("CallerQueued", position=1)
            await asyncio.sleep(2)  # now who comes must expect to wait as long, and is offered a callback at once
            async with dial(house, "1900", NAM) as second:
                await second.played("callback-offer", "press-star")
            assert second.hears(house.sounds / "en" / "callback-offer.wav")
            await asks_for_a_call(waiting)
            await served.party.hang_up()
            ringing = await anna.rings(within=3)
            assert ringing.caller_id == MINH
            await ringing.answer()
            await waiting.event("AgentAnswered", agent="anna")


async def _is_called_in_their_place(house: House) -> None:
    """Of three in line the second has hung up on a promise."""
    async with dial(house, "1900", LAN) as first:
        await first.event("CallerQueued", position=1)
        async with dial(house, "1900", NAM) as second:
            await second.event("CallerQueued", position=2)
            await asks_for_a_call(second)
            await confirms(second)
            await second.event("CallbackRequested")
        async with dial(house, "1900", MINH) as third:
            await third.event("CallerQueued")
            anna, customer = await agent(house, "anna"), await house.world.number(NAM)
            served = await anna.rings()
            assert served.caller_id == LAN
            await served.answer()
            await first.party.hang_up()
            await _calls_back(house, await anna.rings(), customer)
            served = await anna.rings()
            assert served.caller_id == MINH
            await served.answer()
            await third.event("AgentAnswered", agent="anna")


async def _calls_back(house: House, ringing: Call, customer: Phone) -> None:
    """The agent presses 2, the customer's phone rings, and they talk."""
    await ringing.answer()
    await ringing.hears(house.sounds / "en" / "callback-announce.wav", within=30)
    await ringing.press("2")
    called = await customer.rings()
    await called.answer()
    await called.hears(house.sounds / "en" / "callback-greeting.wav")
    await asyncio.sleep(1)  # in which they talk
    await called.hang_up()
    await ringing.press("1")
    await ringing.hung_up(30)  # unless the key is heard, the agent is asked for a while what came of it


async def _hangs_up_at_the_reading_of_another_number(house: House) -> None:
    async with dial(house, "1900", NAM) as call:
        await call.event("CallerQueued")
        await asks_for_a_call(call)
        await answers(call, *NUMBER, key="2", hurry=True)
        await asyncio.sleep(0.5)
        await call.party.press(f"0{LAN.removeprefix('+84')}#")
        await call.played("number-enter")
        await asyncio.sleep(1)
        await call.party.hang_up()
        await call.event("CallbackRequested", source="queue")
        await call.event("CallerLeftQueue", reason="callback")
        await call.ended("caller-hung-up")
    assert (promises(house)[-1]["source"], promises(house)[-1]["number"]) == ("queue", LAN)


async def _dies_in_the_farewell(house: House) -> None:
    """Who has the promise is not asked to wait again: the PBX ends the call."""
    async with dial(house, "1900", NAM) as call:
        await call.event("CallerQueued")
        await asks_for_a_call(call)
        await confirms(call)
        await call.party.hears(house.sounds / "en" / "callback-in-turn.wav", within=15)
        await die(house.service)
        await call.party.hung_up(5)
    assert (promises(house)[-1]["source"], promises(house)[-1]["number"]) == ("queue", NAM)
