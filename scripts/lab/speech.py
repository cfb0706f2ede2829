"""Words for callers and agents, spoken by the product's own synthesiser."""

from __future__ import annotations

import asyncio
from pathlib import Path

from hotline import speech
from lab.programs import program


async def speak(text: str, path: Path, *, voice: str = "en") -> Path:
    """Write `text`, spoken by an espeak-ng voice, to `path` (.wav)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    programs = {"espeak": str(program("espeak-ng")), "sox": str(program("sox"))}
    await asyncio.to_thread(speech.speak, text, path, voice=voice, **programs)
    return path
