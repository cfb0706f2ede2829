"""What promises that are due at opening cost live callers: the same mornings without them and at several paces.

    python bench/pacing.py [--mornings 20] [--workers 2] [--bound 3] [--json]

The morning of config/simulations/callbacks-at-opening.yaml: a desk of 18 to 21 agents opens with 100 promises due. In
every variant the same people call, and the same customers answer, so the fall of the live service level is measured
morning by morning. Exit status 1 when, at the default pace, it falls by more than `--bound` points (its whole 95%
interval counts), or a customer was not rung before noon.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "scripts")]

from hotline.callbacks.settings import CallbackSettings  # noqa: E402
from hotline.simulation.model import Scenario  # noqa: E402
from hotline.simulation.runner import run  # noqa: E402
from hotline.simulation.scenario import load  # noqa: E402
from hotline.simulation.statistics import Estimate, estimate, summary  # noqa: E402
from hotline.simulation.tally import Result  # noqa: E402
from lab.programs import program  # noqa: E402

SCENARIO = ROOT / "config" / "simulations" / "callbacks-at-opening.yaml"
TYPE = "desk"
LEVEL = "service_level_20s"
WITHOUT = "no promises"
NOON = 4 * 3600.0
"""Seconds after the opening, which is when the promises are due."""

DEFAULTS = CallbackSettings(TYPE)
PACES = {
    "default": DEFAULTS,
    "share 0.2, reserve 3": replace(DEFAULTS, reserve=3),
    "share 0.2, reserve 0, ramp 1h": replace(DEFAULTS, reserve=0, ramp=3600.0),
    "share 0.3, reserve 0": replace(DEFAULTS, share=0.3, reserve=0),
    "share 1, reserve 0": replace(DEFAULTS, share=1.0, reserve=0),
}


def variants(scenario: Scenario) -> dict[str, Scenario]:
    """The morning without promises, and at each pace."""
    desk = scenario.calls[TYPE]
    promised = desk.callbacks
    assert promised
    kinds = {name: replace(desk, callbacks=replace(promised, settings=pace)) for name, pace in PACES.items()}
    kinds = {WITHOUT: replace(desk, callbacks=None), **kinds}
    return {name: replace(scenario, calls={TYPE: kind}) for name, kind in kinds.items()}


def simulated(name: str, scenario: Scenario, workers: int) -> list[Result]:
    results = []
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(name, total=scenario.replications)
        for result in run(scenario, program=str(program("redis-server")), workers=workers):
            results.append(result)
            progress.advance(task)
    return sorted(results, key=lambda result: result.replication)


def fall(before: list[Result], after: list[Result]) -> Estimate:
    """By how much the level of a morning falls, morning by morning."""

    def level(result: Result) -> float:
        within, base = result.types[TYPE][LEVEL]
        return within / base

    return estimate([(level(one) - level(other), 1.0) for one, other in zip(before, after, strict=True)])


def row(name: str, results: list[Result], without: list[Result]) -> dict[str, Any]:
    found = summary(results).types[TYPE]
    figures = {LEVEL: found[LEVEL], "fall": fall(without, results)}
    figures |= {key: each for key, each in found.items() if key.startswith("callbacks_")}
    rows = [result.types[TYPE] for result in results]
    return {
        "pace": name,
        **{key: {"value": each.value or 0.0, "half": each.half or 0.0} for key, each in figures.items()},
        "latest": max(row.get("callbacks_last", (0.0, 0.0))[0] for row in rows),
        "all_made": all(row.get("callbacks_made") == row.get("callbacks_due") for row in rows),
    }


def show(rows: list[dict[str, Any]], mornings: int) -> None:
    columns = ("live, within 20 s", "falls by", "mean wait since due", "the last", "the very last")
    table = Table("pace", *columns, title=f"{mornings} mornings")
    table.columns[0].no_wrap = True
    for each in rows:
        cells = [_points(each[LEVEL], "%")]
        if each["pace"] != WITHOUT:
            seconds = (each["callbacks_wait_mean"]["value"], each["callbacks_last"]["value"], each["latest"])
            cells += [_points(each["fall"], ""), *(f"{value / 60:.0f} min" for value in seconds)]
        table.add_row(each["pace"], *cells)
    Console().print(table)


def _points(found: dict[str, float], unit: str) -> str:
    return f"{100 * found['value']:.1f}{unit} ±{100 * found['half']:.1f}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mornings", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--bound", type=float, default=3.0)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    found = {
        name: simulated(name, scenario, chosen.workers)
        for name, scenario in variants(replace(load(SCENARIO), replications=chosen.mornings)).items()
    }
    rows = [row(name, results, found[WITHOUT]) for name, results in found.items()]
    default = rows[1]
    worst = 100 * (default["fall"]["value"] + default["fall"]["half"])
    met = worst <= chosen.bound and default["all_made"] and default["latest"] <= NOON
    if chosen.json:
        print(json.dumps({"mornings": chosen.mornings, "bound": chosen.bound, "met": met, "rows": rows}, indent=2))
    else:
        show(rows, chosen.mornings)
        print(f"At the default pace: no more than {chosen.bound:g} points, and all rung before noon:", end=" ")
        print("met" if met else "NOT MET")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
