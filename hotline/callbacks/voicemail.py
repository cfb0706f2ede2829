"""Taking a message: greeting, beep, the caller's words, and what we promise; read top to bottom.

Rules of this file:
- "Saved" is said only after the message would survive a power cut. If it cannot be kept, the caller is told.
- The recorded file decides what was said, not the PBX's account of it; a caller who hangs up has said it too.
- Keeping goes on when the session is cancelled under it. A recording whose session ended before that (a lost
  line, a killed process) lies in tmp with a note of whose it is, for salvage.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType

from hotline.callbacks.calendar import Calendar, NeverOpens
from hotline.callbacks.lines import Entry
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.wav import NoSound, TooShort
from hotline.clock import Clock
from hotline.events import Emit, PromptPlayed, VoicemailFailed, VoicemailSaved
from hotline.flow.moments import spoken_moment
from hotline.flow.phone import HungUp, Phone

TRIES = 2

CLOSING = 1.0
"""Seconds that the PBX has to close a recording after it said that it ended (it keeps the last two in memory)."""

ROOM = 16 * 1024 * 1024
"""Free bytes without which a caller is not asked to speak: their words might not fit."""


@dataclass(frozen=True, slots=True)
class MessageRules:
    """In seconds: how long a message may be, how short it may not be, and the silence that ends it."""

    longest: float = 120.0
    least: float = 2.0
    silence: float = 5.0


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
    """The answering machine. `calendars` maps every queue to the hours by which its callbacks are promised.

    `kept` is told at once of each message that was kept (it wakes the indexer). `region` reads local numbers.
    `rules` are by queue; a queue without its own gets those of MessageRules.
    """

    def __init__(
        self,
        outbox: Outbox,
        *,
        calendars: Mapping[str, Calendar],
        now: Clock,
        emit: Emit,
        kept: Callable[[], None],
        region: str = "",
        rules: Mapping[str, MessageRules] = MappingProxyType({}),
    ) -> None:
        self._outbox, self._calendars = outbox, calendars
        self._now, self._emit, self._kept = now, emit, kept
        self._region, self._rules = region, rules
        self._keeping: set[asyncio.Task[str]] = set()

    async def take_message(self, phone: Phone, queue: str) -> None:
        """Take one message for `queue`. Raises as the Phone does; HungUp also after a message was kept."""
        reason = await self._disk_problem() or await self._try(phone, queue)
        if reason:
            self._failed(phone, queue, reason)
            await self._say(phone, ("message-too-short" if reason == "too-short" else "technical-problem",))

    async def _try(self, phone: Phone, queue: str) -> str:
        """Ask for a message, and once more if it was too short. "" when kept, else the reason."""
        prompts: tuple[str, ...] = ("voicemail-greeting",)
        for _ in range(TRIES):
            await self._say(phone, prompts)
            reason = await self._record_one(phone, queue)
            if reason != "too-short":
                return reason
            prompts = ("message-too-short", "voicemail-greeting")
        return "too-short"

    async def close(self) -> None:
        """Wait until everything that was recorded is kept."""
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def _disk_problem(self) -> str:
        return "disk" if await asyncio.to_thread(self._outbox.writable, ROOM) else ""

    async def _record_one(self, phone: Phone, queue: str) -> str:
        """Record and keep once. "" when kept and promised, else why not: too-short, disk or recording."""
        recorded_at = self._now()
        info, number = phone.info, normal(phone.info.caller, self._region)
        note = {
            "call": info.call,
            "number": number,
            "queue": queue,
            "entry": info.dialed,
            "language": phone.language,
            "recorded_at": f"{recorded_at:.3f}",
        }
        try:
            id, path = await asyncio.to_thread(self._outbox.recording_path, note)
        except OSError:
            return "disk"
        rules = self._rules_of(queue)
        recorded = await phone.record(path, most=rules.longest, silence=rules.silence)
        due = self._due(queue, recorded_at)
        message = _Message(id, phone, queue, number, recorded_at, recorded.hung_up, due)
        reason = await self._keep(message)
        if recorded.hung_up:
            if reason:
                self._failed(phone, queue, reason)
            raise HungUp
        if not reason:
            await self._say(phone, ("message-saved", *self._promise(phone, due)))
        return reason

    def _rules_of(self, queue: str) -> MessageRules:
        return self._rules.get(queue) or MessageRules()

    def _due(self, queue: str, recorded_at: float) -> datetime | None:
        try:
            return self._calendars[queue].due(datetime.fromtimestamp(recorded_at, UTC))
        except NeverOpens:
            return None

    def _promise(self, phone: Phone, due: datetime | None) -> tuple[str, ...]:
        return spoken_moment(due, datetime.fromtimestamp(self._now(), UTC), phone.language) if due else ()

    async def _keep(self, message: _Message) -> str:
        """Keep a recording whatever happens to the session. "" or the reason why it could not be."""
        task = asyncio.create_task(self._keep_now(message), name=f"keep a message of {message.phone.info.call}")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        return await asyncio.shield(task)

    async def _keep_now(self, message: _Message) -> str:
        try:
            entry = await asyncio.to_thread(self._keep_file, message)
        except TooShort:
            await asyncio.to_thread(self._outbox.discard, message.id)
            return "too-short"
        except FileNotFoundError:
            return "too-short" if message.hung_up else "recording"  # who was gone before the beep recorded nothing
        except NoSound:
            return "recording"
        except OSError:
            return "disk"
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
        return ""

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
            least=self._rules_of(message.queue).least,
            patience=CLOSING,
        )

    def _failed(self, phone: Phone, queue: str, reason: str) -> None:
        self._emit(VoicemailFailed(at=self._now(), call=phone.info.call, queue=queue, reason=reason))

    async def _say(self, phone: Phone, prompts: tuple[str, ...]) -> None:
        await phone.say(prompts)
        self._emit(PromptPlayed(at=self._now(), call=phone.info.call, prompts=prompts, language=phone.language))
