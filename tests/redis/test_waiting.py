"""A caller's wait, from the queue to the end of the talk: a scripted caller, a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from floor import ANNA, BINH, POWER, Floor
from talks import length

from hotline.acd import ringing
from hotline.acd import waiting as waiting_module
from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.desk import Desk
from hotline.acd.model import AgentState, Change, Left, Offer, Overflow, QueueSettings, Standing
from hotline.acd.waiting import wait_for_agent
from hotline.events import AgentAnswered, CallerLeftQueue, CallerQueued, ConversationEnded, OfferMissed
from hotline.flow.phone import BELL, Dialed, DialOutcome, HungUp, LineLost
from hotline.phones.scripted import INFO, ScriptedPhone
from hotline.store import ScriptRefused

TALKED = Dialed(DialOutcome.ANSWERED, 42.0)


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
    assert await length(floor.core, "power") == 0


async def test_a_lost_line_leaves_the_caller_in_the_old_place(floor: Floor) -> None:
    with pytest.raises(LineLost):
        await wait_for_agent(ScriptedPhone(["lost"]), POWER, floor.desk)
    assert await length(floor.core, "power") == 1
    other = replace(INFO, call="pbx1-2.2")
    floor.moment += 5
    await floor.core.join(
        other.call, queue=POWER, arrival=floor.moment, now=floor.moment, channel=other.channel, pbx="pbx1"
    )

    back = ScriptedPhone([""], info=replace(INFO, attempt=2))
    back.notes["ARRIVED"] = "1000000.0"
    with pytest.raises(HungUp):
        await wait_for_agent(back, POWER, floor.desk)
    queued = floor.all(CallerQueued)
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
    assert await length(floor.core, "power") == 1


OVERFLOWING = replace(POWER, overflow=Overflow("busy", after=60.0), max_wait=300.0)
BILLING = QueueSettings(name="billing", needs={})


async def test_who_is_sent_on_takes_the_moment_of_arrival_along_to_the_next_queue(floor: Floor) -> None:
    def pass_time(_: str) -> None:
        floor.moment += 31

    phone = ScriptedPhone(["", ""], before_move=pass_time)
    assert await wait_for_agent(phone, OVERFLOWING, floor.desk) == "busy"
    left = floor.one(CallerLeftQueue)
    assert (left.queue, left.reason, left.waited) == ("power", "overflow", 62.0)
    assert await length(floor.core, "power") == 0

    other = replace(INFO, call="pbx1-2.2")
    await floor.core.join(
        other.call, queue=BILLING, arrival=floor.moment - 10, now=floor.moment, channel=other.channel, pbx="pbx1"
    )
    with pytest.raises(HungUp):
        await wait_for_agent(phone, BILLING, floor.desk)
    queued = floor.all(CallerQueued)
    assert [(event.queue, event.position, event.rejoined) for event in queued] == [
        ("power", 1, False),
        ("billing", 1, False),
    ]
    assert floor.all(CallerLeftQueue)[-1].waited == 93.0


async def test_a_queue_sends_a_caller_on_only_once(floor: Floor) -> None:
    def pass_time(_: str) -> None:
        floor.moment += 100

    phone = ScriptedPhone(["", "", ""], before_move=pass_time)
    assert await wait_for_agent(phone, OVERFLOWING, floor.desk) == "busy"
    assert await wait_for_agent(phone, OVERFLOWING, floor.desk) == ""
    assert [left.reason for left in floor.all(CallerLeftQueue)] == ["overflow", "max-wait"]
    assert phone.notes["ARRIVED"] == ""


async def test_one_who_was_sent_on_and_comes_back_after_our_death_has_not_forgotten_it(floor: Floor) -> None:
    back = ScriptedPhone([""], info=replace(INFO, attempt=2))
    back.notes["ARRIVED"] = "999900.0 - power"
    with pytest.raises(HungUp):
        await wait_for_agent(back, OVERFLOWING, floor.desk)
    assert not floor.one(CallerQueued).rejoined
    assert floor.one(CallerLeftQueue).reason == "abandoned"


async def somebody_waits(floor: Floor, queue: QueueSettings, seconds: float) -> None:
    arrival, now = floor.moment - seconds, floor.moment
    await floor.core.join("pbx1-9.9", queue=queue, arrival=arrival, now=now, channel="PJSIP/x-1", pbx="pbx1")


async def test_where_a_long_wait_is_expected_nobody_joins(floor: Floor) -> None:
    queue = replace(POWER, max_expected_wait=60.0)
    await somebody_waits(floor, queue, 100.0)
    phone = ScriptedPhone()
    assert await wait_for_agent(phone, queue, floor.desk) == ""
    assert floor.story() == ["CallerLeftQueue"]
    assert floor.one(CallerLeftQueue).reason == "too-long"
    assert phone.notes["ARRIVED"] == ""


@pytest.mark.parametrize("overflow", [Overflow("busy", length=1), Overflow("busy", expected=60.0)])
async def test_a_queue_that_is_too_long_sends_on_who_comes_but_not_who_comes_back(
    floor: Floor, overflow: Overflow
) -> None:
    queue = replace(POWER, overflow=overflow)
    await somebody_waits(floor, queue, 100.0)
    phone = ScriptedPhone([""])
    assert await wait_for_agent(phone, queue, floor.desk) == "busy"
    left = floor.one(CallerLeftQueue)
    assert (left.reason, left.waited) == ("overflow", 0.0)
    floor.moment += 30
    with pytest.raises(HungUp):
        await wait_for_agent(phone, queue, floor.desk)
    assert floor.one(CallerQueued).position == 2
    assert floor.all(CallerLeftQueue)[-1].waited == 30.0


async def test_a_caller_is_rung_through_to_the_agent_of_the_last_talk(floor: Floor) -> None:
    queue = replace(POWER, sticky=30.0, wrap_up=0.0)
    await floor.core.login(BINH, floor.moment)
    assert await wait_for_agent(ScriptedPhone(dials=[TALKED]), queue, floor.desk, caller="nam")
    await floor.core.login(ANNA, floor.moment - 600)
    again = ScriptedPhone(dials=[TALKED], info=replace(INFO, call="pbx1-3.3"))
    assert await wait_for_agent(again, queue, floor.desk, caller="nam")
    assert again.heard == [">> dial PJSIP/binh"]


async def test_one_who_was_in_the_queue_already_is_not_turned_away_when_it_is_full(floor: Floor) -> None:
    await floor.core.join(
        "pbx1-9.9", queue=POWER, arrival=floor.moment, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1"
    )
    back = ScriptedPhone([""], info=replace(INFO, attempt=2))
    back.notes["ARRIVED"] = "999999.0"
    with pytest.raises(HungUp):
        await wait_for_agent(back, replace(POWER, max_length=1), floor.desk)
    assert floor.one(CallerLeftQueue).reason == "abandoned"


async def test_a_caller_who_is_there_though_redis_heard_of_the_end_is_served_and_told_of_once(floor: Floor) -> None:
    await floor.core.leave(INFO.call, Left.ABANDONED, floor.moment)

    def somebody_is_free_later(_: str) -> None:
        if len(phone.heard) > 4:
            floor.later(floor.core.login(ANNA, floor.moment))

    phone = ScriptedPhone(["", "", "", "", ""], dials=[TALKED], before_move=somebody_is_free_later)
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert floor.story() == ["CallerQueued", "AgentOffered", "AgentAnswered", "ConversationEnded"]
    await floor.settled()


async def test_a_session_that_hears_of_its_callers_end_does_not_bring_the_caller_back(floor: Floor) -> None:
    def gone_elsewhere(move: str) -> None:
        if move == "":
            floor.later(floor.desk.gone(INFO.call, Left.ABANDONED, "caller"))

    class Hanging(ScriptedPhone):
        async def hold(self, seconds: float, *, music: str) -> str:
            key = await super().hold(seconds, music=music)
            await floor.settled()
            return key

    with pytest.raises(HungUp):
        await wait_for_agent(Hanging([""], before_move=gone_elsewhere), POWER, floor.desk)
    assert floor.story() == ["CallerQueued", "CallerLeftQueue"]


class HangsUpUnderTheDial(ScriptedPhone):
    """`at_the_end` happens just before the session hears that the caller is gone."""

    at_the_end: Callable[[], Awaitable[None]]

    async def dial(self, target: str, *, seconds: float) -> Dialed:
        await self.at_the_end()
        raise HungUp


async def test_a_conversation_that_the_caller_ends_is_one_though_only_the_dialplan_tells_of_it(floor: Floor) -> None:
    await floor.core.login(ANNA, floor.moment)
    phone, ended = HangsUpUnderTheDial(), asyncio.Event()

    async def the_dialplan_tells() -> None:
        await asyncio.sleep(0)
        await floor.desk.answered(INFO.call, "anna", 1, ago=40.0)
        ended.set()

    async def at_the_end() -> None:
        floor.moment += 42
        floor.later(the_dialplan_tells())

    phone.at_the_end = at_the_end
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, ended)
    assert floor.story() == ["CallerQueued", "AgentOffered", "AgentAnswered", "ConversationEnded"]
    assert floor.one(AgentAnswered).waited == 2.0
    talk = floor.one(ConversationEnded)
    assert (talk.talked, talk.ended_by) == (40.0, "caller")
    assert await floor.agent("anna") is AgentState.WRAP_UP


@pytest.mark.parametrize("told", [True, False])
async def test_one_who_hangs_up_on_a_ringing_phone_has_abandoned(
    floor: Floor, monkeypatch: pytest.MonkeyPatch, told: bool
) -> None:
    monkeypatch.setattr(waiting_module, "LAST_WORD", 0.05)
    await floor.core.login(ANNA, floor.moment)
    phone, ended = HangsUpUnderTheDial(), asyncio.Event()

    async def at_the_end() -> None:
        if told:
            ended.set()

    phone.at_the_end = at_the_end
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk, ended)
    assert floor.story() == ["CallerQueued", "AgentOffered", "CallerLeftQueue"]
    assert await floor.agent("anna") is AgentState.IDLE


async def test_while_redis_refuses_what_is_written_the_caller_hears_music_between_the_tries(floor: Floor) -> None:
    class Refusing(Core):
        async def take(self, offer: Offer, now: float, lease: float) -> Change:
            if phone.heard.count(">> hold default") < 3:
                raise ScriptRefused("Redis refused a script: OOM")
            return await super().take(offer, now, lease)

    core = Refusing(floor.core._store)
    floor.desk = Desk(core, Bell({}, core.taken), lambda: floor.moment, floor.events.append)
    await core.login(ANNA, floor.moment)
    phone = ScriptedPhone(["", "", ""], dials=[TALKED])
    assert await wait_for_agent(phone, POWER, floor.desk)
    assert phone.heard[-1] == ">> dial PJSIP/anna"
    assert phone.heard.count(">> hold default") == 3


async def test_an_offer_is_renewed_until_they_talk(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ringing, "RENEW_EVERY", 0.005)
    renewed: asyncio.Queue[bool] = asyncio.Queue()

    class Watched(Core):
        async def take(self, offer: Offer, now: float, lease: float) -> Change:
            change = await super().take(offer, now, lease)
            renewed.put_nowait(change.applied)
            return change

    class Talking(ScriptedPhone):
        async def dial(self, target: str, *, seconds: float) -> Dialed:
            assert [await renewed.get() for _ in range(3)] == [True, True, True]
            await floor.desk.answered(INFO.call, "anna", 1)
            while await renewed.get():
                pass
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(renewed.get(), 0.05)
            return TALKED

    core = Watched(floor.core._store)
    floor.desk = Desk(core, Bell({}, core.taken), lambda: floor.moment, floor.events.append)
    await core.login(ANNA, floor.moment)
    assert await wait_for_agent(Talking(), POWER, floor.desk)


async def test_the_queue_is_rebuilt_from_its_callers_when_redis_has_lost_it(floor: Floor, redis: Any) -> None:
    def lose_everything(move: str) -> None:
        if move == "":
            redis("FLUSHALL")

    phone = ScriptedPhone(["", BELL], before_move=lose_everything)
    with pytest.raises(HungUp):
        await wait_for_agent(phone, POWER, floor.desk)
    queued = floor.all(CallerQueued)
    assert [(event.position, event.rejoined) for event in queued] == [(1, False), (1, True)]


async def test_a_caller_waits_on_while_redis_is_away_and_is_served_when_it_is_back(
    server: Any, connect: Callable[..., Awaitable[Any]]
) -> None:
    floor = Floor(Core(await connect(server.port, deadline=1.0)))
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
                await core.check()
            except ConnectionError:
                await asyncio.sleep(0.02)
            else:
                return
