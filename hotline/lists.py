"""What `hotline voicemail` and `hotline callbacks` have in common: filters, and promises as rows."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from hotline.callbacks import until
from hotline.callbacks.book import Case
from hotline.callbacks.states import State
from hotline.clerk.archive import LEAST_DIGITS, Archive, Wanted
from hotline.clock import clock as clock_of
from hotline.options import read_config, refused, stop
from hotline.tables import lasted, print_table

States = Annotated[
    list[str] | None, typer.Option("--state", help=f"Only these: {', '.join(State)}. May be repeated.")
]
Queue = Annotated[str, typer.Option("--queue", help="Only of this queue.")]
Number = Annotated[
    str, typer.Option("--number", help="Only of this number, or of those that end with these digits, 4 or more.")
]
Due = Annotated[str, typer.Option("--due", help="Only those that are due before: now, 'tomorrow 09:00', 2h.")]
Since = Annotated[str, typer.Option("--since", help="Only those left since: yesterday, 7d (ago), 2026-11-01.")]
All = Annotated[bool, typer.Option("--all", help="Also those that have ended.")]


def open_archive(config: Path, spool: Path, clock: Path | None, *, stories: bool = True) -> Archive:
    """The spool's promises; what is wrong with it ends the command."""
    loaded = read_config(config)
    with refused():
        archive = Archive(loaded, spool.absolute(), clock_of(clock), stories=stories)
    for problem in archive.book.problems:
        print(f"{problem.path}: {problem.message}", file=sys.stderr)
    return archive


def wanted_from(
    archive: Archive, state: list[str] | None, queue: str, number: str, due: str, since: str, every: bool
) -> Wanted:
    """The options' wish; what is no state, queue or moment ends the command."""
    now = archive.local(archive.now())
    if wrong := [each for each in state or () if each not in set(State)]:
        stop(f"There is no state {wrong[0]!r}; states are {', '.join(State)}.")
    if queue and queue not in archive.config.queues:
        stop(f"There is no queue {queue!r}; the configuration has {', '.join(archive.config.queues)}.")
    if number and sum(map(str.isdecimal, number)) < LEAST_DIGITS:
        stop(f"{number!r} is not enough of a number; write all of it, or its last {LEAST_DIGITS} digits or more.")
    try:
        before = until.limit(due, now).timestamp() if due else 0.0
        after = until.since(since, now).timestamp() if since else 0.0
    except ValueError as problem:
        stop(problem)
    return Wanted(frozenset(state or ()), queue, number, before, after, every)


def cells(archive: Archive, case: Case) -> dict[str, str]:
    """A promise as a row of a table."""
    entry, state = case.entry, archive.state(case)
    if entry is None:
        return dict.fromkeys(_COLUMNS, "") | {"id": archive.short(case.id), "state": state.value}
    now = archive.local(archive.now())
    return {
        "id": archive.short(case.id),
        "state": f"{state.value} in {archive.short(case.into)}" if state is State.MERGED else state.value,
        "queue": entry.queue,
        "number": entry.number or "(hidden)",
        "confirmed": "no" if entry.number and not entry.confirmed else "",
        "left": _short(archive.local(entry.recorded_at), now),
        "due": _short(archive.local(case.due), now) if case.is_open else "",
        "tries": str(case.attempts or ""),
        "last": case.outcome,
        "length": lasted(entry.seconds) if entry.sha256 else "",
        "about": reason(archive, entry.reason) or textwrap.shorten(entry.note, 60, placeholder=" …"),
        "agent": f"for {case.given}" if case.given and case.is_open else case.agent,
        "with it": str(len(case.also) or ""),
    }


def show(archive: Archive, cases: Iterable[Case], **more: Callable[[Case], str]) -> None:
    """Promises as a table; `more` makes further columns."""
    rows = [cells(archive, case) | {name: tell(case) for name, tell in more.items()} for case in cases]
    print_table(rows, folded="about", spare=_SPARE)


def say_none(archive: Archive, wanted: Wanted, what: str) -> None:
    """There are none of what was wanted; perhaps there are some that have ended."""
    print(f"There are no such {what}.")
    if not (wanted.states or wanted.closed) and archive.cases(replace(wanted, closed=True)):
        print("There are some that have ended: --all shows them.", file=sys.stderr)


_COLUMNS = (
    "id", "state", "queue", "number", "confirmed", "left", "due", "tries", "last", "length", "about", "agent",
    "with it",
)  # fmt: skip
_MONTHS = timedelta(days=180)
"""Within which a day and a month are of one year only."""

_SPARE = ("with it", "last", "length", "confirmed", "tries", "left", "queue", "agent", "about")
"""Columns that a narrow terminal does without, best first."""


def plain(archive: Archive, case: Case) -> dict[str, Any]:
    """A promise for programs; moments are POSIX seconds."""
    entry = case.entry
    return {
        "id": case.id,
        "state": archive.state(case).value,
        "queue": entry.queue if entry else "",
        "number": entry.number if entry else "",
        "left": entry.recorded_at if entry else None,
        "due": case.due if case.is_open else None,
        "since": case.since,
        "attempts": case.attempts,
        "outcome": case.outcome,
        "agent": case.agent,
        "given": case.given,
        "seconds": entry.seconds if entry else None,
        "source": entry.source if entry else "",
        "language": entry.language if entry else "",
        "reason": entry.reason if entry else "",
        "part": entry.part if entry else "",
        "note": entry.note if entry else "",
        "confirmed": entry.confirmed if entry else False,
        "into": case.into,
        "also": sorted(case.also),
    }


def reason(archive: Archive, prompt: str) -> str:
    """The words of the prompt that names a reason, in the hotline's first language."""
    config = archive.config
    return config.prompts.get(prompt, {}).get(config.flow.language, prompt)


def _short(moment: datetime, now: datetime) -> str:
    """The time of day, with as much of the date as is needed: within months the weekday says more than the year."""
    if moment.date() == now.date():
        return f"{moment:%H:%M}"
    return f"{moment:%a %m-%d %H:%M}" if abs(moment - now) < _MONTHS else f"{moment:%Y-%m-%d %H:%M}"
