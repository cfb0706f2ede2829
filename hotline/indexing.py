"""The indexer as a process of its own (`hotline index`): it takes in recordings that nobody kept, and keeps Redis up
to date with the outbox. Every service does the same beside its calls; this one needs no PBX and takes no calls.

Any number of them, and of services, may run on one spool, and any may die at any moment: see callbacks/indexer.py.
"""

from __future__ import annotations

import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path

import structlog
import uvloop

from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.trouble import Trouble
from hotline.clock import clock
from hotline.events import Event, LinkChanged, VoicemailSaved
from hotline.logs import configure_logging, event_logger
from hotline.running import AT_ONCE, FINISHING, EndWithin, last_resort, leaves, running, signals, upkeep
from hotline.schema.config import Config
from hotline.settings import Address
from hotline.store import Store, StoreDown
from hotline.tables import many
from hotline.upkeep import retention, rounds

PATIENCE = 3.0
"""Seconds that a single round waits for Redis."""


@dataclass(frozen=True, slots=True)
class Round:
    """What one round found."""

    taken_in: int
    """Recordings that nobody had kept."""
    indexed: int
    """Promises that are new in Redis."""


def run(config: Config, *, redis: Address, spool: Path, clock_file: Path | None, once: bool) -> int:
    """Index until SIGTERM or SIGINT; `once`: one round, and tell what it found. The exit status."""
    configure_logging()
    indexing = _Indexing(config, redis, spool, clock_file)
    try:
        if once:
            found = asyncio.run(indexing.once())
            taken_in = many(found.taken_in, "recording")
            print(f"{taken_in} taken in; promises that are new in Redis: {found.indexed}.")
        else:
            with last_resort() as end_within:
                uvloop.run(indexing.run(end_within))
    except* OSError as problems:
        for problem in leaves(problems):
            print(f"hotline index could not go on: {problem}", file=sys.stderr)
        status = 1
    else:
        status = 0
    return status


class _Indexing:
    def __init__(self, config: Config, redis: Address, spool: Path, clock_file: Path | None) -> None:
        self._redis, self._log, self._log_event = redis, structlog.get_logger("hotline"), event_logger()
        self._now, self._taken_in = clock(clock_file), 0
        self._store = Store(redis.host, redis.port, on_link=self._linked, on_refused=self._refused)
        self._outbox = Outbox(spool)
        self._indexer = Indexer(self._store, self._outbox, self._now, tell=self._tell)
        ledger = Ledger(self._store, self._outbox, self._indexer, self._now, dialing=config.dialing, zone=config.zone)
        self._retention = retention(
            config, self._outbox, ledger, self._indexer, now=self._now, emit=self._emit, tell=self._tell
        )
        self._rounds = rounds(
            config, self._outbox, now=self._now, emit=self._emit, kept=self._indexer.wake, tell=self._tell
        )

    async def run(self, end_within: EndWithin) -> None:
        stop, _ = signals(lambda: end_within(AT_ONCE))
        await asyncio.to_thread(self._outbox.prepare)
        parts = self._rounds.run, self._indexer.run, self._retention.run
        async with running(self._store.run(), *map(upkeep, parts)):
            self._log.info("Indexing.", redis=str(self._redis), path=str(self._outbox.spool))
            await stop.wait()
            end_within(FINISHING)
        self._log.info("Stopped.")

    async def once(self) -> Round:
        await asyncio.to_thread(self._outbox.prepare)
        await self._rounds.walk()
        async with running(self._store.run()):
            if not await self._store.wait_up(PATIENCE):
                raise StoreDown(f"Redis does not answer at {self._redis}; start it, or set HOTLINE_REDIS.")
            return Round(self._taken_in, await self._indexer.catch_up())

    def _emit(self, event: Event) -> None:
        self._taken_in += isinstance(event, VoicemailSaved)
        self._log_event(event)

    def _linked(self, up: bool) -> None:
        self._emit(LinkChanged(at=self._now(), link="redis", up=up))

    def _refused(self, said: str) -> None:
        self._log.error("Redis refuses our scripts: promises wait in the outbox. See what it says.", redis=said)

    def _tell(self, trouble: Trouble) -> None:
        self._log.warning(trouble.message, **trouble.fields())
