"""A promised moment, or the hours in which we will call, as the prompts that speak them.

Rules of this file:
- Pure; all moments are aware and are spoken by the clock of the promise's zone.
- Times are spoken in quarter hours, rounded up: nobody is called before the time they were told, or after it.
- Within six days the weekday is enough ("today" and "tomorrow" where they are right); later, the date is added.
- The prompt names are day-1 (Monday) … day-7, today, tomorrow, date-1 … date-31, month-1 … month-12, time-HH-MM, and
  for hours from-HH-MM and until-HH-MM. These two carry their own "between" and "and" ("부터", "дейін"), before or
  behind the time, so that one order is right in every language: the day, its beginning, its end.
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


def time_prompt(minutes: int, word: str = "time") -> str:
    """The prompt for a time of day given in minutes after midnight (of this or, from 1440 on, the next day).

    `word` is time, or from or until where it is the beginning or end of hours.
    """
    hour, minute = divmod(round_up(minutes), 60)
    return f"{word}-{hour % 24:02}-{minute:02}"


def spoken_moment(moment: datetime, now: datetime, language: str = "en") -> tuple[str, ...]:
    """Prompts for `moment`, e.g. ("callback-promise", "day-1", "time-08-00"), as said at `now`."""
    at = _rounded(moment)
    return ("callback-promise", *_day(at, _ahead(at, moment, now), language), _time(at, "time"))


def spoken_window(start: datetime, end: datetime, now: datetime, language: str = "en") -> tuple[str, ...]:
    """Prompts for hours, e.g. ("callback-promise", "day-1", "from-09-00", "until-13-00"), as said at `now`.

    Hours of a day or more, or of less than can be told, are spoken as their beginning.
    """
    first, last = _rounded(start), _rounded(end)
    if not timedelta(0) < last - first < timedelta(days=1):
        return spoken_moment(start, now, language)
    day = _day(first, _ahead(first, start, now), language)
    return ("callback-promise", *day, _time(first, "from"), _time(last, "until"))


def spoken_past(moment: datetime, now: datetime, language: str = "en") -> tuple[str, ...]:
    """Prompts for when somebody asked, e.g. ("callback-asked", "yesterday", "time-22-00"), to the hour before it."""
    hour = moment.replace(tzinfo=None, minute=0, second=0, microsecond=0)
    ago = (now.astimezone(moment.tzinfo).date() - hour.date()).days
    day = ("today",) if ago <= 0 else ("yesterday",) if ago == 1 else _day(hour, ago, language)
    return ("callback-asked", *day, _time(hour, "time"))


def _rounded(moment: datetime) -> datetime:
    """What the clock shows at a moment, up to the next quarter hour."""
    wall = moment.replace(tzinfo=None)
    whole = wall.replace(second=0, microsecond=0)
    if whole < wall:
        whole += timedelta(minutes=1)
    minutes = whole.hour * 60 + whole.minute
    return whole + timedelta(minutes=round_up(minutes) - minutes)


def _time(at: datetime, word: str) -> str:
    return time_prompt(at.hour * 60 + at.minute, word)


def _ahead(at: datetime, moment: datetime, now: datetime) -> int:
    """How many days `at`, of the clock of `moment`, is ahead of `now`."""
    if moment.tzinfo is None or now.tzinfo is None:
        raise ValueError("a moment without a time zone can't be spoken; give both of them one")
    return (at.date() - now.astimezone(moment.tzinfo).date()).days


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
