"""What the commands for staff have in common: tables, lengths of time, and `list` as what is meant without a word."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text
from typer.core import TyperGroup

LEAST = 12
"""Letters of a folded cell that are in one line."""


class ListByDefault(TyperGroup):
    """`hotline agents` is `hotline agents list`. A single word that is no file is a command that does not exist."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        first = args[0] if args else ""
        meant = not first or first.startswith("-") or Path(first).is_file()
        if meant and first not in self.commands and first not in ctx.help_option_names:
            args = ["list", *args]
        return super().parse_args(ctx, args)


def table(rows: Sequence[Mapping[str, str]], whole: Collection[str] = ()) -> Table:
    """As wide as it must be: what nobody has, has no column. All rows have the same names.

    In a narrow terminal cells are folded, but for those of the columns `whole`. Nothing in a cell is markup:
    strangers wrote some of it.
    """
    result = Table()
    shown = [name for name in rows[0] if any(row[name] for row in rows)] if rows else []
    for name in shown:
        longest = max(len(row[name]) for row in rows)
        result.add_column(name, overflow="fold", no_wrap=name in whole, min_width=longest if name in whole else None)
    for row in rows:
        result.add_row(*(Text(row[name]) for name in shown))
    return result


def print_table(rows: Sequence[Mapping[str, str]], *, folded: str, spare: Sequence[str]) -> None:
    """A line for each row, but that a cell of the column `folded` may have several.

    In a narrow terminal some of the columns `spare` are left out, the first of them first, and that is said. Into a
    file or a pipe all is written.
    """
    widths = {
        name: max(cell_len(text) for text in (name, *(row[name] for row in rows)))
        for name in rows[0]
        if any(row[name] for row in rows)
    }
    width = Console().width if sys.stdout.isatty() or "COLUMNS" in os.environ else _needed(widths)
    least = {name: min(letters, LEAST) if name == folded else letters for name, letters in widths.items()}
    gone = []
    while _needed(least) > width and (name := next((each for each in spare if each in least), "")):
        gone.append(name)
        del least[name]
    Console(width=width).print(table([{name: row[name] for name in least} for row in rows], least.keys() - {folded}))
    if gone:
        print(f"Not shown, for so narrow a terminal: {', '.join(gone)}.", file=sys.stderr)


def _needed(widths: Mapping[str, int]) -> int:
    """Of a terminal, for columns and what is between them."""
    return sum(widths.values()) + 3 * len(widths) + 1


def many(number: int, one: str, more: str = "") -> str:
    """`1 promise`, `2 promises`. `more`: where it is not `one` with an s."""
    return f"{number} {one if number == 1 else more or one + 's'}"


def lasted(seconds: float) -> str:
    """`2h05m`, `3m07s`, `12s`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02}m" if hours else f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
