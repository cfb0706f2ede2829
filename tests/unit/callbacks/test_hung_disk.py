"""A real service on a spool that hangs: told to stop it stops, and in the end at once."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from hotline.app import AT_ONCE
from hotline.callbacks.outbox import Outbox
from lab.process import free_port
from lab.service import Service

GOOD = Path(__file__).parents[1] / "schema" / "good.yaml"


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


@pytest.mark.parametrize("times", [1, 2])
async def test_a_service_whose_disk_hangs_ends_when_it_is_told_to(service: Service, times: int) -> None:
    for _ in range(times):
        service.terminate()
    status = await asyncio.wait_for(service.wait(), AT_ONCE + 5)
    assert status == 1
    assert service.events[-1]["event"].startswith("Ended while something still waits for the disk")
