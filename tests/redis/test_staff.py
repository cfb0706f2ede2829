"""`hotline agents` at the command line, on a real Redis."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path
from typing import Any

import pytest
from floor import ANNA, POWER, Floor
from typer.testing import CliRunner, Result

from hotline.acd.model import AgentSettings, AgentState
from hotline.cli import app

CONFIG = Path(__file__).parents[1] / "asterisk" / "hotline.yaml"
GONE = AgentSettings("gone", "PJSIP/gone", {"power": 1})


@pytest.fixture
def agents(shared_server: Any) -> Any:
    async def run(*words: str) -> Result:
        command = ["agents", *words, "--redis", f"127.0.0.1:{shared_server.port}"]
        return await asyncio.to_thread(CliRunner().invoke, app, command, env={"HOTLINE_CONFIG": str(CONFIG)})

    return run


async def test_agents_log_in_and_out(floor: Floor, agents: Any) -> None:
    assert (await agents("login", "anna")).output == "anna is logged in.\n"
    assert (await floor.core.snapshot()).agents.keys() == {"anna"}
    assert (await agents("logout", "anna")).output == "anna is logged out.\n"
    assert (await agents("logout", "anna")).output == "anna was not logged in.\n"


async def test_who_works_without_being_configured_is_listed_and_can_be_logged_out(floor: Floor, agents: Any) -> None:
    await floor.core.login(GONE, floor.moment)
    rows = [line for line in (await agents("list")).output.splitlines() if "gone" in line]
    assert len(rows) == 1
    assert "idle" in rows[0]
    assert "not in" in rows[0]
    assert (await agents("logout", "gone")).exit_code == 0
    assert not (await floor.core.snapshot()).agents


async def test_a_command_that_does_not_exist_is_told_as_such(agents: Any) -> None:
    result = await agents("puase", "anna")
    assert result.exit_code == 2
    assert "No such command 'puase'" in result.stderr


async def test_the_table_of_another_configuration_needs_no_more_words(agents: Any) -> None:
    assert "anna" in (await agents(str(CONFIG))).stdout


async def test_one_who_is_stuck_is_freed_at_once(floor: Floor, agents: Any) -> None:
    await floor.core.login(GONE, floor.moment)
    await floor.core.join("pbx1-1.1", queue=POWER, arrival=0.0, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")
    await floor.core.answered("pbx1-1.1", "gone", 1, floor.moment)
    assert "after the call in hand" in (await agents("logout", "gone")).output
    assert "pbx1-1.1 was given up" in (await agents("logout", "gone", "--now")).output
    seen = await floor.core.snapshot()
    assert (seen.agents, seen.calls) == ({}, {})


async def test_agents_get_breaks_and_are_ready_again(floor: Floor, agents: Any) -> None:
    await floor.core.login(ANNA, floor.moment)
    assert (await agents("pause", "anna", "--reason", "lunch")).output == "anna is paused (lunch).\n"
    assert await floor.agent("anna") is AgentState.PAUSED
    (anna,) = [each for each in json.loads((await agents("--json")).output) if each["agent"] == "anna"]
    assert (anna["state"], anna["reason"], anna["call"]) == ("paused", "lunch", "")
    assert abs(anna["since"] - time.time()) < 60
    assert (await agents("ready", "anna")).output == "anna is ready.\n"
    assert (await agents("ready", "anna")).output == "anna is idle: there was no break to end.\n"
    assert (await agents("pause", "anna")).output == "anna is paused.\n"


async def test_a_break_waits_for_the_end_of_the_call_and_the_table_says_so(floor: Floor, agents: Any) -> None:
    await floor.core.login(ANNA, floor.moment)
    await floor.core.join("pbx1-1.1", queue=POWER, arrival=0.0, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")
    assert "after the call in hand (lunch)" in (await agents("pause", "anna", "--reason", "lunch")).output
    (anna,) = [each for each in json.loads((await agents("list", "--json")).output) if each["agent"] == "anna"]
    assert (anna["state"], anna["queue"], anna["call"], anna["next"]) == ("offered", "power", "pbx1-1.1", "paused")
    (row,) = [line for line in (await agents()).output.splitlines() if "anna" in line]
    assert "power" in row


async def test_reasons_are_those_of_the_configuration_and_breaks_for_those_at_work(floor: Floor, agents: Any) -> None:
    result = await agents("pause", "anna", "--reason", "siesta")
    assert result.exit_code == 1
    assert "has lunch, meeting" in result.stderr
    for wish in ("pause", "ready"):
        result = await agents(wish, "anna")
        assert result.exit_code == 1
        assert "anna is not logged in" in result.stderr


@pytest.mark.parametrize("wish", ["login", "logout", "pause", "ready"])
async def test_who_is_nobody_is_told_with_those_who_are(floor: Floor, agents: Any, wish: str) -> None:
    result = await agents(wish, "nobody")
    assert result.exit_code == 1
    assert "anna, binh, chi" in result.stderr
