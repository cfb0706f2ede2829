"""What went wrong with a file of the spool, in a form that a log can show whole: a file's name holds many digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Trouble:
    """A sentence, and where: the file within the spool, and the offset of its line (-1 where there is none)."""

    message: str
    path: str
    byte: int = -1

    def fields(self) -> dict[str, str | int]:
        """`path`, and `byte` where there is one, for a log line."""
        return {"path": self.path, **({"byte": self.byte} if self.byte >= 0 else {})}


Tell = Callable[[Trouble], None]
"""Takes a trouble at once; never blocks and never raises."""
