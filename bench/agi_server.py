"""CPU of a FastAGI server per session of five commands, ours against its peers, in one run.

    python bench/agi_server.py [--json] [--rounds 15] [--sessions 500]

Each server runs in a process of its own and reports its own CPU time (user + system, by getrusage); the load comes
from this process: 200 sessions at a time, each a header block as Asterisk sends it and five commands answered at
once. The servers take turns, so that a disturbance of the machine hits them all; the median of the rounds counts.

bare      asyncio streams: reads lines, writes five commands, checks nothing   (the floor, also on uvloop)
panoramisk   its fast_agi Application
ours      agi.server with every guard, on uvloop as the product runs it        (aim: <= 1.5 x bare on uvloop)
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import uvloop
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

CONCURRENT = 200
COMMANDS = ("ANSWER", 'STREAM FILE "welcome" "12"', 'WAIT FOR DIGIT "5000"', 'GET VARIABLE "HOTLINE_KEY"', "HANGUP")
HEADERS = {
    "agi_network": "yes",
    "agi_network_script": "call",
    "agi_request": "agi://127.0.0.1/call",
    "agi_channel": "PJSIP/trunk-00000001",
    "agi_language": "en",
    "agi_type": "PJSIP",
    "agi_uniqueid": "pbx1-1700000000.1",
    "agi_version": "22.10.1",
    "agi_callerid": "+84901234567",
    "agi_calleridname": "unknown",
    "agi_callingpres": "0",
    "agi_callingani2": "0",
    "agi_callington": "0",
    "agi_callingtns": "0",
    "agi_dnid": "1900",
    "agi_rdnis": "unknown",
    "agi_context": "hotline",
    "agi_extension": "1900",
    "agi_priority": "5",
    "agi_enhanced": "0.0",
    "agi_accountcode": "",
    "agi_threadid": "140000000000000",
    "agi_arg_1": "pbx1-1700000000.1",
    "agi_arg_2": "pbx1",
    "agi_arg_3": "1",
}
HEADER_BLOCK = "".join(f"{name}: {value}\n" for name, value in HEADERS.items()).encode() + b"\n"
REPLY = b"200 result=49 endpos=8000\n"

Start = Callable[[], Awaitable[tuple[Any, int]]]


# -- the servers, each in a process of its own ----------------------------------------------------------------------


async def start_bare() -> tuple[Any, int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline() not in (b"\n", b""):
            pass
        for command in COMMANDS:
            writer.write(command.encode() + b"\n")
            await reader.readline()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=512)
    return server, server.sockets[0].getsockname()[1]


async def start_panoramisk() -> tuple[Any, int]:
    from panoramisk import fast_agi

    async def serve(request: Any) -> None:
        for command in COMMANDS:
            await request.send_command(command)

    application = fast_agi.Application(loop=asyncio.get_running_loop())
    application.add_route("call", serve)
    server = await asyncio.start_server(application.handler, "127.0.0.1", 0, backlog=512)
    return server, server.sockets[0].getsockname()[1]


async def start_ours() -> tuple[Any, int]:
    from agi.channel import Channel
    from agi.server import Server

    async def serve(channel: Channel) -> None:
        await channel.answer()
        await channel.stream("welcome", "12")
        await channel.wait_digit(5)
        await channel.get_variable("HOTLINE_KEY")
        await channel.hangup()

    server = await Server(serve, port=0).__aenter__()
    return server, server.address[1]


SERVERS: dict[str, tuple[str, Start, bool]] = {
    "bare": ("bare asyncio streams", start_bare, False),
    "bare-uvloop": ("bare streams on uvloop", start_bare, True),
    "panoramisk": ("panoramisk fast_agi", start_panoramisk, False),
    "ours": ("agi.server, fully guarded", start_ours, True),
}


async def serve_forever(start: Start) -> None:
    """Print the port; then for every line on standard input print the CPU seconds used so far."""
    logging.disable()
    _kept, port = await start()
    print(port, flush=True)
    loop = asyncio.get_running_loop()
    while await loop.run_in_executor(None, sys.stdin.readline):
        usage = resource.getrusage(resource.RUSAGE_SELF)
        print(usage.ru_utime + usage.ru_stime, flush=True)


# -- the load --------------------------------------------------------------------------------------------------------


class FakeAsterisk(asyncio.Protocol):
    """Sends the headers, answers every line; tells `done` how many commands it saw when the server closes."""

    def __init__(self, done: asyncio.Future[int]) -> None:
        self.done, self.commands = done, 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport: Any = transport
        self.transport.write(HEADER_BLOCK)

    def data_received(self, data: bytes) -> None:
        self.commands += data.count(b"\n")
        self.transport.write(REPLY * data.count(b"\n"))

    def connection_lost(self, _: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(self.commands)


async def load(port: int, sessions: int) -> None:
    loop = asyncio.get_running_loop()
    left = iter(range(sessions))

    async def caller() -> None:
        for _ in left:
            done: asyncio.Future[int] = loop.create_future()
            await loop.create_connection(lambda done=done: FakeAsterisk(done), "127.0.0.1", port)
            commands = await done
            if commands != len(COMMANDS):
                raise RuntimeError(f"a session had {commands} commands instead of {len(COMMANDS)}")

    await asyncio.gather(*(caller() for _ in range(CONCURRENT)))


class Child:
    """A server's process."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        command = [sys.executable, __file__, "--serve", kind]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self._line())

    def _line(self) -> str:
        assert self.process.stdout
        return self.process.stdout.readline()

    def cpu(self) -> float:
        assert self.process.stdin
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        assert self.process.stdin
        self.process.stdin.close()
        self.process.wait(10)

    def measure(self, sessions: int) -> float:
        """CPU milliseconds per session."""
        before = self.cpu()
        uvloop.run(load(self.port, sessions))
        return (self.cpu() - before) / sessions * 1000


def run(rounds: int, sessions: int) -> dict[str, Any]:
    children = [Child(kind) for kind in SERVERS]
    figures: dict[str, list[float]] = {kind: [] for kind in SERVERS}
    try:
        for child in children:
            child.measure(CONCURRENT)  # imports, caches, buffers
        for _ in range(rounds):
            for child in children:
                figures[child.kind].append(child.measure(sessions))
    finally:
        for child in children:
            child.close()
    medians = {kind: statistics.median(values) for kind, values in figures.items()}
    return {
        "cpu_ms_per_session": {kind: round(value, 4) for kind, value in medians.items()},
        "spread_ms": {kind: [round(min(values), 4), round(max(values), 4)] for kind, values in figures.items()},
        "ours_to_bare_uvloop": round(medians["ours"] / medians["bare-uvloop"], 3),
        "ours_to_bare": round(medians["ours"] / medians["bare"], 3),
        "ours_to_panoramisk": round(medians["ours"] / medians["panoramisk"], 3),
        "concurrent": CONCURRENT,
        "sessions": sessions,
        "rounds": rounds,
    }


def show(figures: dict[str, Any], seconds: float) -> None:
    sessions, rounds = figures["sessions"], figures["rounds"]
    title = f"CPU per session of {len(COMMANDS)} commands, {CONCURRENT} at a time, {rounds} rounds of {sessions}"
    table = Table("server", "ms per session", "least–most", "to bare on uvloop", title=title)
    for kind, (name, _, _) in SERVERS.items():
        value = figures["cpu_ms_per_session"][kind]
        low, high = figures["spread_ms"][kind]
        ratio = value / figures["cpu_ms_per_session"]["bare-uvloop"]
        table.add_row(name, f"{value:.3f}", f"{low:.3f}–{high:.3f}", f"{ratio:.2f}")
    console = Console()
    console.print(table)
    console.print(
        f"ours = {figures['ours_to_bare_uvloop']:.2f} x bare on uvloop (aim: at most 1.5), "
        f"{figures['ours_to_panoramisk']:.2f} x panoramisk (aim: below 1); took {seconds:.0f} s"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="print the figures as JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--sessions", type=int, default=500, help="per server and round")
    parser.add_argument("--serve", choices=SERVERS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        _, start, on_uvloop = SERVERS[options.serve]
        (uvloop.run if on_uvloop else asyncio.run)(serve_forever(start))
        return
    began = time.monotonic()
    figures = run(options.rounds, options.sessions)
    if options.json:
        print(json.dumps(figures, indent=2))
    else:
        show(figures, time.monotonic() - began)


if __name__ == "__main__":
    main()
