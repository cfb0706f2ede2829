"""`hotline agents` at the command line, on a real Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from floor import POWER, Floor
from typer.testing import CliRunner, Result

from hotline.acd.model import AgentSettings
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


async def test_one_who_is_stuck_is_freed_at_once(floor: Floor, agents: Any) -> None:
    await floor.core.login(GONE, floor.moment)
    await floor.core.join("pbx1-1.1", queue=POWER, arrival=0.0, now=floor.moment, channel="PJSIP/x-1", pbx="pbx1")
    await floor.core.answered("pbx1-1.1", "gone", 1, floor.moment)
    assert "after the call in hand" in (await agents("logout", "gone")).output
    assert "pbx1-1.1 was given up" in (await agents("logout", "gone", "--now")).output
    seen = await floor.core.snapshot()
    assert (seen.agents, seen.calls) == ({}, {})


@pytest.mark.parametrize("wish", ["login", "logout"])
async def test_who_is_nobody_is_told_with_those_who_are(floor: Floor, agents: Any, wish: str) -> None:
    result = await agents(wish, "nobody")
    assert result.exit_code == 1
    assert "anna, binh, chi" in result.stderr
