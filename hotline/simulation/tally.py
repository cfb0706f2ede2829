"""What happened in one replication, counted; and the measures that come out of it.

Rules of this file:
- A measure of one replication is a pair (sum, base); over replications it is Σ sums ÷ Σ bases. Plain figures have
  base 1; where there is nothing to measure, the base is 0.
- Who is called back counts among the callbacks and nowhere else.
- Only calls that arrive between warm-up and the end of the simulation count. Agents' times are cut at both.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from hotline.acd.model import AgentState
from hotline.simulation.arrivals import Call, Callback
from hotline.simulation.model import TOTAL, Scenario
from hotline.simulation.shape import Formula

Pair = tuple[float, float]
Measures = Mapping[str, Pair]

_BUSY = frozenset({AgentState.TALKING, AgentState.WRAP_UP})
_ON_DUTY = _BUSY | {AgentState.IDLE, AgentState.OFFERED}
"""Occupancy is busy ÷ these: a pause is neither."""
_QUANTILES = (50, 90, 99)


@dataclass(frozen=True, slots=True)
class Result:
    """One replication: the measures of each call type and of `total`, and of each group of agents."""

    replication: int
    types: Mapping[str, Measures]
    groups: Mapping[str, Measures]


@dataclass(slots=True)
class Count:
    """The calls of one type, or all. Waits are in seconds, from arrival to answer or departure."""

    arrivals: int = 0
    redials: int = 0
    blocked: int = 0
    served: int = 0
    answered: list[float] = field(default_factory=list)
    abandoned: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    errors: list[Pair] = field(default_factory=list)
    """(expected wait − wait)² and the wait, of those who were told one and answered."""

    def measures(self, scenario: Scenario) -> dict[str, Pair]:
        waits = [*self.answered, *self.abandoned, *self.left]
        counts = {
            "arrivals": self.arrivals, "offered": self.arrivals - self.blocked, "answered": len(self.answered),
            "abandoned": len(self.abandoned), "blocked": self.blocked, "left": len(self.left),
            "served": self.served, "redials": self.redials,
        }  # fmt: skip
        result: dict[str, Pair] = {name: (float(count), 1.0) for name, count in counts.items()}
        for threshold in scenario.thresholds:
            within = sum(1 for wait in self.answered if wait <= threshold)
            result[f"service_level_{threshold:g}s"] = (float(within), self._base(threshold, scenario.formula))
        result["wait_mean"] = (math.fsum(waits), float(len(waits)))
        for rank in _QUANTILES:
            result[f"wait_p{rank}"] = (float(np.percentile(waits, rank)), 1.0) if waits else (0.0, 0.0)
        result["wait_answered"] = (math.fsum(self.answered), float(len(self.answered)))
        if self.errors and (total := math.fsum(wait for _, wait in self.errors)):
            squares = math.fsum(square for square, _ in self.errors)
            result["rrase"] = (math.sqrt(squares / len(self.errors)) / (total / len(self.errors)), 1.0)
        return result

    def _base(self, threshold: float, formula: Formula) -> float:
        answered, gone = len(self.answered), [*self.abandoned, *self.left]
        match formula:
            case Formula.LATE_ABANDONS:
                return float(answered + sum(1 for wait in gone if wait > threshold))
            case Formula.OFFERED:
                return float(answered + len(gone))
            case Formula.ANSWERED:
                return float(answered)
            case Formula.ARRIVALS:
                return float(self.arrivals)


@dataclass(slots=True)
class PromiseCount:
    """The callbacks of one type, or all. Waits are in seconds, from when they fell due until the customer's phone
    rang for the first time."""

    due: int = 0
    tries: int = 0
    talked: int = 0
    unreachable: int = 0
    waits: list[float] = field(default_factory=list)

    def measures(self) -> dict[str, Pair]:
        """Nothing where none fell due."""
        if not self.due:
            return {}
        counts = {
            "due": self.due, "made": len(self.waits), "tries": self.tries, "talked": self.talked,
            "unreachable": self.unreachable, "open": self.due - self.talked - self.unreachable,
        }  # fmt: skip
        result: dict[str, Pair] = {name: (float(count), 1.0) for name, count in counts.items()}
        result["wait_mean"] = (math.fsum(self.waits), float(len(self.waits)))
        result["wait_p90"] = (float(np.percentile(self.waits, 90)), 1.0) if self.waits else (0.0, 0.0)
        result["last"] = (max(self.waits), 1.0) if self.waits else (0.0, 0.0)
        return {f"callbacks_{name}": pair for name, pair in result.items()}


class Tally:
    """Takes notes during one replication. Moments are seconds since the start."""

    def __init__(self, scenario: Scenario, replication: int) -> None:
        self._scenario, self._replication = scenario, replication
        self._types = {name: Count() for name in scenario.calls}
        self._uncounted = Count()
        self.promises = {name: PromiseCount() for name in scenario.calls}
        self._staff = {name: [0.0, 0.0] for name in scenario.groups}
        self._states: dict[str, tuple[AgentState, float]] = {}

    def arrived(self, call: Call) -> None:
        count = self._of(call)
        count.arrivals += 1
        count.redials += call.tries > 1

    def blocked(self, call: Call) -> None:
        count = self._of(call)
        count.blocked += 1

    def answered(self, call: Call, wait: float) -> None:
        count = self._of(call)
        count.answered.append(wait)
        if call.expected is not None:
            count.errors.append(((call.expected - wait) ** 2, wait))

    def served(self, call: Call) -> None:
        count = self._of(call)
        count.served += 1

    def abandoned(self, call: Call, wait: float) -> None:
        count = self._of(call)
        count.abandoned.append(wait)

    def left(self, call: Call, wait: float) -> None:
        count = self._of(call)
        count.left.append(wait)

    def moved(self, agent: str, group: str, state: AgentState, now: float) -> None:
        """An agent's state changed."""
        was, since = self._states.get(agent, (AgentState.OFFLINE, now))
        self._states[agent] = (state, now)
        if was in _ON_DUTY:
            spent = min(now, self._scenario.length) - max(since, self._scenario.warm_up)
            if spent > 0:
                times = self._staff[group]
                times[0] += spent if was in _BUSY else 0.0
                times[1] += spent

    def result(self, groups: Mapping[str, str]) -> Result:
        """All of it, once the replication is over; `groups`: agent → group."""
        for agent, (state, _) in list(self._states.items()):
            self.moved(agent, groups[agent], state, self._scenario.length)
        types = {
            name: {**count.measures(self._scenario), **self.promises[name].measures()}
            for name, count in self._types.items()
        }
        return Result(
            self._replication,
            {**types, TOTAL: {**self._sum().measures(self._scenario), **self._all_promises().measures()}},
            {name: {"occupancy": (busy, on_duty)} for name, (busy, on_duty) in self._staff.items()},
        )

    def _of(self, call: Call) -> Count:
        counts = not isinstance(call, Callback) and self._scenario.warm_up <= call.at < self._scenario.length
        return self._types[call.type.name] if counts else self._uncounted

    def _all_promises(self) -> PromiseCount:
        each = self.promises.values()
        return PromiseCount(
            sum(count.due for count in each),
            sum(count.tries for count in each),
            sum(count.talked for count in each),
            sum(count.unreachable for count in each),
            [wait for count in each for wait in count.waits],
        )

    def _sum(self) -> Count:
        total = Count()
        for count in self._types.values():
            total.arrivals += count.arrivals
            total.redials += count.redials
            total.blocked += count.blocked
            total.served += count.served
            total.answered += count.answered
            total.abandoned += count.abandoned
            total.left += count.left
            total.errors += count.errors
        return total
