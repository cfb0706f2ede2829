"""Callers ask to be called back, and take it back: scripted callers, a real Redis, a real outbox."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bureau import AFTERNOON, CALLBACKS, MAIL, NIGHT, TUESDAY, Bureau
from floor import ANNA, BINH, POWER, Floor

from hotline.acd import desk
from hotline.acd.core import Core
from hotline.acd.waiting import wait_for_agent
from hotline.callbacks.calendar import Span
from hotline.callbacks.keep_place import PlaceKeeper
from hotline.callbacks.my_callback import tell_callback
from hotline.callbacks.states import State
from hotline.events import CallbackRequested, CallerLeftQueue, PromiseMoved, PromptPlayed, VoicemailFailed
from hotline.flow.engine import END
from hotline.flow.phone import HungUp
from hotline.phones.scripted import INFO, ScriptedPhone
from hotline.store import Store

NAM, LAN = INFO.caller, "+84907654321"
ABROAD = "+12025550123"
HIDDEN, FOREIGN = replace(INFO, caller=""), replace(INFO, caller=ABROAD)

CLOSING, OPENING = TUESDAY - 7 * 3600, TUESDAY + 8 * 3600
TOMORROW = "callback-promise tomorrow from-08-00 until-12-00"

Build = Callable[..., Bureau]


@pytest.fixture
def build(floor: Floor, tmp_path: Path, store: Store) -> Build:
    return lambda **options: Bureau(floor, tmp_path / "spool", store, **options)


@pytest.fixture
def bureau(build: Build) -> Bureau:
    return build()


async def wait(bureau: Bureau, phone: ScriptedPhone) -> str:
    keep = PlaceKeeper(bureau.requests, phone, "power")
    return await wait_for_agent(phone, POWER, bureau.floor.desk, keep=keep)


class HangsUp(ScriptedPhone):
    """Once the caller is gone, nothing can be said to them any more."""

    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        if "<< hangs up" in self.heard:
            raise HungUp
        return await super().say(prompts, stop_keys=stop_keys)


def said(phone: ScriptedPhone) -> list[str]:
    """What the caller heard, but for the music."""
    return [line[3:] for line in phone.heard if line.startswith(">>") and not line.startswith(">> hold")]


# -- in the queue -------------------------------------------------------------------------------------------------


async def test_by_the_key_a_caller_keeps_the_place_and_is_called_back(bureau: Bureau) -> None:
    def pass_time(_: str) -> None:
        bureau.floor.moment += 5

    phone = ScriptedPhone(["", "*", "1"], before_move=pass_time)
    assert await wait(bureau, phone) == END
    number = " ".join(f"digit-{each}" for each in "0901234567")
    assert said(phone) == [f"ask number-is {number} number-right", "say callback-in-turn goodbye"]
    [line] = bureau.lines()
    assert (line["source"], line["number"], line["confirmed"], line["call"]) == ("queue", NAM, True, INFO.call)
    assert (line["recorded_at"], line["due"], line["entry"]) == (AFTERNOON, AFTERNOON + 15, "1900")
    promise = await bureau.ledger.open_for(NAM)
    assert promise
    assert (promise.id, promise.state, promise.keeps_place) == (line["id"], State.DUE, True)
    assert bureau.floor.one(CallbackRequested).source == "queue"
    assert bureau.floor.one(CallerLeftQueue).reason == "callback"
    assert "digit" not in str([event.prompts for event in bureau.floor.all(PromptPlayed)])


async def test_another_number_may_be_keyed_in_but_none_that_is_never_dialed(bureau: Bureau) -> None:
    phone = ScriptedPhone(["*", "2", "+12025550123", "0907654321", "1"])
    assert await wait(bureau, phone) == END
    assert said(phone)[1:3] == ["digits number-enter", "digits number-not-dialable number-enter"]
    [line] = bureau.lines()
    assert line["number"] == LAN


@pytest.mark.parametrize("info", [HIDDEN, FOREIGN])
async def test_a_caller_whose_number_may_not_be_dialed_keys_one_in(bureau: Bureau, info: Any) -> None:
    phone = ScriptedPhone(["*", "0907654321", "1"], info=info)
    assert await wait(bureau, phone) == END
    assert said(phone)[0] == "digits number-enter"
    assert bureau.lines()[0]["number"] == LAN


async def test_who_keys_in_a_number_and_hangs_up_at_its_reading_keeps_the_place(bureau: Bureau) -> None:
    with pytest.raises(HungUp):
        await wait(bureau, HangsUp(["*", "2", "0907654321", "hangup"]))
    [line] = bureau.lines()
    assert (line["source"], line["number"], line["recorded_at"]) == ("queue", LAN, AFTERNOON)
    assert bureau.floor.one(CallbackRequested).source == "queue"
    assert [left.reason for left in bureau.floor.all(CallerLeftQueue)] == ["callback"]


@pytest.mark.parametrize("moves", [["*"], ["*", "2"], ["*", "2", "0907654321", "2"]])
async def test_who_hangs_up_before_that_has_abandoned(bureau: Bureau, moves: list[str]) -> None:
    """At the reading of their own number, which nobody confirmed; at the wish for another; once that was denied."""
    with pytest.raises(HungUp):
        await wait(bureau, HangsUp([*moves, "hangup"]))
    assert bureau.lines() == []
    assert [left.reason for left in bureau.floor.all(CallerLeftQueue)] == ["abandoned"]


async def test_where_nothing_can_be_written_who_hangs_up_at_the_reading_has_abandoned(bureau: Bureau) -> None:
    bureau.harm_disk()
    with pytest.raises(HungUp):
        await wait(bureau, HangsUp(["*", "2", "0907654321", "hangup"]))
    assert bureau.floor.one(VoicemailFailed).reason == "disk"
    assert [left.reason for left in bureau.floor.all(CallerLeftQueue)] == ["abandoned"]


@pytest.mark.parametrize("moves", [["*", ""], ["*", "2", "", "", ""], ["*", "9", "9", "9", "9"]])
async def test_who_confirms_no_number_waits_on(bureau: Bureau, moves: list[str]) -> None:
    phone = ScriptedPhone([*moves, "", "", ""])
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert "say please-hold" in said(phone)
    assert bureau.lines() == []
    assert bureau.floor.one(CallerLeftQueue).reason == "abandoned"


async def test_where_nothing_can_be_written_the_caller_is_told_and_waits_on(bureau: Bureau) -> None:
    bureau.harm_disk()
    phone = ScriptedPhone(["*", "1", "", ""])
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert said(phone)[1] == "say technical-problem please-hold"
    assert bureau.floor.one(VoicemailFailed).reason == "disk"
    assert bureau.floor.one(CallerLeftQueue).reason == "abandoned"


async def test_outside_the_hours_in_which_we_ring_customers_nothing_is_asked(bureau: Bureau) -> None:
    bureau.floor.moment = NIGHT
    phone = ScriptedPhone(["*", "", "1", ""])
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert said(phone) == ["say please-hold"]


async def somebody_waits(floor: Floor) -> None:
    await floor.core.login(BINH, floor.moment)
    await floor.core.device(BINH.name, True, floor.moment)
    arrival = floor.moment - 100.0
    await floor.core.join("pbx1-9.9", queue=POWER, arrival=arrival, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")


@pytest.mark.parametrize(
    ("info", "moment", "offered"),
    [
        (INFO, AFTERNOON, True),
        (HIDDEN, AFTERNOON, False),
        (FOREIGN, AFTERNOON, False),
        (INFO, NIGHT, False),
        (INFO, CLOSING - 101, True),
        (INFO, CLOSING - 99, False),
    ],
)
async def test_it_is_offered_for_long_waits_where_the_callers_own_number_may_be_rung_now_and_in_their_turn(
    bureau: Bureau, info: Any, moment: float, offered: bool
) -> None:
    bureau.floor.moment = moment
    await somebody_waits(bureau.floor)
    phone = ScriptedPhone(["", ""], info=info)
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert said(phone) == (["say callback-offer press-star"] if offered else [])


@pytest.mark.parametrize(
    ("waits", "moment", "each", "due", "told"),
    [
        (True, CLOSING - 101, 0, CLOSING - 101, "callback-in-turn"),
        (True, CLOSING - 99, 0, OPENING, TOMORROW),
        (False, CLOSING - 99, 0, CLOSING - 99, "callback-in-turn"),  # nobody knows when it is their turn
        (False, CLOSING - 99, 50, CLOSING + 1, TOMORROW),  # the hours end while they talk
    ],
)
async def test_who_asks_by_the_key_is_told_the_hours_where_their_turn_comes_after_closing(
    bureau: Bureau, waits: bool, moment: float, each: float, due: float, told: str
) -> None:
    def pass_time(_: str) -> None:
        bureau.floor.moment += each

    bureau.floor.moment = moment
    if waits:
        await somebody_waits(bureau.floor)
    phone = ScriptedPhone(["*", "1"], before_move=pass_time)
    assert await wait(bureau, phone) == END
    assert said(phone)[-1] == f"say {told} goodbye"
    assert [line["due"] for line in bureau.lines()] == [due]


async def test_the_offer_may_be_cut_short_by_its_key(bureau: Bureau) -> None:
    await somebody_waits(bureau.floor)
    phone = ScriptedPhone(["*", "1"])
    assert await wait(bureau, phone) == END
    assert phone.heard[:2] == [">> say callback-offer press-star", "<< *"]
    assert len(bureau.lines()) == 1


async def test_a_queue_without_a_key_offers_nothing(build: Build) -> None:
    bureau = build(callbacks=replace(CALLBACKS, key="", offer_above=0.0))
    await somebody_waits(bureau.floor)
    phone = ScriptedPhone(["1", "*"])
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert said(phone) == []


async def test_the_promise_of_a_message_goes_into_that_of_the_place(bureau: Bureau) -> None:
    entry = await bureau.ledger.request(queue="power", number=NAM, source="web", due=TUESDAY)
    assert await wait(bureau, ScriptedPhone(["*", "1"])) == END
    promise = await bureau.ledger.open_for(NAM)
    assert promise
    assert (promise.source, promise.due, promise.also) == ("queue", AFTERNOON, (entry.id,))


# -- in a menu ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("moment", "due", "told"),
    [
        (AFTERNOON, AFTERNOON, "callback-soon"),
        (NIGHT, TUESDAY + 8 * 3600, "callback-promise tomorrow from-08-00 until-12-00"),
    ],
)
async def test_a_callback_is_promised_without_waiting_and_when_is_told(
    bureau: Bureau, moment: float, due: float, told: str
) -> None:
    bureau.floor.moment = moment
    phone = ScriptedPhone(["1"])
    assert await bureau.requests.promise(phone, "power")
    assert said(phone)[1:] == [f"say {told}"]
    [line] = bureau.lines()
    assert (line["source"], line["due"], line["recorded_at"], line["confirmed"]) == ("menu", due, moment, True)


async def test_reason_and_part_of_the_day_are_asked_for_where_the_queue_has_them(build: Build) -> None:
    parts = {"morning": Span.parse("08:00-12:00"), "afternoon": Span.parse("13:00-17:00")}
    bureau = build(mail=replace(MAIL, confirm=False, reasons={"1": "reason-bill"}, parts=parts))
    phone = ScriptedPhone(["1", "1", "1"])
    assert await bureau.requests.promise(phone, "power")
    [line] = bureau.lines()
    assert (line["reason"], line["part"], line["due"]) == ("reason-bill", "morning", TUESDAY + 8 * 3600)
    assert said(phone)[-1] == "say callback-promise tomorrow from-08-00 until-12-00"


@pytest.mark.parametrize("at", ["the reason", "the number"])
async def test_who_hangs_up_at_the_reason_has_asked_for_the_call_already(build: Build, at: str) -> None:
    bureau = build(mail=replace(MAIL, reasons={"1": "reason-bill"}))
    with pytest.raises(HungUp):
        await bureau.requests.promise(ScriptedPhone(["1"] if at == "the reason" else []), "power")
    assert [line["source"] for line in bureau.lines()] == (["menu"] if at == "the reason" else [])


async def test_one_who_is_promised_a_callback_already_is_told_of_that_one(bureau: Bureau) -> None:
    assert await bureau.requests.promise(ScriptedPhone(["1"]), "power")
    bureau.floor.moment += 60
    again = ScriptedPhone(["1"], info=replace(INFO, call="pbx1-2.2"))
    assert await bureau.requests.promise(again, "power")
    assert said(again)[1:] == ["say callback-open callback-soon"]
    assert len(bureau.lines()) == 1


async def test_without_a_number_or_a_disk_nothing_is_promised(bureau: Bureau) -> None:
    assert not await bureau.requests.promise(ScriptedPhone([""]), "power")
    bureau.harm_disk()
    phone = ScriptedPhone(["1"])
    assert not await bureau.requests.promise(phone, "power")
    assert said(phone)[-1] == "say technical-problem"


# -- who phones again ---------------------------------------------------------------------------------------------


async def tell(bureau: Bureau, *moves: str, info: Any = INFO) -> ScriptedPhone:
    phone = ScriptedPhone(moves, info=replace(info, call="pbx1-7.7"))
    await tell_callback(bureau.requests, phone, key="1", seconds=5.0)
    return phone


async def promised(bureau: Bureau, due: float = TUESDAY + 8 * 3600, number: str = NAM) -> str:
    return (await bureau.ledger.request(queue="power", number=number, source="web", due=due)).id


async def test_who_phones_again_is_told_when_and_cancels_by_the_key(bureau: Bureau) -> None:
    bureau.floor.moment = NIGHT
    id = await promised(bureau)
    phone = await tell(bureau, "1")
    when = "callback-promise tomorrow from-08-00 until-12-00"
    assert said(phone) == [f"ask callback-open {when} callback-cancel press-1", "say callback-cancelled"]
    assert await bureau.state(id) is State.CANCELLED
    moved = bureau.lines()[-1]
    assert (moved["kind"], moved["id"], moved["by"], moved["call"]) == ("moved", id, "caller", "pbx1-7.7")
    event = bureau.floor.one(PromiseMoved)
    assert (event.promise, event.state, event.by) == (id, "cancelled", "caller")
    assert said(await tell(bureau)) == []


async def test_of_a_promise_that_is_overdue_the_next_hours_are_told(bureau: Bureau) -> None:
    await promised(bureau, due=AFTERNOON)
    bureau.floor.moment = NIGHT
    assert said(await tell(bureau, "")) == [f"ask callback-open {TOMORROW} callback-cancel press-1"]


async def test_of_a_promise_of_another_spool_nothing_is_said(bureau: Bureau, store: Store, tmp_path: Path) -> None:
    await promised(bureau)
    assert said(await tell(Bureau(bureau.floor, tmp_path / "other", store), "1")) == []


async def test_of_a_strangers_promise_nothing_is_said_where_both_have_the_same_placeholder(bureau: Bureau) -> None:
    id = await promised(bureau, number="0")
    assert said(await tell(bureau, "1", info=replace(INFO, caller="0"))) == []
    assert await bureau.state(id) is State.CAPTURED


@pytest.mark.parametrize("key", ["", "2"])
async def test_another_key_and_silence_leave_the_promise(bureau: Bureau, key: str) -> None:
    id = await promised(bureau, due=AFTERNOON)
    phone = await tell(bureau, key)
    assert said(phone) == ["ask callback-open callback-soon callback-cancel press-1"]
    assert await bureau.state(id) is State.DUE


async def test_of_a_try_at_an_odd_time_the_day_is_told(bureau: Bureau) -> None:
    await promised(bureau, due=AFTERNOON + 3600)
    phone = await tell(bureau, "")
    assert said(phone) == ["ask callback-open callback-promise today callback-cancel press-1"]


@pytest.mark.parametrize("info", [HIDDEN, replace(INFO, caller=LAN)])
async def test_who_was_promised_nothing_hears_nothing(bureau: Bureau, info: Any) -> None:
    await promised(bureau)
    assert said(await tell(bureau, info=info)) == []


async def test_a_promise_that_cannot_be_cancelled_is_no_secret(bureau: Bureau) -> None:
    id = await promised(bureau)
    bureau.harm_disk()
    assert said(await tell(bureau, "1"))[-1] == "say technical-problem"
    bureau.mend_disk()
    assert await bureau.state(id) is State.CAPTURED


async def test_while_redis_is_down_callers_are_promised_callbacks_and_told_of_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk, "PATIENCE", 0.05)
    down = Store("127.0.0.1", 1)
    bureau = Bureau(Floor(Core(down)), tmp_path / "spool", down)
    assert await bureau.requests.promise(ScriptedPhone(["1"]), "power")
    assert said(await tell(bureau)) == []
    phone = ScriptedPhone(["", "*", "1"])
    assert await wait(bureau, phone) == END
    assert said(phone)[-1] == "say callback-in-turn goodbye"
    assert [line["source"] for line in bureau.lines()] == ["menu", "queue"]
    await bureau.floor.desk.close(0.0)


async def test_what_a_slow_disk_still_writes_is_a_promise_though_the_caller_waits_on(
    build: Build, monkeypatch: pytest.MonkeyPatch
) -> None:
    import threading

    bureau, free = build(patience=0.02), threading.Event()
    add = bureau.outbox.add
    monkeypatch.setattr(bureau.outbox, "add", lambda record: (free.wait(5), add(record)))
    assert not await bureau.requests.promise(ScriptedPhone(["1"]), "power")
    assert bureau.floor.one(VoicemailFailed).problem == "The spool did not answer within 0.02 s."
    free.set()
    await bureau.requests.close()
    assert len(bureau.lines()) == 1
    assert bureau.floor.one(CallbackRequested)


async def test_an_agent_who_is_free_meanwhile_is_connected_and_nothing_promised(bureau: Bureau) -> None:
    class Turn(ScriptedPhone):
        async def ask(self, prompts: Any, *, seconds: float) -> str:
            bureau.floor.desk.carry_out(await bureau.floor.core.login(ANNA, bureau.floor.moment), "login")
            return await super().ask(prompts, seconds=seconds)

    phone = Turn(["*", "1", ""])
    with pytest.raises(HungUp):
        await wait(bureau, phone)
    assert ">> dial PJSIP/anna" in phone.heard
    assert bureau.lines() == []
