"""Erlang-C and Erlang-A against published figures, and against the birth-death chain solved by other means."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.staffing.erlang import ENDLESS, Quality, quality

arrivals = st.floats(0.001, 3.0)
handles = st.floats(5.0, 900.0)
patiences = st.floats(5.0, 3600.0)
thresholds = st.floats(0.0, 300.0)
teams = st.integers(1, 400)


def chain(rate: float, handle: float, agents: int, within: float, patience: float) -> Quality:
    """The queue as a Markov chain, by brute force: its stationary state, then the fate of one caller who joins then.

    This caller's own chain counts the callers ahead; it is followed to the threshold by uniformisation.
    """
    size = _enough(rate, handle, agents, patience)
    busy = np.minimum(np.arange(1, size + 1), agents) / handle
    leaving = np.maximum(np.arange(1, size + 1) - agents, 0) / patience
    logs = np.concatenate([[0.0], np.cumsum(np.log(rate) - np.log(busy + leaving))])
    state = np.exp(logs - logs.max())
    state /= state.sum()
    queues = state[agents:]  # queues[k]: all are busy and k wait; a new caller has k ahead
    waiting = float(queues @ np.arange(len(queues)))
    prompt, still = _by(queues, agents / handle, 1 / patience, within)
    prompt += float(state[:agents].sum())
    return Quality(
        service_level=prompt / (prompt + still),
        abandoned=waiting / patience / rate,
        mean_wait=waiting / rate,
        delayed=float(queues.sum()),
        occupancy=float(state @ np.minimum(np.arange(size + 1), agents)) / agents,
    )


def _enough(rate: float, handle: float, agents: int, patience: float) -> int:
    """So many states that those beyond have no weight."""
    fluid = max(0.0, (rate - agents / handle) * patience)
    return agents + int(fluid + 60 * math.sqrt(rate * patience + 1) + 400)


def _by(queues: np.ndarray, drain: float, giving_up: float, within: float) -> tuple[float, float]:
    """P(answered by `within`), P(still waiting then) of a caller who finds these queues with these probabilities."""
    now = queues[: np.flatnonzero(queues > 1e-18).max(initial=0) + 1].copy()
    advance = drain + giving_up * np.arange(len(now))  # one ahead answered or gone; from place 0: answered oneself
    speed = float(advance[-1]) + giving_up
    jumps, served, prompt, still = speed * within, 0.0, 0.0, 0.0
    for jump in range(int(jumps + 12 * math.sqrt(jumps) + 60)):
        weight = math.exp(jump * math.log(jumps) - jumps - math.lgamma(jump + 1)) if jumps else float(jump == 0)
        prompt += weight * served
        still += weight * float(now.sum())
        moved = now * advance / speed
        served += float(moved[0])
        now -= moved + now * giving_up / speed
        now[:-1] += moved[1:]
    return prompt, still


def close(found: Quality, expected: Quality, tolerance: float) -> None:
    for name in ("service_level", "abandoned", "mean_wait", "delayed", "occupancy"):
        assert getattr(found, name) == pytest.approx(getattr(expected, name), rel=tolerance, abs=tolerance), name


def test_erlang_c_as_two_published_packages_have_it() -> None:
    """100 calls of 3 minutes in half an hour, 14 agents (the examples of pyworkforce and of R's ErlangC)."""
    found = quality(100 / 1800, 180, 14, 20)
    assert found.delayed == pytest.approx(0.1741319335950498, rel=1e-12)
    assert found.service_level == pytest.approx(0.8883500191794669, rel=1e-12)
    assert found.mean_wait == pytest.approx(7.83593701177724, rel=1e-12)
    assert found.occupancy == pytest.approx(10 / 14)


def test_erlang_c_as_a_published_planner_has_it() -> None:
    """1000 calls of 2 minutes in an hour, 40 agents (the example of call-center-tools)."""
    found = quality(1000 / 3600, 120, 40, 20)
    assert found.delayed == pytest.approx(0.1907, abs=5e-5)
    assert found.service_level == pytest.approx(0.9372, abs=5e-5)
    assert found.mean_wait == pytest.approx(3.43, abs=5e-3)


def test_erlang_a_as_published_for_fifty_agents() -> None:
    """48 calls of 1 minute per minute, 50 agents, 2 minutes of patience: Garnett, Mandelbaum and Reiman, 2002."""
    without, with_ = quality(0.8, 60, 50, 20), quality(0.8, 60, 50, 20, patience=120)
    assert without.mean_wait == pytest.approx(20.8, abs=0.05)
    assert with_.mean_wait == pytest.approx(3.7, abs=0.05)
    assert with_.abandoned == pytest.approx(0.031, abs=5e-4)
    assert without.occupancy == pytest.approx(0.96)
    assert with_.occupancy == pytest.approx(0.93, abs=5e-3)


def test_erlang_a_as_a_published_package_has_it() -> None:
    """100 calls of 3 minutes in half an hour, 5 minutes of patience, 13 agents (pyworkforce's manual)."""
    found = quality(100 / 1800, 180, 13, 20, patience=300)
    assert found.delayed == pytest.approx(0.226, abs=5e-4)
    assert found.abandoned == pytest.approx(0.025, abs=5e-4)
    assert found.occupancy == pytest.approx(0.750, abs=5e-4)
    assert found.mean_wait == pytest.approx(0.125 * 60, abs=0.03)


@pytest.mark.parametrize("agents", [1, 3, 9, 12, 30])
@pytest.mark.parametrize("patience", [10.0, 60.0, 600.0])
@pytest.mark.parametrize("within", [0.0, 20.0, 90.0])
def test_erlang_a_is_the_birth_death_chain(agents: int, patience: float, within: float) -> None:
    close(
        quality(4.2 / 60, 120, agents, within, patience),
        chain(4.2 / 60, 120, agents, within, patience),
        1e-8,
    )


def test_hundreds_of_agents_are_the_birth_death_chain_too() -> None:
    close(quality(2.0, 300, 590, 20, 240), chain(2.0, 300, 590, 20, 240), 1e-7)


@given(arrivals, handles, teams, thresholds)
def test_endless_patience_is_the_textbook_erlang_c(rate: float, handle: float, agents: int, within: float) -> None:
    load = rate * handle
    found = quality(rate, handle, agents, within)
    if load >= agents:
        assert found == Quality(0.0, 0.0, math.inf, 1.0, 1.0)
        return
    logs = [k * math.log(load) - math.lgamma(k + 1) for k in range(agents + 1)]
    logs[-1] -= math.log1p(-load / agents)
    delayed = math.exp(logs[-1] - max(logs)) / sum(math.exp(each - max(logs)) for each in logs)
    assert found.delayed == pytest.approx(delayed, rel=1e-6, abs=1e-12)
    assert found.mean_wait == pytest.approx(delayed * handle / (agents - load), rel=1e-6, abs=1e-12)
    late = delayed * math.exp(-(agents - load) * within / handle)
    assert found.service_level == pytest.approx(1 - late, rel=1e-6, abs=1e-9)


@given(arrivals, handles, teams, thresholds)
def test_patience_without_end_leads_to_erlang_c(rate: float, handle: float, agents: int, within: float) -> None:
    if rate * handle < 0.95 * agents:
        close(quality(rate, handle, agents, within, 1e13), quality(rate, handle, agents, within), 1e-6)


@given(arrivals, handles, teams, thresholds, patiences | st.just(ENDLESS))
def test_an_agent_more_is_never_worse(
    rate: float, handle: float, agents: int, within: float, patience: float
) -> None:
    fewer = quality(rate, handle, agents, within, patience)
    more = quality(rate, handle, agents + 1, within, patience)
    slack = 1e-9
    assert more.service_level >= fewer.service_level - slack
    assert more.abandoned <= fewer.abandoned + slack
    assert more.mean_wait <= fewer.mean_wait + slack * max(1.0, handle)
    assert more.delayed <= fewer.delayed + slack
    assert more.occupancy <= fewer.occupancy + slack


@given(arrivals, handles, st.integers(0, 400), thresholds, patiences | st.just(ENDLESS))
def test_shares_are_shares_and_no_call_is_lost(
    rate: float, handle: float, agents: int, within: float, patience: float
) -> None:
    found = quality(rate, handle, agents, within, patience)
    for share in (found.service_level, found.abandoned, found.delayed, found.occupancy):
        assert 0 <= share <= 1
    assert found.mean_wait <= patience
    if agents and found.mean_wait < math.inf:
        answered = found.occupancy * agents / handle
        assert answered + found.abandoned * rate == pytest.approx(rate, rel=1e-6)


@given(arrivals, handles, teams, thresholds, patiences)
def test_a_later_threshold_is_met_more_often(
    rate: float, handle: float, agents: int, within: float, patience: float
) -> None:
    sooner = quality(rate, handle, agents, within, patience)
    assert quality(rate, handle, agents, within + 10, patience).service_level >= sooner.service_level - 1e-9


def test_a_queue_without_calls_is_perfect() -> None:
    assert quality(0, 180, 0, 20) == Quality(1.0, 0.0, 0.0, 0.0, 0.0)


def test_a_queue_without_agents_answers_nobody() -> None:
    assert quality(0.1, 180, 0, 20, 60) == Quality(0.0, 1.0, 60.0, 1.0, 1.0)


@pytest.mark.parametrize("wrong", [(-1, 180, 1, 20, 60), (1, -9, 1, 20, 60), (1, 9, -1, 20, 60), (1, 9, 1, 20, 0)])
def test_impossible_numbers_are_refused(wrong: tuple[float, float, int, float, float]) -> None:
    with pytest.raises(ValueError, match="must last"):
        quality(*wrong)


def test_a_heavy_overload_neither_overflows_nor_takes_long() -> None:
    found = quality(50.0, 180, 100, 20, 3600)
    assert found.abandoned == pytest.approx(1 - 100 / 9000, rel=1e-6)
    assert found.service_level == pytest.approx(0.0, abs=1e-9)
