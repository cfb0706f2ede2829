"""The note beside a recording: who left it, in lines of `name=value` that a dialplan can write too.

Rules of this file:
- Known names only, values of one line and bounded length; everything else in a note is passed over. A note is
  a help, never a condition: without one the recording is kept all the same.
- Blocking file I/O.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

Note = Mapping[str, str]

NAMES = ("call", "number", "queue", "entry", "language", "recorded_at")
MOST = 4096
MOST_VALUE = 120


def write_note(path: Path, note: Note) -> None:
    """Raises OSError."""
    lines = [f"{name}={_clean(note[name])}\n" for name in NAMES if note.get(name)]
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.writelines(lines)


def read_note(path: Path) -> dict[str, str]:
    """What is known of the recording; {} when there is no note or none that can be read."""
    try:
        with path.open("rb") as file:
            text = file.read(MOST).decode("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: _clean(value) for name, equals, value in pairs if equals and name in NAMES}


def _clean(value: str) -> str:
    return "".join(each for each in value[:MOST_VALUE] if each.isprintable()).strip()
