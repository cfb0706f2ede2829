"""Promises that cannot be rung any more in this part of the day, or today: they are put off, and in nobody's way.

Those are whose part of the day is over, and whom no agent had time for in it; and whose number had its calls.

Rules of this file:
- Of any number of processes one moves a promise: it is claimed first.
- Nobody is put off for ever: hotline.callbacks.promise says for how long the part of the day is theirs.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Collection
from datetime import UTC, datetime

from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import new_id
from hotline.callbacks.outcome import Next, Outcome
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.clock import Clock
from hotline.store import StoreDown

LOOK_EVERY = 30.0
"""Seconds between two looks at all that is due."""


class PartsOfTheDay:
    """Of `queues`, those that call back."""

    def __init__(
        self, ledger: Ledger, mover: Mover, promises: Promises, queues: Collection[str], *, now: Clock
    ) -> None:
        self._ledger, self._mover, self._promises, self._now = ledger, mover, promises, now
        self._queues = frozenset(name for name in queues if promises.settings[name].parts)

    async def run(self) -> None:
        """Look until cancelled, if any queue has parts of the day."""
        while self._queues:
            # Redis is down, or the outbox: both are told of elsewhere
            with contextlib.suppress(StoreDown, OSError):
                await self.look()
            await asyncio.sleep(LOOK_EVERY)

    def over(self, promise: Promise) -> bool:
        """Whether the part of the day is over in which the customer of a promise that is due was to be rung."""
        return self._promises.is_part_over(promise, self._moment())

    async def look(self) -> None:
        """Put off all who are due and whose part is over. Raises StoreDown, OSError."""
        for promise in await self._ledger.list([State.DUE], until=self._now()):
            if promise.queue in self._queues and self.over(promise):
                claimed = await self._ledger.claim_one(promise.id, token=new_id())
                if claimed:
                    await self.put_off(claimed)

    async def put_off(self, promise: Promise) -> None:
        """One that this process has in hand. Raises OSError."""
        part = self._promises.part_of(promise, self._moment())
        due = self._promises.soonest(promise.queue, self._moment(), part)
        await self._mover.move(promise, Next(State.RETRY, due.timestamp()), outcome=Outcome.PART_OVER)

    async def put_off_a_day(self, promise: Promise) -> None:
        """One that this process has in hand, whose number had its calls for today. Raises OSError."""
        due = self._promises.next_day(promise.queue, self._now(), self._ledger.zone, promise.part)
        await self._mover.move(promise, Next(State.RETRY, due), outcome=Outcome.NUMBER_FULL)

    def _moment(self) -> datetime:
        return datetime.fromtimestamp(self._now(), UTC)
