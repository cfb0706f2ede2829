"""The agent's side of a callback, read top to bottom: who asked and why, the recording, then the customer's phone.

Rules of this file:
- The customer is rung at the agent's key press alone, after the ledger said that it is this attempt's turn.
- While the agent is on the line, promise and agent are kept in hand; whoever else wants them must wait.
- An agent may hang up at any moment, and this service may die: the dialplan's last word says then what became of the
  promise, and frees the agent.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from hotline.acd.desk import Desk
from hotline.callbacks.guard import Guard
from hotline.callbacks.ledger import Begun, Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.number import spoken_number
from hotline.callbacks.outcome import OUTCOMES, Next, Outcome, after_attempt, not_made, untried
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import Dialing
from hotline.callbacks.states import State
from hotline.flow.moments import spoken_past
from hotline.flow.phone import Dialed, DialOutcome, HungUp, Phone
from hotline.placing.brake import Brake
from hotline.placing.hand import Hands, InHand, Unrung
from hotline.placing.last_word import LastWord, LastWords
from hotline.store import StoreDown

ASKS = 5
"""Times that an agent is asked what to do, before they count as not there."""

ANSWER_WITHIN = 10.0

RING = 40.0
"""Seconds that a customer's phone rings."""

PUNCTUAL = 10
"""Seconds that the PBX has, from before the ledger said go, to begin to ring: far less than the ledger's lease."""

LATER = timedelta(hours=1)
BUSY_PAUSE = 600.0
"""Seconds until the next try, where the number is rung for another promise just now."""


class AgentLine(Phone, Protocol):
    """A phone from which a customer's phone can be rung."""

    async def epoch(self) -> int:
        """The PBX's clock, in whole seconds."""

    async def call_customer(
        self, number: str, *, before: int, seconds: float, caller_id: str, greeting: str, language: str
    ) -> Dialed | Unrung:
        """Ring the number and talk. Nothing rings when it is later than `before` by the PBX's clock."""


class Recordings(Protocol):
    def lend(self, id: str) -> AbstractAsyncContextManager[Path]:
        """A promise's recording, where the PBX may read it for as long as that. Raises OSError."""


class Legs:
    """Serves the agents who have answered a callback. `region` speaks numbers as people there write them."""

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        mover: Mover,
        promises: Promises,
        recordings: Recordings,
        *,
        guard: Guard,
        dialing: Dialing,
        brake: Brake,
        region: str = "",
    ) -> None:
        self._ledger, self._desk, self._mover, self._promises = ledger, desk, mover, promises
        self._recordings, self._guard, self._dialing, self._region = recordings, guard, dialing, region
        self._brake, self._hands = brake, Hands(ledger, desk)
        self._last_words = LastWords(ledger, desk, mover, promises)

    async def may_serve(self, hand: InHand) -> bool:
        """Whether the promise is of our spool; else another service is to be asked."""
        with contextlib.suppress(StoreDown):
            if promise := await self._ledger.find(hand.promise):
                return await self._ledger.owns(promise)
        return True

    async def serve(self, phone: AgentLine, hand: InHand) -> None:
        """From the agent's answer to the end of their call. Raises as a Phone does."""
        promise = await self._hands.in_hand(hand)
        if promise is None:
            await self._hands.let_go(hand)
            await phone.say(("callback-gone",))
            await phone.hang_up()
            return
        began = self._desk.now()
        await self._desk.answered(hand.call, hand.agent, hand.token)
        over = False
        try:
            async with self._hands.held(hand):
                await self._talk(phone, hand, promise)
            await phone.hang_up()
            over = True
        except HungUp:
            over = True
            raise
        finally:  # whatever else ends it here, agent and customer may be talking: the dialplan's last word will come
            if over:
                await self._hands.finish(hand, promise, self._desk.now() - began)

    async def ended(self, hand: InHand, last: LastWord) -> bool:
        """The dialplan's last word (hotline.placing.last_word); whether all is told."""
        return await self._last_words.hear(hand, last)

    # -- the dialogue ---------------------------------------------------------------------------------------------

    async def _talk(self, phone: AgentLine, hand: InHand, promise: Promise) -> None:
        recorded = await self._recorded(promise)
        question = "callback-keys-message" if recorded else "callback-keys"
        prompts, key = (*self._about(promise, phone.language), question), ""
        for _ in range(ASKS):
            # what is said of the last key goes out with the question, so that an early key is not lost between them
            key = key or await phone.ask(prompts, seconds=ANSWER_WITHIN)
            prompts = (question,)
            match key:
                case "1":
                    key = await self._play(phone, recorded)
                    continue
                case "2" if not self._guard.why_not(promise.number):
                    await self._call(phone, hand, promise)
                    return
                case "2":
                    prompts = ("callback-not-allowed", question)
                case "3":
                    await self._postpone(phone, hand, promise)
                    return
                case "4":
                    await self._moved(hand, promise, Next(State.CLOSED), Outcome.CLOSED)
                    await phone.say(("callback-closed",))
                    return
            key = ""
        await self._moved(hand, promise, untried(self._promises, promise, self._desk.now()), Outcome.AGENT_SILENT)

    async def _recorded(self, promise: Promise) -> list[str]:
        """Those that have a message, of a promise and what is heard with it; while Redis is down, those that may."""
        also: Collection[str] = promise.also
        with contextlib.suppress(StoreDown):
            also = [each.id for each in await self._ledger.find_all(promise.also) if each.sha256]
        return [promise.id, *also] if promise.sha256 else [*also]

    def _about(self, promise: Promise, language: str) -> tuple[str, ...]:
        """Who asked, why and when."""
        now = datetime.fromtimestamp(self._desk.now(), UTC)
        zone = self._promises.zone(promise.queue)
        asked = datetime.fromtimestamp(promise.arrival, zone)
        reason = (promise.reason,) if promise.reason else ()
        about = ("callback-announce", *reason, *spoken_past(asked, now, language))
        if not promise.number:
            return about
        doubt = () if promise.confirmed else ("callback-unconfirmed",)
        return (*about, "callback-number", *spoken_number(promise.number, self._region), *doubt)

    async def _play(self, phone: AgentLine, ids: list[str]) -> str:
        """Play recordings; the key that cut them short, which is the next answer."""
        for id in ids:
            try:
                async with self._recordings.lend(id) as path:
                    if key := await phone.play(path, stop_keys="1234"):
                        return key
            except OSError:
                await phone.say(("callback-no-message",))
        return ""

    async def _postpone(self, phone: AgentLine, hand: InHand, promise: Promise) -> None:
        key = await phone.ask(("callback-later",), seconds=ANSWER_WITHIN)
        now, queue, part = datetime.fromtimestamp(self._desk.now(), UTC), promise.queue, promise.part
        due = self._promises.next_hours(queue, now, part) if key == "2" else now + LATER
        due = self._promises.soonest(queue, due, part)
        await self._moved(hand, promise, Next(State.RETRY, due.timestamp()), Outcome.POSTPONED)
        await phone.say(("callback-postponed",))

    async def _moved(self, hand: InHand, promise: Promise, following: Next, outcome: Outcome) -> None:
        """Move a promise that nobody was rung for, if it is still in this hand."""
        if await self._hands.in_hand(hand):
            token = hand.attempt if promise.state is State.DIALING else ""
            await self._mover.move(promise, following, outcome=outcome, by="agent", agent=hand.agent, token=token)

    # -- the customer ---------------------------------------------------------------------------------------------

    async def _call(self, phone: AgentLine, hand: InHand, promise: Promise) -> None:
        """Ring the customer, if it is this attempt's turn."""
        now = self._desk.now()
        if not self._promises.may_ring(promise, datetime.fromtimestamp(now, UTC)):
            await self._moved(hand, promise, untried(self._promises, promise, now), Outcome.CLOSED_HOURS)
            await phone.say(("callback-not-now",))
            return
        epoch = await phone.epoch()
        try:
            begun = await self._ledger.begin(promise, hand.claim, hand.agent, hand.attempt)
        except (StoreDown, OSError):
            begun = None
        attempt = replace(promise, state=State.DIALING, token=hand.attempt, attempts=promise.attempts + 1, moved=now)
        if begun is not Begun.GO:
            await self._not_begun(phone, hand, attempt, begun)
            return
        self._mover.tell(attempt, Next(State.DIALING), by="agent", agent=hand.agent)
        dialed = await phone.call_customer(
            promise.number,
            before=epoch + PUNCTUAL,
            seconds=RING,
            caller_id=self._dialing.caller_id,
            greeting="callback-greeting",
            language=promise.language or phone.language,
        )
        await self._after(phone, hand, attempt, dialed)

    async def _not_begun(self, phone: AgentLine, hand: InHand, attempt: Promise, begun: Begun | None) -> None:
        """Nobody was rung: the attempt is taken back."""
        if begun is Begun.STALE:
            await phone.say(("callback-gone",))
            return
        now = self._desk.now()
        if begun in (Begun.DAY_FULL, Begun.NUMBER_FULL):
            due = self._promises.next_day(attempt.queue, now, self._ledger.zone, attempt.part)
            following = Next(State.RETRY, due)
        else:
            following = untried(self._promises, attempt, now, BUSY_PAUSE)
        outcome = Outcome(begun.value) if begun else Outcome.NOT_BEGUN
        with contextlib.suppress(OSError):
            await self._mover.move(
                not_made(attempt), following, outcome=outcome, agent=hand.agent, token=hand.attempt
            )
        await phone.say(("callback-not-now",))

    async def _unrung(self, phone: AgentLine, hand: InHand, attempt: Promise, why: Unrung) -> None:
        """The PBX did not ring the customer: the attempt is taken back."""
        if why is Unrung.REFUSED:
            self._brake.refused(hand.pbx)
        following = untried(self._promises, attempt, self._desk.now())
        outcome = Outcome.REFUSED if why is Unrung.REFUSED else Outcome.LATE
        await self._mover.move(not_made(attempt), following, outcome=outcome, agent=hand.agent, token=hand.attempt)
        await phone.say(("callback-not-now",))

    async def _after(self, phone: AgentLine, hand: InHand, attempt: Promise, dialed: Dialed | Unrung) -> None:
        """The customer's phone rings no more, and the agent is still there."""
        if isinstance(dialed, Unrung):
            await self._unrung(phone, hand, attempt, dialed)
            return
        self._brake.went(hand.pbx)
        now = self._desk.now()
        outcome: Outcome | None
        if dialed.outcome is DialOutcome.ANSWERED:
            outcome = await self._ask_outcome(phone)
        else:
            outcome = OUTCOMES.get(dialed.outcome, Outcome.FAILED)
        attempt = await self._hands.newest(attempt)
        following = after_attempt(self._promises, attempt, outcome, now) if outcome else Next(State.TALKED)
        await self._mover.move(
            attempt,
            following,
            outcome=outcome,
            by="agent" if outcome else "",
            agent=hand.agent,
            token=hand.attempt,
            rung=True,
        )
        if dialed.outcome is not DialOutcome.ANSWERED:
            await phone.say(("callback-not-reached",))

    async def _ask_outcome(self, phone: AgentLine) -> Outcome | None:
        """Why it must be tried again; None when they have talked, as when the agent says nothing."""
        key = await phone.ask(("callback-outcome",), seconds=ANSWER_WITHIN)
        return {"2": Outcome.MACHINE, "3": Outcome.NO_ANSWER}.get(key)
