"""The outbox's lines, whole and torn."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from recordings import NOW

from hotline.callbacks.lines import Entry, Move, append
from hotline.callbacks.reading import mentioned, read

FILE = "2026-11.jsonl"


def entry(id: str, **changes: object) -> Entry:
    values: dict[str, object] = {
        "id": id,
        "call": "pbx1-1.1",
        "queue": "hỗ-trợ",
        "entry": "1900",
        "language": "vi",
        "recorded_at": NOW,
        "due": NOW + 60,
        "seconds": 3.0,
        "hung_up": False,
        "kept_at": NOW,
        "sha256": "0" * 64,
        "number": "+84901234567",
    }
    return Entry(**{**values, **changes})  # type: ignore[arg-type]


@given(cuts=st.lists(st.integers(0, 400), max_size=6))
@example(cuts=[0, 1])
@example(cuts=[400, 400])
def test_a_torn_line_harms_no_other(cuts: list[int]) -> None:
    """After each kept entry a crash leaves the first `cut` bytes of another; all whole ones are read, in order."""
    with tempfile.TemporaryDirectory() as name:
        folder, expected = Path(name), []
        file = folder / FILE
        for number, cut in enumerate(cuts):
            append(folder, entry(f"torn-{number}"))
            whole = file.read_bytes()
            start = whole.rstrip(b"\n").rfind(b"\n") + 1
            torn = whole[start:][:cut]
            file.write_bytes(whole[:start] + torn)
            if torn.endswith((b"}\n", b"}")):
                expected.append(f"torn-{number}")  # nothing but its end was lost
            append(folder, entry(f"kept-{number}"))
            expected.append(f"kept-{number}")
        reading = read(folder, {}, 1000)
        assert [each.id for each in reading.entries] == expected
        assert reading.positions == ({FILE: file.stat().st_size} if cuts else {})


def test_an_unfinished_line_waits_until_it_is_finished() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        append(folder, entry("a"))
        append(folder, entry("b"))
        whole = (folder / FILE).read_bytes()
        (folder / FILE).write_bytes(whole[:-20])
        reading = read(folder, {}, 10)
        assert [each.id for each in reading.entries] == ["a"]
        assert "no end yet" in reading.problems[0].message
        (folder / FILE).write_bytes(whole)
        again = read(folder, reading.positions, 10)
        assert [each.id for each in again.entries] == ["b"]
        assert again.problems == ()


def test_who_begins_a_promise_is_found_in_whole_lines_alone_and_is_on_disk_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(tmp_path, entry("whole"))
    append(tmp_path, Move(id="never kept", at=NOW, state="closed", due=NOW, attempts=0))
    append(tmp_path, entry("torn"))
    file = tmp_path / FILE
    file.write_bytes(file.read_bytes()[:-40])
    synced: list[str] = []
    monkeypatch.setattr(os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink().name))
    assert [mentioned(tmp_path, id) for id in ("torn", "never kept", "nobody")] == [False] * 3
    assert synced == []
    assert mentioned(tmp_path, "whole")
    assert synced == [FILE, tmp_path.name]


@given(st.lists(st.binary(max_size=60), max_size=8))
def test_garbage_is_reported_without_its_contents_and_passed_over(rubbish: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / FILE).write_bytes(b"".join(b"{" + each.replace(b"\n", b"") + b"\n" for each in rubbish))
        append(folder, entry("kept"))
        reading = read(folder, {}, 1000)
        assert [each.id for each in reading.entries] == ["kept"]
        assert len(reading.problems) == len(rubbish)
        assert all("is torn; it was passed over." in each.message and each.byte >= 0 for each in reading.problems)


def test_a_line_that_is_nested_without_end_is_torn_like_any_other(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"[" * 200_000 + b"\n")
    append(tmp_path, entry("kept"))
    reading = read(tmp_path, {}, 1000)
    assert ([each.id for each in reading.entries], len(reading.problems)) == (["kept"], 1)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "offered"}, {"state": "lost"}, {"state": 7}, {"due": "soon"}, {"due": None}, {"due": True},
        {"due": float("nan")}, {"due": 1e12}, {"attempts": 1.5}, {"attempts": False}, {"attempts": 10**400},
        {"agent": ["anna"]}, {"call": "\ud800"}, {"colour": "red"},
    ],
)  # fmt: skip
def test_a_line_that_says_what_no_line_can_is_told_and_passed_over(tmp_path: Path, change: dict[str, object]) -> None:
    line = asdict(Move(id="other", at=NOW, state="retry", due=NOW, attempts=1)) | {"v": 1, "kind": "moved"}
    (tmp_path / FILE).write_text(f"{json.dumps(line | change)}\n{json.dumps(line)}\n")
    reading = read(tmp_path, {}, 10)
    assert [each.id for each in reading.records] == ["other"]
    assert [each.message for each in reading.problems] == ["A line of the outbox is torn; it was passed over."]


def test_lines_come_in_the_order_of_their_writing_whatever_the_clocks_say() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        append(folder, entry("november"))
        append(folder, entry("december", kept_at=NOW + 40 * 86400))
        append(folder, entry("of a clock that is late", kept_at=NOW + 1))
        reading = read(folder, {}, 10)
        assert [each.id for each in reading.entries] == ["november", "december", "of a clock that is late"]
        assert sorted(reading.positions) == [FILE, "2026-12.jsonl"]
