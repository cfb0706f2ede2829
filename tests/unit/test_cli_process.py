"""The command line as a process of its own: at a terminal, and with its output somewhere."""

from __future__ import annotations

import contextlib
import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

CONFIG = Path(__file__).parents[2] / "config" / "hotline.yaml"

AT_A_TERMINAL = """
import fcntl, termios
fcntl.ioctl(0, termios.TIOCSCTTY)
from hotline.cli import main
main()
"""
"""Where Ctrl-C is a signal."""


@contextmanager
def at_a_terminal(*words: str) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """The command, and the end of its terminal at which people sit."""
    ours, its = pty.openpty()
    try:
        with subprocess.Popen(
            [sys.executable, "-c", AT_A_TERMINAL, *words], stdin=its, stdout=its, stderr=its, start_new_session=True
        ) as command:
            os.close(its)
            try:
                yield command, ours
            finally:
                command.kill()
    finally:
        os.close(ours)


def shown(terminal: int, until: bytes = b"") -> bytes:
    """What the terminal shows until then; without that, until the command has ended."""
    screen = b""
    with contextlib.suppress(OSError):  # nobody is at its other end any more
        while not until or until not in screen:
            screen += os.read(terminal, 4096)
    return screen


def test_try_is_left_by_ctrl_c_at_once() -> None:
    with at_a_terminal("try", str(CONFIG), "--number", "1900") as (command, terminal):
        assert b"key, within" in shown(terminal, until=b"key, within")
        os.write(terminal, b"\x03")
        assert command.wait(30) == 130
        assert b"Traceback" not in shown(terminal)
