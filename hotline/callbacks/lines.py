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
- Files are only ever added to, but for erasure, which overwrites a line with one of the same length.
- The same id may come twice as `kept` (a retry): readers take the first. What a `moved` line does depends on the
  lines before it alone (see states.py), so that every reader comes to the same end.
- Blocking file I/O.
"""

from __future__ import annotations

import errno
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hotline.callbacks.disk import sync_folder
from hotline.callbacks.states import BY_MOVES

VERSION = 1


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
"""No moment is so far away, and nothing was counted so often; none was before 1970, or less than nothing."""

NOT_A_LINE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)
"""What `parsed` raises for bytes that are none of our lines."""


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


def parsed_or_none(line: bytes) -> Record | None:
    """What a line says; None also for one that is torn."""
    with suppress(*NOT_A_LINE):
        return parsed(line)
    return None


def parsed(line: bytes) -> Record | None:
    """What a line says; None for an empty line or one of a later kind. Raises what is in NOT_A_LINE."""
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
            if not 0 <= number < _FAR:
                raise ValueError(number)
        case ("bool", bool()):
            pass
        case ("int", int()) if not isinstance(value, bool):
            if not 0 <= value < _FAR:
                raise ValueError(value)
        case _:
            raise TypeError(type)
