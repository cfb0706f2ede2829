"""A simulation's outcome for people (tables) and for programs (JSON). Waits in seconds, everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table

from hotline.simulation.model import TOTAL, Scenario
from hotline.simulation.statistics import Estimate, Summary

_COUNTS = ("arrivals", "offered", "answered", "abandoned", "blocked", "left", "served", "redials")
_RARE = ("blocked", "left", "redials")
"""Shown only where there are any."""
_WAITS = {
    "wait_mean": "mean wait",
    "wait_p50": "p50",
    "wait_p90": "p90",
    "wait_p99": "p99",
    "wait_answered": "answered",
    "rrase": "RRASE",
}

_PROMISES = {
    "due": "due",
    "made": "made",
    "tries": "tries",
    "talked": "talked",
    "unreachable": "no answer",
    "open": "open",
    "wait_mean": "mean wait",
    "wait_p90": "p90",
    "last": "the last",
}
_COUNTED = ("due", "made", "tries", "talked", "unreachable", "open")


def as_json(scenario: Scenario, summary: Summary, seconds: float) -> dict[str, Any]:
    """`seconds`: how long the run took. A value without an interval has `low` and `high` null."""

    def told(rows: Mapping[str, Mapping[str, Estimate]]) -> dict[str, dict[str, Any]]:
        return {name: {key: _numbers(found) for key, found in row.items()} for name, row in rows.items()}

    return {
        "scenario": scenario.name,
        "replications": summary.replications,
        "seed": scenario.seed,
        "length": scenario.length,
        "warm_up": scenario.warm_up,
        "service_level_of": scenario.formula.value,
        "confidence": 0.95,
        "seconds": round(seconds, 3),
        "total": told({TOTAL: summary.types[TOTAL]})[TOTAL],
        "types": told({name: row for name, row in summary.types.items() if name != TOTAL}),
        "agents": told(summary.groups),
    }


def tables(scenario: Scenario, summary: Summary) -> RenderableType:
    """How many, how well, how busy; and the callbacks. A single type is not shown again as the total."""
    all_rows = {name: row for name, row in summary.types.items() if name != TOTAL or len(scenario.calls) > 1}
    rows = {name: row for name, row in all_rows.items() if row["arrivals"].value or "callbacks_due" not in row}
    levels = [f"service_level_{threshold:g}s" for threshold in scenario.thresholds]
    shown = _shown(rows)
    days = "one replication" if summary.replications == 1 else f"{summary.replications} replications, ± 95%"
    counts = [key for key in _COUNTS if key not in _RARE or any(row[key].value for row in rows.values())]
    how_many = _table(f"{escape(scenario.name)}: calls in a replication ({days})", "calls", counts)
    how_well = _table(
        f"Answered within the threshold (of: {scenario.formula.value}), and waits in seconds",
        "calls",
        [*(f"≤ {threshold:g} s" for threshold in scenario.thresholds), *(_WAITS[key] for key in shown)],
    )
    for name, row in rows.items():
        how_many.add_row(escape(name), *(_cell(row[key], 1) for key in counts))
        how_well.add_row(
            escape(name),
            *(_percent(row[key]) for key in levels),
            *(_cell(row.get(key, Estimate(None)), 2) for key in shown),
        )
    how_busy = _table("Agents: conversation and wrap-up in their time on duty", "group", ["occupancy"])
    for name, row in summary.groups.items():
        how_busy.add_row(escape(name), _percent(row["occupancy"]))
    promised = {name: row for name, row in all_rows.items() if "callbacks_due" in row}
    return Group(how_many, how_well, how_busy, *([_callbacks(promised)] if promised else []))


def _callbacks(rows: Mapping[str, Mapping[str, Estimate]]) -> Table:
    title = "Callbacks: how many, and when customers were rung first, in seconds since due"
    table = _table(title, "calls", _PROMISES.values())
    for name, row in rows.items():
        table.add_row(
            escape(name), *(_cell(row[f"callbacks_{key}"], 1 if key in _COUNTED else 0) for key in _PROMISES)
        )
    return table


def _table(title: str, first: str, columns: Any) -> Table:
    table = Table(
        first, title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _shown(rows: Mapping[str, Mapping[str, Estimate]]) -> list[str]:
    """The waits of which there is something to show."""
    return [key for key in _WAITS if any(key in row for row in rows.values())]


def _cell(found: Estimate, places: int) -> str:
    if found.value is None:
        return "–"
    value = f"{found.value:.{places}f}"
    return value if not found.half else f"{value} ±{found.half:.{places}f}"


def _percent(found: Estimate) -> str:
    if found.value is None:
        return "–"
    half = None if found.half is None else 100 * found.half
    return _cell(Estimate(100 * found.value, half), 1).replace(" ", "% ") + ("" if half else "%")


def _numbers(found: Estimate) -> dict[str, float | None]:
    if found.value is None or found.half is None:
        return {"mean": found.value, "low": None, "high": None}
    return {"mean": found.value, "low": found.value - found.half, "high": found.value + found.half}
