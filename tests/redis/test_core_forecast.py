"""How long callers will wait, and what goes by that: limits, and reserve agents."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from talks import SALES, T, agent, join, offers, talk

from hotline.acd.core import Core
from hotline.acd.model import (
    CallState,
    Left,
    Missed,
    Overflow,
    QueueSettings,
)


@pytest.fixture
def core(store):
    return Core(store, hold=10.0)


async def test_reserve_agents_are_called_when_waiting_gets_long(core):
    queue = dataclasses.replace(SALES, reserve_above=30.0)
    await core.login(agent("anna"), T)
    await core.login(agent("rita", reserve=True), T - 100)
    await join(core, "c1", queue)
    change = await join(core, "c2", queue, at=T + 1)
    assert (change.standing.state, change.due) == (CallState.WAITING, T + 10)
    await core.answered("c1", "anna", change.offers[0].token if change.offers else 1, T + 1)
    await core.take((await core.look("c1")).offer, T, T + 99)
    change, deadline = await core.tick(T + 30)
    assert (change.offers, deadline) == ((), T + 31)
    assert offers((await core.tick(T + 31))[0]) == [("c2", "rita")]
    assert offers(await join(core, "c3", at=T + 40, queue=dataclasses.replace(SALES, name="plain"))) == []


async def test_reserve_agents_are_called_when_callers_wait_longer_than_the_rates_had_foretold(core):
    queue = dataclasses.replace(SALES, reserve_above=30.0)
    await core.login(agent("anna"), T)
    for n in range(6):
        await join(core, f"c{n}", queue, at=T + 10 * n)
        await talk(core, f"c{n}", 10, at=T + 10 * n)
    await core.login(agent("rita", reserve=True), T)
    [offer] = (await join(core, "long", queue, at=T + 60)).offers
    await core.answered("long", "anna", offer.token, T + 60)
    now, change = T + 60, await join(core, "c6", queue, at=T + 60)
    assert change.standing.state is CallState.WAITING
    assert await core.expected("sales", now) == pytest.approx(20, rel=0.01)
    while not change.offers:
        assert change.due == now + 10
        now = change.due
        change, _ = await core.tick(now)
    assert offers(change) == [("c6", "rita")]
    assert T + 150 < now < T + 180  # nobody was taken for 100 s and more


async def test_reserve_agents_are_called_at_once_where_nobody_else_works(core):
    await core.login(agent("rita", reserve=True), T)
    assert offers(await join(core, "c1", dataclasses.replace(SALES, reserve_above=30.0))) == [("c1", "rita")]


async def test_the_expected_wait_is_the_longest_current_one_until_enough_was_measured(core):
    assert await core.expected("sales", T) is None
    await core.login(agent("anna"), T)
    await join(core, "c0")
    await join(core, "c1", at=T + 1)
    assert await core.expected("sales", T + 8) == pytest.approx(8)
    assert await core.expected_wait("c1", T + 8) == pytest.approx(8 - 0)  # as long as the first in line has waited
    assert await core.expected_wait("c0", T + 8) == 0
    await talk(core, "c0", 1, at=T + 8)
    assert [await core.expected_wait(call, T + 10) for call in ("c1", "c0")] == [0, None]


async def test_a_wait_is_not_known_to_the_first_in_line_before_rates_are_nor_to_anybody_while_nobody_works(core):
    await join(core, "c0")
    await join(core, "c1", at=T + 1)
    assert [await core.expected_wait(call, T + 8) for call in ("c0", "c1")] == [None, None]
    assert await core.expected("sales", T + 8) is None
    await core.login(agent("anna"), T + 8)
    await core.join("c2", queue=SALES, arrival=T + 2, now=T + 9, channel="x", pbx="pbx1")
    await talk(core, "c0", 1, at=T + 9)
    await core.device("anna", True, T + 10)
    [offer] = [(await core.look("c1")).offer]
    await core.missed("c1", "anna", offer.token, Missed.BUSY, T + 11)
    await core.ready("anna", T + 11)  # at work, and on the phone
    assert await core.expected_wait("c1", T + 12) is None
    assert await core.expected_wait("c2", T + 12) == pytest.approx(11)
    await core.pause("anna", "", T + 12)
    assert await core.expected_wait("c2", T + 12) is None


async def test_the_expected_wait_follows_the_measured_rates(core):
    await core.login(agent("anna"), T)
    for n in range(6):
        await join(core, f"c{n}", at=T + 10 * n)
        await talk(core, f"c{n}", 10, at=T + 10 * n)
    assert await core.expected("sales", T + 60) == 0
    for n in range(100):
        await join(core, f"d{n}", at=T + 60)
    assert await core.expected_wait("d1", T + 60) == pytest.approx(10, rel=0.01)
    assert await core.expected("sales", T + 60) == pytest.approx(1000, rel=0.01)
    await core.leave("d99", Left.ABANDONED, T + 160)  # one in 100 s waited; and for as long nobody was taken
    leaving = sum(1 / (20 / (20 * 10 + 100) + i / 100) for i in range(99))
    assert await core.expected("sales", T + 160) == pytest.approx(leaving, rel=0.02)
    await core.login(agent("ben"), T + 160)
    assert await core.expected("sales", T + 160) < leaving


async def test_who_leaves_for_a_callback_that_has_their_place_shortens_nobodys_wait(core):
    await core.login(agent("anna"), T)
    for n in range(6):
        await join(core, f"c{n}", at=T + 10 * n)
        await talk(core, f"c{n}", 10, at=T + 10 * n)
    for n in range(20):
        await join(core, f"d{n}", at=T + 60)
    for n in range(10, 20):
        await core.leave(f"d{n}", Left.CALLBACK, T + 60.5)
    assert await core.expected_wait("d9", T + 61) == pytest.approx(90, rel=0.02)
    await core.leave("d9", Left.ABANDONED, T + 61)
    assert await core.expected_wait("d8", T + 61) < 70


@pytest.mark.parametrize("days", [50, 100])
async def test_rates_are_measured_anew_after_months_without_a_caller(core, days):
    await core.login(agent("anna"), T)
    for at in (T, T + days * 86400):
        await core.login(agent("anna"), at)
        for n in range(8):
            for name in ("c", "d"):
                await join(core, f"{name}{n} {at}", at=at + 20 * n)
            for name in ("c", "d"):
                await talk(core, f"{name}{n} {at}", 10, at=at + 20 * n + (10 if name == "d" else 0))
    assert await core.expected("sales", at + 200) == 0
    await join(core, "e0", at=at + 200)
    assert await core.expected("sales", at + 200) == pytest.approx(10, rel=0.05)


async def test_callers_who_are_taken_at_once_do_not_count_in_the_rates_whatever_the_rules(core):
    queue = dataclasses.replace(SALES, max_calls=1)
    await core.login(agent("anna"), T)
    for n in range(30):
        await join(core, f"c{n}", queue, at=T + 10 * n)
        await talk(core, f"c{n}", 10, at=T + 10 * n)
    await join(core, "d0", queue, at=T + 300)
    assert await core.expected("sales", T + 300) == pytest.approx(10, rel=0.01)


async def test_who_would_wait_too_long_or_in_too_long_a_line_does_not_join(core):
    def over(**limits: Any) -> QueueSettings:
        return dataclasses.replace(SALES, **limits)

    await join(core, "c1")
    for queue, state in [
        (over(max_expected_wait=30.0), CallState.TOO_LONG),
        (over(overflow=Overflow("menu", expected=30.0), max_length=1), CallState.OVERFLOW),
        (over(overflow=Overflow("menu", length=1), max_length=1), CallState.OVERFLOW),
        (over(overflow=Overflow("menu", length=2), max_length=1), CallState.FULL),
        (over(overflow=Overflow("menu", after=1.0), max_expected_wait=60.0), CallState.WAITING),
    ]:
        change = await join(core, "c2", queue, at=T + 31)
        assert (change.standing.state, change.applied) == (state, state is CallState.WAITING)
    known = await join(core, "c2", over(max_length=1, max_expected_wait=1.0), at=T + 90)
    assert known.standing.state is CallState.WAITING


async def test_a_caller_who_waited_elsewhere_has_waited_here_since_joining(core):
    fresh, queue = dataclasses.replace(SALES, name="fresh"), dataclasses.replace(SALES, name="overflowed")
    await core.login(agent("anna"), T)
    for n in range(8):
        for each, arrival in ((fresh, T + 100 * n), (queue, T + 100 * n - 3600)):
            now = T + 100 * n
            await core.join(f"{each.name}{n}", queue=each, arrival=arrival, now=now, channel="c", pbx="p")
        for each in (fresh, queue):
            await core.leave(f"{each.name}{n}", Left.ABANDONED, now + 60)
    for each in (fresh, queue):
        await core.join(f"{each.name}-last", queue=each, arrival=T + 900, now=T + 900, channel="c", pbx="p")
    assert await core.expected("overflowed", T + 900) == await core.expected("fresh", T + 900)


async def test_a_queue_without_reserve_agents_any_more_is_not_asked_about_them(core):
    queue = dataclasses.replace(SALES, reserve_above=30.0)
    await core.login(agent("rita", reserve=True), T - 100)
    await core.login(agent("anna"), T)
    (offer,) = (await join(core, "c0", queue)).offers
    await core.answered("c0", "anna", offer.token, T)
    assert (await join(core, "c1", queue, at=T + 1)).due
    await core.logout("rita", T + 1)
    assert (await join(core, "c1", SALES, at=T + 2)).due is None
