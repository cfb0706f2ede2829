"""Handing on until it has arrived: what the outbox says is all that is known, whoever dies."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest
from messages import done, kept
from recordings import NOW

from hotline.callbacks import lines
from hotline.callbacks.deliveries import BATCH, Deliverer, NotDelivered
from hotline.callbacks.disk import locked
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.lines import Entry, Erased, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.parcels import TRY_FOR
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Trouble
from hotline.events import DeliveryFailed, DeliveryMade, Event

DAY = 86400.0


class Time:
    now = NOW + 1

    def __call__(self) -> float:
        return self.now


class Hand:
    """A courier that keeps what it is given, unless `problems` says otherwise. `hold` makes it wait for `go`."""

    what = "mail"

    def __init__(self) -> None:
        self.got: list[str] = []
        self.problems: list[Exception] = []
        self.began, self.go = asyncio.Event(), asyncio.Event()
        self.go.set()

    def takes(self, entry: Entry) -> bool:
        return entry.queue == "power"

    async def deliver(self, entry: Entry, given_up: Move | None = None, tries: int = 0) -> str:
        self.began.set()
        await self.go.wait()
        if self.problems:
            raise self.problems.pop(0)
        self.got.append(f"{entry.id} not reached in {given_up.attempts}" if given_up else entry.id)
        return ""


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
async def hand() -> Hand:
    return Hand()


@pytest.fixture
def events() -> list[Event]:
    return []


@pytest.fixture
def told() -> list[Trouble]:
    return []


Make = Callable[..., Deliverer]


@pytest.fixture
def make(outbox: Outbox, clock: Time, hand: Hand, events: list[Event], told: list[Trouble]) -> Make:
    def deliverer(courier: Hand = hand, **options: Any) -> Deliverer:
        return Deliverer(courier, outbox, clock, emit=events.append, tell=told.append, **options)

    return deliverer


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not condition():  # noqa: ASYNC110 - a file tells nobody
            await asyncio.sleep(0.005)


async def test_a_message_is_handed_on_once_and_its_line_says_so(
    make: Make, outbox: Outbox, hand: Hand, events: list[Event]
) -> None:
    kept(outbox, "one")
    deliverer = make()
    await deliverer.round()
    await deliverer.round()
    await make().round()  # after a restart
    assert hand.got == done(outbox, "mail") == ["one"]
    (event,) = events
    assert isinstance(event, DeliveryMade)
    assert (event.promise, event.queue, event.what, event.call) == ("one", "power", "mail", "pbx1-one")
    assert deliverer.waiting == 0


async def test_only_recordings_that_the_courier_takes_are_handed_on(make: Make, outbox: Outbox, hand: Hand) -> None:
    kept(outbox, "other", queue="billing")
    kept(outbox, "request", source="web", sha256="", seconds=0.0)
    kept(outbox, "gone")
    outbox.add(Erased(id="gone", at=NOW))
    outbox.add(lines.Done(id="webhooked", at=NOW, what="webhook"))
    kept(outbox, "webhooked")
    await make().round()
    assert hand.got == ["webhooked"], "a line of another kind of delivery is none of this one"


def tried(outbox: Outbox, id: str, state: State, at: float = NOW, attempts: int = 1) -> None:
    """An attempt, and what came of it."""
    token = f"t{attempts}"
    for each in (State.DIALING, state):
        outbox.add(Move(id=id, at=at, state=each, due=at, attempts=attempts, token=token, outcome="busy"))


async def test_a_promise_that_became_unreachable_is_told_once(
    make: Make, outbox: Outbox, hand: Hand, clock: Time, events: list[Event]
) -> None:
    """Also one without a message, and one that was made long ago."""
    kept(outbox, "old", at=NOW - 90 * DAY, source="web", sha256="", seconds=0.0)
    tried(outbox, "old", State.RETRY)
    for id, state in (("talked", State.TALKED), ("lost", State.UNREACHABLE), ("gone", State.UNREACHABLE)):
        kept(outbox, id, number="")
        tried(outbox, id, state)
    outbox.add(Move(id="talked", at=NOW, state=State.UNREACHABLE, due=NOW, attempts=9, token="t1"))  # a late word
    outbox.add(Erased(id="gone", at=NOW))
    deliverer = make()
    hand.problems = [NotDelivered("Later.")]
    await deliverer.round()
    clock.now += 60
    await deliverer.round()
    assert sorted(hand.got) == ["lost", "lost not reached in 1", "talked"]
    tried(outbox, "old", State.UNREACHABLE, attempts=2)
    await deliverer.round()
    assert hand.got[-1] == "old not reached in 2"
    await make().round()  # after a restart
    assert (len(hand.got), done(outbox, "unreachable-mail")) == (4, ["lost", "old"])
    assert {event.what for event in events if isinstance(event, DeliveryMade)} == {"mail"}


async def test_what_is_erased_between_two_tries_is_not_handed_on(
    make: Make, outbox: Outbox, hand: Hand, clock: Time
) -> None:
    for id in ("one", "two"):
        kept(outbox, id)
    hand.problems = [NotDelivered("Later."), NotDelivered("Later.")]
    deliverer = make()
    await deliverer.round()
    assert deliverer.waiting == 2
    await asyncio.to_thread(Erasure(outbox).erase, ["one"], clock.now)
    clock.now += 1000
    await deliverer.round()
    await make().round()
    assert hand.got == ["two"]


async def test_a_line_that_comes_twice_is_one_message(make: Make, outbox: Outbox, hand: Hand) -> None:
    deliverer = make()
    for _ in range(2):
        kept(outbox, "one")
    await deliverer.round()
    kept(outbox, "one")
    await deliverer.round()
    await make().round()
    assert hand.got == ["one"]


async def test_tries_come_after_longer_and_longer_times_until_it_arrives(
    make: Make, outbox: Outbox, hand: Hand, clock: Time, events: list[Event]
) -> None:
    kept(outbox, "one")
    hand.problems = [NotDelivered("The mail server did not take it: 451 later.") for _ in range(6)]
    deliverer, tries = make(), []
    start = clock.now
    while not hand.got:
        before = len(hand.problems), len(hand.got)
        await deliverer.round()
        if (len(hand.problems), len(hand.got)) != before:
            tries.append(clock.now - start)
        clock.now += 5
    assert tries == [0, 5, 25, 105, 425, 1705, 5305]
    failed = [event for event in events if isinstance(event, DeliveryFailed)]
    assert [event.given_up for event in failed] == [False] * 6
    assert failed[0].problem == "The mail server did not take it: 451 later."


async def test_after_five_days_it_is_given_up_and_told(
    make: Make, outbox: Outbox, hand: Hand, clock: Time, events: list[Event]
) -> None:
    kept(outbox, "one")
    hand.problems = [NotDelivered("No.") for _ in range(1000)]
    deliverer = make()
    while clock.now < NOW + TRY_FOR + DAY:
        await deliverer.round()
        clock.now += 1800
    failed = [event for event in events if isinstance(event, DeliveryFailed)]
    assert [event.given_up for event in failed].count(True) == 1
    assert failed[-1].given_up
    assert 100 < len(failed) < 140
    assert deliverer.waiting == 0
    hand.problems.clear()
    await make().round()
    assert hand.got == [], "also after a restart"


async def test_a_new_address_is_not_sent_years_of_messages(
    make: Make, outbox: Outbox, hand: Hand, clock: Time
) -> None:
    kept(outbox, "old", at=NOW - 400 * DAY)
    kept(outbox, "older-than-tried", at=NOW - TRY_FOR - 60)
    kept(outbox, "new", at=NOW - DAY)
    await make().round()
    assert hand.got == ["new"]


async def test_processes_that_share_a_spool_hand_each_message_on_once(make: Make, outbox: Outbox, hand: Hand) -> None:
    deliverers = [make(poll=0.01) for _ in range(3)]
    running = [asyncio.create_task(each.run()) for each in deliverers]
    ids = [f"message{number}" for number in range(2 * BATCH + 5)]
    for id in ids:
        kept(outbox, id)
        deliverers[0].wake()
        await asyncio.sleep(0)
    await until(lambda: len(done(outbox, "mail")) == len(ids))
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    assert sorted(hand.got) == sorted(done(outbox, "mail")) == sorted(ids)


async def test_while_another_process_has_its_turn_nothing_is_handed_on_but_not_for_ever(
    make: Make, outbox: Outbox, hand: Hand
) -> None:
    kept(outbox, "one")
    with locked(outbox.lines / ".mail", 0.0) as theirs:
        assert theirs
        await make(stuck=1e9).round()
        assert hand.got == []
        await make(stuck=0.0).round()
    assert hand.got == ["one"]


async def test_who_dies_between_a_delivery_and_its_line_delivers_again(
    make: Make, outbox: Outbox, hand: Hand
) -> None:
    kept(outbox, "one")
    hand.got.append("one")  # it arrived, and then the process was killed
    await make().round()
    assert hand.got == ["one", "one"]
    assert done(outbox, "mail") == ["one"]


async def test_a_service_that_ends_sees_what_is_under_way_to_its_end_and_begins_nothing(
    make: Make, outbox: Outbox, hand: Hand
) -> None:
    kept(outbox, "one")
    hand.go.clear()
    deliverer = make()
    task = asyncio.create_task(deliverer.run())
    await hand.began.wait()
    closing = asyncio.create_task(deliverer.close())
    await asyncio.sleep(0)
    kept(outbox, "two")
    deliverer.wake()
    hand.go.set()
    await closing
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
    assert done(outbox, "mail") == ["one"] == hand.got
    await make().round()
    assert hand.got == ["one", "two"]


async def test_a_delivery_whose_line_cannot_be_written_is_not_made_again_for_it(
    make: Make, outbox: Outbox, hand: Hand, clock: Time, events: list[Event], told: list[Trouble], monkeypatch: Any
) -> None:
    kept(outbox, "one")

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    deliverer = make()
    with monkeypatch.context() as patched:
        patched.setattr(outbox, "add", full)
        await deliverer.round()
    assert told[0].message == "Deliveries (mail) wait for the outbox: No space left on device."
    clock.now += 5
    await deliverer.round()
    assert hand.got == done(outbox, "mail") == ["one"]
    assert len(events) == 1


async def test_an_outbox_that_cannot_be_read_is_told_once_and_read_again_when_it_can(
    make: Make, outbox: Outbox, hand: Hand, told: list[Trouble]
) -> None:
    kept(outbox, "one")
    away = outbox.lines.rename(outbox.spool / "away")
    deliverer = make(poll=0.005)
    task = asyncio.create_task(deliverer.run())
    await until(lambda: told)
    await asyncio.sleep(0.05)
    away.rename(outbox.lines)
    await until(lambda: hand.got)
    task.cancel()
    assert len(told) == 1


async def test_what_takes_too_long_or_fails_strangely_is_tried_again(
    make: Make, outbox: Outbox, hand: Hand, clock: Time, events: list[Event]
) -> None:
    kept(outbox, "one")
    hand.go.clear()
    deliverer = make(limit=0.01)
    await deliverer.round()
    hand.go.set()
    hand.problems = [RuntimeError("boom")]
    for _ in range(2):
        clock.now += 1000
        await deliverer.round()
    assert [event.problem for event in events if isinstance(event, DeliveryFailed)] == [
        "It took longer than 0.01 s.",
        "It failed: RuntimeError.",
    ]
    assert hand.got == ["one"]
