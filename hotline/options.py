"""What several commands have in common: their options, and how they end when something is wrong.

Exit status: 0 well, 1 it failed while running, 2 the input is wrong and the text says where.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar

import typer

from hotline.schema import Config, ConfigError, load
from hotline.settings import Address

ConfigFile = Annotated[
    Path, typer.Argument(envvar="HOTLINE_CONFIG", help="The hotline's YAML.", show_default="config/hotline.yaml")
]
Redis = Annotated[str, typer.Option(envvar="HOTLINE_REDIS", help="Redis, host:port.")]
Spool = Annotated[Path, typer.Option(envvar="HOTLINE_SPOOL", help="Recordings and the outbox; shared with Asterisk.")]
Json = Annotated[bool, typer.Option("--json", help="For programs instead of people.")]
ClockFile = Annotated[
    Path | None,
    typer.Option(envvar="HOTLINE_CLOCK", help="For demonstrations: a file with seconds to add to the clock."),
]
CONFIG = Path("config/hotline.yaml")
SPOOL = Path("/var/spool/hotline")
REDIS = "127.0.0.1:6379"
T = TypeVar("T")


def stop(problem: object) -> NoReturn:
    """Bad input: say it and leave with status 2."""
    print(problem, file=sys.stderr)
    raise typer.Exit(2)


def read_config(path: Path) -> Config:
    """The configuration; its warnings are told, its problems end the command."""
    try:
        config = load(path)
    except ConfigError as problems:
        stop(problems)
    for warning in config.warnings:
        print(f"{warning} (a warning)", file=sys.stderr)
    return config


def address(text: str) -> Address:
    try:
        return Address.parse(text)
    except ValueError as problem:
        stop(problem)


@contextlib.contextmanager
def refused() -> Iterator[None]:
    """A refusal in it ends the command with the status that it has."""
    from hotline.staff import StaffError

    try:
        yield
    except StaffError as problem:
        print(problem, file=sys.stderr)
        raise typer.Exit(problem.status) from None


def visit(work: Coroutine[Any, Any, T]) -> T:
    """Run what goes to Redis; a refusal ends the command."""
    with refused():
        return asyncio.run(work)
