"""Rounds through the spool, all the time: what nobody kept is taken in, told, and indexed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hotline.callbacks.keeping import saved
from hotline.callbacks.salvage import Salvage, Salvaged
from hotline.callbacks.trouble import Tell, Trouble
from hotline.clock import Clock
from hotline.events import Emit

EVERY = 15.0
"""Seconds between rounds."""

SETTLED = 60.0
"""Seconds after the longest recording may have ended, until one that lies in tmp is nobody's."""


class Rounds:
    """`longest` is the longest recording in seconds; `kept` is told of each message (it wakes the indexer)."""

    def __init__(
        self, salvage: Salvage, *, longest: float, now: Clock, emit: Emit, kept: Callable[[], None], tell: Tell
    ) -> None:
        self._salvage, self._age, self._now = salvage, longest + SETTLED, now
        self._emit, self._kept, self._tell = emit, kept, tell
        self._told: set[Trouble] = set()

    async def run(self) -> None:
        """Walk until cancelled."""
        while True:
            await self.walk()
            await asyncio.sleep(EVERY)

    async def walk(self) -> None:
        """One round. A trouble is told when it comes up, and again only after a round without it."""
        troubles: set[Trouble] = set()
        for work in (self._fallback, self._tmp):
            try:
                done = await asyncio.to_thread(work)
            except OSError as error:
                message = f"The spool could not be searched for lost messages: {error.strerror}."
                troubles.add(Trouble(message, str(error.filename or "")))
            else:
                troubles.update(done.problems)
                for entry in done.kept:
                    self._kept()
                    self._emit(saved(entry, self._now()))
        for trouble in troubles - self._told:
            self._tell(trouble)
        self._told = troubles

    def _fallback(self) -> Salvaged:
        return self._salvage.adopt_fallback(self._now())

    def _tmp(self) -> Salvaged:
        return self._salvage.recover(self._now(), age=self._age)
