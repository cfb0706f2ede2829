"""What the product itself says, in each language it speaks: apologies, promises, days and times.

Rules of this file:
- One YAML file per language lies beside it; every language has the same names (a test keeps that true).
- Clock times are not written out: `time-HH-MM` is made from the language's pattern.
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
_TIME = re.compile(r"time-([01]\d|2[0-3])-([0-5]\d)")


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
    time: Mapping[str, Any]

    def __contains__(self, prompt: str) -> bool:
        return prompt in self.texts or _TIME.fullmatch(prompt) is not None

    def __getitem__(self, prompt: str) -> str:
        """The text of a prompt; KeyError when the product has none of that name."""
        clock = _TIME.fullmatch(prompt)
        return self.texts[prompt] if clock is None else self._clock(int(clock[1]), int(clock[2]))

    def _clock(self, hour: int, minute: int) -> str:
        before_noon, after_noon = self.time["halves"]
        twelve = hour % 12 or 12
        pattern: str = self.time["minutes" if minute else "whole"]
        return pattern.format(
            hour=hour,
            hour12=self.time.get("hours", range(1, 13))[twelve - 1],
            minute=minute,
            half=before_noon if hour < 12 else after_noon,
        )


@cache
def phrasebook(language: str) -> Phrasebook:
    """The phrases of one of LANGUAGES; KeyError for any other."""
    if language not in LANGUAGES:
        raise KeyError(f"no built-in phrases for {language!r}; there are {', '.join(LANGUAGES)}")
    data = yaml.safe_load(resources.files(__name__).joinpath(f"{language}.yaml").read_text(encoding="utf-8"))
    texts = dict(data["phrases"])
    for prefix, key in (("day", "days"), ("date", "dates"), ("month", "months"), ("place", "places")):
        texts |= {f"{prefix}-{number}": text for number, text in enumerate(data[key], start=1)}
    return Phrasebook(language, data["voice"], texts, data["time"])
