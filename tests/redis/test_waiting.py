"""A caller's wait, from the queue to the end of the talk: a scripted caller, a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.desk import Desk
from hotline.acd.model import AgentSettings, AgentState, Left, QueueSettings, Standing
from hotline.acd.waiting import wait_for_agent
from hotline.events import (
    AgentAnswered,
    AgentOffered,
    CallerLeftQueue,
    CallerQueued,
    ConversationEnded,
    Event,
    OfferMissed,
)
from hotline.flow.phone import BELL, Dialed, DialOutcome, HungUp, LineLost
from hotline.phones.scripted import INFO, ScriptedPhone

POWER = QueueSettings(name="power", needs={"power": 1}, ring=5, wrap_up=30)
ANNA = AgentSettings("anna", "PJSIP/anna", {"power": 2})
BINH = AgentSettings("binh", "PJSIP/binh", {"power": 1})
TALKED = Dialed(DialOutcome.ANSWERED, 42.0)
STORY = (CallerQueued, AgentOffered, OfferMissed, AgentAnswered, ConversationEnded, CallerLeftQueue)


class Floor:
    """A desk over a real Redis, with a clock that stands until it is moved."""

    def __init__(self, core: Core) -> None:
        self.core, self.moment = core, 1_000_000.0
        self.events: list[Event] = []
        self.desk = Desk(core, Bell({}, core.taken), lambda: self.moment, self.events.append)

    def story(self) -> list[str]:
        return [type(event).__name__ for event in self.events if isinstance(event, STORY)]

    def one(self, kind: type[Event]) -> Any:
        (event,) = (event for event in self.events if isinstance(event, kind))
        return event

    async def agent(self, name: str) -> AgentState:
        return (await self.core.snapshot()).agents[name][0]


@pytest.fixture
async def floor(redis: Any, shared_server: Any, connect: Callable[..., Awaitable[Any]]) -> Floor:
    return Floor(Core(await connect(shared_server.port)))


async def test_an_idle_agent_is_rung_at_once_and_wraps_up_afterwards(floor: Floor) -> None:
    await floor.core.login(ANNA, floor.moment)
    phone = ScriptedPhone(dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard == [">> dial PJSIP/anna"]
    assert phone.notes["OFFER"] == "anna:1"
    assert floor.story() == ["CallerQueued", "AgentOffered", "AgentAnswered", "ConversationEnded"]
    assert floor.one(ConversationEnded).talked == 42.0
    assert await floor.agent("anna") is AgentState.WRAP_UP


async def test_the_bell_wakes_a_caller_who_waits(floor: Floor) -> None:
    waiting = asyncio.Event()

    async def log_in() -> None:
        await waiting.wait()
        await floor.core.login(ANNA, floor.moment)

    class Waiting(ScriptedPhone):
        async def hold(self, seconds: float, *, music: str) -> str:
            waiting.set()
            await logged_in
            return await super().hold(seconds, music=music)

    logged_in = asyncio.ensure_future(log_in())
    phone = Waiting([BELL], dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard == [">> hold default", "<< D", ">> dial PJSIP/anna"]


async def test_a_bell_of_this_process_brings_the_offer_along(floor: Floor) -> None:
    looks: list[str] = []

    async def chime(channel: str) -> None:
        assert channel == INFO.channel

    class Watched(Core):
        async def look(self, call: str) -> Standing:
            looks.append(call)
            return await super().look(call)

    class Waiting(ScriptedPhone):
        async def hold(self, seconds: float, *, music: str) -> str:
            floor.desk.carry_out(await core.login(ANNA, floor.moment), "login")
            return await super().hold(seconds, music=music)

    core = Watched(floor.core._store)
    floor.desk = Desk(core, Bell({INFO.pbx: chime}, core.taken), lambda: floor.moment, floor.events.append)
    phone = Waiting([BELL], dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard == [">> hold default", "<< D", ">> dial PJSIP/anna"]
    assert looks == []
    await floor.desk.close()


async def test_a_phone_that_is_not_answered_passes_the_caller_on_to_the_next(floor: Floor) -> None:
    await floor.core.login(ANNA, floor.moment)
    await floor.core.login(BINH, floor.moment + 1)
    phone = ScriptedPhone(dials=[Dialed(DialOutcome.NO_ANSWER), TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard == [">> dial PJSIP/anna", ">> dial PJSIP/binh"]
    assert floor.one(OfferMissed).outcome == "ring-no-answer"
    assert await floor.agent("anna") is AgentState.PAUSED


async def test_a_caller_who_hangs_up_leaves_the_queue_as_abandoned(floor: Floor) -> None:
    with pytest.raises(HungUp):
        await wait_for_agent(ScriptedPhone([""]), POWER, floor.desk)
    assert floor.one(CallerLeftQueue).reason == "abandoned"
    assert await floor.core.length("power") == 0


async def test_a_lost_line_leaves_the_caller_in_the_old_place(floor: Floor) -> None:
    with pytest.raises(LineLost):
        await wait_for_agent(ScriptedPhone(["lost"]), POWER, floor.desk)
    assert await floor.core.length("power") == 1
    other = replace(INFO, call="pbx1-2.2")
    floor.moment += 5
    await floor.core.join(
        other.call, queue=POWER, arrival=floor.moment, now=floor.moment, channel=other.channel, pbx="pbx1"
    )

    back = ScriptedPhone([""], info=replace(INFO, attempt=2))
    back.notes["ARRIVED"] = "1000000.0"
    with pytest.raises(HungUp):
        await wait_for_agent(back, POWER, floor.desk)
    queued = [event for event in floor.events if isinstance(event, CallerQueued)]
    assert [(event.position, event.rejoined) for event in queued] == [(1, False), (1, True)]


async def test_a_wait_beyond_the_limit_ends_without_an_agent(floor: Floor) -> None:
    def pass_time(_: str) -> None:
        floor.moment += 31

    phone = ScriptedPhone(["", ""], before_move=pass_time)
    assert not await wait_for_agent(phone, replace(POWER, max_wait=60.0), floor.desk)
    left = floor.one(CallerLeftQueue)
    assert (left.reason, left.waited) == ("max-wait", 62.0)
    assert phone.notes["ARRIVED"] == ""


async def test_announcements_come_when_they_are_due_and_the_bell_cuts_them_short(floor: Floor) -> None:
    def pass_time(_: str) -> None:
        floor.moment += 3

    queue = replace(POWER, announce=("please-hold",), announce_every=6.0)
    phone = ScriptedPhone(["", "", BELL], before_move=pass_time)
    with pytest.raises(HungUp):
        await wait_for_agent(phone, queue, floor.desk)
    said = [line for line in phone.heard if line.startswith(">>")]
    assert said == [">> hold default", ">> hold default", ">> say please-hold", ">> hold default"]


async def test_a_full_queue_takes_nobody_more_and_says_so(floor: Floor) -> None:
    await floor.core.join(
        "pbx1-9.9", queue=POWER, arrival=floor.moment, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1"
    )
    assert not await wait_for_agent(ScriptedPhone(), replace(POWER, max_length=1), floor.desk)
    assert floor.one(CallerLeftQueue).reason == Left.FULL.value
    assert await floor.core.length("power") == 1


async def test_the_queue_is_rebuilt_from_its_callers_when_redis_has_lost_it(floor: Floor, redis: Any) -> None:
    def lose_everything(move: str) -> None:
        if move == "":
            redis("FLUSHALL")

    phone = ScriptedPhone(["", BELL], before_move=lose_everything)
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk)
    queued = [event for event in floor.events if isinstance(event, CallerQueued)]
    assert [(event.position, event.rejoined) for event in queued] == [(1, False), (1, True)]


async def test_a_caller_waits_on_while_redis_is_away_and_is_served_when_it_is_back(
    server: Any, connect: Callable[..., Awaitable[Any]]
) -> None:
    floor = Floor(Core(await connect(server.port, deadline=0.2)))
    server.kill()

    class Patient(ScriptedPhone):
        async def hold(self, seconds: float, *, music: str) -> str:
            if len(self.heard) == 2:
                server.start()
                assert await connect(server.port)
                await back(floor.core)
                await floor.core.login(ANNA, floor.moment)
            return await super().hold(seconds, music=music)

    phone = Patient(["", "", ""], dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard[-1] == ">> dial PJSIP/anna"
    assert floor.story()[0] == "CallerQueued"
    assert floor.story().count("CallerQueued") == 2  # told at once, and again when the place is known


async def back(core: Core) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                await core.length("power")
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                return
