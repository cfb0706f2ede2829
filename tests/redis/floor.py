"""A queue's floor: a desk over a real Redis, its events, and a clock that stands until it is moved."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from hotline.acd.bell import Bell
from hotline.acd.core import Core
from hotline.acd.desk import Desk
from hotline.acd.model import AgentSettings, AgentState, QueueSettings
from hotline.events import (
    AgentAnswered,
    AgentOffered,
    CallerLeftQueue,
    CallerQueued,
    ConversationEnded,
    Event,
    OfferMissed,
)

POWER = QueueSettings(name="power", needs={"power": 1}, ring=5, wrap_up=30)
ANNA = AgentSettings("anna", "PJSIP/anna", {"power": 2})
BINH = AgentSettings("binh", "PJSIP/binh", {"power": 1})
STORY = (CallerQueued, AgentOffered, OfferMissed, AgentAnswered, ConversationEnded, CallerLeftQueue)
E = TypeVar("E", bound=Event)


class Floor:
    def __init__(self, core: Core) -> None:
        self.core, self.moment = core, 1_000_000.0
        self.events: list[Event] = []
        self.desk = Desk(core, Bell({}, core.taken), lambda: self.moment, self.events.append)
        self._later: set[asyncio.Task[Any]] = set()

    def story(self) -> list[str]:
        return [type(event).__name__ for event in self.events if isinstance(event, STORY)]

    def all(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]

    def one(self, kind: type[E]) -> E:
        (event,) = self.all(kind)
        return event

    async def agent(self, name: str) -> AgentState:
        return (await self.core.snapshot()).agents[name][0]

    def passing(self, seconds: float) -> Callable[[str], None]:
        """For a scripted caller, before whose every move so much time passes."""

        def pass_time(_: str) -> None:
            self.moment += seconds

        return pass_time

    def later(self, work: Coroutine[Any, Any, Any]) -> None:
        """Let somebody else do this meanwhile."""
        self._later.add(asyncio.create_task(work))

    async def settled(self) -> None:
        """Until all of that is done."""
        await asyncio.gather(*self._later)
