"""The command line. Exit status: 0 well, 1 it failed while running, 2 the input is wrong and the text says where."""

from __future__ import annotations

import asyncio
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from hotline.agents import agents
from hotline.options import (
    CONFIG,
    REDIS,
    SPOOL,
    ClockFile,
    ConfigFile,
    Redis,
    Spool,
    address,
    read_config,
    stop,
    visit,
)
from hotline.output import printing
from hotline.promised import callbacks
from hotline.schema import ConfigError
from hotline.settings import Address, MailServer, Manager, Settings, api_tokens, signing_secret
from hotline.staffing.command import staff
from hotline.tables import many
from hotline.voicemails import voicemail

app = typer.Typer(
    help="An IVR and ACD for Asterisk: YAML menus, a skills-based queue, voicemail that is called back.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Sounds = Annotated[
    Path,
    typer.Option(envvar="HOTLINE_SOUNDS", help="Prompt files, <language>/<prompt>.wav; Asterisk reads them."),
]
SOUNDS = Path("/var/lib/hotline/sounds")

app.add_typer(agents, name="agents")
app.add_typer(callbacks, name="callbacks")
app.add_typer(voicemail, name="voicemail")


@app.command()
def serve(
    config: ConfigFile = CONFIG,
    agi: Annotated[str, typer.Option(envvar="HOTLINE_AGI", help="Listen here for FastAGI.")] = "127.0.0.1:4573",
    ami: Annotated[
        str, typer.Option(envvar="HOTLINE_AMI", help="PBXs: name=user:secret@host:port, comma-separated.")
    ] = "",
    redis: Redis = REDIS,
    http: Annotated[
        str, typer.Option(envvar="HOTLINE_HTTP", help="Listen here for /metrics, /healthz and /callbacks.")
    ] = "127.0.0.1:9273",
    spool: Spool = SPOOL,
    sounds: Sounds = SOUNDS,
    clock: ClockFile = None,
    max_calls: Annotated[
        int, typer.Option(envvar="HOTLINE_MAX_CALLS", min=1, max=100_000, help="Callers at once; above it, busy.")
    ] = 1000,
    reconcile: Annotated[
        float, typer.Option(envvar="HOTLINE_RECONCILE", min=1, max=3600, help="Seconds between looks for leaks.")
    ] = 30.0,
    smtp: Annotated[
        str, typer.Option(envvar="HOTLINE_SMTP", help="Mail server: smtp[s]://user:secret@host:port.")
    ] = "",
    webhook_secret: Annotated[
        str, typer.Option(envvar="HOTLINE_WEBHOOK_SECRET", help="Signs what webhooks are told.")
    ] = "",
    api_token: Annotated[
        str, typer.Option(envvar="HOTLINE_API_TOKEN", help="Who shows one of these may ask for callbacks.")
    ] = "",
) -> None:
    """Serve calls until SIGTERM: then finish those under way. A second signal ends them at once."""
    from hotline.app import run

    loaded = read_config(config)
    try:
        settings = Settings(
            config=config,
            agi=Address.parse(agi),
            ami=Manager.parse_list(ami),
            redis=Address.parse(redis),
            http=Address.parse(http),
            spool=spool.absolute(),
            sounds=sounds.absolute(),
            clock=clock,
            max_calls=max_calls,
            reconcile=reconcile,
            smtp=MailServer.parse(smtp),
            webhook_secret=signing_secret(webhook_secret),
            api_token=api_tokens(api_token),
        )
    except ValueError as problem:
        stop(problem)
    raise typer.Exit(run(settings, loaded))


@app.command()
def index(
    config: ConfigFile = CONFIG,
    redis: Redis = REDIS,
    spool: Spool = SPOOL,
    clock: ClockFile = None,
    once: Annotated[bool, typer.Option("--once", help="One round, and tell what it found.")] = False,
) -> None:
    """Take in recordings that nobody kept, and bring the outbox to Redis: as services do, but without calls."""
    from hotline.indexing import run

    loaded = read_config(config)
    raise typer.Exit(run(loaded, redis=address(redis), spool=spool.absolute(), clock_file=clock, once=once))


@app.command()
def why(
    call: Annotated[str, typer.Argument(help="The call's id: the PBX's linkedid, `call` in the log.")],
    config: ConfigFile = CONFIG,
    redis: Redis = REDIS,
) -> None:
    """What befell a call in the queue, and why it was not sooner."""
    from hotline.acd.story import tell
    from hotline.staff import story

    zone = read_config(config).zone
    for line in tell(visit(story(address(redis), call)), zone):
        print(line)


@app.command()
def check(config: ConfigFile = CONFIG) -> None:
    """Read the YAML as the service would, and tell every problem with its place."""
    loaded = read_config(config)
    sizes = {"menu": loaded.flow.menus, "queue": loaded.queues, "agent": loaded.agents, "prompt": loaded.prompts}
    counted = ", ".join(many(len(things), one) for one, things in sizes.items())
    print(f"{config}: good. {loaded.name} has {counted} in {', '.join(loaded.flow.languages)}.")


@app.command(name="try")
def try_(
    config: ConfigFile = CONFIG,
    number: Annotated[str, typer.Option(help="The number that the caller dials.")] = "default",
    at: Annotated[
        str, typer.Option(help="When: 2026-11-22T22:00 in the hotline's zone, or with an offset: …T22:00+07:00.")
    ] = "",
) -> None:
    """Walk through the menus at the terminal, without a PBX."""
    from hotline.rehearsal import rehearse

    loaded = read_config(config)
    before = signal.signal(signal.SIGINT, _interrupt)
    try:
        asyncio.run(rehearse(loaded, number=number, at=at, ask=input, tell=print))
    except ValueError as problem:
        stop(problem)
    except KeyboardInterrupt:
        print()  # what the shell says next begins a line
        raise typer.Exit(130) from None
    finally:
        signal.signal(signal.SIGINT, before)


def _interrupt(*_: object) -> None:
    """Ctrl-C at once: where a signal is Python's own to handle, asyncio would wait for the line that is asked for."""
    raise KeyboardInterrupt


@app.command()
def prompts(
    config: ConfigFile = CONFIG,
    sounds: Sounds = SOUNDS,
    espeak: Annotated[str, typer.Option(help="The espeak-ng program.")] = "espeak-ng",
    sox: Annotated[str, typer.Option(help="The sox program.")] = "sox",
) -> None:
    """Synthesise every prompt that has no recording yet or whose text changed; recordings are never overwritten."""
    from hotline.speech import SpeechError, missing, synthesise

    loaded = read_config(config)
    wanted = missing(loaded, sounds)
    with Progress(console=Console(stderr=True), disable=not wanted) as progress:
        task = progress.add_task("Prompts", total=len(wanted))
        try:
            synthesise(wanted, sounds, espeak=espeak, sox=sox, done=lambda: progress.advance(task))
        except SpeechError as problem:
            print(problem, file=sys.stderr)
            raise typer.Exit(1) from None
    print(f"{many(len(wanted), 'prompt')} made in {sounds}." if wanted else f"Every prompt is in {sounds} already.")


app.command()(staff)


@app.command()
def simulate(
    scenario: Annotated[Path, typer.Argument(help="A scenario; config/simulations/ explains and has examples.")],
    replications: Annotated[int | None, typer.Option(min=1, help="How many; else as the scenario says.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Other calls; else as the scenario says.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, max=64, help="Processes; else one per core.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Figures for programs instead of tables.")] = False,
    redis_server: Annotated[str, typer.Option(help="The redis-server program; else that on PATH.")] = "",
) -> None:
    """Let a day of calls run through the real queue core, on a virtual clock."""
    from hotline.simulation import command

    try:
        raise typer.Exit(
            command.simulate(
                scenario, replications=replications, seed=seed, workers=workers, json=json, program=redis_server
            )
        )
    except ConfigError as problems:
        stop(problems)


def main() -> None:
    """The console script."""
    with printing():
        app()
