"""A CSV file of recorded calls: the columns `time` and `type`, and perhaps `service` and `patience`.

Rules of this file:
- Times are written as in YAML (90, 90s, 1m30s) or like 08:01:30; `time` counts from the start of the simulation.
- A cell left empty is drawn from the distribution of the call's type. Problems join the scenario's own.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from hotline.schema.kinds import Seconds
from hotline.schema.problems import Problem, quoted, unknown
from hotline.simulation.model import Traced

COLUMNS = ("time", "type", "service", "patience")
MOST_CALLS = 5_000_000
_SECONDS: TypeAdapter[float] = TypeAdapter(Seconds)
_CLOCK = re.compile(r"(\d{1,4}):([0-5]\d):([0-5]\d(?:\.\d{1,6})?)", re.ASCII)
_PLAIN = re.compile(r"\d{1,9}(?:\.\d{1,6})?", re.ASCII)


def read_trace(path: Path, types: Collection[str], problems: list[Problem]) -> tuple[Traced, ...]:
    """The calls in order of their time, as far as they could be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            return tuple(sorted(_Rows(str(path), types, problems).read(source), key=lambda call: call.at))
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(Problem(str(path), 1, 1, f"this is not a CSV file in UTF-8: {error}"))
    except (OSError, ValueError) as error:  # the latter: a name that no file can have
        reason = getattr(error, "strerror", None) or error
        problems.append(Problem(str(path), 1, 1, f"the file can't be read: {reason}"))
    return ()


@dataclass(slots=True)
class _Rows:
    file: str
    types: Collection[str]
    problems: list[Problem]
    line: int = 1
    columns: tuple[str, ...] = ()

    def read(self, source: Iterator[str]) -> Iterator[Traced]:
        rows = csv.reader(source)
        self.columns = tuple(name.strip() for name in next(rows, []))
        for number, name in enumerate(self.columns, 1):
            if name not in COLUMNS:
                self.complain(number, unknown("column", name, COLUMNS))
            elif name in self.columns[: number - 1]:
                self.complain(number, f"column {name!r} stands here twice; keep one of them")
        if not {"time", "type"} <= set(self.columns):
            self.complain(1, "the first line must name the columns, time and type among them")
            return
        for count, row in enumerate(rows):
            self.line = rows.line_num
            if count >= MOST_CALLS:
                self.complain(1, f"more than {MOST_CALLS} calls; divide the file")
                return
            if row and (call := self.call(row)):
                yield call

    def call(self, row: list[str]) -> Traced | None:
        cells = dict(zip(self.columns, (cell.strip() for cell in row), strict=False))
        before = len(self.problems)
        if len(row) > len(self.columns):
            self.complain(len(self.columns) + 1, f"there are {len(row)} cells for {len(self.columns)} columns")
        if cells.get("type", "") not in self.types:
            self.complain(self.column("type"), unknown("call type", cells.get("type", ""), self.types))
        at, service, patience = (self.seconds(name, cells) for name in ("time", "service", "patience"))
        if at is None and len(self.problems) == before:
            self.complain(self.column("time"), "the time is missing")
        if at is None or len(self.problems) > before:
            return None
        return Traced(at, cells["type"], service, patience)

    def seconds(self, name: str, cells: dict[str, str]) -> float | None:
        text = cells.get(name, "")
        if not text:
            return None
        if found := _CLOCK.fullmatch(text):
            return int(found[1]) * 3600.0 + int(found[2]) * 60.0 + float(found[3])
        if _PLAIN.fullmatch(text):
            return float(text)
        try:
            return _SECONDS.validate_python(text)
        except ValidationError:
            self.complain(self.column(name), f"{quoted(text)} is no time; write it like 90, 1m30s or 08:01:30")
        return None

    def column(self, name: str) -> int:
        return self.columns.index(name) + 1

    def complain(self, column: int, message: str) -> None:
        """A column of a CSV file is a cell, counted from 1."""
        self.problems.append(Problem(self.file, self.line, column, message))
