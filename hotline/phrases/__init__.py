"""What the product itself says, in each language it speaks: apologies, promises, days and times.

Rules of this file:
- One YAML file per language lies beside it; every language has the same names (a test keeps that true).
- Clock times are not written out: `time-HH-MM` is made from the language's pattern, and so are the ends of hours in
  which we call, `from-HH-MM` and `until-HH-MM`, at quarter hours.
- An admin's prompt of the same name replaces a phrase; hotline.schema puts the two together.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

LANGUAGES = ("en", "vi", "zh", "ko", "ru", "kk")
"""The languages that the product speaks."""

_MARK = re.compile(r"\[([a-z]{2})\]\s*(.*)", re.DOTALL)
_CLOCK = re.compile(r"(time|from|until)-([01]\d|2[0-3])-([0-5]\d)", re.ASCII)
_WORDS = ("time", "from", "until")


def spoken_in(language: str, text: str) -> tuple[str, str]:
    """Whose voice speaks a text, and the words: `[vi] Xin chào.` is Vietnamese also among the English prompts."""
    marked = _MARK.match(text)
    return (marked[1], marked[2]) if marked else (language, text)


@dataclass(frozen=True, slots=True)
class Phrasebook:
    """One language. `voice` is its espeak-ng voice; `texts` maps prompt names to what is said."""

    language: str
    voice: str
    texts: Mapping[str, str]
    clocks: Mapping[str, Mapping[str, Any]]
    """time, from and until → how it is said."""

    def __contains__(self, prompt: str) -> bool:
        return prompt in self.texts or _clock(prompt) is not None

    def __getitem__(self, prompt: str) -> str:
        """The text of a prompt; KeyError when the product has none of that name."""
        clock = _clock(prompt)
        return self.texts[prompt] if clock is None else self._said(*clock)

    def _said(self, word: str, hour: int, minute: int) -> str:
        how = self.clocks[word]
        before_noon, after_noon = how["halves"]
        twelve = hour % 12 or 12
        pattern: str = how["minutes" if minute else "whole"]
        if hour == minute == 0:
            pattern = how.get("midnight", pattern)
        return pattern.format(
            hour=hour,
            hour12=how.get("hours", range(1, 13))[twelve - 1],
            hour24=how.get("hours24", range(24))[hour],
            minute=minute,
            quarter=how.get("quarters", range(0, 60, 15))[minute // 15],
            half=before_noon if hour < 12 else after_noon,
        )


def _clock(prompt: str) -> tuple[str, int, int] | None:
    """Of which kind a time is, its hour and its minute; None for a prompt that is no time."""
    found = _CLOCK.fullmatch(prompt)
    if found is None or (found[1] != "time" and int(found[3]) % 15):
        return None
    return found[1], int(found[2]), int(found[3])


@cache
def phrasebook(language: str) -> Phrasebook:
    """The phrases of one of LANGUAGES; KeyError for any other."""
    if language not in LANGUAGES:
        raise KeyError(f"no built-in phrases for {language!r}; there are {', '.join(LANGUAGES)}")
    data = yaml.safe_load(resources.files(__name__).joinpath(f"{language}.yaml").read_text(encoding="utf-8"))
    texts = dict(data["phrases"])
    for prefix, key in (("day", "days"), ("date", "dates"), ("month", "months"), ("place", "places")):
        texts |= {f"{prefix}-{number}": text for number, text in enumerate(data[key], start=1)}
    texts |= {f"digit-{digit}": text for digit, text in enumerate(data["digits"])}
    texts |= {f"press-{digit}": data["press"].format(key=digit) for digit in range(10)}
    clocks = {word: {**data["time"], **data[word]} for word in _WORDS}
    return Phrasebook(language, data["voice"], texts, clocks)
