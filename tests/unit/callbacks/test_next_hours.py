"""Other hours and later days than those of now, in which a customer is rung: examples."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from by_minutes import spans
from test_promise import ALWAYS, NEVER, OFFICE, ZONE, at, promises

from hotline.callbacks.calendar import Calendar

BAR = Calendar("bar", ZONE, dict.fromkeys(range(7), spans("18:00-02:00")))
WEEKDAYS = Calendar("weekdays", ZONE, dict.fromkeys(range(5), spans("00:00-24:00")))


@pytest.mark.parametrize(
    ("calendar", "between", "now", "later"),
    [
        (ALWAYS, (), "02 14:00", "03 14:00"),
        (ALWAYS, ("07:00-22:00",), "02 14:00", "03 07:00"),  # the night is closed to customers
        (ALWAYS, ("20:00-04:00",), "02 21:00", "03 21:00"),
        (BAR, (), "02 20:00", "03 20:00"),
        (WEEKDAYS, (), "06 14:00", "09 00:00"),  # the weekend is closed
    ],
)
def test_where_the_night_is_open_the_next_day_is_at_the_same_time(
    calendar: Calendar, between: tuple[str, ...], now: str, later: str
):
    assert promises(calendar, *between).next_day("power", at(now).timestamp(), ZONE) == at(later).timestamp()


@pytest.mark.parametrize(
    ("calendar", "now", "part", "others"),
    [
        (OFFICE, "02 09:00", "", "02 13:00"),
        (OFFICE, "02 16:59:50", "", "03 08:00"),
        (OFFICE, "02 17:00:05", "", "03 08:00"),  # which are the next ones already
        (OFFICE, "02 12:30", "", "02 13:00"),
        (OFFICE, "06 14:00", "", "09 08:00"),
        (OFFICE, "02 09:00", "morning", "03 08:00"),
        (OFFICE, "02 09:00", "afternoon", "02 13:00"),
        (BAR, "02 20:00", "", "03 18:00"),
        (ALWAYS, "02 14:00", "", "03 14:00"),
        (ALWAYS, "02 09:00", "morning", "03 08:00"),
        (ALWAYS, "02 23:00", "night", "03 23:00"),
        (WEEKDAYS, "06 14:00", "", "09 00:00"),
        (NEVER, "02 14:00", "", "02 14:00"),
    ],
)
def test_other_hours_are_the_next_ones_or_where_they_never_end_the_same_time_of_the_next_day(
    calendar: Calendar, now: str, part: str, others: str
):
    assert promises(calendar).next_hours("power", at(now), part) == at(others)


@pytest.mark.parametrize(
    ("now", "hours"), [("2026-03-28T02:30", 24), ("2026-03-28T14:00", 23), ("2026-10-24T14:00", 25)]
)
def test_the_same_time_of_the_next_day_is_that_of_the_clock_where_clocks_change(now: str, hours: int):
    berlin = ZoneInfo("Europe/Berlin")
    desk = promises(Calendar("always", berlin, ALWAYS.week))
    moment = datetime.fromisoformat(now).replace(tzinfo=berlin)
    later = moment.timestamp() + hours * 3600
    assert desk.next_hours("power", moment.astimezone(UTC)).timestamp() == later
    assert desk.next_day("power", moment.timestamp(), berlin) == later
