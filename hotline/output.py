"""What commands print. Where that can't be written, such as onto a full disk, it is told in a sentence.

Rules of this file:
- A reader that went away, such as `head`, wants no more and is told nothing.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator


class OutputFailed(OSError):
    """What was printed could not be written. Files that a command writes raise other errors."""


class _Output(io.TextIOWrapper):
    def write(self, text: str, /) -> int:
        with _failures():
            return super().write(text)

    def flush(self) -> None:
        with _failures():
            super().flush()


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as problem:
        raise OutputFailed(problem.errno, problem.strerror) from problem


@contextlib.contextmanager
def printing() -> Iterator[None]:
    """All that is printed in it is written out before it ends. It ends the process with status 1 where that fails."""
    plain = sys.stdout
    if not isinstance(plain, io.TextIOWrapper):  # it is closed
        yield
        return
    sys.stdout = _Output(
        plain.buffer,
        encoding=plain.encoding,
        errors=plain.errors,
        line_buffering=plain.line_buffering,
        write_through=plain.write_through,
    )
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except (OutputFailed, BrokenPipeError) as problem:
        os.dup2(os.open(os.devnull, os.O_WRONLY), plain.fileno())  # Python tries once more to write what is left
        if isinstance(problem, OutputFailed):
            print(
                f"The output can't be written: {problem.strerror}; make room, or send it elsewhere.", file=sys.stderr
            )
        sys.exit(1)
