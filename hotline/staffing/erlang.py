"""What callers of one queue meet when its load and its agents stay the same: Erlang-C and Erlang-A, exactly.

Rules of this file:
- Pure functions of numbers, the standard library only. Rates are per second, times in seconds, shares from 0 to 1.
- One model: calls arrive at random (Poisson), handle time and patience are exponential, whoever waits longest is
  served next. With endless patience it is Erlang-C (M/M/n), otherwise Erlang-A (M/M/n+M, Palm's).
- Nothing overflows and nothing small is the difference of two large numbers: what grows is held as a logarithm.

The names in the formulas: λ arrivals, μ = 1/handle time, θ = 1/patience, n agents. The *offered wait* V is how long a
caller who never gives up would wait. While all agents are busy its density is c·exp(λH(x) − nμx), where
H(x) = (1 − e^(−θx))/θ is the expected time that a caller's patience leaves of x (Baccelli and Hebuterne; Mandelbaum
and Zeltyn). Everything below is a ratio of integrals of this one function.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

ENDLESS = math.inf
"""The patience of a caller who never hangs up."""

_HUGE = 1e200
_NEGLIGIBLE = 1e-17


@dataclass(frozen=True, slots=True)
class Quality:
    """What callers and agents experience in the long run. Waits are of all callers, those who give up included."""

    service_level: float
    """Answered within T ÷ (answered + abandoned after T); no caller, no complaint: 1."""
    abandoned: float
    """Share of all calls."""
    mean_wait: float
    """Seconds; infinite when a queue of endlessly patient callers grows without bound."""
    delayed: float
    """Share of calls that find no agent idle."""
    occupancy: float
    """Share of the agents' time spent on calls."""


def quality(arrivals: float, handle: float, agents: int, within: float, patience: float = ENDLESS) -> Quality:
    """The long run of `agents` ≥ 0 at `arrivals` ≥ 0 calls per second of mean length `handle` ≥ 0.

    `within` ≥ 0 is T, the service level's threshold; `patience` > 0 the mean time after which a waiting caller gives
    up. Raises ValueError for numbers outside these ranges.
    """
    if not (0 <= arrivals < math.inf and 0 <= handle < math.inf and agents >= 0 and within >= 0 and patience > 0):
        raise ValueError("arrivals, handle time, agents and the threshold can't be negative; patience must last")
    if arrivals == 0 or handle == 0:
        return Quality(1.0, 0.0, 0.0, 0.0, 0.0)
    if agents == 0 or (patience == ENDLESS and arrivals * handle >= agents):
        return Quality(0.0, float(patience < ENDLESS), patience, 1.0, 1.0)
    leaving, drain = 1 / patience, agents / handle
    busy, waiting = _backlog(arrivals, drain, leaving)
    delayed = 1 / (1 + math.exp(_bounded(_log_idle(arrivals * handle, agents) - math.log(arrivals) - busy)))
    mean_wait = delayed * waiting / arrivals
    abandoned = min(1.0, leaving * mean_wait)
    still = delayed * math.exp(_tail(arrivals, drain, leaving, within) - busy) * math.exp(-leaving * within)
    late = delayed * math.exp(_tail(arrivals, drain + leaving, leaving, within) - busy)
    prompt = max(0.0, 1 - abandoned - late)
    level = prompt / (prompt + still) if prompt + still else 0.0
    return Quality(level, abandoned, mean_wait, delayed, min(1.0, arrivals * (1 - abandoned) / drain))


def _backlog(arrivals: float, drain: float, leaving: float) -> tuple[float, float]:
    """ln ∫₀^∞ exp(λH(x) − drain·x) dx, and the mean number waiting while all agents are busy.

    As a sum over the number k who wait: r₀ = 1, r_k = r_(k−1)·λ/(drain + kθ); the integral is Σr_k ÷ drain.
    """
    if leaving == 0:
        load = arrivals / drain
        return -math.log(drain - arrivals), load / (1 - load)
    term = total = 1.0
    weighted = scale = 0.0
    waiting = 0
    while True:
        waiting += 1
        ratio = arrivals / (drain + waiting * leaving)
        term *= ratio
        total += term
        weighted += waiting * term
        if total > _HUGE:
            term, total, weighted, scale = term / _HUGE, total / _HUGE, weighted / _HUGE, scale + math.log(_HUGE)
        if ratio < 1 and waiting * term < _NEGLIGIBLE * (1 - ratio) ** 2 * total:
            return math.log(total) + scale - math.log(drain), weighted / total


def _tail(arrivals: float, drain: float, leaving: float, after: float) -> float:
    """ln ∫ₜ^∞ exp(λH(x) − drain·x) dx for t = `after`: the same integral from 0 with the arrivals that outlast t."""
    outlasting = arrivals * math.exp(-leaving * after)
    patient = -math.expm1(-leaving * after) / leaving if leaving else after
    return arrivals * patient - drain * after + _backlog(outlasting, drain, leaving)[0]


def _log_idle(load: float, agents: int) -> float:
    """ln of the time with an idle agent ÷ the time with exactly one: the inverse of Erlang's B for one agent less."""
    inverse = 1.0
    for servers in range(1, agents):
        inverse = 1 + servers / load * inverse
        if inverse > _HUGE:
            return math.inf
    return math.log(inverse)


def _bounded(exponent: float) -> float:
    """An exponent whose power is a float."""
    return min(exponent, 700.0)
