"""A scripted Asterisk at the far end of an AGI wire, for dialogues written as transcripts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from agi.channel import Channel
from agi.protocol import Parser, Request

HEADERS = {
    "agi_network": "yes",
    "agi_network_script": "call",
    "agi_request": "agi://127.0.0.1/call",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "en",
    "agi_uniqueid": "pbx1-1.1",
    "agi_callerid": "unknown",
    "agi_extension": "1900",
    "agi_arg_1": "pbx1-1.1",
    "agi_arg_2": "pbx1",
    "agi_arg_3": "1",
}


class ScriptedAsterisk:
    """A wire with a transcript: `<<` is a line that we must send, `>>` one that comes back; `>> EOF` closes.

    A line `>>` before the first `<<` comes as soon as the channel exists.
    """

    def __init__(self, transcript: str) -> None:
        self._lines = [line.strip() for line in transcript.strip().splitlines()]
        self._parser = Parser()
        self.aborted = False
        head = "".join(f"{name}: {value}\n" for name, value in HEADERS.items())
        request = next(iter(self._parser.feed(head.encode() + b"\n")))
        assert isinstance(request, Request)
        self.channel = Channel(request, self)
        self._answer()

    def write(self, data: bytes) -> None:
        sent = "<< " + data.decode().rstrip("\n")
        expected = self._lines.pop(0) if self._lines else "nothing more"
        assert sent == expected
        asyncio.get_running_loop().call_soon(self._answer)

    def _answer(self) -> None:
        while self._lines and self._lines[0].startswith(">>"):
            line = self._lines.pop(0)[3:]
            if line == "EOF":
                self.channel.lose("The connection to Asterisk ended.")
                return
            for event in self._parser.feed(line.encode() + b"\n"):
                assert not isinstance(event, Request)
                self.channel.take(event)

    def abort(self) -> None:
        self.aborted = True

    @property
    def done(self) -> bool:
        """Everything in the transcript has happened."""
        return not self._lines


@pytest.fixture
def asterisk() -> Callable[[str], ScriptedAsterisk]:
    """Make a scripted Asterisk from a transcript; its `channel` is the live end."""
    return ScriptedAsterisk


@pytest.fixture
def headers() -> dict[str, str]:
    """The header block of a sound request."""
    return dict(HEADERS)
