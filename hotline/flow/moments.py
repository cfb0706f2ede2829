"""A promised moment as the prompts that speak it.

Rules of this file:
- Pure; both moments are aware and are spoken by the clock of `moment`'s zone.
- Times are spoken in quarter hours, rounded up: nobody is called before the time they were told.
- Within six days the weekday is enough ("today" and "tomorrow" where they are right); later, the date is added.
- The prompt names are day-1 (Monday) … day-7, today, tomorrow, date-1 … date-31, month-1 … month-12, time-HH-MM.
"""

from __future__ import annotations

from datetime import datetime, timedelta

QUARTER = 15
"""Minutes."""

MONTH_FIRST = frozenset({"zh", "ko"})
"""Languages that say the month before the day of the month, and both before the weekday."""


def round_up(minutes: int) -> int:
    """Minutes after midnight, up to the next quarter hour (1440 is midnight again)."""
    return -(-minutes // QUARTER) * QUARTER


def time_prompt(minutes: int) -> str:
    """The prompt for a time of day given in minutes after midnight (of this or, from 1440 on, the next day)."""
    hour, minute = divmod(round_up(minutes), 60)
    return f"time-{hour % 24:02}-{minute:02}"


def spoken_moment(moment: datetime, now: datetime, language: str = "en") -> tuple[str, ...]:
    """Prompts for `moment`, e.g. ("callback-promise", "day-1", "time-08-00"), as said at `now`."""
    zone = moment.tzinfo
    if zone is None or now.tzinfo is None:
        raise ValueError("a moment without a time zone can't be spoken; give both of them one")
    wall, today = moment.replace(tzinfo=None), now.astimezone(zone).date()
    whole = wall.replace(second=0, microsecond=0)
    if whole < wall:
        whole += timedelta(minutes=1)
    minutes = whole.hour * 60 + whole.minute
    at = whole + timedelta(minutes=round_up(minutes) - minutes)
    return ("callback-promise", *_day(at, (at.date() - today).days, language), time_prompt(at.hour * 60 + at.minute))


def _day(at: datetime, ahead: int, language: str) -> tuple[str, ...]:
    if ahead == 0:
        return ("today",)
    if ahead == 1:
        return ("tomorrow",)
    weekday = f"day-{at.isoweekday()}"
    if 1 < ahead <= 6:
        return (weekday,)
    date, month = f"date-{at.day}", f"month-{at.month}"
    return (month, date, weekday) if language in MONTH_FIRST else (weekday, date, month)
