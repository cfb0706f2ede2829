"""`hotline try`: an admin plays the caller in a terminal, and the rest of the house says what it would do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath
from zoneinfo import ZoneInfo

from hotline.callbacks.dialogue import About, Questions, Speaker
from hotline.callbacks.guard import message_guard
from hotline.callbacks.promise import Promises
from hotline.callbacks.settings import VoicemailSettings
from hotline.events import Event
from hotline.flow.engine import END, walk
from hotline.flow.phone import CallInfo, HungUp, Phone
from hotline.phones.console import Ask, ConsolePhone, Tell
from hotline.schema.config import Config

RECORDING = PurePath("message.wav")


@dataclass(frozen=True, slots=True)
class _RehearsalHouse:
    """A house without PBX and Redis: asks the admin whether an agent answers, keeps no message."""

    config: Config
    phone: ConsolePhone
    moment: float
    tell: Tell

    def now(self) -> float:
        return self.moment

    def emit(self, event: Event) -> None:
        """A rehearsal leaves no trace."""

    def is_open(self, calendar: str) -> bool:
        is_open = self.config.calendars[calendar].is_open(datetime.fromtimestamp(self.moment, UTC))
        self.tell(f"  ⏲  {calendar} is {'open' if is_open else 'closed'}")
        return is_open

    async def wait_for_agent(self, phone: Phone, queue: str) -> str:
        overflow = self.config.queues[queue].overflow
        self.tell(f"  …  waiting in {phone.language} for an agent of {queue}")
        onward = f"; o is the overflow to {overflow.to}" if overflow else ""
        answer = (await self.phone.line(f"  does an agent answer? [y/N{onward}] ")).lower()
        if answer.startswith("y"):
            return END
        return overflow.to if overflow and answer.startswith("o") else ""

    async def take_message(self, phone: Phone, queue: str) -> None:
        settings, now = self.config.voicemail[queue], datetime.fromtimestamp(self.moment, UTC)
        part = (await self._message(Speaker(phone, self.now, self.emit), settings)).part
        promises = Promises(self.config.voicemail, self.config.calendars, self.config.callbacks)
        due = promises.due(queue, now, part)
        self.tell(f"  ⏲  to be called back {f'on {due:%A %Y-%m-%d at %H:%M %Z}' if due else 'never: it never opens'}")
        await phone.say(promises.spoken(queue, due, now, phone.language, part))

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
    try:
        await walk(config.flow, phone, _RehearsalHouse(config, phone, moment, tell))
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
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp()
