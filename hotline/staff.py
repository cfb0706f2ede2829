"""What staff do at the command line: see the agents, log them in and out. A short visit to Redis each time."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Mapping

from hotline.acd.core import Core
from hotline.acd.model import AgentState
from hotline.schema.config import Config
from hotline.settings import Address
from hotline.store import Store


class StaffError(Exception):
    """What was asked cannot be done; the text says why and what to do."""


@contextlib.asynccontextmanager
async def _core(redis: Address) -> AsyncIterator[Core]:
    store = Store(redis.host, redis.port)
    running = asyncio.create_task(store.run())
    try:
        if not await store.wait_up(3.0):
            raise StaffError(f"Redis does not answer at {redis}; start it, or set HOTLINE_REDIS to where it is.")
        yield Core(store)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def states(config: Config, redis: Address) -> Mapping[str, str]:
    """Every configured agent's state, "offline" for who never logged in."""
    async with _core(redis) as core:
        known = (await core.snapshot()).agents
    offline = (AgentState.OFFLINE, "", 0)
    return {name: known.get(name, offline)[0].value for name in config.agents}


async def shift(config: Config, redis: Address, agent: str, wish: str) -> str:
    """Log an agent in or out; a sentence that says so. Callers who wait find a new agent within seconds."""
    if agent not in config.agents:
        raise StaffError(f"There is no agent {agent!r}; the configuration has {', '.join(config.agents)}.")
    async with _core(redis) as core:
        if wish == "login":
            await core.login(config.agents[agent], time.time())
            return f"{agent} is logged in."
        await core.logout(agent, time.time())
        return f"{agent} is logged out (after the conversation, if there is one)."
