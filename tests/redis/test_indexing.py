"""`hotline index` as a real process, on a real Redis: beside services all the time, or once after a wipe."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from hotline.callbacks import lines
from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox
from lab.service import Service

CONFIG = Path(__file__).parents[1] / "asterisk" / "hotline.yaml"
NOW = 1_795_000_000.0


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    outbox = Outbox(tmp_path / "spool")
    outbox.prepare()
    return outbox


def environment(outbox: Outbox, port: int) -> dict[str, str]:
    return {
        "HOTLINE_CONFIG": str(CONFIG),
        "HOTLINE_REDIS": f"127.0.0.1:{port}",
        "HOTLINE_SPOOL": str(outbox.spool),
    }


@pytest.fixture
async def indexer(outbox: Outbox, shared_server: Any, tmp_path: Path) -> AsyncIterator[Service]:
    service = Service(environment(outbox, shared_server.port), log=tmp_path / "index.log", command="index")
    yield service
    await service.stop()


def keep(outbox: Outbox, id: str) -> None:
    entry = Entry(
        id=id, call=f"pbx1-{id}", queue="power", entry="1900", language="en", recorded_at=NOW, due=NOW + 1e9,
        seconds=3.5, hung_up=False, kept_at=NOW, sha256="0" * 64,
    )  # fmt: skip
    lines.append(outbox.lines, entry)


async def once(outbox: Outbox, port: int) -> tuple[int, str, str]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "hotline", "index", "--once"),
        env={**os.environ, **environment(outbox, port)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await child.communicate()
    assert child.returncode is not None
    return child.returncode, said.decode(), complained.decode()


async def known(redis: Any, *ids: str) -> None:
    async with asyncio.timeout(10):
        while not all(redis("EXISTS", f"hotline:promise:{id}") for id in ids):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.02)


async def test_it_indexes_until_it_is_told_to_stop_and_after_it_was_killed(outbox, indexer, redis):
    keep(outbox, "a")
    await indexer.start()
    await known(redis, "a")
    indexer.kill()
    await indexer.wait()
    redis("FLUSHALL")
    keep(outbox, "b")
    await indexer.start()
    await known(redis, "a", "b")
    indexer.terminate()
    assert await indexer.wait() == 0


async def test_one_round_tells_what_it_found(outbox, redis, shared_server):
    for id in "abc":
        keep(outbox, id)
    nothing_taken_in = "0 recordings taken in; {} promises are new in Redis.\n"
    assert (await once(outbox, shared_server.port))[:2] == (0, nothing_taken_in.format(3))
    assert (await once(outbox, shared_server.port))[:2] == (0, nothing_taken_in.format(0))


async def test_one_round_without_redis_says_so(outbox, server):
    server.kill()
    status, said, complained = await once(outbox, server.port)
    assert (status, said) == (1, "")
    assert f"Redis does not answer at 127.0.0.1:{server.port}" in complained
