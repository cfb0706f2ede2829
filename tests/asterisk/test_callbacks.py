"""Promises kept by telephone: an agent's phone rings when the hotline opens, and then the customer's."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from clerk import listed, staff
from dialogue import BEEP, LAN, MINH, NAM, agent, dial

from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox, new_id
from lab import audio
from lab.house import House
from lab.party import BUSY, Call

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY_NIGHT = datetime(2026, 11, 27, 22, 15, tzinfo=ZONE)
TUESDAY = datetime(2026, 12, 1, 8, 0, 1, tzinfo=ZONE)


async def leave_a_message(house: House, words: Path, caller_id: str = NAM) -> str:
    async with dial(house, "1900", caller_id) as call:
        await call.played("voicemail-greeting")
        await asyncio.sleep(BEEP)
        await call.party.speak(words)
        await call.party.press("#")
        saved = await call.event("VoicemailSaved")
        await call.ended("completed")
    return saved["promise"]


async def hears(house: House, call: Call, prompt: str, *, after: float = 0.0) -> float:
    return await call.hears(house.sounds / "en" / f"{prompt}.wav", after=after, within=30)


async def all_say_that_it_is_kept(house: House, promise: str) -> None:
    """Redis and the figures, the outbox, and staff's commands."""
    assert await listed(house) == {}
    row = (await listed(house, "--state", "talked"))[promise]
    assert (row["attempts"], row["agent"], row["number"]) == (1, "anna", NAM)
    figures = await house.service.metrics()
    states = {name: many for name, many in figures.items() if name.startswith("hotline_promises{") and many}
    assert states == {'hotline_promises{state="talked"}': 1}
    for name, many in (
        ('hotline_promises_made_total{queue="power",source="voicemail"}', 1),
        ('hotline_promises_first_dialed_total{in_window="yes",queue="power"}', 1),
        ('hotline_callback_attempts_total{outcome="talked",queue="power"}', 1),
        ('hotline_callback_offers_total{outcome="answered",queue="power"}', 1),
        ('hotline_queue_answered_total{queue="power"}', 0),
        ("hotline_outbox_unread_lines", 0),
    ):
        assert figures[name] == many, name
    story = (await staff(house, "callbacks", "show", promise)).splitlines()
    assert "promised for Tue 2026-12-01 08:00" in story[1]
    assert story[2].endswith("anna rang the customer, for the first time.")
    assert story[3].endswith("anna and the customer talked.")


async def test_a_message_of_friday_night_is_called_back_on_tuesday_when_monday_is_a_holiday(
    callhouse: House, words: Path, reply: Path
):
    house = callhouse
    house.set_clock(FRIDAY_NIGHT)
    promise = await leave_a_message(house, words)
    anna, customer = await agent(house, "anna"), await house.world.number(NAM)
    house.set_clock(TUESDAY)

    ringing = await anna.rings(within=15)
    await ringing.answer()
    await hears(house, ringing, "callback-announce")
    await hears(house, ringing, "callback-keys-message")
    await ringing.press("1")
    await ringing.hears(words, within=15)
    await ringing.press("2")
    called = await customer.rings()
    assert called.caller_id == "+84901900545"
    await asyncio.sleep(1.5)  # the agent hears that it rings
    rang = ringing.since_start()
    await called.answer()
    await hears(house, called, "callback-greeting")
    await asyncio.gather(ringing.speak(reply), called.speak(words))
    await called.hears(reply)
    await called.hang_up()
    await ringing.press("1")
    moved = await house.service.event("PromiseMoved", promise=promise, state="talked", seconds=30)
    await ringing.finished()
    assert moved["in_window"]
    assert audio.find(words, ringing.heard).score > 0.6
    await all_say_that_it_is_kept(house, promise)
    tone = audio.load(ringing.heard)[int((rang - 1.5) * audio.RATE) : int(rang * audio.RATE)]
    assert audio.speech_seconds(tone, 100.0) > 0.5


def promise(house: House, number: str) -> str:
    """A message left on Friday night, as the outbox has it; there is nothing to hear."""
    moment = FRIDAY_NIGHT.timestamp()
    entry = Entry(
        id=new_id(), call="pbx1-1.1", queue="power", entry="1900", language="en", recorded_at=moment,
        due=TUESDAY.timestamp(), seconds=0.0, hung_up=True, kept_at=moment, sha256="", source="menu", confirmed=True,
        number=number,
    )  # fmt: skip
    Outbox(house.spool).add(entry)
    return entry.id


async def answers(house: House, ringing: Call, key: str) -> None:
    """The agent knows the keys, and presses one as soon as something is said."""
    await ringing.answer()
    await hears(house, ringing, "callback-announce")
    await ringing.press(key)


async def test_a_customer_who_is_not_reached_is_tried_again_and_given_up_in_the_end(callhouse: House):
    house = callhouse
    house.set_clock(TUESDAY)
    anna, binh = await agent(house, "anna"), await agent(house, "binh")
    customer = await house.world.number(NAM)
    tried = promise(house, NAM)

    (await anna.rings(within=20)).ignore()
    ringing = await binh.rings(within=20)
    await answers(house, ringing, "2")
    await (await customer.rings()).reject(BUSY)
    await hears(house, ringing, "callback-not-reached")
    again = await house.service.event("PromiseMoved", promise=tried, state="retry", outcome="busy")
    assert again["attempts"] == 1
    await ringing.finished()

    house.set_clock(TUESDAY + timedelta(minutes=9))
    with pytest.raises(TimeoutError):
        await anna.rings(within=3)
    house.set_clock(TUESDAY + timedelta(minutes=11))
    await answers(house, ringing := await anna.rings(within=20), "2")
    await (await customer.rings()).reject(BUSY)
    await house.service.event("PromiseMoved", promise=tried, state="unreachable", outcome="busy", attempts=2)
    await ringing.finished()


async def test_an_agent_may_hang_up_put_it_off_or_close_it_and_nobody_is_rung_then(callhouse: House):
    house = callhouse
    house.set_clock(TUESDAY)
    premium = promise(house, "+841900545454")
    anna = await agent(house, "anna")
    await answers(house, ringing := await anna.rings(within=20), "2")
    await hears(house, ringing, "callback-not-allowed")
    await ringing.press("4")
    await house.service.event("PromiseMoved", promise=premium, state="closed")
    await ringing.finished()

    later = promise(house, LAN)
    await answers(house, ringing := await anna.rings(within=20), "3")
    await hears(house, ringing, "callback-later")
    await ringing.press("2")
    postponed = await house.service.event("PromiseMoved", promise=later, state="retry", outcome="postponed")
    assert postponed["attempts"] == 0
    await ringing.finished()

    left = promise(house, MINH)
    ringing = await anna.rings(within=20)
    await ringing.answer()
    await hears(house, ringing, "callback-announce")
    await ringing.hang_up()
    await house.service.event("PromiseMoved", promise=left, state="retry", outcome="agent-hung-up", attempts=0)
