"""Where this process lives: addresses and folders, from options or the environment. Nothing of the hotline itself.

Every reader raises ValueError with a sentence that tells what was wrong and how it should look.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

_PBX = re.compile(r"(?P<name>[A-Za-z0-9_]{1,32})=(?P<user>[^:@,=]+):(?P<secret>[^@,]+)@(?P<address>[^@,]+)")


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
        managers = tuple(cls._parse(part) for part in text.split(",") if part.strip())
        names = [manager.name for manager in managers]
        if len(set(names)) != len(names):
            raise ValueError("Two PBXs in HOTLINE_AMI have the same name; each needs its own, its systemname.")
        return managers

    @classmethod
    def _parse(cls, text: str) -> Manager:
        match = _PBX.fullmatch(text.strip())
        if match is None:
            # the text holds a secret: it is not repeated
            raise ValueError("A PBX in HOTLINE_AMI is not understood; write name=user:secret@host:port.")
        return cls(match["name"], match["user"], match["secret"], Address.parse(match["address"]))


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
