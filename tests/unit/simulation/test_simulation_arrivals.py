"""Who calls when, and that it depends on the seed and the replication alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hotline.simulation.arrivals import Call, Callers
from hotline.simulation.model import Scenario
from hotline.simulation.scenario import loads


def scenario(arrivals: str = "60/h", more: str = "", other: str = "") -> Scenario:
    return loads(
        f"""\
simulation: {{length: 24h, seed: 5{more}}}
calls:
  desk: {{arrivals: {arrivals}, service: {{exponential: 2m}}, patience: {{exponential: 1m}}}}
{other}
agents: {{all: {{count: 1}}}}
"""
    )


def calls(day: Scenario, replication: int = 0, kind: str = "desk") -> list[Call]:
    return list(Callers(day, replication).of_type(day.calls[kind]))


def facts(found: list[Call]) -> list[tuple[float, float, float]]:
    return [(call.at, call.service, call.patience) for call in found]


def test_calls_come_in_order_within_the_day() -> None:
    moments = [call.at for call in calls(scenario())]
    assert moments == sorted(moments)
    assert 0 <= moments[0] <= moments[-1] < 86400


def test_calls_come_at_their_rate() -> None:
    day = scenario('{"08:00-12:00": 600/h, "12:00-13:00": 60/h}')
    found = [call.at / 3600 for replication in range(20) for call in calls(day, replication)]
    morning = [hour for hour in found if 8 <= hour < 12]
    assert len(morning) == pytest.approx(20 * 2400, rel=0.03)
    assert len(found) - len(morning) == pytest.approx(20 * 60, rel=0.15)
    assert np.mean(morning) == pytest.approx(10, abs=0.03)


def test_gaps_are_those_of_a_poisson_process() -> None:
    moments = [call.at for call in calls(scenario("3600/h"))]
    gaps = [after - before for before, after in pairwise(moments)]
    assert np.mean(gaps) == pytest.approx(1, rel=0.02)
    assert np.std(gaps) == pytest.approx(1, rel=0.03)


def test_each_replication_has_calls_of_its_own_that_come_again_when_it_is_run_again() -> None:
    assert facts(calls(scenario(), 3)) == facts(calls(scenario(), 3))
    assert facts(calls(scenario(), 3)) != facts(calls(scenario(), 4))


def test_a_second_type_changes_nothing_for_the_first() -> None:
    both = scenario(other="  sales: {arrivals: 30/h, service: 1m}")
    assert facts(calls(both)) == facts(calls(scenario()))
    assert [call.service for call in calls(both, kind="sales")] == [60.0] * len(calls(both, kind="sales"))


def test_ids_are_never_used_twice() -> None:
    day = scenario(other="  sales: {arrivals: 30/h, service: 1m}")
    callers = Callers(day, 0)
    sources = [callers.of_type(kind) for kind in day.calls.values()]
    ids = [call.id for pair in zip(*sources, strict=False) for call in pair]
    assert len(set(ids)) == len(ids) > 100


def test_busy_days_are_busy_for_every_type() -> None:
    day = scenario("600/h", ", busyness: 4", "  sales: {arrivals: 600/h, service: 1m}")
    counts = [[len(calls(day, replication, kind)) for kind in day.calls] for replication in range(60)]
    desk, sales = np.array(counts).T
    assert np.mean(desk) == pytest.approx(14_400, rel=0.25)
    assert np.std(desk) / np.mean(desk) == pytest.approx(0.5, rel=0.35)
    assert np.corrcoef(desk, sales)[0, 1] > 0.99


def test_each_day_of_a_longer_simulation_is_busy_in_its_own_way() -> None:
    day = scenario("600/h", ", busyness: 4, starts: 12:00")
    moments = np.array([call.at for call in calls(day)])
    first, second = (moments < 43200).sum(), (moments >= 43200).sum()
    assert abs(first - second) > 5 * np.sqrt(first + second)


def test_a_trace_keeps_what_it_says_and_draws_the_rest() -> None:
    from dataclasses import replace

    from hotline.simulation.model import Traced

    rows = (Traced(1.0, "desk", 60.0, None), Traced(2.0, "desk", None, 5.0))
    day = replace(scenario(), trace=rows)
    first, second = Callers(day, 0).traced()
    assert (first.at, first.service, second.at, second.patience) == (1.0, 60.0, 2.0, 5.0)
    assert first.patience != second.patience
    assert second.service != 60.0


def test_who_got_nobody_calls_again_as_often_as_the_scenario_says() -> None:
    day = loads(
        """\
simulation: {length: 1h}
calls:
  desk: {arrivals: 60/h, service: 1m, redial: {abandoned: 0.25, blocked: 1, after: 30s, most: 2}}
agents: {all: {count: 1}}
"""
    )
    callers = Callers(day, 0)
    call = next(callers.of_type(day.calls["desk"]))
    again = [callers.again(call, blocked=False) for _ in range(4000)]
    assert sum(found is not None for found in again) == pytest.approx(1000, rel=0.1)
    delay, second = callers.again(call, blocked=True) or (0.0, call)
    assert (delay, second.tries, second.service) == (30.0, 2, call.service)
    _, third = callers.again(second, blocked=True) or (0.0, call)
    assert third.tries == 3
    assert callers.again(third, blocked=True) is None
