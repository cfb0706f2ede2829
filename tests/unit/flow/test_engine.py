"""The engine, as dialogues: what the caller did (<<) and what we did (>>)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from hotline.events import Event, KeyPressed, MenuEntered
from hotline.flow.engine import END, MOST_MENUS, walk
from hotline.flow.model import (
    AskCallback,
    Flow,
    Goto,
    Hangup,
    Hours,
    JoinQueue,
    Keys,
    Menu,
    MyCallback,
    Say,
    SetLanguage,
    Step,
    TakeVoicemail,
    Transfer,
)
from hotline.flow.phone import Dialed, DialOutcome, HungUp, LineLost, Phone
from hotline.phones.scripted import INFO, ScriptedPhone


class House:
    """A house whose doors and queues do as they are told."""

    def __init__(self, *, is_open: bool = True, served: bool = True, onward: str = "", promises: bool = True) -> None:
        self.events: list[Event] = []
        self.emit = self.events.append
        self.asked: list[str] = []
        self._open, self._served, self._onward, self._promises = is_open, served, onward, promises

    def now(self) -> float:
        return 1_000.0

    def is_open(self, calendar: str) -> bool:
        self.asked.append(f"open {calendar}?")
        return self._open

    async def wait_for_agent(self, phone: Phone, queue: str) -> str:
        self.asked.append(f"agent of {queue}, step {await phone.noted('STEP')}")
        return END if self._served else self._onward

    async def take_message(self, phone: Phone, queue: str) -> None:
        self.asked.append(f"message for {queue}, step {await phone.noted('STEP')}")

    async def promise_callback(self, phone: Phone, queue: str) -> bool:
        self.asked.append(f"callback for {queue}, step {await phone.noted('STEP')}")
        return self._promises

    async def tell_callback(self, phone: Phone, *, key: str, seconds: float) -> None:
        self.asked.append(f"promised? {key} cancels, within {seconds:g} s")


def flow(menus: Mapping[str, tuple[Step, ...]]) -> Flow:
    return Flow(
        menus={name: Menu(name, steps) for name, steps in menus.items()},
        entries={"default": next(iter(menus))},
        languages=("en", "vi"),
    )


ASK = Keys(prompts=("main-menu",), choices={"1": "power", "2": "billing"}, otherwise="operator")
MENUS = flow(
    {
        "main": (Say(("welcome",)), ASK),
        "power": (JoinQueue("power", otherwise="night"),),
        "billing": (SetLanguage("vi"), Say(("bills",))),
        "operator": (Transfer("PJSIP/desk", otherwise="night"),),
        "night": (TakeVoicemail("power"), Hangup(), Say(("never",))),
    }
)


async def test_a_key_leads_to_its_menu() -> None:
    phone, house = ScriptedPhone(["2"]), House()
    await walk(MENUS, phone, house)
    assert phone.heard == [
        ">> answer",
        ">> say welcome",
        ">> ask main-menu",
        "<< 2",
        ">> language vi",
        ">> say bills",
    ]
    assert [event.menu for event in house.events if isinstance(event, MenuEntered)] == ["main", "billing"]


async def test_a_wrong_key_and_silence_are_corrected_in_one_breath_with_the_question() -> None:
    phone, house = ScriptedPhone(["7", "", "2"]), House()
    await walk(MENUS, phone, house)
    assert phone.heard[2:8] == [
        ">> ask main-menu",
        "<< 7",
        ">> ask invalid-key main-menu",
        "<< silence",
        ">> ask nothing-pressed main-menu",
        "<< 2",
    ]
    assert [e.outcome for e in house.events if isinstance(e, KeyPressed)] == ["invalid", "silence", "chosen"]


async def test_after_the_last_try_the_caller_goes_to_otherwise() -> None:
    phone = ScriptedPhone(["", "", ""], dials=[Dialed(DialOutcome.ANSWERED, 5)])
    await walk(MENUS, phone, House())
    assert phone.heard[-1] == ">> dial PJSIP/desk"


async def test_a_transfer_that_nobody_answers_goes_on_and_hangup_ends_the_menu() -> None:
    phone, house = ScriptedPhone(["", "", ""]), House()
    await walk(MENUS, phone, house)
    assert house.asked == ["message for power, step night:0"]
    assert phone.notes["STEP"] == "", "whoever comes back now has left their message"
    assert ">> say never" not in phone.heard


async def test_a_served_caller_is_done_and_an_unserved_one_goes_to_otherwise() -> None:
    served, unserved = House(served=True), House(served=False)
    await walk(MENUS, ScriptedPhone(["1"]), served)
    await walk(MENUS, ScriptedPhone(["1"]), unserved)
    assert served.asked == ["agent of power, step power:0"]
    assert unserved.asked == ["agent of power, step power:0", "message for power, step night:0"]


CALLBACKS = flow(
    {
        "main": (MyCallback("5", 3.0), AskCallback("power", otherwise="night"), Say(("promised",))),
        "night": (TakeVoicemail("power"),),
    }
)


@pytest.mark.parametrize(
    ("promises", "then"), [(True, ">> say promised"), (False, "message for power, step night:0")]
)
async def test_a_promised_callback_goes_on_with_the_next_step_and_a_refused_one_with_otherwise(
    promises: bool, then: str
) -> None:
    phone, house = ScriptedPhone(), House(promises=promises)
    await walk(CALLBACKS, phone, house)
    assert house.asked[:2] == ["promised? 5 cancels, within 3 s", "callback for power, step main:1"]
    assert (phone.heard + house.asked).count(then) == 1
    assert (">> say promised" in phone.heard) is promises
    assert phone.notes["STEP"] == ""


async def test_a_caller_whom_the_queue_sends_on_goes_there_and_not_to_otherwise() -> None:
    phone, house = ScriptedPhone(["1"]), House(served=False, onward="billing")
    await walk(MENUS, phone, house)
    assert phone.heard[-2:] == [">> language vi", ">> say bills"]
    assert phone.notes["STEP"] == "", "whoever comes back now waits no more"


@pytest.mark.parametrize(("is_open", "said"), [(True, ">> say day"), (False, ">> say night")])
async def test_hours_branch(is_open: bool, said: str) -> None:
    doors = flow(
        {"main": (Hours("office", closed="night"), Say(("day",))), "night": (Say(("night",)),)},
    )
    phone = ScriptedPhone()
    await walk(doors, phone, House(is_open=is_open))
    assert phone.heard[-1] == said


async def test_a_call_that_comes_back_goes_to_the_step_it_waited_in() -> None:
    phone, house = ScriptedPhone(info=replace(INFO, attempt=2)), House()
    phone.notes["STEP"] = "power:0"
    await walk(MENUS, phone, house)
    assert phone.heard == [">> answer"]
    assert house.asked == ["agent of power, step power:0"]


@pytest.mark.parametrize(
    ("menus", "step", "asked"),
    [(MENUS, "night:0", "message for power, step night:0"), (CALLBACKS, "main:1", "callback for power, step main:1")],
)
async def test_who_was_leaving_a_message_or_number_when_a_service_died_is_asked_again_with_an_apology(
    menus: Flow, step: str, asked: str
) -> None:
    phone, house = ScriptedPhone(info=replace(INFO, attempt=2)), House()
    phone.notes["STEP"] = step
    await walk(menus, phone, house)
    assert phone.heard[:2] == [">> answer", ">> say technical-problem"]
    assert house.asked == [asked]


@pytest.mark.parametrize("noted", ["", "power", "power:9", "nowhere:0", "power:-1", "power:x"])
async def test_a_call_that_comes_back_without_a_sound_note_starts_anew(noted: str) -> None:
    phone = ScriptedPhone(["2"], info=replace(INFO, attempt=2))
    phone.notes["STEP"] = noted
    await walk(MENUS, phone, House())
    assert phone.heard[1] == ">> say welcome"


@pytest.mark.parametrize(("move", "error"), [("hangup", HungUp), ("lost", LineLost)])
async def test_a_caller_gone_ends_the_walk(move: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        await walk(MENUS, ScriptedPhone([move]), House())


async def test_menus_that_lead_in_circles_end_with_a_goodbye() -> None:
    house = House()
    phone = ScriptedPhone()
    await walk(flow({"main": (Goto("main"),)}), phone, house)
    assert phone.heard[-1] == ">> say goodbye"
    assert len([e for e in house.events if isinstance(e, MenuEntered)]) == MOST_MENUS
