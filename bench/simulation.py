"""Simulated days against published tables, and how long a big day takes.

    python bench/simulation.py [--days 100] [--pooling 6] [--workers 1] [--only tables pooling speed] [--json]

Tables: config/simulations/mm12*.yaml against those of the contact-centre simulation library of Université de
Montréal, 1000 days each; a figure is met when its 95% interval and ours overlap. Pooling: how much of what full
pooling gains comes from two skills each, over 60 simulated hours a replication, the same calls in all three. Speed:
the day of config/simulations/hotline-e.yaml, once, in seconds of clock and of processor (ours and Redis's).
"""

from __future__ import annotations

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from hotline.simulation.model import TOTAL  # noqa: E402
from hotline.simulation.runner import run  # noqa: E402
from hotline.simulation.scenario import load  # noqa: E402
from hotline.simulation.statistics import Estimate, Summary, summary  # noqa: E402
from lab.programs import program  # noqa: E402

MINUTE = 60.0
PUBLISHED = {
    # scenario: measure → (value, half of its interval, its unit in ours); without an interval: half of its last digit
    "mm12": {
        "service_level_20s": (0.902, 0.002, 1.0),
        "wait_mean": (0.099, 0.0005, MINUTE),
        "occupancy": (0.695, 0.0005, 1.0),
    },
    "mm12-patience": {"abandoned": (58.6, 0.9, 1.0), "service_level_20s": (0.975, 0.0005, 1.0)},
    "mm12-capacity": {"blocked": (18.7, 0.6, 1.0), "wait_mean": (0.060, 0.0005, MINUTE)},
}


def simulated(name: str, replications: int, workers: int) -> Summary:
    scenario = replace(load(ROOT / "config" / "simulations" / f"{name}.yaml"), replications=replications)
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=replications)
        for result in run(scenario, program=str(program("redis-server")), workers=workers):
            results.append(result)
            progress.advance(task)
    return summary(results)


def figure(found: Summary, measure: str) -> Estimate:
    if measure == "occupancy":
        return next(iter(found.groups.values()))[measure]
    return found.types[TOTAL][measure]


def compared(name: str, measure: str, ours: Estimate, published: tuple[float, float, float]) -> dict[str, Any]:
    value, half, unit = published
    mine, my_half = (ours.value or 0.0) / unit, (ours.half or 0.0) / unit
    return {
        "scenario": name,
        "measure": measure,
        "ours": mine,
        "half": my_half,
        "published": value,
        "published_half": half,
        "met": abs(mine - value) <= half + my_half,
    }


def tables(days: int, workers: int) -> list[dict[str, Any]]:
    rows = []
    for name, wanted in PUBLISHED.items():
        found = simulated(name, days, workers)
        rows += [compared(name, measure, figure(found, measure), known) for measure, known in wanted.items()]
    return rows


def pooling(replications: int, workers: int) -> dict[str, Any]:
    """Mean waits in minutes and shares blocked, with what part of the gain of all skills two skills bring."""
    found = {skills: simulated(f"pooling-{skills}", replications, workers) for skills in ("one-skill", "two-skills",
                                                                                         "all-skills")}  # fmt: skip
    waits = {skills: (figure(each, "wait_mean").value or 0.0) / MINUTE for skills, each in found.items()}
    halves = {skills: (figure(each, "wait_mean").half or 0.0) / MINUTE for skills, each in found.items()}
    blocked = {
        skills: (figure(each, "blocked").value or 0.0) / (figure(each, "arrivals").value or 1.0)
        for skills, each in found.items()
    }
    gain = (waits["one-skill"] - waits["two-skills"]) / (waits["one-skill"] - waits["all-skills"])
    return {"wait": waits, "wait_half": halves, "blocked": blocked, "gain_of_two_skills": gain}


def speed() -> dict[str, float]:
    before = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    began = time.monotonic()
    found = simulated("hotline-e", 1, 1)
    after = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    used = [
        now.ru_utime + now.ru_stime - then.ru_utime - then.ru_stime for now, then in zip(after, before, strict=True)
    ]
    calls = figure(found, "arrivals").value or 0.0
    return {"calls": calls, "seconds": time.monotonic() - began, "cpu_ours": used[0], "cpu_redis": used[1]}


def show(outcome: dict[str, Any]) -> None:
    console = Console()
    if "tables" in outcome:
        table = Table("scenario", "measure", "ours", "published", "met", title=f"{outcome['days']} days")
        for row in outcome["tables"]:
            ours, known = f"{row['ours']:.4f} ±{row['half']:.4f}", f"{row['published']} ±{row['published_half']}"
            table.add_row(row["scenario"], row["measure"], ours, known, "yes" if row["met"] else "no")
        console.print(table)
    if found := outcome.get("pooling"):
        table = Table("pooling", "mean wait, min", "blocked")
        for skills, wait in found["wait"].items():
            share = f"{100 * found['blocked'][skills]:.3f}%"
            table.add_row(skills, f"{wait:.3f} ±{found['wait_half'][skills]:.3f}", share)
        console.print(table, f"Two skills bring {100 * found['gain_of_two_skills']:.1f}% of the gain (known: ≥ 93%).")
    if found := outcome.get("speed"):
        told = "{calls:.0f} calls in {seconds:.1f} s; processor: ours {cpu_ours:.1f} s, Redis {cpu_redis:.1f} s"
        console.print(told.format(**found))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--days", type=int, default=100)
    parser.add_argument("--pooling", type=int, default=6)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=("tables", "pooling", "speed"))
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    wanted = chosen.only or ("tables", "pooling", "speed")
    outcome: dict[str, Any] = {"days": chosen.days}
    if "tables" in wanted:
        outcome["tables"] = tables(chosen.days, chosen.workers)
    if "pooling" in wanted:
        outcome["pooling"] = pooling(chosen.pooling, chosen.workers)
    if "speed" in wanted:
        outcome["speed"] = speed()
    if chosen.json:
        print(json.dumps(outcome, indent=2))
    else:
        show(outcome)
    return 0 if all(row["met"] for row in outcome.get("tables", ())) else 1


if __name__ == "__main__":
    sys.exit(main())
