"""A plan as people and programs read it: a table, CSV, JSON. Shares are percentages in the table, 0–1 elsewhere."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
from collections.abc import Sequence

from rich import box
from rich.markup import escape
from rich.table import Table

from hotline.staffing.plan import Seen, Staffed, Verified, total
from hotline.tables import many

Row = dict[str, str | int | float | None]


def rows(plan: Sequence[Staffed], seen: Verified | None = None) -> list[Row]:
    """One mapping per slot, its keys the columns of the CSV; None where there is nothing to tell."""
    if seen is None:
        return [_planned(row) for row in plan]
    return [_planned(row) | _simulated(each) for row, each in zip(plan, seen.slots, strict=True)]


def _planned(row: Staffed) -> Row:
    slot = row.slot
    return {
        "start": slot.name,
        "calls": slot.calls,
        "handle": slot.handle,
        "patience": slot.patience if slot.patience < math.inf else None,
        "load": round(slot.load, 3),
        "erlang_c": row.erlang_c,
        "erlang_a": row.erlang_a,
        "agents": row.agents,
        "rostered": row.rostered,
        "service_level": round(row.quality.service_level, 4),
        "mean_wait": round(row.quality.mean_wait, 2),
        "abandoned": round(row.quality.abandoned, 4),
        "occupancy": round(row.quality.occupancy, 4),
    }


def _simulated(seen: Seen) -> Row:
    level, margin = seen.service_level, seen.margin
    return {
        "simulated_service_level": None if level is None else round(level, 4),
        "simulated_margin": None if margin is None else round(margin, 4),
    }


def as_csv(plan: Sequence[Staffed], seen: Verified | None = None) -> str:
    """A header and a line per slot."""
    lines = rows(plan, seen)
    text = io.StringIO()
    writer = csv.DictWriter(text, fieldnames=list(lines[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return text.getvalue()


def as_json(plan: Sequence[Staffed], seen: Verified | None = None) -> str:
    """`slots` as in the CSV, and the `total`."""
    whole = dataclasses.asdict(total(plan))
    if seen is not None:
        whole |= _simulated(seen.whole) | {"simulated_days": seen.days}
    return json.dumps({"slots": rows(plan, seen), "total": whole}, indent=2, allow_nan=False, ensure_ascii=False)


def as_table(plan: Sequence[Staffed], level: float, seen: Verified | None = None) -> Table:
    """For a terminal of 80 columns. What surely stays below `level` in the simulation is red."""
    lines = [_cells(row) for row in plan]
    if seen:
        lines = [cells | {"simulated": _measured(each, level)} for cells, each in zip(lines, seen.slots, strict=True)]
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=0)
    heads = [head for head in lines[0] if any(cells[head] for cells in lines)]
    for head in heads:
        slot = head == "slot"  # where the terminal is narrow, a date may stand above its time
        table.add_column(head, justify="left" if slot else "right", no_wrap=not slot, overflow="fold")
    for cells in lines:
        table.add_row(*(cells[head] for head in heads))
    return table


def _cells(row: Staffed) -> dict[str, str]:
    return {
        "slot": escape(row.slot.name),
        "calls": _plain(row.slot.calls),
        "handle": f"{row.slot.handle:.0f}s" if row.slot.calls else "",
        "by C": str(row.erlang_c),
        "by A": "" if row.erlang_a is None else str(row.erlang_a),
        "agents": f"[bold]{row.agents}[/]",
        "paid": str(row.rostered),
        "level": _share(row.quality.service_level),
        "wait": f"{row.quality.mean_wait:.1f}s",
        "lost": _share(row.quality.abandoned) if row.erlang_a is not None else "",
        "busy": f"{100 * row.quality.occupancy:.0f}%",
    }


def in_words(plan: Sequence[Staffed], level: float, seen: Verified | None = None) -> str:
    """The whole plan in a few sentences."""
    whole = total(plan)
    lines = [
        f"{_plain(whole.calls)} calls, {_plain(whole.agent_hours)} agent-hours "
        f"({_plain(whole.rostered_hours)} paid), at most {whole.busiest} agents at once.",
        f"Expected: {_share(whole.service_level)} in time, {_share(whole.abandoned)} given up, "
        f"{whole.mean_wait:.1f} s mean wait, agents {_share(whole.occupancy)} busy.",
    ]
    if seen and seen.whole.service_level is not None:
        missed = [row.slot.name for row, each in zip(plan, seen.slots, strict=True) if each.misses(level)]
        verdict = f"surely below the target: {', '.join(missed)}" if missed else "no slot surely below the target"
        if seen.days == 1:
            verdict = "a single day makes nothing sure"
        lines.append(f"Simulated {many(seen.days, 'time')}: {_measured(seen.whole)} in time; {verdict}.")
    return "\n".join(lines)


def _plain(number: float) -> str:
    """With as many decimals as say something, and never as a power of ten."""
    return f"{number:,.6g}" if number < 100_000 else f"{number:,.0f}"


def _share(share: float) -> str:
    return f"{100 * share:.1f}%"


def _measured(seen: Seen, level: float = 0.0) -> str:
    if seen.service_level is None:
        return "no calls"
    said = f"{100 * seen.service_level:.1f}" + ("" if seen.margin is None else f" ± {100 * seen.margin:.1f}") + "%"
    return f"[red]{said}[/]" if seen.misses(level) else said
