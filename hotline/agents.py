"""`hotline agents …`: who works, in which state, since when; and to change that."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.console import Console

from hotline.clock import clock as clock_of
from hotline.options import CONFIG, REDIS, ClockFile, ConfigFile, Json, Redis, address, read_config, visit
from hotline.staff import Row
from hotline.tables import ListByDefault, lasted, table

agents = typer.Typer(cls=ListByDefault, help="See the agents; log them in or out, give them breaks.")


@agents.command(name="list")
def list_(config: ConfigFile = CONFIG, redis: Redis = REDIS, clock: ClockFile = None, as_json: Json = False) -> None:
    """Every agent, with their state: those of the configuration, and others who are at work all the same."""
    from hotline.staff import roster

    rows = visit(roster(read_config(config), address(redis)))
    if as_json:
        print(json.dumps([_plain(row) for row in rows], ensure_ascii=False, indent=2))
    else:
        now = clock_of(clock)()
        Console().print(table([_cells(row, now) for row in rows]))


@agents.command()
def login(agent: str, config: ConfigFile = CONFIG, redis: Redis = REDIS, clock: ClockFile = None) -> None:
    """Log an agent in; their phone may ring at once."""
    from hotline.staff import log_in

    print(visit(log_in(read_config(config), address(redis), agent, clock_of(clock)())))


@agents.command()
def logout(
    agent: str,
    config: ConfigFile = CONFIG,
    redis: Redis = REDIS,
    clock: ClockFile = None,
    now: Annotated[
        bool, typer.Option("--now", help="For one who is stuck: give the call in hand up as lost.")
    ] = False,
) -> None:
    """Log an agent out, after the conversation if there is one."""
    from hotline.staff import log_out

    print(visit(log_out(read_config(config), address(redis), agent, clock_of(clock)(), at_once=now)))


@agents.command()
def pause(
    agent: str,
    config: ConfigFile = CONFIG,
    redis: Redis = REDIS,
    clock: ClockFile = None,
    reason: Annotated[str, typer.Option(help="One of the configuration's `pauses`.")] = "",
) -> None:
    """Give an agent a break, after the conversation if there is one, until they are ready."""
    from hotline.staff import pause as give_pause

    print(visit(give_pause(read_config(config), address(redis), agent, clock_of(clock)(), reason)))


@agents.command()
def ready(agent: str, config: ConfigFile = CONFIG, redis: Redis = REDIS, clock: ClockFile = None) -> None:
    """End an agent's break or wrap-up; their phone may ring at once."""
    from hotline.staff import ready as make_ready

    print(visit(make_ready(read_config(config), address(redis), agent, clock_of(clock)())))


def _plain(row: Row) -> dict[str, Any]:
    record = row.record
    return {
        "agent": row.agent,
        "state": row.state,
        "reason": record.reason if record else "",
        "since": record.since or None if record else None,
        "until": record.until or None if record else None,
        "queue": record.queue if record else "",
        "call": record.call if record else "",
        "misses": record.misses if record else 0,
        "next": record.wish if record else "",
        "phone": row.phone,
        "configured": row.configured,
    }


def _cells(row: Row, now: float) -> dict[str, str]:
    record = row.record
    return {
        "agent": row.agent,
        "state": f"{row.state}, then {record.wish}" if record and record.wish else row.state,
        "why": record.reason if record else "",
        "for": lasted(now - record.since) if record and record.since else "",
        "queue": record.queue if record else "",
        "call": record.call if record else "",
        "misses": str(record.misses or "") if record else "",
        "phone": row.phone,
        "skills": row.skills if row.configured else "(not in the configuration)",
    }
