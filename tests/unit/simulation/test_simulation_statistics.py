"""Estimates and their intervals, against figures worked out elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from hotline.simulation.statistics import Estimate, estimate


def test_a_plain_figure_has_students_interval() -> None:
    found = estimate([(value, 1.0) for value in (4.0, 6.0, 8.0, 10.0)])
    # mean 7, s = 2.5820, t(3, .975) = 3.1824
    assert found.value == 7.0
    assert found.half == pytest.approx(3.1824 * 2.58199 / 2, rel=1e-4)


def test_one_replication_has_no_interval() -> None:
    assert estimate([(3.0, 2.0)]) == Estimate(1.5)


def test_nothing_to_measure_is_nothing() -> None:
    assert estimate([(0.0, 0.0), (0.0, 0.0)]) == Estimate(None)


def test_replications_with_nothing_to_measure_are_none() -> None:
    empty = [(0.0, 0.0)] * 9
    assert estimate([*empty, (2.0, 3.0)]) == estimate([(2.0, 3.0)]) == Estimate(2 / 3)
    assert estimate([*empty, (2.0, 3.0), (1.0, 4.0)]) == estimate([(2.0, 3.0), (1.0, 4.0)])


def test_a_ratio_of_few_calls_has_students_interval_of_the_replications_that_had_some() -> None:
    found = estimate([(0.0, 0.0), (2.0, 3.0), (0.0, 0.0), (1.0, 3.0)])
    # residuals ±0.5, s = 0.7071, t(1, .975) = 12.7062; over √2 replications of 3 calls each
    assert found.half == pytest.approx(12.7062 * 0.70711 / 2**0.5 / 3, rel=1e-4)


def test_a_ratio_weighs_replications_by_their_base() -> None:
    found = estimate([(90.0, 100.0), (1.0, 2.0)])
    assert found.value == pytest.approx(91 / 102)


def test_intervals_cover_the_truth_as_often_as_they_say() -> None:
    random, covered, runs = np.random.default_rng(3), 0, 600
    for _ in range(runs):
        calls = random.poisson(100, 30)
        waits = [float(random.exponential(10, count).sum()) for count in calls]
        found = estimate(list(zip(waits, map(float, calls), strict=True)))
        assert found.value is not None
        assert found.half is not None
        covered += abs(found.value - 10) <= found.half
    assert covered / runs == pytest.approx(0.95, abs=0.03)
