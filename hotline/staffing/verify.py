"""A plan put to the test: the planned day as a scenario, run by the simulator through the real queue core.

Rules of this file:
- Each slot is a call type of its own (its rate, handle time and patience), so the simulator's results per type are
  the slot's. All share one queue and one group of agents, whose number changes from slot to slot.
- The day begins with an empty queue; when a slot's team is smaller than the one before, who is on a call finishes it.
- The simulator's own needs (numpy, scipy, a redis-server) are met only when it is asked to run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hotline.acd.model import QueueSettings
from hotline.simulation.distributions import Exponential, Never
from hotline.simulation.model import TOTAL, CallType, Group, Scenario
from hotline.simulation.periods import Stairs
from hotline.staffing.erlang import ENDLESS
from hotline.staffing.forecast import Slot
from hotline.staffing.plan import Seen, Staffed, Verified

if TYPE_CHECKING:
    from hotline.simulation.statistics import Estimate

_SKILL = "calls"
_ROUNDING = 1e-9


def verify(
    plan: Sequence[Staffed],
    within: float,
    days: int,
    *,
    seed: int = 1,
    program: str = "",
    workers: int = 1,
    done: Callable[[], None] = lambda: None,
) -> Verified:
    """Simulate the planned day `days` times; `done` is called after each.

    `program` is the redis-server to run ("" = the one on PATH). Raises SimulationFailed, and
    ModuleNotFoundError where numpy or scipy is not installed.
    """
    from hotline.simulation.runner import run
    from hotline.simulation.server import find
    from hotline.simulation.statistics import summary
    from hotline.simulation.tally import Result

    results: list[Result] = []
    for result in run(scenario(plan, within, days, seed), program=find(program), workers=workers):
        results.append(result)
        done()
    found = {
        name: seen(measures[level])
        for name, measures in summary(results).types.items()
        for level in [f"service_level_{within:g}s"]
    }
    return Verified(days, tuple(found[name_of(index)] for index in range(len(plan))), found[TOTAL])


def seen(level: Estimate) -> Seen:
    """An estimate as a plan is judged by it: where all days agree, 0 is no margin but none is known."""
    return Seen(level.value, level.half if level.half is not None and level.half > _ROUNDING else None)


def scenario(plan: Sequence[Staffed], within: float, replications: int, seed: int = 1) -> Scenario:
    """The planned day, `replications` times."""
    queue = QueueSettings(_SKILL, {_SKILL: 1}, answer_within=within)
    last = plan[-1].slot
    return Scenario(
        name="the planned day",
        calls={name_of(index): _calls(row.slot, queue, name_of(index)) for index, row in enumerate(plan)},
        groups={"agents": Group("agents", {_SKILL: 1}, _team(plan))},
        length=last.begins + last.length,
        replications=replications,
        seed=seed,
        thresholds=(within,),
    )


def name_of(index: int) -> str:
    """The call type of the plan's row with this index."""
    return f"slot-{index + 1}"


def _calls(slot: Slot, queue: QueueSettings, name: str) -> CallType:
    ends = slot.begins + slot.length
    rates: Stairs = ((slot.begins, slot.rate), (ends, 0.0))
    return CallType(
        name,
        queue,
        rates if slot.begins == 0 else ((0.0, 0.0), *rates),
        service=Exponential(slot.handle or 1.0),
        patience=Exponential(slot.patience) if slot.patience < ENDLESS else Never(),
    )


def _team(plan: Sequence[Staffed]) -> Stairs:
    """How many are at their phones; nobody between slots that do not touch."""
    steps: list[tuple[float, float]] = []
    ended = 0.0
    for row in plan:
        if row.slot.begins > ended:
            steps.append((ended, 0.0))
        steps.append((row.slot.begins, float(row.agents)))
        ended = row.slot.begins + row.slot.length
    return tuple(steps)
