"""What the queue core writes down of a call, and in which words it is told."""

from __future__ import annotations

import dataclasses
from zoneinfo import ZoneInfo

import pytest
from talks import SALES, T, agent, join, talk

from hotline.acd.core import Core
from hotline.acd.model import (
    Choice,
    Left,
    Missed,
    QueueSettings,
    Widening,
)
from hotline.acd.story import tell


@pytest.fixture
def core(store):
    return Core(store, hold=10.0)


async def test_the_story_of_a_call_tells_why_it_was_not_sooner(core):
    queue = QueueSettings(
        "sales", {"sales": 2, "german": 1}, sticky=20.0, own_site=30.0, choice=Choice.BEST_SKILLED,
        widen=(Widening(60.0, {"sales": 1}), Widening(90.0, {})),
    )  # fmt: skip
    for name, skills in (
        ("anna", {"sales": 3, "german": 2}),
        ("ben", {"sales": 1}),
        ("carl", {"sales": 2, "german": 1}),
    ):
        await core.login(agent(name, skills=skills), T)
    await join(core, "c1", queue, at=T, caller="key")
    await talk(core, "c1", 30, at=T)
    await join(core, "c2", queue, at=T + 40)
    await core.answered("c2", "anna", 2, T + 41)
    await join(core, "c3", queue, at=T + 50, caller="key", site="vinh")
    change, _ = await core.tick(T + 70)
    [token] = [offer.token for offer in change.offers if offer.call == "c3"]
    await core.missed("c3", "carl", token, Missed.NO_ANSWER, T + 75)
    await core.pause("carl", "lunch", T + 76)
    await core.tick(T + 110)
    await core.leave("c3", Left.ABANDONED, T + 114)
    assert tell(await core.story("c3"), ZoneInfo("Asia/Ho_Chi_Minh")) == [
        "2025-10-09 15:54:10 Joined queue sales in need of german 1 and sales 2, at best of an agent in vinh; "
        "nobody else waited there.",
        "15:54:10 Nobody at work in the caller's own place could serve it: from now on agents everywhere may.",
        "15:54:10 Waits up to 20 s for anna alone, with whom the caller spoke last.",
        "15:54:30 Waits for anna no longer, but for anybody who can serve it.",
        "15:54:30 Offered to carl, the only one idle who could serve it.",
        "15:54:35 carl did not answer; it is back in its place.",
        "15:54:35 Waits, as number 1 of the queue: 2 agents at work could serve it, and none is idle.",
        "15:55:10 It has waited long enough: from now on it needs sales 1.",
        "15:55:10 Offered to ben, the only one idle who could serve it.",
        "15:55:14 The caller hung up.",
    ]
    assert await core.story("nobody") == ()


async def test_the_middle_of_a_very_long_story_is_left_out(core, redis):
    eager = dataclasses.replace(SALES, miss_pause=dict.fromkeys(Missed, 0.0))
    await core.login(agent("anna"), T)
    await join(core, "c1", eager)
    for n in range(100):
        offer = (await core.look("c1")).offer
        assert offer
        await core.missed("c1", "anna", offer.token, Missed.REJECTED, T + n)
    await core.leave("c1", Left.ABANDONED, T + 100)
    told = tell(await core.story("c1"))
    assert len(told) <= 62
    assert "Joined" in told[0]
    assert any("too much to keep" in line for line in told)
    assert told[-1].endswith("The caller hung up.")
    assert 0 < redis("TTL", "hotline:story:c1") <= 86400


async def test_without_stories_none_is_written(store, redis):
    core = Core(store, story=False)
    await join(core, "c1")
    assert not redis("EXISTS", "hotline:story:c1")
