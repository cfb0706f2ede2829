"""Who waits may ask to be called back instead, and loses nothing by asking: a scripted caller, a real Redis."""

from __future__ import annotations

from dataclasses import replace

import pytest
from floor import ANNA, BINH, POWER, Floor
from talks import length

from hotline.acd.aside import LOOK_EVERY
from hotline.acd.model import AgentState
from hotline.acd.waiting import wait_for_agent
from hotline.events import CallerLeftQueue
from hotline.flow.engine import END
from hotline.flow.phone import BELL, Dialed, DialOutcome, HungUp, Phone
from hotline.phones.scripted import INFO, ScriptedPhone

TALKED = Dialed(DialOutcome.ANSWERED, 42.0)


class Keep:
    """A promise that is made to whoever presses 1 when asked, and offered above a minute."""

    def __init__(self, *, key: str = "*", offered: bool = True) -> None:
        self.key, self.offered = key, offered
        self.arrivals: list[float] = []
        self.expected: list[float | None] = []

    def offers(self, expected: float) -> bool:
        return expected > 60.0

    async def offer(self, phone: Phone) -> str:
        return await phone.say(("offer",), stop_keys=self.key)

    async def promise(self, phone: Phone, arrival: float, expected: float | None) -> bool:
        self.arrivals.append(arrival)
        self.expected.append(expected)
        await phone.say(("your-number",))
        if await phone.ask(("right",), seconds=5) == "2":
            return await phone.digits(("which",), most=20, seconds=5) == "0901"
        return False

    async def farewell(self, phone: Phone) -> None:
        await phone.say(("farewell",))


async def somebody_waits(floor: Floor, seconds: float) -> None:
    """So the wait that others expect is as long."""
    await floor.core.login(BINH, floor.moment)
    await floor.core.device(BINH.name, True, floor.moment)
    arrival = floor.moment - seconds
    await floor.core.join("pbx1-9.9", queue=POWER, arrival=arrival, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")


async def test_by_a_key_the_caller_gets_the_promise_and_leaves_with_it(floor: Floor) -> None:
    phone, keep = ScriptedPhone(["*", "", "2", "0901"], before_move=floor.passing(3.0)), Keep()
    assert await wait_for_agent(phone, POWER, floor.desk, keep=keep) == END
    assert phone.heard == [
        *(">> hold default", "<< *", ">> say your-number", "<< silence", ">> ask right", "<< 2"),
        *(">> digits which", "<< 0901", ">> say farewell"),
    ]
    assert keep.arrivals == [1_000_000.0]
    left = floor.one(CallerLeftQueue)
    assert (left.reason, left.waited) == ("callback", 12.0)
    assert await length(floor.core, "power") == 0
    assert phone.notes["DONE"] == "1", "should we die in the farewell, the call is over"


@pytest.mark.parametrize("others", [True, False])
async def test_the_promise_knows_the_wait_that_is_expected(floor: Floor, others: bool) -> None:
    if others:
        await somebody_waits(floor, 50.0)
    keep = Keep()
    assert await wait_for_agent(ScriptedPhone(["*", "", "2", "0901"]), POWER, floor.desk, keep=keep) == END
    assert keep.expected == [50.0 if others else None]


async def test_one_who_hangs_up_on_the_farewell_has_not_abandoned(floor: Floor) -> None:
    class HangsUp(Keep):
        async def farewell(self, phone: Phone) -> None:
            raise HungUp

    with pytest.raises(HungUp):
        await wait_for_agent(ScriptedPhone(["*", "", "2", "0901"]), POWER, floor.desk, keep=HangsUp())
    assert [left.reason for left in floor.all(CallerLeftQueue)] == ["callback"]


async def test_one_who_hangs_up_before_it_is_promised_has_abandoned(floor: Floor) -> None:
    with pytest.raises(HungUp):
        await wait_for_agent(ScriptedPhone(["*", "", "hangup"]), POWER, floor.desk, keep=Keep())
    assert floor.one(CallerLeftQueue).reason == "abandoned"


async def test_who_wants_no_promise_after_all_waits_on_in_the_old_place(floor: Floor) -> None:
    phone = ScriptedPhone(["*", "", "1", "*", "", ""], before_move=floor.passing(3.0))
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, keep=Keep())
    assert phone.heard.count(">> say your-number") == 2
    assert phone.heard[-2] == ">> hold default"
    left = floor.one(CallerLeftQueue)
    assert (left.reason, left.waited) == ("abandoned", 21.0)


@pytest.mark.parametrize("at", ["your-number", "right", "which"])
@pytest.mark.parametrize("bell", [BELL, ""])
async def test_a_caller_whose_turn_comes_while_they_are_asked_is_connected(floor: Floor, at: str, bell: str) -> None:
    class Turn(ScriptedPhone):
        async def move(self, prompts: tuple[str, ...]) -> None:
            if prompts == (at,):
                floor.desk.carry_out(await floor.core.login(ANNA, floor.moment), "login")

        async def say(self, prompts, *, stop_keys=""):
            await self.move(prompts)
            return await super().say(prompts, stop_keys=stop_keys)

        async def ask(self, prompts, *, seconds):
            await self.move(prompts)
            return await super().ask(prompts, seconds=seconds)

        async def digits(self, prompts, *, most, seconds):
            await self.move(prompts)
            return await super().digits(prompts, most=most, seconds=seconds)

    moves = {"your-number": ["*", bell], "right": ["*", "", "2"], "which": ["*", "", "2", "0901"]}[at]
    phone = Turn(moves, dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk, keep=Keep()) == END
    assert phone.heard[-1] == ">> dial PJSIP/anna"
    assert floor.story() == ["CallerQueued", "AgentOffered", "AgentAnswered", "ConversationEnded"]


async def test_a_bell_for_an_offer_that_is_over_ends_no_question(floor: Floor) -> None:
    phone = ScriptedPhone(["*", BELL, "2", "0901"])
    assert await wait_for_agent(phone, POWER, floor.desk, keep=Keep()) == END
    assert phone.heard[-1] == ">> say farewell"


async def test_an_agent_who_is_held_for_one_who_leaves_on_a_promise_is_free(floor: Floor) -> None:
    class Late(Keep):
        async def promise(self, phone: Phone, arrival: float, expected: float | None) -> bool:
            floor.desk.carry_out(await floor.core.login(ANNA, floor.moment), "login")
            assert await floor.agent("anna") is AgentState.OFFERED
            return True

    phone = ScriptedPhone(["*"])
    assert await wait_for_agent(phone, POWER, floor.desk, keep=Late()) == END
    assert phone.heard[-1] == ">> say farewell"
    assert await floor.agent("anna") is AgentState.IDLE


async def test_it_is_offered_once_when_the_expected_wait_is_long(floor: Floor) -> None:
    await somebody_waits(floor, 100.0)
    phone = ScriptedPhone([""] * 9, before_move=floor.passing(3.0))
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, keep=Keep())
    assert [line for line in phone.heard if line.startswith(">>")] == [">> say offer", *[">> hold default"] * 9]


async def test_it_is_offered_later_when_the_wait_becomes_long(floor: Floor) -> None:
    await somebody_waits(floor, 50.0)
    phone = ScriptedPhone([""] * 9, before_move=floor.passing(LOOK_EVERY / 2))
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, keep=Keep())
    said = [line for line in phone.heard if line.startswith(">>")]
    assert said.index(">> say offer") == 4, "after 20 s: 70 s are expected then"


async def test_a_key_during_the_offer_or_an_announcement_is_heard(floor: Floor) -> None:
    await somebody_waits(floor, 100.0)
    phone = ScriptedPhone(["*", "", "2", "0901"])
    assert await wait_for_agent(phone, POWER, floor.desk, keep=Keep()) == END
    assert phone.heard[:2] == [">> say offer", "<< *"]

    queue = replace(POWER, announce=("please-hold",), announce_place=True)
    other = ScriptedPhone(["*", "", "2", "0901"], info=replace(INFO, call="pbx1-2.2"))
    assert await wait_for_agent(other, queue, floor.desk, keep=Keep(offered=False)) == END
    assert other.heard[:3] == [">> say place-2", "<< *", ">> say your-number"]


async def test_where_no_key_is_given_nothing_is_offered_and_every_key_means_nothing(floor: Floor) -> None:
    await somebody_waits(floor, 100.0)
    phone = ScriptedPhone(["*", "1", "#"])
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, keep=Keep(key=""))
    assert {line for line in phone.heard if line.startswith(">>")} == {">> hold default"}
