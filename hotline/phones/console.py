"""A phone in the terminal: `hotline try` lets an admin walk their own menus without a PBX.

Prompts appear as their texts; keys are typed and sent with Enter, an empty line is silence, `h` hangs up.

Rules of this file:
- The event loop stands still while a line is typed. Nothing else goes on in a rehearsal, and a thread that waits for
  a line could not be left by Ctrl-C: the interpreter would wait for it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import PurePath

from hotline.flow.phone import KEYS, CallInfo, Dialed, DialOutcome, HungUp, Recorded

Ask = Callable[[str], str]
Tell = Callable[[str], None]


class ConsolePhone:
    """A caller at a keyboard. `ask` prompts for a line (EOFError = hung up); `tell` prints one."""

    def __init__(
        self, info: CallInfo, texts: Mapping[str, Mapping[str, str]], language: str, ask: Ask, tell: Tell
    ) -> None:
        self.info, self.language = info, language
        self._texts, self._ask, self._tell = texts, ask, tell
        self._notes: dict[str, str] = {}

    async def line(self, question: str) -> str:
        """What the caller types; raises HungUp for `h`."""
        try:
            line = self._ask(question).strip()
        except EOFError:
            raise HungUp from None
        if line in ("h", "hangup"):
            raise HungUp
        return line

    async def _key(self, question: str) -> str:
        while (line := await self.line(question)) and line not in KEYS:
            self._tell(f"  {line!r} is no key: type one of {KEYS}, nothing for silence, or h to hang up.")
        return line

    def _speak(self, prompts: Sequence[str]) -> None:
        for prompt in prompts:
            text = self._texts.get(prompt, {}).get(self.language, "")
            self._tell(f"  🔊 {text or '(no text in ' + self.language + ')'}  [{prompt}]")

    async def answer(self) -> None:
        self._tell(f"  ☎  {self.info.dialed} answers")

    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        self._speak(prompts)
        return ""

    async def ask(self, prompts: Sequence[str], *, seconds: float) -> str:
        self._speak(prompts)
        return await self._key(f"  key, within {seconds:g} s: ")

    async def digits(self, prompts: Sequence[str], *, most: int, seconds: float) -> str:
        self._speak(prompts)
        while set(line := await self.line(f"  up to {most} keys, each within {seconds:g} s: ")) - set(KEYS):
            self._tell(f"  {line!r} are no keys: type some of {KEYS}, nothing for silence, or h to hang up.")
        return line.partition("#")[0][:most]

    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        keys = f", or one of {stop_keys}" if stop_keys else ""
        key = await self._key(f"  ▶ {path.name}; Enter hears all of it{keys}: ")
        return key if key in stop_keys else ""

    async def hold(self, seconds: float, *, music: str) -> str:
        return await self._key(f"  ♪ {music} for {seconds:g} s; key or Enter: ")

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        await self.line("  ● recording; Enter ends it: ")
        return Recorded(seconds=most, hung_up=False, key="#")

    async def dial(self, target: str, *, seconds: float) -> Dialed:
        answered = await self.line(f"  ringing {target} for {seconds:g} s; does it answer? [y/N] ")
        return Dialed(DialOutcome.ANSWERED if answered.lower().startswith("y") else DialOutcome.NO_ANSWER)

    async def set_language(self, language: str) -> None:
        self.language = language

    async def note(self, name: str, value: str) -> None:
        self._notes[name] = value

    async def noted(self, name: str) -> str:
        return self._notes.get(name, "")

    async def hang_up(self) -> None:
        self._tell("  ☎  call ended")
