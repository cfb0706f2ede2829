"""Periods of the day and the staircases made of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.simulation.periods import Period, Start, clock_times, stairs

HOUR = 3600.0
DAY = 24 * HOUR


def table(rows: dict[str, float]) -> dict[Period, float]:
    return {Period.parse(text): value for text, value in rows.items()}


def test_a_value_that_always_holds_is_one_step() -> None:
    assert stairs(table({"always": 3}), Start(), 5 * DAY) == ((0.0, 3.0),)


def test_outside_all_periods_there_is_nothing() -> None:
    found = stairs(table({"08:00-12:00": 5, "13:00-17:00": 7}), Start(), DAY)
    assert found == ((0.0, 0.0), (8 * HOUR, 5.0), (12 * HOUR, 0.0), (13 * HOUR, 7.0), (17 * HOUR, 0.0))


def test_overlapping_periods_add_up() -> None:
    found = stairs(table({"08:00-16:00": 5, "12:00-20:00": 5}), Start.parse("08:00"), 12 * HOUR)
    assert found == ((0.0, 5.0), (4 * HOUR, 10.0), (8 * HOUR, 5.0))


def test_periods_that_touch_with_equal_values_are_one() -> None:
    assert stairs(table({"00:00-12:00": 0.1, "12:00-24:00": 0.1}), Start(), DAY) == ((0.0, 0.1),)


def test_a_night_shift_lasts_past_midnight_also_from_the_day_before() -> None:
    found = stairs(table({"22:00-06:00": 2}), Start(), 2 * DAY)
    assert found == ((0.0, 2.0), (6 * HOUR, 0.0), (22 * HOUR, 2.0), (30 * HOUR, 0.0), (46 * HOUR, 2.0))


def test_weekdays_count_from_the_start() -> None:
    rows = table({"sat-sun": 1, "mon 08:00-10:00": 9})
    assert stairs(rows, Start.parse("fri 12:00"), 3 * DAY) == (
        (0.0, 0.0), (12 * HOUR, 1.0), (60 * HOUR, 0.0), (68 * HOUR, 9.0), (70 * HOUR, 0.0),
    )  # fmt: skip


@pytest.mark.parametrize("text", ["", "noon", "8-12", "mon-fry 08:00-10:00", "08:00", "08:00-12:00 mon"])
def test_what_is_no_period_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Period.parse(text)


@pytest.mark.parametrize("text", ["", "24:00", "8", "someday 08:00", "mon"])
def test_what_is_no_start_is_said_so(text: str) -> None:
    with pytest.raises(ValueError, match=r"write"):
        Start.parse(text)


@given(
    st.dictionaries(st.integers(0, 23), st.tuples(st.integers(1, 23), st.integers(0, 9)), max_size=6),
    st.integers(0, 6),
    st.integers(0, 23),
)
def test_a_staircase_says_at_each_hour_what_its_periods_say(
    rows: dict[int, tuple[int, int]], weekday: int, hour: int
) -> None:
    periods = {f"{begin:02}:00-{(begin + hours) % 24:02}:00": value for begin, (hours, value) in rows.items()}
    found = stairs(table(periods), Start(weekday, hour * HOUR), 3 * DAY)
    for now in range(72):
        clock = (hour + now) % 24
        expected = sum(value for begin, (hours, value) in rows.items() if (clock - begin) % 24 < hours)
        assert [value for moment, value in found if moment <= now * HOUR][-1] == expected


@pytest.mark.parametrize(
    ("at", "starts", "length", "moments"),
    [
        (8, 0, 24, [8]),
        (8, 8, 5, [0]),
        (8, 9, 24, [23]),
        (8, 9, 23, []),
        (0, 0, 48, [0, 24]),
        (8, 20, 60, [12, 36]),
    ],
)
def test_a_time_of_the_day_comes_once_a_day(at: float, starts: float, length: float, moments: list[float]) -> None:
    assert clock_times(at * HOUR, starts * HOUR, length * HOUR) == tuple(moment * HOUR for moment in moments)
