"""The ticket on a caller's channel, as text and back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acd.ticket import Ticket

names = st.from_regex(r"[a-z][a-z0-9-]{0,39}", fullmatch=True)


@given(st.integers(1, 4_000_000_000_000_000), st.just("") | names, st.lists(names, max_size=5))
def test_a_ticket_is_read_as_it_was_written(micros: int, queue: str, sent_on: list[str]) -> None:
    ticket = Ticket(micros / 1_000_000, queue, tuple(sent_on))
    again = Ticket.read(str(ticket))
    assert again is not None
    assert again.arrival == pytest.approx(ticket.arrival, abs=1e-6)
    assert (again.queue, again.sent_on) == (queue, tuple(sent_on))


@pytest.mark.parametrize("noted", ["", " ", "-", "soon", "nan", "inf", "-5", "0", "power 5"])
def test_what_is_no_ticket_is_none(noted: str) -> None:
    assert Ticket.read(noted) is None


def test_a_moment_alone_is_a_wait_in_whatever_queue() -> None:
    ticket = Ticket.read("1000000.5")
    assert ticket == Ticket(1_000_000.5, None)
    assert ticket is not None
    assert ticket.waits_in("power")
    assert str(ticket.joining("power")) == "1000000.500000 power"


def test_one_who_is_sent_on_waits_nowhere_and_keeps_the_moment() -> None:
    ticket = Ticket(1_000_000.0).joining("power").overflown("power")
    assert not ticket.waits_in("power")
    assert not ticket.waits_in("")
    assert str(ticket.joining("billing").overflown("billing")) == "1000000.000000 - power billing"


@given(st.text(max_size=60))
def test_any_note_is_read_or_not(noted: str) -> None:
    Ticket.read(noted)
