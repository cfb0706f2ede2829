"""Staff at the command line of a running house."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from typer.testing import CliRunner

from hotline.cli import app
from lab.house import House


async def staff(house: House, *words: str) -> str:
    """What a command says."""
    env = {
        "HOTLINE_CONFIG": str(house.config), "HOTLINE_SPOOL": str(house.spool), "HOTLINE_CLOCK": str(house.clock),
        "HOTLINE_REDIS": house.redis.address, "COLUMNS": "200",
    }  # fmt: skip
    done = await asyncio.to_thread(CliRunner().invoke, app, list(words), env=env)
    assert done.exit_code == 0, done.output
    return str(done.stdout)


async def listed(house: House, *words: str) -> dict[str, dict[str, Any]]:
    """Promises as `hotline callbacks list` has them, by id."""
    return {row["id"]: row for row in json.loads(await staff(house, "callbacks", "list", "--json", *words))}
