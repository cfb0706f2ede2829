"""When the customers of a queue are rung: opening hours, within clock hours, preferably in a part of the day.

Rules of this file:
- Pure; moments are aware.
- Clock hours go round the days: they hold on every date alike, and where one date's touch the next one's they go on.
- A rule that would keep a promise for ever gives way. The part of the day that somebody prefers does so when it does
  not come within `PREFERENCE_DAYS`, the clock hours when they do not come within the calendar's `SEARCH_DAYS`.
  Opening hours never do.
- Who comes later is never rung earlier: all that is asked for is the first window that ends after a moment.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hotline.callbacks.calendar import DAY, SEARCH_DAYS, Calendar, Span, Window, joined

PREFERENCE_DAYS = 14
"""So long a customer is left waiting for the part of the day that they prefer, or in it for an agent."""

Spans = tuple[Span, ...]


def common(one: Spans, other: Spans) -> Spans:
    """The clock hours that are in both; days go round, so 22:00-06:00 and 05:00-08:00 have 05:00-06:00 in common."""
    found = []
    for this in one:
        for that in other:
            for days in (-DAY, 0, DAY):
                start, end = max(this.start, that.start + days), min(this.end, that.end + days)
                if start < end:
                    found.append(Span(start % DAY, start % DAY + min(end - start, DAY)))
    return joined(found)


class RingingHours:
    """The opening hours of `calendar`, within the clock hours `between` (() = all) and by `parts` of the day."""

    def __init__(self, calendar: Calendar, between: Spans = (), parts: Mapping[str, Span] | None = None) -> None:
        self._calendar = calendar
        self._between = self._clock(between) if between else None
        self._parts = {
            name: self._clock(common(between, (part,)) if between else (part,))
            for name, part in (parts or {}).items()
        }

    def window(self, moment: datetime, part: str = "") -> Window | None:
        """The window that contains `moment`, or else the next one; None when the calendar has none."""
        if part in self._parts:
            found = self._first(moment, self._parts[part], PREFERENCE_DAYS)
            if found is not None:
                return found
        found = self._first(moment, self._between, SEARCH_DAYS) if self._between else None
        return found or self._calendar.window(moment)

    def is_in(self, moment: datetime, part: str) -> bool:
        """Whether `moment` is in a window of this part of the day."""
        found = self._first(moment, self._parts[part], PREFERENCE_DAYS) if part in self._parts else None
        return found is not None and moment in found

    def soonest(self, moment: datetime, part: str = "") -> datetime | None:
        """`moment` itself where customers are rung then, else when they are next."""
        window = self.window(moment, part)
        if window is None:
            return None
        return moment.astimezone(self._calendar.zone) if moment in window else window.start

    def _first(self, moment: datetime, clock: Calendar, days: int) -> Window | None:
        """The first window within the hours of `clock`, in what opens in so many days."""
        now = moment.astimezone(UTC)
        for window in self._calendar.windows(now):
            if window.start >= now + timedelta(days=days):
                break
            for part in clock.within(window.start, window.end):
                if part.end > now:
                    return part
        return None

    def _clock(self, spans: Spans) -> Calendar:
        return Calendar("clock", self._calendar.zone, dict.fromkeys(range(7), spans))
