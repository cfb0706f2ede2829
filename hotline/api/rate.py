"""How often somebody may ask: so many a second, and a burst."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Bucket:
    """`rate` a second, `burst` at once. Moments are seconds of any clock that never goes back."""

    rate: float
    burst: float
    level: float = 0.0
    """What was taken and has not run out yet."""
    last: float = 0.0

    def take(self, now: float) -> float:
        """Take one. 0.0, or the seconds after which it may be tried again."""
        self.level = max(0.0, self.level - (now - self.last) * self.rate)
        self.last = now
        if self.level + 1 > self.burst:
            return (self.level + 1 - self.burst) / self.rate
        self.level += 1
        return 0.0
