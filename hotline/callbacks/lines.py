"""The outbox's lines: one JSON object per kept message, in a file per month, only ever added to.

Rules of this file:
- A line goes out in one write, then is synced. One that is torn nevertheless (a crash, a full disk) harms no
  other: a writer starts on a fresh line, a reader reports the torn one and goes on.
- Several processes write, possibly to different months at a month's end, so a reader remembers how far it came
  in each file.
- The same id may come twice (a retry): readers take the first.
- Blocking file I/O.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotline.callbacks.disk import sync_folder
from hotline.callbacks.trouble import Trouble

VERSION = 1

Positions = Mapping[str, int]
"""How far each file was read: its name → the offset of its first unread byte."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kept message and the callback that it promises. Moments are POSIX seconds by the service's clock."""

    id: str
    call: str
    queue: str
    entry: str
    """The dialed number of the configuration by which the caller came in."""
    language: str
    recorded_at: float
    due: float
    seconds: float
    hung_up: bool
    kept_at: float
    sha256: str
    source: str = "voicemail"
    """voicemail, recovered (found after a crash) or fallback (recorded by the dialplan alone)."""
    number: str = field(default="", repr=False)
    """E.164 where it could be read so; "" when the caller withheld it. Never in a log, so never in a repr."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Some lines, where to go on, and what could not be read."""

    entries: tuple[Entry, ...]
    positions: Positions
    problems: tuple[Trouble, ...]
    more: bool


def append(folder: Path, entry: Entry) -> None:
    """Add a line to the month of `kept_at`; on disk when this returns. Raises OSError."""
    file = folder / f"{datetime.fromtimestamp(entry.kept_at, UTC):%Y-%m}.jsonl"
    line = json.dumps({"v": VERSION, "kind": "kept", **asdict(entry)}, ensure_ascii=False).encode() + b"\n"
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        end = os.lseek(descriptor, 0, os.SEEK_END)
        if end and os.pread(descriptor, 1, end - 1) != b"\n":
            line = b"\n" + line
        if os.write(descriptor, line) < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(folder)


def read(folder: Path, since: Positions, most: int) -> Reading:
    """Up to `most` lines after `since`, oldest month first. A last line without its end is left for later."""
    reader = _Reader(dict(since), most)
    for file in sorted(folder.glob("*.jsonl")):
        reader.read(file)
    return Reading(tuple(reader.entries), reader.positions, tuple(reader.problems), more=reader.left < 0)


class _Reader:
    def __init__(self, positions: dict[str, int], most: int) -> None:
        self.positions, self.left = positions, most
        self.entries: list[Entry] = []
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
            entry = _parse(line)
        except (ValueError, TypeError, KeyError, AttributeError):
            self._tell("A line of the outbox is torn; it was passed over.", name, position)
            return
        if entry:
            self.entries.append(entry)


def _parse(line: bytes) -> Entry | None:
    """The entry in a line; None in an empty line or one of a later kind."""
    if not line.strip():
        return None
    values: dict[str, Any] = json.loads(line)
    if values.pop("v") > VERSION or values.pop("kind") != "kept":
        return None
    return Entry(**values)
