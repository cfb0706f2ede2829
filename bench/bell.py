"""The bell: from our AMI send of PlayDTMF D to the AGI reply in the session of a caller who waits with music.

    python bench/bell.py [--json] [--waiting 60] [--rings 600]

As in the product, an agi.server holds the waiting callers of a private Asterisk (real channels with
music, each in WAIT FOR DIGIT), an ami.client rings one after the other. In the same run, for scale, an AMI Ping
and its reply, the least that this PBX takes for anything. A tone that fell between two commands is rung again
after 0.1 s, as the product does, and counted as lost; its time then includes the second ring.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from agi.channel import Channel  # noqa: E402
from agi.server import Server  # noqa: E402
from ami.client import Client  # noqa: E402
from ami.events import Snapshot  # noqa: E402
from lab.pbx import Pbx  # noqa: E402
from lab.process import free_port  # noqa: E402

MOST_SECONDS = 30.0
RING_AGAIN = 0.1
BELL = "D"


class WaitingRoom:
    """The callers who wait, and when each last heard the bell."""

    def __init__(self) -> None:
        self.callers: dict[str, Channel] = {}
        self.heard: dict[str, asyncio.Future[float]] = {}
        self.filled = asyncio.Event()

    async def wait(self, channel: Channel, expected: int) -> None:
        name = channel.request.channel
        await channel.answer()
        await channel.music(True)
        self.callers[name] = channel
        if len(self.callers) == expected:
            self.filled.set()
        while True:
            key = await channel.wait_digit(60)
            future = self.heard.get(name)
            if key == BELL and future is not None and not future.done():
                future.set_result(time.perf_counter())

    async def ring(self, client: Client, name: str) -> tuple[float, int]:
        """Seconds from the first ring until it was heard, and the rings that were lost."""
        heard = self.heard[name] = asyncio.get_running_loop().create_future()
        began, lost = time.perf_counter(), 0
        while True:
            reply = asyncio.create_task(client.play_dtmf(name, BELL))
            done, _ = await asyncio.wait({heard}, timeout=RING_AGAIN)
            if not (await reply).ok:
                raise RuntimeError(f"the PBX did not ring {name}")
            if done:
                return heard.result() - began, lost
            lost += 1


async def timed(action: Callable[[], Awaitable[Any]]) -> float:
    began = time.perf_counter()
    await action()
    return time.perf_counter() - began


async def measure(waiting: int, rings: int, folder: Path) -> dict[str, Any]:
    """The PBX is looked after on one loop, the service's part runs on uvloop in a thread of its own."""
    port = free_port()
    dialplan = (
        f"[bench]\nexten => wait,1,AGI(agi://127.0.0.1:{port}/call)\nexten => hold,1,Answer\n same => n,Wait(300)\n"
    )
    async with Pbx(folder, spool=folder / "spool", sounds=folder / "sounds", extra=dialplan) as pbx:
        client = Client("127.0.0.1", pbx.ami, "hotline", pbx.secret, name=pbx.name)
        ringing = ring_all(client, port, waiting, rings)
        return await asyncio.to_thread(uvloop.run, asyncio.wait_for(ringing, MOST_SECONDS))


async def ring_all(client: Client, port: int, waiting: int, rings: int) -> dict[str, Any]:
    room = WaitingRoom()
    async with Server(lambda channel: room.wait(channel, waiting), port=port, max_calls=waiting):
        tasks = [asyncio.create_task(client.run())]
        try:
            async for message in client.events():
                if isinstance(message, Snapshot):
                    break
            tasks.append(asyncio.create_task(_read(client)))
            await fill(client, waiting)
            await asyncio.wait_for(room.filled.wait(), 15)
            await asyncio.sleep(0.5)  # the PBX comes to rest
            names = list(room.callers)
            times, pings, lost = [], [], 0
            for number in range(rings):
                seconds, missed = await room.ring(client, names[number % waiting])
                times.append(seconds)
                lost += missed
                pings.append(await timed(lambda: client.action("Ping")))
        finally:
            for task in tasks:
                task.cancel()
    return figures(waiting, times, lost, pings)


async def fill(client: Client, waiting: int) -> None:
    for number in range(waiting):
        name = f"bell-{number}"
        await client.originate("Local/wait@bench/n", channel_id=name, context="bench", exten="hold", seconds=10)


async def _read(client: Client) -> None:
    async for _ in client.events():
        pass


def figures(waiting: int, times: list[float], lost: int, pings: list[float]) -> dict[str, Any]:
    return {
        "waiting": waiting,
        "rings": len(times),
        "median_ms": _ms(statistics.median(times)),
        "p95_ms": _ms(_p95(times)),
        "most_ms": _ms(max(times)),
        "lost": lost,
        "ami_ping_median_ms": _ms(statistics.median(pings)),
    }


def _p95(values: list[float]) -> float:
    return statistics.quantiles(values, n=20)[-1]


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 3)


def show(found: dict[str, Any], seconds: float) -> None:
    table = Table("", "ms", title=f"The bell, {found['waiting']} callers waiting with music, {found['rings']} rings")
    table.add_row("AMI send → AGI reply, median", f"{found['median_ms']:.2f}")
    table.add_row("AMI send → AGI reply, p95", f"{found['p95_ms']:.2f}")
    table.add_row("the longest", f"{found['most_ms']:.2f}")
    table.add_row("for scale, AMI Ping and its reply, median", f"{found['ami_ping_median_ms']:.2f}")
    console = Console()
    console.print(table)
    console.print(f"{found['lost']} tones lost between two commands and rung again; took {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    parser.add_argument("--waiting", type=int, default=60, help="callers that wait")
    parser.add_argument("--rings", type=int, default=600)
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hotline-bell-") as folder:
        found = asyncio.run(measure(options.waiting, options.rings, Path(folder)))
    if options.json:
        print(json.dumps(found, indent=2))
    else:
        show(found, time.monotonic() - began)


if __name__ == "__main__":
    main()
