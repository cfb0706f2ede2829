"""What becomes of a promise after somebody had it in hand: talked, tried again, or given up.

Rules of this file:
- Pure. Whether and when it is tried again is said by hotline.callbacks.promise; here is which outcome leads there.
- An attempt is one ring of the customer's phone. What ends before that costs none, and waits a little, so that a
  promise which nobody wants does not go round in circles.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import LOST, State
from hotline.flow.phone import DialOutcome

UNTRIED_PAUSE = 60.0
"""Seconds until a promise that was put down untried is in line again."""


class Outcome(enum.StrEnum):
    """Why a promise was moved; hotline.callbacks.story has a sentence for each."""

    # the customer's phone was rung: words of the configuration's `again`, and two more
    BUSY = "busy"
    NO_ANSWER = "no-answer"
    MACHINE = "machine"
    REJECTED = "rejected"
    UNREACHABLE = "unreachable"
    FAILED = "failed"
    LOST = LOST
    AGENT_HUNG_UP = "agent-hung-up"
    """Also before they rang anybody."""
    # an attempt was begun, and rang nobody
    NOT_RUNG = "not-rung"
    """The agent, or the service, was gone before."""
    LATE = "late"
    REFUSED = "refused"
    NOT_BEGUN = "not-begun"
    NUMBER_BUSY = "number-busy"
    NUMBER_FULL = "number-full"
    DAY_FULL = "day-full"
    # no attempt was begun
    AGENT_SILENT = "agent-silent"
    CLOSED_HOURS = "closed-hours"
    PART_OVER = "part-over"
    POSTPONED = "postponed"
    CLOSED = "closed"
    WEB = "web"


OUTCOMES = {
    DialOutcome.BUSY: Outcome.BUSY,
    DialOutcome.NO_ANSWER: Outcome.NO_ANSWER,
    DialOutcome.REJECTED: Outcome.REJECTED,
    DialOutcome.UNREACHABLE: Outcome.UNREACHABLE,
    DialOutcome.CANCELLED: Outcome.FAILED,
}
"""How a customer's phone was rung in vain."""


@dataclass(frozen=True, slots=True)
class Next:
    """The state that follows, and when it is tried again (0: never)."""

    state: State
    due: float = 0.0


def after_attempt(promises: Promises, promise: Promise, outcome: str, now: float) -> Next:
    """The customer was not reached in the attempt that is under way; `promise.attempts` counts it already."""
    at = datetime.fromtimestamp(now, UTC)
    counted = max(0, promise.attempts - promise.spent)
    due = promises.again(promise.queue, outcome, counted, at, promise.part)
    return Next(State.RETRY, due.timestamp()) if due else Next(State.UNREACHABLE)


def not_made(promise: Promise) -> Promise:
    """The attempt that was begun rang nobody: it does not count."""
    return replace(promise, attempts=max(0, promise.attempts - 1))


def untried(promises: Promises, promise: Promise, now: float, pause: float = UNTRIED_PAUSE) -> Next:
    """Nobody rang the customer: in line again after `pause` seconds, in their hours and part of the day."""
    moment = datetime.fromtimestamp(now, UTC)
    part = promises.part_of(promise, moment)
    return Next(State.RETRY, promises.soonest(promise.queue, moment + timedelta(seconds=pause), part).timestamp())
