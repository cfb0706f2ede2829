"""The calendar against a look at the clock in every minute, in five countries from 2020 to 2035."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import pairwise

from by_minutes import MINUTE, Case, Minutes, cases
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.callbacks.calendar import Window

later = st.timedeltas(timedelta(0), timedelta(days=9))


@given(cases(), later)
@settings(max_examples=100)
def test_due_is_the_first_opening_and_never_moves_backwards(case: Case, after: timedelta):
    minutes, calendar = Minutes(case), case.calendar
    before = None
    for moment in (case.moment, case.moment + after / 9, case.moment + after):
        due = calendar.due(moment)
        expected = minutes.due(moment)
        if expected is not None:  # else it is beyond the weeks that were looked at
            assert due.astimezone(UTC) == expected
        assert due.tzinfo is calendar.zone
        assert calendar.is_open(due)
        assert before is None or before <= due.astimezone(UTC)
        before = due.astimezone(UTC)


@given(cases(), later)
@settings(max_examples=100)
def test_a_window_is_the_first_that_ends_after_a_moment(case: Case, after: timedelta):
    minutes, calendar = Minutes(case), case.calendar
    for moment in (case.moment, case.moment + after):
        window = calendar.window(moment)
        assert window is not None
        now = minutes.at(moment)
        expected = next(((start, end) for start, end in minutes.windows if end > now), None)
        if expected is None:
            continue
        assert (minutes.at(window.start), minutes.at(window.end)) == expected
        assert window.start.tzinfo is window.end.tzinfo is calendar.zone
        assert window.length == (expected[1] - expected[0]) * MINUTE
        assert (moment in window) is calendar.is_open(moment) is bool(minutes.open[now])
        opening = calendar.next_opening(moment)
        assert opening is None or moment in window or opening == window.start


@given(cases(), later)
@settings(max_examples=100)
def test_business_time_is_the_minutes_in_which_it_is_open(case: Case, after: timedelta):
    minutes, calendar = Minutes(case), case.calendar
    start = case.moment.replace(second=0, microsecond=0)
    end = start + after // MINUTE * MINUTE
    passed = calendar.business_time_between(start, end)
    assert passed == sum(minutes.open[minutes.at(start) : minutes.at(end)]) * MINUTE
    middle = start + (end - start) // 3
    assert passed == calendar.business_time_between(start, middle) + calendar.business_time_between(middle, end)
    assert calendar.business_time_between(end, start) == timedelta(0)
    within = calendar.within(start, end)
    assert all(one.end.astimezone(UTC) < two.start.astimezone(UTC) for one, two in pairwise(within))
    assert all(calendar.is_open(each.start) for each in within)


@given(cases())
@settings(max_examples=100)
def test_windows_go_on_from_one_another(case: Case):
    minutes, calendar = Minutes(case), case.calendar
    now = minutes.at(case.moment)
    expected = [each for each in minutes.windows if each[1] > now][:8]
    found = [window for window, _ in zip(calendar.windows(case.moment), expected, strict=False)]
    assert [(minutes.at(each.start), minutes.at(each.end)) for each in found] == expected
    for window in found:
        assert calendar.is_open(window.start)
        assert calendar.window(window.start.astimezone(UTC)) is not None
        assert isinstance(window, Window)
