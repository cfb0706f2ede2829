"""Callers who ask to be called back and leave no message: in a menu, or in a queue that takes long.

Rules of this file:
- Nothing is promised but for a number that the caller confirmed by a key, and that may be dialed.
- The promise is on disk before the caller hears of it. If it cannot be written, the caller is told.
- Writing goes on when the session is cancelled under it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from hotline.callbacks.dialogue import About, Questions, Speaker
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.lines import Entry
from hotline.callbacks.moving import Mover
from hotline.callbacks.number import normal
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import CallbackSettings, VoicemailSettings
from hotline.clock import Clock
from hotline.events import CallbackRequested, Emit, PromptPlayed, VoicemailFailed
from hotline.flow.phone import HungUp, Phone
from hotline.store import StoreDown

PATIENCE = 10.0
"""Seconds that a disk has to take a line, while the caller waits."""

CLOCK = re.compile(r"(time|from|until)-\d\d-\d\d")
"""Prompts that tell a time of day."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be promised. Moments in POSIX seconds; `arrival` is since when the caller waits."""

    queue: str
    source: str
    about: About
    due: float
    arrival: float = 0.0


class Requests:
    """Makes such promises. `why_not` tells why a number may not be dialed ("": it may); `prompts` are those that can
    be said; `region` reads local numbers."""

    def __init__(
        self,
        ledger: Ledger,
        mover: Mover,
        promises: Promises,
        callbacks: Mapping[str, CallbackSettings],
        *,
        why_not: Callable[[str], str],
        prompts: Iterable[str],
        now: Clock,
        emit: Emit,
        region: str = "",
        patience: float = PATIENCE,
    ) -> None:
        self.ledger, self.mover, self.promises, self.callbacks = ledger, mover, promises, callbacks
        self.why_not = why_not
        self.now, self.emit = now, emit
        self._prompts, self._region, self._patience = frozenset(prompts), region, patience
        self._writing: set[asyncio.Task[Entry]] = set()

    def number(self, phone: Phone) -> str:
        """The caller's, as it is kept; "" where it is withheld."""
        return normal(phone.info.caller, self._region)

    def speaker(self, phone: Phone) -> Speaker:
        return Speaker(phone, self.now, self.emit)

    def played(self, phone: Phone, prompts: tuple[str, ...], key: str) -> None:
        call, language = phone.info.call, phone.language
        self.emit(PromptPlayed(at=self.now(), call=call, prompts=prompts, language=language, key=key))

    def moment(self) -> datetime:
        return datetime.fromtimestamp(self.now(), UTC)

    async def promise(self, phone: Phone, queue: str) -> bool:
        """The step `callback`: ask for the number and promise. Whether a callback is promised now."""
        settings, speaker = replace(self.promises.settings[queue], confirm=True), self.speaker(phone)
        if self.promises.window_for(queue, self.moment()) is None:
            return False
        about = About(self.number(phone))
        try:
            await self.ask(phone, settings, about)
        except HungUp:  # in what else is asked about a number that they gave
            if self.is_given(about):
                await self.write(phone, Wish(queue, "menu", about, self._soonest(queue, about)))
            raise
        if not self.is_given(about):
            return False
        known = await self._open_for(about.number)
        if known:
            await speaker.say(("callback-open", *self.when_kept(known, phone.language)))
            return True
        due = self._soonest(queue, about)
        if not await self.write(phone, Wish(queue, "menu", about, due)):
            await speaker.say(("technical-problem",))
            return False
        await speaker.say(self.when(due, queue, phone.language, about.part))
        return True

    def _soonest(self, queue: str, about: About) -> float:
        return self.promises.soonest(queue, self.moment(), about.part).timestamp()

    async def ask(self, phone: Phone, settings: VoicemailSettings, about: About) -> None:
        """What the caller says by keys goes into `about`, each as soon as it is known."""
        questions = Questions(self.speaker(phone), settings, about, why_not=self.why_not, region=self._region)
        await questions.ask()

    def is_given(self, about: About) -> bool:
        """Whether the caller gave a number that may be dialed."""
        return about.confirmed and not self.why_not(about.number)

    async def write(self, phone: Phone, wish: Wish) -> bool:
        """Promise for good. False: the disk does not take it."""
        info, about = phone.info, wish.about
        request = self.ledger.request(
            queue=wish.queue,
            number=about.number,
            source=wish.source,
            due=wish.due,
            arrival=wish.arrival,
            call=info.call,
            entry=info.dialed,
            language=phone.language,
            reason=about.reason,
            part=about.part,
            confirmed=True,
        )
        task = asyncio.create_task(request, name=f"promise a callback to {info.call}")
        self._writing.add(task)
        task.add_done_callback(self._written)
        try:
            async with asyncio.timeout(self._patience):
                await asyncio.shield(task)
        except OSError as error:  # TimeoutError is one
            problem = error.strerror or f"The spool did not answer within {self._patience:g} s."
            now = self.now()
            self.emit(VoicemailFailed(at=now, call=info.call, queue=wish.queue, reason="disk", problem=problem))
            return False
        return True

    def _written(self, task: asyncio.Task[Entry]) -> None:
        self._writing.discard(task)
        if not task.cancelled() and task.exception() is None:
            made, now = task.result(), self.now()
            self.emit(
                CallbackRequested(
                    at=now, call=made.call, queue=made.queue, promise=made.id, due=made.due, source=made.source
                )
            )

    async def _open_for(self, number: str) -> Promise | None:
        try:
            return await self.ledger.open_for(number)
        except StoreDown:
            return None

    def when_kept(self, promise: Promise, language: str) -> tuple[str, ...]:
        """The prompts that tell when a promise that was made before will be kept."""
        part = self.promises.part_of(promise, self.moment())
        return self.when(promise.due, promise.queue, language, part)

    def when(self, due: float, queue: str, language: str, part: str = "") -> tuple[str, ...]:
        """The prompts that promise a moment, or what is overdue, when customers are rung next.

        A later try may be at any time of day: of that, only the day is told.
        """
        now = self.moment()
        there = self.promises.soonest(queue, max(now, datetime.fromtimestamp(due, UTC)), part)
        if there <= now:
            return ("callback-soon",)
        said = self.promises.spoken(queue, there, now, language, part)[1:]
        return said if self._prompts.issuperset(said) else tuple(each for each in said if not CLOCK.match(each))

    async def close(self) -> None:
        """Wait until everything that was confirmed is written."""
        await asyncio.gather(*self._writing, return_exceptions=True)
