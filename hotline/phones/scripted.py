"""A phone for tests: the keys a caller will press are given beforehand, what they heard is kept.

A script is a row of moves, taken one by one whenever the engine listens: a key ("1") or keys, "" for silence,
"hangup" or "lost". When the script runs out, the caller hangs up. `heard` is the transcript.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path, PurePath

from hotline.flow.phone import CallInfo, Dialed, DialOutcome, HungUp, LineLost, Recorded

INFO = CallInfo(call="pbx1-1.1", channel="PJSIP/trunk-00000001", pbx="pbx1", dialed="1900", caller="+84901234567")


class ScriptedPhone:
    """Plays a caller. `dials` are the outcomes of dials in order; `recording` is what a record will leave."""

    def __init__(
        self,
        moves: Iterable[str] = (),
        *,
        info: CallInfo = INFO,
        language: str = "en",
        dials: Iterable[Dialed] = (),
        recording: tuple[Recorded, bytes] | None = None,
        before_move: Callable[[str], None] | None = None,
    ) -> None:
        self.info, self.language = info, language
        self.heard: list[str] = []
        self.notes: dict[str, str] = {}
        self.done = False
        self._moves = iter(moves)
        self._dials = iter(dials)
        self._recording = recording
        self._before_move = before_move

    def _move(self) -> str:
        move = next(self._moves, "hangup")
        if self._before_move:
            self._before_move(move)
        if move == "hangup":
            self.heard.append("<< hangs up")
            raise HungUp
        if move == "lost":
            self.heard.append("<< line lost")
            raise LineLost
        self.heard.append(f"<< {move or 'silence'}")
        return move

    async def answer(self) -> None:
        self.heard.append(">> answer")

    async def say(self, prompts: Sequence[str], *, stop_keys: str = "") -> str:
        self.heard.append(f">> say {' '.join(prompts)}")
        return self._move() if stop_keys else ""

    async def ask(self, prompts: Sequence[str], *, seconds: float) -> str:
        self.heard.append(f">> ask {' '.join(prompts)}")
        return self._move()

    async def digits(self, prompts: Sequence[str], *, most: int, seconds: float) -> str:
        self.heard.append(f">> digits {' '.join(prompts)}")
        return self._move().partition("#")[0][:most]

    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        self.heard.append(">> play")
        return self._move() if stop_keys else ""

    async def hold(self, seconds: float, *, music: str) -> str:
        self.heard.append(f">> hold {music}")
        return self._move()

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        self.heard.append(">> record")
        if self._recording is None:
            raise HungUp
        recorded, content = self._recording
        if content:
            target = Path(path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)  # noqa: ASYNC240
        return recorded

    async def dial(self, target: str, *, seconds: float) -> Dialed:
        self.heard.append(f">> dial {target}")
        return next(self._dials, Dialed(DialOutcome.NO_ANSWER))

    async def set_language(self, language: str) -> None:
        self.heard.append(f">> language {language}")
        self.language = language

    async def note(self, name: str, value: str) -> None:
        self.notes[name] = value

    async def noted(self, name: str) -> str:
        return self.notes.get(name, "")

    async def hang_up(self) -> None:
        self.heard.append(">> hang up")
        self.done = True
