"""SIPp as callers and phones that cost the machine as little as can be: scenarios are in sipp/."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

from lab.process import Process, free_port
from lab.programs import program

SCENARIOS = Path(__file__).parent / "sipp"


@contextlib.asynccontextmanager
async def sipp(scenario: str, folder: Path, remote: int, *options: str, port: int = 0) -> AsyncIterator[Process]:
    """SIPp playing sipp/<scenario>.xml with 127.0.0.1:`remote`, from `port`; its logs are <folder>/<scenario>*.

    All sound that it is sent ends in a socket that nobody reads.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sink:
        sink.bind(("127.0.0.1", 0))
        command = [
            program("sipp"), f"127.0.0.1:{remote}", "-sf", SCENARIOS / f"{scenario}.xml", "-nostdin",
            "-i", "127.0.0.1", "-p", str(port or free_port(socket.SOCK_DGRAM)),
            "-key", "sink", str(sink.getsockname()[1]), *options,
        ]  # fmt: skip
        process = Process("sipp", command, log=folder / f"{scenario}.log")
        await process.start()
        try:
            yield process
        finally:
            await process.stop()
