"""Calls per second through a menu before SIPp reports its first failed call: ours against the dialplan alone.

    python bench/menu_rate.py [--json FILE] [--seconds 5] [--most 400]

Every call takes the same steps on both sides: it is answered, hears a question, presses nothing for a second, hears
a word and is hung up, about 2.5 s in all. A call that is not over 5 s after its answer has failed. The rate is raised
by a quarter from step to step, the two sides taking turns, until a side's first failure; a failing rate is tried once
more, since one hiccup of the machine is no limit. SIPp, Asterisk and the service share this machine's cores.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from sipp import sipp  # noqa: E402

from lab.house import House, make_prompts  # noqa: E402

MOST_SECONDS = 400.0
FIRST_RATE = 16
NUMBERS = {"ours": "1901", "dialplan": "7101"}
DIALPLAN = """
exten => 7101,1,Answer()
 same => n,Read(KEY,${HOTLINE_SOUNDS}/en/press-one,1,,1,1)
 same => n,Playback(${HOTLINE_SOUNDS}/en/chosen)
 same => n,Hangup()
"""


async def all_well(house: House, number: str, rate: int, seconds: float, folder: Path) -> bool:
    """Whether every call succeeds at `rate` calls per second, begun for `seconds`."""
    calls = max(1, int(rate * seconds))
    options = ("-s", number, "-r", str(rate), "-m", str(calls), "-l", str(calls), "-recv_timeout", "5000")
    async with sipp("waiting-caller", folder, house.pbx.sip, *options) as process:
        async with asyncio.timeout(seconds + 30):
            good = await process.exited() == 0
    await house.pbx.console("channel request hangup all")
    async with asyncio.timeout(60):
        while await calls_left(house):  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.2)
    return good


async def calls_left(house: House) -> bool:
    """Whether the PBX still has calls; one that is too busy to say has."""
    try:
        return (await house.pbx.manager.action("CoreStatus"))["CoreCurrentCalls"] != "0"
    except TimeoutError:
        return True


async def measure(seconds: float, most: int, folder: Path) -> dict[str, int]:
    """The highest rate of each side at which nothing failed."""
    config, sounds = ROOT / "bench" / "hotline.yaml", ROOT / ".lab" / "bench-sounds"
    await make_prompts(config, sounds)
    house = House(folder, config, sounds, max_calls=10_000)
    house.pbx.extra = DIALPLAN
    best = dict.fromkeys(NUMBERS, 0)
    rate, failed = FIRST_RATE, set[str]()
    async with asyncio.timeout(MOST_SECONDS), house:
        await house.pbx.console("core set verbose 0")
        with Progress(transient=True, console=Console(stderr=True)) as progress:
            bar = progress.add_task("raising the rate", total=None)
            while rate <= most and len(failed) < len(NUMBERS):
                for name in NUMBERS.keys() - failed:
                    progress.update(bar, description=f"{name}: {rate} calls per second")
                    tries = [folder / f"{name}-{rate}-{number}" for number in range(2)]
                    for each in tries:
                        each.mkdir()
                        if await all_well(house, NUMBERS[name], rate, seconds, each):
                            best[name] = rate
                            break
                    else:
                        failed.add(name)
                rate = max(rate + 1, rate * 5 // 4)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there as well")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each rate")
    parser.add_argument("--most", type=int, default=400, help="calls per second at which to stop")
    options = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="hotline-rate-") as folder:
        best = asyncio.run(measure(options.seconds, options.most, Path(folder) / "house"))
    ratio = best["ours"] / best["dialplan"] if best["dialplan"] else float("nan")
    if options.json:
        options.json.write_text(json.dumps({**best, "ratio": ratio}, indent=2) + "\n")
    table = Table("", title="Calls per second through the menu without a failure")
    table.add_column("calls/s", justify="right")
    for name, rate in best.items():
        table.add_row(name, str(rate))
    Console().print(table)
    Console().print(f"ours ÷ dialplan: {ratio:.2f} (aim: at least 0.6); took {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
