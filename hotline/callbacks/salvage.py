"""Recordings that nobody kept: a service died under them, or the dialplan recorded them alone.

Rules of this file:
- What was said is kept even if nobody knows who said it; a note beside the recording may know.
- Everything here may run at any time, in any process, again and again: one salvager works at a time, and what
  has its line is never given another.
- A line whose recording is gone is told of, once; it stays, since somebody may be waiting for our call.
- What cannot be read, or has a name that no line can hold, waits for a person to look at it, but not for ever: whose
  it is may be in it. One such recording is never in the way of another.
- A note without its recording is of a caller who left no words, or has not begun: it goes when it is old.
- A file's age is by the machine's clock, which stamps files; what goes into a line is by the service's clock.
- Blocking, like the outbox.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from hotline.callbacks.disk import age_of, locked, opened, sha256
from hotline.callbacks.lines import Entry, Erased
from hotline.callbacks.note import read_note, write_note
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import PROBE, Outbox, Settled, closed
from hotline.callbacks.reading import Positions
from hotline.callbacks.trouble import Trouble
from hotline.callbacks.wav import NoSound, size_of

LEAST = 2.0
"""Seconds of sound that are worth keeping, where a queue does not say it: what the dialplan calls saved is kept."""

UNREADABLE = ".unreadable"
"""What a recording is called that nobody can play; its note stays beside it for whoever looks."""

UNREADABLE_FOR = 30 * 86400.0
"""Seconds since it was recorded after which nobody looks any more, and it is removed."""

MOST_TOLD = 20
"""Recordings that are missed by name in one round."""

Due = Callable[[str, float, str], float]
"""(queue, when it was recorded, part of the day) → when to call back; must answer for any queue and part, "" too."""

_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9._-]")
_USABLE = re.compile(r"[^\x00-\x1f\"\\\x7f\ud800-\udfff]{1,200}")
"""An id that every reader of a line finds again: no half characters, which a name that is not UTF-8 is full of."""


@dataclass(slots=True)
class Salvaged:
    """What came of a search: the entries made, how many were too short, and what went wrong."""

    kept: list[Entry] = field(default_factory=list)
    too_short: int = 0
    problems: list[Trouble] = field(default_factory=list)


class Salvage:
    """Salvages the spool of `outbox`. `region` reads local numbers (see number.normal).

    `queue`: the queue that calls back, by what was noted of it, "" too; `least`: seconds that are a message for it.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        due: Due,
        region: str,
        queue: Callable[[str], str] = str,
        least: Callable[[str], float] = lambda _: LEAST,
    ) -> None:
        self.outbox, self.due, self.region, self.queue, self.least = outbox, due, region, queue, least
        self._ids: set[str] = set()
        self._recorded: set[str] = set()
        """Of them, those that have a recording."""
        self._missing: set[str] = set()
        self._positions: Positions = {}

    def recover(self, now: float, *, age: float) -> Salvaged:
        """Keep recordings in tmp untouched for `age` seconds, and those that were renamed but have no line.

        While a living service records one, asks about it or keeps it, neither it nor its note must be so old.
        """
        done = Salvaged()
        with locked(self.outbox.lines / ".salvage", 0.0) as mine:
            if mine:
                for path in self._unlisted(done):
                    self._take(path, path.stem, "recovered", now, done)
                self._list()
                self._recover_tmp(now, age, done)
                self._forget_probes(age)
                self._forget_unreadable()
        return done

    def _recover_tmp(self, now: float, age: float, done: Salvaged) -> None:
        tmp = self.outbox.tmp
        for path in _older(tmp.glob("*.wav"), age):
            note = path.with_suffix(".note")
            if note.exists() and age_of(note) < age:
                continue  # the caller is being asked about it
            if path.stem in self._ids:  # kept as a copy; only the PBX's original was left over
                self.outbox.discard(path.stem)
            else:
                self._take(path, path.stem, "recovered", now, done)
        for copy in _older(tmp.glob("*.own"), age):
            note = copy.with_suffix(".note")
            if copy.stem in self._ids:
                self.outbox.discard(copy.stem)
            elif note.exists() and age_of(note) < age:
                continue
            elif not copy.with_suffix(".wav").exists():  # the PBX's original was not on its disk yet
                self._take(copy, copy.stem, "recovered", now, done)
        for left_over in _older(tmp.glob(".*.note-*"), age):
            left_over.unlink(missing_ok=True)
        _forget_lonely_notes(tmp, age)

    def _forget_probes(self, age: float) -> None:
        """What a process that was killed while it looked whether it can write has left behind."""
        for folder in (self.outbox.tmp, self.outbox.kept, self.outbox.lines):
            for probe in _older(folder.glob(f"{PROBE}*"), age):
                probe.unlink(missing_ok=True)

    def _forget_unreadable(self) -> None:
        for folder in (self.outbox.tmp, self.outbox.kept, self.outbox.fallback):
            for path in _older(folder.glob(f"*{UNREADABLE}"), UNREADABLE_FOR):
                path.unlink(missing_ok=True)
                path.with_suffix(".note").unlink(missing_ok=True)

    def adopt_fallback(self, now: float, *, age: float = 10.0, age_unclosed: float = 120.0) -> Salvaged:
        """Keep what the dialplan recorded alone, once a file was left untouched for `age` seconds.

        A header that is not closed means that the PBX may still record, or died: that waits `age_unclosed`.
        """
        done, fallback = Salvaged(), self.outbox.fallback
        with locked(self.outbox.lines / ".salvage", 0.0) as mine:
            if mine:
                for path in _older(fallback.glob("*.wav"), age):
                    if closed(path) or age_unclosed <= age_of(path):
                        self._adopt(path, now, done)
                _forget_lonely_notes(fallback, age_unclosed)
        return done

    def _adopt(self, path: Path, now: float, done: Salvaged) -> None:
        about = path.with_suffix(".note")
        note = {"call": path.stem, **read_note(about)}
        try:
            with opened(path, os.O_RDONLY) as file:
                digest = sha256(file)
            # the contents make the id: a second message of the same call is a second message
            id = f"{_NOT_IN_A_NAME.sub('_', path.stem)[:80]}-{digest[:12]}"
            write_note(self.outbox.tmp / f"{id}.note", note)
        except OSError as error:
            done.problems.append(_trouble(path, error.strerror))
            return
        self._take(path, id, "fallback", now, done)
        if not path.exists() and not path.with_suffix(UNREADABLE).exists():
            about.unlink(missing_ok=True)

    def _unlisted(self, done: Salvaged) -> list[Path]:
        """Recordings in their final place without a line. Lines without a recording are troubles, once."""
        self._list()
        with self.outbox.alone() as mine:  # so that nobody is between renaming and writing the line
            self._list()
            if not mine:
                return []
            there = {each.stem: each for each in self.outbox.kept.glob("*.wav")}
        missing = self._recorded - there.keys()
        done.problems += _gone(missing - self._missing)
        self._missing = missing
        return [path for id, path in there.items() if id not in self._ids]

    def _list(self) -> None:
        """Know the ids of all lines, reading only those that are new since the last time."""
        more = True
        while more:
            reading = self.outbox.entries(self._positions)
            self._ids.update(each.id for each in reading.records)
            for each in reading.records:
                if isinstance(each, Entry) and each.sha256:
                    self._recorded.add(each.id)
                elif isinstance(each, Erased):
                    self._recorded.discard(each.id)
            self._positions, more = reading.positions, reading.more

    def _take(self, path: Path, id: str, source: str, now: float, done: Salvaged) -> None:
        try:
            self._keep(path, id, source, now, done)
        except OSError as error:
            done.problems.append(_trouble(path, error.strerror))
        except Exception as error:  # a fault of ours with this one: the others are still kept
            done.problems.append(_trouble(path, f"it failed, {type(error).__name__}"))

    def _keep(self, path: Path, id: str, source: str, now: float, done: Salvaged) -> None:
        """Raises OSError."""
        if not _USABLE.fullmatch(id):
            self._put_aside(path, "no line can hold its name; rename it, as .wav, and it is taken in", done)
            return
        least = self.least(self.queue(read_note(self.outbox.tmp / f"{id}.note").get("queue", "")))
        least = min(least, LEAST) if source == "fallback" else least
        try:
            settled = self.outbox.settle(id, path, least)
            entry = self._entry(settled, source, now)
            self.outbox.commit(settled, entry)
        except NoSound as error:
            self._give_up(path, id, least, str(error), done)
        else:
            done.kept.append(entry)

    def _give_up(self, path: Path, id: str, least: float, why: str, done: Salvaged) -> None:
        """Too little to keep is removed; what would be enough if only it could be read, and what was kept before, is
        put aside for a person to look at."""
        if path.stat().st_size < size_of(least) and path.parent != self.outbox.kept:
            done.too_short += 1
            path.unlink()
        else:
            self._put_aside(path, why, done)
        if not path.with_suffix(UNREADABLE).exists() or path.stem != id:
            self.outbox.discard(id)

    def _put_aside(self, path: Path, why: str, done: Salvaged) -> None:
        """Beside what was put aside under its name before, with a note of its own."""
        aside, number = path.with_suffix(UNREADABLE), 1
        while aside.exists():
            number += 1
            aside = path.with_name(f"{path.stem}-{number}{UNREADABLE}")
        if number > 1 and (note := path.with_suffix(".note")).exists():
            write_note(aside.with_suffix(".note"), read_note(note))
        path.rename(aside)
        done.problems.append(_trouble(path, why))

    def _entry(self, settled: Settled, source: str, now: float) -> Entry:
        note = read_note(self.outbox.tmp / f"{settled.id}.note")
        recorded_at = _moment(note.get("recorded_at", ""), now - age_of(settled.origin))
        queue, part = self.queue(note.get("queue", "")), note.get("part", "")
        return Entry(
            id=settled.id,
            call=note.get("call", ""),
            number=normal(note.get("number", ""), self.region),
            queue=queue,
            entry=note.get("entry", ""),
            language=note.get("language", ""),
            recorded_at=recorded_at,
            due=self.due(queue, recorded_at, part),
            seconds=settled.seconds,
            hung_up=True,
            kept_at=now,
            sha256=settled.sha256,
            source=source,
            reason=note.get("reason", ""),
            part=part,
            confirmed=note.get("confirmed") == "yes",
        )


def _older(paths: Iterable[Path], age: float) -> list[Path]:
    return sorted(each for each in paths if age_of(each) >= age and each.exists())


def _forget_lonely_notes(folder: Path, age: float) -> None:
    """Remove old notes without a recording beside them: a note is written once, its recording grows for minutes."""
    for note in _older(folder.glob("*.note"), age):
        if not any(note.with_suffix(kind).exists() for kind in (".wav", ".own", UNREADABLE)):
            note.unlink(missing_ok=True)


def _moment(text: str, otherwise: float) -> float:
    try:
        return float(text) if 0 < float(text) < 1e11 else otherwise
    except ValueError:
        return otherwise


def _gone(ids: set[str]) -> list[Trouble]:
    """For some of them one by one, and for how many others."""
    message = "The outbox has a line of a message whose recording is gone: look for it in a copy of the spool."
    told = [Trouble(message, f"voicemail/{id}.wav") for id in sorted(ids)[:MOST_TOLD]]
    others = len(ids) - len(told)
    if others:
        told.append(Trouble(f"The recordings of {others} other messages are gone as well.", "voicemail"))
    return told


def _trouble(path: Path, why: str | None) -> Trouble:
    name = f"{path.parent.name}/{path.name}".encode(errors="backslashreplace").decode()
    return Trouble(f"A recording could not be salvaged: {why}.", name)
