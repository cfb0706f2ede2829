"""Recordings that nobody kept: after a crash, and from the dialplan alone."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from recordings import NOW, aged, never_closed, sound

from hotline.callbacks import disk
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.salvage import LEAST, MOST_TOLD, Salvage
from hotline.callbacks.wav import size_of

HOUR = 3600.0


@pytest.fixture
def salvage(outbox: Outbox) -> Salvage:
    return Salvage(outbox, due=lambda queue, at, part: at + (60 if queue else 600), region="VN")


def fallback(outbox: Outbox, call: str, content: bytes, note: str = "") -> Path:
    path = outbox.fallback / f"{call}.wav"
    path.write_bytes(content)
    if note:
        path.with_suffix(".note").write_text(note)
    return aged(path, 60)


def test_what_the_dialplan_recorded_is_adopted_once(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "pbx1-17.3", sound(3), "number=0901234567\nqueue=billing\nlanguage=vi\nentry=1900\n")
    (entry,) = salvage.adopt_fallback(NOW).kept
    assert (entry.call, entry.number, entry.queue, entry.language) == ("pbx1-17.3", "+84901234567", "billing", "vi")
    assert (entry.source, entry.seconds, entry.hung_up) == ("fallback", 3.0, True)
    assert entry.recorded_at == pytest.approx(NOW - 60, abs=5)
    assert entry.due == entry.recorded_at + 60
    assert (outbox.kept / f"{entry.id}.wav").read_bytes() == sound(3)
    assert list(outbox.fallback.iterdir()) == []
    assert salvage.adopt_fallback(NOW).kept == []
    assert outbox.entries().entries == (entry,)


def test_without_a_note_the_caller_is_unknown_and_the_words_are_kept(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "pbx1-17.3", sound(3))
    (entry,) = salvage.adopt_fallback(NOW).kept
    assert (entry.call, entry.number, entry.queue) == ("pbx1-17.3", "", "")


def test_its_queue_is_then_one_that_calls_back(outbox: Outbox) -> None:
    salvage = Salvage(outbox, due=lambda queue, at, part: at, region="VN", queue=lambda noted: noted or "power")
    fallback(outbox, "pbx1-17.3", sound(3))
    fallback(outbox, "pbx1-17.4", sound(4), "queue=billing\n")
    assert [each.queue for each in salvage.adopt_fallback(NOW).kept] == ["power", "billing"]


def test_a_note_is_there_before_its_recording_and_goes_only_without_one(outbox: Outbox, salvage: Salvage) -> None:
    note = outbox.fallback / "pbx1-17.3.note"
    note.write_text("number=0901234567\n")
    assert salvage.adopt_fallback(NOW).kept == []
    assert note.exists(), "the caller may just be about to speak"
    aged(note, HOUR)
    recording = fallback(outbox, "pbx1-17.3", never_closed(sound(3)))
    assert salvage.adopt_fallback(NOW).kept == []
    assert note.exists(), "the caller still speaks"
    aged(recording, HOUR)
    assert [each.number for each in salvage.adopt_fallback(NOW).kept] == ["+84901234567"]
    lonely = outbox.fallback / "pbx1-18.1.note"
    lonely.write_text("number=0901234567\n")
    aged(lonely, HOUR)
    salvage.adopt_fallback(NOW)
    assert list(outbox.fallback.iterdir()) == []


def test_a_recording_that_still_grows_is_left_alone(outbox: Outbox, salvage: Salvage) -> None:
    aged(fallback(outbox, "writing", sound(3)), 1)
    aged(fallback(outbox, "paused", never_closed(sound(3))), 60)
    assert salvage.adopt_fallback(NOW).kept == []
    aged(outbox.fallback / "paused.wav", 200)
    assert [each.call for each in salvage.adopt_fallback(NOW).kept] == ["paused"]


def test_a_second_message_of_the_same_call_is_a_second_message(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "pbx1-17.3", sound(3))
    (first,) = salvage.adopt_fallback(NOW).kept
    fallback(outbox, "pbx1-17.3", sound(4))
    (second,) = salvage.adopt_fallback(NOW).kept
    assert first.id != second.id
    assert first.call == second.call


def test_a_name_of_a_call_cannot_lead_out_of_the_folder(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "..odd name;$x", sound(3))
    (entry,) = salvage.adopt_fallback(NOW).kept
    assert (outbox.kept / f"{entry.id}.wav").exists()
    assert set(entry.id) <= set("abcdefghijklmnopqrstuvwxyz0123456789._-")


def test_what_is_too_short_is_removed(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "short", sound(1))
    done = salvage.adopt_fallback(NOW)
    assert (done.kept, done.too_short) == ([], 1)
    assert list(outbox.fallback.iterdir()) == []


@pytest.mark.parametrize(("shortest", "said", "kept"), [(1.0, 1.5, True), (4.0, 3, False)])
def test_what_is_a_message_is_said_by_its_queue(outbox: Outbox, shortest: float, said: float, kept: bool) -> None:
    salvage = Salvage(outbox, due=lambda *_: NOW, region="VN", least=lambda queue: {"power": shortest}[queue])
    _, path = outbox.recording_path({"queue": "power"})
    path.write_bytes(sound(said))
    assert bool(salvage.recover(NOW, age=0).kept) is kept
    assert list(outbox.tmp.iterdir()) == []


def test_what_was_kept_before_is_never_removed(outbox: Outbox, salvage: Salvage) -> None:
    (outbox.kept / "short.wav").write_bytes(sound(1))
    (trouble,) = salvage.recover(NOW, age=0).problems
    assert trouble.path == "voicemail/short.wav"
    assert (outbox.kept / "short.unreadable").read_bytes() == sound(1)


@pytest.mark.parametrize("left", [b"", sound(1), None])
def test_our_copy_is_better_than_what_a_power_cut_left_of_the_pbx_original(
    outbox: Outbox, salvage: Salvage, monkeypatch: pytest.MonkeyPatch, left: bytes | None
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    id, path = outbox.recording_path({"number": "0901234567"})
    path.write_bytes(sound(3))
    outbox.secure(id, 0, 0)
    path.unlink()
    if left is None:
        monkeypatch.undo()
    else:
        path.write_bytes(left)
    (entry,) = salvage.recover(NOW, age=0).kept
    assert (entry.id, entry.number, entry.seconds) == (id, "+84901234567", 3.0)
    assert list(outbox.tmp.iterdir()) == []


def test_what_the_dialplan_calls_saved_is_kept(outbox: Outbox, salvage: Salvage) -> None:
    dialplan = (Path(__file__).parents[3] / "dialplan" / "hotline.conf").read_text()
    least = size_of(LEAST)
    assert f">= {least}]?message-saved" in dialplan
    for call, size in (("short", least - 2), ("just", least), ("torn", least)):
        content = sound(3)[:size] if call == "torn" else sound((size - 44) / 16000)
        assert len(content) == size
        aged(fallback(outbox, call, content), HOUR)
    assert {entry.call for entry in salvage.adopt_fallback(NOW).kept} == {"just", "torn"}


def test_much_that_cannot_be_read_is_put_aside_and_told_once(outbox: Outbox, salvage: Salvage) -> None:
    aged(fallback(outbox, "odd", b"?" * 50000, "number=0901234567\n"), 200)
    (trouble,) = salvage.adopt_fallback(NOW).problems
    assert trouble.path == "fallback/odd.wav"
    assert trouble.message.startswith("A recording could not be salvaged: ")
    assert salvage.adopt_fallback(NOW).problems == []
    assert (outbox.fallback / "odd.unreadable").read_bytes() == b"?" * 50000
    aged(outbox.fallback / "odd.note", HOUR)
    salvage.adopt_fallback(NOW)
    assert (outbox.fallback / "odd.note").exists(), "whoever looks at it wants to know whose it is"


def test_a_second_recording_of_a_call_that_cannot_be_read_harms_the_first_in_nothing(
    outbox: Outbox, salvage: Salvage
) -> None:
    for content, number in ((b"?", "0901234567"), (b"!", "0907654321"), (b".", "0912345678")):
        aged(fallback(outbox, "odd", content * 50000, f"number={number}\n"), 200)
        assert len(salvage.adopt_fallback(NOW).problems) == 1
    for name, content in (("odd", b"?"), ("odd-2", b"!"), ("odd-3", b".")):
        assert (outbox.fallback / f"{name}.unreadable").read_bytes() == content * 50000
    assert "0907654321" in (outbox.fallback / "odd-2.note").read_text(), "by it the person's data is found and erased"


@pytest.mark.parametrize("folder", ["tmp", "voicemail"])
def test_a_recording_whose_name_no_line_can_hold_is_put_aside_and_in_nobodys_way(
    outbox: Outbox, salvage: Salvage, folder: str
) -> None:
    """In voicemail it lies where a version died that renamed it before it found that it could not write its line."""
    names = {b"caf\xe9": b"caf\\udce9", b'a"b': b'a"b', b"a\nb": b"a\nb"}
    for name in names:
        (outbox.spool / folder / f"{os.fsdecode(name)}.wav").write_bytes(sound(3))
    for other in ("aaa", "zzz"):
        (outbox.spool / folder / f"{other}.wav").write_bytes(sound(4))
    done = salvage.recover(NOW, age=0)
    assert sorted(each.id for each in done.kept) == ["aaa", "zzz"]
    assert {each.path for each in done.problems} == {f"{folder}/{told.decode()}.wav" for told in names.values()}
    assert all("rename it" in each.message for each in done.problems)
    for name in names:
        assert (outbox.spool / folder / f"{os.fsdecode(name)}.unreadable").read_bytes() == sound(3)
    again = Salvage(outbox, due=lambda *_: NOW, region="VN").recover(NOW, age=0)
    assert (again.kept, again.problems) == ([], [])


def test_what_we_are_at_fault_with_keeps_no_other_recording_waiting(outbox: Outbox) -> None:
    def due(queue: str, at: float, part: str) -> float:
        if queue == "odd":
            raise LookupError(queue)
        return at

    salvage = Salvage(outbox, due=due, region="VN")
    for call, queue in (("pbx1-1.1", "odd"), ("pbx1-1.2", "power")):
        fallback(outbox, call, sound(3), f"queue={queue}\n")
    done = salvage.adopt_fallback(NOW)
    assert [each.call for each in done.kept] == ["pbx1-1.2"]
    assert [each.message for each in done.problems] == ["A recording could not be salvaged: it failed, LookupError."]
    assert (outbox.fallback / "pbx1-1.1.wav").exists()


def test_a_pipe_with_the_name_of_a_recording_is_told_and_not_waited_for(outbox: Outbox, salvage: Salvage) -> None:
    for name in ("aaa.wav", "zzz.note"):
        os.mkfifo(outbox.tmp / name)
    (outbox.tmp / "zzz.wav").write_bytes(sound(3))
    done = salvage.recover(NOW, age=0)
    assert [each.id for each in done.kept] == ["zzz"]
    assert [each.path for each in done.problems] == ["tmp/aaa.wav"]


def test_what_cannot_be_read_is_not_kept_for_ever(outbox: Outbox, salvage: Salvage) -> None:
    for folder in (outbox.tmp, outbox.kept, outbox.fallback):
        for name, age in (("old", 31), ("new", 29)):
            for kind in ("unreadable", "note"):
                path = folder / f"{name}.{kind}"
                path.write_text("number=0901234567\n")
                aged(path, age * 24 * HOUR)
    salvage.recover(NOW, age=HOUR)
    assert {each.name for folder in (outbox.tmp, outbox.fallback) for each in folder.iterdir()} == {
        *("new.unreadable", "new.note"),
    }
    assert not (outbox.kept / "old.unreadable").exists()
    assert (outbox.kept / "new.unreadable").exists()


def test_a_recording_whose_service_died_is_recovered_after_an_hour(outbox: Outbox, salvage: Salvage) -> None:
    note = {"call": "pbx1-1.1", "number": "+84901234567", "queue": "billing", "recorded_at": str(NOW - 4000)}
    note |= {"confirmed": "yes", "reason": "reason-bill", "part": "morning"}
    id, path = outbox.recording_path(note)
    path.write_bytes(never_closed(sound(5)))
    assert salvage.recover(NOW, age=HOUR).kept == []
    aged(path, HOUR + 1)
    assert salvage.recover(NOW, age=HOUR).kept == [], "its note is new: the caller is being asked about it"
    aged(outbox.tmp / f"{id}.note", HOUR + 1)
    (entry,) = salvage.recover(NOW, age=HOUR).kept
    assert (entry.id, entry.source, entry.seconds) == (id, "recovered", 5.0)
    assert (entry.number, entry.queue, entry.recorded_at) == ("+84901234567", "billing", NOW - 4000)
    assert (entry.confirmed, entry.reason, entry.part) == (True, "reason-bill", "morning")
    assert salvage.recover(NOW, age=0).kept == []
    assert list(outbox.tmp.iterdir()) == []


def test_the_note_of_a_long_recording_waits_for_it(outbox: Outbox, salvage: Salvage) -> None:
    id, path = outbox.recording_path({"call": "pbx1-1.1", "number": "+84901234567"})
    aged(outbox.tmp / f"{id}.note", HOUR + 60)  # written when it began
    path.write_bytes(sound(60))
    aged(path, HOUR - 10)
    assert salvage.recover(NOW, age=HOUR).kept == []
    aged(path, HOUR + 1)
    assert [each.number for each in salvage.recover(NOW, age=HOUR).kept] == ["+84901234567"]


def test_a_renamed_recording_without_a_line_gets_one(outbox: Outbox, salvage: Salvage) -> None:
    id, path = outbox.recording_path({"call": "pbx1-1.1", "number": "+84901234567"})
    path.write_bytes(sound(2))
    path.rename(outbox.kept / path.name)
    (entry,) = salvage.recover(NOW, age=HOUR).kept
    assert (entry.id, entry.number) == (id, "+84901234567")
    assert salvage.recover(NOW, age=HOUR).kept == []


def test_the_pbx_original_of_a_kept_copy_is_removed_not_kept_twice(
    outbox: Outbox, salvage: Salvage, monkeypatch: pytest.MonkeyPatch
) -> None:
    id, path = outbox.recording_path()
    path.write_bytes(sound(2))
    with monkeypatch.context() as patched:
        patched.setattr(os, "geteuid", lambda: 12345)
        settled = outbox.settle(id, path)
    line = Entry(
        id=id, call="", queue="", entry="", language="", recorded_at=NOW, due=NOW, seconds=2.0, hung_up=False,
        kept_at=NOW, sha256=settled.sha256,
    )  # fmt: skip
    outbox.commit(settled, line)
    path.write_bytes(sound(2))  # as if the process had died before it removed the original
    assert salvage.recover(NOW, age=0).kept == []
    assert list(outbox.tmp.iterdir()) == []
    assert len(outbox.entries().entries) == 1


def test_a_probe_of_a_process_that_was_killed_over_it_goes_when_it_is_old(
    outbox: Outbox, salvage: Salvage, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(Path, "unlink", lambda *_, **__: None)  # it never came to that
        assert outbox.writable(floor=1) is None
    folders = (outbox.tmp, outbox.kept, outbox.lines)
    probes = [aged(probe, 100) for folder in folders for probe in folder.iterdir()]
    assert len(probes) == 3
    salvage.recover(NOW, age=HOUR)
    assert all(probe.exists() for probe in probes)
    salvage.recover(NOW, age=99)
    assert not any(probe.exists() for probe in probes)


def kept(outbox: Outbox, id: str) -> None:
    (outbox.tmp / f"{id}.wav").write_bytes(sound(2))
    outbox.keep(
        id, call="pbx1-1.1", number="", queue="billing", entry="1900", language="vi", recorded_at=NOW, due=NOW,
        hung_up=False, now=NOW,
    )  # fmt: skip


def test_a_line_whose_recording_is_gone_is_told_once(outbox: Outbox, salvage: Salvage) -> None:
    for id in ("a", "b", "c"):
        kept(outbox, id)
    assert salvage.recover(NOW, age=HOUR).problems == []
    (outbox.kept / "a.wav").unlink()
    (trouble,) = salvage.recover(NOW, age=HOUR).problems
    assert (trouble.path, "is gone" in trouble.message) == ("voicemail/a.wav", True)
    assert salvage.recover(NOW, age=HOUR).problems == []
    (outbox.kept / "b.wav").unlink()
    assert [each.path for each in salvage.recover(NOW, age=HOUR).problems] == ["voicemail/b.wav"]
    assert len(outbox.entries().entries) == 3


def test_who_was_erased_is_not_missed_nor_are_requests_without_a_message(outbox: Outbox, salvage: Salvage) -> None:
    kept(outbox, "a")
    outbox.add(Entry(
        id="b", call="", queue="billing", entry="", language="", recorded_at=NOW, due=NOW, seconds=0.0, hung_up=False,
        kept_at=NOW, sha256="", source="web",
    ))  # fmt: skip
    Erasure(outbox).erase(["a"], NOW)
    assert salvage.recover(NOW, age=HOUR).problems == []


def test_when_all_recordings_are_gone_some_are_named(outbox: Outbox, salvage: Salvage) -> None:
    for number in range(MOST_TOLD + 3):
        kept(outbox, f"{number:02}")
        (outbox.kept / f"{number:02}.wav").unlink()
    problems = salvage.recover(NOW, age=HOUR).problems
    assert len(problems) == MOST_TOLD + 1
    assert problems[-1].message == "The recordings of 3 other messages are gone as well."


def test_one_salvager_works_at_a_time(outbox: Outbox, salvage: Salvage) -> None:
    fallback(outbox, "pbx1-17.3", sound(3))
    with disk.locked(outbox.lines / ".salvage", 0):
        assert salvage.adopt_fallback(NOW).kept == []
        assert salvage.recover(NOW, age=HOUR).kept == []
    assert len(salvage.adopt_fallback(NOW).kept) == 1


@pytest.mark.parametrize(
    "note", ["", "number", "number=\x00\x1b[31m", "=\n==\n", "queue=" + "x" * 9999, "recorded_at=nan"]
)
def test_an_odd_note_costs_no_message(outbox: Outbox, salvage: Salvage, note: str) -> None:
    fallback(outbox, "pbx1-17.3", sound(3), note)
    (entry,) = salvage.adopt_fallback(NOW).kept
    assert len(entry.queue) <= 120
    assert entry.recorded_at == pytest.approx(NOW - 60, abs=5)
