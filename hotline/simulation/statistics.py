"""From replications to estimates: each measure with its 95% confidence interval.

Rules of this file:
- A measure is a ratio Σx ÷ Σy over replications (the ratio estimator); its interval comes from the residuals
  x − ratio·y (the delta method), with Student's t. For plain figures (y = 1) that is the mean with its usual
  interval.
- A replication with nothing to measure (y = 0) tells nothing of the ratio, and does not count as one. Fewer than two
  give no interval.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import stdtrit

from hotline.simulation.tally import Measures, Pair, Result

CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value and half the width of its interval. None: there was nothing to measure, or in one replication only."""

    value: float | None
    half: float | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    replications: int
    types: Mapping[str, Mapping[str, Estimate]]
    groups: Mapping[str, Mapping[str, Estimate]]


def summary(results: Sequence[Result]) -> Summary:
    """The estimates out of at least one replication."""
    ordered = sorted(results, key=lambda result: result.replication)
    return Summary(
        len(ordered),
        {name: _estimates([result.types[name] for result in ordered]) for name in ordered[0].types},
        {name: _estimates([result.groups[name] for result in ordered]) for name in ordered[0].groups},
    )


def _estimates(rows: Sequence[Measures]) -> dict[str, Estimate]:
    names = dict.fromkeys(name for row in rows for name in row)
    return {name: estimate([row.get(name, (0.0, 0.0)) for row in rows]) for name in names}


def estimate(pairs: Sequence[Pair]) -> Estimate:
    """The ratio of the sums, with its interval."""
    found = [pair for pair in pairs if pair[1] > 0]
    if not found:
        return Estimate(None)
    x, y = np.array(found, dtype=np.float64).T
    base, count = float(y.sum()), len(found)
    ratio = float(x.sum()) / base
    if count < 2:
        return Estimate(ratio)
    spread = float(np.std(x - ratio * y, ddof=1))
    t = float(stdtrit(count - 1, (1 + CONFIDENCE) / 2))
    return Estimate(ratio, t * spread * count**0.5 / base)
