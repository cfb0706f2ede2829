"""A private PBX and a world around it, started once for all tests that they can share."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import crowd
import pytest
import pytest_asyncio
from dialogue import CALLERS
from stranger import STRANGER

from hotline.acd.core import Core
from hotline.logs import MASK
from hotline.store import Store
from lab.house import House, make_prompts
from lab.pbx import AGENTS, Pbx
from lab.redis import Redis
from lab.speech import speak
from lab.world import World

PROMPTS = {
    "welcome": "Welcome to the hotline. Please press one.",
    "technical-problem": "Sorry, there is a problem.",
    "voicemail-greeting": "Please speak after the tone.",
    "message-saved": "Your message is saved.",
    "message-too-short": "We heard nothing of you.",
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
    (folder / "spool" / "hotline" / "fallback").mkdir(parents=True)  # as a service once made it
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
    return await make_prompts(CONFIG)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def reply(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Something that an agent says."""
    text = "Good morning. A crew is on its way to you."
    return await speak(text, tmp_path_factory.mktemp("reply") / "reply.wav", voice="en+m4")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def stories(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Some ten seconds of talk by a caller, and by an agent."""
    folder = tmp_path_factory.mktemp("stories")
    text = " ".join(f"In the {each} house of our street the light went out." for each in ("first", "second", "third"))
    return (
        await speak(text, folder / "caller.wav", voice="en+f3"),
        await speak(text.replace("light", "power"), folder / "agent.wav", voice="en+m4"),
    )


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared_house(tmp_path_factory: pytest.TempPathFactory, prompts: Path) -> AsyncIterator[House]:
    phones = (*AGENTS, "dung")  # whom the configuration does not know
    async with House(tmp_path_factory.mktemp("house"), CONFIG, prompts, phones=phones) as house:
        yield house


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def core(shared_house: House) -> AsyncIterator[Core]:
    """The queue core of `house`, for looking at what is in Redis."""
    store = Store("127.0.0.1", shared_house.redis.port)
    running = asyncio.create_task(store.run())
    assert await store.wait_up(5)
    yield Core(store)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


@pytest_asyncio.fixture(loop_scope="session")
async def house(shared_house: House, core: Core) -> AsyncIterator[House]:
    """A whole hotline at noon of a working day, with nobody logged in; for tests that kill nothing."""
    shared_house.set_clock(NOON)
    yield shared_house
    for name in (await core.snapshot()).agents:
        await core.logout(name, NOON.timestamp())
    no_number_in_the_log(shared_house.folder)


@pytest_asyncio.fixture(loop_scope="session")
async def build_house(tmp_path: Path, prompts: Path) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """`await build_house(services=2, max_calls=1, …)`: a hotline of this test's own, at noon. Options as of House."""
    async with AsyncExitStack() as houses:

        async def build(**options: Any) -> House:
            house = House(tmp_path / "house", CONFIG, prompts, **options)
            await houses.enter_async_context(house)
            house.set_clock(NOON)
            return house

        yield build
    no_number_in_the_log(tmp_path / "house")


@pytest_asyncio.fixture(loop_scope="session")
async def own_house(build_house: Callable[..., Awaitable[House]]) -> House:
    """A hotline of this test's own, which may break it."""
    return await build_house()


@pytest_asyncio.fixture(loop_scope="session")
async def build_answering(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """`await build_answering(services=2, …)`: a hotline of this test's own, at noon, that takes messages and does
    nothing else (answering.yaml). Options as of House."""
    config = CONFIG.with_name("answering.yaml")
    sounds = await make_prompts(config)
    async with AsyncExitStack() as houses:

        async def build(**options: Any) -> House:
            house = House(tmp_path / "house", config, sounds, **options)
            await houses.enter_async_context(house)
            house.set_clock(NOON)
            return house

        yield build
    no_number_in_the_log(tmp_path / "house")


@pytest_asyncio.fixture(loop_scope="session")
async def build_callbacks(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[House]]]:
    """`await build_callbacks(services=3, …)`: a hotline of this test's own, at noon, that does nothing but call back
    (callbacks-storm.yaml). Options as of House; `before` is given the house before it starts."""
    config = CONFIG.with_name("callbacks-storm.yaml")
    sounds = await make_prompts(config)
    async with AsyncExitStack() as houses:

        async def build(before: Callable[[House], None] = lambda _: None, **options: Any) -> House:
            house = House(tmp_path / "house", config, sounds, phones=crowd.AGENTS, **options)
            house.folder.mkdir()
            house.set_clock(NOON)
            before(house)
            return await houses.enter_async_context(house)

        yield build
    no_number_in_the_log(tmp_path / "house")


def no_number_in_the_log(folder: Path) -> None:
    """Whoever called, their number is in no line that a service has written, not even masked."""
    for log in folder.glob("hotline-*.log"):
        numbers = [number.lstrip("+") for number in (*CALLERS, STRANGER, MASK)]
        found = [line for line in log.read_text().splitlines() if any(number in line for number in numbers)]
        assert not found, f"{log} has phone numbers in it: {found}"


@pytest_asyncio.fixture(loop_scope="session")
async def callhouse(tmp_path: Path) -> AsyncIterator[House]:
    """A hotline that calls back."""
    config = CONFIG.with_name("callbacks.yaml")
    sounds = await make_prompts(config)
    async with House(tmp_path / "house", config, sounds) as house:
        yield house
