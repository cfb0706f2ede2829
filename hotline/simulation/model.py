"""A scenario, checked and ready to run. Moments and lengths are seconds; moments count from the start of the day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hotline.acd.model import QueueSettings, Skills
from hotline.callbacks.settings import CallbackSettings
from hotline.schema.problems import Problem
from hotline.simulation.distributions import Distribution
from hotline.simulation.periods import Stairs
from hotline.simulation.shape import Formula

TOTAL = "total"
"""All calls together; no type of them has this name."""


@dataclass(frozen=True, slots=True)
class Redial:
    """Who got nobody calls again `after` a while with these chances, at most `most` times."""

    after: Distribution
    abandoned: float
    blocked: float
    most: int


@dataclass(frozen=True, slots=True)
class Promised:
    """So many callbacks fall due each day, `at` seconds after midnight: then the day's window opens too. An agent
    `listens` to the message, the customer's phone `rings`; with the chance `answers` they talk."""

    settings: CallbackSettings
    due: int
    at: float
    answers: float
    rings: Distribution
    listens: Distribution
    service: Distribution


@dataclass(frozen=True, slots=True)
class CallType:
    """Calls of one kind. `queue` has the type's own needs and priority in it; `rates` are calls per second."""

    name: str
    queue: QueueSettings
    rates: Stairs
    service: Distribution
    patience: Distribution
    wrap_up: Distribution | None = None
    """None: as the queue says."""
    redial: Redial | None = None
    site: str = ""
    callbacks: Promised | None = None


@dataclass(frozen=True, slots=True)
class Group:
    """Agents with equal skills; `staff` says how many are on duty. Without `pick_up` they answer at once. The rest is
    as in hotline.acd.model.AgentSettings."""

    name: str
    skills: Skills
    staff: Stairs
    pick_up: Distribution | None = None
    site: str = ""
    reserve: bool = False
    max_in_row: int = 0
    cool_down: float = 0.0


@dataclass(frozen=True, slots=True)
class Traced:
    """A recorded call. What the record does not say (None) is drawn from its type."""

    at: float
    type: str
    service: float | None = None
    patience: float | None = None


@dataclass(frozen=True, slots=True)
class Scenario:
    """`lines`: how many callers there can be at once, waiting or talking. `busyness`: the shape of a gamma factor of
    mean 1 on each day's rates. Calls that arrive before `warm_up` are not counted."""

    name: str
    calls: Mapping[str, CallType]
    groups: Mapping[str, Group]
    length: float
    day_starts: float = 0.0
    """Seconds since midnight at the first moment."""
    warm_up: float = 0.0
    replications: int = 1
    seed: int = 1
    lines: int | None = None
    busyness: float | None = None
    thresholds: tuple[float, ...] = (20.0,)
    formula: Formula = Formula.LATE_ABANDONS
    trace: tuple[Traced, ...] = ()
    warnings: tuple[Problem, ...] = ()
