"""From a forecast and a target to the agents of each slot.

Rules of this file:
- Pure. Each slot is taken as if its load lasted: right where calls are much shorter than a slot, a little early
  at a steep rise. The simulator (hotline.staffing.verify) tells how the day as a whole turns out.
- A target is monotone in the agents, so the least team is found by bisection.
"""

from __future__ import annotations

import enum
import math
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from hotline.staffing.erlang import ENDLESS, Quality, quality
from hotline.staffing.forecast import Slot


class Model(enum.StrEnum):
    """Whose agents are planned with."""

    ERLANG_C = "erlang-c"
    ERLANG_A = "erlang-a"
    """Erlang-C where no patience is known."""


@dataclass(frozen=True, slots=True)
class Target:
    """What each slot must reach, all of it. Shares from 0 to 1, times in seconds."""

    level: float = 0.8
    """Service level, below 1: answered within `within` ÷ (answered + abandoned after it)."""
    within: float = 20.0
    abandoned: float = 1.0
    mean_wait: float = math.inf
    occupancy: float = 1.0

    def met(self, found: Quality) -> bool:
        return (
            found.service_level >= self.level
            and found.abandoned <= self.abandoned
            and found.mean_wait <= self.mean_wait
            and found.occupancy <= self.occupancy
        )


@dataclass(frozen=True, slots=True)
class Staffed:
    """One slot's plan."""

    slot: Slot
    erlang_c: int
    """The least agents by Erlang-C."""
    erlang_a: int | None
    """And by Erlang-A; None where no patience is known."""
    agents: int
    """At their phones."""
    rostered: int
    """With shrinkage: so many are paid for `agents` to be at their phones."""
    quality: Quality
    """What `agents` are expected to reach."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What callers met in simulated days. None where nobody called."""

    service_level: float | None
    margin: float | None
    """Half the width of the 95% confidence interval. None where fewer than two days had calls, and where all that had
    agree: what did not vary in them does not tell how much it varies."""

    def misses(self, level: float) -> bool:
        """Surely below it: even the upper end of the interval is. Without a margin nothing is sure."""
        if self.service_level is None or self.margin is None:
            return False
        return self.service_level + self.margin < level


@dataclass(frozen=True, slots=True)
class Verified:
    """A plan's simulated days: its slots in their order, and all their calls."""

    days: int
    slots: tuple[Seen, ...]
    whole: Seen


def plan(
    slots: Sequence[Slot],
    target: Target,
    *,
    model: Model = Model.ERLANG_A,
    shrinkage: float = 0.0,
    at_least: int = 0,
) -> tuple[Staffed, ...]:
    """The agents of every slot. `shrinkage` (0 ≤ it < 1) is the share of paid time away from the phone.

    At least `at_least` agents are there in every slot, calls or no calls.
    """
    return tuple(_staffed(slot, target, model, shrinkage, at_least) for slot in slots)


def _staffed(slot: Slot, target: Target, model: Model, shrinkage: float, at_least: int) -> Staffed:
    by_c = needed(slot, target, ENDLESS)
    by_a = needed(slot, target, slot.patience) if slot.patience < ENDLESS else None
    patience = slot.patience if model is Model.ERLANG_A else ENDLESS
    agents = max(at_least, by_a if by_a is not None and model is Model.ERLANG_A else by_c)
    return Staffed(
        slot,
        by_c,
        by_a,
        agents,
        rostered=math.ceil(agents / (1 - shrinkage) - 1e-9),
        quality=quality(slot.rate, slot.handle, agents, target.within, patience),
    )


def needed(slot: Slot, target: Target, patience: float) -> int:
    """The least number of agents that meets the target when callers have this patience."""

    def enough(agents: int) -> bool:
        return target.met(quality(slot.rate, slot.handle, agents, target.within, patience))

    most = math.ceil(slot.load)
    while not enough(most):
        most = 2 * most + 1
    return bisect_left(range(most), True, key=enough)


@dataclass(frozen=True, slots=True)
class Total:
    """A whole plan. Shares are of all its calls or of all its agents' time."""

    calls: float
    agent_hours: float
    rostered_hours: float
    busiest: int
    """The most agents of one slot."""
    service_level: float
    abandoned: float
    mean_wait: float
    occupancy: float


def total(rows: Sequence[Staffed]) -> Total:
    """Slots weigh as many as their calls."""
    calls = sum(row.slot.calls for row in rows)
    hours = sum(row.agents * row.slot.length for row in rows) / 3600
    worked = sum(row.agents * row.slot.length * row.quality.occupancy for row in rows) / 3600

    def mean(values: Sequence[float]) -> float:
        weighted = [row.slot.calls * value for row, value in zip(rows, values, strict=True) if row.slot.calls]
        return sum(weighted) / calls if calls else 0.0

    return Total(
        calls=calls,
        agent_hours=hours,
        rostered_hours=sum(row.rostered * row.slot.length for row in rows) / 3600,
        busiest=max((row.agents for row in rows), default=0),
        service_level=mean([row.quality.service_level for row in rows]) if calls else 1.0,
        abandoned=mean([row.quality.abandoned for row in rows]),
        mean_wait=mean([row.quality.mean_wait for row in rows]),
        occupancy=worked / hours if hours else 0.0,
    )
