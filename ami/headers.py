"""The grammar of a message from the PBX. Pure: text in, headers out.

Rules of this file:
- A message is a list of (name, value) headers in the order of the wire. Names compare without case.
- The first header of a name wins. A second one of a *singleton* (any header that we read) means that a value
  carried a line break of its own: the whole message is `Malformed`. The same holds for one channel variable
  that is stated twice.
- A value that we read has at most `MAX_VALUE` characters, all printable; else the message is `Malformed`.
"""

from __future__ import annotations

from collections.abc import Sequence

Headers = Sequence[tuple[str, str]]

MAX_HEADERS = 512
MAX_VALUE = 256

SINGLETONS = frozenset(
    name.lower()
    for name in (
        *("Event", "Response", "Message", "ActionID", "EventList", "ListItems", "Privilege"),
        *("Channel", "Uniqueid", "Linkedid", "ChannelStateDesc", "BridgeId"),
        *("DestChannel", "DestUniqueid", "DestLinkedid", "DialStatus"),
        *("Device", "State", "Reason"),
    )
)


class Malformed(ValueError):
    """A message that breaks the rules above; it must not be believed in any part."""


class Message:
    """One message, read under the rules of this file. Raises Malformed at once for a doubled singleton."""

    __slots__ = ("_headers", "_values")

    def __init__(self, headers: Headers) -> None:
        self._headers = headers
        self._values: dict[str, str] = {}
        for name, value in headers:
            key = name.lower()
            if key not in self._values:
                self._values[key] = value
            elif key in SINGLETONS:
                raise Malformed(f"header {key} came twice")

    @classmethod
    def parse(cls, text: str) -> Message:
        """Split the text of a message, without its closing blank line; lines that are no header are skipped."""
        lines = text.split("\r\n", MAX_HEADERS)
        if len(lines) > MAX_HEADERS:
            raise Malformed(f"a message with more than {MAX_HEADERS} headers")
        parts = (line.partition(":") for line in lines)
        return cls([(name.strip(), value.removeprefix(" ")) for name, colon, value in parts if colon])

    def get(self, name: str) -> str:
        """The value of `name`, "" when it is absent."""
        return _checked(name, self._values.get(name.lower(), ""))

    def need(self, name: str) -> str:
        """The value of `name`, which must be there."""
        value = self.get(name)
        if not value:
            raise Malformed(f"header {name} is missing")
        return value

    def number(self, name: str, default: int = 0) -> int:
        value = self.get(name)
        if not value:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= 9):
            raise Malformed(f"header {name} is no number")
        return int(value)

    def variable(self, name: str) -> str:
        """A variable of the channel, or else of the dialed channel; "" when neither has it."""
        return self._variable("chanvariable", name) or self._variable("destchanvariable", name)

    def _variable(self, header: str, name: str) -> str:
        start = name + "="
        found = [
            value[len(start) :] for key, value in self._headers if key.lower() == header and value.startswith(start)
        ]
        if len(found) > 1:
            raise Malformed(f"channel variable {name} came twice")
        return _checked(name, found[0]) if found else ""


def _checked(name: str, value: str) -> str:
    if len(value) > MAX_VALUE:
        raise Malformed(f"header {name} is longer than {MAX_VALUE} characters")
    if not value.isprintable():
        raise Malformed(f"header {name} carries control characters")
    return value
