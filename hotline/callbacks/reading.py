"""Reading the outbox's lines from its files: from where one left off, or those of certain promises.

Rules of this file:
- A line that is torn is told and passed over, and the last one waits for its end; nothing that is in a file may keep
  its reader from the lines around it.
- A reader remembers how far it came in each file.
- Blocking file I/O.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hotline.callbacks.disk import sync_folder
from hotline.callbacks.lines import NOT_A_LINE, Entry, Record, files, parsed, parsed_or_none
from hotline.callbacks.trouble import Trouble

_PIECE = 1 << 20
_ID = re.compile(rb'"id": "([^"\\]+)"')

Positions = Mapping[str, int]
"""How far each file was read: its name → the offset of its first unread byte."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Some lines, where to go on, and what could not be read."""

    records: tuple[Record, ...]
    positions: Positions
    problems: tuple[Trouble, ...]
    more: bool

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The promises that began in these lines."""
        return tuple(each for each in self.records if isinstance(each, Entry))


def read(folder: Path, since: Positions, most: int) -> Reading:
    """Up to `most` lines after `since`, oldest month first. A last line without its end is left for later."""
    reader = _Reader(dict(since), most)
    for file in files(folder):
        reader.read(file)
    return Reading(tuple(reader.records), reader.positions, tuple(reader.problems), more=reader.left < 0)


def beyond(folder: Path, positions: Positions) -> tuple[int, int]:
    """How many bytes and ends of lines follow these positions."""
    size = ends = 0
    for path in files(folder):
        with path.open("rb") as file:
            file.seek(positions.get(path.name, 0))
            while piece := file.read(_PIECE):
                size += len(piece)
                ends += piece.count(b"\n")
    return size, ends


def mentioned(folder: Path, id: str) -> bool:
    """Whether a promise of this month or the last one has a line.

    It is on disk when this returns: whoever wrote it may have died before they synced it. Raises OSError.
    """
    for path in files(folder)[-2:]:
        with path.open("rb") as file:
            if any(f'"{id}"'.encode() in line and _begins(line, id) for line in file):
                os.fsync(file.fileno())
                sync_folder(folder)
                return True
    return False


def of(folder: Path, ids: Collection[str]) -> Iterator[Record]:
    """The lines of these promises; others are hardly looked at, and torn ones are passed over. Raises OSError."""
    known = {id.encode() for id in ids}
    for path in files(folder):
        with path.open("rb") as file:
            for line in file:
                if (found := _ID.search(line)) and found[1] in known and (record := parsed_or_none(line)):
                    yield record


def _begins(line: bytes, id: str) -> bool:
    """Whether a line is whole, and the one that this promise begins with."""
    record = parsed_or_none(line)
    return isinstance(record, Entry) and record.id == id


class _Reader:
    def __init__(self, positions: dict[str, int], most: int) -> None:
        self.positions, self.left = positions, most
        self.records: list[Record] = []
        self.problems: list[Trouble] = []

    def read(self, path: Path) -> None:
        name = path.name
        with path.open("rb") as file:
            if self.positions.get(name, 0) > file.seek(0, os.SEEK_END):
                self._tell("The outbox's file became shorter; it is read again from its beginning.", name)
                self.positions[name] = 0
            position = file.seek(self.positions.get(name, 0))
            for line in file:
                if not line.endswith(b"\n"):
                    self._tell("The outbox's last line has no end yet; it waits.", name, position)
                    return
                self.left -= 1
                if self.left < 0:
                    return
                self._take(line, name, position)
                position += len(line)
                self.positions[name] = position

    def _tell(self, message: str, name: str, byte: int = -1) -> None:
        self.problems.append(Trouble(message, f"outbox/{name}", byte))

    def _take(self, line: bytes, name: str, position: int) -> None:
        try:
            record = parsed(line)
        except NOT_A_LINE:
            self._tell("A line of the outbox is torn; it was passed over.", name, position)
            return
        if record:
            self.records.append(record)
