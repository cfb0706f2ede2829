"""Which prompts there are, without a look at the disk while somebody is on the line."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.phones import sounds as module
from hotline.phones.sounds import Prompt, Sounds


@pytest.fixture
def told() -> list[Prompt]:
    return []


@pytest.fixture
def sounds(tmp_path: Path, told: list[Prompt]) -> Sounds:
    for language, prompt in (("en", "welcome"), ("en", "menu"), ("vi", "welcome")):
        record(tmp_path, language, prompt)
    return Sounds(tmp_path, tell=told.append)


def record(folder: Path, language: str, prompt: str) -> None:
    (folder / language).mkdir(exist_ok=True)
    (folder / language / f"{prompt}.wav").touch()


async def test_what_was_recorded_is_found_in_its_language_and_nothing_else(sounds: Sounds, tmp_path: Path) -> None:
    await sounds.look()
    assert sounds.find("welcome", "vi") == f"{tmp_path}/vi/welcome"
    assert sounds.find("menu", "vi") is None
    for prompt in ("", "../en/menu", "menu.wav", "a" * 99):
        assert sounds.find(prompt, "en") is None
    assert sounds.find("menu", "../en") is None


async def test_a_missing_prompt_is_told_once_until_it_was_there(
    sounds: Sounds, tmp_path: Path, told: list[Prompt]
) -> None:
    await sounds.look()
    for _ in range(3):
        sounds.find("menu", "vi")
    assert told == [("vi", "menu")]
    record(tmp_path, "vi", "menu")
    await sounds.look()
    assert sounds.find("menu", "vi") == f"{tmp_path}/vi/menu"
    (tmp_path / "vi" / "menu.wav").unlink()
    await sounds.look()
    sounds.find("menu", "vi")
    assert told == [("vi", "menu")] * 2


async def test_what_is_missing_of_a_configuration_can_be_counted(sounds: Sounds) -> None:
    prompts = {"welcome": {"en": "", "vi": ""}, "menu": {"en": "", "vi": ""}, "new": {"en": ""}}
    assert sounds.missing(prompts) == [], "nobody has looked yet"
    await sounds.look()
    assert sounds.missing(prompts) == [("vi", "menu"), ("en", "new")]


async def test_no_folder_is_an_empty_one(tmp_path: Path) -> None:
    sounds = Sounds(tmp_path / "nowhere")
    await sounds.look()
    assert sounds.find("welcome", "en") is None


async def test_a_call_never_waits_for_the_disk(
    sounds: Sounds, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError("Stale file handle")

    assert sounds.find("welcome", "en") == f"{tmp_path}/en/welcome", "before the first picture, Asterisk knows better"
    await sounds.look()
    monkeypatch.setattr(module, "_listed", broken)
    monkeypatch.setattr(Path, "is_file", broken)
    monkeypatch.setattr(Path, "stat", broken)
    await sounds.look()
    assert sounds.find("welcome", "en") == f"{tmp_path}/en/welcome"
