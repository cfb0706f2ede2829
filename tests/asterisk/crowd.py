"""Many customers who were promised a call, the agents who ring them, and the books that must agree in the end."""

from __future__ import annotations

import asyncio
import contextlib
import random
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hotline.callbacks.book import Book, Case
from hotline.callbacks.lines import Entry, Move
from hotline.callbacks.outbox import Outbox, new_id
from hotline.callbacks.states import State
from hotline.store import Store
from lab.house import House
from lab.party import BUSY, DECLINED, Call, HungUp
from lab.world import Phone

AGENTS = ("an", "bao", "chau", "dan", "giang", "hai", "khoa", "linh")
"""Those of callbacks-storm.yaml."""

PATIENCE = 12.0
"""Seconds that an agent stays with a service that says nothing."""

PRESS_EVERY = 1.5

GREETING = 1.5
"""Seconds after which a customer who has answered has heard the greeting, and talks with the agent."""

LONG = 7200.0


@dataclass(slots=True)
class Customer:
    """One who was promised a call. `moods`: what they do with the calls that come, the last one again and again."""

    number: str
    moods: tuple[str, ...]
    rung: int = 0
    talks: int = 0
    overlaps: int = 0
    """Calls that came while another one was there."""
    lines: int = 0
    mood: str = ""
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def live(self, phone: Phone) -> None:
        """Take every call that comes."""
        async with asyncio.TaskGroup() as calls:
            while True:
                calls.create_task(self._take(await phone.rings(within=LONG)))

    async def _take(self, call: Call) -> None:
        self.mood = self.moods[min(self.rung, len(self.moods) - 1)]
        self.rung, self.lines, self.overlaps = self.rung + 1, self.lines + 1, self.overlaps + (self.lines > 0)
        self._tell()
        try:
            with contextlib.suppress(HungUp, TimeoutError):
                await self._be(call, self.mood)
            await call.hang_up()
        finally:
            self.lines -= 1
            self._tell()

    async def _be(self, call: Call, mood: str) -> None:
        match mood:
            case "busy":
                await call.reject(BUSY)
            case "declines":
                await call.reject(DECLINED)
            case "lets it ring":
                await call.hung_up(within=30)
            case "brief":
                await call.answer()  # and hangs up before the greeting was over
            case _:  # talks, or a machine does
                await call.answer()
                self.talks += mood != "machine"
                await call.hung_up(within=GREETING + 0.5)

    def _tell(self) -> None:
        self.news.set()
        self.news = asyncio.Event()


MOODS = (
    *[("talks",)] * 6, ("busy", "talks"), ("declines", "talks"), ("machine", "talks"), ("brief", "talks"),
    ("busy", "busy", "talks"), ("lets it ring", "talks"),
)  # fmt: skip
"""What customers do with their first call, their second, …"""


class Crowd:
    """`count` customers; every fortieth never can be reached."""

    def __init__(self, house: House, count: int, chance: random.Random) -> None:
        self.house, self._chance = house, chance
        moods = [chance.choice(MOODS) if index % 40 != 17 else ("busy",) for index in range(count)]
        self.customers = {each.number: each for each in self._made(moods)}
        self.book = Book(Outbox(house.spool))

    @staticmethod
    def _made(moods: list[tuple[str, ...]]) -> Iterator[Customer]:
        for index, each in enumerate(moods):
            yield Customer(f"+8490{5_000_000 + index * 7}", each)

    @contextlib.asynccontextmanager
    async def living(self, agents: list[Phone]) -> AsyncIterator[None]:
        """Customers and agents take their calls as long as the block lasts."""
        phones = {number: await self.house.world.number(number) for number in self.customers}
        lives = [
            *(asyncio.create_task(each.live(phones[each.number])) for each in self.customers.values()),
            *(asyncio.create_task(self._work(each)) for each in agents),
        ]
        try:
            yield
        finally:
            for life in lives:
                life.cancel()
            ends = await asyncio.gather(*lives, return_exceptions=True)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    # -- agents -----------------------------------------------------------------------------------------------------

    async def _work(self, phone: Phone) -> None:
        while True:
            call = await phone.rings(within=LONG)
            with contextlib.suppress(HungUp, TimeoutError):
                await self._serve(call)
            await call.hang_up()

    async def _serve(self, call: Call) -> None:
        """Answer, have the customer rung at once, and say at the end how it was."""
        customer = self.customers[call.caller_id]
        before = customer.rung
        await asyncio.sleep(self._chance.uniform(0, 0.5))
        await call.answer()
        async with asyncio.timeout(PATIENCE):
            while customer.rung == before and not call.over:
                await call.press("2")
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PRESS_EVERY):
                        await customer.news.wait()
        mood = customer.mood
        if mood == "lets it ring":
            await asyncio.sleep(1)
            return
        async with asyncio.timeout(30):
            while customer.lines and not call.over:
                await customer.news.wait()
        await asyncio.sleep(0.4)
        if self._chance.random() < 0.7 or mood == "machine":
            await call.press("2" if mood == "machine" else "1")
            await call.hung_up(within=8)

    # -- time -------------------------------------------------------------------------------------------------------

    async def all_over(self, within: float) -> None:
        """Until every promise has ended. While all that are left wait, the clock moves."""
        async with asyncio.timeout(within):
            while left := await self.left():
                now = services_time(self.house).timestamp()
                if all(each.state is State.RETRY and each.due > now + 1 for each in left):
                    forward(self.house, min(each.due for each in left) - now)
                await asyncio.sleep(0.5)

    async def left(self) -> list[Case]:
        await asyncio.to_thread(self.book.read)
        return [each for each in self.book.cases.values() if each.is_open]

    # -- the books --------------------------------------------------------------------------------------------------

    async def wrong(self) -> list[str]:
        """Where customers, lines and Redis disagree."""
        rung = invites(self.house)
        wrong = [f"{number} is nobody's" for number in rung.keys() - self.customers.keys()]
        for case in self.book.cases.values():
            assert case.entry
            customer = self.customers[case.entry.number]
            found = _wrong(case, customer, rung[customer.number])
            wrong += [f"{case.id}: {each}; {_story(case)}" for each in found]
        return wrong + await self._wrong_in_redis()

    async def _wrong_in_redis(self) -> list[str]:
        async with open_store(self.house) as store:
            wrong = []
            for case in self.book.cases.values():
                known = await store.read("hmget", f"hotline:promise:{case.id}".encode(), [b"state", b"attempts"])
                if known != [case.state.encode(), str(case.attempts).encode()]:
                    wrong.append(f"{case.id} is {known} in Redis, not {case.state} after {case.attempts}")
            for key in ("leases", "in-hand:power", "ringing", "asked-at"):
                if await self.house.redis.ask("EXISTS", f"hotline:{key}") != "0":
                    wrong.append(f"{key} still has something in it")
            return wrong


def invites(house: House) -> Counter[str]:
    """How often each number was rung, as the world's own Asterisk has logged it."""
    return Counter(re.findall(r"Executing \[(\+\d+)@incoming:1\]", house.world.log.read_text()))


def promise(house: House, number: str, ago: float = 0.0) -> str:
    """A promise that is due, made `ago` seconds before now, as a request of a web page would be kept; its id."""
    now = services_time(house).timestamp()
    made = Entry(
        id=new_id(), call="", queue="power", entry="", language="en", recorded_at=now - ago, due=now, seconds=0.0,
        hung_up=False, kept_at=now, sha256="", source="web", confirmed=True, number=number,
    )  # fmt: skip
    Outbox(house.spool).add(made)
    return made.id


def services_time(house: House) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=float(house.clock.read_text()))


def forward(house: House, seconds: float) -> None:
    """Move the services' clock."""
    house.set_clock(services_time(house) + timedelta(seconds=seconds))


def case(house: House, id: str) -> Case:
    """A promise as the outbox's lines tell it."""
    book = Book(Outbox(house.spool))
    book.read()
    return book.cases[id]


@contextlib.asynccontextmanager
async def open_store(house: House) -> AsyncIterator[Store]:
    store = Store("127.0.0.1", house.redis.port)
    running = asyncio.create_task(store.run())
    try:
        assert await store.wait_up(5)
        yield store
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def _wrong(case: Case, customer: Customer, invites: int) -> Iterator[str]:
    lost = sum(isinstance(each, Move) and each.outcome == "lost" for each in case.story)
    if not case.attempts - lost <= invites <= case.attempts:
        yield f"{invites} INVITEs for {case.attempts} attempts, of which {lost} were lost"
    if customer.overlaps:
        yield f"{customer.overlaps} calls came while another one was there"
    if customer.talks > 1 + lost:
        yield f"talked {customer.talks} times"
    end = State.UNREACHABLE if customer.moods[-1] == "busy" else State.TALKED
    if case.state is not end:
        yield f"is {case.state}"


def _story(case: Case) -> Any:
    moves = [each for each in case.story if isinstance(each, Move)]
    return [(each.state, each.attempts, each.outcome, each.agent, round(each.at - moves[0].at, 1)) for each in moves]
