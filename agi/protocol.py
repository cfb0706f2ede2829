"""The grammar of AGI, as Asterisk's res_agi speaks it. No sockets, no clock, no tasks.

Rules of this file:
- Bytes go in by `Parser.feed`, events come out: one `Request`, then `Reply` and `HangUp` in the order they
  arrived. How the bytes were cut into pieces never changes the events.
- What does not fit the grammar is a `ProtocolError`, at once, and the parser is finished. Nothing is guessed:
  a guess here would answer one command with the reply of another.
- Memory is bounded: a line, the header block and a usage text have limits of their own.
- Header values hold what a stranger typed into a phone. The first header of a name wins; a second one of a name
  that decides whose call this is refuses the request; control characters are dropped from every value.
- A command is one line. Whoever could put a line break into it could send a second command: refused.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

MAX_LINE = 8192
"""Bytes of a line from Asterisk; its longest is a variable's value, 1 KiB (4 KiB for a full expression)."""

MAX_HEADER_BYTES = 16_384
MAX_HEADERS = 160
"""Asterisk sends 23 and at most 127 arguments."""

MAX_USAGE_BYTES = 65_536
MAX_COMMAND = 2000
"""Bytes of a command. Asterisk reads 8,191 (in 20: 2,047) and takes what is left over for the next command."""

MAX_WORDS = 100
"""Asterisk silently cuts after 127."""

APPLICATIONS = frozenset({"Dial", "PlayTones", "StopPlayTones", "Wait"})
"""What EXEC may run. `live_dangerously` does not restrict EXEC, so this list does: only what the product needs,
and nothing that starts programs or writes files of its own choice (System, MixMonitor with its command)."""

_BEGINNING = b"agi_"
_DECIDING = frozenset({"agi_request", "agi_network_script", "agi_channel", "agi_uniqueid", "agi_extension"})
_NEEDED = ("agi_request", "agi_channel", "agi_uniqueid")
_ARGUMENT = "agi_arg_"

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_RESULT = re.compile(r"200 result=([^ ()]*)(?: \((.*)\))?(?: endpos=(-?\d{1,18}))?(?: Gosub [^\n]{0,200})?", re.ASCII)
_OTHER = re.compile(r"([3-5]\d\d) (.*)", re.ASCII)
_USAGE_BEGINS = "520-"
_USAGE_ENDS = "520 End of proper usage"
_SPECIAL = re.compile(r'[\n\r\0"\\]').search
_VERB = re.compile(r"[A-Z]+(?: [A-Z]+){0,2}")


class ProtocolError(ValueError):
    """The peer does not speak AGI (any more); the connection is of no further use."""


class CommandRefused(ValueError):
    """The command was not carried out: refused here before it was sent, or by Asterisk. The caller is still there."""


@dataclass(frozen=True)
class Request:
    """The header block of a call. Values carry no control characters but are otherwise what the network sent."""

    headers: Mapping[str, str]

    @property
    def channel(self) -> str:
        return self.headers["agi_channel"]

    @property
    def extension(self) -> str:
        """The dialed number."""
        return self.headers.get("agi_extension", "")

    @property
    def caller(self) -> str:
        """The caller's number as the network gave it; "" when it gave none."""
        number = self.headers.get("agi_callerid", "")
        return "" if number == "unknown" else number

    @cached_property
    def script(self) -> str:
        """The path of agi://host/path, without its query and leading slashes."""
        return self.headers.get("agi_network_script", "").partition("?")[0].strip("/")

    @cached_property
    def args(self) -> tuple[str, ...]:
        """agi_arg_1, agi_arg_2 … up to the first that is missing."""
        found: list[str] = []
        while (value := self.headers.get(f"{_ARGUMENT}{len(found) + 1}")) is not None:
            found.append(value)
        return tuple(found)


class Reply(NamedTuple):
    """The answer to one command. `result` and `value` are "" when there is none; `endpos` counts samples."""

    code: int
    result: str
    value: str = ""
    endpos: int = 0

    @property
    def number(self) -> int:
        """`result` as a whole number."""
        try:
            return int(self.result)
        except ValueError:
            raise ProtocolError(f"Asterisk's result {self.result[:40]!r} should be a number.") from None


class HangUp(NamedTuple):
    """Asterisk's HANGUP line: it took the channel away from this session (see agi.channel)."""


Event = Request | Reply | HangUp


class Parser:
    """A push parser for what Asterisk sends. `max_header_bytes` bounds the header block."""

    __slots__ = ("_error", "_in_headers", "_max_header_bytes", "_rest", "_usage", "_usage_size")

    def __init__(self, *, max_header_bytes: int = MAX_HEADER_BYTES) -> None:
        self._max_header_bytes = max_header_bytes
        self._rest = b""
        self._in_headers = True
        self._usage = False
        self._usage_size = 0
        self._error = ""

    def feed(self, data: bytes) -> Iterator[Event]:
        """Take `data`; iterate to the end to get the events it completed. Raises ProtocolError, then ever after."""
        if self._error:
            raise ProtocolError(self._error)
        try:
            if self._in_headers:
                self._rest += data
                request = self._request()
                if request is None:
                    return
                yield request
                data, self._rest = self._rest, b""
            lines = (self._rest + data).split(b"\n")
            self._rest = lines.pop()
            for line in lines:
                event = self._answer(line)
                if event is not None:
                    yield event
            _check_length(self._rest)
        except ProtocolError as problem:
            self._error, self._rest = str(problem), b""
            raise

    def _request(self) -> Request | None:
        """The header block, once it is whole; what follows it stays in the rest."""
        if not _BEGINNING.startswith(self._rest[:4]):
            raise ProtocolError(f"{self._rest[:20]!r} is no beginning of AGI headers.")
        end = self._rest.find(b"\n\n", 0, self._max_header_bytes)
        if end < 0:
            if len(self._rest) >= self._max_header_bytes:
                raise ProtocolError(f"The headers are longer than {self._max_header_bytes} bytes.")
            return None
        block = self._rest[:end].decode("utf-8", "replace")
        self._rest, self._in_headers = self._rest[end + 2 :], False
        return Request(_headers(block))

    def _answer(self, data: bytes) -> Reply | HangUp | None:
        _check_length(data)
        line = data.decode("utf-8", "replace")
        if self._usage:
            return self._usage_line(line)
        if line.startswith("200 "):
            match = _RESULT.fullmatch(line)
            if match:
                result, value, endpos = match.groups()
                return Reply(200, result, value or "", int(endpos or 0))
        elif line == "HANGUP":
            return HangUp()
        elif line.startswith(_USAGE_BEGINS):
            self._usage, self._usage_size = True, 0
            return None
        elif line.startswith("100 "):
            return None  # "still trying": the reply itself follows
        elif match := _OTHER.fullmatch(line):
            return Reply(int(match[1]), "", match[2])
        raise ProtocolError(f"Asterisk would not send {line[:60]!r}.")

    def _usage_line(self, line: str) -> Reply | None:
        self._usage_size += len(line) + 1
        if self._usage_size > MAX_USAGE_BYTES:
            raise ProtocolError(f"A usage text is longer than {MAX_USAGE_BYTES} bytes.")
        if not line.startswith(_USAGE_ENDS):
            return None
        self._usage = False
        return Reply(520, "", "Invalid command syntax.")


def _check_length(line: bytes) -> None:
    if len(line) > MAX_LINE:
        raise ProtocolError(f"A line is longer than {MAX_LINE} bytes.")


def _headers(block: str) -> dict[str, str]:
    lines = block.split("\n")
    if len(lines) > MAX_HEADERS:
        raise ProtocolError(f"More than {MAX_HEADERS} headers.")
    if not "".join(lines).isprintable():
        lines = [_CONTROL.sub("", line) for line in lines]
    if f"\n{block}".count("\nagi_") < len(lines):
        raise ProtocolError("The headers hold a line that is no AGI header.")
    try:
        # reversed, so that the first of a name is the one that stays
        headers = dict([line.split(": ", 1) for line in reversed(lines)])
    except ValueError:
        raise ProtocolError("The headers hold a line without a value.") from None
    if len(headers) < len(lines):
        _refuse_doubles(lines)
    for name in _NEEDED:
        if not headers.get(name):
            raise ProtocolError(f"The header {name} is missing.")
    return headers


def _refuse_doubles(lines: list[str]) -> None:
    seen: set[str] = set()
    for line in lines:
        name = line.partition(":")[0]
        if name in seen and (name in _DECIDING or name.startswith(_ARGUMENT)):
            raise ProtocolError(f"The header {name[:40]} came twice: someone tries to pass for another call.")
        seen.add(name)


def encode(verb: str, *words: str | int) -> bytes:
    """One command line: `verb` as it is, every further word quoted. Raises CommandRefused."""
    if not _VERB.fullmatch(verb):
        raise CommandRefused(f"{verb[:40]!r} is no AGI command: use its capital letters.")
    data = " ".join([verb, *map(_quote, words)]).encode("utf-8", "replace") + b"\n"
    if len(data) > MAX_COMMAND or len(words) > MAX_WORDS:
        raise CommandRefused(f"{verb} is too long for Asterisk: at most {MAX_COMMAND} bytes and {MAX_WORDS} words.")
    return data


def encode_exec(application: str, *arguments: str | int) -> bytes:
    """EXEC of an allowed application; the arguments are joined by commas. Raises CommandRefused."""
    if application not in APPLICATIONS:
        raise CommandRefused(f"The application {application[:40]!r} is not one of {', '.join(sorted(APPLICATIONS))}.")
    return encode("EXEC", application, joined(application, *arguments))


def joined(what: str, *arguments: str | int) -> str:
    """Arguments of a dialplan application or subroutine as Asterisk takes them. Raises CommandRefused."""
    words = [str(argument) for argument in arguments]
    for word in words:
        # with AGIEXECFULL set in the dialplan, Asterisk would evaluate ${…} and $[…] in them
        if "," in word or "${" in word or "$[" in word:
            raise CommandRefused(f"An argument of {what} holds a comma or an expression: {word[:40]!r}.")
    return ",".join(words)


def _quote(word: str | int) -> str:
    text = str(word)
    if _SPECIAL(text):
        if "\n" in text or "\r" in text or "\0" in text:
            raise CommandRefused(f"{text[:40]!r} holds a line break or NUL: it would become a second command.")
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{text}"'
