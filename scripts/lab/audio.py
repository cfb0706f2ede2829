"""Was it heard? Recordings compared by normalised cross-correlation, which neither loudness nor G.711 disturbs.

Rules of this file:
- All sound is 8 kHz mono, as float arrays; times are seconds.
- A prompt is sought in pieces of about PIECE seconds, each at most SLIP away from where the piece before it says that
  it belongs: a busy machine puts silence into a recording, or swallows some, and correlation as a whole takes that
  for another sound.
- A piece that fits worse than FITS counts for nothing, so that what was never said scores near 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

RATE = 8000
PIECE = 0.7
SLIP = 1.2
FITS = 0.5
Sound = NDArray[np.float64]


class Found(NamedTuple):
    """`at` seconds into the recording the prompt begins; `score` is 1 for the very same sound, near 0 for another."""

    at: float
    score: float


def load(path: Path) -> Sound:
    """The samples of a 16-bit WAV of 8 kHz mono, even of one that is still being written."""
    data = path.read_bytes()
    start = data.find(b"data", 12) + 8
    if start < 8:
        return load_nothing()
    assert data[:4] == b"RIFF" and int.from_bytes(data[24:28], "little") == RATE, f"{path} is no WAV of 8 kHz"
    assert data[22] == 1 and data[34] == 16, f"{path} is not 16-bit mono"
    return np.frombuffer(data[start : start + (len(data) - start) // 2 * 2], dtype="<i2").astype(np.float64)


def load_nothing() -> Sound:
    return np.zeros(0)


def trim(sound: Sound, floor: float = 200.0) -> tuple[Sound, int]:
    """`sound` without the silence around it, and how many samples were cut off in front."""
    loud = np.flatnonzero(np.abs(sound) > floor)
    return (sound[loud[0] : loud[-1] + 1], int(loud[0])) if len(loud) else (sound[:0], 0)


def find(prompt: Sound | Path, recording: Sound | Path) -> Found:
    """Where in the recording the prompt fits best, and how well."""
    wanted, cut = trim(_samples(prompt))
    within = _samples(recording)
    if not len(wanted) or len(within) < len(wanted):
        return Found(0.0, 0.0)
    scores = _votes(wanted, _Correlator(within))
    best = int(np.argmax(scores))
    return Found(max(0.0, (best - cut) / RATE), float(scores[best]))


def transcript(recording: Sound | Path, prompts: Mapping[str, Path], *, score: float = 0.6) -> list[str]:
    """The names of the prompts that were heard, in order; one that was cut short counts when most of it was heard."""
    within = _Correlator(_samples(recording))
    heard = [each for name, path in prompts.items() for each in _everywhere(name, path, within, score)]
    kept: list[_Heard] = []
    for each in sorted(heard, reverse=True):  # where two claim the same moment, the better one is right
        if not any(min(each.end, other.end) - max(each.at, other.at) > 0.3 * each.seconds for other in kept):
            kept.append(each)
    return [each.name for each in sorted(kept, key=lambda each: each.at)]


class _Heard(NamedTuple):
    score: float
    at: float
    seconds: float
    name: str

    @property
    def end(self) -> float:
        return self.at + self.seconds


def _everywhere(name: str, prompt: Path, within: _Correlator, least: float) -> list[_Heard]:
    wanted, _ = trim(load(prompt))
    if not len(wanted) or len(within) < len(wanted):
        return []
    scores, found = _votes(wanted, within), []
    while (best := float(np.max(scores))) >= least:
        at = int(np.argmax(scores))
        found.append(_Heard(best, at / RATE, len(wanted) / RATE, name))
        scores[max(0, at - len(wanted)) : at + len(wanted)] = 0
    return found


def similarity(one: Sound | Path, other: Sound | Path) -> float:
    """How alike two recordings are, silence around them apart; the shorter is sought in the longer."""
    first, second = sorted((trim(_samples(one))[0], trim(_samples(other))[0]), key=len)
    if not len(first) or len(first) < len(second) / 2:
        return 0.0
    padding = np.zeros(len(first) // 2)
    return find(first, np.concatenate([padding, second, padding])).score


def speech_seconds(sound: Sound | Path, floor: float = 300.0) -> float:
    """Seconds of it that are louder than `floor` (RMS of 20 ms pieces)."""
    samples = _samples(sound)
    pieces = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    return float(np.sum(np.sqrt(np.mean(pieces**2, axis=1)) > floor)) * 0.02


def _samples(sound: Sound | Path) -> Sound:
    return load(sound) if isinstance(sound, Path) else sound


def _votes(wanted: Sound, within: _Correlator) -> Sound:
    """How well the pieces of `wanted` agree that it begins at each offset of `within`.

    From the last piece to the first: what a piece and those after it have to say of an offset is the piece's own
    score there, and the best that the others say of any offset within SLIP of it.
    """
    pieces = np.array_split(wanted, max(1, round(len(wanted) / RATE / PIECE)))
    offsets = len(within) - len(wanted) + 1
    votes, position = np.zeros(offsets), len(wanted)
    for piece in reversed(pieces):
        position -= len(piece)
        scores = within.scores(piece)[position : position + offsets]
        votes = _highest(votes, int(SLIP * RATE)) + np.where(scores >= FITS, scores, 0.0) * np.sum(piece**2)
    return votes / float(np.sum(wanted**2))


def _highest(values: Sound, reach: int) -> Sound:
    """At every place the highest value not more than `reach` places away."""
    wide = np.concatenate([np.zeros(reach), values, np.zeros(reach)])
    covered, width = 1, 2 * reach + 1
    while covered < width:
        step = min(covered, width - covered)
        wide = np.maximum(wide[:-step], wide[step:])
        covered += step
    return wide


class _Correlator:
    """One recording, ready to be correlated with many pieces (none is longer than two PIECEs)."""

    def __init__(self, within: Sound) -> None:
        blocks = -(-(len(within) + int(2 * PIECE * RATE)) // 4096)
        self._length, self._size = len(within), blocks * 4096
        self._spectrum = np.fft.rfft(within, self._size)
        self._sums = np.concatenate([[0.0], np.cumsum(within**2)])

    def __len__(self) -> int:
        return self._length

    def scores(self, piece: Sound) -> Sound:
        """The normalised cross-correlation with `piece` at every offset."""
        spectrum = self._spectrum * np.conj(np.fft.rfft(piece, self._size))
        products = np.fft.irfft(spectrum, self._size)[: self._length - len(piece) + 1]
        wanted = float(np.sum(piece**2))
        energy = self._sums[len(piece) :] - self._sums[: -len(piece)]
        # a quiet stretch fits anything: it counts as if there were a little noise
        least = 1e-4 * wanted + 1.0
        return products / np.sqrt(np.maximum(energy, least) * max(wanted, 1.0))
