"""What is counted, and the measures made of it."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from hotline.acd.model import AgentState, Left
from hotline.events import AgentAnswered, CallerLeftQueue
from hotline.metrics import Metrics
from hotline.simulation.arrivals import Call
from hotline.simulation.model import TOTAL, Scenario
from hotline.simulation.scenario import loads
from hotline.simulation.shape import Formula
from hotline.simulation.tally import Result, Tally
from hotline.store import StoreDown

DAY = loads(
    """\
simulation: {length: 1h, warm_up: 10m, service_level: {within: 20s}}
calls: {desk: {arrivals: 60/h, service: 1m}, sales: {arrivals: 60/h, service: 1m}}
agents: {all: {count: 2}}
"""
)


def call(at: float, kind: str = "desk", **more: float) -> Call:
    return Call(f"c{at}", DAY.calls[kind], at, 60.0, 60.0, **more)  # type: ignore[arg-type]


def played(scenario: Scenario = DAY) -> Result:
    """Answered after 0, 20 and 30 s; given up after 5 and 40 s; sent away after 50 s; one turned away."""
    tally = Tally(scenario, 0)
    for number, wait in enumerate((0.0, 20.0, 30.0)):
        tally.arrived(call(700.0 + number))
        tally.answered(call(700.0 + number), wait)
        tally.served(call(700.0 + number))
    for number, wait in enumerate((5.0, 40.0)):
        tally.arrived(call(800.0 + number, tries=2))
        tally.abandoned(call(800.0 + number), wait)
    tally.arrived(call(900.0))
    tally.left(call(900.0), 50.0)
    tally.arrived(call(901.0))
    tally.blocked(call(901.0))
    return tally.result({})


def test_each_call_is_counted_once_in_each_column() -> None:
    found = {name: pair[0] for name, pair in played().types["desk"].items()}
    assert (found["arrivals"], found["offered"], found["answered"], found["served"]) == (7, 6, 3, 3)
    assert (found["abandoned"], found["left"], found["blocked"], found["redials"]) == (2, 1, 1, 2)


@pytest.mark.parametrize(
    ("formula", "base"),
    [(Formula.LATE_ABANDONS, 5), (Formula.OFFERED, 6), (Formula.ANSWERED, 3), (Formula.ARRIVALS, 7)],
)
def test_the_service_level_divides_by_what_its_formula_says(formula: Formula, base: int) -> None:
    assert played(replace(DAY, formula=formula)).types["desk"]["service_level_20s"] == (2.0, base)


async def test_the_service_level_is_that_of_the_metrics_of_a_live_hotline() -> None:
    figures = Metrics({"desk": DAY.calls["desk"].queue}, entries=[], menus=[], agents=[], links=[])
    for wait in (0.0, 20.0, 30.0):
        figures.record(AgentAnswered(at=0.0, queue="desk", agent="anna", waited=wait))
    for reason, wait in ((Left.ABANDONED, 5.0), (Left.ABANDONED, 40.0), (Left.MAX_WAIT, 50.0), (Left.FULL, 0.0)):
        figures.record(CallerLeftQueue(at=0.0, queue="desk", reason=reason, waited=wait))
    text = (await figures.render(_no_redis, _no_disk, 0.0)).decode()

    def counted(name: str) -> float:
        (value,) = re.findall(rf'^hotline_queue_{name}_total{{queue="desk"}} (.*)$', text, re.MULTILINE)
        return float(value)

    level = (counted("answered_within"), counted("answered") + counted("left_after"))
    assert level == played().types["desk"]["service_level_20s"]


async def _no_redis() -> Any:
    raise StoreDown("Redis is away")


async def _no_disk() -> Any:
    raise OSError("Input/output error")


def test_waits_are_those_of_everybody_who_joined() -> None:
    found = played().types["desk"]
    assert found["wait_mean"] == (145.0, 6.0)
    assert found["wait_answered"] == (50.0, 3.0)
    assert found["wait_p50"] == (25.0, 1.0)


def test_the_total_is_all_types_together_and_a_type_without_calls_has_no_waits() -> None:
    found = played()
    assert found.types[TOTAL] == found.types["desk"]
    assert found.types["sales"]["wait_p90"] == (0.0, 0.0)
    assert found.types["sales"]["wait_mean"] == (0.0, 0.0)


def test_calls_of_the_warm_up_do_not_count() -> None:
    tally = Tally(DAY, 0)
    tally.arrived(call(599.9))
    tally.answered(call(599.9), 9.0)
    assert tally.result({}).types[TOTAL]["arrivals"] == (0.0, 1.0)


def test_an_agents_time_is_cut_at_the_warm_up_and_at_the_end() -> None:
    tally = Tally(DAY, 0)
    for moment, state in [
        (0.0, AgentState.IDLE), (500.0, AgentState.TALKING), (800.0, AgentState.WRAP_UP), (900.0, AgentState.PAUSED),
        (1000.0, AgentState.IDLE), (2000.0, AgentState.OFFLINE), (3500.0, AgentState.TALKING),
    ]:  # fmt: skip
        tally.moved("anna", "all", state, moment)
    # counts from 600 to 3600: talks 200, wraps up 100, idle 1000, then talks the last 100
    assert tally.result({"anna": "all"}).groups["all"]["occupancy"] == (400.0, 1400.0)


def test_forecasts_are_compared_with_the_waits_of_those_answered() -> None:
    tally = Tally(DAY, 0)
    for expected, wait in ((10.0, 14.0), (20.0, 17.0), (30.0, 29.0)):
        tally.arrived(call(1000.0, expected=expected))
        tally.answered(call(1000.0, expected=expected), wait)
    error, base = tally.result({}).types["desk"]["rrase"]
    assert base == 1.0
    assert error == pytest.approx(((16 + 9 + 1) / 3) ** 0.5 / 20)
    assert "rrase" not in played().types["desk"]
