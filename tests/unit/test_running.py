"""What ends a process that cannot end by itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

STUCK = """
import os, time
from hotline.running import last_resort
with last_resort() as end_within:
    {before}
    end_within(0.2)
    end_within(60)
    time.sleep(30)
"""
NOBODY_READS = "os.set_blocking(1, False); os.write(1, b'.' * 10_000_000); os.set_blocking(1, True)"


@pytest.mark.parametrize(
    ("before", "status"),
    [("pass", 1), (NOBODY_READS, -signal.SIGALRM)],
    ids=["the log is taken", "nobody takes the log"],
)
def test_the_last_resort_ends_what_is_stuck_at_the_sooner_moment(before: str, status: int) -> None:
    reader, writer = os.pipe()
    command = [sys.executable, "-c", STUCK.format(before=before)]
    try:
        done = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=20, check=False)
    finally:
        os.close(reader)
        os.close(writer)
    assert (done.returncode, done.stderr) == (status, b"")
