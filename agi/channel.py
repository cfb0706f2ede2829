"""One live channel: a caller's line, as verbs over the AGI wire.

Rules of this file:
- One command at a time, and the next only after the reply of the last: Asterisk takes a command sent early as
  "stop playing" and then sends no reply to the first. A cancelled command's reply is awaited before the next.
- Seconds are floats; a key is one character of "0123456789*#ABCD"; "" is no key.
- `HungUp`: the channel is no longer ours. Asterisk says so by its HANGUP line, which it sends when the caller hung
  up and also when somebody moved the channel elsewhere ("asynchronous goto"); with AGIEXITONHANGUP=yes it closes
  the connection right after it. Either way this session is over and the caller waits for nothing from us, so the
  two are one exception. What became of the caller is the dialplan's business, and the h extension's.
- `WireLost`: the connection ended, or a reply stayed away, without that line. Asterisk died, the network broke, or
  the peer spoke nonsense; a living Asterisk keeps the caller and goes on in the dialplan.
- result=-1 says both "gone" and "failed" (a missing file, say). Asterisk sends HANGUP right after a "gone", before
  it reads another command; so after -1 we ask for the channel's status, and whichever comes first decides.
- EXEC and RECORD FILE report a hang-up by -1 and the same HANGUP, measured on Asterisk 22.10.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from agi.protocol import CommandRefused, HangUp, ProtocolError, Reply, Request, encode, encode_exec, joined

PATIENCE = 30.0
"""Seconds that a command may take beyond what it was asked to take, before the wire counts as lost."""

LONGEST_FILE = 3600.0
"""Seconds that a prompt may last."""

RATE = 8000
"""Samples per second of a recording, which is WAV."""

_NO_SUCH_APPLICATION = -2
_KEYS = "0123456789*#ABCD"
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,79}|CHANNEL\([a-z_]{1,40}\)|STRFTIME\([A-Za-z0-9%.,]{0,40}\)")


class HungUp(Exception):
    """The channel is no longer ours: the caller hung up, or was moved elsewhere."""


class WireLost(Exception):
    """The connection to Asterisk broke; its dialplan goes on with the caller."""


class Wire(Protocol):
    """What a channel needs of a transport."""

    def write(self, data: bytes) -> None: ...

    def abort(self) -> None: ...


@dataclass(frozen=True, slots=True)
class RecordResult:
    """`seconds` that were written; `key` ended the recording, or `hung_up`, or neither of them (time, silence)."""

    seconds: float
    hung_up: bool
    key: str = ""


class Channel:
    """A caller's line. Every verb raises HungUp, WireLost or CommandRefused as this file's rules say.

    The owner of the wire feeds it with `take` and `lose`.
    """

    __slots__ = ("_alarm", "_alarm_at", "_deadline", "_end", "_line", "_loop", "_reply", "_wire", "request")

    def __init__(self, request: Request, wire: Wire) -> None:
        self.request = request
        self._wire = wire
        self._loop = asyncio.get_running_loop()
        self._reply: asyncio.Future[Reply] | None = None
        self._end: HungUp | WireLost | None = None
        self._line = b""
        self._deadline = math.inf
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_at = math.inf

    # -- the wire's side ------------------------------------------------------------------------------------------

    def take(self, event: Reply | HangUp) -> None:
        """An event from the parser."""
        if isinstance(event, HangUp):
            self._finish(HungUp("Asterisk took the channel away: the caller hung up or was moved elsewhere."))
        elif self._reply is not None:
            reply, self._reply = self._reply, None
            if not reply.done():
                reply.set_result(event)
        elif self._end is None:
            self.lose(f"Asterisk sent a reply that nobody asked for: {event.code} {event.value[:40]!r}.")

    def lose(self, reason: str) -> None:
        """The connection is of no more use."""
        self._finish(WireLost(reason))
        if self._alarm is not None:
            self._alarm.cancel()
        self._wire.abort()

    def _finish(self, end: HungUp | WireLost) -> None:
        if self._end is None:
            self._end = end
        if self._reply is not None:
            reply, self._reply = self._reply, None
            if not reply.done():
                reply.set_exception(self._fresh_end())
                reply.exception()  # if it was cancelled meanwhile, nobody asks, and asyncio would complain

    def _fresh_end(self) -> HungUp | WireLost:
        """The end again, as an exception of its own: a raised one grows by the traceback of each who raises it."""
        assert self._end is not None
        return type(self._end)(*self._end.args)

    # -- one command ----------------------------------------------------------------------------------------------

    @property
    def over(self) -> bool:
        """True once every verb would raise HungUp or WireLost."""
        return self._end is not None

    async def command(self, verb: str, *words: str | int, patience: float | None = PATIENCE) -> Reply:
        """Send any command but EXEC (see `execute`); `patience` None waits without limit."""
        if verb == "EXEC":
            raise CommandRefused("Use execute(): it checks the application against the list of allowed ones.")
        return await self._exchange(encode(verb, *words), patience)

    async def execute(self, application: str, *arguments: str | int, patience: float | None = PATIENCE) -> int:
        """Run an allowed dialplan application and return its result: 0 as a rule, -1 if it asks for a hang-up."""
        reply = await self._exchange(encode_exec(application, *arguments), patience)
        result = self._number(reply)
        if result < 0:
            await self._check_alive()
        if result == _NO_SUCH_APPLICATION:
            raise CommandRefused(f"Asterisk has no application {application}: load its module.")
        return result

    async def gosub(self, context: str, extension: str, *arguments: str | int) -> None:
        """Run a subroutine of the dialplan, from its priority 1 to its Return, however long that takes."""
        words = (context, extension, 1, joined(context, *arguments))
        if self._number(await self.command("GOSUB", *words, patience=None)) < 0:
            await self._failed(f"Asterisk could not run {context},{extension[:1]}…: include dialplan/hotline.conf.")

    async def _exchange(self, line: bytes, patience: float | None) -> Reply:
        while self._reply is not None:
            await asyncio.wait([self._reply])
        if self._end is not None:
            raise self._fresh_end()
        future: asyncio.Future[Reply] = self._loop.create_future()
        self._reply = future
        self._line = line
        self._wire.write(line)
        self._deadline = math.inf if patience is None else self._loop.time() + patience
        if self._deadline < self._alarm_at:
            self._set_alarm()
        try:
            reply = await future
        except asyncio.CancelledError:
            if self._reply is future:  # the reply is still to come: the next command waits for it
                self._reply = self._loop.create_future()
            raise
        if reply.code == 200:
            return reply
        if reply.code == 511:
            self._finish(HungUp("Asterisk says that the channel is dead."))
            raise self._fresh_end()
        raise CommandRefused(f"Asterisk refused {_name(line)}: {reply.code} {reply.value}")

    def _set_alarm(self) -> None:
        """One timer serves many commands: it looks, when it rings, whether the command of now is late."""
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm, self._alarm_at = self._loop.call_at(self._deadline, self._ring), self._deadline

    def _ring(self) -> None:
        self._alarm, self._alarm_at = None, math.inf
        if self._reply is None or self._deadline == math.inf:
            return
        if self._loop.time() >= self._deadline:
            self.lose(f"Asterisk did not answer {_name(self._line)} in time.")
        else:
            self._set_alarm()

    async def _check_alive(self) -> None:
        """After a result of -1: raise HungUp if the channel is gone."""
        await self._exchange(encode("CHANNEL STATUS"), PATIENCE)

    async def _failed(self, what: str) -> NoReturn:
        """After a result of -1: HungUp if the channel is gone, else CommandRefused with `what`."""
        await self._check_alive()
        raise CommandRefused(what)

    def _number(self, reply: Reply) -> int:
        try:
            return reply.number
        except ProtocolError as problem:
            self.lose(str(problem))
            raise self._fresh_end() from None

    def _key(self, reply: Reply) -> str:
        """The key that a result stands for; "" for 0."""
        return chr(number) if 0 < (number := self._number(reply)) < 128 else ""

    # -- verbs ----------------------------------------------------------------------------------------------------

    async def answer(self) -> None:
        """Pick up; a second time is nothing."""
        if self._number(await self.command("ANSWER")) < 0:
            await self._failed("Asterisk could not answer the channel.")

    async def hangup(self) -> None:
        """Hang the channel up."""
        await self.command("HANGUP")

    async def stream(self, file: str, escape: str = "") -> str:
        """Play a file (its path without suffix); return the key of `escape` that stopped it, or ""."""
        reply = await self.command("STREAM FILE", file, escape, patience=LONGEST_FILE)
        if self._number(reply) < 0:
            await self._failed(f"Asterisk could not play {file!r}: does the file exist, in a format it can read?")
        return self._key(reply)

    async def wait_digit(self, seconds: float) -> str:
        """The next key, or "" after `seconds`."""
        reply = await self.command("WAIT FOR DIGIT", _milliseconds(seconds), patience=seconds + PATIENCE)
        if self._number(reply) < 0:
            await self._failed("Asterisk could not wait for a key.")
        return self._key(reply)

    async def read(self, files: Sequence[str], seconds: float) -> str:
        """Play files and wait `seconds` after the last for one key; any key interrupts and counts. "" is silence.

        The application Read would do it in one command, but plays on to the end when we die, with the caller's keys
        falling on deaf ears; Asterisk leaves these commands at once, and the dialplan goes on. The last file and the
        wait are one command. Only a key that is released in the millisecond between two files is lost. A file that
        cannot be played is skipped.
        """
        for file in files[:-1]:
            with contextlib.suppress(CommandRefused):
                if key := await self.stream(file, _KEYS):
                    return key
        if not files:
            return await self.wait_digit(seconds)
        words = (files[-1], _KEYS, _milliseconds(seconds))
        reply = await self.command("GET OPTION", *words, patience=seconds + LONGEST_FILE)
        if key := self._key(reply):
            return key
        await self._check_alive()  # this command says 0 also for one who hung up in the wait
        return await self.wait_digit(seconds) if reply.endpos <= 0 else ""

    async def digits(self, files: Sequence[str], *, most: int, seconds: float) -> str:
        """Play files, then take up to `most` keys: the first within `seconds` of the last file, each other within
        `seconds` of the one before. # ends them and is none of them; the first key ends what is being played.

        The last file and all keys are one command, which Asterisk leaves at once when we die (see `read`).
        """
        first = ""
        for file in files[:-1]:
            with contextlib.suppress(CommandRefused):
                if first := await self.stream(file, _KEYS):
                    break
        if first == "#" or len(first) >= most:
            return first.rstrip("#")
        words = ("" if first or not files else files[-1], _milliseconds(seconds), most - len(first))
        reply = await self.command("GET DATA", *words, patience=LONGEST_FILE + most * seconds)
        if reply.result == "-1":
            await self._check_alive()  # it says so of a file that cannot be played, too
            return await self.digits((), most=most, seconds=seconds) if words[0] else first
        return first + reply.result

    async def record(self, path: str, *, most: float, silence: float = 0, escape: str = "#") -> RecordResult:
        """Record to `path` (without suffix) for `most` seconds, until `silence` (0 = never) or a key of `escape`.

        A hang-up ends the recording like silence does and is told by `hung_up`, so that the words are kept.
        """
        quiet = (f"s={math.ceil(silence)}",) if silence > 0 else ()
        words = (path, "wav", escape, _milliseconds(most), 0, *quiet)
        reply = await self.command("RECORD FILE", *words, patience=most + PATIENCE)
        seconds = max(reply.endpos, 0) / RATE
        if reply.value in ("hangup", "waitfor"):
            return RecordResult(seconds, hung_up=True)
        if self._number(reply) < 0:
            await self._failed(f"Asterisk could not record to {path!r} ({reply.value}): may it write there?")
        # only "(dtmf)" carries a key: with "(timeout)" the result is what was left of the time, in ms
        return RecordResult(seconds, hung_up=False, key=self._key(reply) if reply.value == "dtmf" else "")

    async def music(self, on: bool, cls: str = "default") -> None:
        """Start music on hold of a class, or stop it."""
        await self.command("SET MUSIC", "ON" if on else "OFF", cls)

    async def get_variable(self, name: str) -> str:
        """A channel variable, or CHANNEL(…); "" when it is not set."""
        return (await self.command("GET VARIABLE", _variable(name))).value

    async def get_variables(self, *names: str) -> list[str]:
        """Several of them in one command, for values that hold no `|`."""
        expression = "|".join(f"${{{_variable(name)}}}" for name in names)
        values = (await self.command("GET FULL VARIABLE", expression)).value.split("|")
        if len(values) != len(names):
            raise CommandRefused(f"One of {', '.join(names)} holds a |: ask for them one by one.")
        return values

    async def set_variable(self, name: str, value: str) -> None:
        await self.command("SET VARIABLE", _variable(name), value)


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))


def _variable(name: str) -> str:
    """Refuse dialplan functions, some of which run programs or write files."""
    if not _VARIABLE.fullmatch(name):
        raise CommandRefused(
            f"{name[:40]!r} is no plain variable: use letters, digits and _, CHANNEL(item) or STRFTIME(,,format)."
        )
    return name


def _name(line: bytes) -> str:
    """The command without its arguments, which may be a caller's business."""
    return line.split(b'"', 1)[0].decode().strip()
