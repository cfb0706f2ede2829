"""What staff do with promises: cancel, postpone, assign, erase.

Rules of this file:
- A change is a line of the outbox. Redis may be down, and learns of it later; it is asked only which agent is at a
  promise just now. One that waits in the queue core leaves it by itself when it is in nobody's hand any more.
- Only the user who owns the spool changes it: a file of somebody else there would stop the service's own writing.
- What cannot be is a StaffError: a sentence that says why.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass
from datetime import UTC

from hotline.acd.core import Core
from hotline.acd.model import CALLBACK, CallState
from hotline.callbacks import until
from hotline.callbacks.book import Case
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.promise import MOST_AHEAD
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.callbacks.unlisted import remove
from hotline.callers import Callers
from hotline.clerk.archive import Archive, Person, told
from hotline.settings import Address
from hotline.staff import NotUnderstood, StaffError
from hotline.store import Store, StoreDown
from hotline.upkeep import promises_of

PATIENCE = 1.5
"""Seconds that Redis has to answer; staff can do without."""

_IN_HAND = (State.OFFERED, State.DIALING)

_ENDED = {State.TALKED: "answered", State.SUPERSEDED: "answered in another call"}
"""How a promise was kept, where its state does not say so to people."""

_AT_IT = {CallState.OFFERED: "{agent}'s phone rings for {id}", CallState.TALKING: "{agent} is on the line for {id}"}
"""What an agent does whom the queue core found for a promise."""


@dataclass(frozen=True, slots=True)
class _Redis:
    """`up`: it answers, and has all of the outbox."""

    ledger: Ledger
    core: Core
    callers: Callers
    up: bool

    async def must_be_free(self, ids: Collection[str], *, of_agents: bool) -> None:
        """Raises StaffError while a customer is rung, or (`of_agents`) an agent for that. Where it is down, never."""
        with contextlib.suppress(StoreDown):
            for promise in await self.ledger.find_all(sorted(ids)) if self.up else ():
                if promise.state is State.DIALING:
                    raise StaffError(_busy(promise.id, promise.agent))
                if of_agents and promise.state is State.OFFERED:
                    standing = await self.core.look(CALLBACK + promise.id)
                    if standing.offer and (what := _AT_IT.get(standing.state)):
                        raise StaffError(_busy(promise.id, standing.offer.agent, what))


class Changes:
    """Changes what is in an archive."""

    def __init__(self, archive: Archive, redis: Address) -> None:
        self.archive, self._redis = archive, redis
        self._config, self._now = archive.config, archive.now
        self._outbox, self._book = archive.outbox, archive.book
        config = archive.config
        self._promises = promises_of(config)

    async def look(self) -> bool:
        """Let the archive know what Redis alone knows; False while that is down."""
        async with self._asked() as redis:
            with contextlib.suppress(StoreDown):
                self.archive.live = (
                    {each.id: each.state for each in await redis.ledger.list(_IN_HAND)} if redis.up else {}
                )
                return redis.up
        return False

    async def cancel(self, case: Case) -> str:
        """A sentence that says so."""
        await self._move(case, State.CANCELLED, "cancel")
        return f"{case.id} is cancelled; nobody calls {_whom(case)} for it."

    async def postpone(self, case: Case, when: str) -> str:
        """To a moment, or a part of the day, within the hours in which customers are rung."""
        entry = case.entry
        queue = entry.queue if entry else ""
        settings = self._config.voicemail.get(queue)
        now = self.archive.local(self._now())
        part = when if settings and when in settings.parts else ""
        try:
            wanted = self._promises.next_hours(queue, now, part) if part else until.moment(when, now)
        except ValueError as problem:
            parts = f" Parts of the day are {', '.join(settings.parts)}." if settings and settings.parts else ""
            raise NotUnderstood(f"{problem}{parts}") from None
        if (wanted - now).total_seconds() > MOST_AHEAD:
            raise NotUnderstood(f"{when!r} is more than a year away.")
        due = self._promises.soonest(queue, wanted.astimezone(UTC), part).astimezone(self._config.zone)
        how = "brought forward" if due.timestamp() < case.due else "postponed"
        state = State.RETRY if case.attempts else State.CAPTURED
        await self._move(case, state, "postpone", due=due.timestamp(), outcome="postponed")
        moved = "" if part or due == wanted else f": customers of {queue or 'this hotline'} are not rung before that"
        return f"{case.id} is {how} to {due:%A %Y-%m-%d %H:%M}{moved}."

    async def assign(self, case: Case, agent: str) -> str:
        """Give it to an agent, who is asked first: others when that one takes a break or missed the ring."""
        settings = self._config.agents.get(agent)
        if settings is None:
            raise StaffError(f"There is no agent {agent!r}; the configuration has {', '.join(self._config.agents)}.")
        queue = self._config.queues.get(case.entry.queue if case.entry else "")
        lacks = [
            f"{skill} {level}" for skill, level in (queue.needs if queue else {}).items()
            if settings.skills.get(skill, 0) < level
        ]  # fmt: skip
        if queue and lacks:
            raise StaffError(f"{agent} cannot serve {queue.name}: it needs {', '.join(lacks)}.")
        await self._move(case, case.state, "assign", outcome="assigned", agent=agent, of_agents=True)
        return (
            f"{case.id} is given to {agent}, who is asked first; others are asked while {agent} is on a break or "
            "logged out, and after a missed ring."
        )

    async def _move(
        self,
        case: Case,
        state: State,
        wish: str,
        *,
        due: float = 0.0,
        outcome: str = "",
        agent: str = "",
        of_agents: bool = False,
    ) -> None:
        """Write it down, where that may be. `of_agents`: none may be at it, not even their phones ringing."""
        self._may(case, wish)
        self._must_own()
        async with self._asked() as redis:
            await redis.must_be_free([case.id], of_agents=of_agents)
            noted = Promise(id=case.id, state=case.state, due=case.due, attempts=case.attempts)
            with told(self._outbox.spool):
                line = await redis.ledger.move(noted, state, due=due, outcome=outcome, by="staff", agent=agent)
        self.archive.read()
        now = self._book.cases[case.id]
        if line not in now.story:
            raise StaffError(f"Somebody else was quicker: {case.id} is {self.archive.state(now).value} now.")

    def _may(self, case: Case, wish: str) -> None:
        """Raises StaffError where a promise is past wishing."""
        if case.state is State.MERGED:
            raise StaffError(f"{case.id} is heard with {case.into} and ends with it: {wish} that one.")
        if case.state is State.DIALING:
            raise StaffError(_busy(case.id, case.agent))
        if not case.is_open:
            raise StaffError(
                f"{case.id} is {_ENDED.get(case.state, case.state)} already: there is nothing to {wish}."
            )

    async def erase(self, person: Person) -> bool:
        """Erase what is theirs, and what is heard with it; False where Redis is down, and will forget it later."""
        ids = {id for case in person.cases for id in self._book.family(case.id)}
        check = self._check(ids, person.number)
        self._must_own()
        async with self._asked() as redis:
            await redis.must_be_free(ids, of_agents=True)
            with told(self._outbox.spool):
                await asyncio.to_thread(remove, self._outbox, person.settled, self._book.cases.__contains__)
                await asyncio.to_thread(check)  # one may have been taken in just before
                if ids:
                    await asyncio.to_thread(Erasure(self._outbox).erase, ids, self._now(), check)
        async with self._asked() as redis:
            if redis.up and person.number:
                with contextlib.suppress(StoreDown):  # then it is forgotten in a week
                    await redis.callers.forget(person.number)
            return redis.up

    def _check(self, ids: Collection[str], number: str) -> Callable[[], None]:
        def check() -> None:
            self.archive.read()
            theirs = {case.id for case in self._book.of_number(number)}
            if (theirs | {each for id in ids for each in self._book.family(id)}) - set(ids):
                raise StaffError("The person has left another message meanwhile; see what is there, and try again.")
            for id in ids:
                if self._book.cases[id].state is State.DIALING:
                    raise StaffError(_busy(id, self._book.cases[id].agent))

        return check

    def _must_own(self) -> None:
        owner = self._outbox.lines.stat().st_uid
        if owner != os.geteuid():
            raise StaffError(
                f"The spool {self._outbox.spool} is another user's (uid {owner}); this must be run as that user."
            )

    @contextlib.asynccontextmanager
    async def _asked(self) -> AsyncIterator[_Redis]:
        store = Store(self._redis.host, self._redis.port)
        indexer = Indexer(store, self._outbox, self._now, tell=lambda _: None)
        config = self._config
        ledger = Ledger(store, self._outbox, indexer, self._now, dialing=config.dialing, zone=config.zone)
        running = asyncio.create_task(store.run())
        try:
            up = await store.wait_up(PATIENCE)
            if up:
                try:
                    await indexer.catch_up()
                except StoreDown:
                    up = False
            yield _Redis(ledger, Core(store), Callers(store, region=config.country), up)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


def _busy(id: str, agent: str, what: str = "{agent} rings the customer of {id}") -> str:
    return f"{what.format(agent=agent or 'An agent', id=id)} just now; try again when that is over."


def _whom(case: Case) -> str:
    return case.entry.number if case.entry and case.entry.number else "the caller"
