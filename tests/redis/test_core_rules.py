"""A queue's own rules, one at a time, in the words of a hotline; test_core_machine.py has them all at once."""

from __future__ import annotations

import dataclasses
import json
from zoneinfo import ZoneInfo

import pytest
from talks import DESK, SALES, T, agent, join, offers, talk

from hotline.acd.core import Core
from hotline.acd.model import (
    AgentState,
    CallState,
    Choice,
    Left,
    Missed,
    Widening,
)
from hotline.acd.story import tell


@pytest.fixture
def core(store):
    return Core(store, hold=10.0)


async def test_a_heavier_queue_overtakes_as_callers_age(core):
    heavy = dataclasses.replace(SALES, name="heavy", weight=3.0)
    for name, at in (("anna", T + 12), ("ben", T + 16)):
        await join(core, f"light {name}", at=T)
        await join(core, f"heavy {name}", heavy, at=T + 10)
        first = await core.login(agent(name), at)
        assert offers(first) == [(f"light {name}" if name == "anna" else "heavy ben", name)]
        for call in (f"light {name}", f"heavy {name}"):
            await core.leave(call, Left.LOST, at)
        await core.logout(name, at)


@pytest.mark.parametrize(
    ("choice", "chosen"),
    [(Choice.LONGEST_IDLE, "longest"), (Choice.BEST_SKILLED, "best"), (Choice.SPARE_THE_VERSATILE, "plain")],
)
async def test_a_queue_chooses_among_idle_agents(core, choice, chosen):
    await core.login(agent("longest", skills={"sales": 1, "german": 1}), T)
    await core.login(agent("best", skills={"sales": 9, "german": 9}), T + 1)
    await core.login(agent("plain", skills={"sales": 1}), T + 2)
    await core.login(agent("plainer-but-later", skills={"sales": 1}), T + 3)
    change = await join(core, "c1", dataclasses.replace(SALES, choice=choice), at=T + 4)
    assert offers(change) == [("c1", chosen)]


async def test_needs_widen_as_time_passes_and_the_place_is_kept(core):
    queue = dataclasses.replace(SALES, widen=(Widening(30.0, {}),))
    await core.login(agent("sally"), T)
    await core.pause("sally", "lunch", T)  # at work all the same
    await join(core, "c1", queue, at=T)
    await join(core, "c2", DESK, at=T + 1)
    assert (await core.login(agent("anna", skills={}), T + 2)).offers[0].call == "c2"
    await talk(core, "c2", 10, at=T + 2)
    change, deadline = await core.tick(T + 29)
    assert (change.offers, deadline) == ((), T + 30)
    assert offers((await core.tick(T + 30))[0]) == [("c1", "anna")]


async def test_needs_widen_at_once_when_nobody_at_work_could_serve_them(core):
    queue = dataclasses.replace(SALES, widen=(Widening(30.0, {"sales": 1, "german": 1}), Widening(60.0, {})))
    await core.login(agent("anna", skills={}), T)
    assert offers(await join(core, "c1", queue)) == [("c1", "anna")]
    await core.login(agent("sally"), T)
    await core.pause("sally", "lunch", T)
    await join(core, "c2", queue, at=T + 1)
    await core.leave("c1", Left.ABANDONED, T + 2)
    assert (await core.look("c2")).state is CallState.WAITING
    assert offers(await core.logout("sally", T + 3)) == [("c2", "anna")]


async def test_whoever_was_stranded_by_a_logout_goes_on_however_many_they_are(core):
    queue = dataclasses.replace(SALES, widen=(Widening(3600.0, {}),))
    await core.login(agent("sally"), T)
    await core.pause("sally", "lunch", T)
    for n in range(50):
        await join(core, f"c{n:02}", queue, at=T + n)
    change = await core.logout("sally", T + 60)
    ticks = 0
    while change.due is not None and change.due <= T + 60:
        change, _ = await core.tick(T + 60)
        ticks += 1
    assert ticks == 1  # which does the two other twenties
    assert offers(await core.login(agent("anna", skills={}), T + 61)) == [("c00", "anna")]
    assert [(await core.look(f"c{n:02}")).position for n in (1, 20, 49)] == [2, 21, 50]


async def test_a_caller_waits_for_the_last_agent_alone_while_they_talk_and_not_for_long(core):
    queue = dataclasses.replace(SALES, sticky=20.0)
    await core.login(agent("anna"), T)
    await join(core, "c1", queue, caller="key")
    await talk(core, "c1", 10, at=T)
    await core.login(agent("ben"), T + 11)
    assert offers(await join(core, "c2", queue, at=T + 12, caller="key")) == [("c2", "anna")]
    change = await join(core, "c3", queue, at=T + 13, caller="key")
    assert (change.standing.state, change.due) == (CallState.WAITING, T + 22)
    assert offers(await join(core, "other", queue, at=T + 14, caller="another")) == [("other", "ben")]
    assert offers(await talk(core, "c2", 6, at=T + 14)) == [("c3", "anna")]
    await join(core, "c4", queue, at=T + 21, caller="key")
    await talk(core, "other", 6, at=T + 15)  # ben is idle
    await core.tick(T + 40.5)
    assert (await core.look("c4")).offer
    assert (await core.look("c3")).state is not CallState.OFFERED


async def test_who_waits_for_an_agent_who_takes_a_break_waits_for_all_again(core):
    queue = dataclasses.replace(SALES, sticky=20.0)
    await core.login(agent("anna"), T)
    await join(core, "c1", queue, caller="key")
    await talk(core, "c1", 10, at=T)
    await join(core, "c2", queue, at=T + 11)
    await join(core, "c3", queue, at=T + 12, caller="key")
    await core.login(agent("ben"), T + 13)
    await core.pause("anna", "lunch", T + 14)
    offer = (await core.look("c2")).offer
    assert offer
    await core.answered("c2", "anna", offer.token, T + 14)
    assert offers(await core.finished("c2", "anna", offer.token, T + 15)) == [("c3", "ben")]


async def test_when_agents_go_short_lines_move_on_too_though_a_long_one_is_first(core, redis):
    """A script moves 20 calls at most, and all of these are in the long line."""
    long, short = (dataclasses.replace(SALES, name=name, widen=(Widening(600.0, {}),)) for name in ("long", "short"))
    await core.login(agent("anna"), T)
    await core.device("anna", True, T)
    await core.login(agent("ben", skills={}), T)
    for n in range(25):
        await join(core, f"l{n}", long, at=T + 1)
    for n in range(3):
        await join(core, f"s{n}", short, at=T + 2)
    change = await core.logout("anna", T + 3)
    assert len(change.offers) == 1
    while change.due is not None and change.due <= T + 3:
        change, _ = await core.tick(T + 3)
    for name, many in (("long", 24), ("short", 3)):
        assert redis("ZCARD", f'hotline:waiting:["{name}",{{"sales":1}},""]') == 0
        assert redis("ZCARD", f'hotline:waiting:["{name}",{{}},""]') == many


async def test_agents_of_the_callers_site_come_first_for_a_while(core):
    queue = dataclasses.replace(DESK, own_site=15.0)
    await core.login(agent("far", site="hue"), T)
    await core.login(agent("near", site="vinh"), T + 1)
    [offer] = (await join(core, "c1", queue, at=T + 2, site="vinh")).offers
    assert offer.agent == "near"
    await core.take(offer, T + 2, T + 99)
    change = await join(core, "c2", queue, at=T + 3, site="vinh")
    assert (change.standing.state, change.due) == (CallState.WAITING, T + 18)
    assert offers(await join(core, "c3", queue, at=T + 4, site="nowhere")) == [("c3", "far")]
    await talk(core, "c3", 1, at=T + 5)
    assert offers((await core.tick(T + 18))[0]) == [("c2", "far")]


async def test_a_queue_has_no_more_conversations_than_it_may(core):
    queue = dataclasses.replace(SALES, max_calls=1)
    for name in ("anna", "ben"):
        await core.login(agent(name), T)
    assert offers(await join(core, "c1", queue)) == [("c1", "anna")]
    assert (await join(core, "c2", queue, at=T + 1)).standing.state is CallState.WAITING
    assert offers(await join(core, "other", DESK, at=T + 2)) == [("other", "ben")]
    assert offers(await talk(core, "c1", 10, at=T + 2)) == [("c2", "anna")]


async def test_an_agent_rests_after_enough_conversations_in_a_row(core):
    await core.login(agent("anna", max_in_row=2, cool_down=60.0), T)
    for n, at in enumerate((T, T + 20)):
        await join(core, f"c{n}", at=at)
        change = await talk(core, f"c{n}", 10, at=at)
    assert change.agents == (("anna", AgentState.PAUSED),)
    assert (await core.tick(T + 89))[1] == T + 90
    assert (await core.tick(T + 90))[0].agents == (("anna", AgentState.IDLE),)
    for n, at in enumerate((T + 100, T + 200)):  # idle for longer than a rest in between
        await join(core, f"d{n}", at=at)
        change = await talk(core, f"d{n}", 10, at=at)
    assert change.agents == (("anna", AgentState.IDLE),)


async def test_who_misses_too_many_in_a_row_is_asked_no_more_until_they_are_ready(core):
    queue = dataclasses.replace(SALES, miss_limit=2, miss_pause=dict.fromkeys(Missed, 5.0))
    await core.login(agent("anna"), T)
    await join(core, "c1", queue)
    for at in (T + 10, T + 30):
        offer = (await core.look("c1")).offer
        assert offer
        change = await core.missed("c1", "anna", offer.token, Missed.NO_ANSWER, at)
        await core.tick(at + 5)
    assert change.agents == (("anna", AgentState.PAUSED),)
    assert (await core.tick(T + 3600))[0].agents == ()
    assert offers(await core.ready("anna", T + 3601)) == [("c1", "anna")]


async def test_an_agent_on_the_phone_with_somebody_else_gets_no_calls(core):
    await core.login(agent("anna"), T)
    assert (await core.device("PJSIP/anna", True, T + 1)).agents == (("anna", AgentState.DEVICE_BUSY),)
    assert not (await core.device("anna", True, T + 1)).applied
    assert (await join(core, "c1", at=T + 2)).standing.state is CallState.WAITING
    assert offers(await core.device("PJSIP/anna", False, T + 3)) == [("c1", "anna")]
    assert (await core.device("anna", True, T + 4)).agents == ()  # that is our call
    assert (await talk(core, "c1", 10, at=T + 5)).agents == (("anna", AgentState.IDLE),)
    assert not (await core.device("nobody", True, T)).applied


async def test_an_agent_held_for_a_call_that_redis_does_not_have_is_freed_and_no_other(core, redis):
    await core.login(agent("anna"), T)
    [offer] = (await join(core, "c1")).offers
    assert not (await core.free("anna", "c1", offer.token, T)).applied
    redis("DEL", "hotline:call:c1")
    assert not (await core.free("anna", "c1", offer.token + 1, T)).applied
    assert (await core.free("anna", "c1", offer.token, T + 1)).agents == (("anna", AgentState.IDLE),)


async def test_new_rules_of_a_queue_hold_for_those_who_wait(core, redis):
    few = dataclasses.replace(SALES, max_calls=1)
    for name in ("anna", "ben", "carl"):
        await core.login(agent(name), T)
    for n in range(3):
        await join(core, f"c{n}", few, at=T + n)
    change = await join(core, "c3", at=T + 4)
    assert [call for call, _ in offers(change)] == ["c1", "c2"]  # and c3 finds nobody
    assert redis("HGET", "hotline:rules:sales", "max_calls") == b""


async def test_whoever_waits_needs_what_a_new_configuration_says(core):
    await core.login(agent("anna", skills={"energy": 1}), T)
    await join(core, "c1", at=T)
    back = await join(core, "c1", dataclasses.replace(SALES, needs={"energy": 1}), at=T + 5)
    assert not back.applied
    assert offers(back) == [("c1", "anna")]
    assert "needs energy 1" in "\n".join(tell(await core.story("c1"), ZoneInfo("UTC")))


async def test_new_rules_hold_as_soon_as_anybody_who_waits_comes_back(core):
    for name in ("anna", "ben"):
        await core.login(agent(name), T)
    await join(core, "c1", dataclasses.replace(SALES, max_calls=1), at=T)
    await join(core, "c2", dataclasses.replace(SALES, max_calls=1), at=T)
    assert offers(await join(core, "c2", at=T + 5)) == [("c2", "ben")]


async def test_needs_that_a_queue_has_no_more_keep_nobody_from_the_agents_in_reserve(core):
    queue = dataclasses.replace(SALES, reserve_above=300.0)
    await core.login(agent("anna"), T)
    await core.login(agent("rita", skills={"sales": 3}, reserve=True), T)
    await join(core, "c1", queue, at=T)
    await core.leave("c1", Left.ABANDONED, T)
    change = await join(core, "c2", dataclasses.replace(queue, needs={"sales": 2}), at=T + 1)
    assert offers(change) == [("c2", "rita")]  # anna is none of the queue's staff any more


async def test_nobody_is_told_of_an_agent_who_only_met_a_step_that_was_removed(core):
    await core.login(agent("bill", skills={"billing": 1}), T)
    await core.join(
        "c1",
        queue=dataclasses.replace(SALES, widen=(Widening(30.0, {}),)),
        arrival=T - 100,
        now=T,
        channel="x",
        pbx="p",
    )
    await core.leave("c1", Left.ABANDONED, T)
    assert await core.expected("sales", T) == 0
    await join(core, "c2", at=T)
    await core.leave("c2", Left.ABANDONED, T)
    assert await core.expected("sales", T) is None


async def test_needs_of_before_are_forgotten_once_nobody_waits_in_them(core, redis):
    new = dataclasses.replace(SALES, needs={"sales": 2})
    await join(core, "c1", at=T)
    await core.login(agent("anna", skills={"energy": 1}), T)
    await core.login(agent("ben", skills={"energy": 1, "sales": 2}), T)
    offer = (await core.look("c1")).offer
    await join(core, "c2", at=T)
    await join(core, "c3", new, at=T)
    assert len(redis("SMEMBERS", "hotline:lines:sales")) == 2
    await core.leave("c2", Left.ABANDONED, T)
    await join(core, "c4", dataclasses.replace(new, weight=2.0), at=T)
    assert redis("SMEMBERS", "hotline:lines:sales") == [b'["sales",{"sales":2},""]']
    assert redis("SMEMBERS", "hotline:classes") == [b'["sales",{"sales":2},""]']
    assert not redis("EXISTS", 'hotline:profiles-for:["sales",{"sales":1},""]')
    profile = redis("HGET", "hotline:agent:ben", "profile").decode()
    assert redis("HKEYS", f"hotline:classes-for:{profile}") == [b'["sales",{"sales":2},""]']
    # who was offered meanwhile waits again all the same, in the needs of before
    await core.leave("c3", Left.ABANDONED, T)
    await core.leave("c4", Left.ABANDONED, T)
    await core.missed("c1", "ben", offer.token, Missed.NO_ANSWER, T + 5)
    assert offers(await core.ready("ben", T + 6)) == [("c1", "ben")]


async def test_agents_of_new_skills_come_to_work_under_rules_that_an_older_version_wrote(core, redis):
    await join(core, "c1", at=T)
    text = json.loads(redis("HGET", "hotline:rules:sales", "text"))
    redis("HSET", "hotline:rules:sales", "text", json.dumps(text[:-1]))
    assert offers(await core.login(agent("anna", skills={"sales": 5}), T)) == [("c1", "anna")]
    assert redis("HGET", "hotline:rules:sales", "staff") == b"1"


async def test_two_services_with_other_needs_serve_their_callers_side_by_side(core):
    new = dataclasses.replace(SALES, needs={"sales": 2})
    for n in range(3):
        await join(core, f"old{n}", SALES, at=T + n)
        await join(core, f"new{n}", new, at=T + n)
    taken = []
    for n in range(6):
        taken += offers(await core.login(agent(f"a{n}", skills={"sales": 2 if n % 2 else 1}), T + 10 + n))
    assert [call for call, _ in taken] == ["old0", "new0", "old1", "new1", "old2", "new2"]


async def test_fewer_steps_of_widening_bring_nobody_back_to_the_first_needs(core):
    steps = (Widening(5.0, {"sales": 2}), Widening(10.0, {"sales": 1}))
    hard = dataclasses.replace(SALES, needs={"sales": 9}, widen=steps)
    await core.login(agent("anna"), T)
    (offer,) = (await join(core, "c1", hard, at=T)).offers
    await join(core, "c2", dataclasses.replace(hard, widen=(Widening(5.0, {"sales": 1}),)), at=T + 1)
    await core.missed("c1", "anna", offer.token, Missed.NO_ANSWER, T + 2)
    await core.leave("c2", Left.ABANDONED, T + 2)
    change, _ = await core.tick(T + 30)
    assert offers(change) == [("c1", "anna")]


async def test_a_callback_waits_for_nobody_because_they_tried_it_before(core):
    """It is its own caller; whom it waits for is for staff to say."""
    queue = dataclasses.replace(SALES, sticky=1e6)
    await core.login(agent("anna"), T)
    await join(core, "callback_1", queue, caller="callback_1")
    await talk(core, "callback_1", 10, at=T)
    await join(core, "other", queue, at=T + 11)
    await core.login(agent("ben"), T + 12)
    assert offers(await join(core, "callback_1", queue, at=T + 13, caller="callback_1")) == [("callback_1", "ben")]
