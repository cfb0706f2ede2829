"""Recordings as a PBX writes them."""

from __future__ import annotations

import io
import os
import time
import wave
from pathlib import Path

NOW = 1_795_000_000.0


def sound(seconds: float) -> bytes:
    """A WAV of 8 kHz, 16 bit, mono that is no silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as recording:
        recording.setnchannels(1)
        recording.setsampwidth(2)
        recording.setframerate(8000)
        recording.writeframes(bytes(i * 7 % 251 for i in range(int(seconds * 8000) * 2)))
    return file.getvalue()


def never_closed(content: bytes) -> bytes:
    """The same as left by a PBX that died: both lengths in the header are still zero."""
    return content[:4] + bytes(4) + content[8:40] + bytes(4) + content[44:]


def aged(path: Path, seconds: float) -> Path:
    """`path`, last written `seconds` ago."""
    moment = time.time() - seconds
    os.utime(path, (moment, moment))
    return path
