"""YAML text → a plain tree of dicts, lists and texts, and where every node of it stands.

Rules of this file:
- Every scalar stays the text that was written: `no`, `on`, 08:00, 1900 and 2026-12-24 mean what their reader wants.
  Only an empty value, `~` and `null` (unquoted) are None.
- Refused, each with its place: anchors, aliases, tags, duplicate keys, keys that are no text, a second document,
  more than MOST_BYTES, nesting beyond MOST_DEPTH. Hence a small file can't grow into a large tree.
- A path is a tuple of keys and indexes, e.g. ("menus", "main", 2, "queue").
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from hotline.schema.problems import ConfigError, Problem, quoted

MOST_BYTES = 1024 * 1024
MOST_DEPTH = 20

Tree = dict[str, "Tree"] | list["Tree"] | str | None
Step = str | int
Path_ = tuple[Step, ...]
Place = tuple[int, int]
"""Line and column, from 1."""

_LOADER: Any = yaml.SafeLoader
_NOTHING = ("", "~", "null")


@dataclass(slots=True)
class Document:
    """A configuration file, read. `problems` gathers what is wrong, `warnings` what is odd."""

    file: str
    tree: Tree = None
    values: dict[Path_, Place] = field(default_factory=dict)
    keys: dict[Path_, Place] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    last: Place = (1, 1)
    """The last node read."""

    def place(self, path: Path_, *, key: bool = False) -> Place:
        """Where a node stands (or its key); for one that is missing, where the nearest node around it stands."""
        for length in range(len(path), -1, -1):
            near = path[:length]
            first, second = (self.keys, self.values) if key else (self.values, self.keys)
            found = first.get(near) or second.get(near)
            if found is not None:
                return found
        return (1, 1)

    def complain(self, path: Path_, message: str, *, key: bool = False) -> None:
        self.problems.append(self.problem(path, message, key=key))

    def warn(self, path: Path_, message: str, *, key: bool = False) -> None:
        self.warnings.append(self.problem(path, message, key=key))

    def problem(self, path: Path_, message: str, *, key: bool = False) -> Problem:
        return Problem(self.file, *self.place(path, key=key), message)


def read(path: Path) -> Document:
    """Read a file. Raises ConfigError when it can't be read as text or its YAML can't be followed to the end."""
    file = str(path)
    return parse(_text(path, file), file)


def parse(text: str, file: str) -> Document:
    """Parse YAML text; see `read`."""
    document = Document(file)
    if len(text.encode(errors="surrogatepass")) > MOST_BYTES:
        raise ConfigError([Problem(file, 1, 1, f"the file is larger than {MOST_BYTES} bytes; is it the right one?")])
    try:
        _Reader(document, iter(yaml.parse(text, Loader=yaml.SafeLoader))).stream()
    except yaml.reader.ReaderError as error:
        line, col = _at_offset(text, error.position)
        raise ConfigError(
            [Problem(file, line, col, f"character {text[error.position]!a} is not allowed here")]
        ) from None
    except yaml.MarkedYAMLError as error:
        document.problems.append(_syntax(file, error))
        raise ConfigError(document.problems) from None
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # the last two: numbers beyond all bounds
        line, col = document.last
        raise ConfigError([*document.problems, Problem(file, line, col, f"this is not YAML: {error}")]) from None
    return document


def _text(path: Path, file: str) -> str:
    def refuse(sentence: str, place: Place = (1, 1)) -> ConfigError:
        return ConfigError([Problem(file, *place, sentence)])

    try:
        if path.exists() and not path.is_file():
            raise refuse("this is not a file; give the path of a YAML file")
        with path.open("rb") as source:
            data = source.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise refuse("there is no such file; give the path of a YAML file") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise refuse(f"the file can't be read: {reason}") from None
    try:
        # a limit on bytes may cut a character in two: then the size is the problem, not the encoding
        return data.decode("utf-8-sig", errors="strict" if len(data) <= MOST_BYTES else "replace")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode("utf-8-sig")
        place = _at_offset(before, len(before))
        raise refuse(f"byte 0x{data[error.start]:02X} is not UTF-8; save the file as UTF-8", place) from None


def _at_offset(text: str, offset: int) -> Place:
    before = text[:offset]
    return (before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1)


def _syntax(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, col = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    told = " ".join(part for part in (error.context, error.problem) if part)
    hint = '; a key * must be written in quotes: "*"' if "alias" in told else ""
    return Problem(file, line, col, f"this is not YAML: {told}{hint}")


class _TooDeep(yaml.MarkedYAMLError):
    pass


class _Reader:
    """Follows the parser's events. Recursion is bounded by MOST_DEPTH."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self.document, self.events = document, events

    def stream(self) -> None:
        documents = 0
        for event in self.events:
            if isinstance(event, yaml.DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._complain(event, "a second document starts here; keep everything in one")
            elif isinstance(event, yaml.NodeEvent):
                if documents == 1:
                    self.document.tree = self.node(event, ())
                else:
                    self.node(event, ("",))

    def _complain(self, event: Any, message: str) -> None:
        mark = event.start_mark
        self.document.problems.append(Problem(self.document.file, mark.line + 1, mark.column + 1, message))

    def node(self, event: Any, path: Path_) -> Tree:
        mark = event.start_mark
        self.document.values[path] = self.document.last = (mark.line + 1, mark.column + 1)
        if len(path) > MOST_DEPTH:
            raise _TooDeep(problem=f"nested deeper than {MOST_DEPTH} levels", problem_mark=mark)
        if isinstance(event, yaml.AliasEvent):
            self._complain(event, f'alias *{event.anchor} is not allowed; write it out (a key * needs quotes: "*")')
            return None
        if event.anchor is not None:
            self._complain(event, f"anchor &{event.anchor} is not allowed; write the value where it is used")
        if event.tag is not None and event.tag != "!":
            self._complain(event, f"tag {quoted(event.tag)} is not allowed; write the plain value")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event)
        return self.sequence(path) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(path)

    def scalar(self, event: Any) -> str | None:
        text = str(event.value)
        if any("\ud800" <= character <= "\udfff" for character in text):
            self._complain(event, "half of a surrogate pair is not allowed; write the character itself")
            return ""
        return None if event.style in (None, "") and text in _NOTHING else text

    def sequence(self, path: Path_) -> Tree:
        items: list[Tree] = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, (*path, len(items))))
        return items

    def mapping(self, path: Path_) -> Tree:
        result: dict[str, Tree] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            mark = event.start_mark
            place = (mark.line + 1, mark.column + 1)
            key = self.node(event, (*path, ""))
            if not isinstance(event, yaml.ScalarEvent):
                self._complain(event, "a key must be a plain text")
                self.node(next(self.events), (*path, ""))
                continue
            name = key if isinstance(key, str) else event.value
            if name in result:
                line = self.document.keys[(*path, name)][0]
                self._complain(event, f"key {quoted(name)} is already on line {line}; keep one of them")
                self.node(next(self.events), (*path, ""))
                continue
            self.document.keys[(*path, name)] = place
            result[name] = self.node(next(self.events), (*path, name))
        return result
