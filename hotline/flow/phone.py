"""The Phone: all that the engine knows of a caller's line.

Rules of this file:
- Every verb raises `HungUp` when the caller is gone and `LineLost` when our wire to the PBX broke under the
  call (the PBX then keeps the caller and its dialplan goes on); nothing else escapes for those reasons.
- Seconds are floats. Keys are single characters of "0123456789*#"; "" means none was pressed.
- A prompt is a name of the configuration, never a path: the phone finds the file for its language.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Protocol

KEYS = "0123456789*#"

BELL = "D"
"""The DTMF tone that wakes a waiting caller's session; no telephone key pad has it."""

DONE = "DONE"
"""The note by which the dialplan knows that a call is over for good: it ends the call should its session be lost."""


class HungUp(Exception):
    """The caller hung up."""


class LineLost(Exception):
    """The wire to the PBX broke; the caller is still there and the dialplan takes over."""


class CannotRecord(Exception):
    """The PBX could not write a recording; the caller is still there. The text says what the PBX said."""


class DialOutcome(enum.StrEnum):
    ANSWERED = "answered"
    NO_ANSWER = "ring-no-answer"
    BUSY = "busy"
    REJECTED = "rejected"
    UNREACHABLE = "unregistered"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Dialed:
    """How a dial ended. `talked` is 0 unless answered. The caller is still on the line."""

    outcome: DialOutcome
    talked: float = 0.0


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was recorded. `hung_up`: the caller is gone (record does not raise, so that the words are kept)."""

    seconds: float
    hung_up: bool
    key: str = ""


@dataclass(frozen=True, slots=True)
class CallInfo:
    """Who calls. `caller` is the scrubbed caller id ("" when withheld): never logged, never a label.

    `call` is the PBX's linkedid: the same through every re-entry. `channel` and `pbx` say where to ring the
    bell. `attempt` counts entries of this call into a service, from 1. `served`: it comes back after an answered
    dial, so the conversation took place while no service was there.
    """

    call: str
    channel: str
    pbx: str
    dialed: str
    caller: str = ""
    attempt: int = 1
    served: bool = False


class Phone(Protocol):
    """A caller's line, in small verbs. Implementations: hotline.phones.agi, .console and .scripted."""

    @property
    def info(self) -> CallInfo: ...

    @property
    def language(self) -> str: ...

    async def answer(self) -> None:
        """Pick up (a second time is nothing)."""

    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        """Play prompts in order; return the key of `stop_keys` (may contain BELL) that cut them short, or ""."""

    async def ask(self, prompts: Sequence[str], *, seconds: float) -> str:
        """Play prompts, wait up to `seconds` after them for one key; any key interrupts. "" is silence."""

    async def digits(self, prompts: Sequence[str], *, most: int, seconds: float) -> str:
        """Play prompts, then take up to `most` keys, each within `seconds`; # or silence ends them, "" is none.

        The first key cuts the prompts short.
        """

    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        """Play a recording (suffix .wav); return the key of `stop_keys` that cut it short, or ""."""

    async def hold(self, seconds: float, *, music: str) -> str:
        """Wait with music of class `music`; return at once with BELL or a key, or "" after `seconds`."""

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        """Beep, record WAV (8 kHz, 16 bit, mono) to `path` (suffix .wav) for at most `most` seconds.

        Raises CannotRecord.
        """

    async def dial(self, target: str, *, seconds: float) -> Dialed:
        """Ring `target` (e.g. PJSIP/anna) while the caller hears music; return when the talk is over."""

    async def set_language(self, language: str) -> None:
        """Play prompts in `language` from now on, and keep it through a re-entry."""

    async def note(self, name: str, value: str) -> None:
        """Keep a value on the call itself (a channel variable), where it outlives this service."""

    async def noted(self, name: str) -> str:
        """What was kept under `name`, or ""."""

    async def hang_up(self) -> None:
        """End the call for good: tell the dialplan that all is done, then hang up."""
