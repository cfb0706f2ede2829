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

import pytest

CONFIG = Path(__file__).parents[2] / "config" / "hotline.yaml"
FORECAST = CONFIG.parent / "simulations" / "forecast.csv"

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
        for _ in range(3):  # a key between the question and the reading of its answer is lost: press it again
            os.write(terminal, b"\x03")
            with contextlib.suppress(subprocess.TimeoutExpired):
                command.wait(15)
                break
        assert command.poll() == 130
        assert b"Traceback" not in shown(terminal)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["buffered", "unbuffered"])
@pytest.mark.parametrize(
    "words",
    [["check", CONFIG], ["staff", FORECAST], ["staff", FORECAST, "--json"], ["--help"]],
    ids=["check", "staff", "staff-json", "help"],
)
def test_a_full_disk_behind_the_output_is_told_in_a_sentence(
    words: list[str | Path], unbuffered: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONUNBUFFERED", unbuffered)
    with Path("/dev/full").open("w") as disk:
        ended = hotline(*words, stdout=disk.fileno())
    assert (ended.returncode, ended.stderr) == (
        1,
        "The output can't be written: No space left on device; make room, or send it elsewhere.\n",
    )


def test_a_reader_who_went_away_is_told_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        ended = hotline("check", CONFIG, stdout=writing)
    finally:
        os.close(writing)
    assert (ended.returncode, ended.stderr) == (1, "")


def hotline(*words: str | Path, stdout: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hotline", *map(str, words)]
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, text=True, check=False)
