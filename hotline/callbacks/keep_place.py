"""In place of waiting: the caller hangs up, and is called back when their turn comes.

Rules of this file:
- It is offered once, when the wait that is expected is longer than the queue's `offer_above`, to callers whose own
  number may be dialed, while customers are rung at all. By the queue's `key` anybody may ask for it.
- Whoever keys in a number and hangs up while it is read back has asked for the call, as in the step `callback`.
- The promise has the moment since which the caller waits: it takes over their place.
- A caller whose turn comes meanwhile is connected: the next verb raises (see hotline.acd.aside), nothing is promised.
"""

from __future__ import annotations

from dataclasses import replace

from hotline.callbacks.dialogue import About, key_prompt
from hotline.callbacks.requests import Requests, Wish
from hotline.flow.phone import HungUp, Phone


class PlaceKeeper:
    """For one caller's wait in one queue. `promised`: the caller has left on our promise."""

    def __init__(self, requests: Requests, phone: Phone, queue: str) -> None:
        self._requests, self._queue = requests, queue
        self._settings, self._number = requests.callbacks[queue], requests.number(phone)
        self.promised = False

    @property
    def key(self) -> str:
        return self._settings.key

    @property
    def offered(self) -> bool:
        return bool(self._settings.offer_above and self._number) and not self._requests.why_not(self._number)

    def offers(self, expected: float) -> bool:
        return expected > self._settings.offer_above and self._calls_back()

    def _calls_back(self) -> bool:
        """Whether customers are rung now."""
        return self._requests.promises.is_open(self._queue, self._requests.moment())

    async def offer(self, phone: Phone) -> str:
        prompts = ("callback-offer", key_prompt(self.key))
        key = await phone.say(prompts, stop_keys=self.key)
        self._requests.played(phone, prompts, key)
        return key

    async def promise(self, phone: Phone, arrival: float) -> bool:
        apology: tuple[str, ...] = ()
        if self._calls_back():
            settings = replace(self._requests.promises.settings[self._queue], confirm=True, reasons={}, parts={})
            about = About(self._number)
            try:
                await self._requests.ask(phone, settings, about)
            except HungUp:
                if not self._requests.is_given(about):
                    raise
            if self._requests.is_given(about):
                wish = Wish(self._queue, "queue", about, due=self._requests.now(), arrival=arrival)
                self.promised = await self._requests.write(phone, wish)
                apology = ("technical-problem",)
        if not self.promised:
            await self._requests.speaker(phone).say((*apology, "please-hold"))
        return self.promised

    async def farewell(self, phone: Phone) -> None:
        await self._requests.speaker(phone).say(("callback-in-turn", "goodbye"))
