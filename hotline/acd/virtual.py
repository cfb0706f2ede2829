"""A callback in the queue core: a virtual caller, who waits in a queue of its own beside the live one.

Rules of this file:
- Pure. The queue of its own keeps forecasts and figures of live callers as they are. Its needs are the same, so an
  agent who is free takes whoever has waited for longest, of both; and that is the callback, whose arrival is the time
  of the original call. The pace of callbacks decides how many there are at a time.
- Who waits since yesterday has no need of rules for those who wait long: needs widen only where nobody at work could
  ever meet them, and agents in reserve are called only where nobody else is at work.
"""

from __future__ import annotations

from dataclasses import replace

from hotline.acd.model import QueueSettings

SUFFIX = ":callback"
PBX = ":callbacks"
"""Where a virtual caller's bell is: in the process that has the promise in hand. No PBX has such a name."""

_NEVER = 100 * 366 * 86400.0
"""Seconds that nobody waits."""


def queue_of_callbacks(queue: QueueSettings) -> QueueSettings:
    """The core's queue for the callbacks of `queue`: its rules, but for limits of who may wait and for how long."""
    return replace(
        queue,
        name=queue.name + SUFFIX,
        widen=tuple(replace(step, after=_NEVER + step.after) for step in queue.widen),
        reserve_above=_NEVER if queue.reserve_above else 0.0,
        sticky=_NEVER,  # nobody is known as the last agent of one, but who was given the promise by staff
        max_expected_wait=0.0,
        overflow=None,
        max_wait=0.0,
        max_length=0,
    )
