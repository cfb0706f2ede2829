"""A whole hotline on loopback, as an admin would run it: Redis, a PBX, the world around it, and the service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from lab.pbx import AGENTS, Pbx
from lab.process import free_port
from lab.programs import program
from lab.redis import Redis
from lab.service import Line, Service
from lab.world import Phone, World

ROOT = Path(__file__).parents[2]


class House:
    """Everything in one folder, on free ports. `services` hotline processes share one Redis and one PBX.

    `phones` are the accounts from which agents may dial their codes; `under` is a program that runs the services and
    leaves its place to them.
    """

    def __init__(
        self,
        folder: Path,
        config: Path,
        sounds: Path,
        *,
        services: int = 1,
        max_calls: int = 200,
        phones: Sequence[str] = AGENTS,
        on_line: Callable[[Line], None] | None = None,
        under: Sequence[str | Path] = (),
    ) -> None:
        self.folder, self.config, self.sounds = folder, config, sounds
        self.spool, self.clock = folder / "spool", folder / "clock"
        self._max_calls, self._on_line, self._under = max_calls, on_line, under
        self._ports = [(free_port(), free_port()) for _ in range(services)]
        self.redis = Redis(folder / "redis")
        self.pbx = Pbx(
            folder / "pbx",
            servers=[f"127.0.0.1:{agi}" for agi, _ in self._ports],
            spool=self.spool,
            sounds=sounds,
            agents=phones,
        )
        self.manager_port = self.pbx.ami
        """Where the services find the PBX's manager: a test may put a lab.link.Link between, before they start."""
        self.world = World(folder / "world", self.pbx)
        self.services: list[Service] = []
        self._stack = AsyncExitStack()

    @property
    def service(self) -> Service:
        """The first service, for houses that have one."""
        return self.services[0]

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        for part in ("tmp", "fallback"):
            (self.spool / part).mkdir(parents=True, exist_ok=True)
        try:
            await self._stack.enter_async_context(self.redis)
            await self._stack.enter_async_context(self.pbx)
            await self._stack.enter_async_context(self.world)
            self.services = [self.make_service(number) for number in range(len(self._ports))]
            for service in self.services:
                self._stack.push_async_callback(service.stop)
            await asyncio.gather(*(service.start() for service in self.services))
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    def make_service(self, number: int = 0) -> Service:
        """The service of that number, not started."""
        agi, http = self._ports[number]
        environment = {
            "HOTLINE_CONFIG": str(self.config),
            "HOTLINE_AGI": f"127.0.0.1:{agi}",
            "HOTLINE_HTTP": f"127.0.0.1:{http}",
            "HOTLINE_AMI": self.pbx.ami_address.replace(f":{self.pbx.ami}", f":{self.manager_port}"),
            "HOTLINE_REDIS": self.redis.address,
            "HOTLINE_SPOOL": str(self.spool),
            "HOTLINE_SOUNDS": str(self.sounds),
            "HOTLINE_CLOCK": str(self.clock or ""),
            "HOTLINE_MAX_CALLS": str(self._max_calls),
        }
        log = self.folder / f"hotline-{number + 1}.log"
        return Service(environment, log=log, on_line=self._on_line, under=self._under)

    def make_indexer(self) -> Service:
        """`hotline index` beside the services, not started."""
        environment = {
            "HOTLINE_CONFIG": str(self.config),
            "HOTLINE_REDIS": self.redis.address,
            "HOTLINE_SPOOL": str(self.spool),
            "HOTLINE_CLOCK": str(self.clock),
        }
        return Service(environment, log=self.folder / "hotline-index.log", on_line=self._on_line, command="index")

    @property
    def metrics_url(self) -> str:
        return f"http://127.0.0.1:{self._ports[0][1]}/metrics"

    def set_clock(self, moment: datetime) -> None:
        """Move the services' clock to an aware moment; it goes on from there."""
        ahead = moment - datetime.now(moment.tzinfo)
        new = self.clock.with_suffix(".new")
        new.write_text(f"{ahead / timedelta(seconds=1):.3f}")
        new.replace(self.clock)  # at once: whoever reads an empty file is days away for a moment

    async def begin_shift(self, *names: str) -> list[Phone]:
        """Register agents' phones and dial *11 from each, as agents do."""
        phones = [await self.world.phone(name) for name in names]
        for phone in phones:
            async with phone.dial("*11") as call:
                await call.hung_up()
        return phones

    async def end_shift(self, *names: str) -> None:
        """Dial *12 from each phone."""
        for name in names:
            phone = await self.world.phone(name)
            async with phone.dial("*12") as call:
                await call.hung_up()


def sounds_of(config: Path) -> Path:
    """Where the prompts of a configuration are kept: a folder of its own, since another's may have other texts."""
    return ROOT / ".lab" / "sounds" / f"{config.parent.name}-{config.stem}"


async def make_prompts(config: Path) -> Path:
    """`hotline prompts`, with its progress bar, into sounds_of(config); it makes only what is missing."""
    sounds = sounds_of(config)
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "hotline", "prompts", str(config), "--sounds", str(sounds)),
        *("--espeak", str(program("espeak-ng")), "--sox", str(program("sox"))),
        cwd=ROOT,
    )
    if await child.wait() != 0:
        raise SystemExit("The prompts could not be made; the lines above say why.")
    return sounds
