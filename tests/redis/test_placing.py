"""Errands against a real ledger and a real core: promises that are taken in hand, offered, and put back."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from floor import ANNA, BINH, Floor
from outbound import ALWAYS, LAN, NAM, UTC, Outbound

from hotline.acd.model import CALLBACK, AgentState, CallState, Missed
from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.hours import PREFERENCE_DAYS
from hotline.callbacks.lines import Move
from hotline.callbacks.promise import Promises
from hotline.callbacks.settings import CallbackSettings, VoicemailSettings
from hotline.callbacks.states import State
from hotline.placing import errand
from hotline.store import Store, StoreDown


@pytest.fixture
async def outbound(
    floor: Floor, tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Outbound]:
    monkeypatch.setattr(errand, "GRACE", 0.01)
    monkeypatch.setattr(errand, "LOOK_EVERY", 0.05)
    await floor.core.login(ANNA, floor.moment)
    outbound = Outbound(floor, tmp_path / "spool", store)
    yield outbound
    for task in outbound.placing._running:
        task.cancel()
    await asyncio.gather(*outbound.placing._running, return_exceptions=True)


async def over(outbound: Outbound) -> None:
    """Until all errands are."""
    async with asyncio.timeout(5):
        await asyncio.gather(*outbound.placing._running)


async def rings(outbound: Outbound) -> None:
    async with asyncio.timeout(5):
        await outbound.switches.rung.wait()
    outbound.switches.rung.clear()


async def left(outbound: Outbound, id: str) -> bool:
    """Whether the promise is nowhere in the core."""
    state = (await outbound.floor.core.look(CALLBACK + id)).state
    return state in (CallState.ENDED, CallState.UNKNOWN)


async def test_a_ring_that_nobody_knows_the_end_of_is_not_tried_again_at_once(outbound: Outbound):
    async def lost() -> Missed:
        return Missed.LOST

    id, outbound.switches.answer = await outbound.promise(), lost
    await outbound.placing.round()
    await rings(outbound)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(outbound.switches.rung.wait(), 0.5)
    assert await outbound.floor.agent("anna") is AgentState.IDLE
    assert (await outbound.found(id)).state is State.OFFERED
    outbound.floor.moment += errand.REST
    await rings(outbound)


async def test_without_a_pbx_that_could_ring_promises_go_back_to_their_place(outbound: Outbound):
    await outbound.floor.core.pause("anna", "lunch", outbound.now())
    id = await outbound.promise()
    await outbound.placing._begin("power", cap=5, place=False, opened=0.0)
    outbound.switches.any_up = False
    await over(outbound)
    assert (await outbound.found(id)).state is State.DUE
    assert await left(outbound, id)
    assert outbound.switches.rings == []


async def test_an_agent_who_answered_when_they_were_given_up_has_the_promise_though_the_link_is_down(
    outbound: Outbound,
):
    async def answers_in_the_last_moment() -> Missed:
        agent, _, token = outbound.switches.rings[-1]["HOTLINE_OFFER"].partition(":")
        await outbound.floor.desk.answered(CALLBACK + id, agent, int(token))
        outbound.switches.any_up = False
        return Missed.LOST

    id, outbound.switches.answer = await outbound.promise(), answers_in_the_last_moment
    await outbound.placing.round()
    await over(outbound)
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    assert (await outbound.found(id)).state is State.OFFERED


async def test_nothing_is_taken_in_hand_after_a_pbx_refused_to_ring_customers(outbound: Outbound):
    await outbound.promise()
    outbound.brake.refused("pbx1")
    placing = asyncio.create_task(outbound.placing.run())
    await asyncio.sleep(0.2)
    assert outbound.switches.rings == []
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)


async def test_a_service_drains_also_while_redis_is_away(outbound: Outbound, monkeypatch: pytest.MonkeyPatch):
    await outbound.floor.core.pause("anna", "lunch", outbound.now())
    await outbound.promise()
    await outbound.placing._begin("power", cap=5, place=False, opened=0.0)

    async def away(*_: object) -> None:
        raise StoreDown("Redis does not answer.")

    monkeypatch.setattr(outbound.ledger, "hold", away)
    async with asyncio.timeout(3):
        await outbound.placing.drain()


async def test_nothing_is_taken_in_hand_once_a_service_drains(outbound: Outbound, monkeypatch: pytest.MonkeyPatch):
    id, claim = await outbound.promise(), outbound.ledger.claim

    async def slowly(*args: object, **about: object) -> object:
        await outbound.placing.drain()  # which begins while Redis is asked
        return await claim(*args, **about)

    monkeypatch.setattr(outbound.ledger, "claim", slowly)
    await outbound.placing.round()
    assert not outbound.placing._running
    assert (await outbound.found(id)).state is State.DUE


async def test_errands_end_with_the_service(outbound: Outbound):
    never = asyncio.Event()

    async def rings_on() -> None:
        await never.wait()

    outbound.switches.answer = rings_on
    await outbound.promise()
    placing = asyncio.create_task(outbound.placing.run())
    await rings(outbound)
    placing.cancel()
    await asyncio.gather(placing, return_exceptions=True)
    assert not [task for task in outbound.placing._running if not task.done()]


async def test_an_errand_that_fails_is_told_and_leaves_nobody_held(outbound: Outbound):
    async def fault() -> None:
        raise ValueError("a fault of ours")

    id, outbound.switches.answer = await outbound.promise(), fault
    await outbound.placing.round()
    await rings(outbound)
    await over(outbound)
    assert await left(outbound, id)
    assert await outbound.floor.agent("anna") is AgentState.IDLE
    (told,) = outbound.log.calls
    assert (told.method_name, told.kwargs["call"]) == ("error", CALLBACK + id)
    assert (await outbound.found(id)).state is State.OFFERED
    outbound.floor.moment += 31
    await outbound.ledger.catch_up()
    assert (await outbound.found(id)).state is State.DUE


async def test_an_offer_that_redis_could_not_be_told_of_is_rung_all_the_same(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
):
    take, failed = outbound.floor.core.take, asyncio.Event()

    async def fails_once(*args: object) -> object:
        if failed.is_set():
            return await take(*args)
        failed.set()
        raise StoreDown("Redis does not answer.")

    monkeypatch.setattr(outbound.floor.core, "take", fails_once)
    await outbound.promise()
    await outbound.placing.round()
    await rings(outbound)
    assert failed.is_set()


async def test_a_place_that_is_given_up_is_not_counted_as_a_caller_who_left(outbound: Outbound):
    await outbound.floor.core.pause("anna", "lunch", outbound.now())
    id = await outbound.promise(LAN, source="queue")
    await outbound.placing.round()
    await outbound.placing_waits(id)
    outbound.switches.any_up = False
    await over(outbound)
    assert await outbound.floor.core.ended(CALLBACK + id) == "callback"


OFFICE = Calendar("always", UTC, dict.fromkeys(range(7), (Span.parse("08:00-12:00"), Span.parse("13:00-17:00"))))


@pytest.mark.parametrize(("calendar", "rung"), [(OFFICE, 1), (ALWAYS, 3)])
async def test_places_that_are_left_over_at_closing_do_not_flood_the_next_opening(
    outbound: Outbound, calendar: Calendar, rung: int
):
    outbound.placing._promises = Promises({"power": VoicemailSettings("power", "always")}, {"always": calendar})
    outbound.placing._settings = {"power": CallbackSettings("power", reserve=0)}  # a share of 0.2
    await outbound.floor.core.login(BINH, outbound.now())
    opening = 12 * 86400.0 + 8 * 3600
    for number, outbound.floor.moment in enumerate((opening - 15 * 3600, opening - 15 * 3600 + 1, opening - 10)):
        await outbound.promise(f"+8490000000{number}", source="queue", arrival=outbound.now())
    outbound.floor.moment = opening + 60
    await outbound.placing.round()
    assert len(outbound.placing._running) == rung
    place = await outbound.promise(LAN, source="queue", arrival=opening - 60)  # who waited from before the opening on
    await outbound.placing.round()
    assert len(outbound.placing._running) == rung + 1
    assert (await outbound.found(place)).keeps_place


async def test_numbers_that_had_their_calls_for_today_are_put_off_and_keep_nobody_waiting(
    outbound: Outbound, redis: Any
):
    now = outbound.now()
    day = outbound.ledger._day(now)
    full = []
    for source in ("web", "queue") * 30:  # more than are looked at to pass some over
        number = f"+8490123{len(full):04}"
        full.append(await outbound.promise(number, source=source, arrival=now - 9))
        redis("HSET", f"hotline:dials:{day}", hashlib.sha1(f"{day} {number}".encode()).hexdigest(), "5")
    other = await outbound.promise(LAN)
    for _ in range(3):
        await outbound.placing.round()
    await rings(outbound)
    assert [each["HOTLINE_CALLBACK"] for each in outbound.switches.rings] == [other]
    put_off = {(each.state, each.due, each.attempts, each.outcome) for each in await outbound.ledger.find_all(full)}
    assert put_off == {(State.RETRY, now + 86400, 0, "number-full")}
    assert await outbound.ledger.in_hand("power") == 1


async def given(outbound: Outbound, id: str, agent: str) -> None:
    """As staff give it."""
    promise = await outbound.found(id)
    await outbound.ledger.move(promise, State.CAPTURED, outcome="assigned", by="staff", agent=agent)


@pytest.mark.parametrize("source", ["web", "queue"])
async def test_the_agent_to_whom_staff_gave_a_promise_is_asked_first_and_after_a_miss_all_are(
    outbound: Outbound, source: str
):
    await outbound.floor.core.login(BINH, outbound.now() + 60)  # anna is idle for longer
    id = await outbound.promise(source=source)
    await given(outbound, id, "binh")
    await outbound.placing.round()
    while len(outbound.switches.rings) < 2:
        await rings(outbound)
    assert [each["HOTLINE_OFFER"].split(":")[0] for each in outbound.switches.rings[:2]] == ["binh", "anna"]


async def test_a_promise_that_waits_in_the_queue_can_be_given_to_an_agent(outbound: Outbound):
    core, now = outbound.floor.core, outbound.now()
    await core.login(BINH, now)
    await core.device("binh", True, now)
    await core.pause("anna", "lunch", now)
    id = await outbound.promise(source="queue")
    await outbound.placing.round()
    await outbound.placing_waits(id)
    await given(outbound, id, "binh")
    await outbound.placing.round()  # before the first errand has seen that the promise is not its own any more
    async with asyncio.timeout(5):
        while (await core.look(CALLBACK + id)).queue != "power:callback" or len(outbound.placing._running) > 1:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await core.ready("anna", now)
    assert (await core.look(CALLBACK + id)).state is CallState.WAITING
    outbound.floor.desk.carry_out(await core.device("binh", False, now), "phone")
    await rings(outbound)
    assert outbound.switches.rings[-1]["HOTLINE_OFFER"].startswith("binh:")


async def test_one_that_waits_for_a_busy_agent_keeps_no_other_from_being_called(outbound: Outbound):
    core, now = outbound.floor.core, outbound.now()
    await core.device("anna", True, now)  # in a call of her own
    for number in (NAM, "+84901111111"):
        id = await outbound.promise(number, arrival=now - 60)
        await given(outbound, id, "anna")
    other = await outbound.promise(LAN)
    await core.login(BINH, now)
    await outbound.placing.round()
    await rings(outbound)
    assert [each["HOTLINE_CALLBACK"] for each in outbound.switches.rings] == [other]
    assert await outbound.ledger.in_hand("power") == 1
    assert len(outbound.placing._running) == 2


# -- the part of the day that a customer chose ----------------------------------------------------------------------

DAY = 86400.0
TODAY = 11 * DAY
MORNING, NOON, AFTERNOON = TODAY + 8 * 3600, TODAY + 12 * 3600, TODAY + 13 * 3600


async def morning(outbound: Outbound, number: str = NAM, **about: Any) -> str:
    """A promise for this morning."""
    return await outbound.promise(number, **{"due": MORNING, "part": "morning", **about})


async def is_rung_now(outbound: Outbound, id: str) -> None:
    """It is not put off, and an agent's phone rings for it."""
    await outbound.ledger.catch_up()
    await outbound.parts.look()
    await outbound.placing.round()
    await rings(outbound)
    assert (await outbound.found(id)).state is State.OFFERED


async def test_a_morning_promise_that_nobody_had_time_for_is_put_off_to_the_next_morning(outbound: Outbound):
    outbound.floor.moment = NOON - 1
    id = await morning(outbound)
    await outbound.parts.look()
    assert (await outbound.found(id)).state is State.DUE
    outbound.floor.moment = NOON
    await outbound.parts.look()
    found = await outbound.found(id)
    assert (found.state, found.due, found.attempts) == (State.RETRY, MORNING + DAY, 0)
    assert (found.outcome, outbound.moves()) == ("part-over", [("retry", "part-over")])
    assert [move.outcome for move in outbound.outbox.lines_of([id]) if isinstance(move, Move)] == ["part-over"]


async def test_a_morning_promise_is_not_rung_in_the_afternoon_and_who_is_behind_it_is(outbound: Outbound):
    outbound.floor.moment = NOON
    first, second = await morning(outbound), await morning(outbound, LAN)
    outbound.floor.moment = NOON + 1
    anybody = await outbound.promise("+84901111111")
    await outbound.placing._begin("power", cap=5, place=False, opened=0.0)
    assert {(await outbound.found(id)).due for id in (first, second)} == {MORNING + DAY}
    await outbound.placing.round()
    await rings(outbound)
    assert [each["HOTLINE_CALLBACK"] for each in outbound.switches.rings] == [anybody]


async def test_a_morning_promise_that_is_in_line_at_noon_goes_back_without_a_try(outbound: Outbound):
    outbound.floor.moment = NOON - 20
    await outbound.floor.core.pause("anna", "lunch", outbound.now())
    id = await morning(outbound)
    await outbound.placing._begin("power", cap=5, place=False, opened=0.0)
    await outbound.placing_waits(id)
    outbound.floor.moment = NOON
    await over(outbound)
    assert await left(outbound, id)
    await outbound.parts.look()
    found = await outbound.found(id)
    assert (found.state, found.due, found.attempts) == (State.RETRY, MORNING + DAY, 0)
    assert outbound.switches.rings == []


async def test_of_two_services_one_puts_a_promise_off(outbound: Outbound, store: Store):
    outbound.floor.moment = NOON
    id, other = await morning(outbound), Outbound(outbound.floor, outbound.outbox.spool, store)
    await asyncio.gather(outbound.parts.look(), other.parts.look())
    assert outbound.moves() == [("retry", "part-over")]
    assert (await outbound.found(id)).due == MORNING + DAY


async def test_where_agents_are_always_busy_in_a_part_of_the_day_it_gives_way_in_the_end(outbound: Outbound):
    outbound.floor.moment = MORNING
    id = await morning(outbound)
    for day in range(PREFERENCE_DAYS):
        outbound.floor.moment = NOON + day * DAY
        await outbound.ledger.catch_up()
        await outbound.parts.look()
        assert (await outbound.found(id)).due == MORNING + (day + 1) * DAY
    outbound.floor.moment = AFTERNOON + PREFERENCE_DAYS * DAY
    await is_rung_now(outbound, id)


async def test_whom_staff_put_to_another_part_of_the_day_is_rung_in_that(outbound: Outbound):
    outbound.floor.moment = NOON - 60
    id = await morning(outbound)
    await outbound.ledger.move(
        await outbound.found(id), State.CAPTURED, due=AFTERNOON, outcome="postponed", by="staff"
    )
    outbound.floor.moment = AFTERNOON + 60
    await is_rung_now(outbound, id)


async def test_who_keeps_a_place_in_the_queue_is_rung_in_turn_whatever_they_chose_before(outbound: Outbound):
    outbound.floor.moment = NOON + 1
    before = await morning(outbound, due=MORNING + DAY)
    id = await outbound.promise(source="queue")
    await outbound.parts.look()
    await outbound.placing.round()
    await rings(outbound)
    assert [each["HOTLINE_CALLBACK"] for each in outbound.switches.rings] == [id]
    assert (await outbound.found(before)).state is State.MERGED


async def test_a_promise_whose_number_was_rung_often_enough_is_put_off_too(outbound: Outbound, redis: Any):
    outbound.floor.moment = NOON
    id = await morning(outbound)
    day = outbound.ledger._day(NOON)
    redis("HSET", f"hotline:dials:{day}", "all", "1000000")
    assert await outbound.ledger.claim("power", token="claima", cap=9) is None
    await outbound.parts.look()
    assert (await outbound.found(id)).due == MORNING + DAY
