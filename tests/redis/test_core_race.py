"""Several processes, each with its own Core and link, racing on one Redis: nobody is booked twice."""

from __future__ import annotations

import asyncio
import itertools
import multiprocessing
import random
import time
from typing import Any

import pytest
from invariants import check, dump_script, parse

from hotline.acd.core import Core
from hotline.acd.model import (
    AgentSettings,
    CallState,
    Change,
    Choice,
    Left,
    Missed,
    Offer,
    QueueSettings,
    Widening,
)
from hotline.store import Store

AT_ONCE = dict.fromkeys(Missed, 0.0)
QUEUES = [
    QueueSettings("any", {}, miss_pause=AT_ONCE),
    QueueSettings("sales", {"sales": 1}, miss_pause=AT_ONCE, weight=2.0, choice=Choice.SPARE_THE_VERSATILE),
    QueueSettings("few", {"sales": 1}, miss_pause=AT_ONCE, max_calls=2),
    QueueSettings("known", {}, miss_pause=AT_ONCE, sticky=1e6),
    QueueSettings("wide", {"german": 1}, miss_pause=AT_ONCE, widen=(Widening(1e6, {}),)),
]
AGENTS, PROCESSES, TASKS = 8, 4, 6

Booking = tuple[str, str, int, int, int]
"""queue, agent, token, and from when to when a session was sure to hold the agent, in ns of the machine's clock."""


async def answer_calls(core: Core, chance: random.Random, mine: list[str], seen: list[Booking]) -> None:
    """Bring calls through the core one after another, as their sessions would, some of them twice."""
    for call in mine:
        queue = chance.choice(QUEUES)
        for _ in range(chance.choice([1, 1, 2])):
            await core.join(
                call,
                queue=queue,
                arrival=float(len(seen)),
                now=1.0,
                channel="c",
                pbx="p",
                caller=chance.choice("xyz"),
            )
        if chance.random() < 0.1:
            agent = f"a{chance.randrange(AGENTS)}"
            await core.pause(agent, "a word", 1.0)
            await core.ready(agent, 1.0)
        while True:
            standing = await core.look(call)
            if standing.state is CallState.WAITING and chance.random() < 0.05:
                await core.leave(call, Left.ABANDONED, 1.0)
                break
            if standing.offer and await carry_through(core, chance, standing.offer, seen):
                break
            await asyncio.sleep(0)


async def carry_through(core: Core, chance: random.Random, offer: Offer, seen: list[Booking]) -> bool:
    held = (offer.call, offer.agent, offer.token)
    assert (await core.take(offer, 1.0, 1e9)).applied
    began = time.monotonic_ns()
    await asyncio.sleep(0)
    if chance.random() < 0.3:
        seen.append((offer.queue, offer.agent, offer.token, began, time.monotonic_ns()))
        await applied_once(core.missed(*held, Missed.BUSY, 1.0), core.missed(*held, Missed.BUSY, 1.0))
        return False
    await applied_once(core.answered(*held, 1.0), core.answered(*held, 1.0))
    await asyncio.sleep(0)
    seen.append((offer.queue, offer.agent, offer.token, began, time.monotonic_ns()))
    await applied_once(core.finished(*held, 1.0), core.leave(offer.call, Left.LOST, 1.0))
    return True


async def applied_once(*attempts: Any) -> None:
    changes: list[Change] = await asyncio.gather(*attempts)
    assert sum(change.applied for change in changes) == 1


def process(port: int, number: int, calls: int, results: Any) -> None:
    async def work() -> list[Booking]:
        store = Store("127.0.0.1", port, deadline=10)
        running = asyncio.create_task(store.run())
        assert await store.wait_up(10)
        core, seen = Core(store, hold=1e6), list[Booking]()
        async with asyncio.TaskGroup() as group:
            for task in range(TASKS):
                mine = [f"p{number}-t{task}-{n}" for n in range(calls // TASKS)]
                group.create_task(answer_calls(core, random.Random(f"{number} {task}"), mine, seen))
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        return seen

    results.put(asyncio.run(work()))


@pytest.mark.timeout(4 * 3600)
async def test_four_processes_book_no_agent_twice_and_lose_no_call(
    redis, shared_server, store, deep, record_property
):
    core, calls = Core(store, hold=1e6), 30_000 if deep else 120
    for n in range(AGENTS):
        await core.login(AgentSettings(f"a{n}", f"PJSIP/a{n}", {"sales": n % 2}), 0.0)
    spawn = multiprocessing.get_context("spawn")
    results = spawn.Queue()
    workers = [spawn.Process(target=process, args=(shared_server.port, n, calls, results)) for n in range(PROCESSES)]
    for worker in workers:
        worker.start()
    seen = [await asyncio.to_thread(results.get, True, 4 * 3600 if deep else 60) for _ in workers]
    for worker in workers:
        await asyncio.to_thread(worker.join, 10)
        assert worker.exitcode == 0

    bookings = sorted((booking for each in seen for booking in each), key=lambda booking: (booking[1], booking[3]))
    assert len({token for _, _, token, _, _ in bookings}) == len(bookings), "one offer was taken by two"
    for (_, agent, _, _, until), (_, other, _, since, _) in itertools.pairwise(bookings):
        assert agent != other or until <= since, "an agent was booked twice"
    assert most_at_once([booking for booking in bookings if booking[0] == "few"]) <= 2
    for n in range(AGENTS):
        await core.ready(f"a{n}", 1.0)
    keys = parse(redis.script(dump_script(), [b"hotline:"], []))
    check(keys)
    assert "calls" not in keys
    assert sum(len(names) for name, names in keys.items() if name.startswith("idle:")) == AGENTS
    if not deep:
        assert sum(name.startswith("ended:") for name in keys) == PROCESSES * calls
    record_property("calls of processes that raced", PROCESSES * calls)
    record_property("bookings of agents by them, none at the same time", len(bookings))


def most_at_once(bookings: list[Booking]) -> int:
    moves = sorted(move for *_, since, until in bookings for move in ((since, 1), (until, -1)))
    return max(itertools.accumulate(change for _, change in moves), default=0)
