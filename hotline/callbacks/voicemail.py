"""Taking a message: greeting, beep, the caller's words, and what we promise; read top to bottom.

Rules of this file:
- "Saved" is said only after the message would survive a power cut. If it cannot be kept, the caller is told.
- The recorded file decides what was said, not the PBX's account of it; a caller who hangs up has said it too.
- A disk that hangs costs the caller some seconds of silence, then an apology; what was said may be kept even then.
- Keeping goes on when the session is cancelled under it. A recording whose session ended before that (a lost
  line, a killed process) lies in tmp with a note of whose it is, for salvage.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from hotline.callbacks.lines import Entry
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.settings import VoicemailSettings
from hotline.callbacks.wav import NoSound, TooShort
from hotline.clock import Clock
from hotline.events import Emit, PromptPlayed, VoicemailFailed, VoicemailSaved
from hotline.flow.phone import CannotRecord, HungUp, Phone

TRIES = 2

CLOSING = 1.0
"""Seconds that the PBX has to close a recording after it said that it ended (it keeps the last two in memory)."""

ROOM = 16 * 1024 * 1024
"""Free bytes without which a caller is not asked to speak: their words might not fit."""

DISK_PATIENCE = 2.0
"""Seconds of silence that a disk may cost a caller before they speak."""

KEEPING_PATIENCE = 10.0
"""The same after they spoke: time to close, sync and list the recording."""

P = ParamSpec("P")
R = TypeVar("R")


class _NotKept(Exception):
    """No message was kept. `reason` is VoicemailFailed's; the text says what the machine said, if it did."""

    def __init__(self, reason: str, problem: str = "") -> None:
        super().__init__(problem)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class _Message:
    """A recording to keep: where it came from and when it will be answered (`due` None: the queue never opens)."""

    id: str
    phone: Phone
    queue: str
    number: str
    recorded_at: float
    hung_up: bool
    due: datetime | None


class Answering:
    """The answering machine. `promises` says how each queue takes messages, and when it answers them.

    `kept` is told at once of each message that was kept (it wakes the indexer). `region` reads local numbers.
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
        disk_patience: float = DISK_PATIENCE,
        keeping_patience: float = KEEPING_PATIENCE,
    ) -> None:
        self._outbox, self._promises, self._region = outbox, promises, region
        self._now, self._emit, self._kept = now, emit, kept
        self._disk_patience, self._keeping_patience = disk_patience, keeping_patience
        self._keeping: set[asyncio.Task[_NotKept | None]] = set()

    async def take_message(self, phone: Phone, queue: str) -> None:
        """Take one message for `queue`. Raises as the Phone does; HungUp also after a message was kept."""
        try:
            await self._try(phone, queue)
        except _NotKept as failure:
            self._failed(phone, queue, failure)
            short = failure.reason == "too-short"
            await self._say(phone, ("message-too-short" if short else "technical-problem",))

    async def close(self) -> None:
        """Wait until everything that was recorded is kept."""
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _try(self, phone: Phone, queue: str) -> None:
        """Ask for a message, and once more if it was too short. Raises _NotKept."""
        if problem := await self._disk(self._outbox.writable, ROOM):
            raise _NotKept("disk", problem)
        prompts: tuple[str, ...] = ("voicemail-greeting",)
        for tries_left in reversed(range(TRIES)):
            await self._say(phone, prompts)
            try:
                await self._record_one(phone, queue)
            except _NotKept as failure:
                if failure.reason != "too-short" or not tries_left:
                    raise
            else:
                return
            prompts = ("message-too-short", "voicemail-greeting")

    async def _disk(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Have the disk do something while the caller waits. Raises _NotKept when it can't, or hangs."""
        try:
            async with asyncio.timeout(self._disk_patience):
                return await asyncio.to_thread(work, *args, **kwargs)
        except TimeoutError:
            raise _NotKept("disk", f"The spool did not answer within {self._disk_patience:g} s.") from None
        except OSError as error:
            raise _NotKept("disk", _said(error)) from None

    async def _record_one(self, phone: Phone, queue: str) -> None:
        """Record, keep and promise once. Raises _NotKept, or HungUp when the caller is gone, kept or not."""
        message, path = await self._begin(phone, queue)
        settings = self._settings(queue)
        try:
            recorded = await phone.record(path, most=settings.longest, silence=settings.silence)
        except CannotRecord as problem:
            raise _NotKept("recording", str(problem)) from None
        message = replace(message, hung_up=recorded.hung_up)
        try:
            await self._keep(message)
        except _NotKept as failure:
            if recorded.hung_up:
                self._failed(phone, queue, failure)
                raise HungUp from None
            raise
        if recorded.hung_up:
            raise HungUp
        now = datetime.fromtimestamp(self._now(), UTC)
        await self._say(phone, self._promises.spoken(queue, message.due, now, phone.language))

    async def _begin(self, phone: Phone, queue: str) -> tuple[_Message, Path]:
        """Where to record, with a note there of whose recording it is. Raises _NotKept."""
        info, number, now = phone.info, normal(phone.info.caller, self._region), self._now()
        note = {
            "call": info.call,
            "number": number,
            "queue": queue,
            "entry": info.dialed,
            "language": phone.language,
            "recorded_at": f"{now:.3f}",
        }
        id, path = await self._disk(self._outbox.recording_path, note)
        due = self._promises.due(queue, datetime.fromtimestamp(now, UTC))
        return _Message(id, phone, queue, number, recorded_at=now, hung_up=False, due=due), path

    def _settings(self, queue: str) -> VoicemailSettings:
        return self._promises.settings[queue]

    async def _keep(self, message: _Message) -> None:
        """Keep a recording whatever happens to the session. Raises _NotKept, also when it takes too long."""
        task = asyncio.create_task(self._keep_now(message), name=f"keep a message of {message.phone.info.call}")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        try:
            async with asyncio.timeout(self._keeping_patience):
                failure = await asyncio.shield(task)
        except TimeoutError:
            raise _NotKept("disk", f"Not kept within {self._keeping_patience:g} s; it is still tried.") from None
        if failure:
            raise failure

    async def _keep_now(self, message: _Message) -> _NotKept | None:
        """None when kept, else why not."""
        try:
            entry = await asyncio.to_thread(self._keep_file, message)
        except TooShort as problem:
            await asyncio.to_thread(self._outbox.discard, message.id)
            return _NotKept("too-short", str(problem))
        except FileNotFoundError:  # who was gone before the beep recorded nothing
            return _NotKept("too-short") if message.hung_up else _NotKept("recording", "The PBX wrote no file.")
        except NoSound as problem:
            return _NotKept("recording", str(problem))
        except OSError as error:
            return _NotKept("disk", _said(error))
        self._kept()
        self._emit(
            VoicemailSaved(
                at=self._now(),
                call=entry.call,
                queue=entry.queue,
                promise=entry.id,
                seconds=entry.seconds,
                due=entry.due,
                hung_up=entry.hung_up,
            )
        )
        return None

    def _keep_file(self, message: _Message) -> Entry:
        info = message.phone.info
        return self._outbox.keep(
            message.id,
            call=info.call,
            number=message.number,
            queue=message.queue,
            entry=info.dialed,
            language=message.phone.language,
            recorded_at=message.recorded_at,
            due=message.due.timestamp() if message.due else message.recorded_at,
            hung_up=message.hung_up,
            now=self._now(),
            least=self._settings(message.queue).shortest,
            patience=CLOSING,
        )

    def _failed(self, phone: Phone, queue: str, failure: _NotKept) -> None:
        self._emit(
            VoicemailFailed(
                at=self._now(), call=phone.info.call, queue=queue, reason=failure.reason, problem=str(failure)
            )
        )

    async def _say(self, phone: Phone, prompts: tuple[str, ...]) -> None:
        await phone.say(prompts)
        self._emit(PromptPlayed(at=self._now(), call=phone.info.call, prompts=prompts, language=phone.language))


def _said(error: OSError) -> str:
    """What the machine said, without the file's name."""
    return error.strerror or str(error)
