"""Redis gone for ten seconds: stopped, frozen, or killed and come back empty. Nobody is dropped, all are served."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from aftermath import all_is_well
from dialogue import HOA, NAM, Dialogue, agent, dial
from scenes import MESSAGE, STRAIGHT, kept_messages, leave_message, serve, talk, waiting

from lab import audio
from lab.house import House
from lab.redis import Redis

OUTAGE = 10.0
Fault = Callable[[Redis], contextlib.AbstractAsyncContextManager[None]]


@contextlib.asynccontextmanager
async def stopped(redis: Redis) -> AsyncIterator[None]:
    await redis.stop()
    yield
    await redis.start()


@contextlib.asynccontextmanager
async def frozen(redis: Redis) -> AsyncIterator[None]:
    redis.pause()
    yield
    redis.resume()


@contextlib.asynccontextmanager
async def wiped(redis: Redis) -> AsyncIterator[None]:
    await redis.kill()
    yield
    shutil.rmtree(redis.folder / "appendonlydir")
    await redis.start()


@pytest.mark.parametrize("fault", [stopped, frozen, wiped])
async def test_redis_is_gone_for_ten_seconds(own_house: House, words: Path, fault: Fault):
    house, service = own_house, own_house.service
    async with (
        contextlib.AsyncExitStack() as newcomers,
        talk(house) as (talker, anna),
        waiting(house) as (first, second),
    ):
        began = first.party.since_start()
        async with fault(house.redis):
            over = asyncio.create_task(asyncio.sleep(OUTAGE))
            await service.event("LinkChanged", link="redis", up=False)
            late = await newcomers.enter_async_context(dial(house, STRAIGHT, NAM))
            await anna.hang_up()
            await talker.party.hung_up()
            async with dial(house, MESSAGE, HOA) as absent:  # who is served supersedes their own promise
                await leave_message(absent.party, house.sounds / "en" / "voicemail-greeting.wav", words)
                await absent.event("VoicemailSaved")
            await over
            assert not any(each.party.over for each in (first, second, late))
            ended, mark = first.party.since_start(), service.mark()
        back = await service.event("LinkChanged", after=mark, link="redis", up=True)
        if fault is wiped:
            for each in (first, second, late):
                await service.event("CallerQueued", after=mark, call=each.id, rejoined=True)
            await agent(house, "anna")  # a Redis without data knows of nobody's shift
        answers = await serve(await house.world.phone("anna"), first, second, late)
        print(
            f"{fault.__name__}: the first is answered {answers[0]['seen'] - back['seen']:.2f} s after Redis is back"
        )
    await service.event("ConversationEnded", call=talker.id, agent="anna", ended_by="agent")
    music = audio.load(first.party.heard)[int(began * audio.RATE) : int(ended * audio.RATE)]
    assert audio.speech_seconds(music) > OUTAGE / 2, "the music must play on"
    await promise_is_known(house, absent)
    await all_is_well(house, anna="idle")


async def promise_is_known(house: House, absent: Dialogue) -> None:
    """The message is in the outbox, and soon in Redis."""
    assert [line["call"] for line in await kept_messages(house, 1)] == [absent.id]
    async with asyncio.timeout(10):
        while (await house.service.metrics())['hotline_promises{state="captured"}'] != 1:  # noqa: ASYNC110
            await asyncio.sleep(0.1)  # no event tells of the indexer's work
