"""The life of a promise: its states, and the table of what may follow what.

    captured → due → offered → dialing → talked | retry | unreachable
    retry → due, when its moment comes

Rules of this file:
- `offered` is fleeting: it is in Redis alone, as long as somebody holds the promise. All other moves are lines of the
  outbox.
- What has ended stays so, but for erasure: a late word about it changes nothing.
- book.py goes by the table. lua/index.lua says the same in its own words, and tests/redis/test_ledger.py holds it
  against the table.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType


class State(enum.StrEnum):
    CAPTURED = "captured"
    """Kept; its moment has not come."""
    DUE = "due"
    OFFERED = "offered"
    """In hand: it waits in the queue core for an agent, or an agent is about to ring the customer."""
    DIALING = "dialing"
    """The customer's phone rings, or the two talk."""
    RETRY = "retry"
    """Tried in vain; to be tried again at a moment to come."""
    TALKED = "talked"
    UNREACHABLE = "unreachable"
    """Tried as often as the queue allows."""
    CLOSED = "closed"
    """An agent closed it without a talk."""
    CANCELLED = "cancelled"
    SUPERSEDED = "superseded"
    """The caller phoned again and was served."""
    MERGED = "merged"
    """The number had an open promise already: this message is heard with that one, and ends with it."""
    ERASED = "erased"
    """The person's data is gone; that it was here is all that is known."""


OPEN = frozenset((State.CAPTURED, State.DUE, State.OFFERED, State.DIALING, State.RETRY))

ENDED_BESIDE = frozenset((State.CANCELLED, State.SUPERSEDED, State.CLOSED))
"""How a promise may end while an attempt is under way, by others than who makes it."""

LOST = "lost"
"""The outcome of an attempt of which nobody heard again. If they have talked, that is believed later as well."""

_BY_LINES = frozenset(State) - {State.OFFERED, State.MERGED}

BY_MOVES = _BY_LINES - {State.ERASED}
"""What a `moved` line may bring."""

NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        **dict.fromkeys(OPEN, _BY_LINES),
        State.DIALING: _BY_LINES - {State.DIALING},  # one attempt at a time
        **dict.fromkeys(frozenset(State) - OPEN, frozenset((State.ERASED,))),
        State.ERASED: frozenset(),
    }
)
"""From a state to those that a line may bring. An open promise may be moved to any: a reader cannot know how much
time passed before a line was written, nor who had the promise in hand. It is the tools that ask what makes sense.
From dialing, all but what is in ENDED_BESIDE takes the token of the attempt."""
