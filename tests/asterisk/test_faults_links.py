"""Cut wires: the manager link, strangers at the AGI port, and a PBX that dies."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from pathlib import Path

from aftermath import all_is_well, state_of
from conftest import CONFIG, NOON
from dialogue import LAN, NAM, agent, complaints, dial
from scenes import STRAIGHT, die, heard_all, serve, talk, tell_each_other, waiting

from lab.house import House
from lab.link import Link
from lab.service import Service

HALF_OPEN = 300


async def test_while_the_manager_link_is_cut_calls_go_on_and_3_s_after_it_is_mended_all_is_consistent(
    tmp_path: Path, prompts: Path
):
    house = House(tmp_path / "house", CONFIG, prompts)
    async with Link(house.pbx.ami) as link:
        house.manager_port = link.port
        async with house:
            house.set_clock(NOON)
            await an_agent_answers_during_the_cut(house, link)
            await a_caller_hangs_up_during_the_cut(house, link)
            await all_is_well(house, anna="idle")


async def an_agent_answers_during_the_cut(house: House, link: Link) -> None:
    service = house.service
    async with dial(house, STRAIGHT) as caller:
        await caller.event("CallerQueued", position=1)
        mark = service.mark()
        await link.cut()
        await service.event("LinkChanged", after=mark, link="ami:pbx1", up=False)
        phone = await agent(house, "anna")
        anna = await phone.rings()  # nobody can ring a bell now: the caller's session has looked by itself
        await anna.answer()
        assert await state_of(house, "anna") == "offered"
        await mended(link, service, "AgentAnswered", caller.id)
        await anna.hang_up()
        await caller.event("ConversationEnded", ended_by="agent")
        await caller.party.hung_up()


async def a_caller_hangs_up_during_the_cut(house: House, link: Link) -> None:
    """With no service there for the dialplan to tell it to: only the PBX's list of channels shows it."""
    service = house.service
    async with talk(house) as (caller, _):
        await die(service)
        await link.cut()
    await service.start()
    assert await state_of(house, "anna") == "talking"
    await mended(link, service, "ConversationEnded", caller.id)


async def mended(link: Link, service: Service, event: str, call: str) -> None:
    """Mend the link: within 3 s that event of the call is told."""
    mark, began = service.mark(), time.monotonic()
    await link.mend()
    line = await service.event(event, after=mark, call=call, agent="anna")
    up = await service.event("LinkChanged", after=mark, link="ami:pbx1", up=True)
    print(f"link up {up['seen'] - began:.2f} s, {event} {line['seen'] - began:.2f} s after the link was mended")
    assert line["seen"] - began < 3


async def test_strangers_at_the_agi_port_disturb_no_call_and_new_calls_are_served(
    own_house: House, stories: tuple[Path, Path]
):
    house, service = own_house, own_house.service
    async with talk(house) as (talker, anna), waiting(house) as others, dial(house, "1900", NAM) as chooser:
        telling = asyncio.create_task(tell_each_other(talker.party, anna, stories))
        async with strangers(int(house.pbx.servers[0].rpartition(":")[2])):
            await chooser.played("welcome")
            async with dial(house, "1900", LAN) as newcomer:
                await newcomer.played("welcome")
            await telling
        assert sum(line["event"] == "CallRefused" for line in service.events) == HALF_OPEN + 3
        assert not any(each.party.over for each in (*others, chooser))
        await chooser.party.hang_up()
        await anna.hang_up()
        await talker.party.hung_up()
        await heard_all(talker.party, anna, stories)
        await serve(await house.world.phone("anna"), *others)
    await all_is_well(house, anna="idle")
    assert not complaints(house)


@contextlib.asynccontextmanager
async def strangers(port: int) -> AsyncIterator[None]:
    """Peers that say nothing, garbage, a line without end, and half of what they should; all are shown the door."""
    sayings = [b"", b"\x00\xff\x13 garbage\r\n\r\n" * 3, b"agi_request" + b"x" * 1_000_000]
    sayings += [b"agi_network: yes\nagi_request: agi://here/call\n"] * HALF_OPEN
    async with asyncio.TaskGroup() as group:
        for words in sayings:
            group.create_task(stranger(port, words))
        yield


async def stranger(port: int, words: bytes) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with contextlib.suppress(ConnectionError):
        writer.write(words)
        await writer.drain()
        async with asyncio.timeout(15):
            assert await reader.read() == b"", "a stranger is told nothing"
    writer.close()


async def test_a_pbx_that_dies_leaves_no_agent_and_no_call_behind_and_works_again_when_it_is_back(own_house: House):
    house, service = own_house, own_house.service
    async with talk(house) as (talker, _), waiting(house) as (first, second):
        await house.pbx.kill()
        for each in (talker, first, second):
            await each.ended("line-lost")
        mark, began = service.mark(), time.monotonic()
        await house.pbx.start()
        up = await service.event("LinkChanged", after=mark, link="ami:pbx1", up=True, seconds=20)
        print(f"link up {up['seen'] - began:.2f} s after the PBX's start")
        await service.event("ConversationEnded", after=mark, call=talker.id, agent="anna")
        for each in (first, second):
            await service.event("CallerLeftQueue", after=mark, call=each.id, reason="lost")
    await all_is_well(house, anna="idle")
    async with talk(house) as (caller, anna):
        await anna.hang_up()
        await caller.party.hung_up()
    await all_is_well(house, anna="idle")
