"""A promise as Redis holds it, in types."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from hotline.callbacks.states import OPEN, State


@dataclass(frozen=True, slots=True, kw_only=True)
class Promise:
    """One promised call. Moments are POSIX seconds; 0 where there was none."""

    id: str
    state: State
    due: float = 0.0
    first_due: float = 0.0
    """What the caller was promised."""
    arrival: float = 0.0
    """When the caller asked; it orders those who wait to be called."""
    moved: float = 0.0
    """Since when it is in this state."""
    queue: str = ""
    """Whose agents call back."""
    asked_for: str = ""
    """The queue of its line, which may not be configured."""
    entry: str = ""
    language: str = ""
    number: str = field(default="", repr=False)
    source: str = ""
    reason: str = ""
    part: str = ""
    confirmed: bool = False
    note: str = field(default="", repr=False)
    key: str = field(default="", repr=False)
    """Digest of a request from outside."""
    seconds: float = 0.0
    """Length of the recording; 0 without one."""
    sha256: str = ""
    attempts: int = 0
    spent: int = 0
    """Of these, the ones before the last message: they do not count any more."""
    outcome: str = ""
    by: str = ""
    agent: str = ""
    given: str = ""
    """The agent to whom staff gave it."""
    token: str = ""
    """Of the last attempt."""
    claim: str = ""
    """Of who has it in hand."""
    lease: float = 0.0
    paced: bool = False
    """It was taken in hand at the pace, though it keeps a place in the queue, which was left over, or was given to an
    agent, who was not at work."""
    full: bool = False
    """Of one that was just taken in hand: its number had its calls for today."""
    pbx: str = ""
    """Where an agent is, or was last, on the line for it."""
    also: tuple[str, ...] = ()
    """Messages of the same number that are heard with this one."""
    into: str = ""
    """Of one that was merged: the promise that it is heard with."""
    spool: str = ""
    call: str = ""

    @property
    def open(self) -> bool:
        return self.state in OPEN

    @property
    def keeps_place(self) -> bool:
        """Whether the caller left a place in the queue for this promise. Once it is given to an agent it waits for
        that one, and one that was left over goes by the pace: both are beside the queue."""
        return self.source == "queue" and not self.given and not self.paced


def promise_of(fields: dict[str, Any]) -> Promise:
    """What Redis holds, in types. `also` is an empty object where Lua has an empty list."""

    def text(name: str) -> str:
        return str(fields.get(name, ""))

    def number(name: str) -> float:
        return float(fields.get(name) or 0)

    plain = ("id", "queue", "entry", "language", "number", "source", "reason", "part", "note", "key", "sha256")
    about = ("outcome", "by", "agent", "given", "token", "claim", "pbx", "into", "spool", "call")
    return Promise(
        **{name: text(name) for name in (*plain, *about)},
        state=State(fields["state"]),
        asked_for=text("queue"),
        due=number("due"),
        first_due=number("promised"),
        arrival=number("recorded_at"),
        moved=number("moved"),
        seconds=number("seconds"),
        lease=number("lease"),
        attempts=int(number("attempts")),
        spent=int(number("spent")),
        confirmed=text("confirmed") == "1",
        paced=text("paced") == "1",
        full=text("full") == "1",
        also=tuple(sorted(fields.get("also") or ())),
    )
