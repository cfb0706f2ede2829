"""A forecast as a spreadsheet exports it: CSV → the slots of a day, or every problem in it at once.

Rules of this file:
- The first line names the columns: `calls` and `handle`; `start` and `patience` may be there too; in any order.
- A row is one slot. In a file whose cells are not parted by commas, 12,5 is a number, and 1,250 or 1.250 is refused:
  to some it is a thousand times as many as to others.
- Every problem says its line and column, and what to write there instead.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated

from pydantic import TypeAdapter, ValidationError

from hotline.schema.kinds import Seconds, lasting
from hotline.schema.problems import ConfigError, Problem, quoted, unknown
from hotline.staffing import sheet
from hotline.staffing.erlang import ENDLESS
from hotline.staffing.sheet import Cell

MOST_CALLS = 100_000
"""Of one slot."""

MOST_LOAD = 5_000
"""Erlangs of one slot: calls in progress, on average."""

_COLUMNS = ("start", "calls", "handle", "patience")
_NUMBER = re.compile(r"\d{1,9}(?:\.\d{0,9})?", re.ASCII)
_TWO_WAYS = re.compile(r"([1-9]\d{0,2})[.,](\d{3})", re.ASCII)
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)", re.ASCII)
_ANY_DAY = datetime(2000, 1, 1)
_HANDLE: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, lasting(1, 4 * 3600)])
_PATIENCE: TypeAdapter[float] = TypeAdapter(Annotated[Seconds, lasting(1, 3600)])


@dataclass(frozen=True, slots=True)
class Slot:
    """A part of the day with its load. Times in seconds."""

    name: str
    """Its start as the forecast has it, else its number."""
    begins: float
    """After the first slot began."""
    length: float
    calls: float
    handle: float
    """Mean of talk + hold + wrap-up; 0 only where no call is expected."""
    patience: float = ENDLESS
    """Mean time until a waiting caller gives up."""

    @property
    def rate(self) -> float:
        """Calls per second."""
        return self.calls / self.length

    @property
    def load(self) -> float:
        """Erlangs."""
        return self.rate * self.handle


def load(path: Path, length: float = 1800.0, patience: float = ENDLESS) -> tuple[Slot, ...]:
    """Read a forecast. `length` is that of every slot, `patience` stands for a missing one, both in seconds.

    Raises ConfigError with every problem, each with its place.
    """
    return loads(sheet.read(path), str(path), length, patience)


def loads(text: str, file: str = "forecast", length: float = 1800.0, patience: float = ENDLESS) -> tuple[Slot, ...]:
    """The same for a text; `file` is what its problems are said to be in."""
    mark, rows = sheet.rows(text)
    forecast = _Forecast(file, length, patience, decimal_comma=mark != ",")
    forecast.read(rows)
    if forecast.problems:
        raise ConfigError(forecast.problems)
    return tuple(forecast.slots)


@dataclass(slots=True)
class _Forecast:
    """One reading: the columns, the good slots so far, and all problems."""

    file: str
    length: float
    patience: float
    decimal_comma: bool
    columns: list[str] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    first: datetime | None = None
    last: datetime | None = None
    dated: bool = False

    def read(self, rows: Iterator[list[Cell]]) -> None:
        header = next(rows, [Cell("", 1, 1)])
        self._header(header)
        if self.problems:
            return
        number = 0
        for number, cells in enumerate(rows, 1):
            self._row(number, cells)
        if not number:
            self._complain(header[0], "no slot follows this line; write one line for each")

    def _complain(self, cell: Cell, message: str) -> None:
        self.problems.append(Problem(self.file, cell.line, cell.col, message))

    def _header(self, cells: list[Cell]) -> None:
        self.columns = [cell.text.lower() for cell in cells]
        for needed in ("calls", "handle"):
            if needed not in self.columns:
                self._complain(cells[0], f"column {needed!r} is missing; begin with a line like start,calls,handle")
        for index, (cell, name) in enumerate(zip(cells, self.columns, strict=True)):
            if name and name not in _COLUMNS:
                self._complain(cell, unknown("column", cell.text, _COLUMNS))
            elif name and name in self.columns[:index]:
                self._complain(cell, f"column {name!r} stands here twice; keep one of them")

    def _row(self, number: int, cells: list[Cell]) -> None:
        before = len(self.problems)
        for extra in cells[len(self.columns) :]:
            if extra.text:
                self._complain(extra, f"a cell too many: the first line names only {len(self.columns)} columns")
        row = dict(zip(self.columns, cells, strict=False))
        absent = Cell("", cells[-1].line, cells[-1].col + len(cells[-1].text))
        begins = self._begins(row.get("start", absent)) if "start" in self.columns else (number - 1) * self.length
        calls = self._calls(row.get("calls", absent))
        handle = self._lasting(row.get("handle", absent), _HANDLE, idle=calls == 0)
        patient = row.get("patience", absent)
        patience = self._lasting(patient, _PATIENCE) if patient.text else self.patience
        if len(self.problems) == before:
            name = row["start"].text if "start" in row else str(number)
            self._keep(Slot(name, begins, self.length, calls, handle, patience), row["calls"])

    def _keep(self, slot: Slot, calls: Cell) -> None:
        if slot.load > MOST_LOAD:
            many = f"on average {slot.load:.0f} of these calls are in progress; {MOST_LOAD} is the most of one queue"
            self._complain(calls, many)
        self.slots.append(slot)

    def _written(self, cell: Cell) -> str:
        return cell.text.replace(",", ".") if self.decimal_comma else cell.text

    def _two_ways(self, cell: Cell) -> bool:
        """Whether a number can be read in two ways, which is complained about."""
        found = _TWO_WAYS.fullmatch(cell.text) if self.decimal_comma else None
        if found:
            many, few = f"{found[1]}{found[2]}", f"{found[1]}.{found[2]}0"
            self._complain(cell, f"{quoted(cell.text)} may mean {many} or {few}; write one of these instead")
        return found is not None

    def _calls(self, cell: Cell) -> float:
        if self._two_ways(cell):
            return math.nan
        text = self._written(cell)
        if not text:
            self._complain(cell, "how many calls? Write 0 where none are expected")
        elif not _NUMBER.fullmatch(text):
            self._complain(cell, f"{quoted(cell.text)} is no number of calls; write it like 120 or 97.5")
        elif float(text) > MOST_CALLS:
            self._complain(cell, f"{text} calls are more than the {MOST_CALLS} that one slot may have")
        else:
            return float(text)
        return math.nan

    def _lasting(self, cell: Cell, kind: TypeAdapter[float], *, idle: bool = False) -> float:
        if idle and cell.text in ("", "0"):
            return 0.0
        if self._two_ways(cell):
            return math.nan
        try:
            return kind.validate_python(self._written(cell))
        except ValidationError as error:
            self._complain(cell, str(error.errors()[0]["ctx"]["error"]))
            return math.nan

    def _begins(self, cell: Cell) -> float:
        """Seconds from the first slot."""
        start = _moment(cell.text)
        if start is None:
            said = f"{quoted(cell.text)} is no start of a slot; write 08:30, or 2026-11-23 08:30, in local time"
            self._complain(cell, said)
            return math.nan
        self._follows(cell, start, dated=not _CLOCK.fullmatch(cell.text))
        return (start - (self.first or start)).total_seconds()

    def _follows(self, cell: Cell, start: datetime, *, dated: bool) -> None:
        if self.first is None or self.last is None:
            self.first, self.dated = start, dated
        elif dated is not self.dated:
            self._complain(cell, "some slots have a date and others have none; write all of them alike")
            return
        elif (start - self.last).total_seconds() < self.length:
            said = f"this slot begins before the {self.length / 60:g} minutes of the one above are over; put them"
            self._complain(cell, f"{said} in order, write dates past midnight, or give their length with --slot")
        self.last = start


def _moment(text: str) -> datetime | None:
    clock = _CLOCK.fullmatch(text)
    try:
        start = _ANY_DAY.replace(hour=int(clock[1]), minute=int(clock[2])) if clock else datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if start.tzinfo else start
