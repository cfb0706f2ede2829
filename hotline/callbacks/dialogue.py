"""What a caller is asked about a message that was recorded: is it good, whom to call, why, and at what time of day.

Rules of this file:
- It knows the line and the queue's settings, no disk and no clock: `hotline try` walks through it as well.
- Silence is an answer: the message is good, the number is the one that we have, and no more is asked.
- Every question ends: after TRIES answers that are none it is left.
- What is known is in `about` at any moment, for whoever keeps the message of a caller who hangs up; `learnt` is
  awaited after each change.
- The digits of a number are spoken and told to nobody: no event carries them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath

from hotline.callbacks.number import normal, spoken_number
from hotline.callbacks.settings import VoicemailSettings
from hotline.clock import Clock
from hotline.events import Emit, PromptPlayed
from hotline.flow.phone import Phone

TRIES = 4
REVIEWS = 6
"""Times that a caller may listen to the message, or press a key that means nothing there."""

ANSWER_WITHIN = 4.0
"""Seconds for a key, after a question."""

MOST_DIGITS = 20
NEXT_DIGIT_WITHIN = 5.0

_KEY_NAMES = {"*": "star", "#": "hash"}

Prompts = tuple[str, ...]


@dataclass(slots=True)
class About:
    """What is known of a message. `number` is E.164, or what the network sent in its place, or ""."""

    number: str = field(repr=False)
    confirmed: bool = False
    """The caller pressed a key for this number, or keyed it in."""
    reason: str = ""
    part: str = ""

    @classmethod
    def of(cls, note: Mapping[str, str], number: str) -> About:
        """As it was noted; `number` is what to take where nothing was."""
        get = note.get
        return cls(get("number", number), get("confirmed") == "yes", get("reason", ""), get("part", ""))

    def note(self) -> dict[str, str]:
        """For the note beside the recording."""
        confirmed = "yes" if self.confirmed else ""
        return {"number": self.number, "confirmed": confirmed, "reason": self.reason, "part": self.part}


@dataclass(frozen=True, slots=True)
class Speaker:
    """A line, and who is told of what is said there."""

    phone: Phone
    now: Clock
    emit: Emit

    async def say(self, prompts: Prompts) -> None:
        await self.phone.say(prompts)
        self._played(prompts, "")

    async def ask(self, prompts: Prompts) -> str:
        """The key pressed; "" for none."""
        key = await self.phone.ask(prompts, seconds=ANSWER_WITHIN)
        self._played(prompts, key)
        return key

    async def ask_number(self, prompts: Prompts) -> str:
        """The keys pressed; "" for none."""
        keys = await self.phone.digits(prompts, most=MOST_DIGITS, seconds=NEXT_DIGIT_WITHIN)
        self._played(prompts, "")
        return keys

    def _played(self, prompts: Prompts, key: str) -> None:
        told = tuple(each for each in prompts if not each.startswith("digit-"))
        phone = self.phone
        self.emit(PromptPlayed(at=self.now(), call=phone.info.call, prompts=told, language=phone.language, key=key))


async def _nobody() -> None:
    """Nobody needs to know."""


class Questions:
    """The questions about one message. `why_not` tells why a number can't be called ("": it can)."""

    def __init__(
        self,
        speaker: Speaker,
        settings: VoicemailSettings,
        about: About,
        *,
        why_not: Callable[[str], str],
        region: str,
        learnt: Callable[[], Awaitable[None]] = _nobody,
    ) -> None:
        self.about = about
        self._speaker, self._settings = speaker, settings
        self._why_not, self._region, self._learnt = why_not, region, learnt

    async def is_good(self, recording: PurePath) -> bool:
        """Let the caller listen to the recording. False when it is to be recorded again."""
        prompts: Prompts = ("message-review",)
        for _ in range(REVIEWS if self._settings.review else 0):
            key = await self._speaker.ask(prompts)
            if key == "1":
                key = await self._speaker.phone.play(recording, stop_keys="12#") or "1"
            if key in ("", "2", "#"):
                return key != "2"
            prompts = ("message-review",) if key == "1" else ("invalid-key", "message-review")
        return True

    async def ask(self) -> None:
        """All that is left to ask; who is silent to one question is asked no other."""
        if self._settings.confirm and not await self._ask_number():
            return
        if not self.about.reason:
            reason = await self._choose("which-reason", self._settings.reasons)
            if reason is None:
                return
            await self._learn(reason=reason)
        if not self.about.part:
            parts = {str(key): part for key, part in enumerate(self._settings.parts, start=1)}
            part = await self._choose("which-part", {key: f"part-{part}" for key, part in parts.items()})
            await self._learn(part=(part or "").removeprefix("part-"))

    async def _ask_number(self) -> bool:
        """Which number to call. False when the caller said nothing."""
        given = self.about.number
        number = "" if self._why_not(given) else given
        mistake: Prompts = ()
        for _ in range(0 if self.about.confirmed else TRIES):
            if not number:
                keys = await self._enter(mistake)
                if not keys:
                    return False
                number, mistake = self._dialable(keys), ("number-not-dialable",)
                if not number:
                    continue
                mistake = ()
                await self._learn(number=number, confirmed=True)
            spoken = spoken_number(number, self._region)
            key = await self._speaker.ask((*mistake, "number-is", *spoken, "number-right"))
            if key in ("1", ""):
                await self._learn(number=number, confirmed=self.about.confirmed or key == "1")
                return bool(key)
            mistake = () if key == "2" else ("invalid-key",)
            if key == "2":
                number = ""
                await self._learn(number=given, confirmed=False)
        return self.about.confirmed

    async def _enter(self, mistake: Prompts) -> str:
        """The keys of a number; who presses none is asked once more, since we may have no other number."""
        for _ in range(2):
            if keys := await self._speaker.ask_number((*mistake, "number-enter")):
                return keys
        return ""

    def _dialable(self, keys: str) -> str:
        """The number that was keyed in; "" when it is none that can be called."""
        abroad = not self._region and keys.startswith("00")  # no key is a +
        number = normal(f"+{keys[2:]}" if abroad else keys, self._region)
        return "" if self._why_not(number) else number

    async def _choose(self, question: str, choices: Mapping[str, str]) -> str | None:
        """What the caller chose of `choices` (key → prompt); "" if no key made sense, None if none was pressed."""
        offered = tuple(each for key, prompt in choices.items() for each in (prompt, key_prompt(key)))
        prompts: Prompts = (question, *offered)
        for _ in range(TRIES if choices else 0):
            key = await self._speaker.ask(prompts)
            if key in choices or not key:
                return choices.get(key)
            prompts = ("invalid-key", question, *offered)
        return ""

    async def _learn(self, **known: str | bool) -> None:
        before = self.about.note()
        for name, value in known.items():
            setattr(self.about, name, value)
        if self.about.note() != before:
            await self._learnt()


def key_prompt(key: str) -> str:
    """The prompt "press KEY"."""
    return f"press-{_KEY_NAMES.get(key, key)}"
