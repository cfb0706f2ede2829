"""What the PBX says, as recorded from Asterisk 22, and what a caller could make it say."""

import dataclasses

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ami.events import (
    ChannelRow,
    DeviceRow,
    DeviceStateChange,
    DialEnd,
    Hangup,
    OriginateResponse,
    parse_channel,
    parse_device,
    parse_event,
)
from ami.headers import MAX_HEADERS, MAX_VALUE, Malformed, Message


def message(text: str) -> Message:
    return Message.parse(text.strip("\n").replace("\n", "\r\n"))


HANGUP = """
Event: Hangup
Privilege: call,all
Channel: PJSIP/caller-00000001
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 123456
CallerIDName: x y
Language: en
AccountCode:
Uniqueid: 1795328001.2
Linkedid: 1795328001.2
ChanVariable: HOTLINE_OFFER=anna:7
Cause: 16
Cause-txt: Normal Clearing
"""

DIAL_END = """
Event: DialEnd
Privilege: call,all
Channel: PJSIP/caller-00000001
Uniqueid: 1795328001.2
Linkedid: 1795328001.2
ChanVariable: HOTLINE_OFFER=anna:9
DestChannel: PJSIP/anna-00000002
DestUniqueid: 1795328001.3
DestLinkedid: 1795328001.2
DestChanVariable: HOTLINE_OFFER=
DialStatus: ANSWER
"""

DIAL_END_OF_ORIGINATE = """
Event: DialEnd
Privilege: call,all
DestChannel: Local/dial@t-00000000;1
DestUniqueid: hl-1
DestLinkedid: hl-1
DestChanVariable: HOTLINE_OFFER=bob:3
DialStatus: ANSWER
"""

CHANNEL = """
Event: CoreShowChannel
ActionID: hotline-1
Channel: PJSIP/caller-00000001
ChannelState: 6
ChannelStateDesc: Up
CallerIDNum: 123456
Uniqueid: 1795328001.2
Linkedid: 1795328001.2
ChanVariable: HOTLINE_OFFER=anna:9
Application: Dial
ApplicationData: PJSIP/anna,5
Duration: 00:01:02
BridgeId: ac8d3df2
"""

CALL = {"channel": "PJSIP/caller-00000001", "linkedid": "1795328001.2"}


@pytest.mark.parametrize(
    ("text", "event"),
    [
        (HANGUP, Hangup(uniqueid="1795328001.2", offer="anna:7", **CALL)),
        (DIAL_END, DialEnd(dest_channel="PJSIP/anna-00000002", status="ANSWER", offer="anna:9", **CALL)),
        (DIAL_END_OF_ORIGINATE, DialEnd("", "hl-1", "Local/dial@t-00000000;1", "ANSWER", "bob:3")),
        ("Event: DeviceStateChange\nDevice: PJSIP/anna\nState: RINGING", DeviceStateChange("PJSIP/anna", "RINGING")),
        (
            "Event: OriginateResponse\nActionID: o2\nResponse: Failure\nReason: 0\nUniqueid: hl-1",
            OriginateResponse("o2", "hl-1", ok=False, reason=0),
        ),
        ("Event: FullyBooted\nStatus: Fully Booted", None),
        ("Event: Newexten\nChannel: PJSIP/caller-00000001\nAppData: 123456", None),
        ("Asterisk Call Manager/11.0.0\nno header at all", None),
    ],
)
def test_an_event_is_read(text: str, event: object) -> None:
    assert parse_event(message(text)) == event


def test_the_answer_to_an_action_is_no_news() -> None:
    row = message("Event: DeviceStateChange\nActionID: hotline-2\nDevice: PJSIP/anna\nState: INUSE")
    assert parse_event(row) is None
    assert parse_device(row) == DeviceRow("PJSIP/anna", "INUSE")


def test_a_channel_of_the_snapshot_is_read() -> None:
    assert parse_channel(message(CHANNEL)) == ChannelRow(
        uniqueid="1795328001.2",
        state="Up",
        bridge_id="ac8d3df2",
        **CALL,
    )


@pytest.mark.parametrize(
    "line",
    [
        "Linkedid: another",
        "linkedid: another",
        "LINKEDID:another",
        "Channel: PJSIP/another",
        "Event: Shutdown",
        "Uniqueid: another",
        "ChanVariable: HOTLINE_OFFER=eve:1",
        "chanvariable: HOTLINE_OFFER=eve:1",
    ],
)
@pytest.mark.parametrize("after", ["Event: Hangup", "CallerIDName: x y", "Cause-txt: Normal Clearing"])
def test_a_header_that_a_value_smuggled_in_condemns_the_message(line: str, after: str) -> None:
    with pytest.raises(Malformed):
        parse_event(message(HANGUP.replace(after, f"{after}\n{line}")))


def test_a_second_header_that_nobody_reads_is_nothing() -> None:
    assert parse_event(message(HANGUP + "CallerIDName: again")) == parse_event(message(HANGUP))


@pytest.mark.parametrize("value", ["a\nb", "a\rb", "a\0b", "a\x1b[2J", "a\u2028b", "", "x" * (MAX_VALUE + 1)])
def test_a_value_that_cannot_be_one_condemns_the_message(value: str) -> None:
    headers = [("Event", "Hangup"), ("Channel", value), ("Uniqueid", "1"), ("Linkedid", "1")]
    with pytest.raises(Malformed):
        parse_event(Message(headers))


@pytest.mark.parametrize("reason", ["-1", "1e3", "²", "9999999999", "0x10"])
def test_a_reason_is_a_small_number(reason: str) -> None:
    with pytest.raises(Malformed):
        parse_event(message(f"Event: OriginateResponse\nActionID: o2\nResponse: Failure\nReason: {reason}"))


def test_a_message_without_end_of_headers_is_refused() -> None:
    with pytest.raises(Malformed):
        Message.parse("\r\n".join(["A: b"] * (MAX_HEADERS + 1)))


HOSTILE = st.text(max_size=60) | st.sampled_from(
    ["x\r\nLinkedid: other", "x\r\nEvent: Shutdown", "x\r\nChanVariable: HOTLINE_OFFER=eve:1", "x\r\n\r\nEvent: y"]
)


@given(HOSTILE, st.sampled_from([HANGUP, DIAL_END]))
@example("x\r\nUniqueid: other", HANGUP)
def test_whatever_a_caller_is_called_the_event_is_the_same_or_refused(name: str, text: str) -> None:
    """The caller's name comes first here, where it can do the most."""
    genuine = message(text)
    wire = text.strip("\n").replace("\n", f"\nCallerIDName: {name}\n".replace("\r\n", "\n"), 1).replace("\n", "\r\n")
    first, *rest = wire.split("\r\n\r\n")
    try:
        heard = [parse_event(Message.parse(part)) for part in (first, *rest)]
    except Malformed:
        return
    assert heard == [parse_event(genuine)]


@given(st.lists(st.tuples(st.sampled_from(["Event", "Channel", "ChanVariable", "X"]) | st.text(), st.text())))
def test_any_headers_give_an_event_none_or_malformed(headers: list[tuple[str, str]]) -> None:
    try:
        event = parse_event(Message(headers))
    except Malformed:
        return
    if event is not None:
        values = dataclasses.asdict(event).values()
        assert all(
            not isinstance(value, str) or (value.isprintable() and len(value) <= MAX_VALUE) for value in values
        )
