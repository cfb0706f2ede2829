"""When a caller is called back, in which hours, and when again: examples."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from by_minutes import spans

from hotline.callbacks.calendar import Calendar, Span, Window
from hotline.callbacks.hours import common
from hotline.callbacks.outcome import untried
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import CallbackSettings, VoicemailSettings
from hotline.callbacks.states import State

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
OFFICE = Calendar("office", ZONE, dict.fromkeys(range(5), spans("08:00-12:00", "13:00-17:00")))
ALWAYS = Calendar("always", ZONE, dict.fromkeys(range(7), spans("00:00-24:00")))
NEVER = Calendar("never", ZONE, {})
PARTS = {
    "morning": Span.parse("08:00-12:00"),
    "afternoon": Span.parse("13:00-18:00"),
    "day": Span.parse("08:00-16:00"),
    "night": Span.parse("22:00-06:00"),
}


def at(text: str) -> datetime:
    """Of March 2026; the 2nd is a Monday."""
    return datetime.fromisoformat(f"2026-03-{text}").replace(tzinfo=ZONE)


def promises(calendar: Calendar = OFFICE, *between: str, **rules: object) -> Promises:
    return Promises(
        {"power": VoicemailSettings("power", "any", parts=PARTS)},
        {"any": calendar},
        {"power": CallbackSettings("power", between=spans(*between), **rules)},
    )


@pytest.mark.parametrize(
    ("left", "part", "due"),
    [
        ("06 22:15", "", "09 08:00"),  # Friday night
        ("06 22:15", "morning", "09 08:00"),
        ("06 22:15", "afternoon", "09 13:00"),
        ("02 09:00", "", "02 13:00"),  # before the break
        ("02 09:00", "morning", "03 08:00"),
        ("02 09:00", "afternoon", "02 13:00"),
        ("02 14:00", "afternoon", "03 13:00"),
        ("06 22:15", "night", "09 08:00"),  # a part that never comes gives way
        ("06 22:15", "evening", "09 08:00"),  # and so does one that is not there (any more)
    ],
)
def test_a_caller_is_called_back_in_the_part_of_the_day_that_they_prefer(left: str, part: str, due: str):
    assert promises().due("power", at(left), part) == at(due)


@pytest.mark.parametrize(
    ("left", "due"),
    [
        ("06 22:15", "09 09:30"),
        ("02 07:00", "02 09:30"),
        ("02 08:30", "02 13:00"),  # while open: after the break, as without `between`
        ("02 14:00", "03 09:30"),
    ],
)
def test_customers_are_rung_between_certain_hours_of_the_clock_only(left: str, due: str):
    assert promises(OFFICE, "09:30-11:30", "12:30-16:00").due("power", at(left)) == at(due)


def test_round_the_clock_a_message_is_due_at_once_but_for_quiet_hours():
    desk = promises(ALWAYS, "09:00-20:00")
    assert desk.due("power", at("02 10:10")) == at("02 10:10")
    assert desk.due("power", at("02 20:00")) == at("03 09:00")
    assert desk.due("power", at("02 08:59")) == at("02 09:00")


def test_clock_hours_that_run_past_midnight_are_one_stretch():
    night = Calendar("night", ZONE, dict.fromkeys(range(7), spans("18:00-06:00")))
    desk = promises(night, "22:00-02:00")
    assert desk.window_for("power", at("02 12:00")) == Window(at("02 22:00"), at("03 02:00"))
    assert desk.is_open("power", at("03 01:59"))
    assert promises(night, "18:00-24:00", "00:00-06:00").window_for("power", at("02 12:00")) == Window(
        at("02 18:00"), at("03 06:00")
    )


def test_clock_hours_that_never_come_give_way_to_the_opening_hours():
    desk = promises(OFFICE, "18:00-20:00")
    assert desk.due("power", at("06 22:15")) == at("09 08:00")
    assert desk.is_open("power", at("09 08:00"))
    assert desk.again("power", "busy", 1, at("09 08:00")) == at("09 08:10")


def test_a_part_that_comes_only_once_a_year_gives_way():
    opened = {date(2026, 3, 28): spans("22:00-23:00")}
    calendar = Calendar("office", ZONE, OFFICE.week, opened=opened)
    assert promises(calendar).due("power", at("02 20:00"), "night") == at("03 08:00")
    assert promises(calendar).due("power", at("13 20:00"), "night") == at("28 22:00")  # within two weeks of the 16th


def test_a_queue_that_never_opens_promises_nothing_and_forgets_nobody():
    desk, now = promises(NEVER), at("02 10:00")
    assert desk.due("power", now) is None
    assert desk.due_at("power", now.timestamp()) == now.timestamp()
    assert desk.window_for("power", now) is None
    assert not desk.is_open("power", now)
    assert desk.again("power", "busy", 1, now) == now + timedelta(minutes=10)
    assert desk.soonest("power", now) == now
    assert desk.spoken("power", None, now, "en") == ("message-saved",)


def test_a_promise_of_an_unknown_queue_goes_by_the_first_ones_hours():
    assert promises().due("gone", at("06 22:15"), "afternoon") == at("09 13:00")
    assert promises(OFFICE, attempts=1).again("gone", "busy", 1, at("02 10:00")) is None
    assert Promises({}, {}).due("gone", at("06 22:15")) is None
    assert not Promises({}, {}).is_open("gone", at("02 10:00"))
    assert Promises({}, {}).again("gone", "busy", 1, at("02 10:00")) == at("02 10:10")


@pytest.mark.parametrize(
    ("outcome", "now", "again"),
    [
        ("busy", "02 09:00", "02 09:10"),
        ("no-answer", "02 09:00", "02 10:00"),
        ("machine", "02 09:00", "02 11:00"),
        ("failed", "02 09:00", "02 09:05"),
        ("rejected", "02 09:00", "02 13:00"),
        ("busy", "02 11:49:59", "02 11:59:59"),
        ("busy", "02 11:50", "02 13:00"),  # the break has begun: after it
        ("machine", "02 11:30", "02 13:30"),  # never sooner than the delay
        ("no-answer", "06 16:30", "09 08:00"),  # Friday evening
        ("something-new", "02 09:00", "02 09:05"),
    ],
)
def test_who_was_not_reached_is_rung_again_after_a_while(outcome: str, now: str, again: str):
    assert promises().again("power", outcome, 1, at(now)) == at(again)


def test_a_retry_keeps_to_the_part_of_the_day_where_it_can():
    desk = promises()
    assert desk.again("power", "busy", 1, at("02 09:00"), "morning") == at("02 09:10")
    assert desk.again("power", "no-answer", 1, at("02 11:30"), "morning") == at("03 08:00")
    assert desk.again("power", "busy", 1, at("02 09:00"), "night") == at("02 09:10")


def test_after_the_last_attempt_there_is_no_more():
    desk = promises(OFFICE, attempts=2, again={"busy": 60.0})
    assert desk.again("power", "busy", 1, at("02 09:00")) == at("02 09:01")
    assert desk.again("power", "busy", 2, at("02 09:00")) is None
    assert desk.again("power", "no-answer", 1, at("02 09:00")) == at("02 10:00")  # as without a rule for it


def test_what_has_no_delay_of_its_own_is_tried_again_as_what_failed():
    desk = promises(OFFICE, again={"failed": 120.0})
    assert desk.again("power", "lost", 1, at("02 09:00")) == at("02 09:02")


def test_delays_are_real_time_where_clocks_change():
    berlin = ZoneInfo("Europe/Berlin")
    night = Calendar("night", berlin, dict.fromkeys(range(7), spans("22:00-06:00")))
    before = datetime(2026, 10, 25, 2, 30, tzinfo=berlin)
    again = promises(night).again("power", "no-answer", 1, before)
    assert again is not None
    assert again.astimezone(UTC) - before.astimezone(UTC) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("left", "part", "said"),
    [
        ("06 22:15", "", "day-1 from-08-00 until-12-00"),
        ("06 22:15", "afternoon", "day-1 from-13-00 until-17-00"),
        ("02 09:00", "", "today from-13-00 until-17-00"),
        ("02 18:00", "", "tomorrow from-08-00 until-12-00"),
    ],
)
def test_the_hours_of_the_promise_are_spoken(left: str, part: str, said: str):
    desk, now = promises(), at(left)
    due = desk.due("power", now, part)
    assert desk.spoken("power", due, now, "en", part) == ("message-saved", "callback-promise", *said.split())


def test_nothing_is_promised_where_somebody_is_there_and_no_hours_where_it_is_a_whole_day():
    desk, now = promises(ALWAYS), at("02 10:10")
    assert desk.spoken("power", desk.due("power", now), now, "en") == ("message-saved",)
    weekdays = promises(Calendar("weekdays", ZONE, dict.fromkeys(range(5), spans("00:00-24:00"))))
    friday = at("06 10:10")
    due = Calendar("sunday", ZONE, {6: spans("00:00-24:00")}).due(friday)
    assert weekdays.spoken("power", due, friday, "en") == ("message-saved", "callback-promise", "day-7", "time-00-00")


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        (["08:00-12:00"], ["10:00-14:00"], ["10:00-12:00"]),
        (["08:00-12:00"], ["12:00-14:00"], []),
        (["22:00-06:00"], ["05:00-08:00"], ["05:00-06:00"]),
        (["05:00-08:00"], ["22:00-06:00"], ["05:00-06:00"]),
        (["22:00-06:00"], ["23:00-05:00"], ["23:00-05:00"]),
        (["22:00-06:00"], ["20:00-23:00", "04:00-07:00"], ["04:00-06:00", "22:00-23:00"]),
        (["00:00-24:00"], ["22:00-06:00"], ["00:00-06:00", "22:00-24:00"]),
        (["08:00-12:00", "11:00-13:00"], ["00:00-24:00"], ["08:00-13:00"]),
        ([], ["08:00-12:00"], []),
    ],
)
def test_clock_hours_in_common(one: list[str], other: list[str], both: list[str]):
    assert common(spans(*one), spans(*other)) == spans(*both)


def test_the_next_day_begins_where_a_days_calls_are_counted_and_not_in_the_zone_of_the_queue():
    tokyo = Calendar("tokyo", ZoneInfo("Asia/Tokyo"), dict.fromkeys(range(7), spans("08:00-20:00")))
    late = at("02 23:00")  # the 3rd in Tokyo
    assert promises(tokyo).next_day("power", late.timestamp(), ZONE) == at("03 06:00").timestamp()


def due(when: str, part: str, first: str = "") -> Promise:
    """A promise that is due, and was so at first."""
    moment = at(when).timestamp()
    first_due = at(first).timestamp() if first else moment
    return Promise(id="a", state=State.DUE, queue="power", due=moment, first_due=first_due, part=part)


@pytest.mark.parametrize(
    ("promise", "now", "rung"),
    [
        (due("02 08:00", "morning"), "02 11:59:59", True),
        (due("02 08:00", "morning"), "02 12:00", False),
        (due("02 08:00", "morning"), "02 13:00", False),
        (due("02 08:00", "morning"), "03 08:00", True),
        (due("02 13:00", "afternoon"), "03 08:00", False),
        (due("02 08:00", ""), "02 13:00", True),
        (due("02 08:00", ""), "02 12:00", False),  # closed
        (due("02 15:00", "morning"), "02 15:00", True),  # staff put it there
        (due("02 08:00", "evening"), "02 13:00", True),  # no such part (any more)
        (due("09 08:00", "night"), "09 10:00", True),  # it never comes
        (due("16 08:00", "morning", first="02 08:00"), "16 07:59:59", False),  # before the opening
        (due("13 08:00", "morning", first="02 08:00"), "13 14:00", False),
        (due("16 08:00", "morning", first="02 08:00"), "16 14:00", True),  # after two weeks of mornings
    ],
)
def test_who_chose_a_part_of_the_day_may_be_rung_in_it_alone_unless_it_gives_way(
    promise: Promise, now: str, rung: bool
):
    assert promises().may_ring(promise, at(now)) is rung


@pytest.mark.parametrize(
    ("part", "now", "over"),
    [
        ("morning", "02 11:59", False),
        ("morning", "02 12:00", True),  # the next one is tomorrow
        ("day", "02 12:30", False),  # a break, and on it goes
        ("day", "02 15:59", False),
        ("day", "02 16:00", True),
        ("day", "02 17:30", True),
        ("", "02 17:30", False),
    ],
)
def test_a_part_of_the_day_is_over_when_it_does_not_go_on_the_same_day(part: str, now: str, over: bool):
    assert promises().is_part_over(due("02 08:00", part), at(now)) is over


def test_a_part_of_the_day_that_goes_round_midnight_is_over_in_the_morning():
    assert promises(ALWAYS).is_part_over(due("02 22:00", "night"), at("03 05:59")) is False
    assert promises(ALWAYS).is_part_over(due("02 22:00", "night"), at("03 06:00")) is True


@pytest.mark.parametrize(
    ("promise", "now", "again"),
    [
        (due("02 08:00", "morning"), "02 11:58", "02 11:59"),
        (due("02 08:00", "morning"), "02 11:59:40", "03 08:00"),
        (due("02 08:00", ""), "02 11:59:40", "02 13:00"),
        (due("02 15:00", "morning"), "02 15:10", "02 15:11"),
    ],
)
def test_who_was_not_tried_is_in_line_again_in_the_same_part_of_the_day(promise: Promise, now: str, again: str):
    assert untried(promises(), promise, at(now).timestamp()).due == at(again).timestamp()


@pytest.mark.parametrize(("part", "again"), [("", "03 08:00"), ("morning", "03 08:00"), ("afternoon", "03 13:00")])
def test_the_next_day_begins_with_the_part_that_was_chosen(part: str, again: str):
    assert promises().next_day("power", at("02 15:00").timestamp(), ZONE, part) == at(again).timestamp()
