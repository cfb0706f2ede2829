"""After a fault: nobody is left behind, in the PBX, in Redis or in the statistics."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import AsyncIterator

from dialogue import nothing_left

from hotline.acd.core import Core
from hotline.store import Store
from lab.house import House


@contextlib.asynccontextmanager
async def core_of(house: House) -> AsyncIterator[Core]:
    """The queue core of a house, for looking at what is in its Redis."""
    store = Store("127.0.0.1", house.redis.port)
    running = asyncio.create_task(store.run())
    try:
        assert await store.wait_up(5)
        yield Core(store)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def state_of(house: House, agent: str) -> str:
    """An agent's state, as Redis has it."""
    async with core_of(house) as core:
        return (await core.snapshot()).agents[agent][0].value


async def all_is_well(house: House, **agents: str) -> None:
    """Soon no channel, no call and no promise of work is left, `agents` (name=state) are all who work, and each call
    that joined the queue was told to have ended once."""
    async with core_of(house) as core:
        await nothing_left(house, core, agents)
    deadline = time.monotonic() + 5
    while wrong := _ends(house):
        assert time.monotonic() < deadline, f"calls that did not end once, with how often they did: {wrong}"
        await asyncio.sleep(0.05)  # an end may be told by whichever service


def _ends(house: House) -> dict[str, int]:
    """The calls that joined a queue and did not end exactly once, by all the services' logs."""
    told = [line for service in house.services for line in service.events]
    joined = {line["call"] for line in told if line["event"] == "CallerQueued"}
    ends = Counter(line["call"] for line in told if line["event"] in ("ConversationEnded", "CallerLeftQueue"))
    return {call: ends[call] for call in joined | set(ends) if ends[call] != 1}
