"""The service as a real process hands messages on to a real mail server and webhook: killed, without Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web
from messages import NUMBER, done, kept
from postoffice import PostOffice, opened

from hotline.callbacks.outbox import Outbox
from lab.process import free_port
from lab.service import Service

GOOD = Path(__file__).parents[1] / "schema" / "good.yaml"


def configuration(folder: Path, hook: str) -> Path:
    """One queue whose messages are mailed and told."""
    tree: dict[str, Any] = yaml.safe_load(GOOD.read_text())
    tree["callbacks"] = {"mail_from": "hotline@example.org"}
    tree["queues"]["power"]["voicemail"] |= {"mail": ["desk@example.org"], "webhook": hook}
    path = folder / "hotline.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


class Desk:
    """A webhook that is not there at first."""

    def __init__(self) -> None:
        self.there = False
        self.asked = asyncio.Event()
        self.ids: list[str] = []

    async def take(self, request: web.Request) -> web.Response:
        self.asked.set()
        if not self.there:
            return web.Response(status=503)
        self.ids.append((await request.json())["id"])
        return web.Response(status=204)


@pytest.fixture
async def desk() -> Desk:
    return Desk()


@pytest.fixture
async def hook(desk: Desk) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/calls", desk.take)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/calls"
    await runner.cleanup()


async def test_a_message_arrives_though_the_service_is_killed_in_between_and_redis_is_away(
    outbox: Outbox, tmp_path: Path, desk: Desk, hook: str
) -> None:
    entry = kept(outbox, "one", at=time.time())
    office = PostOffice()
    office.gate.clear()
    async with opened(office) as port:
        environment = {
            "HOTLINE_CONFIG": str(configuration(tmp_path, hook)),
            "HOTLINE_AGI": f"127.0.0.1:{free_port()}",
            "HOTLINE_HTTP": f"127.0.0.1:{free_port()}",
            "HOTLINE_REDIS": "127.0.0.1:1",
            "HOTLINE_SPOOL": str(outbox.spool),
            "HOTLINE_SOUNDS": str(tmp_path),
            "HOTLINE_SMTP": f"smtp://127.0.0.1:{port}",
            "HOTLINE_WEBHOOK_SECRET": "known to both sides",
        }
        service = Service(environment, log=tmp_path / "service.log")
        await service.start()
        await service.event("DeliveryFailed", what="webhook", problem="The webhook answered 503.")
        await asyncio.wait_for(office.came.wait(), 10)  # the mail server has it, and has not said so yet
        service.kill()
        await service.wait()
        assert done(outbox, "mail") == done(outbox, "webhook") == []
        office.gate.set()
        desk.there = True
        mark = service.mark()
        await service.start()
        for what in ("mail", "webhook"):
            await service.event("DeliveryMade", after=mark, what=what, promise="one")
        metrics = await service.metrics()
        assert metrics['hotline_undelivered{what="mail"}'] == metrics['hotline_undelivered{what="webhook"}'] == 0
        assert metrics['hotline_deliveries_total{outcome="made",what="mail"}'] == 1
        service.terminate()
        assert await service.wait() == 0
        await service.start()
        kept(outbox, "two", at=time.time())
        await service.event("DeliveryMade", what="mail", promise="two")
        await service.event("DeliveryMade", what="webhook", promise="two")
        await service.stop()
    assert desk.ids == done(outbox, "webhook") == done(outbox, "mail") == ["one", "two"]
    letters = [letter["Message-ID"] for letter in office.letters]
    assert letters[-2:] == ["<one.voicemail@example.org>", "<two.voicemail@example.org>"]
    assert set(letters) == set(letters[-2:]), "a second one can be told by its id"
    assert office.letters[-1].recordings == [("two.wav", entry.sha256)]
    log = (tmp_path / "service.log").read_text()
    assert NUMBER[1:] not in log
    assert "desk@example.org" not in log
