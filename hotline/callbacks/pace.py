"""How many callbacks are made at a time: so that live callers hardly notice, and no promise waits for ever.

Rules of this file:
- A callback is in hand from its claim until its conversation is over. Once begun it is ahead of every live caller,
  since it has waited for longer: so what is begun decides, and nothing holds it back later.
- Each queue goes by its own agents and its own callbacks: who serves several counts in each of them.
- What staff gave to an agent who is at work waits for that one and goes beyond the pace, one at a time of each agent.
- One is begun for each idle agent beyond the reserve, who stay idle for live callers; and no more are in hand than
  `share` of the agents at work (though one always may be), a share that grows from 0 in the first `ramp` seconds of a
  window. Where `reserve` does not say how many stay idle, it goes by the team: √ of those at work is how far chance
  moves the number of the idle, so small teams keep back a larger part of theirs. Who works alone keeps back nobody.
- Where all are busy the whole day no promise waits for ever: when none was in hand for PATIENCE, one is begun
  whatever the reserve is, and gets the next agent who is free.
"""

from __future__ import annotations

import math

from hotline.callbacks.settings import CallbackSettings

LOOK_EVERY = 1.0
"""Seconds after which it is asked again, while promises are due."""

PATIENCE = 600.0
"""Seconds without any callback in hand after which one is begun, while promises are due and anybody is at work."""


def most(staff: int, since_opening: float, settings: CallbackSettings) -> int:
    """How many callbacks of a queue may be in hand at once, while `staff` agents are at work for it.

    `since_opening`: seconds since the window began in which customers are rung.
    """
    if staff <= 0:
        return 0
    grown = min(1.0, max(0.0, since_opening) / settings.ramp) if settings.ramp > 0 else 1.0
    return max(1, math.floor(settings.share * staff * grown + 1e-9))  # 0.29 × 100 is 28.999…


def reserve(staff: int, settings: CallbackSettings) -> int:
    """How many agents stay idle for live callers."""
    return math.floor(1.5 * math.sqrt(max(0, staff - 1))) if settings.reserve is None else settings.reserve


def room(
    staff: int, idle: int, in_hand: int, since_opening: float, settings: CallbackSettings, *, quiet: float
) -> int:
    """How many more callbacks of a queue may be begun now.

    Of the `staff`, who are logged in, not on a break and able to serve it, so many are `idle`. `in_hand`: its
    callbacks that were claimed and are not over. `quiet`: seconds since there was one.
    """
    assured = 1 if in_hand <= 0 and min(quiet, since_opening) >= PATIENCE else 0
    begin = max(assured, idle - reserve(staff, settings))
    return max(0, min(most(staff, since_opening, settings) - in_hand, begin))


class Quiet:
    """For how long a queue had no callback in hand, as far as this process has seen."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def seconds(self, queue: str, in_hand: int, now: float) -> float:
        """At `now`, when so many are in hand. To be asked at every look."""
        if in_hand > 0:
            self._since[queue] = now
        return now - self._since.setdefault(queue, now)
