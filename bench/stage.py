"""What the measurements with a PBX share: SIPp as callers and phones, which cost the machine little; quiet."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from lab.house import House, make_prompts
from lab.process import Process, free_port
from lab.programs import program

BENCH = Path(__file__).parent
MOST_CALLS = 2000


@contextlib.asynccontextmanager
async def quiet_house(folder: Path, dialplan: str, **files: str) -> AsyncIterator[House]:
    """A hotline of bench/hotline.yaml on a PBX with more `dialplan` and configuration `files`, and little else to do.

    It is spared what the lab's tests want: a log of every dialplan step, every event told, the lab's own clock.
    """
    config = BENCH / "hotline.yaml"
    sounds = await make_prompts(config)
    house = House(folder, config, sounds, max_calls=MOST_CALLS)
    house.clock, house.pbx.extra = None, dialplan
    etc = house.pbx.folder / "etc"
    etc.mkdir(parents=True)
    for name, text in files.items():
        (etc / f"{name}.conf").write_text(text)
    async with house:
        (etc / "logger.conf").write_text("[logfiles]\nfull => warning,error\n")
        await house.pbx.console("logger reload")
        await house.pbx.manager.action("Events", EventMask="off")
        house.service.listening = False
        yield house


async def until_channels(house: House, number: int) -> None:
    """Wait until the PBX has so many channels at least, or none. Raises TimeoutError."""
    async with asyncio.timeout(40):
        while True:
            status = await house.pbx.manager.action("CoreStatus")
            calls = int(status["CoreCurrentCalls"])
            if calls >= number > 0 or calls == number:
                return
            await asyncio.sleep(0.1)


@contextlib.asynccontextmanager
async def sipp(scenario: str, folder: Path, remote: int, *options: str, port: int = 0) -> AsyncIterator[Process]:
    """SIPp playing sipp/<scenario>.xml with 127.0.0.1:`remote`, from `port`; it says what it says in `folder`.

    All sound that it is sent ends in a socket that nobody reads.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        command = [
            program("sipp"), f"127.0.0.1:{remote}", "-sf", BENCH / "sipp" / f"{scenario}.xml", "-nostdin",
            "-i", "127.0.0.1", "-p", str(port or free_port(socket.SOCK_DGRAM)),
            "-key", "sink", str(sink.getsockname()[1]), *options,
        ]  # fmt: skip
        process = Process("sipp", command, log=folder / f"{scenario}.log")
        await process.start()
        try:
            yield process
        finally:
            await process.stop()
