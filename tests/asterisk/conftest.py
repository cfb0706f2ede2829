"""A private PBX and a world around it, started once for all tests that they can share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import pytest_asyncio

from lab.house import ROOT, House, make_prompts
from lab.pbx import Pbx
from lab.redis import Redis
from lab.speech import speak
from lab.world import World

PROMPTS = {
    "welcome": "Welcome to the hotline. Please press one.",
    "technical-problem": "Sorry, there is a problem.",
    "voicemail-greeting": "Please speak after the tone.",
    "message-saved": "Your message is saved.",
    "goodbye": "Goodbye.",
}

EXTENSIONS = """
; 7001 plays a prompt and takes a key, 7002 rings anna, 7003 takes a message, 7004 rings a number of the world
exten => 7001,1,Answer()
 same => n,Read(KEY,${HOTLINE_SOUNDS}/en/welcome,1,,,15)
 same => n,ExecIf($["${KEY}" = "7"]?Playback(${HOTLINE_SOUNDS}/en/goodbye))
 same => n,Hangup()
exten => 7002,1,Answer()
 same => n,Dial(PJSIP/anna,10,m)
 same => n,ExecIf($["${DIALSTATUS}" = "BUSY"]?Playback(${HOTLINE_SOUNDS}/en/goodbye))
 same => n,ExecIf($["${DIALSTATUS}" = "CHANUNAVAIL"]?Playback(${HOTLINE_SOUNDS}/en/technical-problem))
 same => n,Hangup()
exten => 7003,1,Goto(hotline-fallback,1900,1)
exten => 7004,1,Answer()
 same => n,Dial(PJSIP/+84907654321@trunk,10)
 same => n,Hangup()
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One event loop for all of these tests: they share a PBX, whose connections belong to a loop."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Prompts of the lab's own, in English."""
    folder = tmp_path_factory.mktemp("sounds")
    await asyncio.gather(*(speak(text, folder / "en" / f"{name}.wav") for name, text in PROMPTS.items()))
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def words(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something that a caller says."""
    text = "My name is Nam. Please call me back tomorrow."
    return await speak(text, tmp_path_factory.mktemp("words") / "words.wav", voice="en+f3")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def pbx(tmp_path_factory: pytest.TempPathFactory, sounds: Path) -> AsyncIterator[Pbx]:
    """A PBX without a hotline service; `await pbx.set_servers([...])` gives it some."""
    folder = tmp_path_factory.mktemp("pbx")
    async with Pbx(folder, spool=folder / "spool" / "hotline", sounds=sounds, extra=EXTENSIONS) as pbx:
        yield pbx


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def world(tmp_path_factory: pytest.TempPathFactory, pbx: Pbx) -> AsyncIterator[World]:
    """Callers and phones around `pbx`."""
    async with World(tmp_path_factory.mktemp("world"), pbx) as world:
        yield world


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def redis(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Redis]:
    async with Redis(tmp_path_factory.mktemp("redis")) as redis:
        yield redis


CONFIG = Path(__file__).parent / "hotline.yaml"
NOON = datetime(2026, 11, 26, 12, 0, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def prompts() -> Path:
    """The prompts of hotline.yaml, spoken; kept between runs, since only what changed is made anew."""
    folder = ROOT / ".lab" / "test-sounds"
    await make_prompts(CONFIG, folder)
    return folder


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_house(tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[House]:
    async with House(tmp_path_factory.mktemp("house"), CONFIG, prompts) as house:
        yield house


@pytest_asyncio.fixture(loop_scope="session")
async def house(shared_house: House) -> AsyncIterator[House]:
    """A whole hotline at noon of a working day, with nobody logged in; for tests that kill nothing."""
    shared_house.set_clock(NOON)
    yield shared_house
    await shared_house.end_shift("anna", "binh")


@pytest_asyncio.fixture(loop_scope="session")
async def own_house(tmp_path: Path, prompts: Path) -> AsyncIterator[House]:
    """A hotline of this test's own, which may break it."""
    async with House(tmp_path / "house", CONFIG, prompts) as house:
        house.set_clock(NOON)
        yield house
