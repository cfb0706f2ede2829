"""The service's clock. Everything that asks for the time is handed one of these, or the moment itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

Clock = Callable[[], float]
"""Answers POSIX seconds."""

YEARS = range(2000, 2200)
"""Of moments that people may name: far from the ends of the calendar, so that days can be added to them anywhere."""


def clock(file: Path | None = None) -> Clock:
    """The system's clock, or with `file` one that is ahead by the seconds written in it.

    The file may be replaced (as a whole, by renaming) at any time; a demonstration moves a running service into the
    night with it. Without the file, or while it holds no number, the clock is the system's.
    """
    if file is None:
        return time.time

    def shifted() -> float:
        try:
            return time.time() + float(file.read_text())
        except (OSError, ValueError):
            return time.time()

    return shifted
