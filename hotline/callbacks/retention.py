"""Promises that have ended are kept as long as their queues say (`keep`), then erased.

Rules of this file:
- A promise counts from its end; an open one is never erased by time. Whoever was merged into it goes with it at the
  latest.
- One of a queue that is not in the configuration goes when the longest of all queues is over; never, where any queue
  keeps for ever.
- Redis tells which are over, and a look begins where the one before found the first that will be: it costs little.
- Erasure itself is the outbox's, see erasure.py. One that was interrupted is finished here as well.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import VoicemailSettings
from hotline.callbacks.states import OPEN, State
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.events import Emit, PromiseMoved
from hotline.store import StoreDown

EVERY = 60.0
"""Seconds between looks."""

PAGE = 200
"""Promises that are looked at, and perhaps erased, at once."""

_ENDED = tuple(state for state in State if state not in OPEN and state not in (State.MERGED, State.ERASED))


class Retention:
    """Of one spool. `settings` is by queue."""

    def __init__(
        self,
        ledger: Ledger,
        indexer: Indexer,
        erasure: Erasure,
        settings: Mapping[str, VoicemailSettings],
        *,
        now: Clock,
        emit: Emit,
        tell: Tell,
    ) -> None:
        self._ledger, self._indexer, self._erasure = ledger, indexer, erasure
        self._now, self._emit, self._tell = now, emit, tell
        self._keep = {queue: each.keep for queue, each in settings.items()}
        limits = self._keep.values()
        self._longest = max(limits, default=0.0) if all(limits) else 0.0
        self._since: dict[State, float] = dict.fromkeys(_ENDED, 0.0)
        self._told = ""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await self.walk()
            await asyncio.sleep(EVERY)

    async def walk(self) -> int:
        """Erase what is over; how many promises. A trouble is told when it comes up; what is left waits."""
        erased, problem = 0, ""
        try:
            await asyncio.to_thread(self._erasure.resume)
            if any(self._keep.values()):
                await self._indexer.catch_up()
                for state in _ENDED:
                    erased += await self._look(state)
        except StoreDown:
            pass
        except OSError as error:
            problem = f"What is over could not be erased: {error.strerror}."
            if problem != self._told:
                self._tell(Trouble(problem, str(error.filename or "outbox")))
        self._told = problem
        return erased

    async def _look(self, state: State) -> int:
        """Go through the promises that ended so, the oldest first."""
        now, erased, waiting = self._now(), 0, 0.0
        since, shortest = self._since[state], min(filter(None, self._keep.values()))
        most, full = PAGE, True
        while full:
            page = await self._ledger.list([state], since=since, until=now - shortest, most=most)
            erased += await self._erase([each for each in page if self._is_over(each, now)])
            waiting = waiting or min((each.moved for each in page if self._will_be_over(each, now)), default=0.0)
            full, last = len(page) == most, page[-1].moved if page else since
            most = PAGE if last > since else 2 * most  # so many may have ended at one moment
            since = last
        self._since[state] = waiting or since
        return erased

    def _limit(self, promise: Promise) -> float:
        return self._keep.get(promise.asked_for, self._longest)

    def _is_over(self, promise: Promise, now: float) -> bool:
        limit = self._limit(promise)
        return promise.spool == self._indexer.spool and 0 < limit <= now - promise.moved

    def _will_be_over(self, promise: Promise, now: float) -> bool:
        return promise.spool == self._indexer.spool and self._limit(promise) > now - promise.moved

    async def _erase(self, over: list[Promise]) -> int:
        ids = {id for promise in over for id in (promise.id, *promise.also)}
        if ids:
            await asyncio.to_thread(self._erasure.erase, ids, self._now())
            await self._indexer.catch_up()
        for promise in over:
            self._emit(
                PromiseMoved(
                    at=self._now(), queue=promise.queue, promise=promise.id, state=State.ERASED, by="service"
                )
            )
        return len(ids)
