"""AGI's grammar: transcripts as Asterisk writes them, hostile ones, and rules that hold for any bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agi.protocol import (
    MAX_COMMAND,
    MAX_HEADER_BYTES,
    MAX_LINE,
    CommandRefused,
    Event,
    HangUp,
    Parser,
    ProtocolError,
    Reply,
    Request,
    encode,
    encode_exec,
)

HEAD = """\
agi_network: yes
agi_network_script: call?a=1&b=&a=2
agi_request: agi://127.0.0.1:4573/call?a=1&b=&a=2
agi_channel: PJSIP/trunk-00000001
agi_uniqueid: pbx1-1.1
agi_callerid: +84901234567
agi_calleridname: unknown
agi_extension: 1900
agi_accountcode: \n\
agi_arg_1: pbx1-1.1
agi_arg_2: \n\
agi_arg_3: 1

"""


def parse(text: str | bytes) -> list[Event]:
    return list(Parser().feed(text.encode() if isinstance(text, str) else text))


def replies(text: str) -> list[Event]:
    return parse(HEAD + text)[1:]


def request(text: str = HEAD) -> Request:
    [event] = parse(text)
    assert isinstance(event, Request)
    return event


# -- requests -----------------------------------------------------------------------------------------------------


def test_a_header_block_is_a_request():
    call = request()
    assert call.script == "call"
    assert call.args == ("pbx1-1.1", "", "1")
    assert (call.channel, call.extension) == ("PJSIP/trunk-00000001", "1900")
    assert call.caller == "+84901234567"


def test_a_withheld_number_is_empty():
    assert request(HEAD.replace("+84901234567", "unknown")).caller == ""


def test_a_request_without_a_script_has_an_empty_one():
    assert request(HEAD.replace("agi_network_script: call?a=1&b=&a=2\n", "")).script == ""


def test_of_two_equal_headers_the_first_wins():
    assert request(HEAD.replace("\n\n", "\nagi_callerid: 1\n\n")).caller == "+84901234567"


@pytest.mark.parametrize(
    "name",
    ["agi_network_script", "agi_request", "agi_channel", "agi_uniqueid", "agi_extension", "agi_arg_1", "agi_arg_2"],
)
def test_a_second_header_that_decides_whose_call_it_is_refuses_the_request(name: str):
    forged = HEAD.replace("agi_calleridname: unknown", f"agi_calleridname: x\n{name}: forged")
    with pytest.raises(ProtocolError, match="another call"):
        parse(forged)


def test_control_characters_are_dropped_from_values():
    assert request(HEAD.replace("unknown", "a\x00b\x1b[31m\x7f\u2028c\r")).headers["agi_calleridname"] == "ab[31mc"


def test_bytes_that_are_no_utf8_do_not_stop_a_call():
    [call] = parse(HEAD.encode().replace(b"unknown", b"Caf\xe9"))
    assert isinstance(call, Request)
    assert call.headers["agi_calleridname"] == "Caf\ufffd"


@pytest.mark.parametrize("name", ["agi_request", "agi_channel", "agi_uniqueid"])
def test_a_request_must_say_whose_call_it_is(name: str):
    lines = [line for line in HEAD.splitlines() if not line.startswith(name)]
    with pytest.raises(ProtocolError, match=name):
        parse("\n".join(lines) + "\n\n")


@pytest.mark.parametrize("line", ["GET / HTTP/1.1", "Host: x", "agi_nothing", "agi_channel=x", "", "\r"])
def test_anything_but_headers_is_refused(line: str):
    with pytest.raises(ProtocolError):
        parse(f"{line}\n{HEAD}\n\n")


def test_endless_headers_are_refused_before_they_end():
    parser = Parser()
    with pytest.raises(ProtocolError, match="longer"):
        for number in range(10_000):
            list(parser.feed(f"agi_x_{number}: {'y' * 100}\n".encode()))
    assert parser._rest == b""


def test_too_many_headers_are_refused():
    with pytest.raises(ProtocolError, match="headers"):
        parse("".join(f"agi_{number}: \n" for number in range(400)) + "\n")


def test_a_finished_parser_stays_finished():
    parser = Parser()
    with pytest.raises(ProtocolError):
        list(parser.feed(b"nonsense\n\n"))
    with pytest.raises(ProtocolError):
        list(parser.feed(HEAD.encode()))


# -- replies ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "reply"),
    [
        ("200 result=0", Reply(200, "0")),
        ("200 result=-1", Reply(200, "-1")),
        ("200 result=1 (a (b) c)", Reply(200, "1", "a (b) c")),
        ("200 result=1 ()", Reply(200, "1")),
        ("200 result=1 (x) endpos=5)", Reply(200, "1", "x) endpos=5")),
        ("200 result=0 (timeout)", Reply(200, "0", "timeout")),
        ("200 result= (timeout)", Reply(200, "", "timeout")),
        ("200 result=*12#", Reply(200, "*12#")),
        ("200 result=49 endpos=8000", Reply(200, "49", "", 8000)),
        ("200 result=-1 (hangup) endpos=16000", Reply(200, "-1", "hangup", 16000)),
        ("510 Invalid or unknown command", Reply(510, "", "Invalid or unknown command")),
        ("511 Command Not Permitted on a dead channel", Reply(511, "", "Command Not Permitted on a dead channel")),
        ("520 Invalid command syntax.  Proper usage not available.",
         Reply(520, "", "Invalid command syntax.  Proper usage not available.")),
        ("HANGUP", HangUp()),
    ],
)  # fmt: skip
def test_a_line_is_an_event(line: str, reply: Event):
    assert replies(line + "\n") == [reply]


def test_a_usage_text_is_one_reply():
    text = """\
520-Invalid command syntax.  Proper usage follows:
 Usage: STREAM FILE
200 result=0

520 End of proper usage.
200 result=0
"""
    assert replies(text) == [Reply(520, "", "Invalid command syntax."), Reply(200, "0")]


def test_an_endless_usage_text_is_refused():
    with pytest.raises(ProtocolError, match="usage"):
        replies("520-Invalid\n" + "x\n" * 100_000)


def test_a_hang_up_glued_to_its_neighbours_is_heard():
    assert replies("200 result=-1\nHANGUP\nHANGUP\n200 result=0\n") == [
        Reply(200, "-1"), HangUp(), HangUp(), Reply(200, "0"),
    ]  # fmt: skip


def test_still_trying_is_no_reply():
    assert replies("100 result=0 Trying...\n200 result=0\n") == [Reply(200, "0")]


@pytest.mark.parametrize(
    "line",
    ["", "hello", "200", "200 OK", "200 result=1 (open", "200 result=1 trailing", "HANGUP 1", "agi_x: 1", "999 x"],
)
def test_what_asterisk_never_sends_is_refused(line: str):
    with pytest.raises(ProtocolError, match="would not send"):
        replies(line + "\n")


def test_events_before_nonsense_still_count():
    seen = []
    with pytest.raises(ProtocolError):
        for event in Parser().feed(f"{HEAD}HANGUP\nnonsense\n200 result=0\n".encode()):
            seen.append(event)
    assert seen[1:] == [HangUp()]


@pytest.mark.parametrize("tail", ["", "\n"])
def test_a_line_without_end_is_refused(tail: str):
    with pytest.raises(ProtocolError, match="longer"):
        replies("200 result=1 (" + "x" * MAX_LINE + ")" + tail)


def test_a_result_that_should_be_a_number_and_is_none_is_refused():
    with pytest.raises(ProtocolError, match="number"):
        _ = Reply(200, "*12#").number


# -- commands -----------------------------------------------------------------------------------------------------


def test_words_are_quoted():
    assert encode("STREAM FILE", 'a "b" \\c', "", 5) == b'STREAM FILE "a \\"b\\" \\\\c" "" "5"\n'


@pytest.mark.parametrize("bad", ["a\nHANGUP", "a\rb", "a\0b"])
def test_a_line_break_in_a_word_is_refused(bad: str):
    with pytest.raises(CommandRefused, match="line break"):
        encode("SET VARIABLE", "X", bad)


@pytest.mark.parametrize("verb", ["", "noop", "NOOP\nHANGUP", 'NOOP "x"', "A B C D"])
def test_a_verb_is_capital_letters(verb: str):
    with pytest.raises(CommandRefused, match="capital letters"):
        encode(verb)


def test_a_command_that_asterisk_would_cut_is_refused():
    encode("NOOP", "x" * (MAX_COMMAND - 9))
    with pytest.raises(CommandRefused, match="too long"):
        encode("NOOP", "x" * MAX_COMMAND)
    with pytest.raises(CommandRefused, match="too long"):
        encode("NOOP", *("x" for _ in range(127)))


def test_only_allowed_applications_run():
    assert encode_exec("Dial", "PJSIP/anna", 15, "g") == b'EXEC "Dial" "PJSIP/anna,15,g"\n'
    for application in ("System", "dial", "TrySystem", "MixMonitor", "Dial,x", "AGI"):
        with pytest.raises(CommandRefused, match="not one of"):
            encode_exec(application, "x")


@pytest.mark.parametrize("bad", ["a,b", "${SHELL(x)}", "$[1+1]"])
def test_an_argument_of_an_application_stays_one(bad: str):
    with pytest.raises(CommandRefused, match="comma or an expression"):
        encode_exec("Dial", bad)


# -- rules for any bytes ------------------------------------------------------------------------------------------

LINES = st.sampled_from(
    [b"200 result=0\n", b"200 result=1 (a (b) c)\n", b"200 result=-1 (hangup) endpos=9\n", b"HANGUP\n",
     b"520-Invalid\n", b" usage\n", b"520 End of proper usage.\n", b"511 dead\n", b"100 x\n", b"nonsense\n", b"\n"]
)  # fmt: skip
STREAMS = st.one_of(
    st.lists(LINES, max_size=12).map(lambda lines: HEAD.encode() + b"".join(lines)),
    st.lists(st.one_of(LINES, st.binary(max_size=30)), max_size=12).map(b"".join),
    st.binary(max_size=200).map(lambda tail: HEAD.encode()[:-1] + tail),
)


def outcome(pieces: list[bytes]) -> tuple[list[Event], bool]:
    """The events, and whether it ended in a ProtocolError. Memory must stay bounded."""
    parser, events = Parser(), []
    try:
        for piece in pieces:
            for event in parser.feed(piece):
                events.append(event)
            assert len(parser._rest) <= max(MAX_LINE, MAX_HEADER_BYTES)
    except ProtocolError:
        return events, True
    return events, False


@given(STREAMS, st.data())
def test_how_the_bytes_are_cut_changes_nothing(stream: bytes, data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=20)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    assert outcome(pieces) == outcome([stream]) == outcome([bytes([byte]) for byte in stream])


@given(st.binary(max_size=3000))
def test_no_bytes_raise_anything_but_a_protocol_error(noise: bytes):
    outcome([noise])
    outcome([HEAD.encode(), noise])


def split_as_asterisk_does(line: str) -> list[str]:
    """res_agi's own rules of quoting: quotes group, a backslash makes the next character an ordinary one."""
    words: list[str] = []
    quoted = escaped = False
    inside = False
    for char in line:
        if char == '"' and not escaped:
            quoted = not quoted
            if quoted and not inside:
                words.append("")
                inside = True
        elif char in " \t" and not quoted and not escaped:
            inside = False
        elif char == "\\" and not escaped:
            escaped = True
            continue
        else:
            if not inside:
                words.append("")
                inside = True
            words[-1] += char
        escaped = False
    return words


@given(
    st.lists(st.text(st.characters(exclude_characters="\n\r\0", exclude_categories=["Cs"]), max_size=40), max_size=6)
)
def test_asterisk_reads_the_very_words_that_were_sent(words: list[str]):
    line = encode("SET VARIABLE", *words).decode()
    assert line.count("\n") == 1
    assert split_as_asterisk_does(line[:-1]) == ["SET", "VARIABLE", *words]
