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
    """Every agent's state: of all who are configured ("offline" for who never logged in), and of others at work."""
    async with _core(redis) as core:
        known = (await core.snapshot()).agents
    return dict.fromkeys(config.agents, AgentState.OFFLINE.value) | {
        name: state.value for name, (state, *_) in known.items()
    }


async def log_in(config: Config, redis: Address, agent: str) -> str:
    """Log an agent in; a sentence that says so. Callers who wait find a new agent within seconds."""
    if agent not in config.agents:
        raise StaffError(f"There is no agent {agent!r}; the configuration has {', '.join(config.agents)}.")
    async with _core(redis) as core:
        await core.login(config.agents[agent], time.time())
    return f"{agent} is logged in."


async def log_out(config: Config, redis: Address, agent: str, *, at_once: bool) -> str:
    """Log an agent out, whom the configuration need not know; a sentence that says how it went.

    `at_once` frees one who is stuck: the call that Redis has them in is given up.
    """
    async with _core(redis) as core:
        known = (await core.snapshot()).agents
        if agent not in known and agent not in config.agents:
            names = ", ".join(sorted({*known, *config.agents}))
            raise StaffError(f"There is no agent {agent!r}; at work or in the configuration are {names}.")
        change = await core.logout(agent, time.time(), at_once=at_once)
    if change.given_up:
        return f"{agent} is logged out; {change.given_up[0][0]} was given up: Redis has forgotten that call."
    if agent not in known:
        return f"{agent} was not logged in."
    if change.agents:
        return f"{agent} is logged out."
    return f"{agent} goes after the call in hand; --now does not wait for that."
