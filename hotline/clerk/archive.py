"""Messages and promises as staff look at them: from the outbox alone, whatever else is down.

Rules of this file:
- What cannot be is a StaffError: a sentence that says why.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise
from pathlib import Path

from hotline.callbacks.book import Book, Case
from hotline.callbacks.guard import E164
from hotline.callbacks.number import is_placeholder, normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.states import State
from hotline.callbacks.unlisted import Unlisted, of_number
from hotline.clock import Clock
from hotline.schema.config import Config
from hotline.staff import StaffError

SHORTEST = 6
"""Letters of an id that are shown."""

LEAST_DIGITS = 4
"""Of the end of a number, by which promises are found."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which promises: () and "" and 0 are any. `due` and `since` in POSIX seconds."""

    states: Collection[str] = ()
    queue: str = ""
    number: str = ""
    due: float = 0.0
    """Due before then."""
    since: float = 0.0
    """Left since then."""
    closed: bool = False
    """Also those that have ended; `states` decide by themselves."""


@dataclass(frozen=True, slots=True)
class Person:
    """What is somebody's. Without a `number` it is one promise alone."""

    cases: list[Case]
    number: str = field(default="", repr=False)
    unlisted: tuple[Unlisted, ...] = ()
    """Recordings that no service has taken in."""

    @property
    def settled(self) -> list[Unlisted]:
        """Of them, those that nobody is at just now."""
        return [each for each in self.unlisted if not each.in_hand]


class Archive:
    """One spool, whose outbox was read; for a list without `stories`. Raises StaffError when it cannot be."""

    def __init__(self, config: Config, spool: Path, now: Clock, *, stories: bool = True) -> None:
        self.config, self.now = config, now
        self.outbox = Outbox(spool)
        self.book = Book(self.outbox, stories=stories)
        self.live: dict[str, State] = {}
        """States that Redis alone knows, where it was asked."""
        self._shorts: dict[str, str] | None = None
        self.read()

    def read(self) -> None:
        """Read what was not read yet."""
        with told(self.outbox.spool):
            if not self.outbox.lines.is_dir():
                raise StaffError(
                    f"There is no outbox in {self.outbox.spool}; set HOTLINE_SPOOL to that of the services."
                )
            self.book.read()

    def state(self, case: Case) -> State:
        """By now; Redis may have told who is in somebody's hand."""
        return self.live.get(case.id) or case.state_at(self.now())

    def find(self, id: str) -> Case:
        """The promise of an id, or of the beginning of one that no other id has."""
        found = [case for name, case in self.book.cases.items() if name.startswith(id)] if id else []
        found = [case for case in found if case.id == id] or found
        if not found:
            raise StaffError(f"There is no promise {id!r}; `hotline callbacks list --all` has them all.")
        if len(found) > 1:
            some = ", ".join(sorted(case.id for case in found)[:3])
            raise StaffError(f"{len(found)} promises begin with {id!r}: {some}{' …' if len(found) > 3 else ''}.")
        return found[0]

    def short(self, id: str) -> str:
        """The beginning of an id by which it is found, with no fewer than SHORTEST letters."""
        if self._shorts is None:
            ids = sorted(self.book.cases)
            same = [0, *(_alike(a, b) for a, b in pairwise(ids)), 0]
            self._shorts = {
                name: name[: max(SHORTEST, before + 1, after + 1)]
                for name, before, after in zip(ids, same, same[1:], strict=False)
            }
        return self._shorts.get(id, id)

    def person(self, what: str) -> Person:
        """The promise of an id, or all that is a number's, which must be whole."""
        if what in self.book.cases or any(map(str.isalpha, what)):
            return Person([self.find(what)])
        number, region = normal(what, self.config.country), self.config.country
        found = list(self.book.of_number(number))
        with told(self.outbox.spool):
            unlisted = tuple(of_number(self.outbox, number, region, is_listed=self.book.cases.__contains__))
        if not found and not unlisted and not E164.fullmatch(number):
            raise StaffError(
                f"{what!r} is no whole number, and no promise's id. A person is erased by all of it; "
                "`hotline callbacks list --all --number` finds numbers by their end."
            )
        if is_placeholder(number):
            raise StaffError(
                f"{what!r} is shown for callers whose network withholds their number: they are different people. "
                "Erase each promise by its id; `hotline callbacks list --all` has them."
            )
        return Person(found, number, unlisted)

    def cases(self, wanted: Wanted) -> list[Case]:
        """Those that are wanted, by the moment they are due."""
        found = (case for case in self.book.cases.values() if self._is(case, wanted))
        return sorted(found, key=lambda case: (case.due, case.id))

    def _is(self, case: Case, wanted: Wanted) -> bool:
        entry, state = case.entry, self.state(case)
        if wanted.states:
            if state not in wanted.states:
                return False
        elif not (case.is_open or wanted.closed):
            return False
        if entry is None:
            return not (wanted.queue or wanted.number or wanted.due or wanted.since)
        return (
            wanted.queue in ("", entry.queue)
            and self._has(entry.number, wanted.number)
            and not (wanted.due and not (case.is_open and case.due < wanted.due))
            and entry.recorded_at >= wanted.since
        )

    def _has(self, number: str, wanted: str) -> bool:
        if not wanted:
            return True
        digits = "".join(filter(str.isdecimal, wanted))
        ends = len(digits) >= LEAST_DIGITS and number.endswith(digits)
        return bool(number) and (ends or number == normal(wanted, self.config.country))

    def recordings(self, case: Case) -> list[Path]:
        """What is heard with a promise, the oldest first."""
        family = [self.book.cases[id] for id in self.book.family(case.id)]
        entries = sorted(
            (each.entry for each in family if each.entry and each.entry.sha256), key=lambda entry: entry.recorded_at
        )
        return [self.recording(entry.id) for entry in entries]

    def recording(self, id: str) -> Path:
        return self.outbox.kept / f"{id}.wav"

    def local(self, moment: float) -> datetime:
        """A moment by the hotline's clock."""
        return datetime.fromtimestamp(moment, self.config.zone)


def _alike(one: str, other: str) -> int:
    """How many letters both begin with."""
    return next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))


@contextlib.contextmanager
def told(spool: Path) -> Iterator[None]:
    """A disk that does not do as it is told is told."""
    try:
        yield
    except PermissionError:
        raise StaffError(f"The spool {spool} is another user's; run this as that user.") from None
    except OSError as error:
        raise StaffError(f"The spool {spool}: {error.strerror or error}.") from None
