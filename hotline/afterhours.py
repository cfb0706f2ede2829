"""The second half of the composition root: all that takes messages and keeps promises is built once, here."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator, Mapping
from typing import Any

import structlog

from hotline.acd.core import Core
from hotline.acd.desk import LAST_PATIENCE, Desk
from hotline.api.promising import Promising
from hotline.api.web import Api
from hotline.callbacks.guard import Guard
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.lending import Lending
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.quota import MEGABYTE
from hotline.callbacks.requests import Requests
from hotline.callbacks.settings import CallbackSettings
from hotline.callbacks.superseding import Superseding
from hotline.callbacks.trouble import Tell
from hotline.callbacks.voicemail import Answering
from hotline.clock import Clock
from hotline.couriers import deliverers
from hotline.events import Emit
from hotline.gauges import SpoolState
from hotline.pbxs import Pbxs
from hotline.placing.brake import Brake
from hotline.placing.leg import Legs
from hotline.placing.parts import PartsOfTheDay
from hotline.placing.placing import Placing
from hotline.placing.reaper import Reaper
from hotline.running import upkeep
from hotline.schema.config import Config
from hotline.settings import Settings
from hotline.store import Store
from hotline.upkeep import promises_of, retention, rounds


def _placed(config: Config) -> Mapping[str, CallbackSettings]:
    """The queues whose promises are brought to agents: none, where no number may be dialed."""
    return config.callbacks if config.dialing.allow else {}


class AfterHours:
    """The parts, and how they hang together. `tell` is given what is wrong with the spool."""

    def __init__(
        self,
        settings: Settings,
        config: Config,
        *,
        store: Store,
        core: Core,
        desk: Desk,
        pbxs: Pbxs,
        now: Clock,
        emit: Emit,
        tell: Tell,
    ) -> None:
        self._settings, self._config = settings, config
        self._now, self._emit, self._tell = now, emit, tell
        self.guard = Guard(config.dialing)
        self.outbox = Outbox(settings.spool)
        self.indexer = Indexer(store, self.outbox, now, tell=tell)
        self.promises = promises_of(config)
        self.ledger = Ledger(
            store, self.outbox, self.indexer, now, dialing=config.dialing, zone=config.zone,
            served_by=self.promises.served_by,
        )  # fmt: skip
        self.mover = Mover(self.ledger, self.promises, now, emit)
        self.deliverers = deliverers(settings, config, self.outbox, now=now, emit=emit, tell=tell)
        self.answering = self._answering()
        self.rounds = rounds(config, self.outbox, now=now, emit=emit, kept=self._kept, tell=tell)
        self.retention = retention(config, self.outbox, self.ledger, self.indexer, now=now, emit=emit, tell=tell)
        self.requests = self._requests()
        self.superseding = Superseding(
            self.ledger, self.mover, core.ended, self.indexer.catch_up, region=config.country, now=now, tell=tell
        )
        self._log = structlog.get_logger("hotline.placing")
        self.brake = Brake(now, self._log)
        self.legs = self._legs(desk)
        self.parts = PartsOfTheDay(self.ledger, self.mover, self.promises, _placed(config), now=now)
        self.placing = self._placing(desk, pbxs)
        self.reaper = Reaper(self.ledger, desk, pbxs, self.promises, self.mover)

    def _answering(self) -> Answering:
        config = self._config
        return Answering(
            self.outbox,
            self.promises,
            region=config.country,
            dialing=config.dialing,
            quota=config.quota,
            now=self._now,
            emit=self._emit,
            kept=self._kept,
        )

    def _requests(self) -> Requests:
        config = self._config
        return Requests(
            self.ledger,
            self.mover,
            self.promises,
            config.callbacks,
            why_not=self.guard.why_not,
            prompts=config.prompts,
            region=config.country,
            now=self._now,
            emit=self._emit,
        )

    def _legs(self, desk: Desk) -> Legs:
        return Legs(
            self.ledger,
            desk,
            self.mover,
            self.promises,
            Lending(self.outbox),
            guard=self.guard,
            dialing=self._config.dialing,
            brake=self.brake,
            region=self._config.country,
        )

    def _placing(self, desk: Desk, pbxs: Pbxs) -> Placing:
        return Placing(
            self.ledger,
            desk,
            pbxs,
            self.promises,
            self.parts,
            queues=self._config.queues,
            settings=_placed(self._config),
            brake=self.brake,
            log=self._log,
        )

    def api(self) -> Api:
        """Requests from a web page or app."""
        promising = Promising(
            self._config, self.ledger, self.mover, self.promises, self.guard, now=self._now, emit=self._emit
        )
        return Api(promising, self._settings.api_token)

    def _kept(self) -> None:
        """A message was kept: nobody needs to look for it."""
        self.indexer.wake()
        for each in self.deliverers:
            each.wake()

    def work(self) -> Iterator[Coroutine[Any, Any, None]]:
        """What is to run all the time."""
        parts = self.indexer.run, self.rounds.run, self.retention.run, self.answering.run
        for run in (*parts, *(each.run for each in self.deliverers)):
            yield upkeep(run)

    async def spool_state(self) -> SpoolState:
        """Raises StoreDown, OSError."""
        unread, free = await self.indexer.unread(), await asyncio.to_thread(self.outbox.free)
        return SpoolState(*unread, free, {each.what: each.waiting for each in self.deliverers})

    async def trouble(self) -> str | None:
        """What keeps messages from being kept, in a sentence. Really writes files."""
        return await asyncio.to_thread(self.outbox.writable, self._config.quota.free * MEGABYTE)

    async def finish_messages(self) -> None:
        """No calls come any more: keep, deliver and promise what is under way. Redis may still be asked."""
        await self.answering.close()
        await asyncio.gather(*(each.close() for each in self.deliverers))
        await self.requests.close()

    async def close(self, *, at_once: bool) -> None:
        """The very last: give up what Redis still could not be told."""
        await self.superseding.close(0.0 if at_once else LAST_PATIENCE)
