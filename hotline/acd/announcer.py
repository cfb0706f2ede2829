"""The voice in the queue: what a caller hears besides music, and when.

Rules of this file:
- Everything is said so that the bell cuts it short.
- One who begins to wait is told of the wait and the place at once, where the queue tells them; then all is said every
  `announce_every`. One who comes back after our death has heard it.
"""

from __future__ import annotations

import math

from hotline.acd.announcing import Told
from hotline.acd.desk import Desk
from hotline.acd.model import QueueSettings
from hotline.events import PromptPlayed
from hotline.flow.phone import BELL, Phone


class Announcer:
    """For one wait. `told` is what the caller was told in this session, and is kept up; `keys` cut it short."""

    def __init__(self, phone: Phone, queue: QueueSettings, desk: Desk, told: Told, *, keys: str = "") -> None:
        self._phone, self._queue, self._desk, self._told = phone, queue, desk, told
        self._keys = keys + BELL
        self._first = False
        self.due = math.inf
        """The moment of the next announcement, by the desk's clock."""

    def start(self, *, begins: bool) -> None:
        """Plan the first announcement. `begins`: the caller has not waited here before."""
        queue, now = self._queue, self._desk.now()
        foretells = queue.announce_wait or queue.announce_place
        self._first = foretells and begins
        if self._first:
            self.due = now
        elif queue.announce_every and (queue.announce or foretells):
            self.due = now + queue.announce_every

    async def announce(self, place: int) -> str | None:
        """Say what is due, to one at this place (0: not known): the key that cut it short, or "".

        None: there was nothing to say.
        """
        queue, now = self._queue, self._desk.now()
        call, language = self._phone.info.call, self._phone.language
        prompts = () if self._first else queue.announce
        self._first, self.due = False, now + (queue.announce_every or math.inf)
        if queue.announce_place:
            prompts += self._told.of_place(queue.name, place)
        if queue.announce_wait:
            prompts += self._told.of_wait(await self._desk.expected_wait(call) if place else None)
        if not prompts:
            return None
        key = await self._phone.say(prompts, stop_keys=self._keys)
        self._desk.emit(PromptPlayed(at=now, call=call, prompts=prompts, language=language, key=key))
        return key
