"""What we ask of the PBX and what it answers. Pure: no sockets.

Rules of this file:
- No name or value carries a line break or NUL: it would run a second action.
- Every action states its ActionID, its own and never used again, by which its answer is known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ami.headers import Message

Value = str | int | bool | Sequence[str]
"""A header's value; several texts make several headers of one name."""

MAX_LINE = 1000
"""Bytes of a header with its name: Asterisk's own limit is 1,024."""
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_BREAKS = re.compile(r"[\r\n\0]")
_SPLITS = re.compile(r"[,\"\\()\r\n\0]")


class LinkDown(ConnectionError):
    """No link to the PBX, or it was lost before the answer came: then the action may or may not have run."""


class NoReply(LinkDown):
    """The PBX did not answer in time; the action may or may not have run."""


class LoginRefused(LinkDown):
    """The PBX refuses our user or secret; only a person can help."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The PBX's answer. `message` is its reason in English; `rows` are the messages of a list, in order.

    `whole` is False when the list's own count says that rows are missing.
    """

    action_id: str
    ok: bool
    message: str
    rows: tuple[Message, ...] = ()
    whole: bool = True


def headers_of(action: str, fields: Mapping[str, Value]) -> dict[str, str | list[str]]:
    """The headers of an action, checked. Raises ValueError with a sentence for what must never be sent."""
    headers: dict[str, str | list[str]] = {"Action": _checked("Action", action)}
    for name, value in fields.items():
        if not _NAME.fullmatch(name) or name.lower() in ("action", "actionid"):
            raise ValueError(f"{name!r} is no header of ours to set; use letters and digits, not Action or ActionID.")
        if isinstance(value, (str, bool, int)):
            headers[name] = _checked(name, _text(value))
        else:
            headers[name] = [_checked(name, each) for each in value]
    return headers


def variables_of(variables: Mapping[str, str]) -> list[str]:
    """Channel variables as Variable headers. Raises ValueError for what Asterisk would take apart."""
    for name, value in variables.items():
        if not re.fullmatch(r"_{0,2}[A-Za-z][A-Za-z0-9_]*", name) or _SPLITS.search(value):
            raise ValueError(
                f"The channel variable {name!r} can't be handed over; name it with letters, digits and _, and keep "
                "commas, quotes, backslashes, brackets and line breaks out of its value."
            )
    return [f"{name}={value}" for name, value in variables.items()]


def reply_of(action_id: str, answer: Sequence[Message]) -> Reply:
    """The answer to one action: a response, and for a list its rows and its end. Raises Malformed."""
    head = answer[0]
    rows = tuple(answer[1:-1])
    counted = answer[-1].number("ListItems", len(rows)) if len(answer) > 1 else 0
    return Reply(action_id, head.get("Response") == "Success", head.get("Message"), rows, whole=counted == len(rows))


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _checked(name: str, value: str) -> str:
    if _BREAKS.search(value):
        raise ValueError(f"The value of {name} carries a line break or NUL; take it out before sending.")
    try:
        size = len(f"{name}: {value}".encode())
    except UnicodeEncodeError as bad:
        raise ValueError(f"The value of {name} is no valid text; take out the lone surrogates.") from bad
    if size > MAX_LINE:
        raise ValueError(f"The header {name} would have {size} bytes; the PBX takes at most {MAX_LINE}.")
    return value
