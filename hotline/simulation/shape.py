"""The shape of a scenario file: what each part may hold, with its defaults.

Rules of this file:
- As in hotline.schema.shape: each part is read on its own, an unknown key is a mistake, times are seconds once read.
- Queues have the very shape of a hotline's configuration, so that every rule of routing is understood here too.
- Every key is explained in config/simulations/README.md.
"""

from __future__ import annotations

import enum
import re
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, PlainValidator, model_validator

from hotline.schema.kinds import Name, Seconds, Skills, lasting
from hotline.schema.problems import quoted
from hotline.schema.shape import HOUR, Part
from hotline.simulation.periods import ALWAYS, Period, Start

DAY = 24 * HOUR
_UNITS = {"s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "hour": 3600.0, "d": 86400.0, "day": 86400.0}
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_RATE = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)\s*/\s*([a-z]+)", re.ASCII)
_MOST_PER_SECOND = 1000.0
T = TypeVar("T")


def _rate(value: object) -> float:
    """4.2/min, 300/h, 15000/day, as calls per second."""
    found = _RATE.fullmatch(str(value).strip())
    if found is None or found[2] not in _UNITS:
        raise ValueError(f"{quoted(value)} is no rate; write it like 4.2/min, 300/h or 15000/day")
    rate = float(found[1]) / _UNITS[found[2]]
    if rate > _MOST_PER_SECOND:
        raise ValueError(f"{quoted(value)} is more than {_MOST_PER_SECOND:g} calls a second")
    return rate


def _count(value: object) -> int:
    text = str(value).strip()
    if not text.isascii() or not text.isdigit() or len(text) > 5:
        raise ValueError(f"{quoted(value)} is no number of agents; write it like 12")
    return int(text)


def _clock(value: object) -> float:
    """08:00, as seconds since midnight."""
    found = _CLOCK.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f"{quoted(value)} is no time of the day; write it like 08:00")
    return int(found[1]) * 3600.0 + int(found[2]) * 60.0


def _always(value: object) -> object:
    """A plain value holds at all times."""
    return {ALWAYS: value} if isinstance(value, str) else value


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


When = Annotated[Period, PlainValidator(Period.parse)]
Rates = Annotated[dict[When, Annotated[float, PlainValidator(_rate)]], Field(min_length=1), BeforeValidator(_always)]
Counts = Annotated[dict[When, Annotated[int, PlainValidator(_count)]], Field(min_length=1), BeforeValidator(_always)]
Chance = Annotated[float, Field(ge=0, le=1)]
Length = Annotated[Seconds, lasting(0, DAY)]
Positive = Annotated[Seconds, lasting(0.001, DAY)]


class Formula(enum.StrEnum):
    """What the service level divides the calls answered within the threshold by."""

    LATE_ABANDONS = "late-abandons"
    """The service level of our metrics, see `answer_within` in config/README.md."""
    OFFERED = "offered"
    """All that joined a queue."""
    ANSWERED = "answered"
    ARRIVALS = "arrivals"
    """Also those turned away."""


class SpreadShape(Part):
    mean: Positive
    sd: Positive


class DistributionShape(Part):
    exponential: Positive | None = None
    lognormal: SpreadShape | None = None
    gamma: SpreadShape | None = None
    fixed: Length | None = None
    values: Annotated[tuple[Length, ...], Field(min_length=1, max_length=100_000)] | None = None

    @model_validator(mode="before")
    @classmethod
    def _plain(cls, value: Any) -> Any:
        return {"fixed": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one(self) -> DistributionShape:
        if len(self.model_fields_set) != 1:
            raise ValueError(
                "give one of exponential, lognormal, gamma, fixed and values, like {exponential: 2m}, or a plain time"
            )
        return self


class RedialShape(Part):
    after: DistributionShape
    abandoned: Chance = 0.0
    blocked: Chance = 0.0
    most: Annotated[int, Field(ge=1, le=100)] = 5


class DueShape(Part):
    """Promises that fall due, each day anew; made at the pace that `callbacks` of the queue says."""

    due: Annotated[int, Field(ge=1, le=100_000)]
    at: Annotated[float, PlainValidator(_clock)]
    answers: Chance = 0.6
    rings: DistributionShape = DistributionShape(fixed=25.0)
    listens: DistributionShape = DistributionShape(fixed=15.0)
    service: DistributionShape | None = None


class CallShape(Part):
    service: DistributionShape
    arrivals: Rates | None = None
    queue: Name | None = None
    needs: Skills | None = None
    priority: Annotated[Seconds, lasting(0, HOUR)] | None = None
    patience: DistributionShape | None = None
    wrap_up: DistributionShape | None = None
    redial: RedialShape | None = None
    site: Name | None = None
    callbacks: DueShape | None = None


class GroupShape(Part):
    count: Counts
    skills: Skills = Field(default_factory=dict)
    pick_up: DistributionShape | None = None
    site: Name | None = None
    reserve: bool = False
    max_in_row: Annotated[int, Field(ge=0, le=1000)] = 0
    cool_down: Annotated[Seconds, lasting(0, HOUR)] = 0.0


class LevelShape(Part):
    within: Annotated[
        tuple[Annotated[Seconds, lasting(0, HOUR)], ...],
        Field(min_length=1, max_length=5),
        BeforeValidator(_one_or_more),
    ] = (20.0,)
    of: Formula = Formula.LATE_ABANDONS


class SimulationShape(Part):
    length: Annotated[Seconds, lasting(60, 400 * DAY)] = float(DAY)
    starts: Annotated[Start, PlainValidator(Start.parse)] = Start()
    warm_up: Annotated[Seconds, lasting(0, 400 * DAY)] = 0.0
    replications: Annotated[int, Field(ge=1, le=100_000)] = 10
    seed: Annotated[int, Field(ge=0, le=2**63)] = 1
    lines: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    busyness: Annotated[float, Field(gt=0, le=1e9)] | None = None
    service_level: LevelShape = LevelShape()
    trace: str | None = None
