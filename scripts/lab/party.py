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
from lab.process import POLL
from lab.wire import HungUp, Wire

__all__ = ["Call", "HungUp"]

BUSY, DECLINED = 17, 21


class Call:
    """A live call of one party.

    `caller_id` is the number shown to this party, `arrived` the moment (POSIX seconds, to the microsecond) when its
    INVITE came, for a call that rang here; `answered` the monotonic moment when the talk began, 0 before.
    """

    def __init__(self, wire: Wire, folder: Path, *, recorded: bool = True) -> None:
        self._wire, self._recorded = wire, recorded
        name = wire.headers["agi_uniqueid"]
        self._whole, self._part = folder / f"{name}.wav", folder / f"{name}.part.wav"
        self._played = asyncio.Lock()
        self.caller_id = wire.headers.get("agi_callerid", "")
        self.arrived = float(wire.headers.get("agi_arg_2", 0))
        self.answered = 0.0

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
        """The line is open: start the clock, and send silence."""
        self.answered = time.monotonic()
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

    @property
    def heard(self) -> Path:
        """All that this party received, 8 kHz mono, less the moments when nothing came; complete after the call."""
        return self._whole if self._whole.exists() else self._part

    async def hears(self, prompt: Path, *, within: float = 10.0, after: float = 0.0, score: float = 0.6) -> float:
        """Wait until a whole prompt was heard and return when it began (seconds of `heard`, from `after` on).

        Asterisk writes what was heard every two seconds, so this may come as late. Raises TimeoutError.
        """
        wanted = audio.load(prompt)
        best, known = 0.0, -1
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            last = self._whole.exists()
            recording = self._so_far()
            if len(recording) == known and not last:
                await asyncio.sleep(POLL)
                continue
            known = len(recording)
            found = await asyncio.to_thread(audio.find, wanted, recording[int(after * audio.RATE) :])
            best = max(best, found.score)
            if found.score >= score:
                return found.at + after
            if last:
                break
        raise TimeoutError(f"{prompt.stem} was not heard within {within:g} s; the best match was {best:.2f}.")

    def _so_far(self) -> audio.Sound:
        try:
            return audio.load(self.heard)
        except FileNotFoundError:  # not begun, or getting its name just now
            return audio.load_nothing()

    async def finished(self, within: float = 5.0) -> None:
        """Wait until the recording of an ended call is complete on disk."""
        if not self._recorded:
            return
        deadline = time.monotonic() + within
        while not self._whole.exists():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._whole} was not completed within {within:g} s of the call's end.")
            await asyncio.sleep(POLL)

    async def _be_silent(self) -> None:
        with contextlib.suppress(HungUp):
            await self._wire.command('EXEC PlayTones "0/1000"')

    async def _end(self, command: str) -> None:
        with contextlib.suppress(HungUp):
            await self._wire.command(command)
        await self._wire.gone.wait()
