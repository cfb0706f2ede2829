"""The outbox's lines: all that is known of the promises, one JSON object each, in a file per month.

    kept    a promise begins: a message, or a request without one
    moved   it is in another state from then on, or due at another moment, or somebody else's
    done    what was to be delivered about it was (mail, webhook)
    erased  the person's data is gone

Rules of this file:
- A line goes out in one write, then is synced. One that is torn nevertheless (a crash, a full disk) harms no
  other: a writer starts on a fresh line, a reader reports the torn one and goes on.
- What a line does depends on those before it, so all readers must find the lines in the order in which they were
  written: files by their names, and none is added to once there is a newer one. At a month's end the clocks of
  processes disagree: then a line is in the month after its own.
- A reader remembers how far it came in each file.
- Files are only ever added to, but for erasure, which overwrites a line with one of the same length.
- The same id may come twice as `kept` (a retry): readers take the first. What a `moved` line does depends on the
  lines before it alone (see states.py), so that every reader comes to the same end.
- Blocking file I/O.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotline.callbacks.disk import sync_folder
from hotline.callbacks.states import BY_MOVES
from hotline.callbacks.trouble import Trouble

VERSION = 1
_PIECE = 1 << 20
MOST_TORN = 10
"""Torn lines of one reading that are told one by one: garbage in a file may look like thousands."""
_ID = re.compile(rb'"id": "([^"\\]+)"')

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
    """voicemail, recovered (found after a crash) or fallback (recorded by the dialplan alone); without a recording:
    queue (the caller keeps a place in it), menu or web."""
    reason: str = ""
    """The prompt that names why, of the queue's `reasons`."""
    part: str = ""
    """The part of the day that the caller prefers, of the queue's `parts`."""
    confirmed: bool = False
    """The caller pressed a key for this number: it is not the caller id alone."""
    note: str = field(default="", repr=False)
    """What a request from outside says."""
    key: str = field(default="", repr=False)
    """Digest of a request from outside; the id is made of the request's idempotency key."""
    number: str = field(default="", repr=False)
    """E.164 where it could be read so; "" when the caller withheld it. Never in a log, so never in a repr."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """A promise is in `state` from `at` on (a value of states.State); `due` is when it is to be tried (next)."""

    id: str
    at: float
    state: str
    due: float
    attempts: int
    """How often the customer's phone was rung, this time included where `state` is dialing."""
    outcome: str = ""
    """How an attempt ended, or why somebody moved it: a word of a fixed vocabulary."""
    by: str = ""
    """agent, caller, staff or service."""
    agent: str = ""
    """Who tried it; where staff gave it to an agent, that one."""
    token: str = ""
    """The claim by which an attempt was made."""
    call: str = ""
    """The call by which the caller superseded or cancelled it."""
    day: str = ""
    """Of an attempt: the calendar day of the hotline's zone to which it counts, like 2026-11-28."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A delivery about the promise was made: `what` is mail or webhook, of the message; unreachable-mail or
    unreachable-webhook, that its customer was not reached."""

    id: str
    at: float
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Erased:
    """The person's data is gone from the recordings and the lines; only this id is left."""

    id: str
    at: float


Record = Entry | Move | Done | Erased

_KINDS: dict[str, type[Entry] | type[Move] | type[Done] | type[Erased]] = {
    "kept": Entry, "moved": Move, "done": Done, "erased": Erased,
}  # fmt: skip
_NAMES = {kind: name for name, kind in _KINDS.items()}
_TYPES = {kind: {each.name: str(each.type) for each in fields(kind)} for kind in _NAMES}
_FAR = 1e11
"""No moment is so far away, and nothing was counted so often."""

_NOT_A_LINE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What `_parsed` raises for bytes that are none of our lines."""


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


def append(folder: Path, record: Record, *more: Record) -> None:
    """Add a line to its month, or to the newest there is, and some more with it; on disk when this returns.

    Raises OSError.
    """
    moment = record.kept_at if isinstance(record, Entry) else record.at
    names = (f"{datetime.fromtimestamp(moment, UTC):%Y-%m}.jsonl", *(file.name for file in files(folder)))
    file = folder / max(names)
    line = b"".join(written(each) + b"\n" for each in (record, *more))
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


def files(folder: Path) -> list[Path]:
    """The months, oldest first; none where there is no folder. Raises OSError where it may not be read (a glob is
    silent there)."""
    try:
        return sorted(path for path in folder.iterdir() if path.suffix == ".jsonl")
    except FileNotFoundError:
        return []


def kind_of(record: Record) -> str:
    """kept, moved, done or erased."""
    return _NAMES[type(record)]


def written(record: Record) -> bytes:
    """A line without its end."""
    return json.dumps({"v": VERSION, "kind": kind_of(record), **asdict(record)}, ensure_ascii=False).encode()


def read(folder: Path, since: Positions, most: int) -> Reading:
    """Up to `most` lines after `since`, oldest month first. A last line without its end is left for later."""
    reader = _Reader(dict(since), most)
    for file in files(folder):
        reader.read(file)
    return Reading(tuple(reader.records), reader.positions, tuple(reader.told()), more=reader.left < 0)


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
        self._torn = 0

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

    def told(self) -> list[Trouble]:
        """The problems, with a word of the torn lines that are too many to be told one by one."""
        if self._torn <= MOST_TORN:
            return self.problems
        return [
            *self.problems,
            Trouble(f"{self._torn - MOST_TORN} more lines are torn, and were passed over.", "outbox"),
        ]

    def _tell(self, message: str, name: str, byte: int = -1) -> None:
        self.problems.append(Trouble(message, f"outbox/{name}", byte))

    def _take(self, line: bytes, name: str, position: int) -> None:
        try:
            record = _parsed(line)
        except _NOT_A_LINE:
            self._torn += 1
            if self._torn <= MOST_TORN:
                self._tell("A line of the outbox is torn; it was passed over.", name, position)
            return
        if record:
            self.records.append(record)


def parsed_or_none(line: bytes) -> Record | None:
    """What a line says; None also for one that is torn."""
    with suppress(*_NOT_A_LINE):
        return _parsed(line)
    return None


def _parsed(line: bytes) -> Record | None:
    """What a line says; None for an empty line or one of a later kind. Raises what is in _NOT_A_LINE."""
    if not line.strip():
        return None
    values: dict[str, Any] = json.loads(line)
    kind = _KINDS.get(values.pop("kind")) if values.pop("v") <= VERSION else None
    if kind is None:
        return None
    for name, value in values.items():
        _check(_TYPES[kind][name], value)
    if kind is Move and values["state"] not in BY_MOVES:
        raise ValueError(values["state"])
    return kind(**values)


def _check(type: str, value: object) -> None:
    """Raises TypeError or ValueError for what a field of this type cannot hold, or Redis cannot read."""
    match type, value:
        case ("str", str(text)):
            text.encode()  # half a character has no bytes
        case ("float", float() | int() as number) if not isinstance(number, bool):
            if not -_FAR < number < _FAR:
                raise ValueError(number)
        case ("bool", bool()):
            pass
        case ("int", int()) if not isinstance(value, bool):
            if not -_FAR < value < _FAR:
                raise ValueError(value)
        case _:
            raise TypeError(type)
