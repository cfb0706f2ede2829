"""Problems of a configuration: where, and a sentence that tells what to do; always all of them at once."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from dataclasses import dataclass

MOST_SHOWN = 80
"""Characters of the reader's own text that a message repeats."""

MOST_COMPARED = 1000
"""Names among which a similar one is looked for."""


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """A sentence about a place. `line` and `col` count from 1."""

    file: str
    line: int
    col: int
    message: str

    def __post_init__(self) -> None:
        """A problem is one line, whatever the file holds."""
        line = "".join(each if each.isprintable() else repr(each)[1:-1] for each in self.message)
        object.__setattr__(self, "message", line)

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.col}: {self.message}"


class ConfigError(Exception):
    """The configuration can't be used. Its text has one line `file:line:col: sentence` per problem, in file order."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(set(problems)))
        super().__init__("\n".join(map(str, self.problems)))


def quoted(text: object) -> str:
    """The reader's own words as a message shows them: quoted, on one line, cut when long."""
    shown = repr(str(text))
    return shown if len(shown) <= MOST_SHOWN else f"{shown[: MOST_SHOWN - 1]}…"


def nearest(name: str, known: Collection[str]) -> str:
    """Which of these was probably meant; "" when none comes near."""
    return next(iter(difflib.get_close_matches(name[:MOST_SHOWN], known, n=1)), "")


def unknown(kind: str, name: str, known: Collection[str], also: Collection[str] = ()) -> str:
    """`unknown menu 'outag' (did you mean 'outage'?)`, or what is known when nothing comes near.

    `also` may be meant, but is not listed.
    """
    names = sorted(known)
    if meant := nearest(name, [*names[:MOST_COMPARED], *also]):
        hint = f"did you mean {quoted(meant)}?"
    elif not names:
        hint = "there are none"
    else:
        hint = f"there {'is' if len(names) == 1 else 'are'} {', '.join(names[:12])}{', …' if len(names) > 12 else ''}"
    return f"unknown {kind} {quoted(name)} ({hint})"
