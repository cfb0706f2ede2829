"""Distributions have the mean and spread that they are given."""

from __future__ import annotations

import numpy as np
import pytest

from hotline.simulation.distributions import Distribution, Exponential, Fixed, Gamma, Lognormal, Never, Values

MANY = 200_000


@pytest.mark.parametrize(
    ("distribution", "mean", "sd"),
    [
        (Exponential(120), 120, 120),
        (Gamma(120, 30), 120, 30),
        (Gamma(60, 120), 60, 120),
        (Lognormal(180, 90), 180, 90),
        (Fixed(60), 60, 0),
        (Values([10, 20, 60]), 30, np.std([10, 20, 60])),
    ],
)
def test_samples_have_the_mean_and_the_spread(distribution: Distribution, mean: float, sd: float) -> None:
    found = distribution.sample(np.random.default_rng(7), MANY)
    assert distribution.mean == mean
    assert found.min() >= 0
    assert np.mean(found) == pytest.approx(mean, rel=0.02)
    assert np.std(found) == pytest.approx(sd, rel=0.03, abs=1e-9)


def test_unlimited_patience_never_ends() -> None:
    assert np.isinf(Never().sample(np.random.default_rng(7), 3)).all()
