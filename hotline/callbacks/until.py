"""A moment as staff write it: `tomorrow 09:00`, `mon`, `14:30`, `2h`, `2026-12-01T09:00`.

Rules of this file:
- Pure; `now` is aware, and what is written goes by the clock of its zone.
- What has no time of day is the beginning of that day. A day of the week and a time of day are the next to come, a
  length of time (`2h`, `3d`) is from now on.
- Where the past is asked for they are the last that have come, and that long ago: on a Monday `mon` is its beginning.
"""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
NEAR = {"yesterday": -1, "today": 0, "tomorrow": 1}
HOW = "write it like '{day} 09:00', 'mon 14:00', '16:30', '2h' or 2026-12-01T09:00"

_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_LENGTH = re.compile(r"(\d{1,4})\s*(m|h|d)", re.ASCII)
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}


def moment(text: str, now: datetime) -> datetime:
    """The moment to come that `text` means when it is written at `now`. Raises ValueError with a sentence."""
    found = limit(text, now)
    if found.timestamp() <= now.timestamp():
        raise ValueError(f"{text!r} is {found:%A %Y-%m-%d %H:%M}: that is over.")
    return found


def limit(text: str, now: datetime) -> datetime:
    """The same, which may also be `now` or over. Raises ValueError."""
    return now if text.strip().lower() == "now" else _read(text, now, ahead=1)


def since(text: str, now: datetime) -> datetime:
    """The moment that is over which `text` means: `7d` is a week ago. Raises ValueError with a sentence."""
    found = _read(text, now, ahead=-1)
    if found.timestamp() > now.timestamp():
        raise ValueError(f"{text!r} is {found:%A %Y-%m-%d %H:%M}: that is still to come.")
    return found


def _read(text: str, now: datetime, ahead: int) -> datetime:
    words = text.strip().lower()
    found = (_far(words, now, ahead) or _named(words, now, ahead) or _exact(text.strip(), now)) if words else None
    if found is None:
        raise ValueError(f"{text!r} is no moment; {HOW.format(day='tomorrow' if ahead > 0 else 'yesterday')}.")
    return found


def _far(words: str, now: datetime, ahead: int) -> datetime | None:
    """`90m`, `2h` and `3d` from now, or ago."""
    if not (found := _LENGTH.fullmatch(words)):
        return None
    length = timedelta(**{_UNITS[found[2]]: int(found[1])})
    return datetime.fromtimestamp(now.timestamp() + ahead * length.total_seconds(), now.tzinfo)


def _named(words: str, now: datetime, ahead: int) -> datetime | None:
    """A day's name, a time of day, or both: the next, or the last that has come."""
    day, _, clock = words.rpartition(" ") if _CLOCK.search(words) else (words, "", "")
    at = _CLOCK.fullmatch(clock.strip()) if clock else None
    wall = time(int(at[1]), int(at[2])) if at else time.min
    if clock and at is None:
        return None
    name, today = day.strip(), datetime.combine(now.date(), wall, now.tzinfo)
    if name in NEAR:
        return today + timedelta(days=NEAR[name])
    week = (today + timedelta(days=ahead * days) for days in range(8))
    meant = (at for at in week if _is_called(at, name) and (at.timestamp() > now.timestamp()) == (ahead > 0))
    return next(meant, None)


def _is_called(at: datetime, name: str) -> bool:
    """Any day is called ""."""
    return not name or (len(name) >= 3 and DAYS[at.weekday()].startswith(name))


def _exact(text: str, now: datetime) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
        return found.astimezone(now.tzinfo) if found.tzinfo else found.replace(tzinfo=now.tzinfo)
    except (ValueError, OverflowError):  # a year that is not of the calendar in this zone
        return None
