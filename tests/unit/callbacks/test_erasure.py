"""A person's data goes, whatever dies meanwhile; everybody else's stays where it is, byte for byte."""

from __future__ import annotations

import errno
import os
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from recordings import NOW, sound

from hotline.callbacks import disk, erasure, lines
from hotline.callbacks.book import Book
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.lines import Done, Entry, Erased, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.states import State

LATER = NOW + 86400
NAM, LAN = "+84901234567", "+84907654321"
MINE = ("minea", "mineb")


def kept(outbox: Outbox, id: str, number: str = NAM, **about: Any) -> Entry:
    """A message with its recording."""
    (outbox.tmp / f"{id}.wav").write_bytes(sound(0.2))
    known: dict[str, Any] = {"call": f"pbx1-{id}", "number": number, "queue": "power", "entry": "1900"}
    known |= {"language": "vi", "recorded_at": NOW, "due": NOW, "hung_up": False, "now": NOW, **about}
    return outbox.keep(id, **known)


def moved(id: str, state: State = State.TALKED) -> Move:
    return Move(id=id, at=NOW, state=state, due=NOW, attempts=1, call=f"pbx1-{id}", agent="anna")


@pytest.fixture
def spool(outbox: Outbox) -> Outbox:
    """Two promises of Nam with all that belongs to them, between two of Lan."""
    for id, number in (("lana", LAN), ("minea", NAM), ("mineb", NAM), ("lanb", LAN)):
        kept(outbox, id, number)
        outbox.add(moved(id))
        outbox.add(Done(id=id, at=NOW, what="mail"))
    return outbox


def everything(outbox: Outbox) -> bytes:
    """All that is in the spool, names included."""
    files = sorted(each for each in outbox.spool.rglob("*") if each.is_file())
    return b"\n".join(str(each).encode() + b"\n" + each.read_bytes() for each in files)


def others(outbox: Outbox) -> list[str]:
    """The lines that are not Nam's, with their places."""
    text = (outbox.lines / "2026-11.jsonl").read_bytes()
    return [f"{text.index(line)} {line!r}" for line in text.splitlines() if b'"id": "lan' in line]


def states(outbox: Outbox) -> dict[str, State]:
    book = Book(outbox)
    book.read()
    return {id: case.state for id, case in book.cases.items()}


def test_recordings_and_lines_go_and_a_tombstone_stays(spool: Outbox) -> None:
    before, size = others(spool), (spool.lines / "2026-11.jsonl").stat().st_size
    Erasure(spool).erase(MINE, LATER)
    left = everything(spool)
    assert NAM.encode() not in left
    assert b"pbx1-mine" not in left
    assert {each.name for each in spool.kept.iterdir()} == {"lana.wav", "lanb.wav"}
    assert others(spool) == before
    assert states(spool) == dict.fromkeys(MINE, State.ERASED) | {"lana": State.TALKED, "lanb": State.TALKED}
    reading = spool.entries()
    assert reading.problems == ()
    erased = [each for each in reading.records if isinstance(each, Erased)]
    assert set(erased) == {Erased(id=id, at=LATER) for id in MINE}
    assert (spool.lines / "2026-11.jsonl").read_bytes()[size - 1 : size] == b"\n"


def test_who_read_before_reads_on_where_they_were(spool: Outbox) -> None:
    halfway = spool.entries(most=5)
    end = spool.entries(halfway.positions)
    Erasure(spool).erase(MINE, LATER)
    kept(spool, "lanc", LAN)
    assert [each.id for each in spool.entries(end.positions).records] == [*MINE, "lanc"]
    rest = spool.entries(halfway.positions)
    assert (len(rest.records), rest.problems) == (7 + 3, ())


def test_a_book_that_was_open_knows_of_it(spool: Outbox) -> None:
    book = Book(spool)
    book.read()
    Erasure(spool).erase(("minea",), LATER)
    book.read()
    assert book.cases["minea"].entry is None
    assert [case.id for case in book.of_number(NAM)] == ["mineb"]


def test_it_can_be_refused_at_the_last_moment(spool: Outbox) -> None:
    before = everything(spool)

    def refuse() -> None:
        raise PermissionError("in hand")

    with pytest.raises(PermissionError, match="in hand"):
        Erasure(spool).erase(MINE, LATER, refuse)
    assert everything(spool).replace(f"{spool.lines}/.erasing\n\n".encode(), b"") == before


def test_years_of_lines_are_searched_while_others_write_and_what_comes_meanwhile_is_found(
    spool: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    go_on, whole = erasure._Search.go_on, lines.written(moved("minea"))
    searched: list[tuple[bool, int]] = []

    def watched(search: Any, *, torn: bool = False) -> None:
        if not torn:  # somebody is just writing a line
            with (spool.lines / "2026-11.jsonl").open("ab") as file:
                file.write(whole[:50])
        go_on(search, torn=torn)
        with disk.locked(spool.lines / ".lock", 0.0) as free:
            searched.append((free, len(search.found)))
        if not torn:
            with (spool.lines / "2026-11.jsonl").open("ab") as file:
                file.write(whole[50:] + b"\n")

    monkeypatch.setattr(erasure._Search, "go_on", watched)
    before = others(spool)
    Erasure(spool).erase(MINE, LATER)
    assert searched == [(True, 6), (False, 7)]
    assert NAM.encode() not in everything(spool)
    assert b"pbx1-mine" not in everything(spool)
    assert (others(spool), spool.entries().problems) == (before, ())


def test_a_torn_line_is_the_persons_as_well(spool: Outbox) -> None:
    whole = lines.written(kept(spool, "minec"))
    with (spool.lines / "2026-11.jsonl").open("ab") as file:
        file.write(whole[:40] + b"\n" + whole[:-30] + b"\n")
    problems = len(spool.entries().problems)
    Erasure(spool).erase((*MINE, "minec"), LATER)
    assert NAM.encode() not in everything(spool)
    assert len(spool.entries().problems) == problems - 2


def test_what_was_left_over_of_a_recording_goes_as_well(spool: Outbox) -> None:
    for name in ("minea.wav", "minea.own", "minea.note"):
        (spool.tmp / name).write_bytes(NAM.encode())
    (spool.lent / "minea-12ab34cd.wav").write_bytes(sound(1))  # the PBX was playing it when a service died
    Erasure(spool).erase(MINE, LATER)
    assert [*spool.tmp.iterdir(), *spool.lent.iterdir()] == []


def test_the_dialplans_own_file_goes_but_not_a_later_message_of_the_same_call(outbox: Outbox) -> None:
    path = outbox.fallback / "pbx1-17.3.wav"
    salvage = Salvage(outbox, due=lambda _, at, part: at, region="VN")
    path.write_bytes(sound(3))
    (entry,) = salvage.adopt_fallback(NOW, age=0).kept
    path.write_bytes(sound(3))  # removing it failed
    Erasure(outbox).erase((entry.id,), LATER)
    assert not path.exists()
    path.write_bytes(sound(4))
    Erasure(outbox).erase((entry.id,), LATER)
    assert path.exists()
    assert [each.id for each in salvage.adopt_fallback(NOW, age=0).kept] != [entry.id]


def test_a_message_that_is_erased_is_not_taken_in_again(spool: Outbox) -> None:
    Erasure(spool).erase(MINE, LATER)
    (spool.kept / "minea.wav").write_bytes(sound(3))  # put back from a copy
    found = Salvage(spool, due=lambda _, at, part: at, region="VN").recover(LATER, age=0)
    assert (found.kept, found.problems) == ([], [])


def test_a_spool_that_was_put_back_meanwhile_is_not_written_over_elsewhere(spool: Outbox) -> None:
    file = spool.lines / "2026-11.jsonl"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Erasure, "_carry_out", lambda *_: None)  # it died here
        Erasure(spool).erase(MINE, LATER)
    older = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join(older[1:4]) + b"\n")
    Erasure(spool).resume()
    first, *_ = file.read_bytes().split(b"\n")
    assert first == older[1]
    assert states(spool)["minea"] is State.ERASED


def test_nobody_loses_a_line_while_others_are_erased(outbox: Outbox) -> None:
    def work(worker: int) -> None:
        own = Outbox(outbox.spool)
        for number in range(8):
            id = f"{'mine' if worker % 2 else 'lan'}{worker}{number}"
            kept(own, id, NAM if worker % 2 else LAN)
            own.add(moved(id, State.CANCELLED))
            if worker % 2:
                Erasure(own).erase((id,), LATER)

    followed: list[str] = []
    with ThreadPoolExecutor(4) as pool:
        working = [pool.submit(work, worker) for worker in range(4)]
        reading = outbox.entries()
        while not all(each.done() for each in working) or reading.more:
            followed += [each.id for each in reading.entries]
            reading = outbox.entries(reading.positions)
        for done in working:
            done.result()
    for each in (reading, outbox.entries(reading.positions)):
        followed += [entry.id for entry in each.entries]
    assert {state for id, state in states(outbox).items() if id.startswith("lan")} == {State.CANCELLED}
    assert {state for id, state in states(outbox).items() if id.startswith("mine")} == {State.ERASED}
    assert len(states(outbox)) == 32
    assert {id for id in followed if id.startswith("lan")} == {id for id in states(outbox) if id.startswith("lan")}
    assert NAM.encode() not in everything(outbox)
    assert len(list(outbox.kept.iterdir())) == 16


def test_two_erasers_wait_for_each_other(spool: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hotline.callbacks.erasure.PATIENCE", 0.05)
    with disk.locked(spool.lines / ".erasing", 0) as mine:
        assert mine
        with pytest.raises(OSError, match="another erasure") as refused:
            Erasure(spool).erase(MINE, LATER)
    assert refused.value.errno == errno.EBUSY
    assert states(spool)["minea"] is State.TALKED


def dying(outbox: Outbox, survived: int) -> int:
    """Erase in a process of its own, which dies before it calls into the system for the n-th time."""
    if child := os.fork():
        return os.waitpid(child, 0)[1]
    left = survived

    def mortal(real: Any) -> Any:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left < 0:
                if real.__name__ in ("write", "pwrite"):
                    real(args[0], args[1][: len(args[1]) // 2], *args[2:])
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*args, **kwargs)

        return call

    for name in ("open", "fsync", "rename", "write", "pwrite", "close", "unlink"):
        setattr(os, name, mortal(getattr(os, name)))
    Erasure(outbox).erase(MINE, LATER)
    os._exit(0)


@pytest.mark.parametrize("content", [b"\0" * 100, b"{", b"[]", b"{}", b'{"at": 1, "ids": [], "places": [{}]}'])
def test_a_list_of_what_to_erase_that_cannot_be_read_is_told_in_a_sentence(spool: Outbox, content: bytes) -> None:
    (spool.lines / "erasing").write_bytes(content)
    with pytest.raises(OSError, match="remove this file and erase again"):
        Erasure(spool).resume()


def test_a_process_killed_at_any_step_leaves_nothing_half_done(tmp_path: Path) -> None:
    """For every n; a line that is being written or overwritten is left half done."""
    begun = 0
    for survived in range(120):
        outbox = Outbox(tmp_path / f"spool{survived}")
        outbox.prepare()
        for id, number in (("lana", LAN), ("minea", NAM), ("mineb", NAM), ("lanb", LAN)):
            kept(outbox, id, number)
            outbox.add(moved(id))
        before = others(outbox)
        status = dying(outbox, survived)
        assert status in (0, signal.SIGKILL)
        assert Salvage(outbox, due=lambda _, at, part: at, region="VN").recover(LATER, age=0).kept == []
        if (outbox.lines / "erasing").exists():  # a service finishes it
            begun += 1
            Erasure(outbox).resume()
        elif State.ERASED not in states(outbox).values():  # nobody knows of it: it is asked for again
            assert len(states(outbox)) == len(list(outbox.kept.iterdir())) == 4
            Erasure(outbox).erase(MINE, LATER)
        assert NAM.encode() not in everything(outbox)
        assert others(outbox) == before
        assert states(outbox) == dict.fromkeys(MINE, State.ERASED) | {"lana": State.TALKED, "lanb": State.TALKED}
        assert {each.name for each in outbox.kept.iterdir()} == {"lana.wav", "lanb.wav"}
        assert not (outbox.lines / "erasing").exists()
        if status == 0:
            break
    assert status == 0
    assert begun > 20
