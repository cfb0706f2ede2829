"""A spreadsheet's CSV as lines of cells, each cell with its place. It knows nothing of what the cells mean."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hotline.schema.problems import ConfigError, Problem

MOST_BYTES = 2_000_000
_QUOTED = re.compile(r'"((?:[^"]|"")*)" *')


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands between two marks, without the spaces and quotes around it. `col` counts from 1."""

    text: str
    line: int
    col: int


def read(path: Path) -> str:
    """The file's text, a byte order mark removed. Raises ConfigError."""
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise ConfigError([Problem(str(path), 1, 1, f"the file can't be read: {error.strerror}")]) from None
    if len(content) > MOST_BYTES:
        raise ConfigError([Problem(str(path), 1, 1, f"the file is larger than {MOST_BYTES} bytes; split it")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        said = "this line is not UTF-8; save the file as “CSV UTF-8”"
        raise ConfigError([Problem(str(path), line, 1, said)]) from None


def rows(text: str) -> tuple[str, Iterator[list[Cell]]]:
    """What parts the cells (the comma, semicolon or tab that the first line has most of), and the lines' cells.

    Lines without content are passed over. A quote that is opened and not closed is part of its cell's text.
    """
    lines = [(number, line) for number, line in enumerate(text.splitlines(), 1) if line.strip(" \t,;")]
    mark = max(",;\t", key=lines[0][1].count) if lines else ","
    return mark, (_cells(number, line, mark) for number, line in lines)


def _cells(number: int, line: str, mark: str) -> list[Cell]:
    cells: list[Cell] = []
    at = 0
    while True:
        at += len(line[at:]) - len(line[at:].lstrip(" "))
        quoted = _QUOTED.match(line, at)
        if quoted and line[quoted.end() : quoted.end() + 1] in ("", mark):
            content, end = quoted[1].replace('""', '"'), quoted.end()
        else:
            end = line.find(mark, at) if mark in line[at:] else len(line)
            content = line[at:end]
        cells.append(Cell(content.strip(), number, at + 1))
        if end >= len(line):
            return cells
        at = end + 1
