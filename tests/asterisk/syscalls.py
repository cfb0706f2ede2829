"""What a process asked of its kernel, as strace tells it: which calls, on which files, and in which order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from lab.programs import program

CALLS = ("fsync", "fdatasync", "rename", "renameat", "renameat2", "write", "writev", "pwrite64", "sendto", "sendmsg")

_LINE = re.compile(r"(?P<thread>\d+) +(?:(?P<name>\w+)\((?P<rest>.*)|<\.\.\. \w+ resumed>(?P<resumed>.*))")
_PATH = re.compile(r"\d+<([^>]*)>")


@dataclass(frozen=True, slots=True)
class Syscall:
    """One call, from line `begun` of the trace to line `ended`. `text` is its arguments and result as strace wrote
    them; `path` the file, folder or socket that its first descriptor stands for, "" where it has none."""

    name: str
    text: str
    begun: int
    ended: int

    @property
    def path(self) -> str:
        found = _PATH.match(self.text)
        return found[1] if found else ""

    @property
    def well(self) -> bool:
        return not re.search(r"= -\d", self.text)


async def tracer(trace: Path) -> list[str | Path]:
    """The command that runs another under strace and leaves its place to it; skips where nobody may trace."""
    strace = program("strace")
    child = await asyncio.create_subprocess_exec(
        strace, "-o", trace, "true", stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, said = await child.communicate()
    if child.returncode != 0:
        pytest.skip(f"No process may be traced on this machine, so nothing can be seen: {said.decode().strip()}")
    return [strace, "-D", "-f", "-q", "-yy", "-s", "400", "-o", trace, "-e", f"trace={','.join(CALLS)}"]


def read(trace: Path) -> list[Syscall]:
    """All calls of a trace, in the order in which they ended."""
    return list(_calls(trace.read_text(errors="replace").splitlines()))


def _calls(lines: Iterable[str]) -> Iterator[Syscall]:
    open_: dict[str, tuple[str, str, int]] = {}
    for number, line in enumerate(lines):
        if not (found := _LINE.match(line)):
            continue
        thread = found["thread"]
        if found["name"] is None:
            if thread in open_:
                name, begun_with, begun = open_.pop(thread)
                yield Syscall(name, begun_with + found["resumed"], begun, number)
        elif found["rest"].endswith("<unfinished ...>"):
            open_[thread] = (found["name"], found["rest"].removesuffix("<unfinished ...>"), number)
        else:
            yield Syscall(found["name"], found["rest"], number, number)
