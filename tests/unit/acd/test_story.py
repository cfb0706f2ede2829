"""A story in plain words."""

from __future__ import annotations

from hotline.acd.story import Moment, tell


def test_seconds_are_told_whole() -> None:
    (line,) = tell([Moment(0.0, "waits for one", {"agent": "anna", "seconds": 3.99904})])
    assert "Waits up to 4 s for anna alone" in line
