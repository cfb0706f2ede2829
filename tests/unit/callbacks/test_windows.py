"""For how long it is open, and how much business time passes: examples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from by_minutes import in_country, spans

from hotline.callbacks.calendar import Calendar, Window

SAIGON, BERLIN, LONDON = ZoneInfo("Asia/Ho_Chi_Minh"), ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/London")


def office(zone: ZoneInfo = SAIGON, *hours: str, **more: object) -> Calendar:
    """Monday to Friday, with a break at noon unless `hours` are given."""
    week = dict.fromkeys(range(5), spans(*(hours or ("07:30-11:30", "13:00-17:00"))))
    return Calendar("office", zone, week, **more)


def at(text: str, zone: ZoneInfo = SAIGON, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def window(start: str, end: str, zone: ZoneInfo = SAIGON) -> Window:
    return Window(at(start, zone), at(end, zone))


@pytest.mark.parametrize(
    ("moment", "start", "end"),
    [
        ("2026-03-02 03:00", "2026-03-02 07:30", "2026-03-02 11:30"),
        ("2026-03-02 07:30", "2026-03-02 07:30", "2026-03-02 11:30"),
        ("2026-03-02 11:29:59", "2026-03-02 07:30", "2026-03-02 11:30"),
        ("2026-03-02 11:30", "2026-03-02 13:00", "2026-03-02 17:00"),  # its end is not in it
        ("2026-03-06 18:00", "2026-03-09 07:30", "2026-03-09 11:30"),
    ],
)
def test_a_window_is_the_one_that_runs_or_comes_next(moment: str, start: str, end: str):
    assert office().window(at(moment)) == window(start, end)


def test_round_the_clock_each_date_has_its_window():
    always = Calendar("always", SAIGON, dict.fromkeys(range(7), spans("00:00-24:00")))
    assert always.window(at("2026-03-02 09:00")) == window("2026-03-02 00:00", "2026-03-03 00:00")
    assert always.window(at("2026-03-03 00:00")) == window("2026-03-03 00:00", "2026-03-04 00:00")


def test_a_night_shift_that_runs_is_found_after_midnight():
    night = office(SAIGON, "22:00-06:00")
    assert night.window(at("2026-03-07 05:00")) == window("2026-03-06 22:00", "2026-03-07 06:00")
    assert night.window(at("2026-03-07 06:00")) == window("2026-03-09 22:00", "2026-03-10 06:00")


def test_a_shift_that_begins_while_the_nights_still_runs_is_a_window_of_its_own():
    calendar = Calendar("both", SAIGON, {0: spans("22:00-06:00"), 1: spans("05:00-12:00")})
    assert calendar.window(at("2026-03-03 05:30")) == window("2026-03-02 22:00", "2026-03-03 06:00")
    assert calendar.window(at("2026-03-03 06:00")) == window("2026-03-03 05:00", "2026-03-03 12:00")
    assert calendar.business_time_between(at("2026-03-02"), at("2026-03-04")) == timedelta(hours=14)


def test_windows_after_a_closed_week_are_found_in_order():
    calendar = office(closed=frozenset(date(2026, 3, day) for day in range(2, 9)), opened={date(2026, 3, 7): ()})
    windows = calendar.windows(at("2026-03-02 12:00"))
    assert [next(windows) for _ in range(3)] == [
        window("2026-03-09 07:30", "2026-03-09 11:30"),
        window("2026-03-09 13:00", "2026-03-09 17:00"),
        window("2026-03-10 07:30", "2026-03-10 11:30"),
    ]


def test_a_calendar_that_never_opens_has_no_window():
    assert office(holidays=lambda day: True).window(at("2026-03-02 12:00")) is None
    assert list(office(holidays=lambda day: True).windows(at("2026-03-02 12:00"))) == []


def test_a_window_lasts_as_long_as_it_really_does():
    night = Calendar("night", BERLIN, dict.fromkeys(range(7), spans("22:00-06:00")))
    lengths = [
        night.window(at(text, BERLIN)) for text in ("2026-03-28 22:00", "2026-10-24 22:00", "2026-06-01 22:00")
    ]
    assert [each.length / timedelta(hours=1) for each in lengths if each] == [7, 9, 8]


def test_a_moment_is_within_a_window_by_real_time_not_by_the_clock():
    early = Calendar("early", BERLIN, dict.fromkeys(range(7), spans("01:00-02:30")))
    found = early.window(at("2026-10-25 01:00", BERLIN))
    assert found
    assert at("2026-10-25 02:29", BERLIN) in found
    assert at("2026-10-25 02:29", BERLIN, fold=1) not in found  # an hour later
    with pytest.raises(ValueError, match="without a time zone"):
        datetime(2026, 10, 25) in found  # noqa: B015


@pytest.mark.parametrize(
    ("start", "end", "hours"),
    [
        ("2026-03-02 08:00", "2026-03-02 09:30", 1.5),
        ("2026-03-02 11:00", "2026-03-02 13:30", 1.0),  # the break does not count
        ("2026-03-02 18:00", "2026-03-03 07:00", 0.0),
        ("2026-03-06 16:00", "2026-03-09 08:30", 2.0),  # over the weekend
        ("2026-03-02 00:00", "2026-03-09 00:00", 40.0),
        ("2026-03-02 09:00", "2026-03-02 09:00", 0.0),
        ("2026-03-03 09:00", "2026-03-02 09:00", 0.0),  # not later
    ],
)
def test_business_time_is_what_passes_while_it_is_open(start: str, end: str, hours: float):
    assert office().business_time_between(at(start), at(end)) == timedelta(hours=hours)


def test_business_time_is_real_time_where_clocks_change():
    always = Calendar("always", BERLIN, dict.fromkeys(range(7), spans("00:00-24:00")))
    for day, hours in ((29, 23), (30, 24)):
        start, end = at(f"2026-03-{day}", BERLIN), at(f"2026-03-{day} 23:59:59", BERLIN) + timedelta(seconds=1)
        assert always.business_time_between(start, end) == timedelta(hours=hours)
    assert always.business_time_between(at("2026-10-25", BERLIN), at("2026-10-26", BERLIN)) == timedelta(hours=25)


def test_business_time_of_two_years():
    calendar = office(LONDON, "09:00-17:00")
    assert calendar.business_time_between(at("2024-01-01", LONDON), at("2026-01-01", LONDON)) == timedelta(
        hours=8 * (262 + 261)
    )


# What the government of China ordered for the end of 2024 and for 2025: days off, and weekends worked for them.
CHINA_WORKED = (
    "2024-09-14",
    "2024-09-29",
    "2024-10-12",
    "2025-01-26",
    "2025-02-08",
    "2025-04-27",
    "2025-09-28",
    "2025-10-11",
)


def china() -> Calendar:
    hours = spans("09:00-18:00")
    worked = {date.fromisoformat(day): hours for day in CHINA_WORKED}
    return Calendar(
        "china", ZoneInfo("Asia/Shanghai"), dict.fromkeys(range(5), hours), in_country("CN"), opened=worked
    )


@pytest.mark.parametrize(
    ("left", "due"),
    [
        ("2025-01-25 20:00", "2025-01-26 09:00"),  # Saturday: the Sunday is worked
        ("2025-01-26 20:00", "2025-01-27 09:00"),
        ("2025-01-27 20:00", "2025-02-05 09:00"),  # the lunar new year, eight days
        ("2025-02-07 20:00", "2025-02-08 09:00"),  # a Saturday, worked
        ("2025-02-08 20:00", "2025-02-10 09:00"),
        ("2025-04-26 10:00", "2025-04-27 09:00"),
        ("2025-09-27 10:00", "2025-09-28 09:00"),
        ("2025-09-30 20:00", "2025-10-09 09:00"),  # the national day and mid-autumn
        ("2025-10-10 20:00", "2025-10-11 09:00"),
    ],
)
def test_make_up_working_days_in_china(left: str, due: str):
    zone = ZoneInfo("Asia/Shanghai")
    assert china().due(at(left, zone)) == at(due, zone)


@pytest.mark.parametrize(
    ("country", "zone", "left", "due"),
    [
        ("KR", "Asia/Seoul", "2025-01-24 20:00", "2025-01-31 09:00"),  # seollal, the Monday before it given besides
        ("KR", "Asia/Seoul", "2025-10-02 20:00", "2025-10-10 09:00"),  # foundation day, chuseok and hangul day
        ("VN", "Asia/Ho_Chi_Minh", "2025-01-24 20:00", "2025-02-03 09:00"),  # tet
        ("KZ", "Asia/Almaty", "2025-03-20 20:00", "2025-03-26 09:00"),  # nauryz, its weekend moved to working days
        ("DE", "Europe/Berlin", "2025-04-17 20:00", "2025-04-22 09:00"),  # easter
    ],
)
def test_public_holidays_at_their_longest(country: str, zone: str, left: str, due: str):
    calendar = Calendar("any", ZoneInfo(zone), dict.fromkeys(range(5), spans("09:00-18:00")), in_country(country))
    assert calendar.due(at(left, calendar.zone)) == at(due, calendar.zone)


def test_kazakhstan_put_its_clocks_back_for_good_in_a_night():
    calendar = Calendar("all", ZoneInfo("Asia/Almaty"), dict.fromkeys(range(7), spans("20:00-08:00")))
    night = calendar.window(datetime(2024, 2, 29, 16, 0, tzinfo=UTC))
    assert night
    assert night.length == timedelta(hours=13)
