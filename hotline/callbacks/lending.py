"""Kept recordings, lent to the PBX: what is kept is ours alone, so that it plays a copy."""

from __future__ import annotations

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

from hotline.callbacks.disk import opened
from hotline.callbacks.outbox import Outbox

FORGOTTEN = 4 * 3600.0
"""Seconds after which a copy is nobody's: whoever had it made has died."""


class Lending:
    """Lends the recordings of one spool."""

    def __init__(self, outbox: Outbox) -> None:
        self._outbox = outbox

    @contextlib.asynccontextmanager
    async def lend(self, id: str) -> AsyncIterator[Path]:
        """The recording of a promise, where the PBX's user may read it as long as this lasts. Raises OSError."""
        copy = await asyncio.to_thread(self._copy, id)
        try:
            yield copy
        finally:
            await asyncio.to_thread(copy.unlink, missing_ok=True)

    def _copy(self, id: str) -> Path:
        folder = self._outbox.lent
        _sweep(folder)
        copy = folder / f"{id}-{secrets.token_hex(4)}.wav"  # so that erasure finds it
        new = os.O_WRONLY | os.O_CREAT | os.O_EXCL
        with opened(self._outbox.kept / f"{id}.wav", os.O_RDONLY) as kept, opened(copy, new) as lent:
            shutil.copyfileobj(kept, lent)
            os.fchmod(lent.fileno(), 0o640)
        return copy


def _sweep(folder: Path) -> None:
    """Remove what was forgotten."""
    for path in folder.glob("*.wav"):
        with contextlib.suppress(OSError):
            if time.time() - path.stat().st_mtime > FORGOTTEN:
                path.unlink()
