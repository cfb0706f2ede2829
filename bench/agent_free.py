"""From agent free to INVITE at the agent's phone: ours against Asterisk's own Queue(), on one PBX in one run.

    python bench/agent_free.py [--json FILE] [--cycles 15] [--rounds 2] [--waiting 40]

One agent, 40 callers waiting with music (and one more for each cycle). The agent's phone answers at once, talks for
0.2 to 1.2 s and hangs up. Measured, by the phone's own log of messages to the microsecond, is the time from its BYE
to the next INVITE. The two queues take turns: the callers of one are gone before those of the other come. Callers and
phone are SIPp, so that both cores are the PBX's and the service's.

Queue() has its most favourable settings: no wrap-up, no member delay, no announcements, retry=1 (0 would mean 5),
autofill. What it takes is the second that passes between two looks of a waiting caller at the queue. Talks of one
length would fall in step with those looks (talks of 0.2 s: 0.83 s in the median), so they last differently long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from stage import quiet_house, sipp, until_channels  # noqa: E402

from lab.house import House  # noqa: E402
from lab.process import free_port  # noqa: E402
from lab.register import Registration  # noqa: E402

MOST_SECONDS = 150.0
AGENT = "anna"
NUMBERS = {"ours": "1900", "Queue()": "7100"}
QUEUES_CONF = f"""
[general]
persistentmembers = no

[bench]
strategy = rrmemory
autofill = yes
ringinuse = no
timeout = 15
retry = 1
wrapuptime = 0
memberdelay = 0
member => PJSIP/{AGENT}
"""
DIALPLAN = """
exten => 7100,1,Answer()
 same => n,Queue(bench)
 same => n,Hangup()
"""


async def turn(house: House, number: str, cycles: int, waiting: int, folder: Path) -> list[float]:
    """Seconds from the phone's BYE to its next INVITE, `cycles` times, with callers who dialed `number`."""
    pbx, port, callers = house.pbx, free_port(socket.SOCK_DGRAM), waiting + cycles + 1
    await Registration(pbx.sip, AGENT, pbx.password, contact_port=port).register()
    many = ("-s", number, "-r", "20", "-m", str(callers), "-l", str(callers))
    async with sipp("waiting-caller", folder, pbx.sip, *many):
        await until_channels(house, callers)
        log = folder / "messages"
        few = ("-m", str(cycles + 1), "-trace_shortmsg", "-shortmessage_file", str(log))
        async with sipp("agent", folder, pbx.sip, *few, port=port) as phone:
            await phone.exited()
    await pbx.console("channel request hangup all")
    await until_channels(house, 0)
    found = gaps(log)
    if len(found) != cycles:
        raise RuntimeError(f"The phone rang {len(found)} times again instead of {cycles}: see {log}.")
    return found


def gaps(log: Path) -> list[float]:
    """From each BYE sent to the first INVITE after it. SIPp logs date, time, POSIX seconds, S or R, …, message."""
    times: list[float] = []
    freed = 0.0
    for line in log.read_text().splitlines():
        _, _, moment, way, *_, message = line.split("\t")
        if way == "S" and message.startswith("BYE"):
            freed = float(moment)
        elif way == "R" and message.startswith("INVITE") and freed:
            times.append(float(moment) - freed)
            freed = 0.0
    return times


async def measure(cycles: int, rounds: int, waiting: int, folder: Path) -> dict[str, list[float]]:
    """Times of all rounds, the two in turns."""
    times: dict[str, list[float]] = {name: [] for name in NUMBERS}
    async with asyncio.timeout(MOST_SECONDS), quiet_house(folder, DIALPLAN, queues=QUEUES_CONF) as house:
        await house.begin_shift(AGENT)
        with Progress(transient=True, console=Console(stderr=True)) as progress:
            bar = progress.add_task("measuring", total=rounds * len(NUMBERS))
            for number in range(rounds):
                for name, dialed in NUMBERS.items():
                    times[name] += await turn(house, dialed, cycles, waiting, folder / f"{dialed}-{number}")
                    progress.advance(bar)
    return times


def figures(times: dict[str, list[float]], waiting: int) -> dict[str, Any]:
    found: dict[str, Any] = {"waiting": waiting}
    for name, each in times.items():
        found[name] = {
            "cycles": len(each),
            "median_ms": _ms(statistics.median(each)),
            "p95_ms": _ms(statistics.quantiles(each, n=20)[-1]),
            "least_ms": _ms(min(each)),
            "most_ms": _ms(max(each)),
        }
    found["times_shorter"] = round(found["Queue()"]["median_ms"] / found["ours"]["median_ms"], 1)
    return found


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 2)


def show(found: dict[str, Any], seconds: float) -> None:
    table = Table(title=f"Agent free → INVITE at the agent's phone, 1 agent, {found['waiting']} callers waiting")
    for heading in ("", "cycles", "median ms", "p95 ms", "least–most ms"):
        table.add_column(heading, justify="right" if heading else "left")
    for name in NUMBERS:
        row = found[name]
        spread = f"{row['least_ms']:.1f}–{row['most_ms']:.1f}"
        table.add_row(name, str(row["cycles"]), f"{row['median_ms']:.1f}", f"{row['p95_ms']:.1f}", spread)
    console = Console()
    console.print(table)
    console.print(f"the median is {found['times_shorter']:.0f} times shorter (aim: 50 or more); took {seconds:.0f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--cycles", type=int, default=15, help="in each turn")
    parser.add_argument("--rounds", type=int, default=2, help="turns of each")
    parser.add_argument("--waiting", type=int, default=40, help="callers that wait")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hotline-free-") as folder:
        times = asyncio.run(measure(options.cycles, options.rounds, options.waiting, Path(folder) / "house"))
    found = figures(times, options.waiting)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")
    show(found, time.monotonic() - began)


if __name__ == "__main__":
    main()
