"""How long it will take, and how many are ahead: what a waiting caller is told of it, as prompts.

Rules of this file:
- Pure. A wait is told as a range, and never as a higher one than before, whatever the queue; a place never as a worse
  one than before in that line. Then nothing is said of it, and nothing of what is not known.
- The prompt names are wait-under-2, wait-2-to-5, wait-5-to-10, wait-10-to-15, wait-over-15 (minutes), place-1 …
  place-10 and place-over-10.
"""

from __future__ import annotations

import bisect
from dataclasses import dataclass, field

RANGES = ("wait-under-2", "wait-2-to-5", "wait-5-to-10", "wait-10-to-15", "wait-over-15")
_BOUNDS = (120.0, 300.0, 600.0, 900.0)
"""Seconds at which the next range begins."""

LAST_PLACE = 10
"""Places beyond it are not told apart."""


@dataclass(slots=True)
class Told:
    """What one caller was told in one session."""

    wait: int = len(RANGES) - 1
    """The highest range that may still be told."""
    places: dict[str, int] = field(default_factory=dict)
    """By queue, the place told last."""

    def of_wait(self, seconds: float | None) -> tuple[str, ...]:
        """What to say of an expected wait; None: it is unknown."""
        if seconds is None:
            return ()
        expected = bisect.bisect_right(_BOUNDS, seconds)
        if expected > self.wait:
            return ()
        self.wait = expected
        return (RANGES[expected],)

    def of_place(self, queue: str, place: int) -> tuple[str, ...]:
        """What to say of a place in a queue's line, counted from 1; 0: it is unknown."""
        told = min(place, LAST_PLACE + 1)
        if told < 1 or told > self.places.get(queue, told):
            return ()
        self.places[queue] = told
        return (f"place-{told}" if told <= LAST_PLACE else f"place-over-{LAST_PLACE}",)
