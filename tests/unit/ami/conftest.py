"""A client, and the scripted peer it talks to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
from scripted_pbx import Peer, ScriptedPbx

from ami.client import Client


@pytest.fixture
async def pbx() -> AsyncIterator[ScriptedPbx]:
    async with _listening() as scripted:
        yield scripted


@pytest.fixture
async def other() -> AsyncIterator[ScriptedPbx]:
    """A second one."""
    async with _listening() as scripted:
        yield scripted


@contextlib.asynccontextmanager
async def _listening() -> AsyncIterator[ScriptedPbx]:
    scripted = ScriptedPbx()
    server = await asyncio.get_running_loop().create_server(lambda: Peer(scripted), "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    async with server:
        yield scripted
        for peer in scripted.peers:
            peer.transport.abort()
        await asyncio.gather(*(peer.lost for peer in scripted.peers))


@pytest.fixture
async def connect(pbx: ScriptedPbx) -> AsyncIterator[Callable[..., Client]]:
    """Make a client of the scripted PBX that runs until the test's end, and leaves no task behind."""
    async with contextlib.AsyncExitStack() as stack:

        def make(**options: object) -> Client:
            client = Client("127.0.0.1", pbx.port, "hotline", "s3", name="pbx1", **options)  # type: ignore[arg-type]
            task = asyncio.create_task(client.run())
            stack.push_async_callback(_stop, task)
            return client

        yield make
    others = asyncio.all_tasks() - {asyncio.current_task()}
    if others:  # the scripted PBX may be about to accept a link that nobody wants any more
        await asyncio.wait(others, timeout=5)
    assert asyncio.all_tasks() - {asyncio.current_task()} == set()


async def _stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
