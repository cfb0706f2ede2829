"""Menus as data. A menu is a row of steps, walked in order; a step may lead to another menu and not return.

Built by hotline.schema from YAML, walked by hotline.flow.engine. Names of menus, queues, calendars and prompts
were checked when the configuration was read: an engine may rely on them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Say:
    """Play prompts; keys do not interrupt."""

    prompts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Keys:
    """Ask for one key. After `tries` wrong or missing keys, go to `otherwise` ("" = the next step)."""

    prompts: tuple[str, ...]
    choices: Mapping[str, str]
    seconds: float = 5.0
    tries: int = 3
    invalid: str = "invalid-key"
    silent: str = "nothing-pressed"
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class SetLanguage:
    language: str


@dataclass(frozen=True, slots=True)
class Hours:
    """Branch on a calendar; "" goes on with the next step."""

    calendar: str
    open: str = ""
    closed: str = ""


@dataclass(frozen=True, slots=True)
class JoinQueue:
    """Wait for an agent of `queue`; after a conversation the call is over, else `otherwise` ("" = next step)."""

    queue: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class TakeVoicemail:
    """Record a message for `queue`, promise a callback and say when."""

    queue: str


@dataclass(frozen=True, slots=True)
class AskCallback:
    """Promise a callback for `queue` without a message; to who wants none, `otherwise` ("" = next step)."""

    queue: str
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class MyCallback:
    """Tell who was promised a callback when it will be; they cancel it by `key`, within `seconds`."""

    key: str = "1"
    seconds: float = 5.0


@dataclass(frozen=True, slots=True)
class Transfer:
    """Ring a fixed target of the configuration; when nobody answers go to `otherwise` ("" = next step)."""

    target: str
    seconds: float = 30.0
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Goto:
    menu: str


@dataclass(frozen=True, slots=True)
class Hangup:
    pass


Step = (
    Say | Keys | SetLanguage | Hours | JoinQueue | TakeVoicemail | AskCallback | MyCallback | Transfer | Goto | Hangup
)


@dataclass(frozen=True, slots=True)
class Menu:
    name: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """Every menu, and which one answers which dialed number ("default" answers the rest)."""

    menus: Mapping[str, Menu]
    entries: Mapping[str, str]
    language: str = "en"
    languages: tuple[str, ...] = field(default=("en",))

    def entry(self, dialed: str) -> str:
        """The menu that answers a dialed number."""
        return self.entries.get(dialed) or self.entries["default"]
