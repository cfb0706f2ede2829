"""`hotline staff`: what it takes, and what it prints. Exit status 2 when the forecast or an option is wrong."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from hotline.schema.problems import ConfigError
from hotline.staffing.forecast import load
from hotline.staffing.plan import Model, Staffed, Target, Verified, plan
from hotline.staffing.report import as_csv, as_json, as_table, in_words


def staff(
    forecast: Annotated[
        Path, typer.Argument(help="CSV: columns calls and handle; start and patience if you have them.")
    ],
    level: Annotated[float, typer.Option(min=1, max=99.99, help="Service level, %: so many answered in time.")] = 80,
    within: Annotated[float, typer.Option(min=0, max=3600, help="In time: so many seconds.")] = 20,
    max_abandoned: Annotated[float, typer.Option(min=0.01, max=100, help="Calls given up, %, at most.")] = 100,
    max_wait: Annotated[float | None, typer.Option(min=0.1, max=3600, help="Mean wait, seconds, at most.")] = None,
    max_occupancy: Annotated[float, typer.Option(min=10, max=100, help="Agents' time on calls, %, at most.")] = 100,
    patience: Annotated[
        float | None,
        typer.Option(min=1, max=3600, help="Mean seconds until a caller gives up, where no column says."),
    ] = None,
    model: Annotated[Model, typer.Option(help="Erlang-A is Erlang-C where no patience is known.")] = Model.ERLANG_A,
    shrinkage: Annotated[float, typer.Option(min=0, max=90, help="Paid time away from the phone, %.")] = 0,
    at_least: Annotated[int, typer.Option(min=0, max=10_000, help="Agents that every slot has in any case.")] = 0,
    slot: Annotated[float, typer.Option(min=1, max=1440, help="Minutes of a slot.")] = 30,
    verify: Annotated[int, typer.Option(min=0, max=100_000, help="Simulate the planned day so many times.")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of the simulated days.")] = 1,
    redis_server: Annotated[str, typer.Option(help="The redis-server program; else that on PATH.")] = "",
    csv: Annotated[Path | None, typer.Option(help="Write the plan into this file too.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
) -> None:
    """Plan the agents that each half-hour of a forecast needs."""
    if csv is not None and _same(csv, forecast):
        _stop(f"{csv}: that is the forecast, which the plan would overwrite; choose another --csv")
    try:
        slots = load(forecast, slot * 60, patience or math.inf)
    except ConfigError as problems:
        _stop(problems)
    if max_abandoned < 100 and any(each.patience == math.inf for each in slots):
        _stop("--max-abandoned needs to know when callers give up; add --patience, or a column patience.")
    target = Target(level / 100, within, max_abandoned / 100, max_wait or math.inf, max_occupancy / 100)
    rows = plan(slots, target, model=model, shrinkage=shrinkage / 100, at_least=at_least)
    seen = _verified(rows, within, verify, seed, redis_server) if verify else None
    if csv is not None:
        _write(csv, as_csv(rows, seen))
    if json:
        print(as_json(rows, seen))
    else:
        Console().print(as_table(rows, target.level, seen))
        print(in_words(rows, target.level, seen))


def _verified(rows: Sequence[Staffed], within: float, days: int, seed: int, program: str) -> Verified:
    from hotline.simulation.server import SimulationFailed
    from hotline.staffing.verify import verify

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("Simulated days", total=days)
        try:
            return verify(
                rows,
                within,
                days,
                seed=seed,
                program=program,
                workers=os.cpu_count() or 1,
                done=lambda: progress.advance(task),
            )
        except ModuleNotFoundError as missing:
            problem = f"{missing.name} is missing; in the folder of hotline's source run: pip install '.[simulate]'"
        except SimulationFailed as failure:
            problem = str(failure)
    print(problem, file=sys.stderr)
    raise typer.Exit(1)


def _same(plan: Path, forecast: Path) -> bool:
    """Whether they are one file, by whatever names; what is no file, such as a terminal, cannot be overwritten."""
    try:
        return forecast.is_file() and plan.samefile(forecast)
    except OSError:  # there is no such plan yet
        return False


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as problem:
        _stop(f"{path}: the plan can't be written there: {problem.strerror}; choose another --csv")


def _stop(problem: object) -> NoReturn:
    print(problem, file=sys.stderr)
    raise typer.Exit(2)
