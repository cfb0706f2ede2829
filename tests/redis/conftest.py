"""A real Redis for every test here: one server per session, emptied before each test; faulty ones on demand."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import hiredis
import pytest
from floor import ANNA, Floor
from outbound import Outbound

from hotline.acd.core import Core
from hotline.store import Script, Store
from lab.process import free_port
from lab.programs import program


class Direct:
    """A plain blocking connection, for looking into Redis and for tests that need thousands of calls."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._reader = hiredis.Reader()

    def __call__(self, *command: str | bytes | int | float) -> Any:
        parts = [part if isinstance(part, bytes) else str(part).encode() for part in command]
        lines = [b"*%d\r\n" % len(parts)] + [b"$%d\r\n%s\r\n" % (len(part), part) for part in parts]
        self._socket.sendall(b"".join(lines))
        while (reply := self._reader.gets()) is False:
            self._reader.feed(self._socket.recv(65536))
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def script(self, script: Script, keys: list[bytes], args: list[bytes]) -> Any:
        try:
            return self("EVALSHA", script.sha, len(keys), *keys, *args)
        except hiredis.ReplyError as error:
            if not str(error).startswith("NOSCRIPT"):
                raise
        return self("EVAL", script.source, len(keys), *keys, *args)

    def close(self) -> None:
        self._socket.close()


class RedisServer:
    """A redis-server that remembers nothing (lab.redis has one that does), started and harmed without awaiting."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self._folder)]
        self._process = subprocess.Popen(
            [program("redis-server"), "--port", str(self.port), *options],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 20
        while True:
            try:
                self.direct().close()
            except OSError:
                assert time.monotonic() < deadline, "redis-server did not come up"
                time.sleep(0.02)
            else:
                return

    def direct(self) -> Direct:
        return Direct(self.port)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """As a crash would: nothing is saved, connections break."""
        if self._process:
            self._signal(signal.SIGKILL)
            self._process.wait()
            self._process = None

    def _signal(self, number: int) -> None:
        assert self._process
        os.kill(self._process.pid, number)


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    server.start()
    yield server
    server.kill()


@pytest.fixture
def redis(shared_server: RedisServer) -> Iterator[Direct]:
    """An empty Redis, and a connection that looks into it."""
    direct = shared_server.direct()
    direct("FLUSHALL")
    yield direct
    direct.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A Redis of this test alone, to be killed and frozen."""
    server = RedisServer(tmp_path)
    server.start()
    yield server
    server.kill()


@pytest.fixture
async def connect() -> AsyncIterator[Callable[..., Any]]:
    """Makes stores that are connected, and closes them afterwards."""
    running: list[asyncio.Task[None]] = []

    async def make(port: int, **options: Any) -> Store:
        store = Store("127.0.0.1", port, **options)
        running.append(asyncio.create_task(store.run()))
        assert await store.wait_up(5)
        return store

    yield make
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


@pytest.fixture
async def store(redis: Direct, shared_server: RedisServer, connect: Callable[..., Any]) -> Store:
    made: Store = await connect(shared_server.port, deadline=5.0)
    return made


@pytest.fixture
def floor(store: Store) -> Floor:
    return Floor(Core(store))


@pytest.fixture
async def outbound(floor: Floor, tmp_path: Path, store: Store) -> Outbound:
    """Callbacks on their way out; anna is at work."""
    await floor.core.login(ANNA, floor.moment)
    return Outbound(floor, tmp_path / "spool", store)
