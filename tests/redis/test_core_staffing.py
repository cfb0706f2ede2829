"""Who is at work for a queue: what the pace of callbacks goes by."""

from __future__ import annotations

import dataclasses

import pytest
from talks import SALES, T, agent, join, length, talk

from hotline.acd.core import Core
from hotline.acd.model import Staffing, Widening
from hotline.acd.virtual import queue_of_callbacks


@pytest.fixture
def core(store):
    return Core(store, hold=10.0)


async def test_agents_on_duty_who_could_serve_the_queue_are_counted_and_those_who_are_idle(core):
    assert await core.staffing(SALES) == Staffing(0, 0)
    for name in ("anna", "ben", "cleo"):
        await core.login(agent(name), T)
    await core.login(agent("dora", skills={"sales": 3, "german": 1}), T)
    await core.login(agent("emil", skills={"german": 1}), T)
    assert await core.staffing(SALES) == Staffing(4, 4)
    await core.pause("anna", "lunch", T)
    await join(core, "c1")
    assert await core.staffing(SALES) == Staffing(3, 2)
    await talk(core, "c1", 60, at=T)
    await core.logout("dora", T + 61)
    assert await core.staffing(SALES) == Staffing(2, 2)
    assert await core.staffing(dataclasses.replace(SALES, needs={"german": 1})) == Staffing(1, 1)


async def test_the_first_step_counts_that_somebody_at_work_could_serve(core):
    queue = dataclasses.replace(SALES, needs={"sales": 2}, widen=(Widening(60, {"sales": 1}), Widening(90, {})))
    await core.login(agent("anna"), T)
    await core.login(agent("emil", skills={}), T)
    assert await core.staffing(queue) == Staffing(1, 1)
    await core.login(agent("dora", skills={"sales": 2}), T)
    await core.pause("dora", "lunch", T)
    assert await core.staffing(queue) == Staffing(0, 0)  # who waits, waits for her


async def test_agents_in_reserve_count_where_nobody_else_is_on_duty_or_they_are_not_kept(core):
    queue = dataclasses.replace(SALES, reserve_above=30)
    await core.login(agent("rita", reserve=True), T)
    await core.login(agent("rosa", reserve=True), T)
    assert await core.staffing(queue) == Staffing(2, 2)
    await core.login(agent("anna"), T)
    assert await core.staffing(queue) == Staffing(1, 1)
    assert await core.staffing(SALES) == Staffing(3, 3)


async def test_a_callback_takes_the_next_free_agent_before_those_who_call(core):
    await core.login(agent("anna"), T)
    await join(core, "busy", at=T)
    await join(core, "live", at=T + 1)
    change = await core.join(
        "callback_1", queue=queue_of_callbacks(SALES), arrival=T - 50_000, now=T + 2, channel="", pbx=""
    )
    assert change.standing.position == 1
    await talk(core, "busy", 10, at=T)
    assert (await core.look("callback_1")).offer
    assert (await core.look("live")).position == 1
    assert (await length(core, "sales"), await length(core, "sales:callback")) == (1, 1)


async def test_a_callback_does_not_widen_for_having_waited_since_yesterday_only_where_nobody_could_serve_it(core):
    queue = queue_of_callbacks(dataclasses.replace(SALES, needs={"sales": 2}, widen=(Widening(60, {"sales": 1}),)))
    await core.login(agent("anna"), T)
    await core.login(agent("dora", skills={"sales": 2}), T)
    await join(core, "c1", dataclasses.replace(SALES, needs={"sales": 2}))
    await core.join("callback_1", queue=queue, arrival=T - 50_000, now=T, channel="", pbx="")
    assert not (await core.look("callback_1")).offer
    await core.logout("dora", T, at_once=True)
    offer = (await core.look("callback_1")).offer
    assert offer
    assert offer.agent == "anna"


async def test_a_callback_calls_no_agents_in_reserve_while_others_work(core):
    queue = queue_of_callbacks(dataclasses.replace(SALES, reserve_above=30))
    await core.login(agent("anna"), T)
    await core.login(agent("rita", reserve=True), T)
    await join(core, "c1")
    await core.join("callback_1", queue=queue, arrival=T - 50_000, now=T, channel="", pbx="")
    await core.tick(T + 3600)
    assert (await core.look("callback_1")).position == 1
