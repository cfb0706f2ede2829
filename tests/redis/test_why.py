"""`hotline why` at the command line, on a real Redis."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from floor import POWER, Floor
from typer.testing import CliRunner, Result

from hotline.acd.model import Left
from hotline.cli import app

CONFIG = Path(__file__).parents[1] / "asterisk" / "hotline.yaml"


async def why(shared_server: Any, call: str) -> Result:
    command = ["why", call, "--redis", f"127.0.0.1:{shared_server.port}"]
    return await asyncio.to_thread(CliRunner().invoke, app, command, env={"HOTLINE_CONFIG": str(CONFIG)})


async def test_what_befell_a_call_is_told(floor: Floor, shared_server: Any) -> None:
    await floor.core.join("pbx1-1.1", queue=POWER, arrival=floor.moment, now=floor.moment, channel="x", pbx="pbx1")
    await floor.core.leave("pbx1-1.1", Left.ABANDONED, floor.moment + 30)
    result = await why(shared_server, "pbx1-1.1")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 3)
    assert "Joined queue power in need of power 1; nobody else waited there." in result.stdout
    assert "Waits, as number 1 of the queue: nobody at work could serve the call." in result.stdout
    assert result.stdout.endswith("The caller hung up.\n")


async def test_of_an_unknown_call_that_is_said(floor: Floor, shared_server: Any) -> None:
    result = await why(shared_server, "pbx1-9.9")
    assert (result.exit_code, result.stdout) == (1, "")
    assert "Nothing is known of a call 'pbx1-9.9'" in result.stderr


async def test_an_id_that_is_no_text_is_unknown_as_well(floor: Floor, shared_server: Any) -> None:
    result = await why(shared_server, "pbx1-\udcff.9")  # what Python makes of a byte that is no UTF-8
    assert result.exit_code == 1
    assert "Nothing is known of a call" in result.stderr
