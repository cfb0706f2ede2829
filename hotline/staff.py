"""What staff do at the command line: see the agents, log them in and out, give them breaks. Short visits to Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from hotline.acd.core import Core
from hotline.acd.model import AgentState, Snapshot
from hotline.acd.records import Record, agent_record
from hotline.acd.story import Moment
from hotline.schema.config import Config
from hotline.settings import Address
from hotline.store import Store, StoreDown


class StaffError(Exception):
    """What was asked cannot be done; the text says why and what to do."""

    status = 1
    """Of the command."""


class NotUnderstood(StaffError):
    """What was written means nothing, whatever the hotline is doing."""

    status = 2


@dataclass(frozen=True, slots=True)
class Row:
    """One agent: what the configuration says, and what Redis holds (None for who is not logged in)."""

    agent: str
    phone: str
    skills: str
    configured: bool
    record: Record | None

    @property
    def state(self) -> str:
        return self.record.state if self.record else AgentState.OFFLINE.value


@contextlib.asynccontextmanager
async def _redis(redis: Address) -> AsyncIterator[tuple[Store, Core]]:
    store = Store(redis.host, redis.port)
    running = asyncio.create_task(store.run())
    try:
        if not await store.wait_up(3.0):
            raise StaffError(f"Redis does not answer at {redis}; start it, or set HOTLINE_REDIS to where it is.")
        yield store, Core(store)
    except StoreDown as down:
        raise StaffError(str(down)) from down
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def roster(config: Config, redis: Address) -> list[Row]:
    """Every agent: all who are configured, logged in or not, and others who are at work all the same."""
    async with _redis(redis) as (store, core):
        names = dict.fromkeys((*config.agents, *sorted((await core.snapshot()).agents)))
        records = {name: await agent_record(store, name) for name in names}
    return [_row(config, name, record) for name, record in records.items()]


def _row(config: Config, name: str, record: Record | None) -> Row:
    agent = config.agents.get(name)
    if agent is None:
        return Row(name, record.phone if record else "", "", configured=False, record=record)
    skills = ", ".join(f"{skill} {level}" for skill, level in agent.skills.items())
    return Row(name, agent.phone, skills, configured=True, record=record)


async def log_in(config: Config, redis: Address, agent: str, now: float) -> str:
    """Log an agent in; a sentence that says so. Callers who wait find a new agent within seconds."""
    if agent not in config.agents:
        raise StaffError(f"There is no agent {agent!r}; the configuration has {', '.join(config.agents)}.")
    async with _redis(redis) as (_, core):
        await core.login(config.agents[agent], now)
    return f"{agent} is logged in."


async def log_out(config: Config, redis: Address, agent: str, now: float, *, at_once: bool) -> str:
    """Log an agent out, whom the configuration need not know; a sentence that says how it went.

    `at_once` frees one who is stuck: the call that Redis has them in is given up.
    """
    async with _redis(redis) as (_, core):
        known = await _known(config, core, agent)
        change = await core.logout(agent, now, at_once=at_once)
    if change.given_up:
        return f"{agent} is logged out; {change.given_up[0][0]} was given up: Redis has forgotten that call."
    if agent not in known.agents:
        return f"{agent} was not logged in."
    if change.agents:
        return f"{agent} is logged out."
    return f"{agent} goes after the call in hand; --now does not wait for that."


async def pause(config: Config, redis: Address, agent: str, now: float, reason: str) -> str:
    """Give an agent a break; a sentence that says from when on."""
    if reason and reason not in config.pauses.values():
        reasons = ", ".join(config.pauses.values()) or "none"
        raise StaffError(f"There is no reason {reason!r} for a pause; the configuration's `pauses` has {reasons}.")
    async with _redis(redis) as (_, core):
        _must_work(await _known(config, core, agent), agent)
        change = await core.pause(agent, reason, now)
    why = f" ({reason})" if reason else ""
    if change.applied and not change.agents:
        return f"{agent} is paused after the call in hand{why}."
    return f"{agent} is paused{why}." if change.applied else f"{agent} is paused already, or leaves after this call."


async def ready(config: Config, redis: Address, agent: str, now: float) -> str:
    """End an agent's break or wrap-up; a sentence that says so. Callers who wait find them within seconds."""
    async with _redis(redis) as (_, core):
        before = await _known(config, core, agent)
        _must_work(before, agent)
        change = await core.ready(agent, now)
    if not change.applied:
        return f"{agent} is {before.agents[agent][0]}: there was no break to end."
    if dict(change.agents).get(agent) is AgentState.DEVICE_BUSY:
        return f"{agent} is ready as soon as the phone is free."
    return f"{agent} is ready."


async def _known(config: Config, core: Core, agent: str) -> Snapshot:
    """Who is at work; a StaffError when the agent is nobody."""
    known = await core.snapshot()
    if agent not in known.agents and agent not in config.agents:
        names = ", ".join(sorted({*known.agents, *config.agents}))
        raise StaffError(f"There is no agent {agent!r}; at work or in the configuration are {names}.")
    return known


def _must_work(known: Snapshot, agent: str) -> None:
    if agent not in known.agents:
        raise StaffError(f"{agent} is not logged in; `hotline agents login {agent}` does that.")


async def story(redis: Address, call: str) -> tuple[Moment, ...]:
    """What befell a call in the queue. Raises StaffError where nothing is known of it."""
    async with _redis(redis) as (_, core):
        found = await core.story(call)
    if not found:
        raise StaffError(
            f"Nothing is known of a call {call!r}: it never queued, or ended more than a day ago. Calls are named by "
            "the PBX's linkedid; the log has it as `call`."
        )
    return found
