"""What is measured of one queue, kept as plain lists of all that ever happened, and the forecast made from them."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

HALF_LIFE, LEAST, PRIOR = 7200.0, 4.5, 20.0


@dataclass
class Figures:
    waiting: bool = False
    staff: int = 0
    most: int = 0
    stamp: float = 0.0
    taken: list[float] = field(default_factory=list)
    left: list[float] = field(default_factory=list)
    waited: list[tuple[float, float]] = field(default_factory=list)
    handled: list[tuple[float, float]] = field(default_factory=list)
    manned: list[tuple[float, float, int]] = field(default_factory=list)

    @property
    def capacity(self) -> int:
        return min(self.staff, self.most) if self.most else self.staff

    def accrue(self, now: float) -> None:
        if self.waiting and now > self.stamp:
            self.manned.append((self.stamp, now, self.capacity))
            self.stamp = now

    def see(self, now: float, waiting: bool, staff: int) -> bool:
        """Who waits and who works from now on; whether the staff is another."""
        if (waiting, staff) == (self.waiting, self.staff):
            return False
        if self.waiting:
            self.accrue(now)
        elif waiting:
            self.stamp = now
        changed = staff != self.staff
        self.waiting, self.staff = waiting, staff
        return changed

    def rates(self, now: float) -> tuple[float | None, float]:
        def weight(moment: float) -> float:
            return 2.0 ** ((moment - now) / HALF_LIFE)

        waited = sum(weight(at) * seconds for at, seconds in self.waited)
        leaving = sum(map(weight, self.left)) / waited if waited else 0.0
        stretches = [*self.manned, *([(self.stamp, now, self.capacity)] if self.waiting and now > self.stamp else [])]
        manned = sum(n * HALF_LIFE / math.log(2) * (weight(end) - weight(begin)) for begin, end, n in stretches)
        handling = sum(weight(at) * seconds for at, seconds in self.handled)
        handled = sum(weight(at) for at, _ in self.handled)
        if handled < LEAST or not handling:
            return None, leaving
        return (sum(map(weight, self.taken)) + PRIOR) / (manned + PRIOR * handling / handled), leaving

    def wait(self, ahead: int, now: float) -> float | None:
        """QLm; None where it can't be told."""
        rate, leaving = self.rates(now)
        if not rate or not self.capacity:
            return None
        return sum(1 / (self.capacity * rate + i * leaving) for i in range(ahead + 1))
