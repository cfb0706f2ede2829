"""The engine: walks a caller through the menus, one coroutine per call, read top to bottom.

Rules of this file:
- A step returns where to go: a menu's name, "" for the next step, or `END`. Nothing else steers a call.
- The engine asks the rest of the house for agents, messages and the time through `House`; it knows no PBX.
- A caller who was waiting when a service died comes back to the very step that they waited in.
- A configuration that leads in circles without end cannot hold a caller: after `MOST_MENUS` menus we say goodbye.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from hotline.events import Event, HoursChecked, KeyPressed, LanguageChosen, MenuEntered, PromptPlayed, Transferred
from hotline.flow.model import (
    AskCallback,
    Flow,
    Goto,
    Hangup,
    Hours,
    JoinQueue,
    Keys,
    MyCallback,
    Say,
    SetLanguage,
    Step,
    TakeVoicemail,
    Transfer,
)
from hotline.flow.phone import DialOutcome, Phone

END = "\0end"
"""Where a call goes when it is over; no menu can have this name."""

MOST_MENUS = 200
STEP = "STEP"
"""The note on the channel of the step to come back to, `menu:index`: where a caller waits or leaves a message."""


class House(Protocol):
    """What the engine asks of the rest of the service."""

    def emit(self, event: Event, /) -> None: ...

    def now(self) -> float:
        """The service's clock, POSIX seconds."""

    def is_open(self, calendar: str) -> bool: ...

    async def wait_for_agent(self, phone: Phone, queue: str) -> str:
        """Queue the caller. END once a conversation took place; if they left without one, the menu to which the
        queue's overflow leads, or "" for the step's `otherwise`."""

    async def take_message(self, phone: Phone, queue: str) -> None: ...

    async def promise_callback(self, phone: Phone, queue: str) -> bool:
        """Ask for the number to call back. Whether a callback is promised now."""

    async def tell_callback(self, phone: Phone, *, key: str, seconds: float) -> None:
        """Tell the caller of the callback that they were promised, if they were, and cancel it on `key`."""


async def walk(flow: Flow, phone: Phone, house: House) -> None:
    """Serve one call from its first prompt to its last. Raises HungUp or LineLost as the Phone does."""
    await phone.answer()
    await _Walk(flow, phone, house).run()


class _Walk:
    """One caller's way through the menus."""

    def __init__(self, flow: Flow, phone: Phone, house: House) -> None:
        self.flow, self.phone, self.house = flow, phone, house
        self.call = phone.info.call
        self.menu = ""
        self.index = 0

    async def run(self) -> None:
        self.menu, start = await self._entry()
        for _ in range(MOST_MENUS):
            self.house.emit(MenuEntered(at=self.house.now(), call=self.call, menu=self.menu))
            target = await self._walk_menu(start)
            if target == END:
                return
            self.menu, start = target, 0
        await self._say(("goodbye",))

    async def _entry(self) -> tuple[str, int]:
        if self.phone.info.attempt > 1:
            menu, _, index = (await self.phone.noted(STEP)).partition(":")
            if menu in self.flow.menus and index.isdecimal() and int(index) < len(self.flow.menus[menu].steps):
                if isinstance(self.flow.menus[menu].steps[int(index)], TakeVoicemail | AskCallback):
                    await self._say(("technical-problem",))  # or being asked again would make no sense
                return menu, int(index)
        return self.flow.entry(self.phone.info.dialed), 0

    async def _walk_menu(self, start: int) -> str:
        steps = self.flow.menus[self.menu].steps
        for self.index in range(start, len(steps)):
            step = steps[self.index]
            target = await _VERBS[type(step)](self, step)
            if target:
                return target
        return END

    async def _say(self, prompts: tuple[str, ...]) -> None:
        await self.phone.say(prompts)
        self._played(prompts, "")

    def _played(self, prompts: tuple[str, ...], key: str) -> None:
        language = self.phone.language
        self.house.emit(
            PromptPlayed(at=self.house.now(), call=self.call, prompts=prompts, language=language, key=key)
        )

    async def _here(self) -> None:
        """Should this service die now, the next one goes on from this step."""
        await self.phone.note(STEP, f"{self.menu}:{self.index}")

    async def say(self, step: Say) -> str:
        await self._say(step.prompts)
        return ""

    async def keys(self, step: Keys) -> str:
        """Ask until a valid key comes; each wrong key or silence costs one of the tries."""
        prompts = step.prompts
        for _ in range(step.tries):
            key = await self.phone.ask(prompts, seconds=step.seconds)
            self._played(prompts, key)
            outcome = "chosen" if key in step.choices else "invalid" if key else "silence"
            self.house.emit(KeyPressed(at=self.house.now(), call=self.call, menu=self.menu, key=key, outcome=outcome))
            if outcome == "chosen":
                return step.choices[key]
            # the correction and the question go out as one, so that an early key is not lost between them
            prompts = (step.invalid if key else step.silent, *step.prompts)
        return step.otherwise

    async def language(self, step: SetLanguage) -> str:
        await self.phone.set_language(step.language)
        self.house.emit(LanguageChosen(at=self.house.now(), call=self.call, language=step.language))
        return ""

    async def hours(self, step: Hours) -> str:
        is_open = self.house.is_open(step.calendar)
        self.house.emit(HoursChecked(at=self.house.now(), call=self.call, calendar=step.calendar, open=is_open))
        return step.open if is_open else step.closed

    async def queue(self, step: JoinQueue) -> str:
        await self._here()
        target = await self.house.wait_for_agent(self.phone, step.queue)
        if target != END:
            await self.phone.note(STEP, "")
        return target or step.otherwise

    async def voicemail(self, step: TakeVoicemail) -> str:
        await self._here()
        await self.house.take_message(self.phone, step.queue)
        await self.phone.note(STEP, "")
        return ""

    async def callback(self, step: AskCallback) -> str:
        await self._here()
        promised = await self.house.promise_callback(self.phone, step.queue)
        await self.phone.note(STEP, "")
        return "" if promised else step.otherwise

    async def my_callback(self, step: MyCallback) -> str:
        await self.house.tell_callback(self.phone, key=step.key, seconds=step.seconds)
        return ""

    async def transfer(self, step: Transfer) -> str:
        dialed = await self.phone.dial(step.target, seconds=step.seconds)
        outcome = dialed.outcome
        self.house.emit(Transferred(at=self.house.now(), call=self.call, target=step.target, outcome=outcome.value))
        return await self.hangup(Hangup()) if outcome is DialOutcome.ANSWERED else step.otherwise

    async def goto(self, step: Goto) -> str:
        return step.menu

    async def hangup(self, _: Hangup) -> str:
        return END


_VERBS: dict[type[Step], Callable[[_Walk, Any], Awaitable[str]]] = {
    Say: _Walk.say,
    Keys: _Walk.keys,
    SetLanguage: _Walk.language,
    Hours: _Walk.hours,
    JoinQueue: _Walk.queue,
    TakeVoicemail: _Walk.voicemail,
    AskCallback: _Walk.callback,
    MyCallback: _Walk.my_callback,
    Transfer: _Walk.transfer,
    Goto: _Walk.goto,
    Hangup: _Walk.hangup,
}
