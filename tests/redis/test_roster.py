"""The roster at the start of a service: who works is who the configuration has."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

from floor import ANNA, BINH, POWER, Floor

from hotline.acd.core import Core
from hotline.acd.model import AgentSettings, AgentState
from hotline.acd.roster import keep_roster
from hotline.events import AgentStateChanged

GONE = AgentSettings("gone", "PJSIP/gone", {"power": 1})


async def test_who_is_not_configured_is_logged_out_and_the_others_get_their_new_settings(floor: Floor) -> None:
    for each in (ANNA, GONE):
        await floor.core.login(each, floor.moment)
    await floor.core.pause("anna", "lunch", floor.moment)
    await keep_roster(floor.desk, {"anna": replace(ANNA, phone="PJSIP/desk-7"), "binh": BINH})
    assert set((await floor.core.snapshot()).agents) == {"anna"}
    assert await floor.agent("anna") is AgentState.PAUSED
    assert [(each.agent, each.state, each.cause) for each in floor.all(AgentStateChanged)] == [
        ("gone", "offline", "configuration")
    ]
    await floor.core.ready("anna", floor.moment)
    change = await floor.core.join(
        "c1", queue=POWER, arrival=floor.moment, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1"
    )
    assert [offer.phone for offer in change.offers] == ["PJSIP/desk-7"]


async def test_it_waits_for_redis(server: Any, connect: Callable[..., Awaitable[Any]]) -> None:
    store = await connect(server.port, deadline=0.2)
    floor = Floor(Core(store))
    server.kill()
    keeping = asyncio.create_task(keep_roster(floor.desk, {}))
    await asyncio.sleep(0)
    server.start()
    async with asyncio.timeout(5):
        await keeping
