"""Promises against a look at the clock in every minute, in five countries from 2020 to 2035."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from functools import cached_property
from zoneinfo import ZoneInfo

from by_minutes import DAYS, MINUTE, Case, Minutes, Spans, cases, clock_hours
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.callbacks.calendar import DAY, Span
from hotline.callbacks.hours import PREFERENCE_DAYS, common
from hotline.callbacks.promise import Promises
from hotline.callbacks.settings import AGAIN, CallbackSettings, VoicemailSettings

later = st.timedeltas(timedelta(0), timedelta(days=9))
between = st.just(()) | clock_hours()


@dataclass(frozen=True)
class Plain:
    """The rules of a queue in their plainest form."""

    minutes: Minutes
    between: Spans
    part: Span

    @cached_property
    def clock(self) -> bytearray:
        """The minutes in which the clock allows it."""
        return self.minutes.clock(self.between or (Span(0, DAY),))

    @cached_property
    def ringing(self) -> bytearray:
        """The minutes in which customers are rung."""
        return both(self.minutes.open, self.clock)

    def preferred(self, moment: datetime) -> bytearray:
        """Those of the part of the day, in what opens within two weeks."""
        limit = moment + timedelta(days=PREFERENCE_DAYS)
        near = [each for each in self.minutes.windows if self.minutes.moment(each[0]) < limit]
        flags = both(self.minutes.flags(near), self.minutes.clock((self.part,)))
        return both(flags, self.clock)

    def soonest(self, moment: datetime, *, part: bool) -> datetime | None:
        """None: beyond the weeks that were looked at."""
        if self.minutes.at(moment) > (DAYS - PREFERENCE_DAYS - 2) * DAY:
            return None
        found = self.minutes.soonest(self.preferred(moment), moment) if part else None
        return found or self.minutes.soonest(self.ringing, moment)


def both(one: bytearray, other: bytearray) -> bytearray:
    length = len(one)
    return bytearray((int.from_bytes(one, "big") & int.from_bytes(other, "big")).to_bytes(length, "big"))


def queue(case: Case, between: Spans, part: Span) -> tuple[Promises, Plain]:
    mail = VoicemailSettings("power", "any", parts={"part": part})
    promises = Promises(
        {"power": mail}, {"any": case.calendar}, {"power": CallbackSettings("power", between=between)}
    )
    return promises, Plain(Minutes(case), between, part)


part = clock_hours(1).map(lambda hours: hours[0])


@given(cases(), between, part, later)
@settings(max_examples=100)
def test_due_is_the_first_moment_in_which_the_customer_is_rung_and_never_moves_backwards(
    case: Case, between: Spans, part: Span, after: timedelta
):
    promises, plain = queue(case, between, part)
    for name in ("", "part"):
        before = None
        for moment in (case.moment, case.moment + after / 5, case.moment + after):
            due = promises.due("power", moment, name)
            assert due is not None
            assert case.calendar.is_open(due)
            assert promises.is_open("power", due)
            opening = plain.minutes.due(moment)
            expected = plain.soonest(opening, part=bool(name)) if opening else None
            if expected is not None:
                assert due.astimezone(UTC) == expected
            assert before is None or before <= due.astimezone(UTC)
            before = due.astimezone(UTC)


@given(cases(), between, part, later, st.sampled_from(sorted(AGAIN)))
@settings(max_examples=100)
def test_again_is_the_first_such_moment_after_the_delay(
    case: Case, between: Spans, part: Span, after: timedelta, outcome: str
):
    promises, plain = queue(case, between, part)
    for name in ("", "part"):
        before = None
        for moment in (case.moment, case.moment + after):
            again = promises.again("power", outcome, 1, moment, name)
            assert again is not None
            earliest = moment + timedelta(seconds=AGAIN[outcome])
            assert again.astimezone(UTC) >= earliest
            expected = plain.soonest(earliest, part=bool(name))
            if expected is not None:
                assert again.astimezone(UTC) == expected
            assert promises.is_open("power", again)
            assert before is None or before <= again.astimezone(UTC)
            before = again.astimezone(UTC)


@given(cases(), between, part, later)
@settings(max_examples=100)
def test_the_window_for_a_moment_is_what_runs_then_or_comes_next(
    case: Case, between: Spans, part: Span, after: timedelta
):
    promises, plain = queue(case, between, part)
    minutes, moment = plain.minutes, case.moment + after
    now, window = minutes.at(moment), promises.window_for("power", moment)
    assert window is not None
    assert promises.is_open("power", moment) is (moment in window)
    first = plain.ringing.find(1, now)
    if first < 0:  # the clock hours never come, or beyond the weeks that were looked at
        return
    assert (moment in window) is (first == now)
    begin, close = next((s, e) for s, e in minutes.windows if s <= first < e)
    start, end = minutes.at(window.start), minutes.at(window.end)
    assert begin <= start <= first < end <= close
    assert all(plain.ringing[start:end])
    assert start == begin or not plain.clock[start - 1]
    assert end == close or not plain.clock[end]


@given(cases(), between, part, later)
@settings(max_examples=100)
def test_other_hours_come_later_and_after_a_closing_or_on_another_day(
    case: Case, between: Spans, part: Span, after: timedelta
):
    promises, plain = queue(case, between, part)
    now, zone = case.moment + after, case.calendar.zone
    for name in ("", "part"):
        others = promises.next_hours("power", now, name).astimezone(UTC)
        assert others > now
        assert promises.is_open("power", others, name)
        if not name and others.astimezone(zone).date() == now.astimezone(zone).date():
            assert 0 in plain.ringing[plain.minutes.at(now) : plain.minutes.at(others)]


@given(cases(), between, part, later, st.sampled_from([None, ZoneInfo("Asia/Tokyo"), ZoneInfo("America/New_York")]))
@settings(max_examples=100)
def test_the_next_day_is_a_later_one_in_the_hours_and_begins_no_call_at_midnight(
    case: Case, between: Spans, part: Span, after: timedelta, elsewhere: ZoneInfo | None
):
    promises, _ = queue(case, between, part)
    now, zone = case.moment + after, elsewhere or case.calendar.zone
    local = now.astimezone(zone)
    tomorrow = local.date() + timedelta(days=1)
    midnight = datetime.combine(tomorrow, time.min, zone)
    for name in ("", "part"):
        later = datetime.fromtimestamp(promises.next_day("power", now.timestamp(), zone, name), zone)
        assert later.date() >= tomorrow
        assert promises.is_open("power", later, name)
        if promises.is_open("power", midnight, name):
            same = datetime.combine(tomorrow, local.time(), zone)
            assert later.timestamp() == promises.soonest("power", same, name).timestamp()
        else:
            assert later > midnight


minute_sets = st.lists(st.tuples(st.integers(0, DAY - 1), st.integers(1, DAY)), max_size=3)


@given(minute_sets, minute_sets)
def test_common_hours_are_the_minutes_of_both(one: list[tuple[int, int]], other: list[tuple[int, int]]):
    these, those = (tuple(Span(start, start + length) for start, length in each) for each in (one, other))
    shown = {minute % DAY for span in common(these, those) for minute in range(span.start, span.end)}
    sets = [{minute % DAY for span in each for minute in range(span.start, span.end)} for each in (these, those)]
    assert shown == sets[0] & sets[1]
    assert MINUTE * len(shown) <= timedelta(days=1)
