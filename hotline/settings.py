"""Where this process lives: addresses and folders, from options or the environment. Nothing of the hotline itself.

Every reader raises ValueError with a sentence that tells what was wrong and how it should look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

PBX_NAME = re.compile(r"(?!callback_)[A-Za-z0-9_-]{1,32}")
"""A PBX's name: in HOTLINE_AMI, as HOTLINE_PBX in its dialplan, and as its systemname. Calls that no PBX has are
`callback_…`."""
_PBX = re.compile(rf"(?P<name>{PBX_NAME.pattern})=(?P<user>[^:@,=]+):(?P<secret>[^@,]+)@(?P<address>[^@,]+)")
_MAIL = re.compile(
    r"(?P<scheme>smtps?)://(?:(?P<user>[^:@/]+):(?P<secret>[^:@/]+)@)?(?P<host>[A-Za-z0-9.-]+)(?::(?P<port>\d{1,5}))?/?"
)
_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{24,200}")
LEAST_SECRET = 16
"""Characters of a secret that signs."""


@dataclass(frozen=True, slots=True)
class Address:
    """A TCP address."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        host, colon, port = text.strip().rpartition(":")
        if not colon or not host or not port.isdecimal() or not 0 <= int(port) <= 65535:
            raise ValueError(f"{text!r} is no address; write host:port, for example 127.0.0.1:6379.")
        return cls(host.strip("[]"), int(port))

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Manager:
    """One PBX's manager interface (AMI). `name` is the PBX's `systemname`."""

    name: str
    user: str
    secret: str
    address: Address

    def __repr__(self) -> str:
        return f"Manager({self.name} at {self.address})"

    @classmethod
    def parse_list(cls, text: str) -> tuple[Manager, ...]:
        """Signs of a user or secret that mean something here are written as %40."""
        managers = tuple(cls._parse(part) for part in text.split(",") if part.strip())
        names = [manager.name for manager in managers]
        if len(set(names)) != len(names):
            raise ValueError("Two PBXs in HOTLINE_AMI have the same name; each needs its own, its systemname.")
        return managers

    @classmethod
    def _parse(cls, text: str) -> Manager:
        match = _PBX.fullmatch(text.strip())
        user, secret = (unquote(match["user"]), unquote(match["secret"])) if match else ("", "")
        if match is None or not (user + secret).isprintable():
            # the text holds a secret: it is not repeated
            raise ValueError(
                "A PBX in HOTLINE_AMI is not understood; write name=user:secret@host:port. The name is of up to 32 "
                "letters, digits, - and _; in user and secret write @ as %40, a comma as %2C and % as %25."
            )
        return cls(match["name"], user, secret, Address.parse(match["address"]))


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in. `tls`: encrypted from the first byte on; else by STARTTLS."""

    address: Address
    tls: bool
    user: str = ""
    secret: str = field(default="", repr=False)

    @classmethod
    def parse(cls, text: str) -> MailServer | None:
        """None for an empty text. Signs of a user or secret that mean something in an address are written as %40."""
        if not text.strip():
            return None
        match = _MAIL.fullmatch(text.strip())
        if match is None or int(match["port"] or 1) > 65535:
            # the text may hold a secret: it is not repeated
            raise ValueError(
                "HOTLINE_SMTP is not understood; write smtp://host:port, or smtps:// for TLS at once, and "
                "user:secret@ before the host where the server wants a login (an @ within them as %40)."
            )
        user, secret = unquote(match["user"] or ""), unquote(match["secret"] or "")
        usual = 465 if match["scheme"] == "smtps" else 587 if user else 25
        return cls(Address(match["host"], int(match["port"] or usual)), match["scheme"] == "smtps", user, secret)


def api_tokens(text: str) -> tuple[str, ...]:
    """The tokens of HOTLINE_API_TOKEN, comma-separated; () for an empty text."""
    tokens = tuple(each.strip() for each in text.split(",") if each.strip())
    if not all(_TOKEN.fullmatch(each) for each in tokens):
        raise ValueError(
            "A token in HOTLINE_API_TOKEN is too short or has a sign that tokens do not have; make one of 24 signs "
            "or more, for example with `openssl rand -hex 24`."
        )
    return tokens


def signing_secret(text: str) -> str:
    """The secret of HOTLINE_WEBHOOK_SECRET; "" for an empty text."""
    if text and len(text) < LEAST_SECRET:
        raise ValueError(f"HOTLINE_WEBHOOK_SECRET is too short; take {LEAST_SECRET} signs or more.")
    return text


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a `hotline serve` needs to know beside its configuration."""

    config: Path
    agi: Address
    ami: tuple[Manager, ...]
    redis: Address
    http: Address
    spool: Path
    sounds: Path
    clock: Path | None
    max_calls: int
    reconcile: float = 30.0
    """Seconds between comparisons of Redis with the PBXs."""
    smtp: MailServer | None = None
    webhook_secret: str = field(default="", repr=False)
    """Signs what is told to webhooks; "" = nothing is told."""
    api_token: tuple[str, ...] = field(default=(), repr=False)
    """Who has one of these may ask for callbacks; () = nobody."""
