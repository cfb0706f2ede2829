"""The engine's phone on a real line: its verbs over an AGI channel.

Rules of this file:
- The wire's exceptions become the engine's: agi's HungUp is HungUp, its WireLost is LineLost. A command that
  Asterisk refuses while the caller is there is our fault and stays an exception, except where the caller is
  better served without the thing (a prompt that cannot be played is skipped).
- Prompts are found by hotline.phones.sounds; one that the caller's language lacks is played in the default
  language; one that nobody recorded is skipped.
- Music starts once and plays through every hold until something else is to be heard.
- What a stranger can put into a request is filtered here, once, by `call_info`.
"""

from __future__ import annotations

import functools
import math
import re
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, Concatenate, ParamSpec, TypeVar

from agi.channel import Channel, WireLost
from agi.channel import HungUp as ChannelGone
from agi.protocol import CommandRefused, Request
from hotline.acd.model import parse_offer
from hotline.flow.phone import DONE, KEYS, CallInfo, CannotRecord, Dialed, DialOutcome, HungUp, LineLost, Recorded
from hotline.phones.sounds import Sounds
from hotline.settings import PBX_NAME

PREFIX = "HOTLINE_"
BEEP_TONE, BEEP_SECONDS = "1000", 0.3
"""A tone in Hz: it needs no sound file, which an existing PBX may lack."""

_ON_ANSWER = "hotline-answered"
"""A context of dialplan/hotline.conf. Asterisk goes on with the call where it is missing."""

_STRAY_KEYS = 3
_UNKNOWN = "?"

_CALL = re.compile(r"[A-Za-z0-9._-]{1,80}")
CHANNEL = re.compile(r"[A-Za-z0-9]{1,20}/[A-Za-z0-9@._+*#:;/-]{1,120}")
_DIALED = re.compile(r"[0-9A-Za-z+*#._-]{1,40}")
_TARGET = re.compile(r"[A-Za-z0-9]{1,20}/[A-Za-z0-9+._-]{1,64}(?:@[A-Za-z0-9._-]{1,64})?")
_MUSIC = re.compile(r"[A-Za-z0-9_-]{1,64}")
_NOT_IN_A_NUMBER = re.compile(r"[^0-9+*#]")

_OUTCOMES = {
    "BUSY": DialOutcome.BUSY,
    "NOANSWER": DialOutcome.NO_ANSWER,
    "CANCEL": DialOutcome.CANCELLED,
}
"""DIALSTATUS → outcome; every other one (CHANUNAVAIL, CONGESTION, INVALIDARGS …) is a phone out of reach."""

_CALL_REJECTED = "21"
"""HANGUPCAUSE of a phone whose user pressed "decline"; Dial's status for it is CHANUNAVAIL, measured."""


def outcome_of(status: str) -> DialOutcome:
    """What a DIALSTATUS says."""
    return DialOutcome.ANSWERED if status == "ANSWER" else _OUTCOMES.get(status, DialOutcome.UNREACHABLE)


P = ParamSpec("P")
R = TypeVar("R")
Line = TypeVar("Line", bound="AgiPhone")


def call_id(request: Request) -> str:
    """Whose call a request is about, for a log; "" when it does not say."""
    named = request.args[0] if request.args else ""
    return named if _CALL.fullmatch(named) else ""


class BadCall(ValueError):
    """The request does not say whose call it is; the text tells what is wrong with it."""


def call_info(request: Request) -> CallInfo:
    """Who calls, from agi://…/call,linkedid,PBX,attempt,DIALSTATUS. Raises BadCall."""
    args = dict(enumerate(request.args))
    attempt = args.get(2, "")
    return CallInfo(
        call=checked(_CALL, args.get(0, ""), "the call's linkedid (first argument)"),
        channel=checked(CHANNEL, request.channel, "agi_channel"),
        pbx=checked(PBX_NAME, args.get(1, ""), "the PBX's name (second argument)"),
        dialed=checked(_DIALED, request.extension, "agi_extension"),
        caller=_NOT_IN_A_NUMBER.sub("", request.caller)[:40],
        attempt=int(attempt) if attempt.isascii() and attempt.isdigit() and len(attempt) < 4 else 1,
        served=args.get(3) == "ANSWER",
    )


def checked(pattern: re.Pattern[str], value: str, what: str) -> str:
    if not pattern.fullmatch(value):
        # the value itself may be a phone number: not into a message that ends up in a log
        raise BadCall(f"A request's {what} is missing or has characters that it cannot have ({len(value)} of them).")
    return value


@dataclass(frozen=True, slots=True)
class Answer:
    """The agent of an offer picked up, `ago` seconds before now by the PBX's clock."""

    agent: str
    token: int
    ago: float


def last_answer(request: Request) -> Answer | None:
    """What agi://…/ended,linkedid,PBX,offer,answered,now says of the call's last conversation; None if of none."""
    partner, answered, now, *_ = (*request.args[2:5], "", "", "")
    return _answer(partner, answered, now)


def _answer(partner: str, answered: str, now: str) -> Answer | None:
    offer = parse_offer(partner)
    return Answer(*offer, seconds_between(answered, now)) if offer else None


def seconds_between(answered: str, now: str) -> float:
    """By the PBX's clock at both ends; 0 where its dialplan lacks the note of the answer."""
    try:
        return max(0.0, float(now) - float(answered))
    except ValueError:
        return 0.0


def on_the_line(
    verb: Callable[Concatenate[Line, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[Line, P], Coroutine[Any, Any, R]]:
    """Translate the wire's ends into the engine's."""

    @functools.wraps(verb)
    async def translated(phone: Line, /, *args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return await verb(phone, *args, **kwargs)
        except ChannelGone:
            raise HungUp from None
        except WireLost as lost:
            raise LineLost(str(lost)) from None

    return translated


class AgiPhone:
    """A caller's line. `language` is the default one, `languages` all that a caller may choose."""

    def __init__(
        self, channel: Channel, info: CallInfo, *, sounds: Sounds, language: str, languages: Sequence[str]
    ) -> None:
        self.info, self.language = info, language
        self._channel, self._sounds = channel, sounds
        self._default, self._languages = language, tuple(languages)
        self._music = ""
        self._class = "default"

    @on_the_line
    async def resume(self) -> None:
        """After a re-entry, speak the language that the caller had chosen; the first time, do nothing."""
        if self.info.attempt > 1:
            language = await self._channel.get_variable(PREFIX + "LANGUAGE")
            self.language = language if language in self._languages else self._default

    @on_the_line
    async def answer(self) -> None:
        await self._channel.answer()

    @on_the_line
    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        await self._quiet()
        for file in self._files(prompts):
            try:
                key = await self._channel.stream(file, stop_keys)
            except CommandRefused:
                continue  # a file that Asterisk cannot play
            if key:
                return key
        return ""

    @on_the_line
    async def ask(self, prompts: Sequence[str], *, seconds: float) -> str:
        await self._quiet()
        for _ in range(_STRAY_KEYS):
            key = await self._channel.read(self._files(prompts), seconds)
            if key in KEYS:
                return key  # or "", which is in every string
        return ""

    @on_the_line
    async def digits(self, prompts: Sequence[str], *, most: int, seconds: float) -> str:
        await self._quiet()
        keys = await self._channel.digits(self._files(prompts), most=most, seconds=seconds)
        return "".join(key for key in keys if key in KEYS)

    @on_the_line
    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        await self._quiet()
        try:
            return await self._channel.stream(str(path.with_suffix("")), stop_keys)
        except CommandRefused:
            return ""  # a file that Asterisk cannot play

    @on_the_line
    async def hold(self, seconds: float, *, music: str) -> str:
        if self._music != music:
            await self._channel.music(True, music)
            self._music = self._class = music
        return await self._channel.wait_digit(seconds)

    @on_the_line
    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        try:
            await self._quiet()
            await self._beep()
            recorded = await self._channel.record(
                str(path.with_suffix("")), most=most, silence=silence, escape=stop_keys
            )
        except ChannelGone:
            return Recorded(0.0, hung_up=True)
        except CommandRefused as refused:
            raise CannotRecord(str(refused)) from None
        return Recorded(recorded.seconds, recorded.hung_up, recorded.key)

    @on_the_line
    async def dial(self, target: str, *, seconds: float) -> Dialed:
        if not _TARGET.fullmatch(target):
            raise ValueError(f"{target[:60]!r} cannot be rung: write it like PJSIP/anna or PJSIP/1900@trunk.")
        # g: come back to us when the callee hangs up; i: the callee's phone cannot forward the call to where it
        # likes; U: note when it answered; m: music while it rings. Nobody may transfer by keys (no t, no T).
        options = f"giU({_ON_ANSWER})m({self._class})" if _MUSIC.fullmatch(self._class) else f"giU({_ON_ANSWER})m"
        await self._channel.execute("Dial", target, math.ceil(seconds), options, patience=None)
        self._music = _UNKNOWN
        return await self._dialed()

    async def _dialed(self) -> Dialed:
        # in one command: an agent is free the sooner
        status, cause, answered, now = await self._channel.get_variables(
            "DIALSTATUS", "HANGUPCAUSE", PREFIX + "ANSWERED", "STRFTIME(,,%s.%3q)"
        )
        if status == "ANSWER":
            return Dialed(DialOutcome.ANSWERED, seconds_between(answered, now))
        # only here: after a phone that rang in vain, HANGUPCAUSE is still that of the dial before
        if status == "CHANUNAVAIL" and cause == _CALL_REJECTED:
            return Dialed(DialOutcome.REJECTED)
        return Dialed(outcome_of(status))

    @on_the_line
    async def last_answer(self) -> Answer | None:
        """The last conversation of this call, which a service may not have lived to tell of."""
        return _answer(
            *await self._channel.get_variables(PREFIX + "PARTNER", PREFIX + "ANSWERED", "STRFTIME(,,%s.%3q)")
        )

    @on_the_line
    async def set_language(self, language: str) -> None:
        if language not in self._languages:
            raise ValueError(f"{language[:20]!r} is not a language of this hotline: {', '.join(self._languages)}.")
        self.language = language
        await self._channel.set_variable("CHANNEL(language)", language)
        await self._channel.set_variable(PREFIX + "LANGUAGE", language)

    @on_the_line
    async def note(self, name: str, value: str) -> None:
        await self._channel.set_variable(PREFIX + name, value)

    @on_the_line
    async def noted(self, name: str) -> str:
        return await self._channel.get_variable(PREFIX + name)

    @on_the_line
    async def hang_up(self) -> None:
        await self._channel.set_variable(PREFIX + DONE, "1")
        await self._channel.hangup()

    # -- sound ----------------------------------------------------------------------------------------------------

    def _files(self, prompts: Sequence[str]) -> list[str]:
        """The files that there are, in order, as Asterisk wants them: without suffix."""
        return [file for prompt in prompts if (file := self._file(prompt))]

    def _file(self, prompt: str) -> str | None:
        return self._sounds.find(prompt, self.language) or self._sounds.find(prompt, self._default)

    async def _quiet(self) -> None:
        if self._music:
            await self._channel.music(False)
            self._music = ""

    async def _beep(self) -> None:
        try:
            await self._channel.execute("PlayTones", BEEP_TONE)
            await self._channel.execute("Wait", str(BEEP_SECONDS))
            await self._channel.execute("StopPlayTones")
        except CommandRefused:
            return  # a PBX without tones: the greeting has said what to do
