"""Forecasts as spreadsheets export them, and what is said of those that can't be read."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.schema.problems import ConfigError
from hotline.staffing.forecast import Slot, load, loads

EXAMPLE = Path(__file__).parents[3] / "config" / "simulations" / "forecast.csv"


def problems(text: str, length: float = 1800.0) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "f.csv", length)
    return str(caught.value).splitlines()


def test_the_example_is_a_day_with_a_break() -> None:
    slots = load(EXAMPLE)
    assert (slots[0].name, slots[0].calls, slots[0].handle, slots[0].patience) == ("07:30", 42, 220, 120)
    begins = {slot.name: slot.begins for slot in slots}
    assert begins["11:00"] == 3.5 * 3600
    assert begins["13:00"] == 5.5 * 3600


def test_two_columns_are_enough_and_slots_then_follow_one_another() -> None:
    assert loads("calls,handle\n30,120\n45,2m30s\n", length=900, patience=60) == (
        Slot("1", 0.0, 900, 30, 120, 60),
        Slot("2", 900.0, 900, 45, 150, 60),
    )


@pytest.mark.parametrize(
    "text",
    [
        "start;calls;handle\n08:00;97,5;180\n",
        "start\tcalls\thandle\n08:00\t97,5\t180\n",
        'start,calls,handle\n08:00,97.5,"180"\n',
        '"Start", "Calls", "Handle"\r\n"08:00", "97.5", 180\r\n\r\n',
        "handle,calls,start\n3m,97.5,08:00\n",
        "start,calls,handle,\n08:00,97.5,180,\n,,,\n",
    ],
    ids=["semicolons", "tabs", "quotes", "spaces-and-quotes", "other-order", "empty-cells"],
)
def test_what_spreadsheets_make_of_it_is_understood(text: str) -> None:
    assert loads(text) == (Slot("08:00", 0.0, 1800, 97.5, 180, math.inf),)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'start\tcalls\thandle\n08:00\t"1,250"\t180\n',
            "f.csv:2:7: '1,250' may mean 1250 or 1.2500; write one of these",
        ),
        ("calls;handle\n1.250;180\n", "f.csv:2:1: '1.250' may mean 1250 or 1.2500; write one of these instead"),
        ("calls;handle\n125;1.250\n", "f.csv:2:5: '1.250' may mean 1250 or 1.2500; write one of these instead"),
        ("calls;handle\n1.250.000;180\n", "f.csv:2:1: '1.250.000' is no number of calls; write it like 120 or 97.5"),
        ('calls,handle\n"1,250",180\n', "f.csv:2:1: '1,250' is no number of calls; write it like 120 or 97.5"),
    ],
)
def test_thousands_with_a_separator_are_not_taken_for_decimals(text: str, said: str) -> None:
    (problem,) = problems(text)
    assert problem.startswith(said)


def test_a_decimal_of_three_digits_is_one_where_nothing_else_can_be_meant() -> None:
    assert loads("calls,handle\n1.250,180\n")[0].calls == 1.25
    assert loads("calls;handle\n0,125;180\n")[0].calls == 0.125
    assert loads("calls;handle\n1.2500;180\n")[0].calls == 1.25


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("calls,handle\n30,120\n", encoding="utf-8-sig")
    assert load(path)[0].calls == 30


def test_days_are_told_apart_by_their_dates() -> None:
    slots = loads("start,calls,handle\n2026-11-23 23:30,5,60\n2026-11-24T00:00,4,60\n2026-11-25 00:00,3,60\n")
    assert [slot.begins for slot in slots] == [0, 1800, 88200]


def test_a_slot_without_calls_needs_no_handle_time() -> None:
    assert [slot.load for slot in loads("calls,handle\n0,\n0,0\n")] == [0, 0]


def test_every_problem_is_told_at_once_with_its_place() -> None:
    text = (
        "start,calls,handle,patience\n"
        "08:00,many,180,\n"
        "08:15,10,180,2m\n"
        "25:00,-1,0,5h\n"
        "09:00,10\n"
        "2026-11-23 09:30,,3 minutes,,7\n"
    )
    assert problems(text) == [
        "f.csv:2:7: 'many' is no number of calls; write it like 120 or 97.5",
        "f.csv:3:1: this slot begins before the 30 minutes of the one above are over; put them in order, "
        "write dates past midnight, or give their length with --slot",
        "f.csv:4:1: '25:00' is no start of a slot; write 08:30, or 2026-11-23 08:30, in local time",
        "f.csv:4:7: '-1' is no number of calls; write it like 120 or 97.5",
        "f.csv:4:10: must last from 1s to 4h, not 0s",
        "f.csv:4:12: must last from 1s to 1h, not 5h",
        "f.csv:5:9: '' is no length of time; write it like 20s, 2m, 1m30s or 1h",
        "f.csv:6:1: some slots have a date and others have none; write all of them alike",
        "f.csv:6:18: how many calls? Write 0 where none are expected",
        "f.csv:6:19: '3 minutes' is no length of time; write it like 20s, 2m, 1m30s or 1h",
        "f.csv:6:30: a cell too many: the first line names only 4 columns",
    ]


def test_problems_of_the_first_line_come_alone() -> None:
    assert problems("start,cals,aht,start\n08:00,10,180,\n") == [
        "f.csv:1:1: column 'calls' is missing; begin with a line like start,calls,handle",
        "f.csv:1:1: column 'handle' is missing; begin with a line like start,calls,handle",
        "f.csv:1:7: unknown column 'cals' (did you mean 'calls'?)",
        "f.csv:1:12: unknown column 'aht' (there are calls, handle, patience, start)",
        "f.csv:1:16: column 'start' stands here twice; keep one of them",
    ]


@pytest.mark.parametrize("text", ["", "\n\n", ",,,\n"])
def test_an_empty_file_is_told_how_to_begin(text: str) -> None:
    assert problems(text)[0].startswith("f.csv:1:1: column 'calls' is missing; begin with a line like")


def test_a_header_alone_is_no_forecast() -> None:
    assert problems("calls,handle\n") == ["f.csv:1:1: no slot follows this line; write one line for each"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("100001,60", "f.csv:2:1: 100001 calls are more than the 100000 that one slot may have"),
        ("90000,4h", "f.csv:2:1: on average 720000 of these calls are in progress; 5000 is the most of one queue"),
    ],
)
def test_absurd_loads_are_questioned(row: str, said: str) -> None:
    assert problems(f"calls,handle\n{row}\n") == [said]


def test_a_zone_in_a_start_is_refused() -> None:
    assert "local time" in problems("start,calls,handle\n2026-11-23T08:30+07:00,1,60\n")[0]


def test_files_that_are_no_text_are_told_as_such(tmp_path: Path) -> None:
    path = tmp_path / "forecast.csv"
    with pytest.raises(ConfigError, match=r"forecast.csv:1:1: the file can't be read: No such file"):
        load(path)
    path.write_bytes(b"calls,handle\n\xff\xfe,1\n")
    with pytest.raises(ConfigError, match=r"forecast.csv:2:1: this line is not UTF-8"):
        load(path)
    path.write_bytes(b"x" * 2_000_001)
    with pytest.raises(ConfigError, match=r"larger than"):
        load(path)


@given(st.text(alphabet='calhndestrpi,;\t"\n 0189:.-\r\x85\u2028é', max_size=200))
def test_any_text_is_read_or_refused_with_places(text: str) -> None:
    try:
        slots = loads(text, "f.csv")
    except ConfigError as problems:
        assert problems.problems
        assert all(each.line >= 1 and each.col >= 1 and each.message for each in problems.problems)
    else:
        assert all(math.isfinite(slot.load) for slot in slots)


@given(st.text(alphabet='0189:.,-sm";x ', max_size=60))
def test_any_row_is_read_or_refused_with_places(row: str) -> None:
    try:
        slots = loads(f"start,calls,handle,patience\n08:00,10,60,\n{row}\n", "f.csv")
    except ConfigError as problems:
        assert {each.line for each in problems.problems} == {2} or min(p.line for p in problems.problems) >= 2
    else:
        assert all(math.isfinite(slot.load) for slot in slots)
