"""The composition root: everything is built once, here; then it runs; then it drains.

A SIGTERM or SIGINT takes no new calls and lets those under way finish; a second one ends them at once (their
callers stay with the PBX, whose dialplan goes on). Redis and the PBXs may come and go: nothing here waits for
them to start.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from typing import Any

import structlog
import uvloop

from agi.protocol import Request
from agi.server import Server
from ami.actions import LinkDown
from ami.client import Client
from hotline.acd.bell import Bell, Chime
from hotline.acd.core import Core
from hotline.acd.desk import LAST_PATIENCE, Desk
from hotline.acd.model import Snapshot
from hotline.acd.nets import Nets
from hotline.acd.roster import keep_roster
from hotline.callbacks.indexer import Indexer, PromiseCounts
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.rounds import Rounds
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.trouble import Trouble
from hotline.callbacks.voicemail import Answering
from hotline.clock import clock
from hotline.events import CallRefused, Event, LinkChanged
from hotline.flow.phone import BELL
from hotline.http import Health, remembered, serve_http
from hotline.logs import configure_logging, event_logger
from hotline.metrics import Metrics
from hotline.phones.agi import call_id
from hotline.phones.sounds import Prompt, Sounds
from hotline.reception import Reception
from hotline.schema.config import Config
from hotline.settings import Manager, Settings
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
        uvloop.run(Service(settings, config).run())
    except* OSError as problems:
        for problem in _leaves(problems):
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
        self.pbxs = {manager.name: self._client(manager) for manager in settings.ami}
        self.bell = Bell({name: _chime(client) for name, client in self.pbxs.items()}, self.core.taken)
        self.desk = Desk(self.core, self.bell, self.now, self.emit)
        self.outbox = Outbox(settings.spool)
        self.indexer = Indexer(self.store, self.outbox, self.now, tell=self._tell_trouble)
        self.promises = Promises(config.voicemail, config.calendars)
        self.rounds = self._rounds()
        self.answering = self._answering()
        self.sounds = Sounds(settings.sounds, tell=self._tell_unheard)
        self.reception = Reception(
            config,
            desk=self.desk,
            answering=self.answering,
            sounds=self.sounds,
            pbxs=self.pbxs,
            emit=self.emit,
            log=self.log,
        )
        self.nets = {
            name: Nets(name, self.desk, self.reception.has, client.snapshot) for name, client in self.pbxs.items()
        }
        self.server = Server(
            self.reception.handle,
            host=settings.agi.host,
            port=settings.agi.port,
            max_calls=settings.max_calls,
            busy_handler=self.reception.refuse,
            on_error=self._call_failed,
            on_refused=lambda reason: self.emit(CallRefused(at=self.now(), reason=reason.value)),
        )

    def emit(self, event: Event) -> None:
        """Everything that happens is logged and counted here, and nowhere else."""
        self._log_event(event)
        self.metrics.record(event)

    def _client(self, pbx: Manager) -> Client:
        address = pbx.address
        return Client(
            address.host,
            address.port,
            pbx.user,
            pbx.secret,
            name=pbx.name,
            clock=self.now,
            on_link=self._link(f"ami:{pbx.name}"),
        )

    def _answering(self) -> Answering:
        return Answering(
            self.outbox,
            self.promises,
            region=self.config.country,
            now=self.now,
            emit=self.emit,
            kept=self.indexer.wake,
        )

    def _rounds(self) -> Rounds:
        return Rounds(
            Salvage(self.outbox, due=self.promises.due_at, region=self.config.country),
            longest=self.promises.longest,
            now=self.now,
            emit=self.emit,
            kept=self.indexer.wake,
            tell=self._tell_trouble,
        )

    def _link(self, name: str) -> Callable[[bool], None]:
        return lambda up: self.emit(LinkChanged(at=self.now(), link=name, up=up))

    def _redis_link(self, up: bool) -> None:
        self._link("redis")(up)
        if up:
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
        if not self.settings.ami:
            self.log.warning(
                "HOTLINE_AMI names no PBX. Calls are served, but a waiting caller learns of a free agent up to 3 s "
                "late, who talks counts as being rung until the call is over, and an agent whose call outlives its "
                "service may be rung for another one half a minute later."
            )

    # -- running --------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until a signal says to stop; then drain."""
        stop, at_once = _signals()
        await asyncio.to_thread(self.outbox.prepare)
        await self._look_for_prompts()
        self._tell_what_is_missing()
        async with (
            _running(*self._work(), self._looking(), *self._links()),
            self._web(),
        ):
            await self.store.wait_up(FIRST_LINK)
            async with _running(self._keep_time()), self.server:
                self.log.info("Ready for calls.", agi=str(self.settings.agi), http=str(self.settings.http))
                await stop.wait()
                self.log.info(
                    "Draining: no new calls; a second signal ends those under way.", calls=self.server.calls
                )
                await _first(self.server.drain(), at_once.wait())
            await self.answering.close()
            for net in self.nets.values():
                await net.close()
            await self.desk.close(0.0 if at_once.is_set() else LAST_PATIENCE)
        self.log.info("Stopped.")

    def _web(self) -> contextlib.AbstractAsyncContextManager[int]:
        return serve_http(self.settings.http.host, self.settings.http.port, self._figures, self._health())

    async def _figures(self) -> bytes:
        return await self.metrics.render(self._standing, self.now())

    async def _standing(self) -> tuple[Snapshot, PromiseCounts]:
        return await self.core.snapshot(), await self.indexer.promises(self.now())

    def _health(self) -> Health:
        async def redis() -> str | None:
            try:
                await self.core.check()
            except StoreDown as down:
                return str(down)
            return self.desk.trouble or None

        async def outbox() -> str | None:
            return await asyncio.to_thread(self.outbox.writable)

        return Health(
            {
                "redis": redis,
                "outbox": remembered(outbox, PROBE_EVERY),
                **{f"ami:{name}": _ping(c) for name, c in self.pbxs.items()},
            },
            vital=("outbox",),
        )

    def _work(self) -> Iterator[Coroutine[Any, Any, None]]:
        for part in (self.store, self.indexer, self.rounds, self.sounds):
            yield part.run()
        yield keep_roster(self.desk, self.config.agents)

    def _links(self) -> Iterator[Coroutine[Any, Any, None]]:
        for name, client in self.pbxs.items():
            yield client.run()
            yield self._listen(client, self.nets[name])

    async def _listen(self, client: Client, nets: Nets) -> None:
        async for message in client.events():
            await nets.hear(message)

    async def _looking(self) -> None:
        """Compare Redis with every PBX each time it is back: it may have lost the last second, or everything."""
        while True:
            await self.redis_back.wait()
            self.redis_back.clear()
            for nets in self.nets.values():
                await nets.look()

    async def _keep_time(self) -> None:
        """Give the PBXs and Redis a moment to tell how things stand, before time runs out for anybody."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self.store.wait_up(FIRST_LOOK)
                for nets in self.nets.values():
                    await nets.looked.wait()
        await self.desk.run()


@contextlib.asynccontextmanager
async def _running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run background work for as long as the block lasts. Work that fails ends the service: it is a fault of ours."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


def _leaves(group: BaseExceptionGroup[OSError]) -> Iterator[OSError]:
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from _leaves(each)
        else:
            yield each


async def _first(*work: Coroutine[Any, Any, Any]) -> None:
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _chime(client: Client) -> Chime:
    async def chime(channel: str) -> None:
        try:
            await client.play_dtmf(channel, BELL)
        except LinkDown as down:
            raise ConnectionError(str(down)) from down

    return chime


def _ping(client: Client) -> Callable[[], Awaitable[str | None]]:
    async def ping() -> str | None:
        try:
            await client.action("Ping")
        except LinkDown as down:
            return f"{down} Callers are served, but bells ring late."
        return None

    return ping


def _signals() -> tuple[asyncio.Event, asyncio.Event]:
    """The first SIGTERM or SIGINT, and the second."""
    loop, first, second = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def told() -> None:
        (second if first.is_set() else first).set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, told)
    return first, second
