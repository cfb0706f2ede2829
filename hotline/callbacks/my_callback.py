"""Callers who phone again while we owe them a call: they hear when it comes, and may cancel it by a key.

Rules of this file:
- They are known by their caller id alone. It can be forged, so it is enough to take a promise back, never to make
  one.
- Where nothing is promised, the number is withheld or may be several people's, Redis is away or the promise is of
  another spool, nothing is said.
"""

from __future__ import annotations

from hotline.callbacks.dialogue import key_prompt
from hotline.callbacks.outcome import Next
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.requests import Requests
from hotline.callbacks.states import State
from hotline.flow.phone import Phone
from hotline.store import StoreDown


async def tell_callback(requests: Requests, phone: Phone, *, key: str, seconds: float) -> None:
    """The step `my-callback`: `key` cancels, until `seconds` after it was said."""
    try:
        promise = await requests.ledger.open_for(requests.number(phone))
    except StoreDown:
        return
    if promise is None or not await requests.ledger.owns(promise):
        return
    when = requests.when_kept(promise, phone.language)
    prompts = ("callback-open", *when, "callback-cancel", key_prompt(key))
    pressed = await phone.ask(prompts, seconds=seconds)
    requests.played(phone, prompts, pressed)
    if pressed == key:
        done = await _cancel(requests, promise, phone.info.call)
        await requests.speaker(phone).say(("callback-cancelled",) if done else ("technical-problem",))


async def _cancel(requests: Requests, promise: Promise, call: str) -> bool:
    """False when the disk does not take it."""
    try:
        rung = promise.state is State.DIALING
        await requests.mover.move(promise, Next(State.CANCELLED), by="caller", call=call, rung=rung)
    except OSError:
        return False
    return True
