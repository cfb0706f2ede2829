"""A promised moment is spoken in the fewest prompts that are right."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.flow.moments import spoken_moment, spoken_window, time_prompt

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY = datetime(2026, 3, 6, 22, 15, tzinfo=SAIGON)


@pytest.mark.parametrize(
    ("moment", "prompts"),
    [
        ("2026-03-06 23:00", "today time-23-00"),
        ("2026-03-07 07:30", "tomorrow time-07-30"),
        ("2026-03-08 07:30", "day-7 time-07-30"),
        ("2026-03-09 07:30", "day-1 time-07-30"),
        ("2026-03-12 07:30", "day-4 time-07-30"),
        ("2026-03-13 07:30", "day-5 date-13 month-3 time-07-30"),  # a week on: "Friday" alone would mislead
        ("2026-12-31 08:00", "day-4 date-31 month-12 time-08-00"),
        ("2026-03-09 07:31", "day-1 time-07-45"),  # never before it was promised
        ("2026-03-09 07:45:01", "day-1 time-08-00"),
        ("2026-03-09 23:50", "day-2 time-00-00"),
    ],
)
def test_a_promise_made_on_friday_night(moment: str, prompts: str):
    at = datetime.fromisoformat(moment).replace(tzinfo=SAIGON)
    assert spoken_moment(at, FRIDAY) == ("callback-promise", *prompts.split())


@pytest.mark.parametrize(
    ("start", "end", "prompts"),
    [
        ("2026-03-09 09:00", "2026-03-09 13:00", "day-1 from-09-00 until-13-00"),
        ("2026-03-07 07:30", "2026-03-07 11:30", "tomorrow from-07-30 until-11-30"),
        ("2026-03-07 00:00", "2026-03-07 08:00", "tomorrow from-00-00 until-08-00"),
        ("2026-03-16 09:05", "2026-03-16 12:50", "day-1 date-16 month-3 from-09-15 until-13-00"),
        ("2026-03-09 22:00", "2026-03-10 06:00", "day-1 from-22-00 until-06-00"),  # past midnight: the first day
        ("2026-03-09 18:00", "2026-03-10 00:00", "day-1 from-18-00 until-00-00"),
        ("2026-03-09 23:50", "2026-03-10 02:00", "day-2 from-00-00 until-02-00"),
        ("2026-03-09 00:00", "2026-03-10 00:00", "day-1 time-00-00"),  # all day: its beginning is enough
        ("2026-03-09 09:01", "2026-03-09 09:14", "day-1 time-09-15"),  # too short to be told
        ("2026-03-09 09:00", "2026-03-09 09:01", "day-1 from-09-00 until-09-15"),
    ],
)
def test_hours_promised_on_friday_night(start: str, end: str, prompts: str):
    first, last = (datetime.fromisoformat(each).replace(tzinfo=SAIGON) for each in (start, end))
    assert spoken_window(first, last, FRIDAY) == ("callback-promise", *prompts.split())


def test_an_hour_that_clocks_repeat_is_spoken_by_its_beginning():
    start = datetime(2026, 11, 1, 1, 30, tzinfo=ZoneInfo("America/New_York"))
    now = datetime(2026, 10, 31, 20, 0, tzinfo=ZoneInfo("America/New_York"))
    assert spoken_window(start, start.replace(minute=15, fold=1), now)[1:] == ("tomorrow", "time-01-30")


def test_the_month_comes_first_where_the_language_says_it_first():
    at = datetime(2026, 5, 14, 8, 0, tzinfo=SAIGON)
    assert spoken_moment(at, FRIDAY, "zh")[1:] == ("month-5", "date-14", "day-4", "time-08-00")
    assert spoken_moment(at, FRIDAY, "vi")[1:] == ("day-4", "date-14", "month-5", "time-08-00")


def test_tomorrow_is_told_by_the_calendars_clock_not_the_servers():
    server = datetime(2026, 3, 6, 18, 0, tzinfo=ZoneInfo("UTC"))  # 01:00 on Saturday in Saigon
    assert spoken_moment(datetime(2026, 3, 7, 7, 30, tzinfo=SAIGON), server)[1] == "today"


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a time zone"):
        spoken_moment(datetime(2026, 3, 7, 7, 30), FRIDAY)
    with pytest.raises(ValueError, match="without a time zone"):
        spoken_window(datetime(2026, 3, 7, 7, 30), datetime(2026, 3, 7, 8, 30), FRIDAY)


@given(st.integers(0, 2 * 24 * 60))
def test_times_are_rounded_up_to_quarter_hours(minutes: int):
    hour, minute = map(int, time_prompt(minutes).removeprefix("time-").split("-"))
    assert minute in (0, 15, 30, 45)
    assert 0 <= (hour * 60 + minute - minutes) % (24 * 60) < 15


@given(st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1)), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_every_promise_names_a_day_and_ends_with_a_time(now: datetime, ahead: timedelta):
    start = now.replace(tzinfo=SAIGON)
    first, *days, time = spoken_moment(start + ahead, start)
    assert first == "callback-promise"
    assert time.startswith("time-")
    assert len(days) in (1, 3)
