"""A message is kept, or the caller is told that it is not: at every crash point, on every kind of disk."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from recordings import NOW, never_closed, sound

from hotline.callbacks import disk
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.wav import NoSound

ABOUT: dict[str, Any] = {
    "call": "pbx1-1.1",
    "number": "+84901234567",
    "queue": "billing",
    "entry": "1900",
    "language": "vi",
    "recorded_at": NOW,
    "due": NOW + 36000,
    "hung_up": False,
    "now": NOW + 12,
}


def record(outbox: Outbox, content: bytes) -> str:
    id, path = outbox.recording_path({"call": "pbx1-1.1", "number": "+84901234567", "queue": "billing"})
    path.write_bytes(content)
    return id


def test_a_kept_message_has_its_file_and_its_line(outbox: Outbox) -> None:
    id = record(outbox, sound(3))
    entry = outbox.keep(id, **ABOUT)
    kept = outbox.kept / f"{id}.wav"
    assert kept.read_bytes() == sound(3)
    assert entry.sha256 == hashlib.sha256(sound(3)).hexdigest()
    assert (entry.seconds, entry.queue, entry.due, entry.kept_at) == (3.0, "billing", NOW + 36000, NOW + 12)
    assert outbox.entries().entries == (entry,)
    assert list(outbox.tmp.iterdir()) == []


def test_only_we_can_read_messages_and_the_pbx_can_record_them(outbox: Outbox) -> None:
    id = record(outbox, sound(2))
    outbox.keep(id, **ABOUT)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in outbox.spool.iterdir()}
    assert modes == {"tmp": 0o2770, "fallback": 0o2770, "listen": 0o2770, "voicemail": 0o700, "outbox": 0o700}
    files = [each for folder in (outbox.kept, outbox.lines) for each in folder.iterdir()]
    assert len(files) == 3
    assert {stat.S_IMODE(each.stat().st_mode) for each in files} == {0o600}


def test_the_number_is_in_the_line_but_in_no_repr(outbox: Outbox) -> None:
    entry = outbox.keep(record(outbox, sound(2)), **ABOUT)
    assert entry.number == "+84901234567"
    assert "901234567" not in repr(entry)
    assert "901234567" not in repr(outbox.entries())


def test_a_header_that_was_never_closed_is_closed(outbox: Outbox) -> None:
    id = record(outbox, never_closed(sound(4)))
    assert outbox.keep(id, **ABOUT).seconds == 4.0
    assert (outbox.kept / f"{id}.wav").read_bytes() == sound(4)


def test_what_was_not_recorded_cannot_be_kept(outbox: Outbox) -> None:
    with pytest.raises(FileNotFoundError):
        outbox.keep("nothing", **ABOUT)
    with pytest.raises(NoSound):
        outbox.keep(record(outbox, b"no sound"), **ABOUT)
    assert outbox.entries().entries == ()


def test_a_link_put_in_the_place_of_a_recording_is_not_followed(outbox: Outbox, tmp_path: Path) -> None:
    (tmp_path / "other.wav").write_bytes(sound(3))
    id, path = outbox.recording_path()
    path.symlink_to(tmp_path / "other.wav")
    with pytest.raises(OSError, match="symbolic links"):
        outbox.keep(id, **ABOUT)


def test_a_recording_of_another_user_is_copied_and_the_copy_is_ours(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = record(outbox, never_closed(sound(2)))
    theirs = (outbox.tmp / f"{id}.wav").stat().st_ino
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    outbox.keep(id, **ABOUT)
    kept = outbox.kept / f"{id}.wav"
    assert kept.read_bytes() == sound(2)
    assert kept.stat().st_ino != theirs
    assert list(outbox.tmp.iterdir()) == []


def test_keep_can_be_called_again_when_the_line_could_not_be_written(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = record(outbox, sound(2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda fd, line: 7)  # a disk that is full after seven bytes
        with pytest.raises(OSError, match="No space left"):
            outbox.keep(id, **ABOUT)
    entry = outbox.keep(id, **ABOUT)
    assert outbox.entries().entries == (entry,)
    assert (outbox.kept / f"{id}.wav").exists()


def test_the_order_is_file_name_folders_line(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    id = record(outbox, sound(2))
    steps: list[str] = []

    def watch(module: Any, name: str, label: Any) -> None:
        real = getattr(module, name)

        def watched(*args: Any, **kwargs: Any) -> Any:
            steps.append(label(args))
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, watched)

    def where(descriptor: int) -> str:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        return str(path.relative_to(outbox.spool)).replace(id, "ID").replace("2026-11", "MONTH")

    watch(os, "fsync", lambda args: f"sync {where(args[0])}")
    watch(os, "rename", lambda args: "rename")
    watch(os, "write", lambda args: f"write {where(args[0])}")
    outbox.keep(id, **ABOUT)
    assert steps == [
        "sync tmp/ID.wav",
        "rename",
        "sync voicemail",
        "sync tmp",
        "write outbox/MONTH.jsonl",
        "sync outbox/MONTH.jsonl",
        "sync outbox",
    ]


CRASHING = """
import json, os, signal, sys
from pathlib import Path
from hotline.callbacks.outbox import Outbox

left = int(sys.argv[3])

def dying(real):
    def call(*args, **kwargs):
        global left
        left -= 1
        if left < 0:
            if real is os_write:
                real(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **kwargs)
    return call

os_write = os.write
for name in ("open", "fsync", "rename", "write", "close", "unlink", "fchmod"):
    setattr(os, name, dying(getattr(os, name)))
Outbox(Path(sys.argv[1])).keep(sys.argv[2], **json.loads(sys.argv[4]))
"""


def test_a_process_killed_at_any_step_loses_no_message(outbox: Outbox) -> None:
    """A real process dies before its n-th call into the system, for every n; a line is torn in the middle."""
    expected: set[str] = set()
    for survived in range(60):
        id = record(outbox, never_closed(sound(2)))
        command = [sys.executable, "-c", CRASHING, str(outbox.spool), id, str(survived), json.dumps(ABOUT)]
        child = subprocess.run(command, check=False, timeout=30)
        assert child.returncode in (0, -signal.SIGKILL)
        Salvage(outbox, due=lambda queue, at, part: at + 60, region="VN").recover(NOW + 5000, age=0)
        expected.add(id)
        found = {each.id: each for each in outbox.entries().entries}
        assert set(found) == expected
        kept = outbox.kept / f"{id}.wav"
        assert kept.read_bytes() == sound(2)
        assert found[id].sha256 == hashlib.sha256(sound(2)).hexdigest()
        assert found[id].number == "+84901234567"
        assert found[id].queue == "billing"
        if child.returncode == 0:
            break
    assert child.returncode == 0
    assert survived > 10
    assert list(outbox.tmp.iterdir()) == []


def test_many_writers_tear_nothing(outbox: Outbox) -> None:
    ids = [record(outbox, sound(0.01)) for _ in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda id: Outbox(outbox.spool).keep(id, **ABOUT), ids))
    reading = outbox.entries()
    assert {each.id for each in reading.entries} == set(ids)
    assert reading.problems == ()


def test_a_stopped_process_that_holds_the_lock_does_not_silence_the_others(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hotline.callbacks.outbox._LOCK_PATIENCE", 0.05)
    id = record(outbox, sound(2))
    with disk.locked(outbox.lines / ".lock", 0) as mine:
        assert mine
        entry = outbox.keep(id, **ABOUT)
    assert outbox.entries().entries == (entry,)


def test_too_short_a_recording_is_forgotten_with_its_note(outbox: Outbox) -> None:
    id = record(outbox, sound(0.5))
    outbox.discard(id)
    assert list(outbox.tmp.iterdir()) == []
    outbox.discard(id)


def test_a_spool_keeps_its_identity_and_no_two_share_one(outbox: Outbox, tmp_path: Path) -> None:
    other = Outbox(tmp_path / "other")
    other.prepare()
    assert outbox.identity() == outbox.identity() == Outbox(outbox.spool).identity()
    assert len(outbox.identity()) == 16
    assert outbox.identity() != other.identity()


def test_writable_really_writes_and_leaves_nothing(outbox: Outbox) -> None:
    assert outbox.writable(floor=1) is None
    assert [each for folder in outbox.spool.iterdir() for each in folder.iterdir()] == []


def test_writable_says_what_to_mend(outbox: Outbox) -> None:
    assert "make room" in str(outbox.writable(floor=1 << 60))
    outbox.tmp.rmdir()
    assert "cannot be written" in str(outbox.writable(floor=1))
    assert "cannot be written" in str(Outbox(Path("/proc/nowhere")).writable(floor=1))


def test_an_outbox_file_to_which_no_line_can_be_added_is_no_writable_outbox(outbox: Outbox) -> None:
    """Its folder can be written: a probe there says nothing of a file that is root's, or none."""
    (outbox.lines / "2026-10.jsonl").write_text("")
    assert outbox.writable(floor=1) is None
    (outbox.lines / "2026-11.jsonl").mkdir()
    assert "cannot be written (Is a directory)" in str(outbox.writable(floor=1))


def test_an_entry_of_a_later_version_is_passed_over(outbox: Outbox) -> None:
    (outbox.lines / "2026-11.jsonl").write_text('{"v": 99, "kind": "kept"}\n{"v": 1, "kind": "attempt"}\n\n')
    reading = outbox.entries()
    assert (reading.entries, reading.problems) == ((), ())
    assert reading.positions == {"2026-11.jsonl": (outbox.lines / "2026-11.jsonl").stat().st_size}


def test_reading_goes_on_where_it_stopped(outbox: Outbox) -> None:
    entries = [outbox.keep(record(outbox, sound(0.01)), **ABOUT) for _ in range(5)]
    first = outbox.entries(most=2)
    assert (first.entries, first.more) == (tuple(entries[:2]), True)
    second = outbox.entries(first.positions, most=3)
    assert (second.entries, second.more) == (tuple(entries[2:]), False)
    third = outbox.entries(second.positions)
    assert (third.entries, third.positions) == ((), second.positions)


def test_a_process_whose_clock_is_still_in_last_month_is_read_too(outbox: Outbox) -> None:
    december = outbox.keep(record(outbox, sound(0.01)), **{**ABOUT, "now": NOW + 40 * 86400})
    reading = outbox.entries()
    november = outbox.keep(record(outbox, sound(0.01)), **ABOUT)
    assert reading.entries == (december,)
    assert outbox.entries(reading.positions).entries == (november,)


def test_a_file_of_lines_that_became_shorter_is_read_again(outbox: Outbox) -> None:
    entry = outbox.keep(record(outbox, sound(0.01)), **ABOUT)
    reading = outbox.entries({"2026-11.jsonl": 10**6})
    assert reading.entries == (entry,)
    assert "became shorter" in reading.problems[0].message
