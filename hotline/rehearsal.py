"""`hotline try`: an admin plays the caller in a terminal, and the rest of the house says what it would do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path, PurePath
from tempfile import TemporaryDirectory
from zoneinfo import ZoneInfo

from hotline.callbacks.dialogue import About, Questions, Speaker
from hotline.callbacks.guard import Guard, message_guard
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.keep_place import PlaceKeeper
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.my_callback import tell_callback
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.requests import Requests
from hotline.callbacks.settings import VoicemailSettings
from hotline.callbacks.states import State
from hotline.clock import YEARS
from hotline.events import CallbackRequested, Event
from hotline.flow.engine import END, walk
from hotline.flow.phone import CallInfo, HungUp, Phone
from hotline.phones.console import Ask, ConsolePhone, Tell
from hotline.schema.config import Config
from hotline.store import Store
from hotline.upkeep import promises_of

RECORDING = PurePath("message.wav")


class _Ledger(Ledger):
    """Without Redis: it knows of one promise at most, and what it writes is thrown away after the call."""

    promise: Promise | None = None

    async def open_for(self, number: str) -> Promise | None:  # noqa: ARG002
        return self.promise


@dataclass(frozen=True, slots=True)
class _RehearsalHouse:
    """A house without PBX and Redis: asks the admin whether an agent answers, keeps no message."""

    config: Config
    phone: ConsolePhone
    moment: float
    tell: Tell
    promises: Promises
    spool: Path

    def now(self) -> float:
        return self.moment

    def emit(self, event: Event) -> None:
        """A rehearsal leaves no trace; but it says when a call is promised."""
        if isinstance(event, CallbackRequested):
            due = self.promises.soonest(event.queue, datetime.fromtimestamp(event.due, UTC))
            self.tell(f"  ⏲  to be called back on {due:%A %Y-%m-%d at %H:%M %Z}")

    def is_open(self, calendar: str) -> bool:
        is_open = self.config.calendars[calendar].is_open(datetime.fromtimestamp(self.moment, UTC))
        self.tell(f"  ⏲  {calendar} is {'open' if is_open else 'closed'}")
        return is_open

    async def wait_for_agent(self, phone: Phone, queue: str) -> str:
        overflow = self.config.queues[queue].overflow
        self.tell(f"  …  waiting in {phone.language} for an agent of {queue}")
        onward = f"; o is the overflow to {overflow.to}" if overflow else ""
        keep = PlaceKeeper(self._requests(), phone, queue) if queue in self.config.callbacks else None
        asking = f"; {keep.key} asks for a callback" if keep and keep.key else ""
        while True:
            answer = (await self.phone.line(f"  does an agent answer? [y/N{onward}{asking}] ")).lower()
            if not keep or not keep.key or answer != keep.key:
                break
            if await keep.promise(phone, self.moment, None):
                await keep.farewell(phone)
                return END
        if answer.startswith("y"):
            return END
        return overflow.to if overflow and answer.startswith("o") else ""

    async def take_message(self, phone: Phone, queue: str) -> None:
        settings, now = self.config.voicemail[queue], datetime.fromtimestamp(self.moment, UTC)
        about = await self._message(Speaker(phone, self.now, self.emit), settings)
        due = self.promises.due(queue, now, about.part)
        reachable = bool(about.number) or not settings.confirm  # then we have the network's number
        when = f"on {due:%A %Y-%m-%d at %H:%M %Z}" if due else "never: it never opens"
        self.tell(f"  ⏲  to be called back {when if reachable else 'by nobody: there is no number'}")
        await phone.say(self.promises.spoken(queue, due, now, phone.language, about.part, reachable))

    async def promise_callback(self, phone: Phone, queue: str) -> bool:
        return await self._requests().promise(phone, queue)

    async def tell_callback(self, phone: Phone, *, key: str, seconds: float) -> None:
        queue, now = next(iter(self.config.voicemail), ""), datetime.fromtimestamp(self.moment, UTC)
        answer = await self.phone.line("  is a callback promised to this caller? [y/N] ")
        if queue and answer.lower().startswith("y"):
            due = self.promises.due_at(queue, now.timestamp())
            promise = Promise(id="rehearsal", state=State.CAPTURED, due=due, arrival=self.moment, queue=queue)
            await tell_callback(self._requests(promise), phone, key=key, seconds=seconds)

    def _requests(self, promise: Promise | None = None) -> Requests:
        """With `promise` as the one that the caller has."""
        config, outbox = self.config, Outbox(self.spool)
        outbox.prepare()
        store = Store("127.0.0.1", 0)  # never connected
        indexer = Indexer(store, outbox, self.now, tell=lambda _: None)
        ledger = _Ledger(store, outbox, indexer, self.now, dialing=config.dialing, zone=config.zone)
        ledger.promise = promise
        return Requests(
            ledger,
            Mover(ledger, self.promises, self.now, self.emit),
            self.promises,
            config.callbacks,
            why_not=Guard(config.dialing).why_not,
            prompts=config.prompts,
            now=self.now,
            emit=self.emit,
            region=config.country,
        )

    async def _message(self, speaker: Speaker, settings: VoicemailSettings) -> About:
        """What becomes known of a message that nobody keeps."""
        guard, region = message_guard(self.config.dialing), self.config.country
        questions = Questions(speaker, settings, About(""), why_not=guard.why_not, region=region)
        prompts, good = settings.greeting, False
        while not good:
            await speaker.say(prompts)
            await speaker.phone.record(RECORDING, most=settings.longest, silence=settings.silence)
            prompts, good = ("record-again",), await questions.is_good(RECORDING)
        await questions.ask()
        return questions.about


async def rehearse(config: Config, *, number: str, at: str, ask: Ask, tell: Tell) -> None:
    """Walk one call through the menus. Raises ValueError when `at` is no moment."""
    moment = _moment(at, config.zone)
    info = CallInfo(call="rehearsal", channel="console", pbx="console", dialed=number)
    when = datetime.fromtimestamp(moment, config.zone)
    tell(f"A call to {config.name}, number {number}, on {when:%A %Y-%m-%d at %H:%M}. h hangs up.")
    phone = ConsolePhone(info, config.prompts, config.flow.language, ask, tell)
    promises = promises_of(config)
    with TemporaryDirectory(prefix="hotline-try-") as spool:
        try:
            await walk(config.flow, phone, _RehearsalHouse(config, phone, moment, tell, promises, Path(spool)))
        except HungUp:
            tell("  ☎  you hung up")
            return
    await phone.hang_up()


def _moment(at: str, zone: ZoneInfo) -> float:
    if not at:
        return time.time()
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        raise ValueError(f"{at!r} is no moment; write it as 2026-11-22T22:00, or with an offset +07:00.") from None
    if moment.year not in YEARS:
        raise ValueError(f"{at!r} is not in a year from {YEARS.start} to {YEARS.stop - 1}; choose one of these.")
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
