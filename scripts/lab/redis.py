"""A private Redis that keeps its data and its port through restarts."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL, PIPE
from pathlib import Path
from typing import Self

from lab.process import Process, free_port
from lab.programs import program


class Redis:
    """`async with Redis(folder) as redis:` runs it; `address` is host:port."""

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self.folder, self.port = folder, port or free_port()
        options = f"--port {self.port} --bind 127.0.0.1 --appendonly yes --appendfsync everysec --daemonize no"
        command = [program("redis-server"), *options.split(), "--save", "", "--dir", folder]
        self.process = Process("redis", command, log=folder / "redis.log")

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start it (again) and wait until its data is loaded."""
        self.folder.mkdir(parents=True, exist_ok=True)
        begun = self.process.log.stat().st_size if self.process.log.exists() else 0
        await self.process.start()
        await self.process.logs("Ready to accept connections", start=begun)

    async def stop(self) -> None:
        await self.process.stop()

    async def ask(self, *words: str) -> str:
        """What redis-cli answers to a command; nothing where Redis is down."""
        command = (program("redis-cli"), "-p", str(self.port), *words)
        child = await asyncio.create_subprocess_exec(*command, stdout=PIPE, stderr=DEVNULL)
        answer, _ = await child.communicate()
        return answer.decode().strip()

    async def wipe(self) -> None:
        """FLUSHALL; a Redis that is just down keeps what it has."""
        await self.ask("FLUSHALL")

    async def kill(self) -> None:
        await self.process.kill()

    def pause(self) -> None:
        self.process.pause()

    def resume(self) -> None:
        self.process.resume()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()
