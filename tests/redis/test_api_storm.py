"""Web servers ask two real services for callbacks while these are killed and Redis is wiped; each asks until told.

What must hold: whoever was told has a promise, and nobody has two.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from itertools import cycle
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.settings import Dialing
from hotline.callbacks.states import State
from hotline.store import Store
from lab.process import free_port
from lab.service import Service

CLIENTS, EACH = 8, 12
TOKENS = [f"the-token-of-website-{number:04}" for number in range(CLIENTS)]
CONFIG = {
    "hotline": {"name": "Power", "zone": "UTC"},
    "callbacks": {"allow": ["+84"]},
    "entries": {"default": "main"},
    "hours": {"never-now": {"week": {"mon-sun": "00:00-00:01"}}},
    "queues": {"power": {"voicemail": {"hours": "never-now"}}},
    "agents": {"anna": {"phone": "PJSIP/anna"}},
    "menus": {"main": [{"queue": "power"}, "hangup"]},
}


@pytest.fixture
async def services(tmp_path: Path, shared_server: Any, redis: Any) -> AsyncIterator[dict[str, Service]]:
    config = tmp_path / "hotline.yaml"
    config.write_text(yaml.safe_dump(CONFIG))
    found = {}
    for number in (1, 2):
        http = f"127.0.0.1:{free_port()}"
        environment = {
            "HOTLINE_CONFIG": str(config),
            "HOTLINE_AGI": f"127.0.0.1:{free_port()}",
            "HOTLINE_HTTP": http,
            "HOTLINE_REDIS": f"127.0.0.1:{shared_server.port}",
            "HOTLINE_SPOOL": str(tmp_path / "spool"),
            "HOTLINE_SOUNDS": str(tmp_path),
            "HOTLINE_API_TOKEN": ",".join(TOKENS),
        }
        found[http] = Service(environment, log=tmp_path / f"service{number}.log")
    await asyncio.gather(*(each.start() for each in found.values()))
    yield found
    await asyncio.gather(*(each.stop() for each in found.values()))


async def ask_until_told(session: aiohttp.ClientSession, places: Any, number: str, key: str) -> str:
    """The promise's id."""
    body = {"number": number, "queue": "power", "key": key}
    while True:
        url = f"http://{next(places)}/callbacks"
        try:
            async with session.post(url, json=body, timeout=aiohttp.ClientTimeout(total=5)) as response:
                told = await response.json()
        except (aiohttp.ClientError, TimeoutError):
            await asyncio.sleep(0.05)
            continue
        if response.status in (200, 201):
            return str(told["id"])
        assert response.status in (429, 503), told
        await asyncio.sleep(0.2)


async def test_each_request_is_one_promise_whoever_is_killed_and_whatever_is_wiped(
    services: dict[str, Service], redis: Any, store: Store, tmp_path: Path, deep: bool
) -> None:
    told: dict[str, str] = {}

    async def client(number: int) -> None:
        places = cycle(services)
        headers = {"Authorization": f"Bearer {TOKENS[number]}"}
        async with aiohttp.ClientSession(headers=headers) as session:
            for turn in range(EACH):
                key = f"client{number}-{turn}"
                told[key] = await ask_until_told(session, places, f"+849012{number:02}{turn:03}", key)
                assert await ask_until_told(session, places, f"+849012{number:02}{turn:03}", key) == told[key]

    async def harm() -> None:
        for round, victim in enumerate([*services.values()] * (4 if deep else 1)):
            mark = len(told)
            async with asyncio.timeout(20):
                while len(told) < min(mark + 10, CLIENTS * EACH):  # noqa: ASYNC110 - until some more were told
                    await asyncio.sleep(0.01)
            if round % 2:
                redis("FLUSHALL")
            victim.kill()
            await victim.wait()
            await victim.start()

    async with asyncio.TaskGroup() as group:
        group.create_task(harm())
        for number in range(CLIENTS):
            group.create_task(client(number))
    assert len(set(told.values())) == len(told)
    assert len(told) == CLIENTS * EACH
    outbox = Outbox(tmp_path / "spool")
    kept = Counter(entry.number for entry in outbox.entries(most=10_000).entries)
    assert len(kept) == CLIENTS * EACH
    redis("FLUSHALL")
    indexer = Indexer(store, outbox, lambda: 1.0, tell=print)
    ledger = Ledger(store, outbox, indexer, lambda: 1.0, dialing=Dialing(), zone=Any)  # type: ignore[arg-type]
    await ledger.catch_up()
    promises = await ledger.list(list(State))
    assert Counter(each.id for each in promises) == Counter(told.values())
    assert {each.state for each in promises} <= {State.CAPTURED, State.DUE}
    for log in list(tmp_path.glob("*.log")):  # noqa: ASYNC240 - nobody else waits
        assert "849012" not in log.read_text()
