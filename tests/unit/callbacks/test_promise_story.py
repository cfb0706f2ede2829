"""What befell a promise, in plain words."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from recordings import NOW

from hotline.callbacks.book import Book
from hotline.callbacks.lines import Done, Entry, Erased, Move, Record
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.outcome import Outcome
from hotline.callbacks.states import State
from hotline.callbacks.story import tell

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY = datetime(2026, 11, 27, 22, 15, tzinfo=SAIGON).timestamp()
MONDAY = datetime(2026, 11, 30, 7, 30, tzinfo=SAIGON).timestamp()
NUMBER = "+84901234567"


def kept(id: str = "a", at: float = FRIDAY, **about: Any) -> Entry:
    known: dict[str, Any] = {"call": "pbx1-1.1", "queue": "power", "entry": "1900", "language": "vi", "seconds": 34.2}
    known |= {"hung_up": False, "sha256": "x", "number": NUMBER, "recorded_at": at, "kept_at": at, "due": MONDAY}
    return Entry(id=id, **{**known, **about})


def moved(at: float, state: State, **about: Any) -> Move:
    return Move(id="a", at=at, state=state, **{"due": MONDAY, "attempts": 1, **about})


def told(outbox: Outbox, *records: Record, id: str = "a", now: float = MONDAY + 86400) -> list[str]:
    for record in records:
        outbox.add(record)
    book = Book(outbox)
    book.read()
    return tell(book, book.cases[id], SAIGON, {"reason-outage": "a power cut"}, now)


def test_a_promise_that_was_kept_is_told_from_the_message_to_the_talk(outbox: Outbox) -> None:
    assert told(
        outbox,
        kept(reason="reason-outage", part="morning"),
        Done(id="a", at=FRIDAY + 5, what="mail"),
        moved(MONDAY + 60, State.DIALING, agent="anna", token="t1", by="agent"),
        moved(MONDAY + 90, State.RETRY, due=MONDAY + 3690, outcome="no-answer", agent="anna", token="t1"),
        moved(MONDAY + 100, State.RETRY, outcome="assigned", by="staff", agent="binh", due=MONDAY + 3690),
        moved(MONDAY + 200, State.RETRY, outcome="postponed", by="staff", due=MONDAY + 7200),
        moved(MONDAY + 7260, State.DIALING, agent="binh", token="t2", attempts=2, by="agent"),
        moved(MONDAY + 7300, State.TALKED, agent="binh", token="t2", attempts=2),
    ) == [
        f'2026-11-27 22:15:00 {NUMBER}: Left a message of 34 s for power about "a power cut"; '
        "promised for Mon 2026-11-30 07:30, best in the morning.",
        "22:15:05 Mailed.",
        "2026-11-30 07:31:00 anna rang the customer, for the first time.",
        "07:31:30 Nobody answered; to be tried again on Mon 2026-11-30 08:31.",
        "07:31:40 Staff gave it to binh.",
        "07:33:20 Staff postponed it to Mon 2026-11-30 09:30.",
        "09:31:00 binh rang the customer, for the second time.",
        "09:31:40 binh and the customer talked.",
        "Now: talked, since Mon 2026-11-30 09:31.",
    ]


def test_a_line_that_nobody_believed_is_not_told(outbox: Outbox) -> None:
    lines = told(
        outbox,
        kept(),
        moved(MONDAY, State.DIALING, agent="anna", token="t1"),
        moved(MONDAY + 1, State.DIALING, agent="binh", token="t2"),
        moved(MONDAY + 2, State.UNREACHABLE, agent="anna", token="t1", outcome="busy"),
    )
    assert not [line for line in lines if "binh" in line]
    assert lines[-2].endswith("The line was busy; given up, for it was tried as often as the queue allows.")


def test_an_attempt_that_was_not_made_after_all_is_not_told_as_one(outbox: Outbox) -> None:
    lines = told(
        outbox,
        kept(),
        moved(MONDAY, State.DIALING, agent="anna", token="t1"),
        moved(MONDAY + 1, State.RETRY, agent="anna", token="t1", outcome="day-full", attempts=0, due=MONDAY + 86400),
    )
    assert lines[1] == (
        "2026-11-30 07:30:01 Enough customers were rung that day; to be tried on Tue 2026-12-01 07:30."
    )


@pytest.mark.parametrize("outcome", Outcome)
def test_every_outcome_has_words_for_people(outbox: Outbox, outcome: Outcome) -> None:
    ended = {Outcome.CLOSED: State.CLOSED, Outcome.WEB: State.CANCELLED}
    line = told(outbox, kept(), moved(MONDAY, ended.get(outcome, State.RETRY), outcome=outcome, by="caller"))[1]
    sentence = line.removeprefix("2026-11-30 07:30:00 ").partition(";")[0].rstrip(".")
    assert sentence != outcome.capitalize()
    assert len(sentence.split()) > 1, sentence


def test_an_attempt_before_which_redis_failed_is_not_told_as_one(outbox: Outbox) -> None:
    lines = told(
        outbox,
        kept(),
        moved(MONDAY, State.DIALING, agent="anna", token="t1"),
        moved(MONDAY + 1, State.RETRY, agent="anna", token="t1", outcome="not-begun", attempts=0),
    )
    assert not [line for line in lines if "rang the customer" in line]
    assert "Redis or the disk failed just when the phone was to be rung" in lines[1]


def test_how_promises_end_without_a_talk(outbox: Outbox) -> None:
    for number, (state, about, sentence) in enumerate(
        [
            (State.CANCELLED, {"by": "caller", "call": "pbx1-9.9"}, "The caller cancelled it (call pbx1-9.9)."),
            (State.CANCELLED, {"by": "caller", "outcome": "web"}, "The caller cancelled it on the web."),
            (State.CANCELLED, {"by": "staff"}, "Staff cancelled it."),
            (State.SUPERSEDED, {"call": "pbx1-9.9"}, "The caller phoned again and was served (call pbx1-9.9)."),
            (State.CLOSED, {"agent": "anna"}, "anna closed it without a talk."),
        ]
    ):
        spool = Outbox(outbox.spool / str(number))
        spool.prepare()
        assert told(spool, kept(), moved(MONDAY, state, **about))[-2].endswith(f"07:30:00 {sentence}")


def test_messages_of_one_number_tell_of_each_other(outbox: Outbox) -> None:
    records = (kept(), kept("b", at=FRIDAY + 60))
    assert "22:16:00 Promise b of the same number is heard with this one, and ends with it." in told(outbox, *records)
    lines = told(outbox, id="b")
    assert "22:16:00 The number has promise a as well: this one is heard with it, and ends with it." in lines
    assert lines[-1] == "Now: merged, since Fri 2026-11-27 22:16."


def test_what_is_not_over_says_what_it_waits_for(outbox: Outbox) -> None:
    assert told(outbox, kept(), now=FRIDAY)[-1] == "Now: waits until Mon 2026-11-30 07:30."
    assert told(outbox)[-1] == "Now: due since Mon 2026-11-30 07:30."
    assigned = moved(FRIDAY + 1, State.CAPTURED, outcome="assigned", by="staff", agent="anna", attempts=0)
    assert told(outbox, assigned)[-1] == "Now: due since Mon 2026-11-30 07:30, for anna."


def test_who_hid_the_number_and_what_the_web_says(outbox: Outbox) -> None:
    (line, _) = told(outbox, kept(number="", source="web", seconds=0.0, note="call my neighbour"))
    assert line.endswith("promised for Mon 2026-11-30 07:30. The note says: 'call my neighbour'.")
    assert "a caller who hid the number: Asked on the web to be called back, for power;" in line


def test_of_what_is_erased_only_that_is_known(outbox: Outbox) -> None:
    lines = told(outbox, kept(), Erased(id="a", at=NOW))
    assert len(lines) == 1
    assert lines[0].endswith("Erased: nothing else is known of it any more.")


def test_words_of_another_version_are_told_as_they_are(outbox: Outbox) -> None:
    lines = told(
        outbox, kept(source="pigeon", seconds=0.0), moved(MONDAY, State.RETRY, outcome="rained off"),
        Done(id="a", at=MONDAY + 1, what="pigeon"),
    )  # fmt: skip
    assert "Asked to be called back (pigeon) for power;" in lines[0]
    assert "Rained off; to be tried again" in lines[1]
    assert "Delivered: pigeon." in lines[2]
