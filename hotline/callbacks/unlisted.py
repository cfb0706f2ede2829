"""Recordings that have no line yet, or cannot be read: left in tmp and fallback with a note of whose they are.

Rules of this file:
- They are a person's data like any other, and go when that person is erased.
- One that is being recorded, or about which the caller is asked, is left alone: who wrote the file or its note in the
  last SETTLED seconds is at it. So is what has its line: erasure.py sees to that.
- While they are removed nobody takes them in (see salvage.py).
- Blocking file I/O.
"""

from __future__ import annotations

import errno
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from hotline.callbacks.disk import age_of, locked, sync_folder
from hotline.callbacks.note import read_note
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.salvage import UNREADABLE

SETTLED = 60.0
"""Seconds; a note is written again more often while somebody has the recording in hand (see keeping.py)."""

PATIENCE = 10.0
"""Seconds to wait for a salvager."""

_KINDS = (".wav", ".own", UNREADABLE, ".note")


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A note, the recordings that it may be about, and whether somebody is at it just now."""

    note: Path
    recordings: tuple[Path, ...]

    @property
    def in_hand(self) -> bool:
        files = [self.note, *(each for each in self.recordings if each.suffix == ".wav")]
        return any(each.exists() and age_of(each) < SETTLED for each in files)


def of_number(outbox: Outbox, number: str, region: str, *, is_listed: Callable[[str], bool]) -> Iterator[Unlisted]:
    """Those of a person. `number` is normal; `is_listed` knows the ids that have lines. Raises OSError."""
    for folder in (outbox.tmp, outbox.fallback):
        for note in sorted(folder.iterdir()) if folder.is_dir() else ():
            if note.suffix != ".note" or note.name.startswith(".") or is_listed(note.stem):
                continue
            if number and normal(read_note(note).get("number", ""), region) == number:
                yield Unlisted(note, tuple(_beside(outbox, note)))


def _beside(outbox: Outbox, note: Path) -> Iterator[Path]:
    """What is there of the recording; one in tmp may have been renamed to its place already."""
    for folder in (note.parent, *((outbox.kept,) if note.parent == outbox.tmp else ())):
        for kind in _KINDS[:-1]:
            if (path := folder / f"{note.stem}{kind}").exists():
                yield path


def remove(outbox: Outbox, found: Iterable[Unlisted], is_listed: Callable[[str], bool]) -> None:
    """Remove these for good, but for those that were taken in meanwhile. Raises OSError, also where a salvager is at
    work for too long."""
    with locked(outbox.lines / ".salvage", PATIENCE) as mine:
        if not mine:
            raise OSError(errno.EBUSY, "lost recordings are being taken in; try again in a moment")
        for each in found:
            if not is_listed(each.note.stem):
                for path in (*each.recordings, each.note):  # the note last: without one nobody knows whose it is
                    path.unlink(missing_ok=True)
        for folder in (outbox.tmp, outbox.kept, outbox.fallback):
            if folder.exists():
                sync_folder(folder)
