"""How messages are taken and callbacks made, as the configuration says it. Times in seconds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotline.callbacks.calendar import Span

AGAIN: Mapping[str, float] = {
    "busy": 600.0,
    "no-answer": 3600.0,
    "machine": 7200.0,
    "rejected": 4 * 3600.0,
    "unreachable": 3600.0,
    "failed": 300.0,
}
"""Seconds until the next try, by how the last one ended: the customer's phone was busy, nobody answered, a machine
did, the call was rejected, the network could not reach the phone; or it failed by our own fault."""


@dataclass(frozen=True, slots=True)
class VoicemailSettings:
    """How messages for a queue are taken; `calendar` tells when they are called back."""

    queue: str
    calendar: str
    longest: float = 120.0
    shortest: float = 2.0
    """Less speech than this is no message."""
    silence: float = 5.0
    """So much silence ends the recording."""
    greeting: tuple[str, ...] = ("voicemail-greeting",)
    review: bool = True
    """The caller may listen to the message and record it again."""
    confirm: bool = True
    """The caller is asked which number to call."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Key → the prompt that names the reason."""
    parts: Mapping[str, Span] = field(default_factory=dict)
    """Part of the day → its clock hours; the keys 1, 2, … choose one, in this order."""
    keep: float = 0.0
    """How long a promise that has ended is kept, with its recording; 0 = for ever."""
    mail: tuple[str, ...] = ()
    """Addresses that get each message."""
    webhook: str = ""
    """Where each message is told."""


@dataclass(frozen=True, slots=True)
class CallbackSettings:
    """How the callbacks of a queue are made."""

    queue: str
    attempts: int = 3
    again: Mapping[str, float] = field(default_factory=lambda: AGAIN)
    between: tuple[Span, ...] = ()
    """Clock hours in which customers are rung, within the opening hours; () = all of these."""
    share: float = 0.2
    """So many callbacks of this queue are in hand at most: this part of its agents at work, though one always may be.

    An agent of several queues counts in each of them."""
    reserve: int | None = None
    """So many agents stay idle for live callers; None: by the size of the team, see hotline.callbacks.pace."""
    ramp: float = 0.0
    """After an opening, `share` grows to its full size in this time."""
    offer_above: float = 0.0
    """Waiting callers are offered a callback while the expected wait is longer; 0 = not."""
    key: str = ""
    """Waiting callers who press it may ask for one."""


@dataclass(frozen=True, slots=True)
class Dialing:
    """Which telephones may be rung, and how often. Nothing else ever is."""

    allow: tuple[str, ...] = ()
    """Beginnings of numbers, in E.164; () = nobody is rung."""
    deny: tuple[str, ...] = ()
    per_day: int = 1000
    """Telephones rung in a calendar day of the hotline's zone."""
    per_number: int = 5
    """The same for one number."""
    caller_id: str = ""
    """What customers see."""
    mail_from: str = ""
    """Whose name messages are mailed in."""


@dataclass(frozen=True, slots=True)
class Quota:
    """How much the spool takes."""

    per_number: int = 10
    """Messages of one number that are not answered yet; 0 = any."""
    megabytes: int = 0
    """All recordings together; 0 = as the disk has room."""
    free: int = 200
    """Megabytes of the disk that messages leave free."""
