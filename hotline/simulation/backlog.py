"""Promises that are due: a type's backlog of callbacks, begun at the pace of a live hotline.

Rules of this file:
- It is what the ledger and its scheduler are to a live hotline, without their troubles. How many may be begun is
  asked of hotline.callbacks.pace, and who is at work of the core, as there.
- A day's window opens when promises fall due, and customers are rung until midnight, or `between` certain hours.
- Who does not answer is tried again as often and as late as the queue's settings say.
"""

from __future__ import annotations

import heapq
from collections import Counter
from dataclasses import replace

from hotline.acd.core import Core
from hotline.acd.model import QueueSettings
from hotline.acd.virtual import queue_of_callbacks
from hotline.callbacks.calendar import DAY, Span
from hotline.callbacks.pace import LOOK_EVERY, PATIENCE, Quiet, room
from hotline.simulation.arrivals import Callback, Callers
from hotline.simulation.model import CallType, Promised, Scenario
from hotline.simulation.periods import DAY_SECONDS
from hotline.simulation.tally import PromiseCount

NO_ANSWER = "no-answer"
_ALL_DAY = (Span(0, DAY),)


class Backlog:
    """One type's promises. `in_hand`: callbacks begun and not over, by queue; types may share one."""

    def __init__(
        self, kind: CallType, promised: Promised, scenario: Scenario, count: PromiseCount, in_hand: Counter[str]
    ) -> None:
        self.kind, self.promised, self._settings = kind, promised, promised.settings
        self.watched = False
        """Whether somebody looks after it."""
        self._scenario, self._count, self._in_hand = scenario, count, in_hand
        self._due: list[tuple[float, float, str, Callback]] = []
        """When to be tried, arrival, id."""
        self._quiet = Quiet()
        self._full = -1
        """How much had happened in the core when there was no room."""

    def fall_due(self, callers: Callers, now: float) -> None:
        """A day's promises."""
        for call in callers.promises(self.kind, self.promised, now):
            self._count.due += self._counts(call)
            self._put(call, now)

    async def begin(self, core: Core, now: float, happened: int) -> list[Callback]:
        """Those to be begun now. `happened` grows with every change of the core's agents."""
        queue, opened = self.kind.queue, self._opened(now)
        in_hand = self._in_hand[queue.name]
        quiet = self._quiet.seconds(queue.name, in_hand, now)
        same = happened == self._full and quiet < PATIENCE
        if opened is None or not self._ready(now) or (same and opened > self._settings.ramp):
            return []
        at_work = await core.staffing(queue)
        more = room(at_work.staff, at_work.idle, in_hand, opened, self._settings, quiet=quiet)
        self._full = happened if more == 0 else -1
        begun: list[Callback] = []
        while len(begun) < more and self._ready(now):
            call = heapq.heappop(self._due)[-1]
            call.prepare()
            begun.append(call)
        self._in_hand[queue.name] += len(begun)
        return begun

    def next_look(self, now: float) -> float | None:
        """When to look again; None: when there is something new."""
        return now + LOOK_EVERY if self._due else None

    def over(self, call: Callback, now: float) -> None:
        """A try has ended."""
        self._in_hand[self.kind.queue.name] -= 1
        attempt, counts = call.attempts[call.tries - 1], self._counts(call)
        self._count.tries += counts
        if counts and call.tries == 1:
            self._count.waits.append(now - call.service + attempt.listens - call.at)
        if attempt.answers:
            self._count.talked += counts
        elif call.tries == len(call.attempts):
            self._count.unreachable += counts
        else:
            call.tries += 1
            self._put(call, now + self._settings.again[NO_ANSWER])

    def queue(self, call: Callback) -> QueueSettings:
        """The core's queue that it joins."""
        own = queue_of_callbacks(self.kind.queue)
        return own if call.wrap_up is None else replace(own, wrap_up=call.wrap_up)

    def _put(self, call: Callback, moment: float) -> None:
        heapq.heappush(self._due, (moment, call.arrival, call.id, call))

    def _ready(self, now: float) -> bool:
        return bool(self._due) and self._due[0][0] <= now

    def _counts(self, call: Callback) -> bool:
        return call.at >= self._scenario.warm_up

    def _opened(self, now: float) -> float | None:
        """Seconds since the window opened that is open now; None when none is."""
        clock = (self._scenario.day_starts + now) % DAY_SECONDS
        for span in self._settings.between or _ALL_DAY:
            start = max(span.start * 60.0, self.promised.at)
            if start <= clock < span.end * 60.0:
                return clock - start
        return None
