"""Spoken text as a prompt file: espeak-ng speaks, sox brings it to 8 kHz, 16 bit, mono."""

from __future__ import annotations

import asyncio
from pathlib import Path

from lab.programs import program


async def speak(text: str, path: Path, *, voice: str = "en", speed: int = 160) -> Path:
    """Write `text`, spoken by an espeak-ng voice at `speed` words a minute, to `path` (.wav)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    raw = path.with_suffix(".raw.wav")
    await _run(program("espeak-ng"), "-v", voice, "-s", str(speed), "-w", raw, "--", text)
    await _run(program("sox"), raw, "-r", "8000", "-b", "16", "-c", "1", path, "gain", "-n", "-6")
    raw.unlink()
    return path


async def _run(*command: str | Path) -> None:
    child = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE
    )
    _, errors = await child.communicate()
    if child.returncode:
        raise RuntimeError(f"{Path(command[0]).name} failed: {errors.decode(errors='replace').strip()}")
