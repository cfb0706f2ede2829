"""One program that we started, and only that one: start, wait until it is ready, stop, kill, freeze.

Rules of this file:
- What we start dies with us, even if we are killed, and is out of reach of a terminal's Ctrl-C: we stop it ourselves.
- Its output goes to a log file, of which an early end shows the last lines.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

POLL = 0.02
"""Seconds between two looks at something that sends no event."""

TRIES = 20
"""Ports of which one must be free for UDP as well."""


class NotReady(Exception):
    """The program ended, or the time was over, before it was ready."""


class Process:
    """`command` as a child process; `log` takes its output (appended, so a restart keeps the story)."""

    def __init__(
        self, name: str, command: Sequence[str | Path], *, log: Path, env: Mapping[str, str] | None = None
    ) -> None:
        self.name, self.command, self.log = name, [str(word) for word in command], log
        self._env = dict(env) if env is not None else None
        self._child: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        assert self._child is not None, f"{self.name} was not started"
        return self._child.pid

    @property
    def running(self) -> bool:
        return self._child is not None and self._child.returncode is None

    async def start(self) -> None:
        assert not self.running, f"{self.name} runs already"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self._child = await asyncio.create_subprocess_exec(
                "setpriv", "--pdeathsig", "KILL", *self.command,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log, env=self._env, process_group=0,
            )  # fmt: skip

    async def exited(self) -> int:
        """Wait for its end; the exit status, negative for a signal."""
        assert self._child is not None, f"{self.name} was not started"
        return await self._child.wait()

    async def stop(self, within: float = 5.0) -> None:
        """Ask it to end, and kill it after `within` seconds. Nothing happens if it does not run."""
        if not self.running:
            return
        self.signal(signal.SIGCONT)
        self.signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.exited(), within)
        except TimeoutError:
            await self.kill()

    async def kill(self) -> None:
        """kill -9, and wait until it is gone."""
        self.signal(signal.SIGKILL)
        await self.exited()

    def pause(self) -> None:
        """Freeze it: its sockets stay open and nobody answers."""
        self.signal(signal.SIGSTOP)

    def resume(self) -> None:
        self.signal(signal.SIGCONT)

    def signal(self, number: signal.Signals) -> None:
        if self.running:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def port_open(self, port: int, within: float = 15.0) -> None:
        """Wait until it takes connections on 127.0.0.1:`port`. Raises NotReady."""

        async def connects() -> bool:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return False
            writer.close()
            return True

        await self._until(connects, f"did not open port {port}", within)

    async def logs(self, text: str, within: float = 15.0, *, start: int = 0) -> None:
        """Wait until `text` is in its log, from byte `start` on. Raises NotReady."""

        async def written() -> bool:
            return text.encode() in self.log.read_bytes()[start:]

        await self._until(written, f"did not log {text!r}", within)

    async def _until(self, ready, what: str, within: float) -> None:
        deadline = asyncio.get_running_loop().time() + within
        while not await ready():
            if not self.running:
                raise NotReady(f"{self.name} ended before it was ready. {self._last_words()}")
            if asyncio.get_running_loop().time() > deadline:
                raise NotReady(f"{self.name} {what} within {within:g} s. {self._last_words()}")
            await asyncio.sleep(POLL)

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").splitlines()[-10:]
        return f"The end of {self.log}:\n" + "\n".join(lines)


_GIVEN_OUT: list[socket.socket] = []
"""A socket for each port that was answered: it is nobody else's while this process lives."""


def free_port(kind: socket.SocketKind = socket.SOCK_STREAM, *, rather: int = 0) -> int:
    """A port of 127.0.0.1 that is free, `rather` if it is, and that no lab on this machine is given as well.

    It is held by a TCP socket that does not listen. A server that reuses addresses, as all do, can listen there all
    the same, or on the UDP port of that number; until it does, whoever connects is refused.
    """
    for wish in (rather, *[0] * TRIES):
        held = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with contextlib.suppress(OSError), socket.socket(socket.AF_INET, kind) as probe:
            held.bind(("127.0.0.1", wish))
            port: int = held.getsockname()[1]
            if kind is not socket.SOCK_STREAM:
                probe.bind(("127.0.0.1", port))
            _GIVEN_OUT.append(held)
            return port
        held.close()
    raise NotReady("No port of 127.0.0.1 is free.")


class PortRange:
    """`size` UDP ports for RTP, at most STEP, claimed so that no other lab on this machine takes the same ones."""

    FIRST, END, STEP = 10_000, 32_000, 1000  # below what the kernel hands out by itself

    def __init__(self, size: int = STEP) -> None:
        for base in range(self.FIRST, self.END, self.STEP):
            claim = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                claim.bind(("127.0.0.1", base))
            except OSError:
                claim.close()
                continue
            self._claim, self.first, self.last = claim, base + 2, base + size - 1
            return
        raise NotReady("No range of free UDP ports is left on this machine: stop other labs first.")

    def release(self) -> None:
        self._claim.close()
