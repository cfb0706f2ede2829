"""The kinds of values that a configuration holds: names, times, hours, keys.

Rules of this file:
- Every value arrives as the text that was written; a kind reads it or raises ValueError with a sentence.
- Names become metric labels, Redis keys and file names, so they are short and plain.
"""

from __future__ import annotations

import re
from datetime import date
from typing import Annotated
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, StringConstraints

from hotline.callbacks.calendar import Span, overlapping
from hotline.callbacks.number import REGIONS
from hotline.flow.phone import KEYS
from hotline.phrases import LANGUAGES, spoken_in
from hotline.schema.problems import quoted, unknown

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0}
_DURATION = re.compile(r"(?:(\d{1,6})h)?\s*(?:(\d{1,6})m)?\s*(?:(\d{1,6}(?:\.\d{1,3})?)s?)?", re.ASCII)
_DAYS = re.compile(r"(\d{1,4})d", re.ASCII)
_ISO_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_URL = re.compile(r"https?://[!$-~]{1,1000}", re.ASCII)
_HERE = ("localhost", "127.0.0.1", "::1")
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _pattern(pattern: str, sentence: str) -> BeforeValidator:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: object) -> object:
        if isinstance(value, str) and not compiled.fullmatch(value):
            raise ValueError(f"{quoted(value)} is no {sentence}")
        return value

    return BeforeValidator(check)


def _seconds(value: object) -> object:
    """20s, 2m, 1h, 1m30s, or plain seconds: 20 or 0.5."""
    if not isinstance(value, str):
        return value
    found = _DURATION.fullmatch(value.strip())
    if found is None or not any(found.groups()):
        raise ValueError(f"{quoted(value)} is no length of time; write it like 20s, 2m, 1m30s or 1h")
    return sum(float(count) * unit for count, unit in zip(found.groups(), _UNITS.values(), strict=True) if count)


def _days(value: object) -> object:
    """90d, in seconds."""
    found = _DAYS.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError(f"{quoted(value)} is no number of days from 1 to 9999; write it like 90d")
    return int(found[1]) * 86400.0


def lasting(least: float, most: float) -> AfterValidator:
    """Bounds of a length of time in seconds, both included."""

    def check(seconds: float) -> float:
        if not least <= seconds <= most:
            raise ValueError(f"must last from {written(least)} to {written(most)}, not {written(seconds)}")
        return seconds

    return AfterValidator(check)


def written(seconds: float) -> str:
    """A length of time as a configuration has it."""
    for unit, length in _UNITS.items():
        if seconds >= length and seconds % length == 0:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:g}s"


def _zone(value: object) -> ZoneInfo:
    try:
        return ZoneInfo(str(value))
    except (OSError, ValueError, LookupError):  # ZoneInfoNotFoundError is a LookupError
        raise ValueError(f"unknown time zone {quoted(value)}; write it like Asia/Ho_Chi_Minh") from None


def _date(value: object) -> date:
    try:
        if _ISO_DATE.fullmatch(str(value)):
            return date.fromisoformat(str(value))
    except ValueError:  # such as 30 February
        pass
    raise ValueError(f"{quoted(value)} is no date; write it like 2026-12-24")


def _language(value: object) -> str:
    if value not in LANGUAGES:
        raise ValueError(unknown("language", str(value), LANGUAGES))
    return str(value)


def _country(value: object) -> str:
    if str(value) not in REGIONS:
        raise ValueError(f"{quoted(value)} is no country code that telephone numbers have; write it like VN")
    return str(value)


def _webhook(value: object) -> object:
    """Who listens on the way hears numbers and names, so it is https but on this machine."""
    if not isinstance(value, str):
        return value
    try:
        parts = urlsplit(value)
        fine = bool(_URL.fullmatch(value) and parts.hostname and parts.port != 0 and not parts.username)
    except ValueError:  # such as a port beyond 65535
        fine = False
    if not fine:
        raise ValueError(f"{quoted(value)} is no address of a webhook; write it like https://crm.example.org/calls")
    if parts.scheme != "https" and parts.hostname not in _HERE:
        raise ValueError(f"{quoted(value)} would tell numbers in the clear; write https://…")
    return value


def _span(value: object) -> Span:
    return Span.parse(str(value))


def _part_of_the_day(value: object) -> Span:
    if not isinstance(value, str):
        raise ValueError("a part of the day is one stretch of hours, written like 08:00-12:00")  # noqa: TRY004
    return Span.parse(value)


def _apart(spans: tuple[Span, ...]) -> tuple[Span, ...]:
    if overlapping(spans):
        raise ValueError("two of these hours overlap; write each minute once")
    return spans


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


def _spoken(value: object) -> object:
    """A prompt's text, its line breaks folded to spaces."""
    if not isinstance(value, str):
        return value
    text = " ".join(value.split())
    if not text:
        raise ValueError("the text is empty; write what is to be said")
    if not text.isprintable():
        raise ValueError("the text holds a character that can't be spoken (a control character)")
    language, words = spoken_in("", text)
    if language and not words:
        raise ValueError(f"nothing follows {text}; write what is to be said in this language")
    if language and language not in LANGUAGES:
        raise ValueError(unknown("language", language, LANGUAGES))
    return text


def weekdays(text: object) -> tuple[int, ...]:
    """`mon`, `mon-fri`, `mon,wed` (Monday = 0), also over the week's end: `sat-mon`. Raises ValueError."""
    days: list[int] = []
    for part in str(text).lower().split(","):
        first, dash, last = (piece.strip() for piece in part.partition("-"))
        if first not in _WEEKDAYS or (dash and last not in _WEEKDAYS):
            raise ValueError(f"{quoted(text)} is no weekday; write mon, tue, … sun, or a range like mon-fri")
        start = _WEEKDAYS.index(first)
        days += [(start + n) % 7 for n in range((_WEEKDAYS.index(last) - start) % 7 + 1 if dash else 1)]
    return tuple(days)


Name = Annotated[
    str,
    _pattern(r"[a-z][a-z0-9-]{0,39}", "name; use up to 40 of a-z, 0-9 and -, and begin with a letter"),
]
"""Of a menu, queue, agent, calendar or skill."""

PromptName = Annotated[str, _pattern(r"[a-z0-9][a-z0-9-]{0,59}", "prompt name; use up to 60 of a-z, 0-9 and -")]
Prompts = Annotated[tuple[PromptName, ...], Field(min_length=1, max_length=20), BeforeValidator(_one_or_more)]
PromptList = Annotated[tuple[PromptName, ...], Field(max_length=20), BeforeValidator(_one_or_more)]
Text = Annotated[str, StringConstraints(max_length=2000), BeforeValidator(_spoken)]
Title = Annotated[str, StringConstraints(max_length=80), BeforeValidator(_spoken)]
Phone = Annotated[
    str,
    _pattern(
        r"PJSIP/[A-Za-z0-9_][A-Za-z0-9_.-]{0,59}", "phone; write PJSIP/ and the endpoint's name, like PJSIP/anna"
    ),
]
Country = Annotated[str, PlainValidator(_country)]
Key = Annotated[str, _pattern(rf"[{re.escape(KEYS)}]", "key; a telephone has 0 to 9, * and #")]
PauseKey = Annotated[str, _pattern(r"[1-9]", "key for a pause; agents dial *14 and one of 1 to 9")]
Dialed = Annotated[
    str, _pattern(r"default|[0-9+*#]{1,20}", "dialed number; write its digits, or default for all others")
]
Prefix = Annotated[str, _pattern(r"\+[1-9][0-9]{0,14}", "beginning of an international number; write it like +84")]
Number = Annotated[str, _pattern(r"\+[1-9][0-9]{6,14}", "international number; write it like +84901900545")]
Mail = Annotated[
    str,
    _pattern(
        r"(?=.{3,200}\Z)(?=[^@]{1,64}@)[\w%+-]+(?:\.[\w%+-]+)*@(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.|\Z)){2,}(?<!\.)",
        "mail address; write it like desk@example.org",
    ),
]
Webhook = Annotated[str, BeforeValidator(_webhook)]
Music = Annotated[str, _pattern(r"[A-Za-z0-9_-]{1,40}", "music class; use up to 40 letters, digits, - and _")]
Seconds = Annotated[float, BeforeValidator(_seconds)]
Days = Annotated[float, BeforeValidator(_days)]
"""1 to 9999 of them, in seconds: "90d"."""
Language = Annotated[str, PlainValidator(_language)]
Zone = Annotated[ZoneInfo, PlainValidator(_zone)]
Day = Annotated[date, PlainValidator(_date)]
Weekdays = Annotated[tuple[int, ...], BeforeValidator(weekdays)]
DayPart = Annotated[Span, PlainValidator(_part_of_the_day)]
"""Hours of a day, of one stretch: "08:00-12:00"."""
Hours = Annotated[
    tuple[Annotated[Span, PlainValidator(_span)], ...],
    Field(max_length=12),
    BeforeValidator(_one_or_more),
    AfterValidator(_apart),
]
Skills = dict[Name, Annotated[int, Field(ge=1, le=9)]]
"""Skill → level, 1 (some) to 9 (best)."""
