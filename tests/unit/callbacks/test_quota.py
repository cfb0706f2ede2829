"""How many messages the spool takes: of one number, in all, and as far as the disk goes."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import Any

import pytest
from recordings import NOW, sound

from hotline.callbacks import quota
from hotline.callbacks.lines import Entry, Erased, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.quota import Refusal, Room
from hotline.callbacks.settings import Quota
from hotline.callbacks.states import OPEN, State

NUMBER, OTHER = "+84901234567", "+84907654321"


def kept(outbox: Outbox, number: str = NUMBER) -> Entry:
    id, path = outbox.recording_path()
    path.write_bytes(sound(2))
    return outbox.keep(
        id, call="pbx1-1.1", number=number, queue="billing", entry="1900", language="en", recorded_at=NOW, due=NOW,
        hung_up=False, now=NOW,
    )  # fmt: skip


def moved(outbox: Outbox, id: str, state: State) -> None:
    outbox.add(Move(id=id, at=NOW, state=state, due=NOW, attempts=0))


def reason(refusal: Refusal | None) -> str:
    return refusal.reason if refusal else ""


def test_a_number_may_have_so_many_messages_that_wait(outbox: Outbox) -> None:
    room = Room(outbox, Quota(per_number=2))
    for _ in range(2):
        assert room.why_not(NUMBER) is None
        kept(outbox)
    refusal = room.why_not(NUMBER)
    assert refusal is not None
    assert (refusal.reason, refusal.prompt) == ("too-many", "mailbox-full-number")
    assert NUMBER not in refusal.problem
    assert room.why_not(OTHER) is None
    assert room.why_not("") is None, "those who withhold their number are not one"
    assert [room.is_full(each) for each in (NUMBER, OTHER)] == [True, False]


def test_all_who_withhold_their_number_may_leave_so_many_together(outbox: Outbox, monkeypatch: Any) -> None:
    monkeypatch.setattr(quota, "WITHHELD", 2)
    room = Room(outbox, Quota(per_number=1))
    first, _ = kept(outbox, ""), kept(outbox)
    assert room.why_not("") is None
    kept(outbox, "")
    refusal = room.why_not("")
    assert refusal is not None
    assert (refusal.reason, refusal.prompt) == ("too-many", "mailbox-full")
    moved(outbox, first.id, State.CLOSED)
    assert room.why_not("") is None
    assert Room(outbox, Quota(per_number=0)).why_not("") is None


def test_what_a_network_has_in_place_of_a_withheld_number_is_no_number_of_one(
    outbox: Outbox, monkeypatch: Any
) -> None:
    monkeypatch.setattr(quota, "WITHHELD", 3)
    room = Room(outbox, Quota(per_number=1))
    for number in ("0", "0", ""):
        assert room.why_not(number) is None
        kept(outbox, number)
    assert [reason(room.why_not(number)) for number in ("0", "", NUMBER)] == ["too-many", "too-many", ""]
    assert not room.is_full("0")


def test_a_place_in_the_queue_takes_messages_along_and_they_end_with_it(outbox: Outbox) -> None:
    room = Room(outbox, Quota(per_number=1))
    message = kept(outbox)
    outbox.add(replace(message, id="place", source="queue", sha256=""))
    moved(outbox, message.id, State.TALKED)  # it is not the open one any more
    assert reason(room.why_not(NUMBER)) == "too-many"
    moved(outbox, "place", State.TALKED)
    assert room.why_not(NUMBER) is None
    outbox.add(replace(message, id="other place", source="queue", sha256=""))
    assert room.why_not(NUMBER) is None


@pytest.mark.parametrize("state", [state for state in State if state not in OPEN | {State.MERGED, State.ERASED}])
def test_all_messages_of_a_number_end_with_its_first_promise(outbox: Outbox, state: State) -> None:
    room = Room(outbox, Quota(per_number=2))
    first, second = kept(outbox), kept(outbox)
    assert reason(room.why_not(NUMBER)) == "too-many"
    moved(outbox, first.id, state)
    assert room.why_not(NUMBER) is None
    moved(outbox, second.id, state)  # a late word
    kept(outbox)
    assert room.why_not(NUMBER) is None
    kept(outbox)
    assert reason(room.why_not(NUMBER)) == "too-many"


@pytest.mark.parametrize("state", sorted(OPEN))
def test_a_promise_that_goes_on_still_counts(outbox: Outbox, state: State) -> None:
    entry = kept(outbox)
    moved(outbox, entry.id, state)
    assert reason(Room(outbox, Quota(per_number=1)).why_not(NUMBER)) == "too-many"


def test_a_later_message_that_ends_alone_makes_room_for_one(outbox: Outbox) -> None:
    room = Room(outbox, Quota(per_number=2))
    kept(outbox)
    outbox.add(Erased(id=kept(outbox).id, at=NOW))
    assert room.why_not(NUMBER) is None
    kept(outbox)
    assert reason(room.why_not(NUMBER)) == "too-many"


def test_requests_without_a_recording_take_no_room(outbox: Outbox) -> None:
    request = Entry(
        id="a", call="", queue="billing", entry="", language="en", recorded_at=NOW, due=NOW, seconds=0, hung_up=False,
        kept_at=NOW, sha256="", source="web", number=NUMBER,
    )  # fmt: skip
    outbox.add(request)
    assert Room(outbox, Quota(per_number=1)).why_not(NUMBER) is None


def test_other_processes_messages_count(outbox: Outbox) -> None:
    room = Room(outbox, Quota(per_number=1))
    assert room.why_not(NUMBER) is None
    kept(Outbox(outbox.spool))
    assert reason(room.why_not(NUMBER)) == "too-many"


def test_nobody_is_sent_away_while_the_outbox_is_read_for_the_first_time(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept(outbox)
    monkeypatch.setattr(quota, "PATIENCE", 0.01)
    room, begun, go_on, read = Room(outbox, Quota(per_number=1)), threading.Event(), threading.Event(), outbox.entries

    def slow(*args, **options):
        begun.set()
        assert go_on.wait(10)
        return read(*args, **options)

    monkeypatch.setattr(outbox, "entries", slow)
    reading = threading.Thread(target=room.catch_up)
    reading.start()
    assert begun.wait(10)
    assert room.why_not(NUMBER) is None
    go_on.set()
    reading.join()
    assert reason(room.why_not(NUMBER)) == "too-many"


def test_all_recordings_together_take_so_much(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quota, "REMEMBERED", 0.0)
    monkeypatch.setattr(quota, "MEGABYTE", 50_000)  # a message has 32,044
    room = Room(outbox, Quota(megabytes=1, free=1))
    assert room.why_not(NUMBER) is None
    kept(outbox)
    assert room.why_not(NUMBER) is None
    last = kept(outbox)
    refusal = room.why_not(OTHER)
    assert refusal is not None
    assert (refusal.reason, refusal.prompt) == ("full", "mailbox-full")
    (outbox.kept / f"{last.id}.wav").unlink()  # erased
    assert room.why_not(OTHER) is None


def test_messages_leave_some_of_the_disk_free(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room(outbox, Quota(free=200))
    monkeypatch.setattr(outbox, "free", lambda: 199 << 20)
    refusal = room.why_not(NUMBER)
    assert refusal == Refusal("full", "mailbox-full", "The spool has 199 MB free of the 200 MB that messages leave.")
    monkeypatch.setattr(outbox, "free", lambda: 200 << 20)
    assert room.why_not(NUMBER) is None


def test_a_spool_that_cannot_be_written_is_a_technical_problem(outbox: Outbox) -> None:
    outbox.kept.rmdir()
    refusal = Room(outbox, Quota()).why_not(NUMBER)
    assert refusal is not None
    assert (refusal.reason, refusal.prompt) == ("disk", "technical-problem")


def test_quotas_of_nothing_are_none(outbox: Outbox) -> None:
    room = Room(outbox, Quota(per_number=0, megabytes=0))
    kept(outbox)
    assert room.why_not(NUMBER) is None
