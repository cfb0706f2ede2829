"""The business calendar: when a hotline is open, for how long, and when a message left now will be called back.

Rules of this file:
- Pure: no clock, no files; every function takes the moment it is asked about.
- Hours are wall-clock hours of the calendar's own zone. A span is one unbroken stretch of real time, from the first
  moment its clock shows `start` to the first moment it shows `end`. Hence, where clocks go forward, a span that
  would start in the skipped hour starts when the clock jumps; where they go back, the repeated hour belongs to the
  span that was open when it was repeated, and a span that ended before it does not open again.
- What a date's hours are: `opened` beats everything (half days, make-up working days), then `closed`, then public
  holidays, then the week. A span past midnight belongs to the date it starts on.
- An *opening* is the start of a span. Touching and overlapping spans of a date are one; two dates are never joined,
  so that a hotline that never closes opens each midnight. A *window* is what lies between an opening and its closing.
- Moments given must know their zone; moments returned are in the calendar's zone. (Two datetimes of one zone compare
  by their clocks, not by real time: convert to UTC before you compare across a clock change.)
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

DAY = 24 * 60
"""Minutes of a day."""

SEARCH_DAYS = 400
"""How far ahead an opening is looked for."""

_SPAN = re.compile(r"(\d{1,2}):([0-5]\d)\s*[-\u2013]\s*(\d{1,2}):([0-5]\d)", re.ASCII)
_SECOND = timedelta(seconds=1)


class NeverOpens(Exception):
    """The calendar has no opening within `SEARCH_DAYS` days."""


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """Opening hours in minutes after midnight, half open: 0 ≤ start < 1440, start < end ≤ 2880 (past midnight)."""

    start: int
    end: int

    def __post_init__(self) -> None:
        if not 0 <= self.start < DAY or not self.start < self.end <= 2 * DAY:
            raise ValueError(
                f"hours must start within their day and end by the next, not {self.start}-{self.end} min"
            )

    @classmethod
    def parse(cls, text: str) -> Span:
        """Read "07:30-11:30", "00:00-24:00" or, past midnight, "22:00-06:00"; raise ValueError with a sentence."""
        found = _SPAN.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"hours are written like 07:30-11:30, not {text[:40]!r}")
        hour, minute, until_hour, until_minute = map(int, found.groups())
        start, end = hour * 60 + minute, until_hour * 60 + until_minute
        if start >= DAY or end > DAY:
            raise ValueError(f"a clock shows 00:00 to 24:00, not {text.strip()}")
        if start == end:
            raise ValueError(f"{text.strip()} is no time at all; round the clock is 00:00-24:00")
        return cls(start, end if end > start else end + DAY)


def joined(spans: Iterable[Span]) -> tuple[Span, ...]:
    """The same hours in order, with touching and overlapping spans made one."""
    result: list[Span] = []
    for span in sorted(spans):
        if result and span.start <= result[-1].end:
            result[-1] = Span(result[-1].start, max(result[-1].end, span.end))
        else:
            result.append(span)
    return tuple(result)


def overlapping(spans: Iterable[Span]) -> bool:
    """Whether two spans of one day share a minute (touching is no overlap)."""
    return any(later.start < earlier.end for earlier, later in pairwise(sorted(spans)))


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of real time, half open, its ends in a calendar's zone."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        """How long it really lasts."""
        return _utc(self.end) - _utc(self.start)

    def __contains__(self, moment: datetime) -> bool:
        return _utc(self.start) <= _utc(moment) < _utc(self.end)


def _no_holidays(_: date) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Calendar:
    """Opening hours of one name. `week` maps weekdays (Monday = 0) to spans; a weekday it leaves out is closed."""

    name: str
    zone: ZoneInfo
    week: Mapping[int, tuple[Span, ...]]
    holidays: Callable[[date], bool] = _no_holidays
    closed: frozenset[date] = frozenset()
    opened: Mapping[date, tuple[Span, ...]] = field(default_factory=dict)

    def spans(self, day: date) -> tuple[Span, ...]:
        """The opening hours that start on `day`, in order and joined; () when closed."""
        if day in self.opened:
            return joined(self.opened[day])
        if day in self.closed or self.holidays(day):
            return ()
        return joined(self.week.get(day.weekday(), ()))

    def is_open(self, moment: datetime) -> bool:
        """Whether `moment` (aware) is within opening hours."""
        now = _utc(moment)
        today = now.astimezone(self.zone).date()
        return any(begin <= now < end for day in _days(today, 1) for begin, end in self._stretches(day))

    def next_opening(self, moment: datetime) -> datetime | None:
        """The first opening after `moment` (aware; an opening at `moment` itself is not after it).

        None when there is none within `SEARCH_DAYS` days.
        """
        now = _utc(moment)
        today = now.astimezone(self.zone).date()
        openings = (begin for day in _days(today, SEARCH_DAYS) for begin, _ in self._stretches(day) if begin > now)
        found = next(openings, None)
        return None if found is None else found.astimezone(self.zone)

    def due(self, moment: datetime) -> datetime:
        """When a message left at `moment` is called back: the first opening after it.

        At night, on a Sunday or on a holiday that is the opening of the next business day; before opening, today's.
        While open it is the opening of the next business day as well, unless a break comes first: then it is the end
        of the break. If there is no closing before the next opening (round the clock), it is at once. So whoever
        phones later is never called back earlier. Raises NeverOpens.
        """
        found = self.next_opening(moment)
        if found is None:
            raise NeverOpens(
                f"calendar {self.name!r} has no opening in the {SEARCH_DAYS} days after {moment}: check its hours"
            )
        return moment.astimezone(self.zone) if self._open_until(_utc(moment), _utc(found)) else found

    def window(self, moment: datetime) -> Window | None:
        """The window that contains `moment` (aware), or else the next one; None when none is near."""
        return next(self.windows(moment), None)

    def windows(self, moment: datetime) -> Iterator[Window]:
        """That window and those after it, as far as `SEARCH_DAYS` days ahead."""
        now = _utc(moment)
        today = now.astimezone(self.zone).date()
        for day in _days(today, SEARCH_DAYS):
            for begin, end in self._stretches(day):
                if end > now:
                    yield self._window(begin, end)

    def within(self, start: datetime, end: datetime) -> list[Window]:
        """The opening hours from `start` to `end` (aware), what touches or overlaps made one."""
        first, last = _utc(start), _utc(end)
        today, until = (moment.astimezone(self.zone).date() for moment in (first, last))
        found: list[tuple[datetime, datetime]] = []
        for day in _days(today, (until - today).days + 1):
            for begin, close in self._stretches(day):
                begins, closes = max(begin, first), min(close, last)
                if begins < closes and found and begins <= found[-1][1]:
                    found[-1] = (found[-1][0], max(found[-1][1], closes))
                elif begins < closes:
                    found.append((begins, closes))
        return [self._window(begin, close) for begin, close in found]

    def business_time_between(self, start: datetime, end: datetime) -> timedelta:
        """How long it was open from `start` to `end` (aware), in real time; nothing when `end` is not later."""
        return sum((each.length for each in self.within(start, end)), timedelta(0))

    def _window(self, begin: datetime, end: datetime) -> Window:
        return Window(begin.astimezone(self.zone), end.astimezone(self.zone))

    def _open_until(self, now: datetime, then: datetime) -> bool:
        """Whether the hours that are running at `now` run on to `then` (both UTC)."""
        today = now.astimezone(self.zone).date()
        return any(begin <= now and then <= end for day in _days(today, 1) for begin, end in self._stretches(day))

    def _stretches(self, day: date) -> Iterator[tuple[datetime, datetime]]:
        """The spans of `day` in real time (UTC). One that a clock change swallowed whole is left out."""
        for span in self.spans(day):
            begin, end = self._instant(day, span.start), self._instant(day, span.end)
            if begin < end:
                yield begin, end

    def _instant(self, day: date, minutes: int) -> datetime:
        """The first moment (UTC) whose clock shows `minutes` after midnight of `day`, or has jumped over it."""
        wall = datetime.combine(day, time.min) + timedelta(minutes=minutes)
        first = wall.replace(tzinfo=self.zone).astimezone(UTC)
        if first.astimezone(self.zone).replace(tzinfo=None) == wall:
            return first
        # In a gap, fold=1 reads the clock with the offset after the jump: a moment before the jump. Halve the way.
        before, after = wall.replace(tzinfo=self.zone, fold=1).astimezone(UTC), first
        offset = after.astimezone(self.zone).utcoffset()
        while after - before > _SECOND:
            middle = before + (after - before) // 2
            if middle.astimezone(self.zone).utcoffset() == offset:
                after = middle
            else:
                before = middle
        return after.replace(microsecond=0)


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a calendar can't be asked about a moment without a time zone; give it one (e.g. UTC)")
    return moment.astimezone(UTC)


def _days(today: date, ahead: int) -> Iterator[date]:
    """Yesterday (its hours may reach past midnight), today and the days after it."""
    return (today + timedelta(days=n) for n in range(-1, ahead))
