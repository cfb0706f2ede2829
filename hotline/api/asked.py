"""What a request from outside says. Pure.

Rules of this file:
- Whatever the bytes are, the answer is a request or Refused, with the field that is wrong and a sentence that tells
  how it should be. Nothing else is raised.
- Types are strict: a number in quotes is a text. Unknown fields and fields that stand twice are mistakes: who
  misspells `not_before` shall hear of it, and not be called too early.
- Numbers and notes are not repeated in an answer.
"""

from __future__ import annotations

import difflib
import json
import re
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from hotline.clock import YEARS

MOST = 16 * 1024
"""Bytes of a request."""

_NUMBER = re.compile(r"\+?[0-9 ()./-]{1,40}", re.ASCII)
_KEY = re.compile(r"[!-~]{1,128}", re.ASCII)
_TYPES = {
    "string_type": "must be a text",
    "dict_type": "must be an object of skills and levels",
    "int_type": "must be a whole number",
    "bool_type": "must be true or false",
    "string_unicode": "has signs that are none",
}


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field; "" is the request as a whole."""

    field: str
    error: str


@dataclass(eq=False)
class Refused(Exception):
    """A request that is not granted, as HTTP says it. `promise` is the one in its way, `retry` in seconds."""

    status: int
    problems: tuple[Problem, ...]
    promise: dict[str, Any] | None = None
    retry: int = 0

    @classmethod
    def one(cls, status: int, error: str, field: str = "", **more: Any) -> Refused:
        return cls(status, (Problem(field, error),), **more)


def _dialable(number: str) -> str:
    if not _NUMBER.fullmatch(number):
        raise ValueError("must be a telephone number, like +84901234567")
    return number


def _key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise ValueError("must be 1 to 128 visible ASCII signs, such as a UUID")
    return key


def _printable(note: str) -> str:
    if not all(each.isprintable() or each in "\n\t" for each in note):
        raise ValueError("has control characters in it")
    return note


def _moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ValueError("must be a moment as ISO 8601 has it, like 2026-12-01T09:00+07:00") from None
    if moment.year not in YEARS:
        raise ValueError(f"must be in a year from {YEARS.start} to {YEARS.stop - 1}")
    return text


def _text(most: int) -> StringConstraints:
    return StringConstraints(max_length=most)


class Asked(BaseModel):
    """A request for a callback."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    number: Annotated[str, _text(40), AfterValidator(_dialable)] = Field(repr=False)
    queue: Annotated[str, _text(40)] = ""
    needs: Annotated[dict[Annotated[str, _text(40)], Annotated[int, Field(ge=1, le=9)]], Field(max_length=20)] = {}
    part: Annotated[str, _text(40)] = ""
    not_before: Annotated[str, _text(40), AfterValidator(_moment)] | None = None
    language: Annotated[str, _text(10)] = ""
    note: Annotated[str, _text(1000), AfterValidator(_printable)] = Field(default="", repr=False)
    key: Annotated[str, _text(128), AfterValidator(_key)] | None = Field(default=None, repr=False)

    def digest(self) -> str:
        """The same for two requests that ask for the same, their keys apart."""
        plain = self.model_dump(mode="json", exclude={"key"})
        return sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]


class _Doubled(ValueError):
    """A field stands twice; the text is its name."""


def read(body: bytes, header: str = "") -> Asked:
    """The request in a body; `header` is the idempotency key of the request's headers. Raises Refused."""
    try:
        tree = json.loads(body.decode("utf-8"), object_pairs_hook=_once)
    except _Doubled as doubled:
        raise Refused.one(400, "stands twice", str(doubled)[:40]) from None
    except (ValueError, RecursionError):
        raise Refused.one(400, "The request is not JSON in UTF-8.") from None
    if not isinstance(tree, dict):
        raise Refused.one(
            400, 'The request must be a JSON object, like {"number": "+84901234567", "queue": "power"}.'
        )
    try:
        asked = Asked.model_validate(tree)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=True, include_input=False)
        raise Refused(422, tuple(dict.fromkeys(map(_problem, found)))) from None
    return _keyed(asked, header.strip().strip('"'))


def _keyed(asked: Asked, header: str) -> Asked:
    """The request with the one key that it has, wherever that stands."""
    if not header:
        return asked
    try:
        _key(header)
    except ValueError as error:
        raise Refused.one(400, str(error), "Idempotency-Key") from None
    if asked.key not in (None, header):
        raise Refused.one(400, "is not the same as the header Idempotency-Key", "key")
    return asked.model_copy(update={"key": header})


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for name, value in pairs:
        if name in tree:
            raise _Doubled(name)
        tree[name] = value
    return tree


def _problem(found: Any) -> Problem:
    """What pydantic found, as a field and a sentence without a subject: the field is that."""
    path = [str(part) for part in found["loc"] if part != "[key]"]
    name = ".".join(part[:40] for part in path)
    limits = found.get("ctx", {})
    match found["type"]:
        case "missing":
            return Problem(name, "is missing")
        case "extra_forbidden":
            near = difflib.get_close_matches(path[-1], Asked.model_fields, n=1)
            hint = f"; did you mean {near[0]}?" if near else f"; there are {', '.join(Asked.model_fields)}"
            return Problem(name, f"is no field of a request{hint}")
        case "value_error":
            return Problem(name, str(limits["error"]))
        case "string_too_long":
            return Problem(name, f"must have no more than {limits['max_length']} signs")
        case "too_long":
            return Problem(name, f"must have no more than {limits['max_length']} of them")
        case "greater_than_equal" | "less_than_equal":
            return Problem(name, "must be a level from 1 to 9")
        case other:
            return Problem(name, _TYPES.get(other, "is not what it should be"))
