"""The agents' codes, as dialogues with a phone and what they change in a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog
from floor import ANNA, POWER, Floor
from structlog.testing import capture_logs

from hotline.acd.core import Core
from hotline.acd.model import AgentState
from hotline.events import AgentStateChanged
from hotline.phones.scripted import ScriptedPhone
from hotline.shifts import Shifts

Dial = Callable[..., Awaitable[list[str]]]


@pytest.fixture
def dial(floor: Floor) -> Dial:
    """`await dial("pause", "1")`: what anna's phone hears after it dialed for that."""

    async def dial(wish: str, key: str = "", endpoint: str = "PJSIP/anna") -> list[str]:
        shifts = Shifts({"anna": ANNA}, {"1": "lunch"}, desk=floor.desk, log=structlog.get_logger())
        phone = ScriptedPhone()
        await shifts.serve(phone, endpoint, wish, key)
        assert (phone.heard[0], phone.heard[-1]) == (">> answer", ">> hang up")
        return [line.removeprefix(">> say ") for line in phone.heard[1:-1] if line != ">> say "]

    return dial


async def state(floor: Floor) -> AgentState:
    agents = (await floor.core.snapshot()).agents
    return agents["anna"][0] if "anna" in agents else AgentState.OFFLINE


async def test_a_day_at_work(floor: Floor, dial: Dial) -> None:
    assert await dial("login") == ["agent-logged-in"]
    assert await state(floor) is AgentState.IDLE
    assert await dial("pause", "1") == ["agent-paused"]
    assert await state(floor) is AgentState.PAUSED
    assert await dial("ready") == ["agent-ready"]
    assert await state(floor) is AgentState.IDLE
    assert await dial("pause") == ["agent-paused"]
    assert await dial("logout") == ["agent-logged-out"]
    assert await state(floor) is AgentState.OFFLINE
    told = [(each.state, each.cause) for each in floor.all(AgentStateChanged)]
    assert told == [
        ("idle", "login"),
        ("paused", "pause"),
        ("idle", "ready"),
        ("paused", "pause"),
        ("offline", "logout"),
    ]


async def test_who_begins_work_on_a_break_is_ready(floor: Floor, dial: Dial) -> None:
    await dial("login")
    await dial("pause", "1")
    assert await dial("login") == ["agent-logged-in"]
    assert await state(floor) is AgentState.IDLE


async def test_a_break_asked_for_in_a_conversation_begins_after_it(floor: Floor, dial: Dial) -> None:
    await dial("login")
    await floor.core.join("c1", queue=POWER, arrival=0.0, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")
    await floor.core.answered("c1", "anna", 1, floor.moment)
    assert await dial("pause", "1") == ["agent-paused-after-call"]
    assert await state(floor) is AgentState.TALKING
    await floor.core.finished("c1", "anna", 1, floor.moment)
    assert await state(floor) is AgentState.PAUSED


@pytest.mark.parametrize("wish", ["pause", "ready"])
async def test_who_is_not_logged_in_is_told_so(floor: Floor, dial: Dial, wish: str) -> None:
    assert await dial(wish) == ["agent-not-logged-in"]
    assert await state(floor) is AgentState.OFFLINE


async def test_a_reason_that_nobody_configured_is_no_pause(floor: Floor, dial: Dial) -> None:
    await dial("login")
    assert await dial("pause", "7") == ["agent-no-such-pause"]
    assert await state(floor) is AgentState.IDLE


@pytest.mark.parametrize(("wish", "endpoint"), [("login", "PJSIP/dung"), ("dance", "PJSIP/anna"), ("", "PJSIP/anna")])
async def test_a_phone_of_nobody_and_a_wish_for_nothing(dial: Dial, wish: str, endpoint: str) -> None:
    with capture_logs() as lines:
        assert await dial(wish, endpoint=endpoint) == ["agent-unknown"]
    assert len(lines) == 1


async def test_while_redis_is_away_the_agent_is_told_of_a_problem(
    server: Any, connect: Callable[..., Awaitable[Any]]
) -> None:
    core = Core(await connect(server.port, deadline=0.2))
    server.kill()
    await asyncio.sleep(0)
    floor = Floor(core)
    shifts = Shifts({"anna": ANNA}, {}, desk=floor.desk, log=structlog.get_logger())
    phone = ScriptedPhone()
    await shifts.serve(phone, "PJSIP/anna", "pause")
    assert phone.heard[1] == ">> say technical-problem"
