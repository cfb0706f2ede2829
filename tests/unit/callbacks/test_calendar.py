"""When a hotline is open, and when a message left now is called back: examples, then rules over ten years."""

from datetime import UTC, date, datetime, timedelta
from functools import cache
from itertools import pairwise
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hotline.callbacks.calendar import DAY, Calendar, NeverOpens, Span, joined, overlapping

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
NEW_YORK = ZoneInfo("America/New_York")
ZONES = [
    "Asia/Ho_Chi_Minh",
    "Asia/Shanghai",
    "Asia/Seoul",
    "Asia/Almaty",
    "America/New_York",
    "America/Sao_Paulo",
    "Europe/London",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Africa/Casablanca",
]


def spans(*texts: str) -> tuple[Span, ...]:
    return tuple(Span.parse(text) for text in texts)


def office(zone: ZoneInfo = SAIGON, *hours: str, **more: object) -> Calendar:
    """Monday to Friday, 07:30–17:00 unless `hours` are given."""
    return Calendar("office", zone, dict.fromkeys(range(5), spans(*(hours or ("07:30-17:00",)))), **more)


def at(text: str, zone: ZoneInfo = SAIGON, fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone, fold=fold)


def test_hours_include_their_first_minute_and_not_their_last():
    calendar = office()
    assert not calendar.is_open(at("2026-03-02 07:29:59"))
    assert calendar.is_open(at("2026-03-02 07:30"))
    assert calendar.is_open(at("2026-03-02 16:59:59"))
    assert not calendar.is_open(at("2026-03-02 17:00"))


@pytest.mark.parametrize(
    ("left", "called_back"),
    [
        ("2026-03-02 22:00", "2026-03-03 07:30"),  # Monday night: Tuesday
        ("2026-03-02 03:00", "2026-03-02 07:30"),  # before dawn: the same day
        ("2026-03-06 22:15", "2026-03-09 07:30"),  # Friday night: Monday
        ("2026-03-02 10:00", "2026-03-03 07:30"),  # while open: the next business day
        ("2026-03-06 10:00", "2026-03-09 07:30"),  # while open on Friday: Monday
        ("2026-03-02 07:30", "2026-03-03 07:30"),  # an opening is not after itself
    ],
)
def test_a_message_is_called_back_at_the_next_opening(left: str, called_back: str):
    assert office().due(at(left)) == at(called_back)


def test_a_break_ends_the_wait_of_those_who_phoned_before_and_during_it():
    calendar = office(SAIGON, "07:30-11:30", "13:00-17:00")
    assert not calendar.is_open(at("2026-03-02 12:00"))
    assert calendar.due(at("2026-03-02 10:00")) == at("2026-03-02 13:00")
    assert calendar.due(at("2026-03-02 12:00")) == at("2026-03-02 13:00")
    assert calendar.due(at("2026-03-02 14:00")) == at("2026-03-03 07:30")


def test_friday_evening_before_a_holiday_monday_is_called_back_on_tuesday():
    calendar = office(NEW_YORK, "09:00-17:00", holidays=in_country("US"))
    labor_day_eve = at("2026-09-04 22:15", NEW_YORK)
    assert calendar.due(labor_day_eve) == at("2026-09-08 09:00", NEW_YORK)


def test_lunar_new_year_is_skipped_whole():
    calendar = office(holidays=in_country("VN"))
    tet = holidays.country_holidays("VN", years=2026)
    due = calendar.due(at("2026-02-13 20:00"))
    assert due.date() not in tet
    assert (due.date() - date(2026, 2, 13)).days >= 7


def test_one_off_closures_half_days_and_make_up_days_override_the_week():
    calendar = office(
        closed=frozenset({date(2026, 12, 24), date(2026, 12, 25)}),
        opened={date(2026, 12, 23): spans("07:30-11:30"), date(2026, 12, 27): spans("08:00-12:00")},
    )
    assert not calendar.is_open(at("2026-12-23 14:00"))
    assert calendar.due(at("2026-12-23 14:00")) == at("2026-12-27 08:00")  # a Sunday, made up


def test_a_date_that_is_opened_is_open_though_it_is_a_holiday():
    calendar = office(holidays=lambda day: True, opened={date(2026, 5, 1): spans("10:00-12:00")})
    assert calendar.due(at("2026-03-02 10:00")) == at("2026-05-01 10:00")


def test_a_night_shift_belongs_to_the_day_it_starts_on():
    calendar = office(SAIGON, "22:00-06:00")
    assert calendar.is_open(at("2026-03-07 05:59"))  # Saturday morning of Friday's shift
    assert not calendar.is_open(at("2026-03-02 05:59"))  # Monday morning: Sunday has no shift
    assert calendar.due(at("2026-03-07 05:00")) == at("2026-03-09 22:00")


def test_round_the_clock_a_message_is_due_at_once():
    hours = spans("00:00-08:00", "08:00-16:00", "16:00-24:00")
    always = Calendar("always", SAIGON, dict.fromkeys(range(7), hours))
    assert always.is_open(at("2026-03-02 00:00"))
    assert always.next_opening(at("2026-03-02 09:00")) == at("2026-03-03 00:00")
    assert always.due(at("2026-03-02 09:00")) == at("2026-03-02 09:00")
    weekdays = office(SAIGON, "00:00-24:00")
    assert weekdays.due(at("2026-03-04 09:00")) == at("2026-03-04 09:00")
    assert weekdays.due(at("2026-03-06 09:00")) == at("2026-03-09 00:00")  # Friday: the weekend comes between


def test_hours_that_start_in_the_skipped_hour_start_when_the_clock_jumps():
    calendar = Calendar("early", NEW_YORK, dict.fromkeys(range(7), spans("02:30-05:00")))
    jump = datetime(2026, 3, 8, 7, 0, tzinfo=UTC)
    assert calendar.due(at("2026-03-07 20:00", NEW_YORK)).astimezone(UTC) == jump
    assert calendar.is_open(jump)
    assert not calendar.is_open(jump - timedelta(seconds=1))


def test_hours_within_the_skipped_hour_do_not_take_place_that_day():
    calendar = Calendar("early", NEW_YORK, dict.fromkeys(range(7), spans("02:10-02:50")))
    assert calendar.due(at("2026-03-07 20:00", NEW_YORK)) == at("2026-03-09 02:10", NEW_YORK)


def test_a_shift_over_the_repeated_hour_stays_open_through_it():
    calendar = Calendar("night", NEW_YORK, dict.fromkeys(range(7), spans("00:30-02:30")))
    minutes = [datetime(2026, 11, 1, 4, 30, tzinfo=UTC) + timedelta(minutes=n) for n in range(-1, 181)]
    assert [calendar.is_open(minute) for minute in minutes] == [False, *[True] * 180, False]


def test_hours_that_ended_before_the_clock_went_back_do_not_open_again():
    calendar = Calendar("night", NEW_YORK, dict.fromkeys(range(7), spans("00:30-01:30")))
    assert calendar.is_open(at("2026-11-01 01:15", NEW_YORK))
    assert not calendar.is_open(at("2026-11-01 01:15", NEW_YORK, fold=1))


def test_a_day_that_the_zone_skipped_has_no_hours():
    calendar = office(ZoneInfo("Pacific/Apia"))  # Friday 2011-12-30 did not take place
    left = at("2011-12-29 20:00", ZoneInfo("Pacific/Apia"))
    assert calendar.due(left) == at("2012-01-02 07:30", ZoneInfo("Pacific/Apia"))


def test_a_calendar_that_never_opens_says_so():
    calendar = office(holidays=lambda day: True)
    assert calendar.next_opening(at("2026-03-02 10:00")) is None
    with pytest.raises(NeverOpens, match="'office' has no opening in the 400 days"):
        calendar.due(at("2026-03-02 10:00"))


def test_a_moment_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a time zone"):
        office().is_open(datetime(2026, 3, 2, 10, 0))


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("07:30-11:30", 450, 690), ("00:00-24:00", 0, DAY), ("22:00-06:00", 1320, 1800), (" 7:05 – 8:00 ", 425, 480)],
)
def test_spans_are_read(text: str, start: int, end: int):
    assert Span.parse(text) == Span(start, end)


@pytest.mark.parametrize(
    "text", ["", "8-9", "08:00", "08:60-09:00", "25:00-26:00", "24:00-08:00", "08:00-08:00", "1:1-2:2", "٠٨:٠٠-٠٩:٠٠"]
)
def test_other_texts_are_refused_with_a_sentence(text: str):
    with pytest.raises(ValueError, match=r"written like|a clock shows|round the clock"):
        Span.parse(text)


def test_overlap_is_told_from_touching():
    assert overlapping(spans("08:00-12:00", "11:59-13:00"))
    assert not overlapping(spans("08:00-12:00", "12:00-13:00"))


@cache
def _public(country: str) -> holidays.HolidayBase:
    return holidays.country_holidays(country)


def in_country(country: str):
    return lambda day: day in _public(country)


@st.composite
def weekly_spans(draw: st.DrawFn) -> tuple[Span, ...]:
    found = []
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, DAY // 15 - 1)) * 15
        found.append(Span(start, start + draw(st.integers(1, DAY // 15)) * 15))
    return tuple(found)


@st.composite
def calendars(draw: st.DrawFn) -> Calendar:
    day = st.dates(date(2020, 1, 1), date(2030, 1, 1))
    return Calendar(
        "any",
        ZoneInfo(draw(st.sampled_from(ZONES))),
        draw(st.dictionaries(st.integers(0, 6), weekly_spans(), min_size=1)),
        in_country(draw(st.sampled_from(["VN", "CN", "KR", "KZ", "US"]))),
        frozenset(draw(st.lists(day, max_size=5))),
        draw(st.dictionaries(day, weekly_spans(), max_size=3)),
    )


moments = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))


@given(calendars(), moments)
@settings(max_examples=200, deadline=None)
def test_due_is_not_before_the_message_and_in_opening_hours(calendar: Calendar, moment: datetime):
    due = calendar.due(moment)
    assert due.astimezone(UTC) >= moment
    assert due.tzinfo is calendar.zone
    assert calendar.is_open(due)


@given(calendars(), moments)
@settings(max_examples=100, deadline=None)
def test_nothing_opens_between_the_message_and_its_due_moment(calendar: Calendar, moment: datetime):
    due = calendar.due(moment).astimezone(UTC)
    if due == moment:  # at once: then it must not close before it opens again
        opening, minute = calendar.next_opening(moment).astimezone(UTC), moment
        while minute < opening:
            assert calendar.is_open(minute)
            minute += timedelta(minutes=5)
        return
    assert calendar.next_opening(due - timedelta(seconds=1)).astimezone(UTC) == due
    minute = moment.replace(second=0, microsecond=0) + timedelta(minutes=15 - moment.minute % 15)
    closed_before = not calendar.is_open(moment)
    while minute < min(due, moment + timedelta(days=2)):
        is_open = calendar.is_open(minute)
        assert not (closed_before and is_open), f"opened at {minute}, unseen"
        closed_before = not is_open
        minute += timedelta(minutes=15)


@given(calendars(), moments, st.timedeltas(timedelta(0), timedelta(days=9)))
@settings(max_examples=200, deadline=None)
def test_who_phones_later_is_never_called_back_earlier(calendar: Calendar, moment: datetime, later: timedelta):
    assert calendar.due(moment).astimezone(UTC) <= calendar.due(moment + later).astimezone(UTC)


@given(calendars(), st.dates(date(2020, 1, 2), date(2029, 12, 30)), st.integers(0, DAY - 1))
@settings(max_examples=200, deadline=None)
def test_on_days_without_a_clock_change_open_is_what_the_clock_on_the_wall_says(
    calendar: Calendar, day: date, minute: int
):
    midnight = datetime(day.year, day.month, day.day)
    edges = {(midnight + timedelta(days=n)).replace(tzinfo=calendar.zone).utcoffset() for n in (-1, 0, 1, 2)}
    if len(edges) > 1:
        return
    hours = [(s.start, s.end) for s in calendar.spans(day)]
    hours += [(s.start - DAY, s.end - DAY) for s in calendar.spans(day - timedelta(days=1))]
    moment = (midnight + timedelta(minutes=minute)).replace(tzinfo=calendar.zone)
    assert calendar.is_open(moment) is any(start <= minute < end for start, end in hours)


@given(weekly_spans())
def test_joined_hours_are_the_same_minutes_in_order(hours: tuple[Span, ...]):
    together = joined(hours)
    assert {minute for span in together for minute in range(span.start, span.end)} == {
        minute for span in hours for minute in range(span.start, span.end)
    }
    assert all(earlier.end < later.start for earlier, later in pairwise(together))
