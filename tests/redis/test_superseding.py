"""Who phones again and is served is not called back any more: real calls of the queue core, a real Redis."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from bureau import TUESDAY, Bureau
from floor import ANNA, POWER, Floor

from hotline.acd.core import Core
from hotline.acd.model import Left
from hotline.callbacks import superseding
from hotline.callbacks.indexer import STRANGERS
from hotline.callbacks.ledger import Begun
from hotline.callbacks.states import State
from hotline.events import AgentAnswered, PromiseMoved
from hotline.phones.scripted import INFO
from hotline.store import Store

CALL, NAM = INFO.call, INFO.caller


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(superseding, "RETRY_EVERY", 0.02)
    monkeypatch.setattr(superseding, "RETRY_DISK_EVERY", 0.02)


@pytest.fixture
def bureau(floor: Floor, tmp_path: Path, store: Store) -> Bureau:
    return Bureau(floor, tmp_path / "spool", store)


async def promised(bureau: Bureau) -> str:
    return (await bureau.ledger.request(queue="power", number=NAM, source="web", due=TUESDAY)).id


async def talks(bureau: Bureau) -> None:
    """The caller is with anna."""
    floor = bureau.floor
    await floor.core.login(ANNA, floor.moment)
    now = floor.moment
    change = await floor.core.join(CALL, queue=POWER, arrival=now, now=now, channel=INFO.channel, pbx=INFO.pbx)
    [offer] = change.offers
    await floor.core.answered(CALL, "anna", offer.token, now)


async def test_a_caller_who_was_served_is_not_called_back(bureau: Bureau) -> None:
    id = await promised(bureau)
    bureau.superseding.waits(CALL, NAM)
    bureau.superseding.over(CALL, served=True)
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED
    moved = bureau.floor.one(PromiseMoved)
    assert (moved.promise, moved.state, moved.by, moved.call) == (id, "superseded", "service", CALL)
    assert not moved.rung
    assert [line["kind"] for line in bureau.lines()] == ["kept", "moved"]


async def test_one_whose_phone_rings_for_us_meanwhile_counts_as_rung(bureau: Bureau) -> None:
    await promised(bureau)
    bureau.floor.moment = TUESDAY
    promise = await bureau.ledger.claim("power", token="claima", cap=1)
    assert promise
    assert await bureau.ledger.begin(promise, "claima", "anna") is Begun.GO
    bureau.floor.moment += 5
    bureau.superseding.over(CALL, NAM, served=True)
    await bureau.superseding.close(5)
    moved = bureau.floor.one(PromiseMoved)
    assert (moved.state, moved.attempts, moved.rung) == ("superseded", 1, True)


async def test_one_who_hung_up_on_the_agent_was_served_as_the_core_knows(bureau: Bureau) -> None:
    id = await promised(bureau)
    await talks(bureau)
    bureau.superseding.waits(CALL, NAM)
    bureau.superseding.over(CALL)
    await asyncio.sleep(0)
    await bureau.floor.core.leave(CALL, Left.ABANDONED, bureau.floor.moment)  # told a moment later
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED


async def test_so_was_one_whose_end_the_dialplan_tells_after_the_service_died(bureau: Bureau) -> None:
    id = await promised(bureau)
    await talks(bureau)
    await bureau.floor.core.leave(CALL, Left.ABANDONED, bureau.floor.moment)
    bureau.superseding.over(CALL, "0901234567")
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED


@pytest.mark.parametrize("reason", [Left.ABANDONED, Left.CALLBACK, Left.MAX_WAIT, None])
async def test_who_was_not_served_is_still_called_back(bureau: Bureau, reason: Left | None) -> None:
    id, floor = await promised(bureau), bureau.floor
    now = floor.moment
    await floor.core.join(CALL, queue=POWER, arrival=now, now=now, channel=INFO.channel, pbx=INFO.pbx)
    bureau.superseding.waits(CALL, NAM)
    if reason:
        await floor.core.leave(CALL, reason, now)
    bureau.superseding.over(CALL)
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.CAPTURED


async def test_the_answer_is_enough_and_the_end_of_the_call_says_nothing_new(bureau: Bureau) -> None:
    id = await promised(bureau)
    bureau.superseding.waits(CALL, NAM)
    answered = AgentAnswered(at=bureau.now(), call=CALL, queue="power", agent="anna", waited=1.0)
    bureau.superseding.see(answered)
    bureau.superseding.see(answered)
    bureau.superseding.over(CALL, served=True)
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED
    assert len(bureau.floor.all(PromiseMoved)) == 1


async def test_an_answer_to_a_call_of_another_process_is_that_ones_to_tell(bureau: Bureau) -> None:
    id = await promised(bureau)
    bureau.superseding.see(AgentAnswered(at=bureau.now(), call="pbx1-9.9", queue="power", agent="anna", waited=1.0))
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.CAPTURED


@pytest.mark.parametrize("number", ["", "+84907654321"])
async def test_who_was_promised_nothing_or_hides_the_number_supersedes_nothing(bureau: Bureau, number: str) -> None:
    id = await promised(bureau)
    bureau.superseding.waits(CALL, number)
    bureau.superseding.over(CALL, served=True)
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.CAPTURED


async def test_a_stranger_with_the_same_placeholder_for_a_number_supersedes_nothing(bureau: Bureau) -> None:
    kept = [
        (await bureau.ledger.request(queue="power", number="0", source="voicemail", due=TUESDAY)).id for _ in range(2)
    ]
    bureau.superseding.waits(CALL, "0")
    bureau.superseding.over(CALL, served=True)
    await bureau.superseding.close(5)
    assert [await bureau.state(id) for id in kept] == [State.CAPTURED, State.CAPTURED]


@pytest.mark.parametrize("merged", [False, True])
async def test_what_was_asked_for_after_the_answer_is_promised_still(bureau: Bureau, merged: bool) -> None:
    """Redis or the disk was away, and it is superseded late."""
    ids = [await promised(bureau)] if merged else []
    bureau.floor.moment += 10
    answer = AgentAnswered(at=bureau.now(), call=CALL, queue="power", agent="anna", waited=1.0)
    bureau.floor.moment += 10
    ids.append(await promised(bureau))
    bureau.superseding.waits(CALL, NAM)
    bureau.superseding.see(answer)
    await bureau.superseding.close(5)
    assert State.SUPERSEDED not in [await bureau.state(id) for id in ids]


async def test_what_was_asked_for_in_the_call_itself_may_have_come_after_the_talk(bureau: Bureau) -> None:
    entry = await bureau.ledger.request(queue="power", number=NAM, source="menu", due=TUESDAY, call=CALL)
    bureau.floor.moment += 10
    bureau.superseding.over(CALL, NAM, served=True)
    await bureau.superseding.close(5)
    assert await bureau.state(entry.id) is State.CAPTURED


async def test_a_promise_of_another_spool_is_left_alone_and_told_of_once(
    bureau: Bureau, store: Store, tmp_path: Path
) -> None:
    id = await promised(bureau)
    other = Bureau(bureau.floor, tmp_path / "other", store)
    bureau.floor.moment += 10
    for _ in range(2):
        other.superseding.over(CALL, NAM, served=True)
        await other.superseding.close(5)
    assert await bureau.state(id) is State.CAPTURED
    assert other.lines() == []
    assert [each.message for each in other.troubles] == [STRANGERS]


async def test_it_waits_for_redis(server: Any, connect: Callable[..., Any], tmp_path: Path) -> None:
    store = await connect(server.port, deadline=1.0)
    bureau = Bureau(Floor(Core(store)), tmp_path / "spool", store)
    id = await promised(bureau)
    server.kill()
    bureau.superseding.waits(CALL, NAM)
    bureau.superseding.over(CALL, served=True)
    await asyncio.sleep(0.1)
    server.start()  # it knows nothing any more, but what the outbox tells it
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED


async def test_it_waits_for_the_disk_and_tells_of_it_once(bureau: Bureau) -> None:
    id = await promised(bureau)
    bureau.harm_disk()
    bureau.superseding.waits(CALL, NAM)
    bureau.superseding.over(CALL, served=True)
    await asyncio.wait_for(bureau.trouble.wait(), 5)
    await asyncio.sleep(0.1)
    bureau.mend_disk()
    await bureau.superseding.close(5)
    assert await bureau.state(id) is State.SUPERSEDED
    assert len(bureau.troubles) == 1
