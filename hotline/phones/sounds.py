"""The prompts that there are: a picture of the sounds folder, so that no call waits for a disk to find one.

Rules of this file:
- Files are <folder>/<language>/<prompt>.wav. The picture is taken in a thread, at the start and every few seconds.
- Before the first picture every prompt counts as there: Asterisk knows better, and passes over what it lacks.
- A folder that cannot be read leaves the last picture as it is.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

EVERY = 10.0
"""Seconds between two pictures: so long may a new recording of a missing prompt stay unheard."""

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")

Prompt = tuple[str, str]
"""Language and name."""


class Sounds:
    """`tell` is given each prompt that a caller should have heard and nobody recorded in that language, once."""

    def __init__(self, folder: Path, *, tell: Callable[[Prompt], None] = lambda _: None) -> None:
        self.folder, self._tell = folder, tell
        self._there: frozenset[Prompt] | None = None
        self._told: set[Prompt] = set()

    def find(self, prompt: str, language: str) -> str | None:
        """Where a prompt is, without suffix, as Asterisk wants it; None when nobody recorded it. Never blocks."""
        if not _NAME.fullmatch(prompt) or not _NAME.fullmatch(language):
            return None
        wanted = (language, prompt)
        if self._there is None or wanted in self._there:
            return str(self.folder / language / prompt)
        if wanted not in self._told:
            self._told.add(wanted)
            self._tell(wanted)
        return None

    def missing(self, prompts: Mapping[str, Iterable[str]]) -> list[Prompt]:
        """Those of `prompts` (name → languages) that have no recording."""
        there = self._there or frozenset()
        wanted = [(language, name) for name, languages in prompts.items() for language in languages]
        return [] if self._there is None else [each for each in wanted if each not in there]

    async def look(self) -> None:
        """Take a new picture."""
        try:
            self._there = await asyncio.to_thread(_listed, self.folder)
        except OSError:
            return
        self._told -= self._there

    async def run(self) -> None:
        """Take pictures until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(EVERY)


def _listed(folder: Path) -> frozenset[Prompt]:
    """Every recording in a folder; none in one that is not there. Raises OSError."""
    if not folder.exists():
        return frozenset()
    languages = [each for each in folder.iterdir() if each.is_dir()]
    return frozenset((each.name, file.stem) for each in languages for file in each.iterdir() if file.suffix == ".wav")
