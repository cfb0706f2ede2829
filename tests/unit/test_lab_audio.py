"""Whether a prompt was heard: what the lab's correlation finds, through all that a busy machine does to sound."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lab import audio
from lab.speech import speak

TEXTS = {
    "welcome": "Welcome to the hotline of the city's power company.",
    "menu": "To report a power cut, press one. For a question about your bill, press two. To repeat, press star.",
    "closed": "Our office is closed now. It opens again tomorrow morning.",
    "greeting": "Please leave your message after the tone.",
    "goodbye": "Goodbye.",
}
SECOND = audio.RATE


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoken")


@pytest.fixture(scope="module")
def spoken(folder: Path) -> Mapping[str, audio.Sound]:
    async def all_of_them() -> None:
        await asyncio.gather(*(speak(text, folder / f"{name}.wav") for name, text in TEXTS.items()))

    asyncio.run(all_of_them())
    return {name: audio.load(folder / f"{name}.wav") for name in TEXTS}


def silence(seconds: float) -> audio.Sound:
    return np.zeros(int(seconds * SECOND))


def on_the_line(sound: audio.Sound) -> audio.Sound:
    """G.711: eight bits, by the logarithm; and half as loud."""
    level = np.sign(sound) * np.log1p(255 * np.abs(sound) / 32768) / np.log(256)
    coarse = np.round(level * 127) / 127
    return np.sign(coarse) * (np.expm1(np.abs(coarse) * np.log(256)) / 255) * 16384


def stretched(sound: audio.Sound, every: float, by: float) -> audio.Sound:
    """With `by` seconds of silence put in (negative: of sound swallowed) after `every` so many seconds."""
    step = int(every * SECOND)
    parts = [sound[start : start + step] for start in range(0, len(sound), step)]
    if by < 0:
        return np.concatenate([part[: len(part) + int(by * SECOND)] for part in parts])
    return np.concatenate([np.concatenate([part, silence(by)]) for part in parts])


@pytest.mark.parametrize("name", TEXTS)
def test_a_prompt_is_found_where_it_was_played(spoken, name):
    recording = np.concatenate([silence(1.5), on_the_line(spoken[name]), silence(2)])
    at, score = audio.find(spoken[name], recording)
    assert at == pytest.approx(1.5, abs=0.01)
    assert score > 0.95


@pytest.mark.parametrize("name", TEXTS)
def test_what_was_never_said_scores_near_nothing(spoken, name):
    others = [np.concatenate([spoken[each], silence(0.4)]) for each in TEXTS if each != name]
    assert audio.find(spoken[name], np.concatenate([silence(1), *others])).score < 0.3


@pytest.mark.parametrize("name", ["welcome", "menu", "closed"])
@pytest.mark.parametrize(("every", "by"), [(1.3, 0.1), (1.5, 0.25), (1.0, 0.02), (1.0, -0.02), (2.0, -0.06)])
def test_a_stumbling_recording_is_recognised_all_the_same(spoken, name, every, by):
    recording = np.concatenate([silence(1), on_the_line(stretched(spoken[name], every, by)), silence(1)])
    at, score = audio.find(spoken[name], recording)
    assert at == pytest.approx(1, abs=0.1)
    assert score > 0.6


def test_half_a_prompt_is_half_heard(spoken):
    menu = spoken["menu"]
    recording = np.concatenate([silence(1), menu[: len(menu) // 2], silence(6)])
    assert 0.3 < audio.find(menu, recording).score < 0.7


def test_words_in_another_order_are_not_the_prompt(spoken):
    first, second = np.array_split(spoken["closed"], 2)
    recording = np.concatenate([silence(1), second, silence(0.5), first, silence(1)])
    assert audio.find(spoken["closed"], recording).score < 0.7


def test_a_recording_is_read_like_a_transcript(spoken, folder):
    said = ["welcome", "menu", "goodbye", "menu", "closed"]
    cut_short = spoken["greeting"][: SECOND // 2]
    recording = np.concatenate(
        [*(np.concatenate([spoken[each], silence(0.3)]) for each in said), cut_short, silence(1)]
    )
    assert audio.transcript(on_the_line(recording), {name: folder / f"{name}.wav" for name in TEXTS}) == said


def test_silence_and_noise_are_no_prompt(spoken):
    noise = np.random.default_rng(7).normal(0, 2000, 10 * SECOND)
    for nothing in (silence(10), noise, audio.load_nothing()):
        assert audio.find(spoken["menu"], nothing).score < 0.05
    assert audio.find(audio.load_nothing(), noise).score == 0


def test_a_message_is_like_itself_and_like_no_other(spoken):
    padded = np.concatenate([silence(0.7), on_the_line(spoken["welcome"]), silence(2)])
    assert audio.similarity(spoken["welcome"], padded) > 0.95
    assert audio.similarity(spoken["welcome"], spoken["greeting"]) < 0.3
