"""In place of waiting: the caller hangs up, and is called back when their turn comes.

Rules of this file:
- It is offered once, when the wait that is expected is longer than the queue's `offer_above`, to callers whose own
  number may be dialed, while customers are rung, if they still are when the turn comes. By the queue's `key` anybody
  may ask for it.
- Whose turn would come after the hours in which customers are rung is promised a call in the next ones, and told so.
- Whoever keys in a number and hangs up while it is read back has asked for the call, as in the step `callback`.
- The promise has the moment since which the caller waits: it takes over their place.
- A caller whose turn comes meanwhile is connected: the next verb raises (see hotline.acd.aside), nothing is promised.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from hotline.callbacks.dialogue import About, key_prompt
from hotline.callbacks.requests import Requests, Wish
from hotline.flow.phone import HungUp, Phone


class PlaceKeeper:
    """For one caller's wait in one queue. `promised`: the caller has left on our promise."""

    def __init__(self, requests: Requests, phone: Phone, queue: str) -> None:
        self._requests, self._queue = requests, queue
        self._settings, self._number = requests.callbacks[queue], requests.number(phone)
        self._due = 0.0
        self.promised = False

    @property
    def key(self) -> str:
        return self._settings.key

    @property
    def offered(self) -> bool:
        return bool(self._settings.offer_above and self._number) and not self._requests.why_not(self._number)

    def offers(self, expected: float) -> bool:
        now = self._requests.now()
        return expected > self._settings.offer_above and self._rings_at(now) and self._rings_at(now + expected)

    def _rings_at(self, moment: float) -> bool:
        """Whether customers are rung then."""
        return self._requests.promises.is_open(self._queue, datetime.fromtimestamp(moment, UTC))

    def _when(self, turn: float) -> float:
        """When to call whose turn comes at a moment: from now on, for they are in line, or in the hours after it."""
        if self._rings_at(turn):
            return self._requests.now()
        return self._requests.promises.soonest(self._queue, datetime.fromtimestamp(turn, UTC)).timestamp()

    async def offer(self, phone: Phone) -> str:
        prompts = ("callback-offer", key_prompt(self.key))
        key = await phone.say(prompts, stop_keys=self.key)
        self._requests.played(phone, prompts, key)
        return key

    async def promise(self, phone: Phone, arrival: float, expected: float | None) -> bool:
        apology: tuple[str, ...] = ()
        turn = self._requests.now() + (expected or 0.0)
        if self._rings_at(self._requests.now()):
            settings = replace(self._requests.promises.settings[self._queue], confirm=True, reasons={}, parts={})
            about = About(self._number)
            try:
                await self._requests.ask(phone, settings, about)
            except HungUp:
                if not self._requests.is_given(about):
                    raise
            if self._requests.is_given(about):
                self._due = self._when(turn)
                wish = Wish(self._queue, "queue", about, due=self._due, arrival=arrival)
                self.promised = await self._requests.write(phone, wish)
                apology = ("technical-problem",)
        if not self.promised:
            await self._requests.speaker(phone).say((*apology, "please-hold"))
        return self.promised

    async def farewell(self, phone: Phone) -> None:
        now = self._requests.now()
        in_turn = self._due <= now and self._rings_at(now)
        told = ("callback-in-turn",) if in_turn else self._requests.when(self._due, self._queue, phone.language)
        await self._requests.speaker(phone).say((*told, "goodbye"))
