"""The queue core's behaviour through Core, the guarded link and the scripts, in the words of a hotline."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from talks import length, offers

from hotline.acd.core import Core
from hotline.acd.model import (
    AgentSettings,
    AgentState,
    CallState,
    Change,
    Left,
    Missed,
    Offer,
    QueueSettings,
    Snapshot,
    Standing,
)
from hotline.store import StoreDown

T = 1_760_000_000.123456
SALES = QueueSettings("sales", {"sales": 1}, wrap_up=10.0)
VIP = dataclasses.replace(SALES, name="vip", priority=60.0)
ANNA = AgentSettings("anna", "PJSIP/anna", {"sales": 1})
BEN = AgentSettings("ben", "PJSIP/ben", {"sales": 2})


@pytest.fixture
def core(store):
    return Core(store, hold=10.0)


async def join(core: Core, call: str, *, at: float = T, queue: QueueSettings = SALES) -> Change:
    return await core.join(call, queue=queue, arrival=at, now=at, channel=f"PJSIP/{call}", pbx="pbx1")


async def talk(core: Core, call: str, *, at: float = T) -> Offer:
    """Bring a call that has an offer into its conversation."""
    offer = (await core.look(call)).offer
    assert offer
    assert (await core.take(offer, at, at + 45)).applied
    assert (await core.answered(call, offer.agent, offer.token, at)).applied
    return offer


# --- waiting and being offered ---


async def test_a_caller_waits_in_the_order_of_arrival(core):
    await join(core, "c1", at=T + 1)
    await join(core, "c3", at=T + 3)
    change = await join(core, "c2", at=T + 2)
    assert change.standing == Standing(CallState.WAITING, position=2, arrival=T + 2, queue="sales")
    assert (await core.look("c3")).position == 3
    assert await length(core, "sales") == 3


async def test_callers_who_arrive_at_the_same_moment_are_ordered_by_call_id(core):
    for call in ("b", "a", "c"):
        await join(core, call)
    assert [(await core.look(call)).position for call in ("a", "b", "c")] == [1, 2, 3]


async def test_a_free_agent_is_offered_at_once(core):
    await core.login(ANNA, T)
    change = await join(core, "c1")
    assert change.agents == (("anna", AgentState.OFFERED),)
    [offer] = change.offers
    assert change.standing.offer == offer
    assert dataclasses.astuple(offer) == ("c1", "anna", 1, "sales", "PJSIP/anna", "PJSIP/c1", "pbx1", T + 10)


async def test_an_agent_who_logs_in_gets_the_first_of_the_line(core):
    await join(core, "c2", at=T + 2)
    await join(core, "c1", at=T + 1)
    assert offers(await core.login(ANNA, T + 3)) == [("c1", "anna")]


async def test_priority_is_a_head_start_in_seconds(core):
    await join(core, "early", at=T)
    await join(core, "vip-late", at=T + 61, queue=VIP)
    await join(core, "vip", at=T + 59, queue=VIP)
    assert offers(await core.login(ANNA, T + 62)) == [("vip", "anna")]
    assert offers(await core.login(BEN, T + 62)) == [("early", "ben")]


async def test_the_agent_idle_for_longest_is_chosen(core):
    await core.login(BEN, T + 1)
    await core.login(ANNA, T + 2)
    assert offers(await join(core, "c1", at=T + 3)) == [("c1", "ben")]


async def test_microseconds_decide(core):
    await core.login(BEN, T + 0.000002)
    await core.login(ANNA, T + 0.000001)
    assert offers(await join(core, "c1", at=T + 3)) == [("c1", "anna")]


@pytest.mark.parametrize(
    ("needs", "skills", "serves"),
    [
        ({}, {}, True),
        ({}, {"sales": 1}, True),
        ({"sales": 1}, {}, False),
        ({"sales": 2}, {"sales": 1}, False),
        ({"sales": 2}, {"sales": 2}, True),
        ({"sales": 2}, {"sales": 9, "german": 1}, True),
        ({"sales": 1, "german": 1}, {"sales": 9}, False),
        ({"ventes à l'étranger": 3}, {"ventes à l'étranger": 3}, True),
    ],
)
async def test_an_agent_serves_calls_whose_needs_they_meet(core, needs, skills, serves):
    await core.login(AgentSettings("anna", "PJSIP/anna", skills), T)
    change = await join(core, "c1", queue=QueueSettings("q", needs))
    assert (change.standing.state is CallState.OFFERED) is serves


async def test_skills_written_in_another_order_are_the_same(core, redis):
    await core.login(AgentSettings("anna", "PJSIP/anna", {"a": 1, "b": 2}), T)
    await core.login(AgentSettings("ben", "PJSIP/ben", {"b": 2, "a": 1}), T)
    assert redis("SCARD", "hotline:profiles") == 1


async def test_new_skills_bring_an_idle_agent_the_calls_that_waited_for_them(core):
    await join(core, "c1", queue=QueueSettings("q", {"german": 1}))
    assert not (await core.login(ANNA, T)).offers
    change = await core.login(dataclasses.replace(ANNA, skills={"german": 1}), T + 1)
    assert offers(change) == [("c1", "anna")]


# --- the offer and its session ---


async def test_the_bell_stops_once_the_offer_is_taken_or_over(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    assert not await core.taken("c1", offer.token)
    await core.take(offer, T, T + 45)
    assert await core.taken("c1", offer.token)
    await core.missed("c1", "anna", offer.token, Missed.BUSY, T)
    assert await core.taken("c1", offer.token)
    await core.leave("c1", Left.ABANDONED, T)
    assert await core.taken("c1", offer.token)


async def test_an_agent_is_held_until_the_lease_ends_and_renewing_moves_it(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    assert (await core.tick(T))[1] == pytest.approx(T + 10)
    await core.take(offer, T + 5, T + 20)
    assert (await core.take(offer, T + 15, T + 30)).applied
    change, deadline = await core.tick(T + 29)
    assert (change.applied, deadline) == (False, pytest.approx(T + 30))
    change, deadline = await core.tick(T + 30)
    assert change.agents == (("anna", AgentState.IDLE),)
    assert change.lapsed == (dataclasses.replace(offer, lease=T + 30),)
    assert not (await core.take(offer, T + 31, T + 60)).applied


async def test_a_call_whose_session_fell_silent_takes_nobodys_time_and_its_old_place_when_it_joins_again(core):
    await core.login(ANNA, T)
    await join(core, "silent", at=T + 1)
    await join(core, "next", at=T + 2)
    change, _ = await core.tick(T + 11)
    assert offers(change) == [("next", "anna")]
    assert (await core.look("silent")).state is CallState.UNKNOWN
    assert (await core.look("next")).position == 2
    await core.missed("next", "anna", change.offers[0].token, Missed.BUSY, T + 12)
    back = await core.join("silent", queue=SALES, arrival=T + 12, now=T + 12, channel="PJSIP/new", pbx="pbx2")
    assert back.applied
    assert back.standing == Standing(CallState.WAITING, position=1, arrival=T + 1, queue="sales")
    change, _ = await core.tick(T + 17)
    assert [(offer.call, offer.channel, offer.pbx) for offer in change.offers] == [("silent", "PJSIP/new", "pbx2")]


async def test_a_call_whose_session_stays_silent_is_given_up_after_a_minute(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    await core.tick(T + 10)
    change, deadline = await core.tick(T + 70)
    assert (change.applied, deadline) == (True, None)
    [(call, last)] = change.given_up
    assert (call, last.state, last.queue, last.arrival) == ("c1", CallState.UNKNOWN, "sales", T)
    assert await length(core, "sales") == 0
    assert (await join(core, "c1", at=T + 80)).standing.state is CallState.OFFERED


async def test_a_caller_who_joins_twice_keeps_place_and_arrival(core):
    await join(core, "c1", at=T)
    await join(core, "c2", at=T + 1)
    again = await core.join("c1", queue=VIP, arrival=T + 9, now=T + 9, channel="PJSIP/new", pbx="pbx2")
    assert not again.applied
    assert again.standing == Standing(CallState.WAITING, position=1, arrival=T, queue="sales")
    [offer] = (await core.login(ANNA, T + 10)).offers
    assert (offer.channel, offer.pbx) == ("PJSIP/new", "pbx2")


async def test_a_caller_who_comes_back_while_offered_or_talking_keeps_that(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    assert (await join(core, "c1", at=T + 1)).standing.state is CallState.OFFERED
    await talk(core, "c1", at=T + 2)
    standing = (await join(core, "c1", at=T + 3)).standing
    assert (standing.state, standing.answered) == (CallState.TALKING, T + 2)
    assert standing.offer
    assert standing.offer.agent == "anna"


# --- misses ---


@pytest.mark.parametrize(
    ("outcome", "delay"),
    [(Missed.NO_ANSWER, 20.0), (Missed.REJECTED, 20.0), (Missed.BUSY, 5.0), (Missed.UNREGISTERED, 15.0)],
)
async def test_after_a_miss_the_agent_is_left_alone_and_the_caller_is_first_again(core, outcome, delay):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    await join(core, "c2", at=T + 1)
    change = await core.missed("c1", "anna", offer.token, outcome, T + 15)
    assert change.agents == (("anna", AgentState.PAUSED),)
    assert (change.standing.state, change.standing.position) == (CallState.WAITING, 1)
    assert (await core.tick(T + 15))[1] == pytest.approx(T + 15 + delay)
    change, _ = await core.tick(T + 15 + delay)
    assert offers(change) == [("c1", "anna")]


async def test_after_a_miss_the_next_agent_is_tried_at_once(core):
    await core.login(ANNA, T)
    await core.login(BEN, T + 1)
    [offer] = (await join(core, "c1", at=T + 2)).offers
    change = await core.missed("c1", "anna", offer.token, Missed.NO_ANSWER, T + 17)
    assert offers(change) == [("c1", "ben")]
    assert change.agents == (("ben", AgentState.OFFERED), ("anna", AgentState.PAUSED))


async def test_one_who_missed_the_call_is_tried_again_only_after_the_others(core):
    eager = dataclasses.replace(SALES, miss_pause={Missed.BUSY: 0.0})
    for moment, name in enumerate(["anna", "ben", "carl"]):
        await core.login(AgentSettings(name, f"PJSIP/{name}", {"sales": 1}), T + moment)
    [offer] = (await join(core, "c1", at=T + 5, queue=eager)).offers
    rung = [offer.agent]
    for moment in range(6, 10):
        change = await core.missed("c1", offer.agent, offer.token, Missed.BUSY, T + moment)
        [offer] = change.offers
        rung.append(offer.agent)
    assert rung == ["anna", "ben", "carl", "anna", "ben"]


async def misses(core: Core, call: str, *, at: float, back: float = 0.0) -> None:
    """The agent who is rung misses the call, and is idle again at the moment `back`, if given."""
    offer = (await core.look(call)).offer
    assert offer
    await core.missed(call, offer.agent, offer.token, Missed.NO_ANSWER, at)
    if back:
        await core.ready(offer.agent, back)


async def rung(core: Core, call: str) -> str:
    offer = (await core.look(call)).offer
    return offer.agent if offer else ""


async def test_one_who_missed_the_call_and_is_back_comes_after_one_who_has_not(core):
    await core.login(ANNA, T)
    await core.login(BEN, T + 1)
    await join(core, "c1", at=T + 2)
    await misses(core, "c1", at=T + 3, back=T + 4)
    await core.login(AgentSettings("carl", "PJSIP/carl", {"sales": 1}), T + 5)
    await misses(core, "c1", at=T + 20)
    assert await rung(core, "c1") == "carl"


async def test_when_all_have_missed_the_call_a_new_round_begins(core):
    for moment, name in enumerate(["anna", "ben", "carl"]):
        await core.login(AgentSettings(name, f"PJSIP/{name}", {"sales": 1}), T + moment)
    await join(core, "c1", at=T + 5)
    await misses(core, "c1", at=T + 10, back=T + 11)
    await misses(core, "c1", at=T + 20, back=T + 21)
    await misses(core, "c1", at=T + 30, back=T + 31)
    assert await rung(core, "c1") == "anna"
    await misses(core, "c1", at=T + 40, back=T + 41)
    assert await rung(core, "c1") == "ben"
    await core.pause("carl", "a word with ben", T + 42)
    await core.ready("carl", T + 43)
    await misses(core, "c1", at=T + 50)
    assert await rung(core, "c1") == "carl"


async def test_a_queue_says_how_long_an_agent_is_left_alone(core):
    patient = dataclasses.replace(SALES, miss_pause={Missed.NO_ANSWER: 300.0})
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1", queue=patient)).offers
    await core.missed("c1", "anna", offer.token, Missed.NO_ANSWER, T)
    assert (await core.tick(T + 299))[0].agents == ()
    assert (await core.ready("anna", T + 299)).agents == (("anna", AgentState.OFFERED),)


# --- conversations ---


async def test_a_conversation_ends_in_wrap_up_with_a_deadline_and_then_the_next_call(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    await join(core, "c2", at=T + 1)
    offer = await talk(core, "c1", at=T + 5)
    assert await length(core, "sales") == 1
    change = await core.finished("c1", "anna", offer.token, T + 65)
    assert change.agents == (("anna", AgentState.WRAP_UP),)
    assert (change.standing.state, change.standing.answered) == (CallState.TALKING, T + 5)
    assert (await core.look("c1")).state is CallState.ENDED
    change, deadline = await core.tick(T + 70)
    assert (change.applied, deadline) == (False, pytest.approx(T + 75))
    change, _ = await core.tick(T + 75)
    assert offers(change) == [("c2", "anna")]


async def test_an_agent_may_end_the_wrap_up_early(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    assert not (await core.ready("anna", T)).applied
    await core.finished("c1", "anna", offer.token, T + 60)
    assert (await core.ready("anna", T + 61)).agents == (("anna", AgentState.IDLE),)


async def test_a_caller_who_hangs_up_while_an_agent_rings_leaves_the_agent_as_idle_as_before(core):
    await core.login(ANNA, T)
    await core.login(BEN, T + 1)
    await join(core, "c1", at=T + 2)
    change = await core.leave("c1", Left.ABANDONED, T + 5)
    assert change.agents == (("anna", AgentState.IDLE),)
    assert (change.standing.state, change.standing.arrival, change.standing.queue) == (
        CallState.OFFERED,
        T + 2,
        "sales",
    )
    assert offers(await join(core, "c2", at=T + 6)) == [("c2", "anna")]


async def test_a_caller_who_leaves_a_conversation_was_served(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1")
    await talk(core, "c1")
    change = await core.leave("c1", Left.LOST, T + 60)
    assert change.agents == (("anna", AgentState.WRAP_UP),)
    assert redis("GET", "hotline:ended:c1") == b"served"


async def test_the_end_of_a_conversation_proves_that_it_was_answered(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    assert (await core.finished("c1", "anna", offer.token, T + 60)).agents == (("anna", AgentState.WRAP_UP),)


async def test_an_answer_that_comes_after_its_lease_is_believed_while_both_are_free(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    await core.tick(T + 10)
    change = await core.answered("c1", "anna", offer.token, T + 11)
    assert change.agents == (("anna", AgentState.TALKING),)
    assert change.standing.state is CallState.TALKING


async def test_a_break_begun_before_a_late_answer_goes_on_after_the_conversation(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    await core.tick(T + 10)
    await core.pause("anna", "lunch", T + 11)
    assert (await core.answered("c1", "anna", offer.token, T + 12)).agents == (("anna", AgentState.TALKING),)
    assert (await core.finished("c1", "anna", offer.token, T + 60)).agents == (("anna", AgentState.PAUSED),)


async def test_an_answer_that_comes_after_its_lease_does_not_take_an_agent_from_another_call(core):
    await core.login(ANNA, T)
    [offer] = (await join(core, "c1")).offers
    await join(core, "c2", at=T + 1)
    assert offers((await core.tick(T + 10))[0]) == [("c2", "anna")]
    assert not (await core.answered("c1", "anna", offer.token, T + 11)).applied
    assert (await core.finished("c1", "anna", offer.token, T + 60)).agents == ()
    assert (await core.look("c2")).state is CallState.OFFERED


# --- late, doubled and foreign events ---


async def test_late_and_doubled_events_change_nothing(core):
    await core.login(ANNA, T)
    [old] = (await join(core, "c1")).offers
    await core.missed("c1", "anna", old.token, Missed.BUSY, T)
    await core.ready("anna", T + 1)
    new = await talk(core, "c1", at=T + 2)
    assert new.token > old.token
    before = await core.snapshot()
    assert not (await core.take(old, T, T + 99)).applied
    assert not (await core.answered("c1", "anna", old.token, T)).applied
    assert not (await core.answered("c1", "anna", new.token, T)).applied
    assert not (await core.missed("c1", "anna", new.token, Missed.NO_ANSWER, T)).applied
    assert not (await core.finished("c1", "anna", old.token, T)).applied
    assert not (await core.finished("c2", "anna", new.token, T)).applied
    assert await core.snapshot() == before
    assert (await core.finished("c1", "anna", new.token, T)).applied
    assert not (await core.finished("c1", "anna", new.token, T)).applied
    assert not (await core.leave("c1", Left.ABANDONED, T)).applied


async def test_a_caller_who_hung_up_is_not_brought_back_by_a_late_join(core):
    await join(core, "c1")
    await core.leave("c1", Left.ABANDONED, T)
    assert (await join(core, "c1")).standing.state is CallState.ENDED
    assert await length(core, "sales") == 0


async def test_a_hang_up_that_overtakes_its_join_wins(core):
    assert not (await core.leave("c1", Left.ABANDONED, T)).applied
    assert (await join(core, "c1")).standing.state is CallState.ENDED


async def test_a_caller_who_is_heard_of_after_all_joins_again_when_forced(core):
    await core.leave("c1", Left.ABANDONED, T)
    assert (await join(core, "c1")).standing.state is CallState.ENDED
    change = await core.join("c1", queue=SALES, arrival=T, now=T + 3, channel="PJSIP/c1", pbx="pbx1", force=True)
    assert change.applied
    assert change.standing == Standing(CallState.WAITING, position=1, arrival=T, queue="sales")


async def test_a_call_that_never_joined_leaves_a_trace_only_if_its_caller_hung_up(core, redis):
    assert not (await core.leave("c1", Left.LOST, T)).applied
    assert not redis("EXISTS", "hotline:ended:c1")
    assert (await join(core, "c1")).applied


async def test_a_queue_takes_no_more_than_its_most_at_once_and_keeps_those_who_come_back(core):
    short = dataclasses.replace(SALES, max_length=2)
    changes = await asyncio.gather(*(join(core, f"c{n}", queue=short) for n in range(5)))
    assert sorted(change.standing.state for change in changes) == [CallState.FULL] * 3 + [CallState.WAITING] * 2
    assert await length(core, "sales") == 2
    joined = next(f"c{n}" for n, change in enumerate(changes) if change.applied)
    assert (await join(core, joined, queue=short)).standing.state is CallState.WAITING
    assert [change.applied for change in changes].count(True) == 2


async def test_a_caller_who_left_may_queue_again(core):
    await join(core, "c1")
    await core.leave("c1", Left.MAX_WAIT, T + 5)
    again = await join(core, "c1", at=T + 9, queue=VIP)
    assert again.standing == Standing(CallState.WAITING, position=1, arrival=T + 9, queue="vip")


# --- agents ---


async def test_a_pause_asked_for_during_a_conversation_begins_after_it(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    assert (await core.pause("anna", "lunch", T)).agents == ()
    assert (await core.finished("c1", "anna", offer.token, T + 60)).agents == (("anna", AgentState.PAUSED),)
    await join(core, "c2", at=T + 61)
    assert offers(await core.ready("anna", T + 90)) == [("c2", "anna")]


async def test_a_logout_asked_for_during_a_conversation_comes_after_it_and_can_be_taken_back(core):
    await core.login(ANNA, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    assert (await core.logout("anna", T)).applied
    assert not (await core.logout("anna", T)).applied
    assert (await core.login(ANNA, T)).applied
    assert (await core.logout("anna", T)).applied
    change = await core.finished("c1", "anna", offer.token, T + 60)
    assert change.agents == (("anna", AgentState.OFFLINE),)
    assert (await core.snapshot()).agents == {}


async def test_a_refresh_gives_those_at_work_their_new_phone_and_skills_and_nobody_else(core):
    moved = dataclasses.replace(ANNA, phone="PJSIP/desk-7", skills={"german": 1})
    assert not (await core.refresh(moved, T)).applied
    await core.login(ANNA, T)
    await join(core, "c1")
    await talk(core, "c1")
    await core.logout("anna", T + 1)
    assert (await core.refresh(moved, T + 2)).agents == ()
    assert not (await core.refresh(moved, T + 2)).applied
    assert (await core.leave("c1", Left.ABANDONED, T + 3)).agents == (("anna", AgentState.OFFLINE),)
    await core.login(ANNA, T + 4)
    await join(core, "c2", at=T + 5, queue=QueueSettings("q", {"german": 1}))
    [offer] = (await core.refresh(moved, T + 6)).offers
    assert (offer.call, offer.phone) == ("c2", "PJSIP/desk-7")


async def test_an_agent_who_is_stuck_is_logged_out_at_once_and_the_call_given_up(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    await core.logout("anna", T + 1)
    change = await core.logout("anna", T + 2, at_once=True)
    assert change.agents == (("anna", AgentState.OFFLINE),)
    [(call, was)] = change.given_up
    assert (call, was.state, was.queue) == ("c1", CallState.TALKING, "sales")
    assert redis("GET", "hotline:ended:c1") == b"lost"
    assert not (await core.finished("c1", "anna", offer.token, T + 3)).applied
    assert await core.snapshot() == Snapshot({}, {}, {})


async def test_an_agent_held_for_a_call_that_redis_no_longer_has_can_be_logged_out(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1")
    await talk(core, "c1")
    redis("DEL", "hotline:call:c1")
    assert (await core.logout("anna", T, at_once=True)).agents == (("anna", AgentState.OFFLINE),)


async def test_agents_verbs_without_effect_say_so(core):
    assert not (await core.logout("anna", T)).applied
    assert not (await core.pause("anna", "lunch", T)).applied
    assert not (await core.ready("anna", T)).applied
    assert (await core.login(ANNA, T)).agents == (("anna", AgentState.IDLE),)
    assert not (await core.login(ANNA, T)).applied
    assert not (await core.ready("anna", T)).applied
    assert (await core.pause("anna", "lunch", T)).agents == (("anna", AgentState.PAUSED),)
    assert not (await core.pause("anna", "lunch", T)).applied
    assert (await core.pause("anna", "training", T)).applied
    assert (await core.logout("anna", T)).agents == (("anna", AgentState.OFFLINE),)


# --- the whole ---


async def test_a_snapshot_tells_everything_and_nothing_else_is_left_behind(core, redis):
    await core.login(ANNA, T)
    await core.login(BEN, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    await core.pause("ben", "lunch", T)
    await join(core, "c2", at=T + 1)
    await join(core, "c3", at=T + 2, queue=VIP)
    seen = await core.snapshot()
    assert {name: (count.waiting, count.oldest) for name, count in seen.queues.items()} == {
        "sales": (1, T + 1),
        "vip": (1, T + 2),
    }
    assert seen.agents == {"anna": (AgentState.TALKING, "c1", offer.token), "ben": (AgentState.PAUSED, "", 0)}
    assert {call: (p.state, p.channel, p.pbx) for call, p in seen.calls.items()} == {
        "c1": (CallState.TALKING, "PJSIP/c1", "pbx1"),
        "c2": (CallState.WAITING, "PJSIP/c2", "pbx1"),
        "c3": (CallState.WAITING, "PJSIP/c3", "pbx1"),
    }
    for call in ("c1", "c2", "c3"):
        await core.leave(call, Left.ABANDONED, T)
    for agent in ("anna", "ben"):
        await core.logout(agent, T)
    passing = [key for key in redis("KEYS", "*") if redis("TTL", key) < 0]
    assert {key.decode().split(":")[1] for key in passing} <= {
        "classes",
        "profiles",
        "classes-for",
        "profiles-for",
        "queues-for",
        "lines",
        "rules",
        "token",
    }


async def test_two_hotlines_share_a_redis_under_two_prefixes(store, redis):
    one, other = Core(store, prefix="one:"), Core(store, prefix="{other}:")
    await one.login(ANNA, T)
    assert (await join(other, "c1")).standing.state is CallState.WAITING
    assert (await join(one, "c1")).standing.state is CallState.OFFERED
    assert all(key.startswith((b"one:", b"{other}:")) for key in redis("KEYS", "*"))


async def test_a_change_whose_reply_was_lost_answers_the_same_when_it_is_asked_again(core, store, monkeypatch):
    await core.login(ANNA, T)
    ask, replies = store.script, []

    async def lose_the_first(script, keys, args):
        replies.append(await ask(script, keys, args))
        if len(replies) == 1:
            raise StoreDown("the link broke before the reply came")
        return replies[-1]

    monkeypatch.setattr(store, "script", lose_the_first)
    change = await join(core, "c1")
    assert change.applied
    assert offers(change) == [("c1", "anna")]
    assert replies[0] == replies[1]


async def test_a_change_under_which_redis_stalled_is_asked_again_and_made_once(server, connect):
    down = asyncio.Event()
    core = Core(await connect(server.port, deadline=0.3, on_link=lambda up: up or down.set()))
    await core.login(ANNA, T)
    server.freeze()
    joining = asyncio.create_task(join(core, "c1"))
    await down.wait()
    server.thaw()
    change = await joining
    assert change.applied
    assert [(offer.call, offer.agent, offer.token) for offer in change.offers] == [("c1", "anna", 1)]


async def test_redis_killed_and_back_empty_callers_join_again_in_their_order(server, connect):
    store = await connect(server.port)
    core = Core(store)
    for n in range(5):
        await join(core, f"c{n}", at=T + n)
    server.kill()
    with pytest.raises(StoreDown):
        await core.leave("c0", Left.ABANDONED, T + 9)
    server.start()
    assert await store.wait_up(5)
    for n in (3, 1, 4, 2):
        assert await core.look(f"c{n}") == Standing(CallState.UNKNOWN)
        await core.join(f"c{n}", queue=SALES, arrival=T + n, now=T + 10, channel="PJSIP/x", pbx="pbx1")
    assert [(await core.look(f"c{n}")).position for n in (1, 2, 3, 4)] == [1, 2, 3, 4]


async def test_after_an_outage_leases_and_lost_calls_are_kept_for_a_while_and_wrap_ups_end_on_time(core):
    await core.login(ANNA, T)
    await join(core, "silent")
    await core.tick(T + 10)  # its session is gone: to be given up at T + 70
    await core.logout("anna", T + 10)
    await core.login(BEN, T + 11)
    await join(core, "c2", at=T + 11)  # rings ben until T + 21
    await core.login(ANNA, T + 12)
    await join(core, "c3", at=T + 12)
    offer = await talk(core, "c3", at=T + 13)
    await core.finished("c3", "anna", offer.token, T + 60)  # wraps up until T + 70
    change, deadline = await core.tick(T + 70, T + 76)
    assert change.agents == (("anna", AgentState.IDLE),)
    assert (change.given_up, change.lapsed) == ((), ())
    assert deadline == pytest.approx(T + 76)
    standing = await core.look("c2")
    assert standing.offer
    assert standing.offer.lease == pytest.approx(T + 76)
    change, _ = await core.tick(T + 76)
    assert change.agents == (("ben", AgentState.IDLE),)
    assert [call for call, _ in change.given_up] == ["silent"]


async def test_what_is_due_and_belongs_to_nobody_does_not_stop_the_time(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1")
    offer = await talk(core, "c1")
    await core.finished("c1", "anna", offer.token, T + 1)
    for nobody in ("agent:nobody", "call:nothing", "what", "agent:", "queue:sales"):
        redis("ZADD", "hotline:due", T, nobody)
    change, deadline = await core.tick(T + 11)
    assert (change.agents, deadline) == ((("anna", AgentState.IDLE),), None)


async def test_an_agent_rung_for_a_call_that_redis_no_longer_has_is_idle_when_the_lease_is_over(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1")
    redis("DEL", "hotline:call:c1")
    assert (await core.tick(T + 10))[0].agents == (("anna", AgentState.IDLE),)


async def test_a_snapshot_passes_over_names_without_a_record(core, redis):
    await core.login(ANNA, T)
    await join(core, "c1", queue=QueueSettings("q", {"german": 1}))
    before = await core.snapshot()
    redis("SADD", "hotline:calls", "nothing")
    redis("SADD", "hotline:agents", "nobody")
    assert await core.snapshot() == before


async def test_a_check_fails_where_redis_answers_but_takes_no_writes(core, server, connect):
    await core.check()
    full = Core(await connect(server.port))
    direct = server.direct()
    direct("CONFIG", "SET", "maxmemory", "1")
    with pytest.raises(StoreDown, match="OOM"):
        await full.check()
    direct("CONFIG", "SET", "maxmemory", "0")
    await full.check()
    direct.close()


async def test_tick_works_off_more_than_it_does_at_once(core):
    for n in range(230):
        await core.login(AgentSettings(f"a{n}", f"PJSIP/a{n}", {"sales": 1}), T)
        await join(core, f"c{n}")
    freed, deadline, ticks = 0, T, 0
    while deadline is not None and deadline <= T + 30:
        change, deadline = await core.tick(T + 30)
        freed += len(change.agents)
        ticks += 1
    assert (freed, ticks) == (230, 3)


async def test_a_call_whose_agents_record_was_deleted_ends_all_the_same(core, redis):
    await core.login(ANNA, T)
    for call, end in (("c1", core.finished), ("c2", core.missed)):
        await core.login(ANNA, T)
        (offer,) = (await join(core, call)).offers
        redis("DEL", "hotline:agent:anna")
        outcome = (Missed.NO_ANSWER,) if end == core.missed else ()
        assert (await end(call, "anna", offer.token, *outcome, T + 5)).applied
        await core.leave(call, Left.ABANDONED, T + 6)
        redis("SREM", "hotline:agents", "anna")
    assert (await core.snapshot()).calls == {}
