"""`hotline callbacks …`: the calls that are promised, and what staff do about them."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from hotline.callbacks.book import Case
from hotline.callbacks.lines import kind_of
from hotline.callbacks.states import State
from hotline.callbacks.story import tell
from hotline.clerk.archive import Archive
from hotline.clerk.changes import Changes
from hotline.lists import (
    All,
    Due,
    Number,
    Queue,
    Since,
    States,
    open_archive,
    plain,
    reason,
    say_none,
    wanted_from,
)
from hotline.lists import show as show_cases
from hotline.options import (
    CONFIG,
    REDIS,
    SPOOL,
    ClockFile,
    ConfigFile,
    Json,
    Redis,
    Spool,
    address,
    refused,
    stop,
    visit,
)
from hotline.tables import ListByDefault

callbacks = typer.Typer(cls=ListByDefault, help="The calls that are promised: see, cancel, postpone, assign them.")

Id = Annotated[str, typer.Argument(help="The promise's id, or its beginning.")]


@callbacks.command(name="list")
def list_(
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    redis: Redis = REDIS,
    clock: ClockFile = None,
    state: States = None,
    queue: Queue = "",
    number: Number = "",
    due: Due = "",
    since: Since = "",
    every: All = False,
    as_json: Json = False,
) -> None:
    """The calls that are still to be made, those that are due first; with --all the others as well."""
    archive = open_archive(config, spool, clock, stories=False)
    wanted = wanted_from(archive, state, queue, number, due, since, every)
    if not visit(Changes(archive, address(redis)).look()):
        print("Redis does not answer: who is being offered to an agent just now is not shown.", file=sys.stderr)
    found = [case for case in archive.cases(wanted) if case.entry or State.ERASED in wanted.states]
    if as_json:
        print(json.dumps([plain(archive, case) for case in found], ensure_ascii=False, indent=2))
    elif found:
        show_cases(archive, found)
    else:
        say_none(archive, wanted, "promises")


@callbacks.command()
def show(
    id: Id,
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    clock: ClockFile = None,
    as_json: Json = False,
) -> None:
    """What befell a promise: kept, tried, moved, by whom; from the outbox."""
    archive, case = _find(id, config, spool, clock)
    if as_json:
        story = [{"kind": kind_of(record), **asdict(record)} for record in case.story]
        print(json.dumps(plain(archive, case) | {"story": story}, ensure_ascii=False, indent=2))
        return
    reasons = {name: reason(archive, name) for name in archive.config.prompts}
    print(f"Promise {case.id}")
    for line in tell(archive.book, case, archive.config.zone, reasons, archive.now()):
        print(line)


@callbacks.command()
def cancel(
    id: Id, config: ConfigFile = CONFIG, spool: Spool = SPOOL, redis: Redis = REDIS, clock: ClockFile = None
) -> None:
    """The customer is not called any more."""
    archive, case = _find(id, config, spool, clock)
    print(visit(Changes(archive, address(redis)).cancel(case)))


@callbacks.command()
def postpone(
    id: Id,
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    redis: Redis = REDIS,
    clock: ClockFile = None,
    until: Annotated[
        str, typer.Option("--until", help="'tomorrow 09:00', mon, 2h, 2026-12-01T09:00, or a part of the day.")
    ] = "",
) -> None:
    """To be called later: at a moment, or in a part of the day; never outside the hours for that."""
    archive, case = _find(id, config, spool, clock)
    if not until:
        stop("Until when? Say --until 'tomorrow 09:00', or another moment.")
    print(visit(Changes(archive, address(redis)).postpone(case, until)))


@callbacks.command()
def assign(
    id: Id,
    agent: Annotated[str, typer.Argument(help="An agent of the configuration.")],
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    redis: Redis = REDIS,
    clock: ClockFile = None,
) -> None:
    """Give it to an agent, who is asked first: others when that one takes a break or missed the ring."""
    archive, case = _find(id, config, spool, clock)
    print(visit(Changes(archive, address(redis)).assign(case, agent)))


def _find(id: str, config: Path, spool: Path, clock: Path | None) -> tuple[Archive, Case]:
    archive = open_archive(config, spool, clock)
    with refused():
        return archive, archive.find(id)
