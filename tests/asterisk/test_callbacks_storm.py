"""Hundreds of promises, several services that place them, and everything but the PBX stopped, killed, wiped: each
customer's phone rings once per attempt, and nobody is forgotten. What rang is counted at the customers' end."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from crowd import AGENTS, Crowd, forward, invites, open_store, promise
from dialogue import nothing_left

from hotline.acd.core import Core
from hotline.callbacks.ledger import LEASE
from lab.house import House
from lab.service import Service

SEED = 4

Build = Callable[..., Awaitable[House]]


@pytest.mark.timeout(3000)
async def test_every_customer_is_rung_once_per_attempt_whatever_is_stopped_killed_or_wiped(
    build_callbacks: Build, deep: bool, record_property: Callable[[str, object], None]
):
    count, agents = (300, AGENTS) if deep else (20, AGENTS[:5])
    chance = random.Random(SEED)
    house = await build_callbacks(services=3 if deep else 2)
    crowd = Crowd(house, count, chance)
    began = time.monotonic()
    async with crowd.living(await house.begin_shift(*agents)):
        for number, customer in enumerate(crowd.customers.values()):
            promise(house, customer.number, ago=3600 - number)
        await (_nights(crowd, agents) if deep else _minute(crowd))
        await crowd.all_over(within=1500 if deep else 180)
        async with open_store(house) as store:
            await nothing_left(house, Core(store), dict.fromkeys(agents, "idle"))
    assert await crowd.wrong() == []
    rung, states = invites(house).total(), Counter(each.state.value for each in crowd.book.cases.values())
    attempts = sum(each.attempts for each in crowd.book.cases.values())
    took = time.monotonic() - began
    print(f"{count} promises, {attempts} attempts, {rung} INVITEs, {dict(states)}, {took:.0f} s")
    gauges = await house.service.metrics()
    assert gauges['hotline_promises{state="talked"}'] == states["talked"]
    record_property("promises kept by telephone while services were stopped and killed", count)


async def _minute(crowd: Crowd) -> None:
    """A service dies, Redis starts anew, a service sleeps past its leases, which end by the clock."""
    first, second = crowd.house.services
    await first.event("AgentAnswered", seconds=30)
    first.kill()
    await first.wait()
    await first.start()
    await crowd.house.redis.kill()
    await crowd.house.redis.start()
    await frozen(second, "PromiseMoved", 3.0, crowd, state="dialing")


async def _nights(crowd: Crowd, agents: tuple[str, ...]) -> None:
    """Each service sleeps past its leases at a moment of its own; Redis starts anew, and is wiped; services die."""
    house = crowd.house
    first, second, third = house.services
    await frozen(first, "PromiseMoved", LEASE + 10, state="dialing")
    await house.redis.kill()
    await asyncio.sleep(2)
    await house.redis.start()
    await frozen(second, "CallbackOffered", LEASE + 10)
    await frozen(third, "AgentAnswered", LEASE + 10)
    await _restart(first, "PromiseMoved", state="dialing")
    await _wipe(house, agents)
    await asyncio.gather(*(_restart(each, "AgentAnswered") for each in house.services))
    await asyncio.gather(frozen(first, "PromiseMoved", LEASE + 10, state="dialing"), _restart_redis_later(house))
    await _wipe(house, agents)
    await frozen(second, "CallbackOffered", 5.0, crowd)


async def frozen(service: Service, event: str, seconds: float, crowd: Crowd | None = None, **fields: Any) -> None:
    """SIGSTOP just when the service tells of an event, SIGCONT so many seconds later. With `crowd`, the clock moves
    past all leases meanwhile."""
    await service.event(event, after=service.mark(), seconds=120, **fields)
    os.kill(service.pid, signal.SIGSTOP)
    if crowd:
        forward(crowd.house, LEASE + 1)
    await asyncio.sleep(seconds)
    os.kill(service.pid, signal.SIGCONT)


async def _restart(service: Service, event: str, **fields: Any) -> None:
    await service.event(event, after=service.mark(), seconds=120, **fields)
    service.kill()
    await service.wait()
    await service.start(seconds=60)


async def _restart_redis_later(house: House) -> None:
    await asyncio.sleep(LEASE / 2)
    await house.redis.kill()
    await house.redis.start()


async def _wipe(house: House, agents: tuple[str, ...]) -> None:
    """The agents must log in anew."""
    await house.redis.wipe()
    await house.begin_shift(*agents)
