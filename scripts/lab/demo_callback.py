"""The third part of the demonstration: the promise that was made at night is kept in the morning."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol
from zoneinfo import ZoneInfo

from lab.house import House
from lab.party import Call
from lab.service import Line
from lab.timeline import Timeline


class Stage(Protocol):
    """What this part asks of the demonstration."""

    house: House
    sounds: Path
    timeline: Timeline

    def say(self, text: str) -> None: ...

    def step(self, who: str, what: str) -> None: ...

    def hears(self, who: str, what: str, recording: Path, said: Path) -> None: ...

    def check(self, good: bool, what: str) -> None: ...


async def call_back(stage: Stage, saved: Line, zone: ZoneInfo, number: str, spoken: dict[str, Path]) -> None:
    """From the opening, at which the agent's phone rings, to the talk of agent and customer."""
    house, service, due = stage.house, stage.house.service, datetime.fromtimestamp(saved["due"], zone)
    anna, customer = await house.world.phone("anna"), await house.world.number(number)
    mark = service.mark()
    stage.timeline.begin(f"{due:%A at %H:%M}: the hotline opens, and the promise is due", time.monotonic())
    house.set_clock(due + timedelta(seconds=1))
    ringing = await anna.rings(within=20)
    stage.step("agent", "Anna's phone rings; she picks up")
    await ringing.answer()
    await _heard(stage, ringing, "callback-announce", "hears that somebody asked for a call back, when, and why")
    await ringing.press("1")
    await ringing.hears(spoken["message"], within=20)
    stage.step("agent", "presses 1, and hears the message")
    await ringing.press("2")
    stage.step("agent", "presses 2: the customer is to be rung")
    called = await customer.rings(within=10)
    stage.step("customer", "the phone rings; the customer picks up")
    await called.answer()
    await _heard(stage, called, "callback-greeting", "hears who is calling")
    await asyncio.gather(called.speak(spoken["caller"]), _answer(ringing, spoken["agent"]))
    await called.hang_up()
    stage.step("customer", "hangs up")
    await ringing.press("1")
    stage.step("agent", "presses 1: they have talked")
    moved = await service.event("PromiseMoved", after=mark, promise=saved["promise"], state="talked")
    await ringing.finished()
    stage.say("What became of the promise")
    stage.hears("Anna", "the message", ringing.heard, spoken["message"])
    stage.hears("Anna", "the customer", ringing.heard, spoken["caller"])
    stage.hears("the customer", "Anna", called.heard, spoken["agent"])
    stage.check(moved["in_window"] and moved["attempts"] == 1, "it was kept in the hours promised, by one call")


async def _heard(stage: Stage, call: Call, prompt: str, what: str) -> None:
    await call.hears(stage.sounds / "en" / f"{prompt}.wav", within=20)
    stage.step("customer" if prompt == "callback-greeting" else "agent", what)


async def _answer(call: Call, words: Path) -> None:
    await asyncio.sleep(4.5)
    await call.speak(words)
