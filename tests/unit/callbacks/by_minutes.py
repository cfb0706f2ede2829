"""A calendar that is slow and plain: it looks at a clock on the wall every minute of some weeks.

And calendars of five countries and a moment in them, near what is hard: lunar new year, make-up days, clock changes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import accumulate
from zoneinfo import ZoneInfo

import holidays
from hypothesis import strategies as st

from hotline.callbacks.calendar import DAY, Calendar, Span

MINUTE = timedelta(minutes=1)
DAYS = 38
"""Days that are looked at: from three before the moment on."""

YEARS = range(2020, 2036)
COUNTRIES = {
    "VN": "Asia/Ho_Chi_Minh",
    "CN": "Asia/Shanghai",
    "KR": "Asia/Seoul",
    "KZ": "Asia/Almaty",  # one hour back in the night to 2024-03-01
    "DE": "Europe/Berlin",
    "US": "America/New_York",
}
Spans = tuple[Span, ...]


def spans(*texts: str) -> Spans:
    return tuple(Span.parse(text) for text in texts)


@cache
def public(country: str) -> frozenset[date]:
    return frozenset(holidays.country_holidays(country, years=YEARS))


@cache
def in_country(country: str) -> Callable[[date], bool]:
    return lambda day: day in public(country)


@cache
def hard_days(country: str) -> list[date]:
    """Public holidays, the days of lunar new year more than others; and days on which clocks change."""
    zone, days = ZoneInfo(COUNTRIES[country]), sorted(public(country))
    long = [day for day in days if day + timedelta(days=1) in public(country)]
    every = (date(2020, 1, 2) + timedelta(days=n) for n in range(365 * len(YEARS)))
    changes = [day for day in every if _offset(zone, day) != _offset(zone, day + timedelta(days=1))]
    return [day for day in [*days, *long * 3, *changes * 6] if date(2020, 1, 8) < day < date(2035, 12, 20)]


def _offset(zone: ZoneInfo, day: date) -> timedelta | None:
    return datetime(day.year, day.month, day.day, tzinfo=zone).utcoffset()


@dataclass(frozen=True, slots=True)
class Case:
    calendar: Calendar
    moment: datetime


quarters = st.integers(0, DAY // 15 - 1).map(lambda quarter: quarter * 15)


@st.composite
def clock_hours(draw: st.DrawFn, most: int = 2) -> Spans:
    found = []
    for _ in range(draw(st.integers(1, most))):
        start = draw(quarters)
        found.append(Span(start, start + draw(st.integers(1, 48)) * 15))
    return tuple(found)


office = st.sampled_from(
    [
        spans("08:00-17:00"),
        spans("07:30-11:30", "13:00-17:00"),  # with a break
        spans("09:00-12:00"),  # half a day
        spans("00:00-24:00"),
        spans("22:00-06:00"),
        spans("00:00-08:00", "16:00-24:00"),
        spans("01:30-03:30"),  # where clocks change
        spans("02:15-02:45", "05:00-06:00"),
    ]
)
hours = office | clock_hours(3)


@st.composite
def cases(draw: st.DrawFn) -> Case:
    country = draw(st.sampled_from(sorted(COUNTRIES)))
    zone = ZoneInfo(COUNTRIES[country])
    anywhere = st.dates(date(2020, 1, 8), date(2035, 12, 20))
    near = st.builds(
        lambda day, off: day + timedelta(days=off), st.sampled_from(hard_days(country)), st.integers(-4, 2)
    )
    day = draw(anywhere | near)
    wall = datetime(day.year, day.month, day.day) + timedelta(seconds=draw(st.integers(0, 86_399)))
    week = draw(st.sampled_from([range(5), range(6), range(7), (0, 2, 5)]))
    usual, soon = draw(hours), st.integers(-2, 16).map(lambda n: day + timedelta(days=n))
    calendar = Calendar(
        country,
        zone,
        {**dict.fromkeys(week, usual), **draw(st.dictionaries(st.sampled_from(week), hours, max_size=2))},
        in_country(country),
        closed=frozenset(draw(st.lists(soon, max_size=3))),
        opened=draw(st.dictionaries(soon, hours | st.just(()), max_size=3)),  # half days and make-up days
    )
    return Case(calendar, wall.replace(tzinfo=zone, fold=draw(st.integers(0, 1))).astimezone(UTC))


class Minutes:
    """Some weeks of a calendar around a moment."""

    def __init__(self, case: Case) -> None:
        self.calendar, zone = case.calendar, case.calendar.zone
        self._first = case.moment.astimezone(zone).date() - timedelta(days=3)
        self.begin = datetime(self._first.year, self._first.month, self._first.day, tzinfo=UTC) - timedelta(days=1)
        self._latest = list(accumulate(self._walls(zone), max))
        self.windows = [window for day in self._days() for window in self._of(day, self.calendar.spans(day))]
        self.open = self.flags(self.windows)

    def clock(self, hours: Spans) -> bytearray:
        """The minutes in which a clock shows these hours, on whatever date."""
        return self.flags([window for day in self._days() for window in self._of(day, hours)])

    def at(self, moment: datetime) -> int:
        """The minute that a moment is in."""
        return (moment - self.begin) // MINUTE

    def moment(self, minute: int) -> datetime:
        return self.begin + minute * MINUTE

    def due(self, moment: datetime) -> datetime | None:
        """The first opening after a moment; the moment itself where it is open until then."""
        now = self.at(moment)
        opening = next((start for start, _ in self.windows if self.moment(start) > moment), None)
        if opening is None:
            return None
        return moment if any(s <= now and opening <= e for s, e in self.windows) else self.moment(opening)

    def soonest(self, flags: bytearray, moment: datetime) -> datetime | None:
        """The first moment of the flagged minutes from `moment` on."""
        now = self.at(moment)
        found = flags.find(1, now)
        return None if found < 0 else moment if found == now else self.moment(found)

    def _walls(self, zone: ZoneInfo) -> list[int]:
        """What the clock shows in each minute since `begin`; it is put on or back at quarter hours only."""
        walls: list[int] = []
        for minute in range(0, (DAYS + 2) * DAY, 15):
            offset = self.moment(minute).astimezone(zone).utcoffset()
            assert offset is not None
            shown = minute + offset // MINUTE
            walls += range(shown, shown + 15)
        return walls

    def _days(self) -> list[date]:
        return [self._first + timedelta(days=n) for n in range(-1, DAYS)]

    def _of(self, day: date, hours: Spans) -> list[tuple[int, int]]:
        ends = [(self._shows(day, span.start), self._shows(day, span.end)) for span in hours]
        return [(start, end) for start, end in ends if start < end]

    def _shows(self, day: date, minutes: int) -> int:
        """The first minute in which the clock shows a time, or has jumped over it."""
        midnight = datetime(day.year, day.month, day.day, tzinfo=UTC)
        return bisect_left(self._latest, self.at(midnight) + minutes)

    def flags(self, windows: list[tuple[int, int]]) -> bytearray:
        """A byte for each minute, 1 where it is in one of these."""
        flags = bytearray(len(self._latest))
        for start, end in windows:
            flags[start:end] = b"\1" * (end - start)
        return flags
