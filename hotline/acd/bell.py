"""The bell: wakes the session of a waiting caller by a DTMF tone on the caller's own channel.

Rules of this file:
- The offer is in Redis before the bell rings, so a bell lost costs time and never a caller.
- A tone that falls between two AGI commands is lost (about one in seventy), so we ring until the offer is taken.
- Any process connected to the caller's PBX can ring; without a link to it the waiter finds the offer by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping

from hotline.acd.model import Offer

Chime = Callable[[str], Awaitable[None]]
"""Sounds BELL on a channel; raises ConnectionError while the link to its PBX is down."""

Taken = Callable[[str, int], Awaitable[bool]]
"""(call, token) → whether nobody needs to hear of that offer any more: taken, refused or run out."""

RING_EVERY = 0.1
MOST_RINGS = 30
"""After these (3 s) the waiter's own look every few seconds is the surer way."""


class Bell:
    """Rings for offers, each in a task of its own."""

    def __init__(self, chimes: Mapping[str, Chime], taken: Taken) -> None:
        self._chimes, self._taken = chimes, taken
        self._ringing: set[asyncio.Task[None]] = set()
        self._offers: dict[str, Offer] = {}

    def ring(self, offer: Offer) -> None:
        """Begin to ring; returns at once. A PBX that we have no link to is left to others."""
        chime = self._chimes.get(offer.pbx)
        if chime is None:
            return
        task = asyncio.create_task(self._ring(offer, chime), name=f"bell {offer.call}")
        self._ringing.add(task)
        self._offers[offer.call] = offer
        task.add_done_callback(lambda done: self._rung(done, offer))

    def heard(self, call: str) -> Offer | None:
        """The offer that we ring for, told once: a session of this process that wakes up need not ask Redis."""
        return self._offers.pop(call, None)

    def _rung(self, task: asyncio.Task[None], offer: Offer) -> None:
        self._ringing.discard(task)
        if self._offers.get(offer.call) is offer:
            del self._offers[offer.call]

    async def _ring(self, offer: Offer, chime: Chime) -> None:
        for _ in range(MOST_RINGS):
            try:
                await chime(offer.channel)
                await asyncio.sleep(RING_EVERY)
                if await self._taken(offer.call, offer.token):
                    return
            except ConnectionError:
                await asyncio.sleep(RING_EVERY)

    async def close(self) -> None:
        """Stop all ringing."""
        for task in self._ringing:
            task.cancel()
        await asyncio.gather(*self._ringing, return_exceptions=True)
