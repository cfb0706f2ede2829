"""Keeping what was said: whatever becomes of the session, the disk or the line meanwhile.

Rules of this file:
- Keeping is a task of its own: it goes on when the session that asked for it is cancelled under it.
- A disk that hangs costs the caller some seconds of silence, then an apology; what was said may be kept even then.
- What could not be kept stays where it is, with its note, for salvage.py.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from hotline.callbacks.dialogue import About
from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.wav import NoSound, TooShort
from hotline.clock import Clock
from hotline.events import Emit, VoicemailFailed, VoicemailSaved
from hotline.flow.phone import CallInfo

CLOSING = 1.0
"""Seconds that the PBX has to close a recording after it said that it ended (it keeps the last two in memory)."""

DISK_PATIENCE = 2.0
"""Seconds of silence that a disk may cost a caller before they speak."""

KEEPING_PATIENCE = 10.0
"""The same after they spoke: time to close, sync and list the recording."""

HOLD_EVERY = 20.0
"""Seconds between two signs of life of a message about which the caller is asked; less than rounds.SETTLED."""

P = ParamSpec("P")
R = TypeVar("R")


class NotKept(Exception):
    """No message was kept. `reason` is VoicemailFailed's; `prompt` is what the caller is told; the text says what the
    machine said, if it did."""

    def __init__(self, reason: str, problem: str = "", *, prompt: str = "technical-problem") -> None:
        super().__init__(problem)
        self.reason, self.prompt = reason, prompt


def too_short(problem: str = "") -> NotKept:
    return NotKept("too-short", problem, prompt="message-too-short")


@dataclass(slots=True)
class Message:
    """A recording to keep, and what is known of it so far."""

    info: CallInfo
    queue: str
    language: str
    about: About
    id: str = ""
    path: Path = Path()
    recorded_at: float = 0.0
    hung_up: bool = False
    resumed: bool = False
    """Another service had it before, which may live and keep it as well."""
    kept: bool = False
    cut_short: bool = False
    """The PBX could not write all that was said."""

    def note(self) -> dict[str, str]:
        """What lies beside the recording until it is kept."""
        return {
            "call": self.info.call,
            "queue": self.queue,
            "entry": self.info.dialed,
            "language": self.language,
            "recorded_at": f"{self.recorded_at:.3f}",
            **self.about.note(),
        }


class Keeper:
    """Keeps messages in `outbox`. `kept` is told at once of each one that was kept (it wakes the indexer)."""

    def __init__(
        self,
        outbox: Outbox,
        promises: Promises,
        *,
        now: Clock,
        emit: Emit,
        kept: Callable[[], None],
        disk_patience: float = DISK_PATIENCE,
        patience: float = KEEPING_PATIENCE,
    ) -> None:
        self._outbox, self._promises = outbox, promises
        self._now, self._emit, self._kept = now, emit, kept
        self._disk_patience, self._patience = disk_patience, patience
        self._keeping: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Wait until everything that was recorded is kept."""
        await asyncio.gather(*self._keeping, return_exceptions=True)

    async def disk(self, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Have the disk do something while the caller waits. Raises NotKept when it can't, or hangs."""
        return await self._patient(self._disk_patience, work, *args, **kwargs)

    async def begin(self, message: Message) -> None:
        """Find a place for the recording that is about to begin, with a note there of whose it is. Raises NotKept."""
        message.recorded_at = self._now()
        message.id, message.path = await self.disk(self._outbox.recording_path, message.note())

    async def secure(self, message: Message) -> float:
        """Put what was recorded on disk, so that it outlives us; how many seconds. Raises NotKept.

        What is too short to keep is forgotten.
        """
        try:
            return await self._patient(self._patience, self._secure_file, message)
        except NotKept as failure:
            if failure.reason == "too-short":
                await self.forget(message.id)
            raise

    async def forget(self, id: str) -> None:
        """A recording that is of no use any more."""
        with suppress(OSError):
            await asyncio.to_thread(self._outbox.discard, id)

    async def write_note(self, message: Message) -> None:
        """Should we die now, this much is known of the message."""
        with suppress(NotKept):  # a note is a help, no condition
            await self.disk(self._outbox.write_note, message.id, message.note())

    @asynccontextmanager
    async def in_hand(self, message: Message) -> AsyncIterator[None]:
        """Meanwhile nobody takes the recording for one that was left behind (see salvage.py)."""
        holding = asyncio.create_task(self._hold(message), name=f"hold a message of {message.info.call}")
        try:
            yield
        finally:
            holding.cancel()

    async def _hold(self, message: Message) -> None:
        while True:
            await asyncio.sleep(HOLD_EVERY)
            await self.write_note(message)

    async def keep(self, message: Message) -> None:
        """Keep a recording for good. Raises NotKept, also when it takes too long."""
        task = self._start(self._keep_now(message), message)
        try:
            async with asyncio.timeout(self._patience):
                failure = await asyncio.shield(task)
        except TimeoutError:
            raise NotKept("disk", f"Not kept within {self._patience:g} s; it is still tried.") from None
        if failure:
            raise failure

    async def keep_or_tell(self, message: Message) -> None:
        """The same for a caller who is gone: what goes wrong is told as an event."""
        try:
            await self.keep(message)
        except NotKept as failure:
            self.failed(message.info, message.queue, failure)

    def keep_behind(self, message: Message) -> None:
        """The same without waiting: the session is over."""
        self._start(self.keep_or_tell(message), message)

    def failed(self, info: CallInfo, queue: str, failure: NotKept) -> None:
        at, problem = self._now(), str(failure)
        self._emit(VoicemailFailed(at=at, call=info.call, queue=queue, reason=failure.reason, problem=problem))

    def due(self, message: Message) -> datetime | None:
        """When it will be answered; None: its queue never opens."""
        left = datetime.fromtimestamp(message.recorded_at, UTC)
        return self._promises.due(message.queue, left, message.about.part)

    async def _patient(self, patience: float, work: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            async with asyncio.timeout(patience):
                return await asyncio.to_thread(work, *args, **kwargs)
        except TimeoutError:
            raise NotKept("disk", f"The spool did not answer within {patience:g} s.") from None
        except OSError as error:
            raise NotKept("disk", said(error)) from None

    def _start(self, keeping: Coroutine[Any, Any, R], message: Message) -> asyncio.Task[R]:
        task = asyncio.create_task(keeping, name=f"keep a message of {message.info.call}")
        self._keeping.add(task)
        task.add_done_callback(self._keeping.discard)
        return task

    async def _keep_now(self, message: Message) -> NotKept | None:
        """None when kept, else why not."""
        try:
            entry = await asyncio.to_thread(self._keep_file, message)
            if entry is None:
                return None
        except (OSError, NoSound) as error:
            return _failure(error, message)
        self._kept()
        self._emit(saved(entry, self._now()))
        return None

    def _secure_file(self, message: Message) -> float:
        try:
            return self._outbox.secure(message.id, self._least(message), CLOSING)
        except (OSError, NoSound) as error:
            raise _failure(error, message) from None

    def _keep_file(self, message: Message) -> Entry | None:
        """None when the other service that had it has kept it meanwhile."""
        if message.resumed and (found := self._outbox.found(message.id)) and found.listed:
            return None
        info, about, due = message.info, message.about, self.due(message)
        return self._outbox.keep(
            message.id,
            call=info.call,
            number=about.number,
            queue=message.queue,
            entry=info.dialed,
            language=message.language,
            recorded_at=message.recorded_at,
            due=due.timestamp() if due else message.recorded_at,
            hung_up=message.hung_up,
            now=self._now(),
            least=self._least(message),
            patience=CLOSING,
            reason=about.reason,
            part=about.part,
            confirmed=about.confirmed,
        )

    def _least(self, message: Message) -> float:
        return self._promises.settings[message.queue].shortest


def saved(entry: Entry, now: float) -> VoicemailSaved:
    """What the rest of the service is told of a message that is on disk."""
    return VoicemailSaved(
        at=now,
        call=entry.call,
        queue=entry.queue,
        promise=entry.id,
        seconds=entry.seconds,
        due=entry.due,
        hung_up=entry.hung_up,
        source=entry.source,
    )


def _failure(error: OSError | NoSound, message: Message) -> NotKept:
    """What it means that a recording could not be put on disk."""
    if isinstance(error, TooShort):
        return too_short(str(error))
    if isinstance(error, FileNotFoundError):  # who was gone before the beep recorded nothing
        return too_short() if message.hung_up else NotKept("recording", "The PBX wrote no file.")
    return NotKept("recording", str(error)) if isinstance(error, NoSound) else NotKept("disk", said(error))


def said(error: OSError) -> str:
    """What the machine said, without the file's name."""
    return error.strerror or str(error)
