"""A link to a Redis of our own, for the core: what hotline.store.Store offers, without waiting for anybody else.

Rules of this file:
- One connection, one question at a time, blocking: nothing else runs in a simulation, and a round trip through a
  unix socket takes less than an event loop needs to switch. Its coroutines never suspend.
- Answers and failures are as hotline.store gives them.
"""

from __future__ import annotations

import json
import socket
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import hiredis

from hotline.store import Script, ScriptRefused, StoreDown

DEADLINE = 30
"""Seconds; a script takes microseconds, but the machine may be busy."""


class Link:
    """Raises OSError when nobody listens at `path`."""

    def __init__(self, path: Path) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # the kernel's own timeouts: Python's would cost one more system call for each read and write
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", DEADLINE, 0))
        try:
            self._socket.connect(str(path))
        except OSError:
            self._socket.close()
            raise
        self._reader = hiredis.Reader()

    async def script(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        """Run a script and return its answer, parsed from JSON."""
        reply = self._ask(b"EVALSHA", script.sha.encode(), b"%d" % len(keys), *keys, *args)
        if isinstance(reply, hiredis.ReplyError) and str(reply).startswith("NOSCRIPT"):
            reply = self._ask(b"EVAL", script.source.encode(), b"%d" % len(keys), *keys, *args)
        return json.loads(_good(reply))

    async def read(self, command: str, *args: Any) -> Any:
        """A read, as hotline.store has it."""
        flat = [part for arg in args for part in (arg if isinstance(arg, list) else [arg])]
        reply = _good(self._ask(command.upper().encode(), *flat))
        if command == "hgetall":
            return dict(zip(reply[::2], reply[1::2], strict=True))
        return reply

    async def wait_up(self, seconds: float) -> bool:
        """Never again: a simulation does not outlive its Redis."""
        del seconds
        return False

    def wipe(self) -> None:
        """Forget everything but the scripts."""
        _good(self._ask(b"FLUSHALL", b"SYNC"))

    def close(self) -> None:
        self._socket.close()

    def _ask(self, *words: bytes) -> Any:
        try:
            packed = hiredis.pack_command(words)  # type: ignore[arg-type]  # the stub knows one word only
            self._socket.sendall(packed)
            while (reply := self._reader.gets()) is False:
                data = self._socket.recv(65536)
                if not data:
                    raise StoreDown("The simulation's Redis ended; see whether the machine ran out of memory.")
                self._reader.feed(data)
        except OSError as error:
            if isinstance(error, StoreDown):
                raise
            raise StoreDown(f"The simulation's Redis gave no answer: {error}") from error
        return reply


def _good(reply: Any) -> Any:
    if isinstance(reply, hiredis.ReplyError):
        raise ScriptRefused(f"Redis refused a script: {reply}")
    return reply
