"""The ledger against a real Redis and a real outbox: who has a promise in hand, and that nobody is rung twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import LEASE, Begun, ForeignPromise, Ledger
from hotline.callbacks.lines import Erased
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import Dialing
from hotline.callbacks.states import NEXT, State
from hotline.store import Store

NOW = 1_795_000_000.0
ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR = 3600.0
NAM, LAN = "+84901234567", "+84907654321"


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def make(store: Store, tmp_path: Path, clock: Time) -> Callable[..., Ledger]:
    """A ledger as another process has it: of the same spool and Redis."""

    def make(served_by: Callable[[str], str] = str, spool: str = "spool", **dialing: Any) -> Ledger:
        outbox = Outbox(tmp_path / spool)
        outbox.prepare()
        indexer = Indexer(store, outbox, clock, tell=lambda trouble: pytest.fail(str(trouble)))
        limits = Dialing(allow=("+84",), **dialing)
        return Ledger(store, outbox, indexer, clock, dialing=limits, zone=ZONE, served_by=served_by)

    return make


@pytest.fixture
def ledger(make: Callable[..., Ledger]) -> Ledger:
    return make()


async def promised(ledger: Ledger, number: str = NAM, **about: Any) -> str:
    entry = await ledger.request(**{"queue": "power", "number": number, "source": "web", "due": NOW, **about})
    return entry.id


async def state(ledger: Ledger, id: str) -> State:
    found = await ledger.find(id)
    assert found
    return found.state


async def claimed(ledger: Ledger, token: str, cap: int = 10) -> Promise:
    found = await ledger.claim("power", token=token, cap=cap)
    assert found
    return found


async def test_who_asked_first_is_called_first(ledger):
    second = await promised(ledger, NAM, arrival=NOW - 10)
    first = await promised(ledger, LAN, arrival=NOW - 20)
    assert [(await claimed(ledger, token)).id for token in "ab"] == [first, second]
    assert await ledger.claim("power", token="c", cap=10) is None


async def test_no_more_than_the_cap_are_in_hand_but_for_those_who_keep_a_place(ledger):
    for number in range(3):
        await promised(ledger, f"+8490000000{number}")
    await promised(ledger, LAN, source="queue")
    assert await ledger.claim("power", token="a", cap=1)
    assert await ledger.claim("power", token="b", cap=1) is None
    assert (await ledger.claim("power", token="c", cap=0, place=True)).number == LAN


async def kept(ledger: Ledger, clock: Time, at: float, number: str, **about: Any) -> str:
    """A place that is kept at that moment."""
    clock.now = at
    id = await promised(ledger, number, source="queue", **{"arrival": at, "due": at, **about})
    clock.now = NOW
    return id


async def test_places_that_were_left_over_go_by_the_pace_in_the_order_in_which_all_asked(ledger, redis, clock):
    opened = NOW - HOUR
    late = await promised(ledger, "+84900000001", arrival=opened - 20)
    left = await kept(ledger, clock, opened - 30, "+84900000002")
    long = await kept(ledger, clock, opened - 10, "+84900000003", arrival=opened - 25)
    place = await kept(ledger, clock, opened, "+84900000004", arrival=opened - 60)
    beyond = [await ledger.claim("power", token=token, cap=0, place=True, since=opened) for token in "ab"]
    assert [each and (each.id, each.keeps_place) for each in beyond] == [(place, True), None]
    found = [await ledger.claim("power", token=token, cap=2, since=opened) for token in "cde"]
    assert [each and (each.id, each.keeps_place) for each in found] == [(left, False), (long, False), None]
    assert await ledger.in_hand("power") == 2
    assert await ledger.begin(found[0], "c", "anna") is Begun.GO
    assert await ledger.in_hand("power") == 2, "also while the customer's phone rings"
    await ledger.move(await ledger.find(left), State.TALKED, token="c")
    assert (await ledger.claim("power", token="f", cap=2, since=opened)).id == late
    redis("FLUSHALL")
    assert (await ledger.claim("power", token="g", cap=2, since=opened)).id == long


async def test_who_keeps_a_place_again_that_was_left_over_keeps_it_as_of_now(ledger, clock):
    id = await kept(ledger, clock, NOW - 20 * HOUR, NAM)
    assert await ledger.claim("power", token="a", cap=0, place=True, since=NOW - HOUR) is None
    await promised(ledger, NAM, source="queue")
    found = await ledger.claim("power", token="a", cap=0, place=True, since=NOW - HOUR)
    assert (found.id, found.arrival, found.keeps_place) == (id, NOW - 20 * HOUR, True)


async def test_a_place_in_another_queue_takes_the_older_one_along(ledger):
    billing = await promised(ledger, queue="billing", source="queue")
    power = await promised(ledger, source="queue")
    assert await ledger.claim("billing", token="a", cap=0, place=True) is None
    found = await ledger.claim("power", token="a", cap=0, place=True)
    assert (found.id, found.also) == (power, (billing,))


async def test_a_place_is_ahead_of_the_pace_for_the_first_try_only(ledger):
    id = await promised(ledger, source="queue")
    assert (await ledger.claim("power", token="a", cap=0, place=True)).id == id
    await ledger.begin(await ledger.find(id), "a", "anna")
    assert await ledger.in_hand("power") == 0
    await ledger.move(await ledger.find(id), State.RETRY, due=NOW, outcome="busy", token="a")
    assert await ledger.claim("power", token="b", cap=0, place=True) is None
    again = await claimed(ledger, "b", cap=1)
    assert (again.id, again.keeps_place) == (id, False)
    assert await ledger.in_hand("power") == 1
    await ledger.release(id, "b")
    await promised(ledger, source="queue")  # who phones again and waits once more has waited for all that time
    found = await ledger.claim("power", token="c", cap=0, place=True)
    assert (found.id, found.keeps_place) == (id, True)


async def given(ledger: Ledger, id: str, agent: str) -> None:
    """As staff give it."""
    promise = await ledger.find(id)
    assert promise
    await ledger.move(promise, State.CAPTURED, outcome="assigned", by="staff", agent=agent)


async def beyond(ledger: Ledger, token: str) -> str:
    """What is taken in hand beyond the pace."""
    found = await ledger.claim("power", token=token, cap=0, place=True)
    return found.id if found else ""


def at_work(redis: Any, *agents: str, state: str = "talking") -> None:
    """As the queue core has them."""
    for agent in agents:
        redis("HSET", f"hotline:agent:{agent}", "state", state)


async def test_of_those_given_to_an_agent_one_at_a_time_is_in_hand_and_none_is_in_the_way_of_others(ledger, redis):
    at_work(redis, "anna", "binh")
    annas = [await promised(ledger, f"+8490000000{n}", arrival=NOW - 90 + n) for n in range(3)]
    binhs = await promised(ledger, source="queue")
    for id in annas:
        await given(ledger, id, "anna")
    await given(ledger, binhs, "binh")
    anybodys = await promised(ledger, LAN)
    assert [await beyond(ledger, token) for token in "abc"] == [annas[0], binhs, ""]
    assert await ledger.in_hand("power") == 0
    assert (await claimed(ledger, "d", cap=1)).id == anybodys
    assert await ledger.begin(await ledger.find(annas[0]), "a", "anna") is Begun.GO
    assert await beyond(ledger, "e") == ""
    await ledger.move(await ledger.find(annas[0]), State.TALKED, token="a")
    assert [await beyond(ledger, token) for token in "fg"] == [annas[1], ""]


@pytest.mark.parametrize("state", ["", "paused"])
async def test_what_is_given_to_an_agent_who_is_not_at_work_goes_by_the_pace(ledger, redis, state):
    if state:
        at_work(redis, "anna", state=state)
    ids = [
        await promised(ledger, number, arrival=NOW - 90 + n) for n, number in enumerate((NAM, LAN, "+84912223334"))
    ]
    for id in ids[:2]:
        await given(ledger, id, "anna")
    assert await beyond(ledger, "a") == ""
    assert [(await claimed(ledger, token)).id for token in "abc"] == ids
    assert await ledger.in_hand("power") == 3
    assert redis("KEYS", "hotline:in-hand-of*") == []
    at_work(redis, "anna")
    await ledger.release(ids[0], "a")
    assert await beyond(ledger, "d") == ids[0]
    assert await ledger.in_hand("power") == 2


async def test_what_is_left_in_the_count_of_an_agent_keeps_nothing_from_them(ledger, redis):
    """An older version ended it, which knew no such count."""
    at_work(redis, "anna")
    redis("SADD", "hotline:in-hand-of:anna", "gone", await promised(ledger, LAN, due=NOW + HOUR))
    id = await promised(ledger)
    await given(ledger, id, "anna")
    assert await beyond(ledger, "a") == id
    assert redis("SMEMBERS", "hotline:in-hand-of:anna") == [id.encode()]


async def test_what_is_given_to_an_agent_while_it_is_in_hand_counts_with_theirs(ledger, redis):
    at_work(redis, "anna", "binh")
    id = await promised(ledger)
    await claimed(ledger, "a")
    await given(ledger, id, "anna")
    assert await ledger.in_hand("power") == 0
    assert await beyond(ledger, "b") == id
    await given(ledger, id, "binh")
    assert redis("KEYS", "hotline:in-hand*") == []
    assert redis("KEYS", "hotline:given*anna*") == []
    assert await beyond(ledger, "c") == id
    assert redis("SMEMBERS", "hotline:in-hand-of:binh") == [id.encode()]
    await ledger.move(await ledger.find(id), State.CANCELLED, by="staff")
    assert redis("KEYS", "hotline:in-hand*") + redis("KEYS", "hotline:given*") == []


async def test_what_an_older_version_counted_with_the_queue_counts_nowhere_once_it_is_over(ledger, redis):
    at_work(redis, "anna")
    id = await promised(ledger)
    await given(ledger, id, "anna")
    assert await beyond(ledger, "a") == id
    redis("SADD", "hotline:in-hand:power", id)
    await ledger.begin(await ledger.find(id), "a", "anna")
    await ledger.move(await ledger.find(id), State.TALKED, token="a")
    assert redis("KEYS", "hotline:in-hand*") == []


async def test_those_of_a_queue_that_is_not_configured_are_served_by_the_first_one(make, redis):
    """Its messages were taken by the dialplan alone, or it was renamed since."""
    ledger = make(served_by=lambda queue: queue if queue == "billing" else "power")
    lone, renamed = await promised(ledger, queue=""), await promised(ledger, LAN, queue="water", arrival=NOW - 9)
    place = await promised(ledger, "+84912223334", queue="water", source="queue")
    assert await ledger.claim("billing", token="a", cap=9) is None
    assert (await ledger.claim("power", token="a", cap=0, place=True)).id == place
    found = [await ledger.claim("power", token="b", cap=2) for _ in range(3)]
    assert [each and (each.id, each.queue, each.asked_for) for each in found] == [
        (lone, "power", ""), (renamed, "power", "water"), None,
    ]  # fmt: skip
    assert (await ledger.in_hand("power"), await ledger.in_hand("billing")) == (2, 0)
    await ledger.release(lone, "b")
    redis("FLUSHALL")
    assert (await claimed(ledger, "c")).id == lone


async def test_a_promise_that_is_not_due_waits(ledger, clock):
    id = await promised(ledger, due=NOW + HOUR)
    assert await state(ledger, id) is State.CAPTURED
    assert await ledger.claim("power", token="a", cap=9) is None
    clock.now += HOUR
    assert (await claimed(ledger, "a")).id == id


async def test_a_silent_holder_loses_it_and_a_living_one_does_not(ledger, make, clock):
    id = await promised(ledger)
    await claimed(ledger, "a")
    clock.now += LEASE - 1
    assert await ledger.hold(id, "a")
    clock.now += LEASE - 1
    assert await make().claim("power", token="b", cap=9) is None
    clock.now += 1
    assert (await claimed(make(), "b")).id == id
    assert not await ledger.hold(id, "a")
    assert not await ledger.release(id, "a")
    assert await ledger.release(id, "b")
    assert await state(ledger, id) is State.DUE


async def test_one_attempt_is_made_by_whoever_begins_first(ledger, make, clock):
    await promised(ledger)
    stale = await claimed(ledger, "a")
    clock.now += LEASE
    fresh = await claimed(make(), "b")
    assert await make().begin(fresh, "b", "binh") is Begun.GO
    assert await ledger.begin(stale, "a", "anna") is Begun.STALE
    found = await ledger.find(fresh.id)
    assert (found.state, found.attempts, found.agent) == (State.DIALING, 1, "binh")


async def test_an_attempt_that_was_noted_twice_is_made_once(ledger, make, clock):
    """Both had it in hand when they asked, and both lines are on disk: the first is the attempt."""
    await promised(ledger)
    mine, token = await claimed(ledger, "a"), "a"
    assert await ledger.begin(mine, token, "anna") is Begun.GO
    other = make()

    async def held(id: str, token: str) -> bool:
        return True  # as if its claim had lapsed just after it was asked

    other.hold = held
    assert await other.begin(mine, "b", "binh") is Begun.STALE


async def test_of_two_agents_who_have_it_by_one_claim_one_makes_the_attempt(ledger, make, redis):
    """The first one's phone rang while nobody knew, so a second one was rung."""
    await promised(ledger)
    mine = await claimed(ledger, "a")
    assert await ledger.begin(mine, "a", "anna", "a:anna:1") is Begun.GO
    assert await make().begin(mine, "a", "binh", "a:binh:2") is Begun.STALE
    redis("FLUSHALL")
    await ledger._indexer.catch_up()
    assert await make().begin(mine, "a", "binh", "a:binh:2") is Begun.STALE
    assert (await ledger.find(mine.id)).agent == "anna"


async def test_an_attempt_is_begun_again_by_the_service_that_has_the_agent_after_a_death(ledger, make):
    await promised(ledger)
    mine = await claimed(ledger, "a")
    assert await ledger.begin(mine, "a", "anna", "a:anna:1") is Begun.GO
    assert await make().begin(mine, "a", "anna", "a:anna:1") is Begun.GO
    assert (await ledger.find(mine.id)).attempts == 1


async def test_whoever_slept_through_an_attempt_makes_none(ledger, make, clock):
    """Its claim was good when it was asked for; then the process was stopped."""
    id = await promised(ledger)
    stale = await claimed(ledger, "a")
    clock.now += LEASE
    other = make()
    await other.begin(await claimed(other, "b"), "b", "binh")
    await other.move(await other.find(id), State.RETRY, due=NOW + HOUR, outcome="busy", token="b")

    async def held(id: str, token: str) -> bool:
        return True

    ledger.hold = held
    assert await ledger.begin(stale, "a", "anna") is Begun.STALE
    found = await ledger.find(id)
    assert (found.state, found.due, found.attempts) == (State.RETRY, NOW + HOUR, 1)


async def test_the_end_of_an_attempt_is_told_once(ledger):
    """The session tells it, and the dialplan's last word has seen the attempt still under way."""
    id = await promised(ledger)
    await ledger.begin(await claimed(ledger, "a"), "a", "anna")
    under_way = await ledger.find(id)
    await ledger.move(under_way, State.RETRY, due=NOW + HOUR, outcome="machine", token="a")
    await ledger.move(under_way, State.TALKED, token="a")
    assert await state(ledger, id) is State.RETRY


async def test_what_becomes_of_an_attempt(ledger, clock):
    id = await promised(ledger)
    mine = await claimed(ledger, "a")
    await ledger.begin(mine, "a", "anna")
    await ledger.move(await ledger.find(id), State.RETRY, due=NOW + HOUR, outcome="busy", token="a")
    assert await state(ledger, id) is State.RETRY
    clock.now += HOUR
    again = await claimed(ledger, "b")
    assert (again.attempts, again.outcome) == (1, "busy")
    assert await ledger.begin(again, "b", "anna") is Begun.GO
    late = await ledger.find(id)
    await ledger.move(late, State.RETRY, due=NOW + 9 * HOUR, outcome="lost", token="a")  # of the attempt before
    assert await state(ledger, id) is State.DIALING
    await ledger.move(late, State.TALKED, token="b")
    await ledger.move(late, State.RETRY, due=NOW + 9 * HOUR, outcome="lost", token="b")
    assert await state(ledger, id) is State.TALKED
    assert await ledger.open_for(NAM) is None


async def test_only_its_own_services_move_a_promise(ledger, make, clock):
    id = await promised(ledger)
    mine, other, troubles = await claimed(ledger, "a"), make(spool="other"), []
    other._indexer._tell = troubles.append
    assert await other.begin(mine, "a", "anna") is Begun.STALE
    with pytest.raises(ForeignPromise):
        await other.move(mine, State.CANCELLED)
    assert await ledger.begin(mine, "a", "anna") is Begun.GO
    clock.now += LEASE
    assert await other.silent() == []
    assert [each.id for each in await ledger.silent()] == [id]
    assert len(troubles) == 1
    assert other._outbox.entries().records == ()


async def test_a_silent_attempt_is_found_and_is_nobodys_to_claim(ledger, clock):
    id = await promised(ledger)
    await ledger.begin(await claimed(ledger, "a"), "a", "anna")
    assert await ledger.silent() == []
    clock.now += LEASE
    assert [each.id for each in await ledger.silent()] == [id]
    assert await ledger.claim("power", token="b", cap=9) is None
    assert await ledger.hold(id, "a")
    assert await ledger.silent() == []


@pytest.mark.parametrize(("limit", "answer"), [("per_day", Begun.DAY_FULL), ("per_number", Begun.NUMBER_FULL)])
async def test_a_day_has_so_many_dials(make, limit, answer, clock, redis):
    ledger = make(**{limit: 1})
    id = await promised(ledger)
    assert await ledger.begin(await claimed(ledger, "a"), "a", "anna") is Begun.GO
    await ledger.move(await ledger.find(id), State.RETRY, due=NOW, outcome="busy", token="a")
    if found := await ledger.claim("power", token="b", cap=9):  # nobody's phone is rung for it today
        assert found.full
        await ledger.release(id, "b")
    other = make()  # a process that knows other limits
    assert await ledger.begin(await claimed(other, "b"), "b", "anna") is answer
    denied = await ledger.find(id)
    await ledger.move(replace(denied, attempts=1), State.RETRY, due=NOW + 24 * HOUR, outcome="full", token="b")
    day = dict(zip(*[iter(redis("HGETALL", "hotline:dials:2026-11-18"))] * 2, strict=True))
    assert set(day.values()) == {b"1"}  # what was denied is taken back
    clock.now += 24 * HOUR
    assert await ledger.begin(await claimed(ledger, "c"), "c", "anna") is Begun.GO


async def test_who_cannot_be_rung_today_is_told_to_be_put_off_and_who_is_behind_is_not(make):
    ledger = make(per_number=1)
    full = await promised(ledger, arrival=NOW - 20)
    await ledger.begin(await claimed(ledger, "a"), "a", "anna")
    await ledger.move(await ledger.find(full), State.RETRY, due=NOW, outcome="busy", token="a")
    other = await promised(ledger, LAN)
    assert [(each.id, each.full) for each in [await claimed(ledger, token) for token in "bc"]] == [
        (full, True), (other, False)
    ]  # fmt: skip


async def test_what_another_clock_found_to_be_due_is_not_due_before_our_own_time(ledger, make, clock):
    await promised(ledger, due=NOW + HOUR)
    clock.now += HOUR
    await make().catch_up()  # a process whose clock is ahead
    clock.now = NOW
    assert await ledger.claim("power", token="a", cap=9) is None
    clock.now += HOUR
    assert await ledger.claim("power", token="a", cap=9)


async def test_what_redis_half_forgot_is_in_nobodys_way(ledger, redis, clock):
    for number, due in ((NAM, NOW + HOUR), (LAN, NOW), ("+84912223334", NOW)):
        await promised(ledger, number, due=due, arrival=due)
    held = await claimed(ledger, "a")
    for key in redis("KEYS", "hotline:promise:*"):
        redis("DEL", key)
    clock.now += LEASE + HOUR
    last = await promised(ledger, "+84913334445")
    assert (await claimed(ledger, "b")).id == last
    assert not await ledger.hold(held.id, "a")
    assert redis("ZCARD", "hotline:asked-at") == 2  # one more was due, and is met by whoever looks at its state


async def test_beside_an_attempt_only_the_caller_and_staff_end_a_promise(ledger):
    id = await promised(ledger)
    mine = await claimed(ledger, "a")
    await ledger.begin(mine, "a", "anna")
    for outcome in ("agent-silent", "postponed", "agent-hung-up"):  # by who was stopped before this attempt began
        await ledger.move(mine, State.RETRY, due=NOW, outcome=outcome, by="agent", agent="binh")
    await ledger.move(mine, State.CLOSED, outcome="closed", by="agent", agent="binh")
    await ledger.move(mine, State.CAPTURED, due=NOW + HOUR, outcome="postponed", by="staff")
    found = await ledger.find(id)
    assert (found.state, found.agent) == (State.DIALING, "anna")
    await ledger.move(mine, State.CANCELLED, by="caller")
    assert await state(ledger, id) is State.CANCELLED


async def test_that_they_have_talked_is_believed_of_an_attempt_that_was_taken_for_lost(ledger, clock):
    id = await promised(ledger)
    await ledger.begin(await claimed(ledger, "a"), "a", "anna")
    under_way = await ledger.find(id)
    await ledger.move(under_way, State.RETRY, due=NOW, outcome="lost", token="a")
    await claimed(ledger, "b")
    await ledger.move(under_way, State.TALKED, by="agent", token="a")
    assert await state(ledger, id) is State.TALKED
    assert await ledger.open_for(NAM) is None
    assert await ledger.in_hand("power") == 0


async def test_a_later_message_does_not_wait_for_a_promise_that_was_put_off(ledger, redis):
    id = await promised(ledger, due=NOW + 90 * 24 * HOUR)
    await promised(ledger, due=NOW + HOUR)
    assert (await ledger.find(id)).due == NOW + HOUR
    await promised(ledger, due=NOW)
    assert (await claimed(ledger, "a")).id == id
    await promised(ledger, due=NOW - HOUR)  # in hand, and it stays there
    assert await state(ledger, id) is State.OFFERED
    assert await ledger.hold(id, "a")


async def test_attempts_before_the_last_message_do_not_count_against_it(ledger):
    id = await promised(ledger)
    for token in "ab":
        await ledger.begin(await claimed(ledger, token), token, "anna")
        if token == "b":  # while their phone is busy since they talk to us
            await promised(ledger, due=NOW + HOUR)
        await ledger.move(await ledger.find(id), State.RETRY, due=NOW, outcome="busy", token=token)
    found = await ledger.find(id)
    assert (found.attempts, found.spent) == (2, 2)


async def test_one_promise_of_a_number_is_open_and_the_others_end_with_it(ledger):
    first = await promised(ledger)
    second = await promised(ledger)
    assert await state(ledger, second) is State.MERGED
    mine = await claimed(ledger, "a")
    assert (mine.id, mine.also) == (first, (second,))
    await ledger.begin(mine, "a", "anna")
    await ledger.move(mine, State.TALKED, token="a")
    assert await state(ledger, second) is State.TALKED
    third = await promised(ledger)
    assert await state(ledger, third) is State.DUE


async def test_a_place_in_the_queue_takes_what_was_promised_before_along(ledger):
    first = await promised(ledger, due=NOW + HOUR)
    second = await promised(ledger)  # merged into the first
    place = await promised(ledger, source="queue")
    assert (await ledger.open_for(NAM)).id == place
    assert (await ledger.find(place)).also == tuple(sorted((first, second)))
    await ledger.move(await ledger.find(place), State.SUPERSEDED, call="pbx1-1.1")
    assert {await state(ledger, id) for id in (first, second)} == {State.SUPERSEDED}


@pytest.mark.parametrize("number", ["", "0", "+", "0000000000"])
async def test_numbers_that_tell_nobody_from_another_have_a_promise_each(ledger, number, redis):
    ids = [await promised(ledger, number, source=source) for source in ("voicemail", "queue", "web")]
    assert {await state(ledger, id) for id in ids} == {State.DUE}
    assert {(await ledger.find(id)).number for id in ids} == {number}
    assert await ledger.open_for(number) is None
    assert redis("KEYS", "hotline:open:*") == []


async def test_who_keeps_a_place_twice_has_the_first_one(ledger, clock):
    first = await promised(ledger, source="queue", arrival=NOW - 1800)
    clock.now += 60
    second = await promised(ledger, source="queue", arrival=clock.now - 30)
    assert [await state(ledger, id) for id in (first, second)] == [State.DUE, State.MERGED]
    found = await ledger.claim("power", token="a", cap=0, place=True)
    assert (found.id, found.arrival, found.also) == (first, NOW - 1800, (second,))


async def test_after_a_wipe_all_attempts_are_known_again(ledger, redis, clock):
    tried, begun, waiting = [await promised(ledger, f"+8490000000{n}", arrival=NOW - 9 + n) for n in range(3)]
    await ledger.begin(await claimed(ledger, "a"), "a", "anna")
    await ledger.move(await ledger.find(tried), State.RETRY, due=NOW + HOUR, outcome="busy", token="a")
    await ledger.begin(await claimed(ledger, "b"), "b", "anna")
    await claimed(ledger, "c")
    redis("FLUSHALL")
    assert (await claimed(ledger, "d")).id == waiting
    assert (await ledger.find(tried)).attempts == 1
    assert await state(ledger, tried) is State.RETRY
    assert await state(ledger, begun) is State.DIALING
    assert await ledger.hold(begun, "b")  # who rings the customer still does
    assert not await ledger.hold(waiting, "c")


async def test_nothing_is_claimed_from_a_redis_that_does_not_know_all(ledger, redis, monkeypatch):
    await promised(ledger)

    async def wiped() -> int:
        redis("FLUSHALL")
        return 0

    await ledger._indexer.catch_up()
    monkeypatch.setattr(ledger._indexer, "catch_up", wiped)
    assert await ledger.claim("power", token="a", cap=9) is None


@pytest.mark.parametrize("before", [each for each in State if each is not State.OFFERED])
async def test_lines_bring_a_promise_where_the_table_of_states_says(ledger, before):
    for after in sorted(State):
        if before is State.MERGED:
            await promised(ledger, NAM)
        id = await promised(ledger, NAM if before is State.MERGED else "")
        promise = await ledger.find(id)
        await bring(ledger, promise, before)
        assert await state(ledger, id) is before
        await bring(ledger, promise, after)
        moved = await state(ledger, id)
        assert (moved is after) == (after is before or after in NEXT[before]), (before, after)


async def bring(ledger: Ledger, promise: Promise, to: State) -> None:
    if to is State.ERASED:
        ledger._outbox.add(Erased(id=promise.id, at=NOW))
        await ledger._indexer.catch_up()
    elif to not in (State.OFFERED, State.MERGED):
        later = to in (State.CAPTURED, State.RETRY)
        counted = replace(promise, attempts=promise.attempts + (to is State.DIALING))
        attempt = "a" if State.DIALING in (to, (await ledger.find(promise.id)).state) else ""
        await ledger.move(counted, to, due=NOW + HOUR if later else NOW, token=attempt)
