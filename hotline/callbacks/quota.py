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
from collections.abc import Iterable
from dataclasses import dataclass

from hotline.callbacks.book import Fold
from hotline.callbacks.lines import Record
from hotline.callbacks.number import identifies
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.reading import Positions
from hotline.callbacks.settings import Quota
from hotline.callbacks.states import State

MEGABYTE = 1 << 20
REMEMBERED = 10.0
"""Seconds for which the size of all recordings counts: to measure it is to look at every file."""

WITHHELD = 10
"""Callers who withhold their number may leave so many times the messages of one number, all together."""

PATIENCE = 0.5
BATCH = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why no message can be taken: `reason` is VoicemailFailed's, `prompt` what the caller is told."""

    reason: str
    prompt: str
    problem: str = ""


class OpenMessages:
    """How many messages of each number are not answered yet, by the lines of the outbox: those of its open promise.

    Those of callers who withhold their number, or whose number identifies nobody, are counted together.
    """

    def __init__(self) -> None:
        self._fold = Fold(stories=False)
        self._over: set[str] = set()
        self._withheld: set[str] = set()

    def of(self, number: str) -> int:
        case = self._fold.open_for(number)
        if case is None:
            return 0 if identifies(number) else len(self._withheld)
        return sum(map(self._is_message, self._fold.family(case.id)))

    def take(self, record: Record) -> None:
        """The next line."""
        if record.id in self._over:
            return
        self._fold.take(record)
        case = self._fold.cases.get(record.id)
        if case is None:
            return
        if case.state is not State.MERGED and not case.is_open:
            self._forget({record.id, *case.also})
        elif case.entry and not identifies(case.entry.number) and self._is_message(record.id):
            self._withheld.add(record.id)

    def _is_message(self, id: str) -> bool:
        case = self._fold.cases[id]
        return bool(case.entry and case.entry.sha256)

    def _forget(self, ids: Iterable[str]) -> None:
        """These have ended."""
        for id in ids:
            self._fold.cases.pop(id, None)
            self._withheld.discard(id)
            self._over.add(id)


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

    def is_full(self, number: str) -> bool:
        """Whether a number that a caller keys in has its messages already; nothing is read for it."""
        if not self._lock.acquire(blocking=False):
            return False
        try:
            return identifies(number) and 0 < self._quota.per_number <= self._messages.of(number)
        finally:
            self._lock.release()

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
        most, known = self._quota.per_number, identifies(number)
        if not most:
            return None
        if not self.catch_up(PATIENCE) or self._messages.of(number) < (most if known else WITHHELD * most):
            return None  # whoever calls while years of lines are read at a start is not sent away for it
        if not known:
            return Refusal("too-many", "mailbox-full", "As many messages of withheld numbers wait as are allowed.")
        return Refusal("too-many", "mailbox-full-number", "This number has as many messages as are allowed to wait.")


def _size(file: os.DirEntry[str]) -> int:
    try:
        return file.stat(follow_symlinks=False).st_size
    except FileNotFoundError:
        return 0
