"""What processes left behind that died over callbacks: attempts, talks and virtual callers that nobody has in hand.

Rules of this file:
- What goes on in a PBX goes on, whoever began it: an attempt is over when the agent's channel is gone, as that PBX
  says twice in a row. Another PBX says nothing about it.
- Of a PBX that cannot be asked it is believed that calls go on, for as long as a call may last.
"""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
from typing import Protocol

from hotline.acd.desk import Desk
from hotline.acd.model import CALLBACK, AgentState, CallState, Left, Snapshot, is_callback
from hotline.acd.virtual import PBX
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.outcome import Outcome, after_attempt
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.store import StoreDown

REAP_EVERY = 5.0
"""Seconds between two looks."""

LONGEST = 4 * 3600.0
"""Seconds that a call may last (HOTLINE_LONGEST of the dialplan)."""


class Switches(Protocol):
    """What is asked of the PBXs (hotline.pbxs)."""

    async def channels(self, pbx: str) -> frozenset[str] | None:
        """The ids of all channels of a PBX, or of all PBXs where it was not noted which (""); None when that is not
        known now."""


class Reaper:
    def __init__(self, ledger: Ledger, desk: Desk, pbxs: Switches, promises: Promises, mover: Mover) -> None:
        self._ledger, self._desk, self._pbxs = ledger, desk, pbxs
        self._promises, self._mover = promises, mover
        self._seen: dict[str, frozenset[str] | None] = {}
        """PBX → its channels, as far as they were asked for in this look."""
        self._missing: set[str] = set()
        """Attempts and talks whose channels were missing at the last look."""
        self._missed: set[str] = set()
        """The same at this one."""

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            await asyncio.sleep(REAP_EVERY)
            # Redis is down, or the outbox: both are told of elsewhere
            with contextlib.suppress(StoreDown, OSError):
                await self.reap()

    async def reap(self) -> None:
        """Look once. Raises StoreDown, OSError."""
        known, silent = await self._desk.core.snapshot(), await self._ledger.silent()
        self._seen, self._missed = {}, set()
        try:
            await self._talks(known)
            for promise in silent:
                await self._attempt(promise)
            await self._waiting(known)
        finally:
            self._missing = self._missed

    async def _attempt(self, promise: Promise) -> None:
        """One whose holder is silent."""
        over = await self._is_over(promise.token, f"{CALLBACK}{promise.id}_*", promise.pbx, promise.moved)
        if over is False:
            await self._ledger.hold(promise.id, promise.token)
        elif over:
            following = after_attempt(self._promises, promise, Outcome.LOST, self._desk.now())
            await self._mover.move(promise, following, outcome=Outcome.LOST, token=promise.token, rung=True)

    async def _talks(self, known: Snapshot) -> None:
        """Agents who are with a callback, says Redis."""
        for state, call, token in known.agents.values():
            if state is AgentState.TALKING and is_callback(call):
                promise = await self._ledger.find(call.removeprefix(CALLBACK))
                await self._talk(call, token, promise.pbx if promise else "")

    async def _talk(self, call: str, token: int, pbx: str) -> None:
        standing, channel = await self._desk.core.look(call), f"{call}_{token}"
        offer = standing.offer
        if standing.state is not CallState.TALKING or offer is None or offer.token != token:
            return
        if await self._is_over(channel, channel, pbx, standing.answered):
            talked = max(0.0, self._desk.now() - standing.answered)
            await self._desk.finished(offer, "unknown", talked, standing.arrival, heals=True)

    async def _is_over(self, name: str, channel: str, pbx: str, since: float) -> bool | None:
        """Whether no such channel is left, of an attempt or talk of that name; None: not known yet."""
        if pbx not in self._seen:
            self._seen[pbx] = await self._pbxs.channels(pbx)
        channels = self._seen[pbx]
        if channels is None:
            return True if self._desk.now() - since > LONGEST else None
        if fnmatch.filter(channels, channel):
            return False
        self._missed.add(name)
        return True if name in self._missing else None

    async def _waiting(self, known: Snapshot) -> None:
        """Virtual callers who wait for an agent, though nobody has the promise in hand."""
        for call, place in known.calls.items():
            if is_callback(call) and place.pbx == PBX and place.state is CallState.WAITING:
                promise = await self._ledger.find(call.removeprefix(CALLBACK))
                if promise is None or promise.state is not State.OFFERED:
                    await self._desk.gone(call, Left.CALLBACK)
