"""`hotline try`: an admin plays the caller in a terminal, and the rest of the house says what it would do."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from hotline.events import Event
from hotline.flow.engine import walk
from hotline.flow.moments import spoken_moment
from hotline.flow.phone import CallInfo, HungUp, Phone
from hotline.phones.console import Ask, ConsolePhone, Tell
from hotline.schema.config import Config


@dataclass(frozen=True, slots=True)
class _RehearsalHouse:
    """A house without PBX and Redis: asks the admin whether an agent answers, keeps no message."""

    config: Config
    moment: float
    ask: Ask
    tell: Tell

    def now(self) -> float:
        return self.moment

    def emit(self, event: Event) -> None:
        """A rehearsal leaves no trace."""

    def is_open(self, calendar: str) -> bool:
        is_open = self.config.calendars[calendar].is_open(datetime.fromtimestamp(self.moment, UTC))
        self.tell(f"  ⏲  {calendar} is {'open' if is_open else 'closed'}")
        return is_open

    async def wait_for_agent(self, phone: Phone, queue: str) -> bool:
        self.tell(f"  …  waiting in {phone.language} for an agent of {queue}")
        return self.ask("  does an agent answer? [y/N] ").strip().lower().startswith("y")

    async def take_message(self, phone: Phone, queue: str) -> None:
        await phone.say(("voicemail-greeting",))
        self.ask("  ● recording; Enter ends it: ")
        calendar = self.config.calendars[self.config.voicemail[queue].calendar]
        now = datetime.fromtimestamp(self.moment, calendar.zone)
        await phone.say(("message-saved", *spoken_moment(calendar.due(now), now)))


async def rehearse(config: Config, *, number: str, at: str, ask: Ask, tell: Tell) -> None:
    """Walk one call through the menus. Raises ValueError when `at` is no moment."""
    moment = _moment(at, config.zone)
    house = _RehearsalHouse(config, moment, ask, tell)
    info = CallInfo(call="rehearsal", channel="console", pbx="console", dialed=number)
    tell(f"A call to {number} at {datetime.fromtimestamp(moment, config.zone):%A %Y-%m-%d %H:%M}. h hangs up.")
    phone = ConsolePhone(info, config.prompts, config.flow.language, ask, tell)
    try:
        await walk(config.flow, phone, house)
    except (HungUp, EOFError):
        tell("  ☎  you hung up")
        return
    await phone.hang_up()


def _moment(at: str, zone: ZoneInfo) -> float:
    if not at:
        return time.time()
    try:
        return datetime.fromisoformat(at).replace(tzinfo=zone).timestamp()
    except ValueError:
        raise ValueError(f"{at!r} is no moment; write it as 2026-11-22T22:00.") from None
