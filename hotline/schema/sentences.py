"""What pydantic found, as a sentence at a place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from hotline.schema.document import Document, Path_
from hotline.schema.problems import quoted, unknown

_KINDS = {
    "model_type": "a mapping of keys to values",
    "dict_type": "a mapping of keys to values",
    "tuple_type": "a list",
    "string_type": "a text",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "bool_type": "yes or no",
    "bool_parsing": "yes or no",
    "int_from_float": "a whole number",
    "int_parsing_size": "a smaller number",
    "none_required": "left empty",
}


def validated(kind: Any, value: object, path: Path_, document: Document) -> Any:
    """`value` read as `kind` (a model or a TypeAdapter), or None after complaining about all that is wrong."""
    try:
        return kind.model_validate(value) if _is_model(kind) else kind.validate_python(value)
    except ValidationError as error:
        for found in error.errors(include_url=False):
            _complain(found, kind, path, document)
        return None


def _complain(found: Any, kind: Any, path: Path_, document: Document) -> None:
    loc: tuple[str | int, ...] = tuple(found["loc"])
    key = bool(loc) and loc[-1] == "[key]"
    if key:
        loc = loc[:-1]
    name = next((part for part in reversed((*path, *loc)) if isinstance(part, str)), "")
    match found["type"]:
        case "extra_forbidden":
            key, message = True, unknown("key", str(loc[-1]), _fields(kind, loc[:-1]))
        case "missing":
            loc, message = loc[:-1], f"{quoted(loc[-1])} is missing here"
        case "value_error":
            message = str(found["ctx"]["error"])
        case "enum":
            message = f"{quoted(found['input'])} is not one of {found['ctx']['expected']}"
        case other:
            message = f"{quoted(name)} {_rule(other, found)}"
    document.complain((*path, *loc), message, key=key)


def _rule(kind: str, found: Any) -> str:
    limits: Mapping[str, Any] = found.get("ctx", {})
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}, not {_shown(found['input'])}"
    if kind in ("greater_than_equal", "less_than_equal"):
        return f"must be {limits.get('ge', limits.get('le'))} or {'more' if 'ge' in limits else 'less'}"
    if kind == "greater_than":
        return f"must be more than {limits['gt']:g}"
    if kind in ("too_long", "string_too_long"):
        return f"is too long; at most {limits['max_length']} are allowed"
    if kind == "too_short":
        return "must not be empty"
    return f"can't be used: {found['msg']}"


def _shown(value: object) -> str:
    if value is None:
        return "empty"
    if isinstance(value, dict):
        return "a mapping"
    return "a list" if isinstance(value, list) else quoted(value)


def _fields(kind: Any, loc: tuple[str | int, ...]) -> list[str]:
    """The keys that may stand at `loc` within `kind`."""
    for part in loc:
        field = next((each for name, each in _named(kind) if name == part), None)
        if field is None:
            return []
        kind = next((near for near in (field.annotation, *get_args(field.annotation)) if _is_model(near)), None)
    return [name for name, _ in _named(kind)]


def _named(kind: Any) -> list[tuple[str, Any]]:
    """The fields of a model by the keys that they have in a file."""
    return [(each.alias or name, each) for name, each in kind.model_fields.items()] if _is_model(kind) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
