"""The voicemail outbox: a message is ours from the moment `keep` returns, whatever dies afterwards.

    spool/tmp/<id>.wav            being recorded by the PBX        (+ <id>.note: whose it is)
    spool/voicemail/<id>.wav      kept
    spool/outbox/<yyyy-mm>.jsonl  one line per kept message; the truth from which Redis is filled
    spool/listen/<random>.wav     a copy for the PBX to play to an agent, for as long as that takes
    spool/fallback/<call>.wav     recorded by the dialplan alone   (+ <call>.note), see salvage.py

Rules of this file:
- Order: sync the recording, rename it, sync the folders, append the line, sync it. Only then is it "saved".
- All processes that share a spool rename and append one at a time. One that is stopped while it holds the lock
  must not silence the hotline: after a few seconds the others go on without it, which the lines can bear.
- Every function blocks (it waits for the disk): call it with asyncio.to_thread.
- Files 0600. Folders 0700, but tmp and fallback are 2770, so that the PBX's user can record into them when it
  shares our group. A recording that another user owns is copied, so that what is kept is ours alone.
"""

from __future__ import annotations

import os
import secrets
import shutil
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from string import ascii_lowercase

from hotline.callbacks import lines, reading
from hotline.callbacks.disk import create, locked, opened, sha256, sync_folder
from hotline.callbacks.lines import Entry, Record
from hotline.callbacks.note import Note, read_note, write_note
from hotline.callbacks.reading import Positions, Reading
from hotline.callbacks.wav import NoSound, TooShort, close_header, measure

PROBE = ".probe-"
"""How the files begin that only show whether a folder can be written."""

_LOCK_PATIENCE = 3.0
_CLOSING_PAUSE = 0.01
ID_LENGTH = 17
_FOLDERS = (("voicemail", 0o700), ("outbox", 0o700), ("tmp", 0o2770), ("fallback", 0o2770), ("listen", 0o2770))


@dataclass(frozen=True, slots=True)
class Settled:
    """A recording whose header is closed and whose bytes are on disk, still at `path`."""

    id: str
    origin: Path
    path: Path
    """`origin`, or our own copy of it."""
    seconds: float
    sha256: str


def new_id() -> str:
    """An id of a promise: 80 bits. Digits would be masked in logs."""
    return "".join(secrets.choice(ascii_lowercase) for _ in range(ID_LENGTH))


def id_of(key: str) -> str:
    """The id of the promise that an idempotency key stands for, the same wherever it is asked."""
    number, letters = int.from_bytes(blake2b(key.encode(), digest_size=16).digest()), []
    for _ in range(ID_LENGTH):
        number, letter = divmod(number, len(ascii_lowercase))
        letters.append(ascii_lowercase[letter])
    return "".join(letters)


@dataclass(frozen=True, slots=True)
class Found:
    """A recording, what was noted of it, and whether it has its line."""

    path: Path
    note: Note
    listed: bool


class Outbox:
    """One spool folder, shared by any number of processes."""

    def __init__(self, spool: Path) -> None:
        self.spool = spool
        self.tmp, self.kept = spool / "tmp", spool / "voicemail"
        self.lines, self.fallback = spool / "outbox", spool / "fallback"
        self.lent = spool / "listen"

    def prepare(self) -> None:
        """Make the folders that are missing. Raises OSError."""
        self.spool.mkdir(parents=True, exist_ok=True)
        for name, mode in _FOLDERS:
            with suppress(FileExistsError):
                (self.spool / name).mkdir()
                (self.spool / name).chmod(mode)

    def identity(self) -> str:
        """A name that no other spool has, made on first use. Raises OSError."""
        file = self.lines / "identity"
        if not file.exists():
            draft = self.lines / f".identity-{secrets.token_hex(6)}"
            create(draft, secrets.token_hex(8).encode())
            with suppress(FileExistsError):  # another process was quicker
                file.hardlink_to(draft)
            draft.unlink()
            sync_folder(self.lines)
        return file.read_text()

    def recording_path(self, note: Note | None = None) -> tuple[str, Path]:
        """An id and where to record it. A note is put beside it for whoever finds the recording after a crash."""
        id = new_id()
        if note:
            write_note(self.tmp / f"{id}.note", note)
        return id, self.tmp / f"{id}.wav"

    def write_note(self, id: str, note: Note) -> None:
        """What is known of a recording by now, in the place of what was. Raises OSError."""
        write_note(self.tmp / f"{id}.note", note)

    def found(self, id: str) -> Found | None:
        """A recording of late that another service may have left, kept or not. Raises OSError."""
        path = next((path for path in (self.tmp / f"{id}.wav", self.kept / f"{id}.wav") if path.exists()), None)
        note = read_note(self.tmp / f"{id}.note")
        return Found(path, note, reading.mentioned(self.lines, id)) if path else None

    def secure(self, id: str, least: float, patience: float) -> float:
        """Put a recording that ended on disk where it is; its seconds. Then a crash loses none of it.

        Raises as `keep` does.
        """
        path = self.tmp / f"{id}.wav"
        _wait_closed(path, time.monotonic() + patience)
        settled = self.settle(id, path, least)
        sync_folder(self.tmp)
        return settled.seconds

    def discard(self, id: str) -> None:
        """Forget a recording that is not worth keeping (too short, say)."""
        for suffix in (".wav", ".own", ".note"):
            (self.tmp / f"{id}{suffix}").unlink(missing_ok=True)

    def keep(
        self,
        id: str,
        *,
        call: str,
        number: str,
        queue: str,
        entry: str,
        language: str,
        recorded_at: float,
        due: float,
        hung_up: bool,
        now: float,
        least: float = 0.0,
        patience: float = 0.0,
        reason: str = "",
        part: str = "",
        confirmed: bool = False,
    ) -> Entry:
        """Make the recording `id` ours for good; it would survive a power cut once this returns.

        A PBX may tell the end of a recording before it wrote the last of it: `patience` seconds are given for that.
        May be called again after a failure. Raises FileNotFoundError (nothing was recorded), another OSError (the
        disk), TooShort (less than `least` seconds) or NoSound (no recording); what there is then stays where it is.
        """
        there = self.tmp / f"{id}.wav"
        _wait_closed(there, time.monotonic() + patience)
        settled = self.settle(id, there if there.exists() else self.kept / f"{id}.wav", least)
        made = Entry(
            id=id, call=call, number=number, queue=queue, entry=entry, language=language, recorded_at=recorded_at,
            due=due, seconds=settled.seconds, hung_up=hung_up, kept_at=now, sha256=settled.sha256, reason=reason,
            part=part, confirmed=confirmed,
        )  # fmt: skip
        self.commit(settled, made)
        return made

    def settle(self, id: str, origin: Path, least: float = 0.0) -> Settled:
        """Close a recording's header, put it safely on disk, measure it.

        Raises as `keep` does, and TooShort if it lasts less than `least` seconds.
        """
        path = self._owned(id, origin)
        with opened(path, os.O_RDWR) as file:
            seconds = close_header(file).seconds
            os.fchmod(file.fileno(), 0o600)
            digest = sha256(file)
            os.fsync(file.fileno())
        if seconds < least:
            raise TooShort(f"it holds {seconds:.1f} s of sound, less than {least:g} s")
        return Settled(id, origin, path, round(seconds, 3), digest)

    def _owned(self, id: str, origin: Path) -> Path:
        """`origin` itself, or our own copy of it in tmp when it belongs to the PBX's user."""
        with opened(origin, os.O_RDONLY) as theirs:
            if os.fstat(theirs.fileno()).st_uid == os.geteuid():
                return origin
            os.fsync(theirs.fileno())
            copy = self.tmp / f"{id}.own"
            if _bytes_of_sound(copy) >= max(1, _bytes_of_sound(origin)):
                return copy  # of an earlier try; the original may have suffered since
            copy.unlink(missing_ok=True)
            with opened(copy, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as ours:
                shutil.copyfileobj(theirs, ours)
        return copy

    def commit(self, settled: Settled, entry: Entry) -> None:
        """Bring a settled recording to its place and write its line. Raises OSError."""
        target = self.kept / f"{entry.id}.wav"
        with self.alone():
            settled.path.rename(target)
            sync_folder(self.kept)
            sync_folder(settled.path.parent)
            lines.append(self.lines, entry)
        with suppress(OSError):  # it is saved; what is left over is harmless and salvage.py removes it
            if settled.origin != target:
                settled.origin.unlink(missing_ok=True)
            (self.tmp / f"{entry.id}.note").unlink(missing_ok=True)

    def add(self, record: Record) -> None:
        """Write a line of no recording; on disk when this returns. Raises OSError."""
        with self.alone():
            lines.append(self.lines, record)

    @contextmanager
    def alone(self) -> Iterator[bool]:
        """Nobody else renames or appends meanwhile; False if somebody does who held the lock for too long."""
        with locked(self.lines / ".lock", _LOCK_PATIENCE) as mine:
            yield mine

    def entries(self, since: Positions | None = None, most: int = 1000) -> Reading:
        """Up to `most` lines after `since` (None = from the first one)."""
        return reading.read(self.lines, since or {}, most)

    def lines_of(self, ids: Collection[str]) -> Iterator[Record]:
        """The lines of these promises, in their order. Raises OSError."""
        return reading.of(self.lines, ids)

    def beyond(self, positions: Positions) -> tuple[int, int]:
        """How many bytes and lines follow these positions. Raises OSError."""
        return reading.beyond(self.lines, positions)

    def free(self) -> int:
        """Bytes that are free on the spool's disk. Raises OSError."""
        disk = os.statvfs(self.spool)
        return disk.f_bavail * disk.f_frsize

    def writable(self, floor: int) -> str | None:
        """None when a message could be kept now, else a sentence that says what to mend. Really writes files.

        `floor` bytes must be free on the spool's disk.
        """
        try:
            for folder in (self.tmp, self.kept, self.lines):
                _probe(folder / f"{PROBE}{secrets.token_hex(6)}")
            for newest in lines.files(self.lines)[-1:]:  # which somebody else may have begun
                opened(newest, os.O_RDWR).close()
            free = self.free()
        except OSError as error:
            return f"The spool {self.spool} cannot be written ({error.strerror}): mend its disk or its permissions."
        if free < floor:
            return f"The spool {self.spool} has {free >> 20} MB free of the {floor >> 20} MB it must have: make room."
        return None


def _wait_closed(path: Path, deadline: float) -> None:
    """Wait until there is sound with a true header, which is the last thing that a PBX writes."""
    while path.exists() and not closed(path) and time.monotonic() < deadline:
        time.sleep(_CLOSING_PAUSE)


def _bytes_of_sound(path: Path) -> int:
    """0 where there is no recording that can be read."""
    try:
        with opened(path, os.O_RDONLY) as file:
            return measure(file).size
    except (OSError, NoSound):
        return 0


def closed(path: Path) -> bool:
    """Whether a recording has sound and a true header, so that its PBX is done with it."""
    try:
        with opened(path, os.O_RDONLY) as file:
            sound = measure(file)
    except (OSError, NoSound):
        return False
    return sound.closed and sound.size > 0


def _probe(path: Path) -> None:
    try:
        create(path, b"probe")
    finally:
        path.unlink(missing_ok=True)
