"""Plans: the least agents that meet the target, with room for those who are away."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.staffing.erlang import ENDLESS, quality
from hotline.staffing.forecast import Slot
from hotline.staffing.plan import Model, Target, needed, plan, total
from hotline.staffing.report import in_words


def slot(calls: float = 100, handle: float = 180, patience: float = ENDLESS) -> Slot:
    return Slot("08:00", 0.0, 1800.0, calls, handle, patience)


def test_the_textbook_case_takes_fourteen_agents_and_twenty_paid() -> None:
    """100 calls of 3 minutes in half an hour, 80% in 20 s, 30% shrinkage: as pyworkforce and R's ErlangC have it."""
    (row,) = plan([slot()], Target(), shrinkage=0.3)
    assert (row.erlang_c, row.erlang_a, row.agents, row.rostered) == (14, None, 14, 20)


def test_a_patience_brings_erlang_a_and_fewer_agents() -> None:
    """With 5 minutes of patience and at most 5% abandoned, 85% occupied: 13 (pyworkforce's manual)."""
    (row,) = plan([slot(patience=300)], Target(abandoned=0.05, occupancy=0.85))
    assert (row.erlang_c, row.erlang_a, row.agents) == (14, 13, 13)


def test_erlang_c_can_be_asked_for_all_the_same() -> None:
    (row,) = plan([slot(patience=300)], Target(), model=Model.ERLANG_C)
    assert (row.erlang_a, row.agents, row.quality.abandoned) == (13, 14, 0)


@pytest.mark.parametrize(
    ("target", "agents"),
    [
        (Target(level=0.01), 11),
        (Target(level=0.95), 16),
        (Target(mean_wait=1), 17),
        (Target(occupancy=0.5), 20),
        (Target(level=0.95, occupancy=0.5), 20),
    ],
)
def test_every_part_of_the_target_is_met(target: Target, agents: int) -> None:
    assert needed(slot(), target, ENDLESS) == agents


def test_shrinkage_that_divides_evenly_adds_nobody_more() -> None:
    (row,) = plan([slot(handle=1080)], Target(occupancy=0.86), shrinkage=0.3, at_least=70)
    assert (row.agents, row.rostered) == (70, 100)


def test_no_calls_need_nobody_but_those_who_are_there_in_any_case() -> None:
    (row,) = plan([slot(calls=0, handle=0)], Target())
    assert (row.agents, row.rostered, row.quality.service_level) == (0, 0, 1)
    (row,) = plan([slot(calls=0, handle=0)], Target(), at_least=2)
    assert (row.agents, row.quality.occupancy) == (2, 0)


targets = st.builds(
    Target,
    level=st.floats(0.01, 0.999),
    within=st.floats(0, 120),
    mean_wait=st.just(math.inf) | st.floats(0.5, 120),
    occupancy=st.floats(0.3, 1),
)
patiences = st.just(ENDLESS) | st.floats(10, 1800)


@given(st.floats(0.1, 2000), st.floats(10, 900), targets, patiences)
def test_the_team_meets_the_target_and_one_less_does_not(
    calls: float, handle: float, target: Target, patience: float
) -> None:
    case = slot(calls, handle, patience)
    agents = needed(case, target, patience)
    assert target.met(quality(case.rate, handle, agents, target.within, patience))
    assert not target.met(quality(case.rate, handle, agents - 1, target.within, patience))


@given(st.floats(0.1, 2000), st.floats(10, 900), targets, st.floats(10, 1800))
def test_impatient_callers_never_need_more_agents(
    calls: float, handle: float, target: Target, patience: float
) -> None:
    (row,) = plan([slot(calls, handle, patience)], target)
    assert row.erlang_a is not None
    assert row.erlang_a <= row.erlang_c


def test_a_total_weighs_slots_by_their_calls_and_agents_by_their_time() -> None:
    rows = plan([slot(100), slot(0, 0), slot(300)], Target(), shrinkage=0.5, at_least=1)
    whole = total(rows)
    assert whole.calls == 400
    assert whole.agent_hours == sum(row.agents for row in rows) / 2
    assert whole.rostered_hours == 2 * whole.agent_hours
    assert whole.busiest == rows[2].agents
    assert whole.service_level == pytest.approx(
        (rows[0].quality.service_level + 3 * rows[2].quality.service_level) / 4
    )
    assert whole.occupancy == pytest.approx(400 * 180 / 3600 / whole.agent_hours)


def test_large_plans_are_told_in_plain_digits() -> None:
    rows = plan(
        [Slot(str(index), index * 1800.0, 1800.0, 100_000, 60) for index in range(80)], Target(), shrinkage=0.3
    )
    told = in_words(rows, 0.8)
    assert told.startswith("8,000,000 calls, ")
    assert "e+" not in told


def test_a_total_of_no_calls_is_perfect() -> None:
    whole = total(plan([slot(0, 0)], Target()))
    assert (whole.service_level, whole.mean_wait, whole.occupancy) == (1, 0, 0)
