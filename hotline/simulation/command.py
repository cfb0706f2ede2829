"""`hotline simulate`: reads a scenario, runs it with a progress bar, tells the outcome."""

from __future__ import annotations

import json as json_
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from hotline.simulation.model import Scenario
from hotline.simulation.scenario import load
from hotline.simulation.server import SimulationFailed, find


def simulate(
    path: Path, *, replications: int | None, seed: int | None, workers: int | None, json: bool, program: str
) -> int:
    """The exit status. None: replications and seed as the scenario says, a worker per core. Raises ConfigError."""
    scenario = load(path)
    for warning in scenario.warnings:
        print(f"{warning} (a warning)", file=sys.stderr)
    scenario = replace(
        scenario,
        replications=scenario.replications if replications is None else replications,
        seed=scenario.seed if seed is None else seed,
    )
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as orderly an end as Ctrl-C
    try:
        _run(scenario, workers or os.cpu_count() or 1, json, find(program))
    except ModuleNotFoundError as error:
        print(
            f"{error.name} is missing; in the folder of hotline's source run: pip install '.[simulate]'",
            file=sys.stderr,
        )
        return 1
    except SimulationFailed as problem:
        print(problem, file=sys.stderr)
        return 1
    finally:
        signal.signal(signal.SIGTERM, before)
    return 0


def _run(scenario: Scenario, workers: int, json: bool, program: str) -> None:
    from hotline.simulation.report import as_json, tables
    from hotline.simulation.runner import run
    from hotline.simulation.statistics import summary

    began = time.monotonic()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulated days", total=scenario.replications)
        results = []
        for result in run(scenario, program=program, workers=workers):
            results.append(result)
            progress.advance(task)
    estimates, seconds = summary(results), time.monotonic() - began
    if json:
        print(json_.dumps(as_json(scenario, estimates, seconds), indent=2))
    else:
        Console().print(tables(scenario, estimates))
