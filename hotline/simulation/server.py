"""A Redis for one simulation: in memory, on a unix socket in a folder that only we can enter.

Rules of this file:
- It ends with the simulation, also when that is killed: on Linux the kernel sees to it.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from hotline.simulation.link import Link

START_WITHIN = 20.0
_LOG = "redis.log"
_PR_SET_PDEATHSIG = 1


class SimulationFailed(Exception):
    """The simulation could not go on; the text says why."""


class NoRedis(SimulationFailed):
    """A redis-server could not be started; the text says what to do."""


def find(program: str = "") -> str:
    """The whole path of the redis-server to run: `program`, or the one on PATH. Raises NoRedis."""
    found = shutil.which(program or "redis-server")
    if found:
        return str(Path(found).absolute())  # it is started in another folder
    if program:
        raise NoRedis(f"{program} is no program that can be run; give --redis-server the path of a redis-server.")
    raise NoRedis("redis-server is not on PATH; install Redis 6.2 or newer, or give its path by --redis-server.")


@contextlib.contextmanager
def private_redis(program: str) -> Iterator[Link]:
    """Run a redis-server and connect to it; stop it in the end. Raises NoRedis."""
    with contextlib.ExitStack() as after:
        with tempfile.TemporaryDirectory(prefix="hotline-sim-") as folder:
            server = _start(program, Path(folder))
            after.callback(_stop, server)
            link = _connect(server, Path(folder) / "redis.sock")
            after.callback(link.close)
        # connected, it needs its folder no more: nothing is left behind even when we are killed
        yield link


def _start(program: str, folder: Path) -> subprocess.Popen[bytes]:
    options = {
        "--port": "0", "--unixsocket": "redis.sock", "--unixsocketperm": "700", "--dir": str(folder),
        "--save": "", "--appendonly": "no", "--databases": "1", "--logfile": "", "--hz": "1",
    }  # fmt: skip
    try:
        with (folder / _LOG).open("wb") as log:  # by its handle: by name, Redis would make it anew after its removal
            return subprocess.Popen(
                [program, *(word for option in options.items() for word in option)],
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for us: we stop it when we are done with it
                preexec_fn=end_with_parent(os.getpid(), signal.SIGKILL),
            )
    except OSError as error:
        raise NoRedis(f"{program} can't be started: {error.strerror}; give --redis-server another path.") from None


def end_with_parent(parent: int, number: signal.Signals) -> Callable[[], None]:
    """What a child of `parent` calls to get that signal when it dies. All is looked up now, before a fork."""
    if sys.platform != "linux":
        return lambda: None
    prctl = ctypes.CDLL(None).prctl

    def promise() -> None:
        prctl(_PR_SET_PDEATHSIG, number)
        if os.getppid() != parent:  # it died before we promised
            os._exit(1)

    return promise


def _connect(server: subprocess.Popen[bytes], path: Path) -> Link:
    deadline = time.monotonic() + START_WITHIN
    while True:
        with contextlib.suppress(OSError):
            return Link(path)
        if server.poll() is not None or time.monotonic() > deadline:
            raise NoRedis(f"The simulation's redis-server did not come up: {_last_words(path)}")
        time.sleep(0.01)


def _last_words(path: Path) -> str:
    with contextlib.suppress(OSError):
        lines = (path.parent / _LOG).read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it said nothing"
    return "it said nothing"


def _stop(server: subprocess.Popen[bytes]) -> None:
    server.kill()  # there is nothing to save
    server.wait()
