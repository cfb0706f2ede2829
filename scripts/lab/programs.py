"""Where the programs are that `scripts/programs` brought together."""

from __future__ import annotations

import os
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def _home() -> Path:
    return Path(os.environ.get("HOTLINE_PROGRAMS", PROJECT / ".programs"))


def program(name: str) -> Path:
    """The command `name` (asterisk, redis-server, espeak-ng …). Raises FileNotFoundError with what to do."""
    path = _home() / "bin" / name
    if not path.exists():
        raise FileNotFoundError(f"{path} does not exist. Run scripts/programs first.")
    return path


def asterisk_folder(kind: str) -> Path:
    """Asterisk's `modules`, `data` or `music` folder."""
    path = _home() / "asterisk" / kind
    if not path.is_dir():
        raise FileNotFoundError(f"{path} does not exist. Run scripts/programs first.")
    return path.resolve()
