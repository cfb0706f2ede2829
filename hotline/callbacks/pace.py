"""How many callbacks are made at a time: so that live callers hardly notice, and no promise waits for ever.

Rules of this file:
- Pure. A callback is in hand from its claim until its conversation is over. Once begun it is ahead of every live
  caller, since it has waited for longer; so what is begun decides, and nothing later holds it back.
- While somebody is at work, one callback is always in hand, whatever the rest says: where all are busy the whole day
  it takes the next agent who is free. More than one is begun only
  - up to `share` of the agents at work, which grows from 0 to its full size in the first `ramp` seconds of a window;
  - and one for each idle agent beyond `reserve`, who stay idle for live callers.
"""

from __future__ import annotations

import math

from hotline.callbacks.settings import CallbackSettings

LOOK_EVERY = 1.0
"""Seconds after which it is asked again, while promises are due."""


def most(staff: int, since_opening: float, settings: CallbackSettings) -> int:
    """How many callbacks of a queue may be in hand at once, while `staff` agents are at work for it.

    `since_opening`: seconds since the window began in which customers are rung.
    """
    if staff <= 0:
        return 0
    grown = min(1.0, max(0.0, since_opening) / settings.ramp) if settings.ramp > 0 else 1.0
    return max(1, math.floor(settings.share * staff * grown + 1e-9))  # 0.29 × 100 is 28.999…


def room(staff: int, idle: int, in_hand: int, since_opening: float, settings: CallbackSettings) -> int:
    """How many more callbacks of a queue may be begun now.

    Of the `staff`, who are logged in, not on a break and able to serve it, so many are `idle`. `in_hand`: its
    callbacks that were claimed and are not over.
    """
    more = most(staff, since_opening, settings) - in_hand
    assured = 1 if in_hand <= 0 else 0
    return max(0, min(more, max(assured, idle - settings.reserve)))
