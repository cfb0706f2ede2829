"""The composition root: everything is built once, here; then it runs; then it drains.

A SIGTERM or SIGINT takes no new calls and lets those under way finish; a second one ends them at once (their
callers stay with the PBX, whose dialplan goes on), even if the disk hangs. Redis and the PBXs may come and go:
nothing here waits for them to start.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator
from typing import Any

import structlog
import uvloop

from agi.protocol import Request
from agi.server import Server
from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.desk import LAST_PATIENCE, Desk
from hotline.acd.model import Snapshot
from hotline.acd.roster import keep_roster
from hotline.acd.virtual import PBX as VIRTUAL
from hotline.afterhours import AfterHours
from hotline.callbacks.indexer import PromiseCounts
from hotline.callbacks.trouble import Trouble
from hotline.callers import Callers
from hotline.clock import clock
from hotline.couriers import lacking
from hotline.events import CallRefused, Event, LinkChanged
from hotline.http import Health, remembered, serve_http
from hotline.logs import configure_logging, event_logger
from hotline.metrics import Metrics
from hotline.pbxs import Pbxs
from hotline.phones.agi import call_id
from hotline.phones.sounds import Prompt, Sounds
from hotline.reception import Reception
from hotline.running import AT_ONCE, FINISHING, EndWithin, first, last_resort, leaves, running, signals, upkeep
from hotline.schema.config import Config
from hotline.settings import Settings
from hotline.store import Store, StoreDown

FIRST_LINK = 0.5
"""Seconds that a start waits for Redis, so that callers who come back find their places at once."""

FIRST_LOOK = 2.0
"""Seconds that time stands still for agents after a start, so that nobody who talks is taken for lost before a PBX
has told us of them."""

PROBE_EVERY = 5.0
"""Seconds for which the outbox's health counts: to ask it is to write files, and anybody may ask."""


def run(settings: Settings, config: Config) -> int:
    """Run the service until it is told to stop. The exit status."""
    configure_logging()
    status = 0
    try:
        with last_resort() as end_within:
            uvloop.run(Service(settings, config).run(end_within))
    except* OSError as problems:
        for problem in leaves(problems):
            print(f"hotline could not go on: {problem}", file=sys.stderr)
        status = 1
    return status


class Service:
    """All the parts, and how they hang together."""

    def __init__(self, settings: Settings, config: Config) -> None:
        self.settings, self.config = settings, config
        self.log = structlog.get_logger("hotline")
        self.now = clock(settings.clock)
        self._log_event = event_logger()
        self.metrics = Metrics(
            config.queues,
            entries=config.flow.entries,
            menus=config.flow.menus,
            agents=config.agents,
            links=("redis", *(f"ami:{pbx.name}" for pbx in settings.ami)),
        )
        self.redis_back = asyncio.Event()
        self.store = Store(
            settings.redis.host, settings.redis.port, on_link=self._redis_link, on_refused=self._redis_refused
        )
        self.core = Core(self.store)
        self.pbxs = Pbxs(
            settings.ami,
            now=self.now,
            emit=self.emit,
            look_every=settings.reconcile,
            on_refused=lambda pbx, said: self.after_hours.brake.refused_agent(pbx, said),
        )
        self.bell = Bell({**self.pbxs.chimes(), VIRTUAL: self._chime}, self.core.taken)
        self.desk = Desk(self.core, self.bell, self.now, self.emit)
        self.after_hours = AfterHours(
            settings,
            config,
            store=self.store,
            core=self.core,
            desk=self.desk,
            pbxs=self.pbxs,
            now=self.now,
            emit=self.emit,
            tell=self._tell_trouble,
        )
        self.callers = Callers(self.store, region=config.country)
        self.sounds = Sounds(settings.sounds, tell=self._tell_unheard)
        self.reception = self._reception()
        self.pbxs.spread_nets(self.desk, self.reception.has, config.agents)
        self.server = self._server()

    def _reception(self) -> Reception:
        after = self.after_hours
        return Reception(
            self.config,
            desk=self.desk,
            answering=after.answering,
            legs=after.legs,
            requests=after.requests,
            superseding=after.superseding,
            callers=self.callers,
            sounds=self.sounds,
            pbxs=self.pbxs.names,
            emit=self.emit,
            log=self.log,
        )

    def _server(self) -> Server:
        return Server(
            self.reception.handle,
            host=self.settings.agi.host,
            port=self.settings.agi.port,
            max_calls=self.settings.max_calls,
            busy_handler=self.reception.refuse,
            on_error=self._call_failed,
            on_refused=lambda reason: self.emit(CallRefused(at=self.now(), reason=reason.value)),
        )

    def emit(self, event: Event) -> None:
        """Everything that happens is logged and counted here, and nowhere else."""
        self._log_event(event)
        self.metrics.record(event)
        self.after_hours.superseding.see(event)

    async def _chime(self, call: str) -> None:
        await self.after_hours.placing.chime(call)

    def _redis_link(self, up: bool) -> None:
        self.emit(LinkChanged(at=self.now(), link="redis", up=up))
        if up:
            self.callers.doubt()
            self.redis_back.set()

    def _call_failed(self, request: Request, error: Exception) -> None:
        self.log.error(
            "A call failed here; the dialplan has it now.",
            call=call_id(request),
            script=request.script[:40],
            exc_info=error,
        )

    def _redis_refused(self, said: str) -> None:
        self.log.error("Redis refuses our scripts: callers wait, and no agent is rung. See what it says.", redis=said)

    def _tell_trouble(self, trouble: Trouble) -> None:
        self.log.warning(trouble.message, **trouble.fields())

    def _tell_unheard(self, prompt: Prompt) -> None:
        language, name = prompt
        self.log.warning("A prompt that a caller should hear has no recording.", prompt=name, language=language)

    async def _look_for_prompts(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self.sounds.look()
        if missing := self.sounds.missing(self.config.prompts):
            self.log.warning(
                f"{len(missing)} prompts have no recording: callers do not hear them. `hotline prompts` makes them.",
                path=str(self.sounds.folder),
            )

    def _tell_what_is_missing(self) -> None:
        promises, allow = bool(self.config.voicemail), self.config.dialing.allow
        if not self.settings.ami:
            unkept = " Callbacks are promised, and nobody is called back: only a named PBX rings agents for that."
            self.log.warning(
                "HOTLINE_AMI names no PBX. Calls are served, but a waiting caller learns of a free agent up to 3 s "
                "late, who talks counts as being rung until the call is over, and an agent whose call outlives its "
                f"service may be rung for another one half a minute later.{unkept if promises and allow else ''}"
            )
        for sentence in lacking(self.settings, self.config):
            self.log.warning(sentence)
        if promises and not allow:
            self.log.info("`callbacks.allow` allows no number: promises are listed, and no agent is rung for them.")

    # -- running --------------------------------------------------------------------------------------------------

    async def run(self, end_within: EndWithin) -> None:
        """Serve until a signal says to stop; then drain."""
        stop, at_once = signals(lambda: end_within(AT_ONCE))
        try:
            await self._serve(stop, at_once)
        finally:
            end_within(FINISHING)
        self.log.info("Stopped.")

    async def _serve(self, stop: asyncio.Event, at_once: asyncio.Event) -> None:
        await asyncio.to_thread(self.after_hours.outbox.prepare)
        await self._look_for_prompts()
        self._tell_what_is_missing()
        async with (
            running(*self._work(), self._looking(), *self.pbxs.work()),
            self._web(),
        ):
            await self.store.wait_up(FIRST_LINK)
            after = self.after_hours
            work = after.placing.run(), upkeep(after.parts.run), after.reaper.run()
            async with running(self._keep_time(), *work), self.server:
                self.log.info("Ready for calls.", agi=str(self.settings.agi), http=str(self.settings.http))
                await stop.wait()
                self.log.info(
                    "Draining: no new calls; a second signal ends those under way.", calls=self.server.calls
                )
                await first(self._drain(), at_once.wait())
            await first(self.after_hours.finish_messages(), asyncio.sleep(FINISHING), self._last_moment(at_once))
            await self.pbxs.close()
            await self.desk.close(0.0 if at_once.is_set() else LAST_PATIENCE)
            await self.after_hours.close(at_once=at_once.is_set())

    async def _last_moment(self, at_once: asyncio.Event) -> None:
        """Most of what there is after the second signal: a disk that does not hang keeps everything in it."""
        await at_once.wait()
        await asyncio.sleep(AT_ONCE / 2)

    async def _drain(self) -> None:
        await self.after_hours.placing.drain()
        await self.server.drain()

    def _web(self) -> contextlib.AbstractAsyncContextManager[int]:
        http, api = self.settings.http, self.after_hours.api()
        return serve_http(http.host, http.port, self._figures, self._health(), api.routes())

    async def _figures(self) -> bytes:
        return await self.metrics.render(self._standing, self.after_hours.spool_state, self.now())

    async def _standing(self) -> tuple[Snapshot, PromiseCounts]:
        return await self.core.snapshot(), await self.after_hours.indexer.promises(self.now())

    def _health(self) -> Health:
        async def redis() -> str | None:
            try:
                await self.core.check()
            except StoreDown as down:
                return str(down)
            return self.desk.trouble or None

        return Health(
            {
                "redis": redis,
                "outbox": remembered(self.after_hours.trouble, PROBE_EVERY),
                **self.pbxs.pings(),
            },
            vital=("outbox",),
        )

    def _work(self) -> Iterator[Coroutine[Any, Any, None]]:
        yield self.store.run()
        yield self.sounds.run()
        yield from self.after_hours.work()
        yield keep_roster(self.desk, self.config.agents)

    async def _looking(self) -> None:
        """Compare Redis with every PBX each time it is back: it may have lost the last second, or everything."""
        while True:
            await self.redis_back.wait()
            self.redis_back.clear()
            await self.pbxs.look()

    async def _keep_time(self) -> None:
        """Give the PBXs and Redis a moment to tell how things stand, before time runs out for anybody."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self.store.wait_up(FIRST_LOOK)
                await self.pbxs.looked()
        await self.desk.run()
