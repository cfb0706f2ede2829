"""`hotline voicemail …`: the messages that callers left. All but `erase` needs the spool alone."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Annotated, Any, BinaryIO

import typer

from hotline.callbacks.book import Case
from hotline.callbacks.disk import opened
from hotline.callbacks.lines import Done
from hotline.clerk.archive import Archive, Person, Wanted
from hotline.lists import (
    All,
    Due,
    Number,
    Queue,
    Since,
    States,
    open_archive,
    plain,
    say_none,
    show,
    wanted_from,
)
from hotline.options import CONFIG, REDIS, SPOOL, ClockFile, ConfigFile, Json, Redis, Spool, address, refused, visit
from hotline.tables import ListByDefault, lasted, many

voicemail = typer.Typer(cls=ListByDefault, help="The messages that callers left: hear, copy, erase them.")

PLAYERS = (("aplay", "-q"), ("play", "-q"), ("ffplay", "-nodisp", "-autoexit", "-loglevel", "error"))
"""Programs that play a recording, best first."""

Id = Annotated[str, typer.Argument(help="The promise's id, or its beginning.")]


@voicemail.command(name="list")
def list_(
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    clock: ClockFile = None,
    state: States = None,
    queue: Queue = "",
    number: Number = "",
    due: Due = "",
    since: Since = "",
    every: All = False,
    as_json: Json = False,
) -> None:
    """The messages that are still to be answered, those that are due first; with --all the others as well."""
    archive = open_archive(config, spool, clock, stories=False)
    wanted = wanted_from(archive, state, queue, number, due, since, every)
    found = _messages(archive, wanted)
    if as_json:
        print(json.dumps([_about(archive, case) for case in found], ensure_ascii=False, indent=2))
    elif found:
        show(archive, found, file=lambda case: _file(archive, case))
    else:
        say_none(archive, wanted, "messages")


@voicemail.command()
def play(
    id: Id,
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    path_only: Annotated[bool, typer.Option("--path", help="Only tell where the recordings are.")] = False,
) -> None:
    """Hear a message, and those that are heard with it; without a program that plays it, tell where it is."""
    archive = open_archive(config, spool, None)
    with refused():
        case = archive.find(id)
    recordings = [path for path in archive.recordings(case) if path.exists()]
    if not recordings:
        print(f"{case.id} has no recording.", file=sys.stderr)
        raise typer.Exit(1)
    player = next((words for words in PLAYERS if shutil.which(words[0])), None)
    for path in recordings:
        if player and not path_only:
            print(f"Playing {path} …", file=sys.stderr)
            if subprocess.run([*player, str(path)], check=False).returncode:
                print(f"{player[0]} could not play {path}.", file=sys.stderr)
                raise typer.Exit(1)
        else:
            print(path)


@voicemail.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Where to; it is made if it is not there.")],
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    clock: ClockFile = None,
    state: States = None,
    queue: Queue = "",
    number: Number = "",
    due: Due = "",
    since: Since = "",
    every: All = False,
) -> None:
    """Copy messages to a folder, with what is known of them in index.csv and index.json."""
    archive = open_archive(config, spool, clock, stories=False)
    found = _messages(archive, wanted_from(archive, state, queue, number, due, since, every))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        rows = [_copied(archive, case, folder) for case in found]
        _write(folder / "index.json", io.BytesIO(json.dumps(rows, ensure_ascii=False, indent=2).encode() + b"\n"))
        table = io.StringIO(newline="")
        writer = csv.DictWriter(table, list(rows[0]) if rows else ["id"])
        writer.writeheader()
        writer.writerows({name: _written(archive, name, value) for name, value in row.items()} for row in rows)
        _write(folder / "index.csv", io.BytesIO(table.getvalue().encode()))
    except OSError as error:
        print(f"{error.filename or folder}: {error.strerror}.", file=sys.stderr)
        raise typer.Exit(1) from None
    missing = sum(not row["file"] for row in rows)
    if not rows:
        print(f"There are no such messages: the index in {folder} is empty.")
        return
    told = f", {missing} of them without a recording" if missing else ""
    copied = many(len(rows), "message is", "messages are")
    print(f"{copied} in {folder}{told}. That is personal data: erasing here does not reach it.")


@voicemail.command()
def erase(
    what: Annotated[str, typer.Argument(help="A promise's id, or a person's whole number: then all that is theirs.")],
    config: ConfigFile = CONFIG,
    spool: Spool = SPOOL,
    redis: Redis = REDIS,
    clock: ClockFile = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Erase a person's data for good: recordings, number, what the outbox and Redis know. A tombstone stays."""
    from hotline.clerk.changes import Changes

    archive = open_archive(config, spool, clock)
    with refused():
        person = archive.person(what)
    if len(person.settled) < len(person.unlisted):
        print(
            "A message of that number is being left just now: it stays. Erase it when that is over.", file=sys.stderr
        )
    if not any(case.entry for case in person.cases) and not person.settled:
        print("Nothing is known of that person." if not person.cases else "It is erased already.")
        return
    _say_what_goes(archive, person)
    if not yes:
        typer.confirm("Erase this for good?", abort=True)
    told = visit(Changes(archive, address(redis)).erase(person))
    print("Erased." if told else "Erased; Redis does not answer, and forgets it as soon as a service reaches it.")


def _messages(archive: Archive, wanted: Wanted) -> list[Case]:
    return [case for case in archive.cases(wanted) if case.entry and case.entry.sha256]


def _file(archive: Archive, case: Case) -> str:
    return "" if archive.recording(case.id).exists() else "missing"


def _about(archive: Archive, case: Case) -> dict[str, Any]:
    path = archive.recording(case.id)
    return plain(archive, case) | {"file": str(path) if path.exists() else ""}


def _copied(archive: Archive, case: Case, folder: Path) -> dict[str, Any]:
    """What is known of a message whose recording is in the folder now."""
    source = archive.recording(case.id)
    entry = case.entry
    name = f"{archive.local(entry.recorded_at):%Y-%m-%d-%H%M}-{case.id}.wav" if entry and source.exists() else ""
    if name:
        with opened(source, os.O_RDONLY) as recording:
            _write(folder / name, recording)
    return plain(archive, case) | {"file": name, "sha256": entry.sha256 if entry else ""}


def _write(path: Path, content: BinaryIO) -> None:
    """A file that is ours alone from its first moment, in the place of an earlier one. A link is not followed."""
    path.unlink(missing_ok=True)
    with opened(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL) as file:
        shutil.copyfileobj(content, file)


def _written(archive: Archive, name: str, value: Any) -> object:
    """For people who open the table: by the hotline's clock; and what a stranger wrote is no formula there."""
    if name in ("left", "due", "since"):
        return f"{archive.local(value):%Y-%m-%d %H:%M}" if value else ""
    if isinstance(value, list):
        return " ".join(value)
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "@", "-", "\t", "\r") else value


def _say_what_goes(archive: Archive, person: Person) -> None:
    family = {id: archive.book.cases[id] for case in person.cases for id in archive.book.family(case.id)}
    known = sorted((case for case in family.values() if case.entry), key=lambda case: (case.due, case.id))
    seconds = sum(case.entry.seconds for case in known if case.entry)
    print(f"{many(len(known), 'promise')}, with {lasted(seconds)} of recordings{':' if known else ''}")
    if known:
        show(archive, known)
    if person.settled:
        left = many(len(person.settled), "recording or note", "recordings or notes")
        print(f"{left} that no service has taken in, or that nobody can read.")
    if open_ := [case.id for case in known if case.is_open]:
        print(f"Nobody will be called back for {', '.join(open_)}.")
    if any(isinstance(record, Done) for case in known for record in case.story):
        print("Messages that were mailed or told to a webhook are out of our reach: have them erased there.")
