"""The log, read back line by line."""

from __future__ import annotations

import asyncio
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import fields
from typing import Any, get_type_hints

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.contextvars import bound_contextvars

from hotline.events import AgentAnswered, CallStarted, Event, LinkChanged, PromptPlayed, VoicemailSaved
from hotline.logs import MASK, configure_logging, event_logger, mask_numbers, masked

CALL = "pbx1-1795328001.2"
NUMBER = "+84901234567"


class Log(io.StringIO):
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


@pytest.fixture
def log() -> Iterator[Log]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    stream = Log()
    configure_logging(stream)
    yield stream
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


def test_an_event_is_a_line_of_its_name_and_fields(log: Log) -> None:
    event_logger()(AgentAnswered(at=1795328001.25, call=CALL, queue="support", agent="anna", waited=12.0625))
    (line,) = log.lines()
    timestamp = line.pop("timestamp")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z", timestamp)
    assert line == {
        "event": "AgentAnswered",
        "level": "info",
        "logger": "hotline.events",
        "at": 1795328001.25,
        "call": CALL,
        "queue": "support",
        "agent": "anna",
        "waited": 12.0625,
    }


def test_moments_and_ids_of_ours_are_left_whole(log: Log) -> None:
    emit = event_logger()
    emit(
        VoicemailSaved(
            at=1.0, call=CALL, queue="q", promise="v-1795328001", seconds=9.5, due=1795399999.0, hung_up=True
        )
    )
    emit(PromptPlayed(at=1.0, call=CALL, prompts=("welcome", "menu"), language="vi"))
    emit(LinkChanged(at=1.0, link="redis", up=False))
    emit(CallStarted(at=1.0, call=CALL, entry="19001234567"))
    structlog.get_logger().warning("A line is torn.", path="fallback/pbx1-1795328001.2.wav", byte=1795328001)
    saved, played, link, started, torn = log.lines()
    assert started["entry"] == "19001234567", "the hotline's own number"
    assert (torn["path"], torn["byte"]) == ("fallback/pbx1-1795328001.2.wav", 1795328001)
    assert (saved["promise"], saved["due"], saved["seconds"]) == ("v-1795328001", 1795399999.0, 9.5)
    assert played["prompts"] == ["welcome", "menu"]
    assert "call" not in link


def _all_kinds(kind: type[Event] = Event) -> Iterator[type[Event]]:
    for each in kind.__subclasses__():
        yield each
        yield from _all_kinds(each)


def test_no_figure_of_an_event_is_taken_for_a_phone_number(log: Log) -> None:
    """A promise may be weeks old, and 100,000 seconds are not much more than a day."""
    values: dict[Any, Any] = {float: 1795399999.5, int: 100_000, bool: True, str: "x", tuple[str, ...]: ()}
    emit = event_logger()
    for kind in _all_kinds():
        types = get_type_hints(kind)
        emit(kind(**{each.name: values[types[each.name]] for each in fields(kind)}))
    assert len(log.lines()) > 20
    masks = {(line["event"], name) for line in log.lines() for name, value in line.items() if value == MASK}
    assert masks == set(), "add these to NO_NUMBERS"


def test_every_line_of_a_call_carries_it_a_librarys_too(log: Log) -> None:
    with bound_contextvars(call=CALL):
        structlog.get_logger("hotline").info("Ours.")
        logging.getLogger("aiohttp").warning("%s of a library", "a line")
        event_logger()(CallStarted(at=1.0, entry="support"))
    structlog.get_logger("hotline").info("Nobody's.")
    assert [line.get("call") for line in log.lines()] == [CALL, CALL, CALL, None]
    assert log.lines()[1]["event"] == "a line of a library"


async def test_calls_side_by_side_do_not_mix(log: Log) -> None:
    both = asyncio.Barrier(2)

    async def call(name: str) -> None:
        with bound_contextvars(call=name):
            await both.wait()
            structlog.get_logger().info(name)

    await asyncio.gather(call("a"), call("b"))
    assert all(line["call"] == line["event"] for line in log.lines())
    assert len(log.lines()) == 2


def test_a_number_gets_out_by_no_way(log: Log) -> None:
    ours, library = structlog.get_logger("hotline"), logging.getLogger("library")
    ours.info(f"call from {NUMBER}")
    ours.info(
        "called", caller=NUMBER, more=[{"deep": (NUMBER,), NUMBER: 1}], whole=int(NUMBER), problem=ValueError(NUMBER)
    )
    ours.info("as %s", NUMBER)
    ours.info("bytes", raw=NUMBER.encode(), fraction=float(NUMBER))
    library.error("connection of %s", NUMBER)
    try:
        raise ValueError(NUMBER)
    except ValueError:
        ours.exception("failed")
        library.exception("failed")
    assert len(log.lines()) == 7
    assert "84901234567" not in log.getvalue().replace(".", "")
    assert "ValueError" in log.lines()[-1]["exception"]


def test_short_numbers_and_what_is_no_number_stay(log: Log) -> None:
    structlog.get_logger().info("x", agi="127.0.0.1:4573", rings=99_999, none=None, yes=True, small=0.123456789)
    (line,) = log.lines()
    assert (line["agi"], line["rings"], line["none"], line["yes"]) == ("127.0.0.1:4573", 99_999, None, True)
    assert line["small"] == 0.123456789


def test_a_terminal_gets_readable_lines_masked_alike(log: Log) -> None:
    configure_logging(log, console=True)
    try:
        raise ValueError(NUMBER)
    except ValueError:
        structlog.get_logger("hotline").exception("It failed.", caller=NUMBER)
    text = log.getvalue()
    assert "It failed." in text
    assert MASK in text
    assert "84901234567" not in text


def test_a_second_configuration_replaces_the_first(log: Log) -> None:
    second = Log()
    configure_logging(second)
    structlog.get_logger().info("once")
    assert log.lines() == []
    assert len(second.lines()) == 1


def test_debug_lines_stay_inside(log: Log) -> None:
    structlog.get_logger().debug("unseen")
    logging.getLogger("library").debug("unseen")
    assert log.lines() == []


def test_an_emit_never_raises(log: Log) -> None:
    log.close()
    event_logger()(LinkChanged(at=1.0, link="redis", up=True))


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.from_regex(r"\+?\d{6,15}"),
    lambda each: st.lists(each, max_size=3) | st.dictionaries(st.text(), each, max_size=3),
    max_leaves=10,
)


@given(VALUES)
def test_whatever_is_logged_no_six_digits_in_a_row_are_left(value: Any) -> None:
    line = mask_numbers(None, "info", {"event": "x", "value": value})

    def texts(each: Any) -> list[str]:
        if isinstance(each, dict):
            return [text for pair in each.items() for part in pair for text in texts(part)]
        if isinstance(each, list):
            return [text for part in each for text in texts(part)]
        return [each] if isinstance(each, str) else [str(int(each))] if isinstance(each, int) else []

    assert not any(re.search(r"\d{6}", text) for text in texts(line["value"]))


def test_a_bottomless_value_ends() -> None:
    deep: list[Any] = []
    for _ in range(500):
        deep = [deep]
    assert MASK not in str(masked(deep))
