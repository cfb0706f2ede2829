"""The lab itself, without a hotline: what a party does on one side is what arrives on the other."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest

from lab import audio
from lab.party import HungUp
from lab.pbx import Pbx
from lab.process import Process
from lab.redis import Redis
from lab.world import NotAnswered, World

CALLER = "+84901234567"


async def test_a_caller_hears_the_prompt_and_nothing_else_passes_for_it(world: World, sounds: Path):
    async with world.call("7001", caller_id=CALLER) as caller:
        assert await caller.hears(sounds / "en" / "welcome.wav") < 0.5
        await caller.hang_up()
    assert audio.find(sounds / "en" / "welcome.wav", caller.heard).score > 0.8
    assert audio.find(sounds / "en" / "technical-problem.wav", caller.heard).score < 0.5


async def test_a_key_reaches_the_pbx(world: World, sounds: Path):
    async with world.call("7001") as caller:
        await caller.hears(sounds / "en" / "welcome.wav")
        await caller.press("7")
        await caller.hung_up()
    assert audio.find(sounds / "en" / "goodbye.wav", caller.heard).score > 0.8


async def test_a_phone_rings_with_the_callers_number_and_both_hear_each_other(
    world: World, sounds: Path, words: Path
):
    anna = await world.phone("anna")
    async with world.call("7002", caller_id=CALLER) as caller:
        ringing = await anna.rings()
        assert ringing.caller_id == CALLER
        assert ringing.arrived > 1.6e9
        await ringing.answer()
        await asyncio.gather(caller.speak(words), ringing.speak(sounds / "en" / "welcome.wav"))
        await ringing.hears(words)
        await caller.hears(sounds / "en" / "welcome.wav")
        await ringing.hang_up()
        await caller.hung_up()
        with pytest.raises(HungUp):
            await caller.press("1")


async def test_a_phone_may_reject_a_call(world: World, sounds: Path):
    anna = await world.phone("anna")
    async with world.call("7002") as caller:
        await (await anna.rings()).reject()
        await caller.hears(sounds / "en" / "goodbye.wav")


async def test_a_phone_that_ignores_a_call_learns_when_the_caller_gave_up(world: World):
    anna = await world.phone("anna")
    async with world.call("7002") as caller:
        ringing = await anna.rings()
        ringing.ignore()
        await caller.hang_up()
        await ringing.hung_up()


async def test_an_unregistered_phone_cannot_be_reached(world: World, sounds: Path):
    anna = await world.phone("anna")
    await anna.unregister()
    async with world.call("7002") as caller:
        await caller.hears(sounds / "en" / "technical-problem.wav")


async def test_a_phone_dials_from_its_own_account(world: World, pbx: Pbx):
    binh = await world.phone("binh")
    async with binh.dial("7001"):
        assert "PJSIP/binh-" in await pbx.console("core show channels concise")


async def test_the_pbx_reaches_a_customer_by_its_trunk(world: World):
    customer = await world.number("+84907654321")
    async with world.call("7004") as caller:
        ringing = await customer.rings()
        await ringing.answer()
        await caller.hang_up()
        await ringing.hung_up()


async def test_a_call_that_nobody_takes_says_why(world: World):
    with pytest.raises(NotAnswered):
        await world.place("no-such-number")


async def test_redis_keeps_its_data_through_a_kill(redis: Redis):
    async def ask(*words: str) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", redis.port)
        writer.write((" ".join(words) + "\r\n").encode())
        reply = await reader.readline()
        if reply.startswith(b"$"):
            reply = await reader.readline()
        writer.close()
        return reply.strip()

    assert await ask("SET", "lab", "kept") == b"+OK"
    await redis.kill()
    await redis.start()
    assert await ask("GET", "lab") == b"kept"


async def test_a_process_dies_with_whoever_started_it(tmp_path: Path):
    script = (
        "import asyncio, pathlib, sys; from lab.process import Process\n"
        "async def main():\n"
        "    child = Process('child', ['sleep', '60'], log=pathlib.Path(sys.argv[1]))\n"
        "    await child.start(); print(child.pid, flush=True); await child.exited()\n"
        "asyncio.run(main())"
    )
    log = tmp_path / "parent.log"
    environment = {**os.environ, "PYTHONPATH": "scripts"}
    parent = Process("parent", ["python3", "-c", script, tmp_path / "child.log"], log=log, env=environment)
    await parent.start()
    await parent.logs("\n")
    child = int(log.read_text())
    assert _alive(child)
    await parent.kill()
    async with asyncio.timeout(5):
        while _alive(child):  # noqa: ASYNC110 - not our child: its end sends us no event
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
