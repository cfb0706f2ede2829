"""Files that are safely on disk: the few operating system calls that the outbox stands on.

Every function blocks and (but for age_of) raises OSError. Links are never followed, and a pipe is never waited for:
others may write in some of these folders.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import io
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, cast

_MODES = {os.O_RDONLY: "rb", os.O_RDWR: "r+b", os.O_WRONLY: "wb"}
_LOCK_PAUSE = 0.01


def opened(path: Path, flags: int) -> BinaryIO:
    """A binary file, opened with `flags`; made 0600 if they say so."""
    descriptor = os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, "it is no regular file", str(path))
    return cast(BinaryIO, os.fdopen(descriptor, _MODES[flags & os.O_ACCMODE]))


def sha256(file: BinaryIO) -> str:
    """Of the whole file, in hexadecimal."""
    file.seek(0)
    return hashlib.file_digest(cast(io.BufferedReader, file), "sha256").hexdigest()


def age_of(path: Path) -> float:
    """Seconds since `path` was last written, by the machine's clock; 0 when it is gone. Never raises."""
    try:
        return max(0.0, time.time() - path.lstat().st_mtime)
    except OSError:
        return 0.0


def create(path: Path, content: bytes) -> None:
    """A new file, on disk with its content when this returns."""
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Names made, changed and removed in `folder` so far survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def locked(path: Path, seconds: float) -> Iterator[bool]:
    """Hold the lock file `path`; False when another process kept it for `seconds`. A dead process holds nothing."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield _lock(descriptor, time.monotonic() + seconds)
    finally:
        os.close(descriptor)


def _lock(descriptor: int, deadline: float) -> bool:
    while True:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
            time.sleep(_LOCK_PAUSE)
        else:
            return True
