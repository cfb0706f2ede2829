"""Who calls when: a replication's calls, drawn from the scenario.

Rules of this file:
- Every type of call has random streams of its own for arrivals, services, patience and wrap-up, from the seed and the
  number of the replication alone: the same calls come whatever the routing is and whoever simulates them.
- Calls are drawn an hour at a time, so that a year needs no more memory than a day.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import groupby, pairwise

import numpy as np

from hotline.acd.model import CALLBACK, Offer
from hotline.schema.shape import HOUR
from hotline.simulation.model import CallType, Promised, Scenario, Traced
from hotline.simulation.periods import DAY_SECONDS

OVERNIGHT = 12 * 3600.0
"""Seconds before they fall due, the promises were made."""


@dataclass(slots=True, eq=False)
class Call:
    """A call, and how it fares: its offer once it has one; `answered` and `over` tell how far it is."""

    id: str
    type: CallType
    at: float
    service: float
    patience: float
    wrap_up: float | None = None
    tries: int = 1
    offer: Offer | None = None
    expected: float | None = None
    """The wait that the core expected for it, where the core does."""
    answered: bool = False
    over: bool = False


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a try to call somebody back brings: how long the agent listens, how long the phone rings, and whether the
    customer answers."""

    listens: float
    rings: float
    answers: bool


@dataclass(slots=True, eq=False)
class Callback(Call):
    """A promise that was due `at`; `arrival` is the time of the original call. `tries`: this one is the how many-th.
    `service` is all that the agent does in this try; in the end they `talk`, if ever the customer answers."""

    talk: float = 0.0
    arrival: float = 0.0
    attempts: tuple[Attempt, ...] = ()

    def prepare(self) -> None:
        """The next try."""
        attempt = self.attempts[self.tries - 1]
        self.service = attempt.listens + attempt.rings + (self.talk if attempt.answers else 0.0)
        self.offer, self.answered, self.over = None, False, False


@dataclass(slots=True)
class Streams:
    """The random streams of one call type in one replication."""

    arrivals: np.random.Generator
    service: np.random.Generator
    patience: np.random.Generator
    wrap_up: np.random.Generator
    redial: np.random.Generator
    promises: np.random.Generator


@dataclass(slots=True)
class Callers:
    """Everybody who calls in one replication of a scenario."""

    scenario: Scenario
    replication: int
    pick_up: np.random.Generator = field(init=False)
    _streams: dict[str, Streams] = field(init=False)
    _busyness: np.random.SeedSequence = field(init=False)
    _count: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        root = np.random.SeedSequence(self.scenario.seed, spawn_key=(self.replication,))
        self._busyness, pick_up, *own = root.spawn(2 + len(self.scenario.calls))
        self.pick_up = np.random.default_rng(pick_up)
        self._streams = {
            name: Streams(*map(np.random.default_rng, seeds.spawn(6)))
            for name, seeds in zip(self.scenario.calls, own, strict=True)
        }

    def of_type(self, kind: CallType) -> Iterator[Call]:
        """The type's calls in order of their arrival, without redials."""
        stream = self._streams[kind.name].arrivals
        for begin, end, rate in self._stretches(kind):
            count = int(stream.poisson(rate * (end - begin)))
            yield from self._make(kind, np.sort(stream.uniform(begin, end, count)))

    def traced(self) -> Iterator[Call]:
        """The recorded calls; what was not recorded is drawn."""
        for name, run in groupby(self.scenario.trace, key=lambda call: call.type):
            rows = list(run)
            made = self._make(self.scenario.calls[name], np.array([row.at for row in rows]))
            for row, call in zip(rows, made, strict=True):
                yield _as_recorded(call, row)

    def again(self, call: Call, blocked: bool) -> tuple[float, Call] | None:
        """How long after it got nobody a caller tries again, with what then becomes of them; None: never."""
        redial = call.type.redial
        if redial is None or call.tries > redial.most:
            return None
        stream = self._streams[call.type.name].redial
        if stream.random() >= (redial.blocked if blocked else redial.abandoned):
            return None
        delay = float(redial.after.sample(stream, 1)[0])
        patience = float(call.type.patience.sample(stream, 1)[0])
        self._count += 1
        return delay, Call(
            f"c{self._count}", call.type, 0.0, call.service, patience, call.wrap_up, tries=call.tries + 1
        )

    def promises(self, kind: CallType, promised: Promised, due: float) -> Iterator[Callback]:
        """Those that fall due at that moment, with all that comes of them, whatever the pace is."""
        stream, count, tries = self._streams[kind.name].promises, promised.due, promised.settings.attempts
        talk = promised.service.sample(stream, count).tolist()
        wrap_up = kind.wrap_up.sample(stream, count).tolist() if kind.wrap_up else [None] * count
        answers = (stream.random(count * tries) < promised.answers).tolist()
        rings = promised.rings.sample(stream, count * tries).tolist()
        listens = promised.listens.sample(stream, count * tries).tolist()
        attempts = list(map(Attempt, listens, rings, answers))
        for number, (talks, wraps) in enumerate(zip(talk, wrap_up, strict=True)):
            self._count += 1
            own = tuple(attempts[number * tries : (number + 1) * tries])
            yield Callback(
                f"{CALLBACK}{self._count}", kind, due, 0.0, math.inf, wraps,
                talk=talks, arrival=due - OVERNIGHT + number, attempts=own,
            )  # fmt: skip

    def _make(self, kind: CallType, moments: np.typing.NDArray[np.float64]) -> Iterator[Call]:
        streams, count = self._streams[kind.name], len(moments)
        service = kind.service.sample(streams.service, count).tolist()
        patience = kind.patience.sample(streams.patience, count).tolist()
        wrap_up = kind.wrap_up.sample(streams.wrap_up, count).tolist() if kind.wrap_up else [None] * count
        for at, talk, waits, wraps in zip(moments.tolist(), service, patience, wrap_up, strict=True):
            self._count += 1
            yield Call(f"c{self._count}", kind, at, talk, waits, wraps)

    def _stretches(self, kind: CallType) -> Iterator[tuple[float, float, float]]:
        """Begin, end and rate of times with one rate, an hour at most; how busy the day is, is in the rate."""
        length, since_midnight = self.scenario.length, self.scenario.day_starts
        changes = dict(kind.rates)
        hours = np.arange(-since_midnight % HOUR, length, HOUR).tolist()
        factors = self._factors(int((since_midnight + length) // DAY_SECONDS) + 1)
        rate = 0.0
        for begin, end in pairwise(sorted({*changes, *hours, length})):
            rate = changes.get(begin, rate)
            if rate > 0:
                yield begin, end, rate * factors[int((since_midnight + begin) // DAY_SECONDS)]

    def _factors(self, days: int) -> list[float]:
        """How busy each day is, the same for every type of call."""
        shape = self.scenario.busyness
        if shape is None:
            return [1.0] * days
        return [float(factor) for factor in np.random.default_rng(self._busyness).gamma(shape, 1 / shape, days)]


def _as_recorded(call: Call, row: Traced) -> Call:
    if row.service is not None:
        call.service = row.service
    if row.patience is not None:
        call.patience = row.patience
    return call
