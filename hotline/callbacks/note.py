"""The note beside a recording: who left it, in lines of `name=value` that a dialplan can write too.

Rules of this file:
- Known names only, values of one line and bounded length; everything else in a note is passed over. A note is
  a help, never a condition: without one the recording is kept all the same.
- A note may be written again as more becomes known: who reads it finds the old one or the new one.
- Blocking file I/O.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from hotline.callbacks.disk import opened, sync_folder

Note = Mapping[str, str]

NAMES = ("call", "number", "queue", "entry", "language", "recorded_at", "confirmed", "reason", "part")
MOST = 4096
MOST_VALUE = 120


def write_note(path: Path, note: Note) -> None:
    """Raises OSError."""
    lines = [f"{name}={_clean(note[name])}\n" for name in NAMES if note.get(name)]
    draft = path.with_name(f".{path.name}-{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.writelines(lines)
            file.flush()
            os.fsync(descriptor)
        draft.replace(path)
        sync_folder(path.parent)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read_note(path: Path) -> dict[str, str]:
    """What is known of the recording; {} when there is no note or none that can be read."""
    try:
        with opened(path, os.O_RDONLY) as file:
            text = file.read(MOST).decode("utf-8", "replace")
    except OSError:
        return {}
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: _clean(value) for name, equals, value in pairs if equals and name in NAMES}


def _clean(value: str) -> str:
    return "".join(each for each in value[:MOST_VALUE] if each.isprintable()).strip()
