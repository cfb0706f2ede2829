"""Taking a message: greeting, beep, the caller's words, some questions, and what we promise; read top to bottom.

Rules of this file:
- "Saved" is said only after the message would survive a power cut. If it cannot be kept, the caller is told.
- The recorded file decides what was said, not the PBX's account of it; a caller who hangs up has said it too.
- From the end of the recording on the message outlives everything. It lies in tmp, synced, with a note of whose it is
  and of all that the caller answered so far. Whoever hangs up at a question, or loses the line there, has left it; so
  has one whose service dies: the next service goes on with the questions, or salvage.py keeps it.
- Who has no number that may be called hears so, and no time.
- A recording that is made again replaces the first one only once it is there and long enough.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

from hotline.callbacks.dialogue import About, Questions, Speaker
from hotline.callbacks.guard import message_guard
from hotline.callbacks.keeping import DISK_PATIENCE, KEEPING_PATIENCE, Keeper, Message, NotKept
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.quota import Room
from hotline.callbacks.settings import Dialing, Quota, VoicemailSettings
from hotline.clock import Clock
from hotline.events import Emit
from hotline.flow.phone import CannotRecord, HungUp, LineLost, Phone

TRIES = 2
MOST_TAKES = 6
"""Recordings that a caller may make until one is good."""

CUT_SHORT = 3.0
"""Seconds between what was said and what was written, beyond the silence that ended it, which nothing explains but a
disk that took no more."""

CANNOT_WRITE = "The PBX could not write all that was said: is its disk full?"

MESSAGE = "MESSAGE"
"""The note on the channel of the recording about which the caller is asked."""

CATCH_UP = 5.0
"""Seconds between looks at what other processes put into the outbox."""

_ID = re.compile(r"[a-z]{17}")


class Answering:
    """The answering machine. `promises` says how each queue takes messages, and when it answers them.

    `kept` is told at once of each message that was kept (it wakes the indexer). `region` reads local numbers, and
    callers may give those that `dialing` allows, or any where it allows none, since then nobody is dialed by us.
    """

    def __init__(
        self,
        outbox: Outbox,
        promises: Promises,
        *,
        now: Clock,
        emit: Emit,
        kept: Callable[[], None],
        region: str = "",
        dialing: Dialing = Dialing(),  # noqa: B008 - frozen
        quota: Quota = Quota(),  # noqa: B008
        disk_patience: float = DISK_PATIENCE,
        keeping_patience: float = KEEPING_PATIENCE,
    ) -> None:
        self._outbox, self._promises = outbox, promises
        self._region, self._guard, self._dials = region, message_guard(dialing), bool(dialing.allow)
        self._now, self._emit = now, emit
        self._room = Room(outbox, quota)
        self._keeper = Keeper(
            outbox, promises, now=now, emit=emit, kept=kept, disk_patience=disk_patience, patience=keeping_patience
        )

    async def run(self) -> None:
        """Read the outbox, so that no caller waits until we know how many messages there are."""
        while True:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(self._room.catch_up)
            await asyncio.sleep(CATCH_UP)

    async def take_message(self, phone: Phone, queue: str) -> None:
        """Take one message for `queue`. Raises as the Phone does; HungUp also after a message was kept."""
        speaker = Speaker(phone, self._now, self._emit)
        try:
            message = await self._begun_before(phone, queue)
            if message is None:
                message = await self._record_first(speaker, queue)
            if not message.kept:
                await self._ask_and_keep(speaker, message)
            await self._promise(speaker, message)
        except NotKept as failure:
            self._keeper.failed(phone.info, queue, failure)
            await speaker.say((failure.prompt,))
        await phone.note(MESSAGE, "")

    async def close(self) -> None:
        """Wait until everything that was recorded is kept."""
        await self._keeper.close()

    # -- recording ------------------------------------------------------------------------------------------------

    async def _record_first(self, speaker: Speaker, queue: str) -> Message:
        """Ask for a message, and once more if it was too short. Raises NotKept, or HungUp when the caller is gone."""
        phone, settings = speaker.phone, self._settings(queue)
        message = Message(phone.info, queue, phone.language, About(normal(phone.info.caller, self._region)))
        await self._check_room(message.about.number)
        prompts = settings.greeting
        for tries_left in reversed(range(TRIES)):
            await speaker.say(prompts)
            try:
                await self._record(phone, message)
                break
            except NotKept as failure:
                if message.hung_up:
                    self._keeper.failed(phone.info, queue, failure)
                    raise HungUp from None
                if failure.reason != "too-short" or not tries_left:
                    raise
            prompts = ("message-too-short", *settings.greeting)
        if message.hung_up:
            await self._keeper.keep_or_tell(message)
            raise HungUp
        return message

    async def _check_room(self, number: str) -> None:
        """Raises NotKept when there is no room for a message of `number`."""
        refusal = await self._keeper.disk(self._room.why_not, number)
        if refusal:
            raise NotKept(refusal.reason, refusal.problem, prompt=refusal.prompt)

    async def _record(self, phone: Phone, message: Message) -> None:
        """Record, and put it on disk; `message.hung_up` tells whether the caller is gone by then. Raises NotKept."""
        settings, clock = self._settings(message.queue), asyncio.get_running_loop().time
        await self._keeper.begin(message)
        began = clock()
        try:
            recorded = await phone.record(message.path, most=settings.longest, silence=settings.silence)
        except CannotRecord as problem:
            raise NotKept("recording", str(problem)) from None
        message.hung_up = recorded.hung_up
        said = clock() - began - CUT_SHORT - (0.0 if recorded.key else settings.silence)
        try:
            message.cut_short = await self._keeper.secure(message) < said
        except NotKept as failure:
            if failure.reason == "too-short" and said > settings.shortest:
                raise NotKept("disk", CANNOT_WRITE) from None
            raise
        if message.cut_short:
            self._keeper.failed(phone.info, message.queue, NotKept("cut-short", CANNOT_WRITE))

    async def _record_again(self, speaker: Speaker, message: Message) -> None:
        """Record another message in the place of a good one, which stays unless the other one is good as well."""
        other, first = replace(message), message.id
        await speaker.say(("record-again",))
        try:
            await self._record(speaker.phone, other)
        except NotKept as failure:
            if other.hung_up:
                raise HungUp from None
            if failure.reason != "too-short":
                self._keeper.failed(message.info, message.queue, failure)
            await speaker.say((failure.prompt, "first-message-kept"))
            return
        message.id, message.path, message.recorded_at = other.id, other.path, other.recorded_at
        message.cut_short = other.cut_short
        await self._keeper.forget(first)
        if other.hung_up:
            raise HungUp

    # -- what follows it ------------------------------------------------------------------------------------------

    async def _begun_before(self, phone: Phone, queue: str) -> Message | None:
        """The message that the caller left at a service which died before it promised anything. Raises NotKept."""
        id = await phone.noted(MESSAGE) if phone.info.attempt > 1 else ""
        found = await self._keeper.disk(self._outbox.found, id) if _ID.fullmatch(id) else None
        if found is None:
            return None
        about = About.of(found.note, normal(phone.info.caller, self._region))
        recorded_at = float(found.note.get("recorded_at", self._now()))
        return Message(
            phone.info, queue, phone.language, about, id, found.path, recorded_at, resumed=True, kept=found.listed
        )

    async def _ask_and_keep(self, speaker: Speaker, message: Message) -> None:
        """Ask about a message, then keep it. Raises NotKept, or as the Phone does once it is kept."""
        try:
            async with self._keeper.in_hand(message):
                await self._ask(speaker, message)
        except (HungUp, LineLost) as end:
            message.hung_up = isinstance(end, HungUp)
            await self._keeper.keep_or_tell(message)
            raise
        except BaseException:  # we are stopped, or at fault
            self._keeper.keep_behind(message)
            raise
        await self._keeper.keep(message)

    async def _ask(self, speaker: Speaker, message: Message) -> None:
        async def learnt() -> None:
            await self._keeper.write_note(message)

        settings = self._settings(message.queue)
        questions = Questions(
            speaker, settings, message.about, why_not=self._why_not, region=self._region, learnt=learnt
        )
        for _ in range(MOST_TAKES):
            await speaker.phone.note(MESSAGE, message.id)
            if message.cut_short:
                await speaker.say(("message-cut-short",))
            if await questions.is_good(message.path):
                break
            await self._record_again(speaker, message)
        await questions.ask()

    def _why_not(self, number: str) -> str:
        """Why a caller may not give this number; "" if they may."""
        full = "It has as many messages as are allowed to wait." if self._room.is_full(number) else ""
        return full or self._guard.why_not(number)

    async def _promise(self, speaker: Speaker, message: Message) -> None:
        now, due, about = datetime.fromtimestamp(self._now(), UTC), self._keeper.due(message), message.about
        reachable = self._is_reachable(about.number)
        language = speaker.phone.language
        await speaker.say(self._promises.spoken(message.queue, due, now, language, about.part, reachable))

    def _is_reachable(self, number: str) -> bool:
        """Whether somebody can call it. Where nobody is dialed by us, people may read whatever the network sent."""
        return bool(number) and not (self._dials and self._guard.why_not(number))

    def _settings(self, queue: str) -> VoicemailSettings:
        return self._promises.settings[queue]
