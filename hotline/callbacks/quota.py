"""Whether there is room for another message: on the disk, in all, and for one number.

Rules of this file:
- It asks the outbox and the disk alone: whether Redis lives makes no difference.
- The outbox is read once and then what is new of it, so that a caller waits for a few lines, not for years of them.
- Blocking, like the outbox; one thread at a time.
"""

from __future__ import annotations

import os
import threading
import time
from dataclasses import dataclass

from hotline.callbacks.lines import Entry, Erased, Move, Positions, Record
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.settings import Quota
from hotline.callbacks.states import OPEN, State

MEGABYTE = 1 << 20
REMEMBERED = 10.0
"""Seconds for which the size of all recordings counts: to measure it is to look at every file."""

PATIENCE = 0.5
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no message can be taken: `reason` is VoicemailFailed's, `prompt` what the caller is told."""

    reason: str
    prompt: str
    problem: str = ""


class OpenMessages:
    """How many messages of each number are not answered yet, by the lines of the outbox.

    All messages of a number end with the promise that it had first (see states.py, `merged`).
    """

    def __init__(self) -> None:
        self._numbers: dict[str, str] = {}
        self._open: dict[str, dict[str, bool]] = {}
        """Number → its promises, the first one first, and whether each has a recording."""

    def of(self, number: str) -> int:
        return sum(self._open.get(number, {}).values())

    def take(self, record: Record) -> None:
        """The next line."""
        if isinstance(record, Entry):
            if record.number and record.id not in self._numbers:
                self._numbers[record.id] = record.number
                self._open.setdefault(record.number, {})[record.id] = bool(record.sha256)
        elif isinstance(record, Erased) or (isinstance(record, Move) and record.state not in OPEN | {State.MERGED}):
            self._end(record.id)

    def _end(self, id: str) -> None:
        number = self._numbers.get(id, "")
        ids = self._open.get(number, {})
        if id not in ids:
            return
        for each in list(ids) if next(iter(ids)) == id else [id]:
            del ids[each], self._numbers[each]
        if not ids:
            del self._open[number]


class Room:
    """The room that `quota` gives to the messages of one spool."""

    def __init__(self, outbox: Outbox, quota: Quota) -> None:
        self._outbox, self._quota = outbox, quota
        self._lock = threading.Lock()
        self._messages = OpenMessages()
        self._positions: Positions = {}
        self._size, self._measured = 0, float("-inf")

    def why_not(self, number: str) -> Refusal | None:
        """None when a message of `number` ("" = unknown) may be taken now."""
        return self._disk() or self._all() or self._one(number)

    def catch_up(self, patience: float = -1) -> bool:
        """Read what is new in the outbox; False when another thread was at it for longer than `patience` seconds.

        Raises OSError.
        """
        if not self._lock.acquire(timeout=patience):
            return False
        try:
            more = True
            while more:
                reading = self._outbox.entries(self._positions, BATCH)
                for record in reading.records:
                    self._messages.take(record)
                self._positions, more = reading.positions, reading.more
        finally:
            self._lock.release()
        return True

    def _disk(self) -> Refusal | None:
        if problem := self._outbox.writable(0):
            return Refusal("disk", "technical-problem", problem)
        free, floor = self._outbox.free() // MEGABYTE, self._quota.free
        if free >= floor:
            return None
        return Refusal("full", "mailbox-full", f"The spool has {free} MB free of the {floor} MB that messages leave.")

    def _all(self) -> Refusal | None:
        most = self._quota.megabytes
        if not most or (size := self._measure()) < most * MEGABYTE:
            return None
        problem = f"The recordings take {size // MEGABYTE} MB, as many as callbacks.quota.megabytes allows."
        return Refusal("full", "mailbox-full", problem)

    def _measure(self) -> int:
        now = time.monotonic()
        if now - self._measured >= REMEMBERED:
            with os.scandir(self._outbox.kept) as files:
                self._size = sum(_size(file) for file in files)
            self._measured = now
        return self._size

    def _one(self, number: str) -> Refusal | None:
        most = self._quota.per_number
        if not most or not number:
            return None
        if not self.catch_up(PATIENCE) or self._messages.of(number) < most:
            return None  # whoever calls while years of lines are read at a start is not sent away for it
        return Refusal("too-many", "mailbox-full-number", "This number has as many messages as are allowed to wait.")


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
