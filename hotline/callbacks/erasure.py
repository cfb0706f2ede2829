"""A person's data is taken out of the spool: recordings, and what the lines say. That somebody was here stays.

    spool/outbox/.erasing          one eraser at a time holds this lock
    spool/outbox/erasing           what is being erased, as JSON, until it is done

Rules of this file:
- Order: write down what will be erased (then it will be, whatever dies), add an `erased` line for each promise, so
  that every index forgets it; remove the recordings; overwrite the lines in place, each with an `erased` line of the
  same length, so that no reader's position moves; sync. What was interrupted is finished by `resume`.
- Recordings go before their lines: one without a line would be taken for a message that nobody kept.
- A line that was torn is the person's as well, if their promise's id can be read in it.
- Nothing is erased of a promise while its customer is being rung: `check` says so, while nobody else may add a line.
- Blocking file I/O.
"""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Callable, Collection, Iterable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from glob import escape
from itertools import groupby
from pathlib import Path

from hotline.callbacks import lines
from hotline.callbacks.disk import create, locked, opened, sha256, sync_folder
from hotline.callbacks.lines import Erased
from hotline.callbacks.outbox import Outbox

PATIENCE = 10.0
"""Seconds to wait for another eraser."""

_ID = re.compile(rb'"id":\s*"([^"\\]{1,200})"')
_ADOPTED = re.compile(r"(.+)-([0-9a-f]{12})")
"""The id of a message that the dialplan took alone, see salvage.py."""


@dataclass(frozen=True, slots=True)
class _Place:
    """One line of a file: where it begins, and how long it is without its end."""

    file: str
    offset: int
    length: int
    id: str


@dataclass(frozen=True, slots=True)
class _Plan:
    at: float
    ids: tuple[str, ...]
    places: tuple[_Place, ...]


class Erasure:
    """Erases in one spool."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox, self._journal = outbox, outbox.lines / "erasing"

    def erase(self, ids: Collection[str], now: float, check: Callable[[], None] = lambda: None) -> None:
        """Erase these promises. `check` is asked at the last moment, and raises to refuse.

        May be called again after a failure. Raises OSError, also when others are at work for too long.
        """
        with self._eraser(PATIENCE) as mine:
            if not mine:
                raise _busy("another erasure is under way")
            self._finish()
            search = _Search(self._outbox.lines, frozenset(ids))
            search.go_on()  # most of it while others may write
            with self._outbox.alone() as alone:
                if not alone:
                    raise _busy("the outbox is in use")
                check()
                search.go_on(torn=True)
                plan = _Plan(round(now, 3), tuple(sorted(ids)), tuple(search.found))
                self._write_down(plan)
                self._tell(plan)
            self._carry_out(plan)

    def resume(self) -> None:
        """Finish what a process that died had begun. Raises OSError."""
        if self._journal.exists():
            with self._eraser(0.0) as mine:
                if mine:
                    self._finish()

    def _eraser(self, patience: float) -> AbstractContextManager[bool]:
        return locked(self._outbox.lines / ".erasing", patience)

    def _finish(self) -> None:
        if self._journal.exists():
            plan = self._written_down()
            with self._outbox.alone():
                self._tell(plan)
            self._carry_out(plan)

    def _write_down(self, plan: _Plan) -> None:
        draft = self._journal.with_name(".erasing-draft")
        draft.unlink(missing_ok=True)
        create(draft, json.dumps(asdict(plan)).encode())
        draft.rename(self._journal)
        sync_folder(self._outbox.lines)

    def _written_down(self) -> _Plan:
        try:
            plan = json.loads(self._journal.read_bytes())
            return _Plan(plan["at"], tuple(plan["ids"]), tuple(_Place(**each) for each in plan["places"]))
        except (ValueError, TypeError, KeyError):
            why = "what an earlier erasure had to do cannot be read; remove this file and erase again"
            raise OSError(errno.EIO, why, str(self._journal)) from None

    def _tell(self, plan: _Plan) -> None:
        if plan.ids:
            lines.append(self._outbox.lines, *(Erased(id=id, at=plan.at) for id in plan.ids))

    def _carry_out(self, plan: _Plan) -> None:
        for id in plan.ids:
            self._remove_recordings(id)
        for folder in (self._outbox.kept, self._outbox.tmp, self._outbox.fallback, self._outbox.lent):
            if folder.exists():  # one of an older version lacks some
                sync_folder(folder)
        for file, places in groupby(sorted(plan.places, key=_file), key=_file):
            _overwrite(self._outbox.lines / file, places, plan.at)
        self._journal.unlink()
        sync_folder(self._outbox.lines)

    def _remove_recordings(self, id: str) -> None:
        (self._outbox.kept / f"{id}.wav").unlink(missing_ok=True)
        self._outbox.discard(id)
        for copy in self._outbox.lent.glob(f"{escape(id)}-*.wav"):
            copy.unlink(missing_ok=True)
        if found := _ADOPTED.fullmatch(id):
            original = self._outbox.fallback / f"{found[1]}.wav"
            if _digest(original).startswith(found[2]):
                original.unlink()
                original.with_suffix(".note").unlink(missing_ok=True)


def _file(place: _Place) -> str:
    return place.file


def _busy(why: str) -> OSError:
    return OSError(errno.EBUSY, f"{why}; try again in a moment")


def _digest(path: Path) -> str:
    """Of the contents; "" where there is no such file."""
    try:
        with opened(path, os.O_RDONLY) as file:
            return sha256(file)
    except FileNotFoundError:
        return ""


class _Search:
    """Finds where some promises' lines are, but for those that are erased already, and goes on where it stopped."""

    def __init__(self, folder: Path, ids: Collection[str]) -> None:
        self._folder, self._ids = folder, ids
        self._ends: dict[str, int] = {}
        self.found: list[_Place] = []

    def go_on(self, *, torn: bool = False) -> None:
        """A last line without its end may still be written, but for `torn`."""
        for path in lines.files(self._folder):
            with path.open("rb") as file:
                offset = file.seek(self._ends.get(path.name, 0))
                for line in file:
                    if not torn and not line.endswith(b"\n"):
                        break
                    self._look(path.name, offset, line)
                    offset += len(line)
            self._ends[path.name] = offset

    def _look(self, file: str, offset: int, line: bytes) -> None:
        found = _ID.search(line)
        if found and (id := found[1].decode(errors="replace")) in self._ids and not _is_erased(line):
            self.found.append(_Place(file, offset, len(line.rstrip(b"\n")), id))


def _is_erased(line: bytes) -> bool:
    return isinstance(lines.parsed_or_none(line), Erased)


def _is_line(descriptor: int, place: _Place) -> bool:
    """Whether a line begins and ends there."""
    before = os.pread(descriptor, 1, place.offset - 1) if place.offset else b"\n"
    text = os.pread(descriptor, place.length + 1, place.offset)
    return before == b"\n" and len(text) >= place.length and text[place.length :] in (b"", b"\n")


def _overwrite(path: Path, places: Iterable[_Place], at: float) -> None:
    with opened(path, os.O_RDWR) as file:
        for place in places:
            if not _is_line(file.fileno(), place):  # the spool was put back from a copy
                continue
            text = lines.written(Erased(id=place.id, at=at))
            if len(text) > place.length:  # of a torn line only its beginning was there
                text = b""
            os.pwrite(file.fileno(), text.ljust(place.length), place.offset)
        os.fsync(file.fileno())
