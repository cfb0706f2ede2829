"""What may be sent to a PBX, and how its answer is read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ami.actions import MAX_LINE, headers_of, reply_of, variables_of
from ami.headers import Message


@pytest.mark.parametrize("breaking", ["\r", "\n", "\r\n", "\0", "a\r\n\r\nAction: Other", "a\nAction: Other"])
def test_nothing_that_starts_a_second_line_is_sent(breaking: str) -> None:
    for fields in ({"Channel": breaking}, {"Channel": ["good", breaking]}, {breaking: "x"}):
        with pytest.raises(ValueError, match=r"line break|no header of ours"):
            headers_of("Hangup", fields)
    with pytest.raises(ValueError, match="line break"):
        headers_of(breaking, {})


@pytest.mark.parametrize("name", ["", "Action", "actionid", "A: b", "A b", "Ä", "1A"])
def test_a_header_name_is_plain_and_not_ours(name: str) -> None:
    with pytest.raises(ValueError, match="no header of ours"):
        headers_of("Hangup", {name: "x"})


def test_values_are_written_as_asterisk_reads_them() -> None:
    assert headers_of("X", {"A": True, "B": 16, "C": "c", "D": ["d", "e"], "E": []}) == {
        "Action": "X",
        "A": "true",
        "B": "16",
        "C": "c",
        "D": ["d", "e"],
        "E": [],
    }


def test_a_line_longer_than_the_pbx_reads_is_refused() -> None:
    with pytest.raises(ValueError, match="at most"):
        headers_of("X", {"A": "é" * (MAX_LINE // 2)})
    with pytest.raises(ValueError, match="surrogates"):
        headers_of("X", {"A": "\ud800"})


@given(st.text(), st.text())
def test_whatever_is_let_through_stays_on_its_line(name: str, value: str) -> None:
    try:
        headers = headers_of("X", {name: value})
    except ValueError:
        return
    assert not set("\r\n\0") & set("".join(headers) + value)


@pytest.mark.parametrize("value", ["a,b", 'a"b', "a\\b", "a(b", "a)b", "a\nb"])
def test_a_variable_that_the_pbx_would_take_apart_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="channel variable"):
        variables_of({"X": value})


def test_variables_are_handed_over_one_by_one() -> None:
    assert variables_of({"__HOTLINE_OFFER": "anna:7", "B": "x y;z=1"}) == ["__HOTLINE_OFFER=anna:7", "B=x y;z=1"]
    with pytest.raises(ValueError, match="channel variable"):
        variables_of({"A=1,B": "x"})


def test_a_list_that_lost_a_row_is_not_whole() -> None:
    head, row = Message([("Response", "Success"), ("EventList", "start")]), Message([("Event", "CoreShowChannel")])
    end = Message([("Event", "CoreShowChannelsComplete"), ("EventList", "Complete"), ("ListItems", "2")])
    assert reply_of("1", [head, row, row, end]).whole
    assert not reply_of("1", [head, row, end]).whole
    assert reply_of("1", [head, row, end]).rows == (row,)
