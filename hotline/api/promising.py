"""Requests from outside become promises, by the same rules as those of callers.

Rules of this file:
- A promise's id is made of its request's idempotency key and of who asks, and its line holds the request's digest: so
  the outbox itself knows every key, also after Redis was wiped, and the same line written twice is one promise.
- Redis is brought up to date with the outbox before it is asked, and read again after a line was written: what it
  has then is the answer, whoever else asked for the same at the same moment.
- While Redis is away nobody can say whether a number is promised a call already: the client is told to come again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from hotline.acd.model import QueueSettings
from hotline.api.asked import Asked, Refused
from hotline.callbacks.guard import Guard
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import id_of
from hotline.callbacks.outcome import Next, Outcome
from hotline.callbacks.promise import MOST_AHEAD, Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.clock import Clock
from hotline.events import CallbackRequested, Emit
from hotline.schema.config import Config
from hotline.schema.problems import unknown
from hotline.store import StoreDown

PATIENCE = 5.0
"""Seconds in which Redis and the disk must have answered."""

COME_AGAIN = 5
"""Seconds after which a client may ask again."""


class Promising:
    """Grants requests, tells of promises, cancels them. Everything may raise Refused."""

    def __init__(
        self,
        config: Config,
        ledger: Ledger,
        mover: Mover,
        promises: Promises,
        guard: Guard,
        *,
        now: Clock,
        emit: Emit,
    ) -> None:
        self._config, self._ledger, self._mover, self._promises = config, ledger, mover, promises
        self._guard, self._now, self._emit = guard, now, emit
        self._one_at_a_time = asyncio.Lock()

    async def ask(self, asked: Asked, client: str) -> tuple[bool, dict[str, Any]]:
        """Whether a promise was made now, and the promise. One that its key asked for before is told again.

        Two clients who take the same key by chance ask for two promises.
        """
        async with self._in_time(), self._one_at_a_time:
            await self._ledger.catch_up()
            id = id_of(f"{client} {asked.key}") if asked.key else ""
            if id and (before := await self._ledger.find(id)):
                return False, self._same(before, asked)
            number, queue = self._number(asked), self._queue(asked)
            due = self._due(asked, queue)
            if other := await self._ledger.open_for(number):
                raise self._in_its_way(other)
            entry = await self._ledger.request(
                id=id, queue=queue, number=number, source="web", due=due, language=self._language(asked),
                part=asked.part, note=asked.note, key=asked.digest(),
            )  # fmt: skip
            self._emit(CallbackRequested(at=self._now(), queue=queue, promise=entry.id, due=due, source="web"))
            made = await self._ledger.find(entry.id)
            if made is None:
                raise self._later("The request is kept; ask again for what became of it.")
            if made.into and (other := await self._ledger.find(made.into)):
                raise self._in_its_way(other)
            return True, self._same(made, asked)

    async def look(self, id: str) -> dict[str, Any]:
        async with self._in_time():
            return self.shown(await self._find(id))

    async def cancel(self, id: str) -> dict[str, Any]:
        """One that is cancelled already stays so; one that was kept, or is being kept, cannot be cancelled."""
        async with self._in_time():
            promise = await self._find(id)
            if promise.state is not State.CANCELLED:
                await self._cancel(promise)
            return self.shown(await self._find(id))

    async def _cancel(self, promise: Promise) -> None:
        if promise.into and (other := await self._ledger.find(promise.into)):
            raise Refused.one(409, "It went into another promise to the same number.", promise=self.shown(other))
        if promise.state is State.DIALING:
            raise Refused.one(409, "The customer is being called just now.", promise=self.shown(promise))
        if not await self._ledger.owns(promise):
            raise Refused.one(
                409, "Another service keeps it, of another spool: ask there.", promise=self.shown(promise)
            )
        if not promise.open:
            raise Refused.one(409, f"It has ended before: {promise.state}.", promise=self.shown(promise))
        await self._mover.move(promise, Next(State.CANCELLED), outcome=Outcome.WEB, by="caller")

    async def _find(self, id: str) -> Promise:
        await self._ledger.catch_up()
        promise = await self._ledger.find(id)
        if promise is None:
            raise Refused.one(404, "There is no such promise.")
        if promise.state is State.ERASED:
            raise Refused.one(410, "What was known of this promise is erased.")
        return promise

    @asynccontextmanager
    async def _in_time(self) -> AsyncIterator[None]:
        """What Redis and the disk do to us, as the client shall know it."""
        try:
            async with asyncio.timeout(PATIENCE):
                yield
        except StoreDown:
            raise self._later("Redis is away, and nobody knows what is promised already.") from None
        except TimeoutError:
            raise self._later("The service is busy and did not come to this.") from None
        except OSError:
            raise self._later("The outbox cannot be written or read; it is the service's disk.") from None

    @staticmethod
    def _later(why: str) -> Refused:
        return Refused.one(503, f"{why} Nothing is lost if you ask again with the same key.", retry=COME_AGAIN)

    # -- the rules ------------------------------------------------------------------------------------------------

    def _number(self, asked: Asked) -> str:
        number = normal(asked.number, self._config.country)
        if why := self._guard.why_not(number):
            raise Refused.one(422, why, "number")
        return number

    def _queue(self, asked: Asked) -> str:
        """The queue that is asked for, or the one whose agents have what is needed and the least beside it."""
        if bool(asked.queue) == bool(asked.needs):
            raise Refused.one(422, "Give either a queue, or the skills that are needed.", "queue")
        queues = {name: self._config.queues[name] for name in self._config.callbacks}
        if asked.queue:
            if asked.queue not in queues:
                raise Refused.one(422, _unknown("queue of callbacks", asked.queue, queues), "queue")
            return asked.queue
        able = [name for name, queue in queues.items() if _covers(queue, asked.needs)]
        if not able:
            raise Refused.one(422, "No queue of callbacks has agents with all of this.", "needs")
        return min(able, key=lambda name: sum(queues[name].needs.values()))

    def _language(self, asked: Asked) -> str:
        flow = self._config.flow
        if asked.language and asked.language not in flow.languages:
            raise Refused.one(422, _unknown("language", asked.language, flow.languages), "language")
        return asked.language or flow.language

    def _due(self, asked: Asked, queue: str) -> float:
        """The first moment at which this customer may be rung: now, if that is within the hours."""
        parts = self._config.voicemail[queue].parts
        if asked.part and asked.part not in parts:
            raise Refused.one(422, _unknown("part of the day", asked.part, parts), "part")
        now = datetime.fromtimestamp(self._now(), UTC)
        first = now
        if asked.not_before:
            wanted = datetime.fromisoformat(asked.not_before)
            first = max(now, wanted if wanted.tzinfo else wanted.replace(tzinfo=self._promises.zone(queue)))
            if (first - now).total_seconds() > MOST_AHEAD:
                raise Refused.one(422, "must be within a year", "not_before")
        if self._promises.window_for(queue, first, asked.part) is None:
            raise Refused.one(422, "This queue does not open any more, as far as can be foreseen.", "queue")
        return self._promises.soonest(queue, first, asked.part).timestamp()

    # -- answers --------------------------------------------------------------------------------------------------

    def _same(self, promise: Promise, asked: Asked) -> dict[str, Any]:
        """The promise that a request's key stands for. Raises Refused if that was another request's."""
        if promise.state is State.ERASED:
            raise Refused.one(410, "What this key asked for is erased.", "key")
        if asked.key and promise.key != asked.digest():
            raise Refused.one(409, "has asked for something else before; take a new key", "key")
        return self.shown(promise)

    def _in_its_way(self, other: Promise) -> Refused:
        return Refused.one(409, "This number will be called back already.", "number", promise=self.shown(other))

    def shown(self, promise: Promise) -> dict[str, Any]:
        """A promise as clients see it: never with its number."""
        zone = self._promises.zone(promise.queue)
        due, now = datetime.fromtimestamp(promise.due, zone), datetime.fromtimestamp(self._now(), UTC)
        part = self._promises.part_of(promise, now)
        window = self._promises.window_for(promise.queue, due, part) if promise.open else None
        more: Mapping[str, object] = {"part": promise.part, "outcome": promise.outcome, "into": promise.into}
        return {
            "id": promise.id,
            "state": promise.state,
            "queue": promise.queue,
            "due": due.isoformat(timespec="seconds"),
            "window": window and {"from": _iso(window.start, zone), "until": _iso(window.end, zone)},
            "attempts": promise.attempts,
            **{name: value for name, value in more.items() if value},
        }


def _covers(queue: QueueSettings, needs: Mapping[str, int]) -> bool:
    return all(queue.needs.get(skill, 0) >= level for skill, level in needs.items())


def _unknown(kind: str, name: str, known: Collection[str]) -> str:
    sentence = unknown(kind, name, known)
    return f"{sentence[0].upper()}{sentence[1:]}."


def _iso(moment: datetime, zone: ZoneInfo) -> str:
    return moment.astimezone(zone).isoformat(timespec="seconds")
