"""A request from a web page, kept by telephone: an agent rings, the customer rings, both talk, the page is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
import pytest_asyncio
from dialogue import NAM, agent

from lab.house import House, make_prompts

CONFIG = Path(__file__).parent / "callbacks.yaml"
TOKEN = "the-token-of-the-website"
NOON = datetime(2026, 12, 1, 12, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[House]:
    monkeypatch.setenv("HOTLINE_API_TOKEN", TOKEN)
    sounds = await make_prompts(CONFIG)
    async with House(tmp_path / "house", CONFIG, sounds) as house:
        yield house


async def test_a_request_is_called_back_while_the_hotline_is_open_and_the_web_is_told(
    house: House, words: Path, reply: Path
):
    house.set_clock(NOON)
    anna, customer = await agent(house, "anna"), await house.world.number(NAM)
    url = house.metrics_url.replace("/metrics", "/callbacks")
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKEN}"}) as web:

        async def look(id: str) -> dict[str, Any]:
            async with web.get(f"{url}/{id}") as response:
                return dict(await response.json())

        async with web.post(url, json={"number": NAM, "queue": "power", "language": "vi"}) as response:
            assert response.status == 201
            asked = await response.json()
        ringing = await anna.rings(within=30)
        assert (await look(asked["id"]))["state"] == "offered"
        await ringing.answer()
        await ringing.hears(house.sounds / "en" / "callback-announce.wav")
        await ringing.press("2")  # an agent who knows the keys
        called = await customer.rings()
        assert (await look(asked["id"]))["state"] == "dialing"
        async with web.delete(f"{url}/{asked['id']}") as response:
            assert response.status == 409, "the customer's phone rings already"
        await called.answer()
        await called.hears(house.sounds / "vi" / "callback-greeting.wav", within=30)
        await asyncio.gather(ringing.speak(reply), called.speak(words))
        await called.hears(reply)
        await called.hang_up()
        await ringing.press("1")
        await house.service.event("PromiseMoved", promise=asked["id"], state="talked", seconds=30)
        told = await look(asked["id"])
        assert (told["state"], told["attempts"], told["window"]) == ("talked", 1, None)
        await ringing.finished()
    metrics = await house.service.metrics()
    assert metrics['hotline_promises_made_total{queue="power",source="web"}'] == 1
