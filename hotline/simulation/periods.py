"""What changes with the time of day: `{"08:00-12:00": 5, "mon-fri 12:00-18:00": 8}` → a staircase over a simulation.

Rules of this file:
- Pure. A simulation's clock shows plain days of 24 hours, without a zone; its first moment is `Start`.
- Where periods overlap, their values add up; outside all of them the value is 0.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hotline.callbacks.calendar import DAY, Span
from hotline.schema.kinds import weekdays
from hotline.schema.problems import quoted

Stairs = tuple[tuple[float, float], ...]
"""(seconds since the start, the value from then on), the first at 0, ascending."""

ALWAYS = "always"
DAY_SECONDS = DAY * 60.0
_EVERY_DAY = tuple(range(7))
_CLOCK = re.compile(r"(?:(\w{3})\s+)?(\d{1,2}):([0-5]\d)", re.ASCII)


@dataclass(frozen=True, slots=True)
class Start:
    """What the clock shows at the first moment: a weekday (Monday = 0) and seconds since its midnight."""

    weekday: int = 0
    seconds: float = 0.0

    @classmethod
    def parse(cls, text: object) -> Start:
        """Read "08:00" (of a Monday) or "sat 08:00"; raise ValueError with a sentence."""
        found = _CLOCK.fullmatch(str(text).strip().lower())
        if found is None or int(found[2]) > 23:
            raise ValueError(f"{quoted(text)} is no start; write it like 08:00 or sat 08:00")
        return cls(weekdays(found[1])[0] if found[1] else 0, int(found[2]) * 3600.0 + int(found[3]) * 60.0)


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of the day on some weekdays."""

    days: tuple[int, ...]
    span: Span

    @classmethod
    def parse(cls, text: object) -> Period:
        """Read "always", "sat-sun", "08:00-12:00" or "mon-fri 22:00-06:00"; raise ValueError with a sentence."""
        words = str(text).split()
        days, span = _EVERY_DAY, Span(0, DAY)
        if words == [ALWAYS]:
            return cls(days, span)
        if words and words[0][0].isalpha():
            days = weekdays(words.pop(0))
        elif not words:
            raise ValueError('a period is written like "08:00-12:00", "mon-fri 08:00-12:00", sat-sun or always')
        return cls(days, Span.parse(" ".join(words)) if words else span)


def stairs(table: Mapping[Period, float], start: Start, length: float) -> Stairs:
    """The sum of all periods' values, as it changes over `length` seconds."""
    steps: dict[float, float] = {0.0: 0.0}
    for period, value in table.items():
        for begin, end in _stretches(period, start, length):
            steps[begin] = steps.get(begin, 0.0) + value
            steps[end] = steps.get(end, 0.0) - value
    result: list[tuple[float, float]] = []
    level = 0.0
    for moment in sorted(steps):
        level += steps[moment]
        value = round(level, 9)  # sums of floats that should end where they began
        if moment < length and (not result or result[-1][1] != value):
            result.append((moment, value))
    return tuple(result)


def clock_times(at: float, day_starts: float, length: float) -> tuple[float, ...]:
    """When the clock shows `at`, in seconds since midnight, during a simulation that begins at `day_starts`."""
    first = (at - day_starts) % DAY_SECONDS
    return tuple(first + day * DAY_SECONDS for day in range(math.ceil(max(0.0, length - first) / DAY_SECONDS)))


def _stretches(period: Period, start: Start, length: float) -> Iterator[tuple[float, float]]:
    """Where a period lies, in seconds since the start; one that began the day before may still last."""
    for day in range(-1, int((start.seconds + length) // DAY_SECONDS) + 1):
        if (start.weekday + day) % 7 in period.days:
            midnight = day * DAY_SECONDS - start.seconds
            begin = max(0.0, midnight + period.span.start * 60.0)
            end = min(length, midnight + period.span.end * 60.0)
            if begin < end:
                yield begin, end
