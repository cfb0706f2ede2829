"""A real service on a spool that hangs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotline.callbacks.outbox import Outbox
from hotline.running import AT_ONCE
from lab.process import free_port
from lab.service import Service

GOOD = Path(__file__).parents[1] / "schema" / "good.yaml"
ENDED = "Ended while something still waits for the disk"


@pytest.fixture
async def service(outbox: Outbox, tmp_path: Path) -> AsyncIterator[Service]:
    """Whoever opens the newest file of the outbox to read it waits for ever."""
    os.mkfifo(outbox.lines / "2026-11.jsonl")
    environment = {
        "HOTLINE_CONFIG": str(GOOD),
        "HOTLINE_AGI": f"127.0.0.1:{free_port()}",
        "HOTLINE_HTTP": f"127.0.0.1:{free_port()}",
        "HOTLINE_REDIS": "127.0.0.1:1",
        "HOTLINE_SPOOL": str(outbox.spool),
        "HOTLINE_SOUNDS": str(tmp_path),
    }
    service = Service(environment, log=tmp_path / "service.log")
    await service.start()
    yield service
    await service.stop()


@pytest.mark.parametrize("after", ["Draining: no new calls; a second signal ends those under way.", "Stopped."])
async def test_told_twice_to_stop_it_ends_at_once(service: Service, after: str) -> None:
    service.terminate()
    await service.event(after)
    service.terminate()
    assert await asyncio.wait_for(service.wait(), AT_ONCE + 5) == 1
    assert service.events[-1]["event"].startswith(ENDED)
