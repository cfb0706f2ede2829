"""What a caller's channel keeps of the wait, where it outlives this service and Redis: the ticket that they drew.

Rules of this file:
- Written as `moment queue sent-on…`: since when the caller waits, in which queue ("-" between two), and the queues
  whose overflow sent them on. A moment alone says that they wait in the queue of the step at hand.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

_NO_QUEUE = "-"


@dataclass(frozen=True, slots=True)
class Ticket:
    """`arrival` in POSIX seconds; `queue` is None where the note does not say, "" for one who waits in none."""

    arrival: float
    queue: str | None = ""
    sent_on: tuple[str, ...] = ()

    @classmethod
    def read(cls, noted: str) -> Ticket | None:
        """None for what is no ticket."""
        moment, *names = noted.split()[:20] or [""]
        try:
            arrival = float(moment)
        except ValueError:
            return None
        if not math.isfinite(arrival) or arrival <= 0:
            return None
        queue = (names[0] if names[0] != _NO_QUEUE else "") if names else None
        return cls(arrival, queue, tuple(names[1:]))

    def __str__(self) -> str:
        return " ".join((f"{self.arrival:.6f}", self.queue or _NO_QUEUE, *self.sent_on))

    def waits_in(self, queue: str) -> bool:
        """Whether the holder was told to wait in that queue, by an earlier session."""
        return self.queue is None or (self.queue == queue != "")

    def joining(self, queue: str) -> Ticket:
        return replace(self, queue=queue)

    def overflown(self, queue: str) -> Ticket:
        """Sent on by `queue`, which is to do so only once."""
        return replace(self, queue="", sent_on=(*(each for each in self.sent_on if each != queue), queue))
