"""The desk: what it tells of the core's changes, what it insists on, and how it keeps time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
from floor import ANNA, BINH, POWER, Floor

from hotline.acd import desk as desk_module
from hotline.acd.core import Core
from hotline.acd.model import AgentState, Change, Left, Missed, Offer
from hotline.events import AgentStateChanged, CallerLeftQueue, ConversationEnded, OfferMissed
from hotline.store import ScriptRefused, StoreDown


async def join(floor: Floor, call: str) -> Change:
    moment = floor.moment
    return await floor.core.join(call, queue=POWER, arrival=moment, now=moment, channel=f"PJSIP/{call}", pbx="pbx1")


async def ring(floor: Floor) -> Offer:
    """anna is rung for a call."""
    await floor.core.login(ANNA, floor.moment)
    [offer] = (await join(floor, "c1")).offers
    return offer


@asynccontextmanager
async def time_passes(floor: Floor) -> AsyncIterator[None]:
    running = asyncio.create_task(floor.desk.run())
    try:
        yield
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def until(what: Callable[[], Any]) -> None:
    async with asyncio.timeout(5):
        while not what():  # noqa: ASYNC110 - the desk's time is its own: it tells of what it does, not of looking
            await asyncio.sleep(0.01)


# --- what is told ---


async def test_an_offer_whose_lease_runs_out_is_told_as_lost_and_not_a_second_time_by_its_session(
    floor: Floor,
) -> None:
    offer = await ring(floor)
    floor.moment += 10
    async with time_passes(floor):
        await until(lambda: floor.all(OfferMissed))
    await floor.desk.missed(offer, Missed.NO_ANSWER, 5.0)
    missed = floor.one(OfferMissed)
    assert (missed.call, missed.queue, missed.agent, missed.outcome) == ("c1", "power", "anna", "lost")


async def test_a_miss_is_told_by_its_session_when_redis_has_lost_everything(floor: Floor, redis: Any) -> None:
    offer = await ring(floor)
    redis("FLUSHALL")
    await floor.desk.missed(offer, Missed.NO_ANSWER, 5.0)
    assert floor.one(OfferMissed).outcome == "ring-no-answer"


async def test_a_caller_who_ends_a_conversation_is_no_cause_to_speak_of_abandoning(floor: Floor) -> None:
    offer = await ring(floor)
    await floor.desk.answered("c1", "anna", offer.token)
    await floor.desk.gone("c1", Left.ABANDONED, "caller")
    assert [(each.state, each.cause) for each in floor.all(AgentStateChanged)] == [
        ("talking", "answered"),
        ("wrap-up", "finished"),
    ]


async def test_an_agent_freed_by_a_caller_who_gives_up_is_so_because_of_that(floor: Floor) -> None:
    await ring(floor)
    await floor.desk.gone("c1", Left.ABANDONED, "caller")
    assert floor.one(AgentStateChanged).cause == "abandoned"


async def test_a_call_given_up_is_told_with_its_conversation(floor: Floor) -> None:
    offer = await ring(floor)
    await floor.desk.answered("c1", "anna", offer.token)
    floor.moment += 100
    floor.desk.carry_out(await floor.core.logout("anna", floor.moment, at_once=True), "logout")
    assert floor.one(ConversationEnded).talked == 100
    assert not floor.all(CallerLeftQueue)


# --- what is insisted on ---


class Refusing(Core):
    """Redis, out of memory as long as `refused` says so."""

    refused = True
    ticks = 0

    async def _send(self, name: str, now: float, *args: str | float, operation: str = "") -> Any:
        self.ticks += name == "tick"
        if self.refused:
            raise ScriptRefused("Redis refused a script: OOM command not allowed")
        return await super()._send(name, now, *args, operation=operation)

    async def check(self) -> None:
        if self.refused:
            raise ScriptRefused("Redis refused a script: OOM command not allowed")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PATIENCE", "RETRY_EVERY", "RETRY_REFUSED_EVERY", "TICK_EVERY"):
        monkeypatch.setattr(desk_module, name, 0.02)


async def test_what_redis_refuses_is_told_once_it_takes_it(floor: Floor, quick: None) -> None:
    await ring(floor)
    floor.desk.core = core = Refusing(floor.core._store)
    await floor.desk.gone("c1", Left.ABANDONED, "caller")
    assert not floor.all(CallerLeftQueue)
    core.refused = False
    await floor.desk.close()
    assert floor.one(CallerLeftQueue).reason == "abandoned"


async def test_a_service_that_ends_waits_only_so_long_for_redis(floor: Floor, quick: None) -> None:
    floor.desk.core = Refusing(floor.core._store)
    for _ in range(3):
        await floor.desk.gone("c1", Left.ABANDONED, "caller")
    async with asyncio.timeout(2):
        await floor.desk.close(0.1)
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("settle")]


# --- time ---


async def test_while_redis_refuses_to_write_the_desk_says_that_time_stands_still(floor: Floor, quick: None) -> None:
    await ring(floor)
    floor.desk.core = core = Refusing(floor.core._store)
    async with time_passes(floor):
        await until(lambda: core.ticks)
        assert "OOM" in floor.desk.trouble
        core.refused = False
        await until(lambda: not floor.desk.trouble)


async def test_after_one_slow_tick_leases_are_kept_and_wrap_ups_end_on_time(floor: Floor, quick: None) -> None:
    class Slow(Core):
        slow = True

        async def tick(self, now: float, mercy: float = 0.0) -> tuple[Change, float | None]:
            if self.slow:
                self.slow = False
                raise StoreDown("Redis gave no answer within 1 s")
            return await super().tick(now, mercy)

    offer = await ring(floor)
    await floor.desk.answered("c1", "anna", offer.token)
    await floor.desk.gone("c1", Left.ABANDONED)  # wraps up for 30 s
    await floor.core.login(BINH, floor.moment)
    assert (await join(floor, "c2")).offers
    floor.desk.core = Slow(floor.core._store)
    floor.moment += 30
    async with time_passes(floor):
        await until(lambda: any(each.cause == "time" for each in floor.all(AgentStateChanged)))
        assert await floor.agent("anna") is AgentState.IDLE
        assert await floor.agent("binh") is AgentState.OFFERED
        assert not floor.all(OfferMissed)
        floor.moment += desk_module.MERCY + 1
        await until(lambda: floor.all(OfferMissed))
    assert floor.one(OfferMissed).agent == "binh"
