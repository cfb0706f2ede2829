"""Simulated days with promises that are due, small enough to be worked out by hand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from hotline.simulation.link import Link
from hotline.simulation.model import Scenario, Traced
from hotline.simulation.runner import replicate
from hotline.simulation.scenario import loads
from hotline.simulation.server import private_redis
from hotline.simulation.tally import Measures
from lab.programs import program


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with private_redis(str(program("redis-server"))) as link:
        yield link


def scenario(callbacks: str, *, queue: str = "", agents: str = "1", more: str = "") -> Scenario:
    """From 08:00 an hour long; conversations of a minute; promises are due at 08:10."""
    return loads(
        f"""\
simulation: {{length: 1h, starts: "08:00"{more}}}
calls:
  desk:
    service: 1m
    callbacks: {{at: "08:10", rings: 10s, listens: 5s, {callbacks}}}
queues: {{desk: {{{queue}}}}}
agents: {{all: {{count: {agents}}}}}
"""
    )


def of(day: Scenario, link: Link, *moments: float) -> Measures:
    """The measures, with live callers at these moments."""
    rows = tuple(Traced(moment, "desk") for moment in moments)
    return replicate(replace(day, trace=rows), link, 0).types["desk"]


def counts(found: Measures, *names: str) -> list[float]:
    return [found[f"callbacks_{name}"][0] for name in names]


def test_promises_are_made_one_after_the_other_where_one_agent_works(link: Link) -> None:
    found = of(scenario("due: 3, answers: 1"), link)
    assert counts(found, "due", "made", "tries", "talked", "unreachable", "open") == [3, 3, 3, 3, 0, 0]
    assert found["callbacks_wait_mean"] == (5 + (75 + 5) + (150 + 5), 3)  # each takes 5 + 10 + 60 seconds
    assert counts(found, "last") == [155]
    assert (found["arrivals"], found["served"]) == ((0, 1), (0, 1))


def test_callbacks_wait_while_callers_do(link: Link) -> None:
    found = of(scenario("due: 3, answers: 1"), link, 590, 591, 592, 593)
    assert found["callbacks_wait_mean"] == (3 * (230 + 5) + 75 + 150, 3)  # nobody waits from 830 on
    assert found["wait_mean"] == (0 + 59 + 118 + 177, 4)


def test_one_is_begun_every_ten_minutes_where_callers_wait_all_the_time(link: Link) -> None:
    found = of(scenario("due: 3, answers: 1"), link, *[590] * 40)
    # the agent is free at 590 + 60 k: the first gets 1250, and until 1325 it is in hand; the next gets 1325 + 600
    assert found["callbacks_wait_mean"] == (3 * 5 + 650 + 1325 + 2000, 3)


def test_callbacks_begin_together_up_to_the_share_and_leave_the_reserve_idle(link: Link) -> None:
    promises = "due: 10, answers: 1"
    for queue, together in (
        ("callbacks: {share: 1, reserve: 0}", 6),
        ("callbacks: {share: 0.5, reserve: 0}", 3),
        ("callbacks: {share: 1, reserve: 2}", 4),
        ("callbacks: {share: 1}", 3),
        ("", 1),
    ):
        found = of(scenario(promises, queue=queue, agents="6"), link)
        assert counts(found, "last") == [5 + 75 * ((10 - 1) // together)]


def test_the_share_grows_after_the_opening(link: Link) -> None:
    ramp = "callbacks: {share: 1, ramp: 100s, reserve: 0}"
    found = of(scenario("due: 3, answers: 1", queue=ramp, agents="2"), link)
    # one at once; two agents may be busy with callbacks after 100 s, when the second one has begun at 75 s
    assert found["callbacks_wait_mean"] == (3 * 5 + 0 + 75 + 100, 3)


def test_who_does_not_answer_is_tried_again_until_all_tries_are_used_up(link: Link) -> None:
    found = of(scenario("due: 2, answers: 0", queue='callbacks: {attempts: 3, again: {"no-answer": 10m}}'), link)
    assert counts(found, "made", "tries", "talked", "unreachable", "open") == [2, 6, 0, 2, 0]
    found = of(scenario("due: 2, answers: 0", queue='callbacks: {attempts: 3, again: {"no-answer": 45m}}'), link)
    assert counts(found, "made", "tries", "unreachable", "open") == [2, 4, 0, 2]  # the third is after the end


def test_customers_are_rung_only_in_their_hours(link: Link) -> None:
    found = of(scenario("due: 2, answers: 1", queue='callbacks: {between: ["08:20-08:21", "08:30-09:00"]}'), link)
    assert found["callbacks_wait_mean"] == (2 * 5 + 600 + 1200, 2)


def test_an_agent_who_does_not_pick_up_leaves_the_callback_in_hand(link: Link) -> None:
    day = scenario("due: 1, answers: 1", queue="ring: 3s", agents="1, pick_up: 4s")
    assert counts(of(day, link), "made", "open") == [0, 1]
    assert counts(of(scenario("due: 1, answers: 1", agents="1, pick_up: 4s"), link), "last") == [9]


def test_agents_busy_with_callbacks_are_busy(link: Link) -> None:
    day = scenario("due: 2, answers: 1", queue="wrap_up: 20s")
    assert replicate(day, link, 0).groups["all"]["occupancy"] == (2 * (75 + 20), 3600)


def test_promises_fall_due_every_day_and_those_of_the_warm_up_do_not_count(link: Link) -> None:
    week = replace(scenario("due: 2, answers: 1"), length=3 * 86400.0, warm_up=86400.0)
    found = replicate(week, link, 0)
    assert counts(found.types["desk"], "due", "made", "talked") == [4, 4, 4]
    assert counts(found.types["total"], "due", "made", "talked") == [4, 4, 4]


LIVE = """\
simulation: {length: 2h, starts: "08:00", seed: 5}
calls:
  desk: {arrivals: 150/h, service: {exponential: 2m}, patience: {exponential: 3m}, callbacks: {due: 20, at: "08:30"}}
queues: {desk: {callbacks: {share: 0.5, reserve: 1}}}
agents: {all: {count: 6}}
"""


def test_the_same_people_call_with_promises_and_without_and_the_same_customers_answer_at_any_pace(link: Link) -> None:
    with_, slow = loads(LIVE), loads(LIVE.replace("share: 0.5", "share: 0.1"))
    without = replace(with_, calls={"desk": replace(with_.calls["desk"], callbacks=None)})
    found = [replicate(day, link, 3).types["desk"] for day in (with_, slow, without)]
    assert found[0]["arrivals"] == found[1]["arrivals"] == found[2]["arrivals"]
    assert found[0]["service_level_20s"] < found[2]["service_level_20s"]
    assert "callbacks_due" not in found[2]
    assert counts(found[0], "made") == counts(found[1], "made") == [20]
    assert found[0]["callbacks_wait_mean"] < found[1]["callbacks_wait_mean"]
