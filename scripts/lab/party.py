"""One party of a call, out in the world: it speaks, presses keys, listens and hangs up, and all it hears is kept.

Rules of this file:
- A party sends sound all the time, as phones do: silence when it says nothing.
- Verbs raise HungUp when the far end has hung up before they were done; keys count as pressed all the same.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from pathlib import Path

from lab import audio
from lab.tap import Ear, Tap
from lab.wire import HungUp, Wire

__all__ = ["Call", "HungUp"]

BUSY, DECLINED = 17, 21

LISTEN = 0.2
"""Seconds between two looks at what was heard."""


class Call:
    """A live call of one party.

    `caller_id` is the number shown to this party, `arrived` the moment (POSIX seconds, to the microsecond) when its
    INVITE came, for a call that rang here; `answered` the monotonic moment when the talk began, 0 before.
    """

    def __init__(self, wire: Wire, tap: Tap, recording: Path) -> None:
        self._wire, self._tap, self._ear, self._port = wire, tap, Ear(), 0
        self.heard = recording
        """All that this party received, 8 kHz mono; there after the call."""
        self._played = asyncio.Lock()
        self.caller_id = wire.headers.get("agi_callerid", "")
        self.arrived = float(wire.headers.get("agi_arg_2", 0))
        self.answered = 0.0
        self.kept = asyncio.Event()
        """The recording is on disk."""

    # -- a call that rings here -----------------------------------------------------------------------------------

    async def answer(self) -> None:
        await self._wire.command("ANSWER")
        await self.begin()

    async def reject(self, cause: int = BUSY) -> None:
        """Send it away: by 486 Busy Here, or as another Q.850 cause is told in SIP."""
        await self._end(f"EXEC Hangup {cause}")

    def ignore(self) -> None:
        """Let it ring; `hung_up` tells when the far end gave up."""

    # -- the talk -------------------------------------------------------------------------------------------------

    async def begin(self) -> None:
        """The line is open: start the clock, listen, and send silence."""
        self.answered = time.monotonic()
        with contextlib.suppress(HungUp):
            _, _, port = (await self._wire.value("${CHANNEL(rtp,src)}")).rpartition(":")
            self._port = int(port)
            self._ear = self._tap.ear(self._port)
        await self._be_silent()

    def since_start(self) -> float:
        """Seconds since the talk began."""
        return time.monotonic() - self.answered

    async def press(self, keys: str) -> None:
        """Press keys (RFC 4733), 100 ms each and 100 ms apart; "w" is half a second's pause."""
        async with self._played:
            if self.over:
                raise HungUp
            with contextlib.suppress(HungUp):  # the far end may hang up upon the key
                await self._wire.command(f'EXEC SendDTMF "{keys},100,100"')
            await self._be_silent()

    async def speak(self, sound: Path) -> None:
        """Say what is in a WAV file, to its end."""
        async with self._played:
            await self._wire.command(f'STREAM FILE "{sound.with_suffix("")}" ""')
            await self._be_silent()

    async def hang_up(self) -> None:
        """Hang up, if the far end has not, and wait until all that was heard is on disk."""
        await self._end("HANGUP")
        await self.finished()

    async def hung_up(self, within: float = 10.0) -> None:
        """Wait until the far end hangs up. Raises TimeoutError."""
        await asyncio.wait_for(self._wire.gone.wait(), within)

    @property
    def over(self) -> bool:
        return self._wire.gone.is_set()

    # -- what was heard -------------------------------------------------------------------------------------------

    async def hears(self, prompt: Path, *, within: float = 10.0, after: float = 0.0, score: float = 0.6) -> float:
        """Wait until a whole prompt was heard and return when it began (seconds of `heard`, from `after` on).

        Raises TimeoutError.
        """
        wanted, best, began = audio.load(prompt), 0.0, after
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            over, recording = self.over, self._ear.sound()
            found = await asyncio.to_thread(audio.find, wanted, recording[int(began * audio.RATE) :])
            best = max(best, found.score)
            if found.score >= score:
                return found.at + began
            if over:
                break
            began = max(after, (len(recording) - len(wanted)) / audio.RATE - 1.0)  # before that, it is not
            await asyncio.sleep(LISTEN)
        raise TimeoutError(f"{prompt.stem} was not heard within {within:g} s; the best match was {best:.2f}.")

    async def finished(self) -> None:
        """Wait until the call has ended and its recording is there."""
        await self._wire.gone.wait()
        await self.kept.wait()

    async def keep(self) -> None:
        """Write down what was heard, once the call has ended."""
        await self._wire.gone.wait()
        self._tap.hang_up(self._port, self._ear)
        await asyncio.to_thread(self._ear.save, self.heard)
        self.kept.set()

    async def _be_silent(self) -> None:
        with contextlib.suppress(HungUp):
            await self._wire.command('EXEC PlayTones "0/1000"')

    async def _end(self, command: str) -> None:
        with contextlib.suppress(HungUp):
            await self._wire.command(command)
        await self._wire.gone.wait()
