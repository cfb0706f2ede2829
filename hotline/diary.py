"""A story as `hotline why` and `hotline callbacks show` print it: each sentence with its time of day."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, tzinfo


def dated(moments: Iterable[tuple[float, str]], zone: tzinfo) -> list[str]:
    """A line for each sentence, at a moment in POSIX seconds by the clock of `zone`; the first of each day has the
    date too."""
    lines, day = [], ""
    for moment, sentence in moments:
        at = datetime.fromtimestamp(moment, zone)
        today = f"{at:%Y-%m-%d} "
        lines.append(f"{today if today != day else ''}{at:%H:%M:%S} {sentence}.")
        day = today
    return lines
