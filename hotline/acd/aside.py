"""What a caller may do while they wait: ask to be called back when it is their turn, and hang up.

Rules of this file:
- Nobody loses anything by asking: the caller stays in line meanwhile, and their turn ends whatever they are being
  asked. The bell cuts every prompt short, and the queue is looked at after each.
- The dialogue itself is no business of the queue core's: it is handed in (see hotline.callbacks.keep_place).
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Awaitable, Callable, Sequence
from pathlib import PurePath
from typing import Protocol

from hotline.acd.desk import Desk
from hotline.flow.phone import BELL, CallInfo, Dialed, Phone, Recorded

LOOK_EVERY = 10.0
"""Seconds until the expected wait of a caller is asked for again, to whom no callback was offered yet."""


class KeepPlace(Protocol):
    """The promise to one caller that their place is kept. Its verbs raise as the phone does that they are given."""

    @property
    def key(self) -> str:
        """Pressed while waiting, it asks for the promise; "" where none is made."""

    @property
    def offered(self) -> bool:
        """Whether it is ever offered to this caller by itself."""

    def offers(self, expected: float) -> bool:
        """Whether it is to be offered now, where a wait of so many seconds is expected."""

    async def offer(self, phone: Phone) -> str:
        """Tell the caller of it; the key by which they cut that short, or ""."""

    async def promise(self, phone: Phone, arrival: float, expected: float | None) -> bool:
        """Ask which number to call and promise it. False: the caller waits on.

        A wait of `expected` more seconds is expected; None: nobody knows.
        """

    async def farewell(self, phone: Phone) -> None:
        """Tell the caller when they are called back, and that they may hang up."""


class TurnCame(Exception):
    """The wait is over, while the caller was doing something else."""


class Aside:
    """For one wait. `turn` tells whether the caller is wanted; without `keep` there is nothing to do but wait."""

    def __init__(self, phone: Phone, desk: Desk, keep: KeepPlace | None, turn: Callable[[], Awaitable[bool]]) -> None:
        self._call, self._phone, self._desk, self._keep = phone.info.call, _Watched(phone, turn), desk, keep
        self._due = -math.inf if keep and keep.key and keep.offered else math.inf
        self.key = keep.key if keep else ""

    async def offer(self) -> str | None:
        """Tell of the promise if it is time to: the key that was pressed meanwhile. None: nothing was to be said."""
        if self._keep is None or self._desk.now() < self._due:
            return None
        self._due = self._desk.now() + LOOK_EVERY
        expected = await self._desk.expected_wait(self._call)
        if expected is None or not self._keep.offers(expected):
            return None
        self._due = math.inf
        with contextlib.suppress(TurnCame):
            return await self._keep.offer(self._phone)
        return BELL

    async def heed(self, key: str, arrival: float) -> bool:
        """A key was pressed. True once its caller has the promise, and goes."""
        if self._keep and key and key == self.key:
            expected = await self._desk.expected_wait(self._call)
            with contextlib.suppress(TurnCame):
                return await self._keep.promise(self._phone, arrival, expected)
        return False

    async def farewell(self, phone: Phone) -> None:
        if self._keep:
            await self._keep.farewell(phone)


class _Watched:
    """A phone whose verbs raise TurnCame when the caller's turn has come meanwhile."""

    def __init__(self, phone: Phone, turn: Callable[[], Awaitable[bool]]) -> None:
        self._phone, self._turn = phone, turn

    @property
    def info(self) -> CallInfo:
        return self._phone.info

    @property
    def language(self) -> str:
        return self._phone.language

    async def _heard(self, keys: str) -> str:
        if await self._turn():
            raise TurnCame
        return keys.replace(BELL, "")  # of an offer that is over already

    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        return await self._heard(await self._phone.say(prompts, stop_keys=stop_keys + BELL))

    async def ask(self, prompts: Sequence[str], *, seconds: float) -> str:
        return await self._heard(await self._phone.ask(prompts, seconds=seconds))

    async def digits(self, prompts: Sequence[str], *, most: int, seconds: float) -> str:
        return await self._heard(await self._phone.digits(prompts, most=most, seconds=seconds))

    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        return await self._heard(await self._phone.play(path, stop_keys=stop_keys + BELL))

    async def hold(self, seconds: float, *, music: str) -> str:
        return await self._heard(await self._phone.hold(seconds, music=music))

    async def answer(self) -> None:
        await self._phone.answer()

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        return await self._phone.record(path, most=most, silence=silence, stop_keys=stop_keys + BELL)

    async def dial(self, target: str, *, seconds: float) -> Dialed:
        return await self._phone.dial(target, seconds=seconds)

    async def set_language(self, language: str) -> None:
        await self._phone.set_language(language)

    async def note(self, name: str, value: str) -> None:
        await self._phone.note(name, value)

    async def noted(self, name: str) -> str:
        return await self._phone.noted(name)

    async def hang_up(self) -> None:
        await self._phone.hang_up()
