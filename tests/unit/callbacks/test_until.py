"""Moments as staff write them."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks.until import limit, moment, since

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY = datetime(2026, 11, 27, 22, 15, tzinfo=SAIGON)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("tomorrow 09:00", "2026-11-28T09:00"),
        ("Tomorrow", "2026-11-28T00:00"),
        ("today 23:00", "2026-11-27T23:00"),
        ("mon 14:00", "2026-11-30T14:00"),
        ("monday", "2026-11-30T00:00"),
        ("fri 09:00", "2026-12-04T09:00"),  # today is Friday: the next one
        ("fri 23:30", "2026-11-27T23:30"),  # which is still to come
        ("23:30", "2026-11-27T23:30"),
        ("9:05", "2026-11-28T09:05"),  # today it is over
        ("90m", "2026-11-27T23:45"),
        ("2h", "2026-11-28T00:15"),
        ("3d", "2026-11-30T22:15"),
        ("2026-12-01T09:00", "2026-12-01T09:00"),
        ("2026-12-01 09:00", "2026-12-01T09:00"),
        ("2026-12-01", "2026-12-01T00:00"),
        ("2026-12-01T02:00Z", "2026-12-01T09:00"),
    ],
)
def test_what_is_written_is_meant_by_the_hotlines_clock(written: str, meant: str) -> None:
    assert moment(written, FRIDAY) == datetime.fromisoformat(meant).replace(tzinfo=SAIGON)


@pytest.mark.parametrize(
    "written", ["", "soon", "32:00", "tomorrow 25:00", "mox 09:00", "mondays", "09:00 mon", "0h x"]
)
def test_what_is_no_moment_is_told_with_how_it_is_written(written: str) -> None:
    with pytest.raises(ValueError, match="is no moment; write it like"):
        moment(written, FRIDAY)


@pytest.mark.parametrize("written", ["today 09:00", "2026-11-01", "0m"])
def test_what_is_over_is_told_as_such(written: str) -> None:
    with pytest.raises(ValueError, match="that is over"):
        moment(written, FRIDAY)


def test_hours_from_now_are_real_hours_when_clocks_change() -> None:
    night = datetime(2026, 10, 24, 23, 0, tzinfo=ZoneInfo("Europe/Berlin"))
    assert moment("6h", night).hour == 4


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("7d", "2026-11-20T22:15"),
        ("yesterday", "2026-11-26T00:00"),
        ("yesterday 23:00", "2026-11-26T23:00"),
        ("2026-11-01", "2026-11-01T00:00"),
        ("mon", "2026-11-23T00:00"),
        ("sat 09:00", "2026-11-21T09:00"),
        ("fri", "2026-11-27T00:00"),  # today is Friday, which has come
        ("fri 22:15", "2026-11-27T22:15"),
        ("fri 23:00", "2026-11-20T23:00"),
        ("09:00", "2026-11-27T09:00"),
        ("23:00", "2026-11-26T23:00"),
    ],
)
def test_the_past_can_be_asked_for(written: str, meant: str) -> None:
    assert since(written, FRIDAY) == datetime.fromisoformat(meant).replace(tzinfo=SAIGON)


def test_what_is_no_moment_of_the_past_is_told_with_one_that_is() -> None:
    with pytest.raises(ValueError, match="'soon' is no moment; write it like 'yesterday 09:00'"):
        since("soon", FRIDAY)


@pytest.mark.parametrize("written", ["tomorrow", "today 23:00", "2026-12-01"])
def test_what_is_to_come_is_told_where_the_past_is_asked_for(written: str) -> None:
    with pytest.raises(ValueError, match="that is still to come"):
        since(written, FRIDAY)


def test_a_limit_may_be_now_or_over() -> None:
    assert limit("now", FRIDAY) == FRIDAY
    assert limit("today 09:00", FRIDAY).hour == 9
