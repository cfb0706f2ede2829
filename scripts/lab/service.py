"""`hotline serve`, or `hotline index`, as a real process of its own: started, read, killed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

Line = dict[str, Any]


class ServiceFailed(Exception):
    """The service did not do what was waited for; the text holds its last lines."""


READY = {"serve": "Ready for calls.", "index": "Indexing."}
"""What a command says once it does its work."""


class Service:
    """One process of the product. Its log lines are `events`, in order, each with `seen` (monotonic seconds).

    `under` is a program that runs it and leaves its place to it (`strace -D …`).
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        log: Path,
        on_line: Callable[[Line], None] | None = None,
        command: str = "serve",
        under: Sequence[str | Path] = (),
    ) -> None:
        self._environment = dict(environment)
        self._command, self._under = command, under
        self._log, self._on_line = log, on_line
        self._news = asyncio.Condition()
        self.events: list[Line] = []
        self.listening = True  # False spares a measurement the reading of what is logged
        self._process: asyncio.subprocess.Process | None = None
        self._reader: asyncio.Task[None] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, *, ready: bool = True, seconds: float = 20.0) -> None:
        """Start it, and wait until it says that it is ready."""
        mark = len(self.events)
        self._process = await asyncio.create_subprocess_exec(
            *("setpriv", "--pdeathsig", "KILL", *self._under, sys.executable, "-m", "hotline", self._command),
            env={**os.environ, **self._environment},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
            limit=1 << 20,
            process_group=0,
        )
        self._reader = asyncio.create_task(self._read(self._process))
        if ready:
            await self.event(READY[self._command], after=mark, seconds=seconds)

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stderr is not None
        with self._log.open("ab") as log:
            async for raw in process.stderr:
                log.write(raw)
                if not self.listening:
                    continue
                log.flush()
                try:
                    line = json.loads(raw)
                except ValueError:
                    line = {"event": raw.decode(errors="replace").rstrip()}
                line["seen"] = time.monotonic()
                async with self._news:
                    self.events.append(line)
                    self._news.notify_all()
                if self._on_line:
                    self._on_line(line)

    async def event(self, name: str, *, after: int = 0, seconds: float = 10.0, **fields: Any) -> Line:
        """The first line of that name and those fields since line `after`, waiting for it if need be."""

        def find() -> Line | None:
            for line in self.events[after:]:
                if line.get("event") == name and all(line.get(key) == value for key, value in fields.items()):
                    return line
            return None

        try:
            async with asyncio.timeout(seconds), self._news:
                await self._news.wait_for(find)
        except TimeoutError:
            tail = "\n".join(json.dumps(line) for line in self.events[-15:])
            raise ServiceFailed(f"no {name} {fields} within {seconds:g} s; the last lines were:\n{tail}") from None
        found = find()
        assert found is not None
        return found

    def mark(self) -> int:
        """Where the log stands now; give it to `event` as `after`."""
        return len(self.events)

    def kill(self) -> None:
        """kill -9."""
        os.kill(self.pid, signal.SIGKILL)

    def terminate(self) -> None:
        """SIGTERM: drain."""
        os.kill(self.pid, signal.SIGTERM)

    async def wait(self) -> int:
        """The exit status."""
        assert self._process is not None
        assert self._reader is not None
        status = await self._process.wait()
        await self._reader
        return status

    async def stop(self) -> None:
        """Stop it whatever it does: two SIGTERMs, then kill."""
        if self._process is None or self._process.returncode is not None:
            return
        self.terminate()
        self.terminate()
        try:
            async with asyncio.timeout(5):
                await self.wait()
        except TimeoutError:
            self.kill()
            await self.wait()

    async def metrics(self) -> dict[str, float]:
        """One scrape: `name{labels}` → value."""
        url = f"http://{self._environment['HOTLINE_HTTP']}/metrics"
        text = await asyncio.to_thread(_get, url)
        samples = {}
        for line in text.splitlines():
            if line and not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                with contextlib.suppress(ValueError):
                    samples[name] = float(value)
        return samples


def _get(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as reply:
        return str(reply.read().decode())
