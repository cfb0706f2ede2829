"""The WAV file, as far as a voicemail needs it: how long it lasts, and mending a header that was never closed.

Rules of this file:
- A PBX writes the length into the header when it closes a file. One that died before that leaves a length of
  zero (or an old one): then everything after the header is sound.
- No sample is ever changed; only the two length fields are.
- Blocking file I/O.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import BinaryIO

_CHUNK = struct.Struct("<4sI")
_FORMAT = struct.Struct("<HHIIHH")
_MOST_CHUNKS = 16
_HEADER, _RATE = 44, 16000
"""Bytes before the sound, and of a second of it, in what a PBX records."""


class NoSound(ValueError):
    """The file is no WAV recording, or not enough of one to tell what it holds."""


class TooShort(NoSound):
    """The file has sound, but less than was asked for."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Where the samples lie in a file, in bytes, and how many bytes make one second."""

    start: int
    size: int
    rate: int
    closed: bool
    """False when the header's lengths disagree with the file."""

    @property
    def seconds(self) -> float:
        return self.size / self.rate


def size_of(seconds: float) -> int:
    """Bytes of a recording that lasts so long."""
    return int(seconds * _RATE) + _HEADER


def measure(file: BinaryIO) -> Sound:
    """Find the sound in an open file. Raises NoSound."""
    end = file.seek(0, 2)
    file.seek(0)
    riff, _, wave = struct.unpack("<4sI4s", file.read(12).ljust(12, b"\0"))
    if riff != b"RIFF" or wave != b"WAVE":
        raise NoSound("the recording does not begin with a WAV header")
    rate = block = 0
    for _ in range(_MOST_CHUNKS):
        name, size = _CHUNK.unpack(file.read(8).ljust(8, b"\0"))
        start = file.tell()
        if name == b"fmt ":
            _, _, _, rate, block, _ = _FORMAT.unpack(file.read(16).ljust(16, b"\0"))
        elif name == b"data":
            return _data(file, start, size, end, rate, block)
        if not size or start + size >= end:
            break
        file.seek(start + size + size % 2)
    raise NoSound("the recording has a WAV header but no sound in it")


def _data(file: BinaryIO, start: int, size: int, end: int, rate: int, block: int) -> Sound:
    if not rate or not block:
        raise NoSound("the recording's WAV header does not say how to play it")
    there = max(0, end - start)
    if size == there or (size < there and _is_chunk(file, start + size + size % 2, end)):
        return Sound(start, size, rate, closed=True)
    return Sound(start, there - there % block, rate, closed=False)


def _is_chunk(file: BinaryIO, position: int, end: int) -> bool:
    """Whether a well-formed chunk (a comment, say) begins at `position`, so that the sound really ends there."""
    file.seek(position)
    name, size = _CHUNK.unpack(file.read(8).ljust(8, b"\0"))
    return bool(name.isalpha()) and position + 8 + size <= end


def close_header(file: BinaryIO) -> Sound:
    """Write true lengths into the header of a file open for update, if it has others. Raises NoSound."""
    sound = measure(file)
    if not sound.closed:
        file.truncate(sound.start + sound.size)
        file.seek(4)
        file.write(struct.pack("<I", sound.start + sound.size - 8))
        file.seek(sound.start - 4)
        file.write(struct.pack("<I", sound.size))
        file.flush()
    return sound
