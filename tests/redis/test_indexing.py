"""`hotline index` as a real process, on a real Redis: beside services all the time, or once after a wipe."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import sys
import time
import wave
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks import lines
from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox
from hotline.schema import loads
from hotline.upkeep import promises_of
from lab.service import Service

CONFIG = Path(__file__).parents[1] / "asterisk" / "hotline.yaml"
NOW = 1_795_000_000.0


def _sound() -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setparams((1, 2, 8000, 0, "NONE", ""))
        recording.writeframes(bytes(range(200)) * 240)
    return file.getvalue()


SOUND = _sound()
"""Three seconds."""


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
    nothing_taken_in = "0 recordings taken in; promises that are new in Redis: {}.\n"
    assert (await once(outbox, shared_server.port))[:2] == (0, nothing_taken_in.format(3))
    assert (await once(outbox, shared_server.port))[:2] == (0, nothing_taken_in.format(0))


def test_what_is_taken_in_is_promised_as_a_service_promises_it():
    text = (CONFIG.parent / "callbacks.yaml").read_text()
    config = loads(text.replace("callbacks: {attempts", 'callbacks: {between: ["10:00-12:00"], attempts'))
    friday = datetime(2026, 11, 27, 22, 15, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh")).timestamp()
    due = datetime.fromtimestamp(promises_of(config).due_at("power", friday), config.zone)
    assert f"{due:%a %H:%M}" == "Tue 10:00"


async def test_what_a_crash_left_behind_is_taken_in_at_the_start_and_what_is_gone_is_told(
    outbox, redis, shared_server
):
    keep(outbox, "gone")  # its recording was never there
    record(outbox.kept / "renamed.wav")
    record(outbox.tmp / "spoken.wav", closed=False, note="call=pbx1-2.1\nnumber=+84901234567\nqueue=power\n")
    record(outbox.fallback / "pbx1-3.1.wav", note="number=0907654321\nentry=1900\n")
    (lines_,) = outbox.lines.glob("*.jsonl")
    lines_.write_bytes(lines_.read_bytes() + b'{"v": 1, "kind": "kept", "id": "torn')
    status, said, complained = await once(outbox, shared_server.port)
    assert (status, said) == (0, "3 recordings taken in; promises that are new in Redis: 4.\n")
    kept = {entry.call or entry.id: entry for entry in outbox.entries().entries}
    assert sorted(kept) == ["pbx1-2.1", "pbx1-3.1", "pbx1-gone", "renamed"]
    assert (kept["pbx1-2.1"].number, kept["pbx1-3.1"].number) == ("+84901234567", "+84907654321")
    for name in ("pbx1-2.1", "pbx1-3.1", "renamed"):
        recording = (outbox.kept / f"{kept[name].id}.wav").read_bytes()
        assert recording == SOUND
        assert kept[name].sha256 == hashlib.sha256(SOUND).hexdigest()
        assert redis("HGET", f"hotline:promise:{kept[name].id}", "sha256").decode() == kept[name].sha256
    troubles = [json.loads(line) for line in complained.splitlines() if '"warning"' in line]
    assert [(each["path"], "gone" in each["event"]) for each in troubles] == [
        ("voicemail/gone.wav", True),
        (f"outbox/{lines_.name}", False),
    ]
    assert "901234567" not in complained


def record(path: Path, *, closed: bool = True, note: str = "") -> None:
    """A recording that lies there for an hour."""
    path.write_bytes(SOUND if closed else SOUND[:4] + b"\0" * 4 + SOUND[8:40] + b"\0" * 4 + SOUND[44:])
    if note:
        path.with_suffix(".note").write_text(note)
    for file in (path, path.with_suffix(".note")):
        if file.exists():
            os.utime(file, (time.time() - 3600,) * 2)


async def test_one_round_without_redis_says_so(outbox, server):
    server.kill()
    status, said, complained = await once(outbox, server.port)
    assert (status, said) == (1, "")
    assert f"Redis does not answer at 127.0.0.1:{server.port}" in complained
