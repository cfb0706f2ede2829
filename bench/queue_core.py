"""What a decision of the queue core costs Redis, small against large, and against a script that does nothing.

    python bench/queue_core.py [--json] [--rounds 5] [--large 10000,1000,100]

Small: 100 callers wait for 100 agents in 10 classes. Large: 100,000 wait for 10,000 in 100 (it takes minutes to fill;
--large takes other numbers). A class needs one skill, an agent has two. Each round takes 100 conversations through
finished (the agent gets the next caller: a match), answered and join; then, on a core where all agents are idle, 100
joins that find an agent (a match) and 100 hang-ups. Beside them a naive match, which looks at every call.

Reported are Redis's own count of microseconds per EVALSHA, sizes taken in turns, the median of the rounds; and full
cycles (join and match, answered, finished) per second through hotline.acd.core, 50 at a time, from one process and
from two at once. It runs a Redis of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import itertools
import json
import multiprocessing
import re
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Awaitable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from hotline.acd.core import Core  # noqa: E402
from hotline.acd.model import AgentSettings, CallState, Left, Offer, QueueSettings  # noqa: E402
from hotline.store import Script, Store  # noqa: E402
from lab.redis import Redis  # noqa: E402

Sizes = Mapping[str, tuple[int, int, int]]
"""Callers who wait, agents, classes."""
BATCH = 100
AT_A_TIME = 50
SMALL, LARGE = (100, 100, 10), (100_000, 10_000, 100)
SECONDS = 3.0
"""How long full cycles are counted."""


def script(source: str) -> Script:
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


NULL = script("return '1'")
NAIVE = script("""
local best
for _, id in ipairs(redis.call('SMEMBERS', KEYS[1] .. 'calls')) do
  local call = redis.call('HMGET', KEYS[1] .. 'call:' .. id, 'state', 'class', 'virtual')
  if call[1] == 'waiting' and (cjson.decode(call[2])[2][ARGV[1]] or 0) <= 1 then
    if not best or tonumber(call[3]) < best then best = tonumber(call[3]) end
  end
end
return '1'
""")
"""The next caller for an agent with one skill, by looking at all."""
STATISTICS = script("return cjson.encode(redis.call('INFO', 'commandstats'))")


async def each(work: Iterable[Awaitable[object]]) -> None:
    """Await all of it, AT_A_TIME together."""
    rest = iter(work)
    while batch := list(itertools.islice(rest, AT_A_TIME)):
        await asyncio.gather(*batch)


class House:
    """A queue core of one size under a prefix of its own."""

    def __init__(self, store: Store, name: str, waiting: int, agents: int, classes: int) -> None:
        self.store = store
        self.name = name
        self.core = Core(store, prefix=f"{name}:", hold=1e9, story=False)
        self.waiting, self.agents, self.classes = waiting, agents, classes
        self.joined = 0
        self.talking: list[Offer] = []
        self.queues = [QueueSettings(f"q{n}", {f"skill{n}": 1}) for n in range(classes)]

    async def open(self) -> None:
        """Everyone logs in and talks, and as many wait."""
        await each(self.core.login(self.agent(n), float(n)) for n in range(self.agents))
        await each(self.join() for _ in range(self.agents))
        assert len(self.talking) == self.agents, len(self.talking)
        await each(self.answered(offer) for offer in self.talking)
        await each(self.join() for _ in range(self.waiting))

    def agent(self, number: int) -> AgentSettings:
        skills = {f"skill{number % self.classes}": 1, f"skill{(number + 1) % self.classes}": 1}
        return AgentSettings(f"a{number}", f"PJSIP/a{number}", skills)

    async def join(self) -> None:
        self.joined += 1
        moment, call = float(self.joined), f"c{self.joined:07}"
        queue = self.queues[self.joined % self.classes]
        change = await self.core.join(call, queue=queue, arrival=moment, now=moment, channel=call, pbx="p")
        self.talking += change.offers

    async def answered(self, offer: Offer) -> None:
        assert (await self.core.answered(offer.call, offer.agent, offer.token, 1e7)).applied

    async def finished(self, offer: Offer) -> None:
        change = await self.core.finished(offer.call, offer.agent, offer.token, 1e7)
        self.talking += change.offers

    async def left(self, offer: Offer) -> None:
        assert (await self.core.leave(offer.call, Left.ABANDONED, 1e7)).applied

    async def cycle(self) -> dict[str, float]:
        """A batch of conversations ends, the next callers are answered, as many join."""
        ending, self.talking = self.talking[:BATCH], self.talking[BATCH:]
        before = len(self.talking)
        cost = {"finished, and the next caller matched": await self.cost(self.finished(offer) for offer in ending)}
        fresh = self.talking[before:]
        assert len(fresh) == BATCH, "every agent must have found a caller"
        cost["answered"] = await self.cost(self.answered(offer) for offer in fresh)
        cost["join, nobody free"] = await self.cost(self.join() for _ in range(BATCH))
        return cost

    async def scan(self) -> float:
        """Microseconds of one naive match."""
        found = self.store.script(NAIVE, [f"{self.name}:".encode()], [b"skill0"])
        return await self.cost([found])

    async def drain(self) -> None:
        """All calls end: every agent is idle."""
        known = await self.core.snapshot()
        waiting = [call for call, place in known.calls.items() if place.state is CallState.WAITING]
        await each(self.core.leave(call, Left.LOST, 1e7) for call in waiting)
        await each(self.finished(offer) for offer in self.talking)
        self.talking = []

    async def calm(self) -> dict[str, float]:
        """Callers come one by one while all agents are idle, and hang up while those ring."""
        cost = {"join, and an agent matched": await self.cost(self.join() for _ in range(BATCH))}
        ringing, self.talking = self.talking, []
        assert len(ringing) == BATCH
        cost["hang-up, the agent freed"] = await self.cost(self.left(offer) for offer in ringing)
        return cost

    async def cost(self, work: Iterable[Awaitable[object]]) -> float:
        """Microseconds of Redis per script."""
        calls, microseconds = await spent(self.store)
        await each(work)
        calls_after, after = await spent(self.store)
        return (after - microseconds) / (calls_after - calls)


async def spent(store: Store) -> tuple[int, int]:
    """How many scripts Redis has run, and the microseconds that took."""
    found = re.search(r"cmdstat_evalsha:calls=(\d+),usec=(\d+)", await store.script(STATISTICS, [], []))
    assert found
    return int(found[1]), int(found[2])


async def measure(store: Store, rounds: int, sizes: Sizes) -> dict[str, dict[str, float]]:
    """Name of the operation → size → µs, with the null script and a naive match beside them."""
    costs: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    houses = {name: House(store, name, *size) for name, size in sizes.items()}
    for house in houses.values():
        await house.open()
    for step in (House.cycle, House.calm):
        for _, (name, house) in itertools.product(range(rounds), houses.items()):
            null = await house.cost(store.script(NULL, [], []) for _ in range(BATCH))
            costs["nothing (null script)"][name].append(null)
            for what, cost in (await step(house)).items():
                costs[what][name].append(cost)
            if step is House.cycle:
                costs["a naive match"][name].append(await house.scan())
        if step is House.cycle:
            for house in houses.values():
                await house.drain()
    return {what: {name: statistics.median(each) for name, each in by.items()} for what, by in costs.items()}


async def full_cycles(port: int, process: int) -> int:
    """How many calls one process brings through the core in SECONDS."""
    store = Store("127.0.0.1", port, deadline=10)
    running = asyncio.create_task(store.run())
    assert await store.wait_up(10)
    core = Core(store, prefix="cycles:", hold=1e9, story=False)
    queue = QueueSettings(f"q{process}", {f"skill{process}": 1})
    await each(
        core.login(AgentSettings(f"a{process}-{n}", f"PJSIP/{n}", queue.needs), 1.0) for n in range(2 * AT_A_TIME)
    )
    end, done = time.perf_counter() + SECONDS, 0

    async def one_after_the_other(number: int) -> None:
        nonlocal done
        while time.perf_counter() < end:
            done += 1
            call = f"c{process}-{number}-{done}"
            [offer] = (await core.join(call, queue=queue, arrival=2.0, now=2.0, channel=call, pbx="p")).offers
            assert (await core.answered(call, offer.agent, offer.token, 3.0)).applied
            assert (await core.finished(call, offer.agent, offer.token, 4.0)).applied

    await asyncio.gather(*(one_after_the_other(number) for number in range(AT_A_TIME)))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return done


def cycling(port: int, process: int) -> int:
    return asyncio.run(full_cycles(port, process))


async def cycles_per_second(port: int, processes: int) -> float:
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        loop = asyncio.get_running_loop()
        done = await asyncio.gather(*(loop.run_in_executor(pool, cycling, port, n) for n in range(processes)))
    return sum(done) / SECONDS


async def run(rounds: int, sizes: Sizes) -> tuple[dict[str, dict[str, float]], dict[int, float]]:
    """The costs, and the cycles per second by the number of processes."""
    with tempfile.TemporaryDirectory() as folder:
        async with Redis(Path(folder)) as redis:
            store = Store("127.0.0.1", redis.port, deadline=10)
            running = asyncio.create_task(store.run())
            assert await store.wait_up(10)
            try:
                rates = {processes: await cycles_per_second(redis.port, processes) for processes in (1, 2)}
                return await measure(store, rounds, sizes), rates
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)


def show(results: dict[str, dict[str, float]], rates: dict[int, float], sizes: Sizes) -> None:
    null, match = results["nothing (null script)"], results["finished, and the next caller matched"]
    table = Table(title="µs of Redis per script")
    for heading in ("script", "small", "÷ null", "large", "÷ null", "large ÷ small"):
        table.add_column(heading, justify="left" if heading == "script" else "right")
    for what, by in results.items():
        row = [f"{by[size]:.1f}" for size in sizes] + [f"{by[size] / null[size]:.0f}" for size in sizes]
        table.add_row(what, row[0], row[2], row[1], row[3], f"{by['large'] / by['small']:.2f}")
    console = Console()
    console.print(table)
    naive = results["a naive match"]
    cheaper = ", ".join(f"{size} {naive[size] / match[size]:.0f}×" for size in sizes)
    console.print(f"finished, with all that belongs to it, is cheaper than a naive match alone: {cheaper}")
    console.print(f"full cycles per second: one process {rates[1]:.0f}, two {rates[2]:.0f}")


def size(text: str) -> tuple[int, int, int]:
    waiting, agents, classes = map(int, text.split(","))
    return waiting, agents, classes


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--json", action="store_true")
    options.add_argument("--rounds", type=int, default=5)
    options.add_argument("--large", type=size, default=LARGE, metavar="WAITING,AGENTS,CLASSES")
    chosen = options.parse_args()
    sizes = {"small": SMALL, "large": chosen.large}
    results, rates = asyncio.run(run(chosen.rounds, sizes))
    if chosen.json:
        print(json.dumps({"microseconds": results, "cycles per second": rates}, indent=2))
    else:
        show(results, rates, sizes)


if __name__ == "__main__":
    main()
