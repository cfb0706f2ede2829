"""Calls per second through the menu before SIPp reports its first failure: ours against a native dialplan, one PBX.

    python bench/menu_rate.py [--json FILE] [--seconds 3]

Every call takes the same steps on both sides: answered, hears a prompt, presses 1 after a second (SIP INFO), hears a
second prompt, is hung up on. It has failed when any answer stays away, or the call's end for 3 s after the key. A
rate is good when no call failed and SIPp kept it up: on a machine that is busy it does not. The rate rises by half
until one is not good, then the last gap is halved twice. So that a moment's disturbance does not count, a rate that
is not good gets a second chance.

The native dialplan is as short as one can be: Answer, Read, Playback, Hangup. Ours goes through dialplan/hotline.conf
(scrubbing, next server, last resort) and a service that logs and counts each step. SIPp, Asterisk, Redis and the
service share the machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from stage import MOST_CALLS, quiet_house, sipp, until_channels  # noqa: E402

from lab.house import House  # noqa: E402

MOST_SECONDS = 180.0
NUMBERS = {"ours": "1901", "native": "7101"}
FIRST, TIMES, HALVINGS, TRIES = 80, 1.5, 2, 2
DIALPLAN = """
exten => 7101,1,Answer()
 same => n,Read(KEY,${HOTLINE_SOUNDS}/en/press-one,1,,1,5)
 same => n,ExecIf($["${KEY}" = "1"]?Playback(${HOTLINE_SOUNDS}/en/chosen))
 same => n,Hangup()
"""


class Step(NamedTuple):
    """What SIPp tells of some seconds at one rate; `reached` is the rate that it kept itself."""

    rate: int
    reached: float
    calls: int
    failed: int
    retransmissions: int

    @property
    def good(self) -> bool:
        return self.failed == 0 and self.reached > 0.95 * self.rate


async def run(house: House, number: str, rate: int, seconds: float, folder: Path) -> Step:
    calls = round(rate * seconds)
    statistics = folder / f"{number}-{rate}-{time.monotonic():.0f}.csv"
    options = ("-s", number, "-r", str(rate), "-m", str(calls), "-l", str(MOST_CALLS), "-timeout", "20")
    files = ("-trace_stat", "-stf", str(statistics), "-fd", "1")
    async with sipp("menu-caller", folder, house.pbx.sip, *options, *files) as caller:
        await caller.exited()
    await until_channels(house, 0)
    return read(statistics, rate, calls)


def read(statistics: Path, rate: int, calls: int) -> Step:
    with statistics.open() as lines:
        *_, last = csv.DictReader(lines, delimiter=";")
    return Step(
        rate,
        reached=calls / (_moment(last["CurrentTime"]) - _moment(last["StartTime"]) - _seconds(last["CallLength(C)"])),
        calls=calls,
        failed=calls - int(last["SuccessfulCall(C)"]),
        retransmissions=int(last["Retransmissions(C)"]),
    )


def _moment(text: str) -> float:
    """The last of date, time and POSIX seconds."""
    return float(text.split("\t")[-1])


def _seconds(text: str) -> float:
    """SIPp's 00:00:04:123000: hours, minutes, seconds, microseconds."""
    hours, minutes, seconds, micro = map(int, text.split(":"))
    return hours * 3600 + minutes * 60 + seconds + micro / 1e6


async def search(attempt: Callable[[int], Awaitable[Step]]) -> tuple[int, list[Step]]:
    """The highest rate found good, and all that was tried."""
    steps: list[Step] = []

    async def good(rate: int) -> bool:
        for _ in range(TRIES):
            steps.append(await attempt(rate))
            if steps[-1].good:
                return True
        return False

    best, rate = 0, FIRST
    while await good(rate):
        best, rate = rate, round(rate * TIMES)
    for _ in range(HALVINGS):
        middle = (best + rate) // 2
        if await good(middle):
            best = middle
        else:
            rate = middle
    return best, steps


async def measure(seconds: float, folder: Path) -> dict[str, tuple[int, list[Step]]]:
    found = {}
    async with asyncio.timeout(MOST_SECONDS), quiet_house(folder, DIALPLAN) as house:
        for name, number in NUMBERS.items():

            async def attempt(rate: int, number: str = number) -> Step:
                return await run(house, number, rate, seconds, folder)

            await run(house, number, FIRST, 1, folder)  # what is loaded once
            found[name] = await search(attempt)
    return found


def figures(found: dict[str, tuple[int, list[Step]]]) -> dict[str, Any]:
    rates = {name: rate for name, (rate, _) in found.items()}
    return {
        "calls_per_second": rates,
        "ours_to_native": round(rates["ours"] / rates["native"], 2),
        "cores": os.cpu_count(),
        "steps": {name: [step._asdict() for step in steps] for name, (_, steps) in found.items()},
    }


def show(found: dict[str, tuple[int, list[Step]]], seconds: float) -> None:
    console = Console()
    table = Table(title=f"Calls per second through the menu, {os.cpu_count()} cores for all")
    for heading in ("", "asked for", "kept by SIPp", "calls", "failed", "retransmissions"):
        table.add_column(heading, justify="right" if heading else "left")
    for name, (_, steps) in found.items():
        for step in steps:
            style = "" if step.good else "red"
            row = (step.rate, f"{step.reached:.0f}", step.calls, step.failed, step.retransmissions)
            table.add_row(name, *map(str, row), style=style)
    console.print(table)
    ours, native = (found[name][0] for name in NUMBERS)
    console.print(
        f"ours {ours}, native {native} calls per second: {ours / native:.2f} times (aim: 0.6 or more); "
        f"took {seconds:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--seconds", type=float, default=3, help="at each rate")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hotline-rate-") as folder:
        found = asyncio.run(measure(options.seconds, Path(folder) / "house"))
    if options.json:
        options.json.write_text(json.dumps(figures(found), indent=2) + "\n")
    show(found, time.monotonic() - began)


if __name__ == "__main__":
    main()
