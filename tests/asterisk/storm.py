"""Callers who leave messages while processes are killed at random, and the books that must agree when it is over."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import random
import time
import wave
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from scenes import die

from hotline.store import Store, load_script
from lab import audio
from lab.house import House
from lab.party import Call, HungUp
from lab.service import Service
from lab.speech import speak

PLAIN = "1900"
"""The entry that asks nothing."""

CALM = 0.3
"""Seconds from the tone until a caller speaks."""

PATIENCE = 60.0
"""Seconds that a caller stays without hearing a tone."""

_WORDS = (
    "apple", "river", "seven", "garden", "yellow", "window", "mountain", "eleven", "market", "silver", "doctor",
    "bridge", "morning", "paper", "twenty", "orange", "winter", "kitchen", "nobody", "forest", "engine",
    "holiday", "butter", "signal", "thirty", "letter", "summer", "village", "candle", "pocket",
)  # fmt: skip


@dataclass(slots=True)
class Caller:
    """One who phones once, says words of their own after every tone, and answers every question, until the line is
    closed."""

    dials: str
    number: str
    words: Path
    heard: Path | None = None
    """All that they heard."""

    async def phone(self, house: House, tone: Path) -> None:
        """Call, and do what the machine asks for."""
        english = house.sounds / "en"
        keys = {tone: "#", english / "message-review.wav": "#", english / "number-right.wav": "1"}
        asked = {tone: "#"} if self.dials == PLAIN else keys
        after = 0.0
        async with house.world.call(self.dials, caller_id=self.number, within=PATIENCE) as call:
            self.heard = call.heard
            with contextlib.suppress(TimeoutError, HungUp):
                while True:
                    sound, after = await _first_heard(call, asked, after)
                    if sound == tone:
                        await asyncio.sleep(CALM)
                        await call.speak(self.words)
                    await call.press(keys[sound])


async def _first_heard(call: Call, sounds: Iterable[Path], after: float) -> tuple[Path, float]:
    """The first of some sounds that is heard, and when it is over. Raises TimeoutError."""
    listening = {
        asyncio.create_task(call.hears(each, within=PATIENCE, after=after, score=0.85)): each for each in sounds
    }
    await asyncio.wait(listening, return_when=asyncio.FIRST_COMPLETED)
    for task in listening:
        task.cancel()
    await asyncio.gather(*listening, return_exceptions=True)
    heard = {task.result(): each for task, each in listening.items() if not task.cancelled() and not task.exception()}
    if not heard:
        raise TimeoutError
    sound = heard[min(heard)]
    return sound, min(heard) + len(audio.load(sound)) / audio.RATE


async def make_callers(count: int, folder: Path, chance: random.Random, *, third: str) -> list[Caller]:
    """Callers with four words each; hardly two say the same. Every third dials an entry that asks questions."""
    room = asyncio.Semaphore(2)

    async def made(index: int) -> Caller:
        text = ", ".join(chance.sample(_WORDS, 4))
        async with room:
            words = await speak(text, folder / f"{index}.wav", voice=f"en+{chance.choice(('f3', 'm4', 'm1', 'f2'))}")
        return Caller(PLAIN if index % 3 else third, f"+8490{5_000_000 + index * 7}", words)

    return await asyncio.gather(*(made(index) for index in range(count)))


def make_tone(path: Path) -> Path:
    """A quarter of a second of the tone before a recording."""
    samples = 8000 * np.sin(2 * np.pi * 1000 * np.arange(audio.RATE // 4) / audio.RATE)
    return _save(samples, path)


def beginning(prompt: Path, path: Path, seconds: float = 0.8) -> Path:
    """The first words of a prompt: who heard so much was told the rest, or saw the speaker die over it."""
    return _save(audio.trim(audio.load(prompt))[0][: int(seconds * audio.RATE)], path)


def _save(samples: audio.Sound, path: Path) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, audio.RATE, 0, "NONE", ""))
        file.writeframes(samples.astype("<i2").tobytes())
    return path


# -- faults ---------------------------------------------------------------------------------------------------------


@dataclass
class Victim:
    """Something to be killed and started again."""

    name: str
    kill: Callable[[], Awaitable[None]]
    start: Callable[[], Awaitable[None]]
    up: bool = True


@dataclass
class Faults:
    """kill -9 at random moments, and just when a recording gets its name; each victim is back some time later."""

    house: House
    victims: list[Victim]
    chance: random.Random
    pause: tuple[float, float]
    """Seconds between two kills, at least and at most."""
    killed: Counter[str] = field(default_factory=Counter)
    _mending: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def raging(self, seconds: float = float("inf")) -> AsyncIterator[None]:
        """All the while the block lasts, or for some seconds of it; everything is up again after it."""
        raging = asyncio.create_task(self._rage(time.monotonic() + seconds))
        try:
            yield
        finally:
            raging.cancel()
            await asyncio.gather(raging, return_exceptions=True)
            await asyncio.gather(*self._mending)
        if not raging.cancelled():
            raging.result()

    async def _rage(self, until: float) -> None:
        while time.monotonic() < until:
            await asyncio.sleep(self.chance.uniform(*self.pause))
            if self.chance.random() < 0.5:
                await self._next_name(self.pause[1])
            if standing := [each for each in self.victims if each.up]:
                victim = self.chance.choice(standing)
                victim.up = False
                self.killed[victim.name] += 1
                mending = asyncio.create_task(self._fell(victim))
                self._mending.add(mending)
                mending.add_done_callback(self._mending.discard)

    async def _fell(self, victim: Victim) -> None:
        await victim.kill()
        await asyncio.sleep(self.chance.choice((0.0, 0.0, 1.0, 3.0)))
        await victim.start()
        victim.up = True

    async def _next_name(self, within: float) -> None:
        """Wait until a recording is renamed: its line is about to be written."""
        folder = self.house.spool / "voicemail"
        before, deadline = folder.stat().st_mtime_ns, time.monotonic() + within
        while folder.stat().st_mtime_ns == before and time.monotonic() < deadline:  # noqa: ASYNC110 - it sends no event
            await asyncio.sleep(0.001)


def victims_of(house: House, indexer: Service) -> list[Victim]:
    """The services, the indexer, and Redis, which may also lose all that it has."""
    processes = [
        *((f"service {number}", each) for number, each in enumerate(house.services, 1)),
        ("indexer", indexer),
    ]
    return [
        *(Victim(name, lambda each=each: die(each), lambda each=each: _start(each)) for name, each in processes),
        Victim("redis", house.redis.kill, house.redis.start),
        Victim("what Redis knows", house.redis.wipe, _nothing),
    ]


async def _nothing() -> None:
    """There is nothing to start."""


async def _start(service: Service) -> None:
    await service.start(seconds=60)


# -- the books ------------------------------------------------------------------------------------------------------


def told(caller: Caller, tone: Path, saved: Path) -> tuple[int, int]:
    """How many tones this caller heard, and after how many of them at least the beginning of "saved".

    After one tone it may be said twice: the service dies over the promise, and another goes on.
    """
    assert caller.heard is not None, f"the call of {caller.words.stem} was never answered"
    heard = audio.transcript(caller.heard, {"tone": tone, "saved": saved}, score=0.75)
    promised = sum(before == "tone" and after == "saved" for before, after in itertools.pairwise(heard))
    return heard.count("tone"), promised


def lines_of(spool: Path) -> list[dict[str, Any]]:
    """The outbox's lines of kept messages. A torn one is an error: no process died in the middle of a write."""
    files = sorted((spool / "outbox").glob("*.jsonl"))
    lines = [json.loads(line) for file in files for line in file.read_text().splitlines() if line]
    return [line for line in lines if line["kind"] == "kept"]


def grow_old(spool: Path, seconds: float = 3600) -> None:
    """As if all that lies in the spool had lain there for that long."""
    for file in spool.glob("*/*"):
        os.utime(file, (time.time() - seconds,) * 2)


def left_over(spool: Path) -> list[Path]:
    """Recordings that nobody has kept."""
    return [file for part in ("tmp", "fallback") for file in (spool / part).iterdir() if file.suffix != ".note"]


def wrong_with(spool: Path, lines: list[dict[str, Any]]) -> Iterator[str]:
    """Where lines and recordings disagree."""
    files = {file.stem: file for file in (spool / "voicemail").iterdir()}
    for id, count in Counter(line["id"] for line in lines).items():
        if count > 1:
            yield f"{id} has {count} lines"
    for line in lines:
        file = files.pop(line["id"], None)
        if file is None:
            yield f"{line['id']} has a line and no recording"
        elif hashlib.sha256(file.read_bytes()).hexdigest() != line["sha256"]:
            yield f"{line['id']} is not what it was"
    yield from (f"{id} has a recording and no line" for id in files)


async def wrong_in_redis(redis: str, lines: list[dict[str, Any]]) -> list[str]:
    """Where Redis and the lines disagree."""
    host, _, port = redis.partition(":")
    store = Store(host, int(port))
    listing = load_script("hotline.callbacks", "list")
    running = asyncio.create_task(store.run())
    try:
        assert await store.wait_up(5)
        states: Counter[str] = Counter()
        wrong = []
        for line in lines:
            known = await store.read("hgetall", f"hotline:promise:{line['id']}".encode())
            states[known.get(b"state", b"").decode()] += 1
            if known.get(b"sha256", b"").decode() != line["sha256"]:
                wrong.append(f"{line['id']} is {known}")
        for state, count in states.items():
            args = ("0", state, "-inf", "+inf", str(2 * len(lines)))
            found = await store.script(listing, [b"hotline:"], [each.encode() for each in args])
            if len(found) != count:
                wrong.append(f"{len(found)} promises are {state!r} instead of {count}")
        return wrong
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
