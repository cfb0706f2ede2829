"""A process that has a callback in hand is stopped, or dies, at the worst moment; what it says later is too late."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable

from aftermath import core_of
from crowd import GREETING, case, forward, invites, promise
from dialogue import LAN, MINH, NAM, nothing_left
from gate import Gate
from scenes import die

from hotline.callbacks.indexer import POLL
from hotline.callbacks.ledger import LEASE
from hotline.callbacks.states import State
from hotline.placing.errand import REST
from hotline.placing.leg import PUNCTUAL
from lab.house import House
from lab.party import Call
from lab.service import Line, Service
from lab.world import Phone

Build = Callable[..., Awaitable[House]]


@contextlib.asynccontextmanager
async def _about_to_dial(build_callbacks: Build) -> AsyncIterator[tuple[House, list[Gate]]]:
    """A house of two services, and between each and the PBX a gate that withholds the word to ring a customer."""
    ways: list[Gate] = []

    def between(house: House) -> None:
        ports = [int(each.rpartition(":")[2]) for each in house.pbx.servers]
        ways.extend(Gate(port, b"hotline-call-customer") for port in ports)
        house.pbx.servers = [f"127.0.0.1:{gate.port}" for gate in ways]

    house = await build_callbacks(before=between, services=2)
    async with contextlib.AsyncExitStack() as gates:
        for gate in ways:
            await gates.enter_async_context(gate)
        yield house, ways


async def test_an_attempt_whose_service_died_before_the_phone_rang_is_made_by_the_next_one(build_callbacks: Build):
    async with _about_to_dial(build_callbacks) as (house, ways):
        id, customer = promise(house, NAM), await house.world.number(NAM)
        (an,) = await house.begin_shift("an")
        ringing = await an.rings(within=20)
        await ringing.answer()
        serving, gate = await _caught(house, ringing, ways)
        await die(serving)
        await gate.cut()
        rung = await _press_until_rung([ringing], customer)
        await rung.answer()
        await asyncio.sleep(GREETING)
        await rung.hang_up()
        await ringing.hang_up()
        await _talked(house, id, attempts=1, rung=1)
        await _idle(house, "an")


async def test_who_was_told_to_go_and_slept_rings_nobody_too_late(build_callbacks: Build):
    async with _about_to_dial(build_callbacks) as (house, ways):
        id, customer = promise(house, NAM), await house.world.number(NAM)
        (an,) = await house.begin_shift("an")
        ringing = await an.rings(within=20)
        await ringing.answer()
        asleep, gate = await _caught(house, ringing, ways)
        os.kill(asleep.pid, signal.SIGSTOP)
        forward(house, LEASE + 1)
        await asyncio.sleep(PUNCTUAL + 1.5)
        assert case(house, id).state is State.DIALING  # the agent is on the line: it is not over
        gate.open()
        os.kill(asleep.pid, signal.SIGCONT)
        await asleep.event("PromiseMoved", promise=id, state="retry", outcome="late", attempts=0)
        await ringing.finished()
        assert invites(house)[NAM] == 0

        forward(house, 60)
        await _called(await an.rings(within=20), customer)
        await _talked(house, id, attempts=1, rung=1)


async def _caught(house: House, ringing: Call, ways: list[Gate]) -> tuple[Service, Gate]:
    """The service that is about to have the customer rung."""
    caught = [asyncio.create_task(gate.caught.wait()) for gate in ways]
    async with asyncio.timeout(20):
        while not any(gate.caught.is_set() for gate in ways):
            await ringing.press("2")
            await asyncio.wait(caught, timeout=1.5, return_when=asyncio.FIRST_COMPLETED)
    for task in caught:
        task.cancel()
    (gate,) = [gate for gate in ways if gate.caught.is_set()]
    for other in ways:
        if other is not gate:
            other.open()
    return house.services[ways.index(gate)], gate


async def test_of_two_agents_who_were_rung_for_one_promise_one_rings_the_customer(build_callbacks: Build):
    """The link to the PBX breaks just when the first one's phone begins to ring: nobody knows whether it does."""
    async with contextlib.AsyncExitStack() as gates:
        gate = None

        def between(house: House) -> None:
            nonlocal gate
            gate = Gate(house.pbx.ami, b"Originate successfully queued")
            house.manager_port = gate.port
            patient = house.folder / "patient.yaml"  # the first phone rings on while the second one is rung
            patient.write_text(house.config.read_text().replace("ring: 12s", "ring: 40s"))
            house.config = patient

        house = await build_callbacks(before=between)
        assert gate
        await gates.enter_async_context(gate)
        service, customer = house.service, await house.world.number(NAM)
        await service.event("LinkChanged", link="ami:pbx1", up=True)
        an, bao = await house.begin_shift("an", "bao")
        mark, id = service.mark(), promise(house, NAM)
        first = await _either(an, bao)
        await service.event("OfferMissed", after=mark, outcome="lost")
        gate.open()
        forward(house, REST + 1)
        second = await _either(an, bao)
        await asyncio.gather(first.answer(), second.answer())
        rung = await _press_until_rung([first, second], customer)
        await rung.answer()
        await asyncio.sleep(2)
        await asyncio.gather(first.press("2"), second.press("2"), return_exceptions=True)
        await asyncio.sleep(2)
        await rung.hang_up()
        await asyncio.gather(first.hang_up(), second.hang_up())
        await _talked(house, id, attempts=1, rung=1)
        await _idle(house, "an", "bao")


async def _either(*phones: Phone) -> Call:
    """The first call that comes to one of these phones."""
    rings = [asyncio.create_task(phone.rings(within=20)) for phone in phones]
    done, pending = await asyncio.wait(rings, return_when=asyncio.FIRST_COMPLETED)
    for task in pending:
        task.cancel()
    return done.pop().result()


async def test_a_phone_that_is_rung_for_what_another_agent_has_by_now_disturbs_nobody(build_callbacks: Build):
    async with contextlib.AsyncExitStack() as gates:
        gate = None

        def between(house: House) -> None:
            nonlocal gate
            gate = Gate(house.pbx.ami, b"Action: Originate")
            house.manager_port = gate.port

        house = await build_callbacks(before=between, services=2)
        assert gate
        await gates.enter_async_context(gate)
        for service in house.services:
            await service.event("LinkChanged", link="ami:pbx1", up=True)
        customer, phones = await house.world.number(NAM), await house.begin_shift("an", "bao")
        id = promise(house, NAM)
        await gate.caught.wait()
        asleep, offered = await _told(house, "CallbackOffered")
        os.kill(asleep.pid, signal.SIGSTOP)
        awake = house.services.index(asleep) - 1
        await house.pbx.set_servers([house.pbx.servers[awake]])  # an agent who came to one asleep would hear nothing
        forward(house, LEASE + 1)
        talking = await _either(*phones)
        await talking.answer()
        rung = await _press_until_rung([talking], customer)
        await rung.answer()
        gate.open()  # first, since who wakes up gives up the link
        os.kill(asleep.pid, signal.SIGCONT)
        # unless the same phone has answered that very offer: then the PBX refuses to ring it once more
        for late in await _calls(phones[("an", "bao").index(offered["agent"])], within=5):
            await late.answer()
            await late.hears(house.sounds / "en" / "callback-gone.wav")
            await late.finished()
        await asyncio.sleep(1)
        async with core_of(house) as core:
            assert "talking" in {state.value for state, *_ in (await core.snapshot()).agents.values()}
        await rung.hang_up()
        await talking.hang_up()
        await _talked(house, id, attempts=1, rung=1)
        await _idle(house, "an", "bao")


async def _calls(phone: Phone, within: float) -> list[Call]:
    """The next call, if one comes."""
    try:
        return [await phone.rings(within=within)]
    except TimeoutError:
        return []


async def test_they_talk_while_services_die_and_what_becomes_of_it_is_known_in_the_end(build_callbacks: Build):
    house = await build_callbacks(services=2)
    (an,) = await house.begin_shift("an")

    async with _talk(house, an, NAM) as (id, agent, customer):
        serving, _ = await _told(house, "AgentAnswered")
        await die(serving)
        await asyncio.sleep(1)
        assert not agent.over and not customer.over
        await customer.hang_up()
        await _talked(house, id, attempts=1, rung=1)
    await serving.start()

    async with _talk(house, an, LAN) as (id, agent, customer):
        await asyncio.gather(*map(die, house.services))
        await asyncio.gather(*(each.start() for each in house.services))
        forward(house, LEASE + 1)
        await asyncio.sleep(12)  # two looks for attempts whose holders are silent
        assert case(house, id).state is State.DIALING
        await customer.hang_up()
        await _talked(house, id, attempts=1, rung=1)

    async with _talk(house, an, "+84913334445") as (id, agent, customer):
        await house.redis.wipe()
        await asyncio.sleep(POLL + 1)  # Redis knows again what the lines say
        assert not customer.over
        await asyncio.gather(customer.hang_up(), agent.hang_up())
        await _talked(house, id, attempts=1, rung=1)
    await house.begin_shift("an")

    async with _talk(house, an, MINH) as (id, agent, customer):
        await asyncio.gather(*map(die, house.services))
        await agent.hang_up()  # nobody is there to be told
    forward(house, LEASE + 1)
    await asyncio.gather(*(each.start() for each in house.services))
    await _until(lambda: case(house, id).outcome == "lost")
    await _idle(house, "an")
    forward(house, 300)
    await _called(await an.rings(within=20), await house.world.number(MINH))
    await _talked(house, id, attempts=2, rung=2)


# -- who does what --------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def _talk(house: House, phone: Phone, number: str) -> AsyncIterator[tuple[str, Call, Call]]:
    """A new promise, and its talk: promise, agent's and customer's ends."""
    customer, id = await house.world.number(number), promise(house, number)
    agent = await phone.rings(within=20)
    await agent.answer()
    rung = await _press_until_rung([agent], customer)
    await rung.answer()
    await asyncio.sleep(GREETING)
    try:
        yield id, agent, rung
    finally:
        await asyncio.gather(agent.hang_up(), rung.hang_up())


async def _called(agent: Call, customer: Phone) -> None:
    """A callback as it should be."""
    await agent.answer()
    rung = await _press_until_rung([agent], customer)
    await rung.answer()
    await asyncio.sleep(GREETING)
    await rung.hang_up()
    await agent.hang_up()


async def _press_until_rung(agents: list[Call], customer: Phone) -> Call:
    """All these agents press the key until the customer's phone rings."""
    ringing = asyncio.create_task(customer.rings(within=30))
    while not ringing.done():
        await asyncio.gather(*(each.press("2") for each in agents), return_exceptions=True)
        await asyncio.wait([ringing], timeout=1.5)
    return ringing.result()


async def _told(house: House, event: str) -> tuple[Service, Line]:
    """Which service told of an event last, and what."""
    told = [(line["seen"], service, line) for service in house.services for line in service.events]
    _, service, line = max((each for each in told if each[2]["event"] == event), key=lambda each: each[0])
    return service, line


async def _talked(house: House, id: str, *, attempts: int, rung: int) -> None:
    await _until(lambda: case(house, id).state is State.TALKED)
    kept = case(house, id)
    assert kept.entry
    assert (kept.attempts, invites(house)[kept.entry.number]) == (attempts, rung)


async def _until(there: Callable[[], bool], within: float = 25.0) -> None:
    """A file sends no event."""
    async with asyncio.timeout(within):
        while not there():  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def _idle(house: House, *agents: str) -> None:
    async with core_of(house) as core:
        await nothing_left(house, core, dict.fromkeys(agents, "idle"))
