"""The book and Redis read the same lines: whatever is written, both come to the same end."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from hotline.callbacks import lines
from hotline.callbacks.book import Book
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.lines import Done, Entry, Erased, Move, Record
from hotline.callbacks.number import identifies
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.quota import OpenMessages
from hotline.callbacks.states import State
from hotline.store import Store

NOW = 1_795_000_000.0
IDS = [f"promise{letter}" for letter in "abcdefgh"]
NUMBERS = ("", "0", "0000000000", "+84901234567", "+84907654321")
TOKENS = ("", "", "t1", "t2")
MOVES = [each.value for each in State if each not in (State.OFFERED, State.MERGED, State.ERASED)]


def anything(dice: random.Random) -> Record:
    """A line, also one that no service of ours would write."""
    id, at = dice.choice(IDS), NOW + dice.randrange(-5000, 0)
    due = NOW + dice.choice((-7200.0, 7200.0))
    kind = dice.choices(("kept", "moved", "done", "erased"), (4, 10, 1, 1))[0]
    if kind == "kept":
        return Entry(
            id=id, call="c", queue=dice.choice(("power", "billing")), entry="1900", language="vi", recorded_at=at,
            due=due, seconds=0.0, hung_up=False, kept_at=at, sha256=dice.choice(("", "0")),
            number=dice.choice(NUMBERS),
            source=dice.choice(("voicemail", "web", "queue")),
        )  # fmt: skip
    if kind == "moved":
        state = dice.choice(MOVES)
        return Move(
            id=id, at=at, state=state, due=due, attempts=dice.randrange(3),
            outcome=dice.choice(("", "busy", "lost", "assigned")), by=dice.choice(("agent", "staff")),
            agent=dice.choice(("", "anna")), token=dice.choice(TOKENS), day="2026-11-18",
        )  # fmt: skip
    return Done(id=id, at=at, what="mail") if kind == "done" else Erased(id=id, at=at)


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_the_lines_say_both_come_to_the_same_end(store: Store, redis: Any, tmp_path: Path, seed: int):
    dice, outbox = random.Random(seed), Outbox(tmp_path / "spool")
    outbox.prepare()
    indexer, book = Indexer(store, outbox, lambda: NOW, tell=lambda _: None), Book(outbox)
    messages, positions = OpenMessages(), {}
    for _ in range(4):
        for _ in range(20):
            lines.append(outbox.lines, anything(dice))
        await indexer.catch_up()
        book.read()
        reading = outbox.entries(positions)
        positions = reading.positions
        for record in reading.records:
            messages.take(record)
        assert [messages.of(number) for number in NUMBERS] == [waiting(book, number) for number in NUMBERS]
        assert {id: told(redis, id) for id in IDS} == {id: noted(book, id) for id in IDS}
        counts = await indexer.promises(NOW)
        assert {state: many for state, many in counts.by_state.items() if many} == Counter(
            case.state_at(NOW) for case in book.cases.values()
        )
        assert sum(counts.by_age.values()) == sum(case.is_open for case in book.cases.values())
    again = Book(outbox)
    again.read()
    assert [noted(again, id) for id in IDS] == [noted(book, id) for id in IDS]


def waiting(book: Book, number: str) -> int:
    """Messages of a number whose promise is open, or of all whose number identifies nobody."""
    ids = {id for case in book.cases.values() if case.is_open for id in book.family(case.id)}
    entries = [entry for id in ids if (entry := book.cases[id].entry)]
    theirs = {number} if identifies(number) else {each for each in NUMBERS if not identifies(each)}
    return sum(entry.number in theirs and entry.sha256 != "" for entry in entries)


def told(redis: Any, id: str) -> tuple[Any, ...] | None:
    flat = [each.decode() for each in redis("HGETALL", f"hotline:promise:{id}")]
    if not flat:
        return None
    field = dict(zip(flat[::2], flat[1::2], strict=True)).get
    if field("state") == "erased":
        return ("erased",)
    also = {each.decode() for each in redis("SMEMBERS", f"hotline:also:{id}")}
    into = field("into", "") if field("state") == "merged" else ""
    attempts, due, since = int(field("attempts", "0")), float(field("due", "0")), float(field("moved", "0"))
    attempts -= int(field("spent", "0"))
    who = field("agent", ""), field("given", "")
    return field("state"), attempts, due, since, *who, field("outcome", ""), also, into


def noted(book: Book, id: str) -> tuple[Any, ...] | None:
    case = book.cases.get(id)
    if case is None:
        return None
    state = case.state_at(NOW).value
    if case.entry is None:
        return (state,)
    into = case.into if case.state is State.MERGED else ""
    who = case.agent, case.given
    return state, case.attempts - case.spent, case.due, case.since, *who, case.outcome, case.also, into
