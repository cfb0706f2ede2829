"""The life of a promise: its states, and the table of what may follow what.

    captured → due → offered → dialing → talked | retry | unreachable
    retry → due, when its moment comes

Rules of this file:
- `offered` is fleeting: it is in Redis alone, as long as somebody holds the promise. All other moves are lines of the
  outbox.
- What has ended stays so, but for erasure: a late word about it changes nothing.
- lua/index.lua has the same table in its own words; a test holds the two against each other.
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

_ENDS = frozenset((State.CLOSED, State.CANCELLED, State.SUPERSEDED, State.ERASED))

NEXT: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        # to themselves: postponed, or given to another agent
        State.CAPTURED: _ENDS | {State.CAPTURED, State.DUE},
        State.DUE: _ENDS | {State.CAPTURED, State.DUE, State.OFFERED, State.DIALING, State.RETRY, State.UNREACHABLE},
        State.OFFERED: _ENDS
        | {State.CAPTURED, State.DUE, State.DIALING, State.RETRY, State.UNREACHABLE, State.OFFERED},
        State.DIALING: _ENDS | {State.DIALING, State.TALKED, State.RETRY, State.UNREACHABLE},
        State.RETRY: _ENDS | {State.CAPTURED, State.DUE, State.RETRY},
        State.MERGED: frozenset((*_ENDS, State.TALKED, State.UNREACHABLE)),
        **dict.fromkeys(
            (State.TALKED, State.UNREACHABLE, State.CLOSED, State.CANCELLED, State.SUPERSEDED),
            frozenset((State.ERASED,)),
        ),
        State.ERASED: frozenset(),
    }
)
"""From a state to those that may follow it. After a wipe a promise that was in hand is due again, so what follows
`offered` follows `due` as well."""
