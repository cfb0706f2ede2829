"""Moves of promises that the service makes: on disk, in Redis, and told.

Rules of this file:
- What is told has happened. A line that came too late, about an attempt that had ended or a promise that had, is not.
"""

from __future__ import annotations

from datetime import UTC, datetime

from hotline.callbacks.ledger import Ledger
from hotline.callbacks.lines import Move
from hotline.callbacks.outcome import Next, Outcome
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.clock import Clock
from hotline.events import Emit, PromiseMoved
from hotline.store import StoreDown

_SAME = 1e-6
"""Seconds that a moment loses as text."""


class Mover:
    """Moves promises and tells of it."""

    def __init__(self, ledger: Ledger, promises: Promises, now: Clock, emit: Emit) -> None:
        self._ledger, self._promises, self._now, self._emit = ledger, promises, now, emit

    async def move(
        self,
        promise: Promise,
        following: Next,
        *,
        outcome: Outcome | None = None,
        by: str = "service",
        agent: str = "",
        token: str = "",
        call: str = "",
        rung: bool = False,
    ) -> None:
        """As Ledger.move. `rung`: an attempt ends by it in which the customer's phone was rung. Raises OSError."""
        word = outcome or ""
        line = await self._ledger.move(
            promise, following.state, due=following.due, outcome=word, by=by, agent=agent, token=token, call=call
        )
        if await self._believed(line):
            self.tell(promise, following, outcome=word, by=by, agent=agent, call=call, rung=rung)

    async def _believed(self, line: Move) -> bool:
        """Also one that Redis does not know yet."""
        try:
            found = await self._ledger.find(line.id)
        except StoreDown:
            return True
        if found is None or abs(found.moved - line.at) > _SAME:
            return found is None or found.moved > line.at
        return found.state in (line.state, State.DUE) and (found.outcome, found.by) == (line.outcome, line.by)

    def tell(
        self,
        promise: Promise,
        following: Next,
        *,
        outcome: str = "",
        by: str = "",
        agent: str = "",
        call: str = "",
        rung: bool = False,
    ) -> None:
        """Say what became of it; `call` is the one that did it, where it is not the promise's own."""
        now = self._now()
        self._emit(
            PromiseMoved(
                at=now,
                call=call or promise.call,
                queue=promise.queue,
                promise=promise.id,
                state=following.state.value,
                outcome=outcome,
                by=by,
                agent=agent,
                attempts=promise.attempts,
                age=max(0.0, now - promise.arrival),
                rung=rung,
                in_window=self._in_window(promise, promise.moved if rung else now),
            )
        )

    def _in_window(self, promise: Promise, at: float) -> bool:
        """Whether this is within the hours that were promised: those of the first due moment, or next after it."""
        window = self._promises.window_for(
            promise.queue, datetime.fromtimestamp(promise.first_due, UTC), promise.part
        )
        return window is None or at < window.end.timestamp()
