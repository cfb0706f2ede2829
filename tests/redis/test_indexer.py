"""From the outbox to promises in a real Redis: once each, whatever is wiped, killed, restarted or raced."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hotline.callbacks import lines
from hotline.callbacks.indexer import BATCH, MOST_TOLD, Indexer, PromiseCounts
from hotline.callbacks.lines import Entry, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Trouble
from hotline.store import Store, StoreDown

NOW = 1_795_000_000.0
HOUR = 3600.0


class Time:
    now = NOW

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def told() -> list[Trouble]:
    return []


@pytest.fixture
def outbox(tmp_path: Path) -> Outbox:
    return spool(tmp_path / "spool")


@pytest.fixture
def indexer(store: Store, outbox: Outbox, clock: Time, told: list[Trouble]) -> Indexer:
    return Indexer(store, outbox, clock, tell=told.append)


def spool(folder: Path) -> Outbox:
    outbox = Outbox(folder)
    outbox.prepare()
    return outbox


def keep(outbox: Outbox, id: str, due: float = NOW + HOUR, kept_at: float = NOW, number: str = "") -> None:
    entry = Entry(
        id=id,
        call=f"pbx1-{id}",
        queue="hỗ-trợ",
        entry="1900",
        language="vi",
        recorded_at=NOW + 0.123456,
        due=due,
        seconds=3.5,
        hung_up=True,
        kept_at=kept_at,
        sha256="0" * 64,
        number=number,
    )
    lines.append(outbox.lines, entry)


def ids(redis: Any, state: str) -> list[str]:
    return [each.decode() for each in redis("ZRANGE", f"hotline:promises:{state}", 0, -1)]


def counts(captured: int, due: int, oldest: float) -> PromiseCounts:
    return PromiseCounts(dict.fromkeys(State, 0) | {State.CAPTURED: captured, State.DUE: due}, due, oldest)


async def promises(indexer: Indexer, now: float) -> PromiseCounts:
    """Without their ages."""
    return replace(await indexer.promises(now), by_age={})


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)


async def test_a_kept_message_is_a_promise_with_all_that_is_known(indexer, outbox, redis):
    keep(outbox, "a", number="+84901234567")
    assert await indexer.catch_up() == 1
    flat = redis("HGETALL", "hotline:promise:a")
    assert {key.decode(): value.decode() for key, value in zip(flat[::2], flat[1::2], strict=True)} == {
        "state": "captured",
        "due": f"{NOW + HOUR:.6f}",
        "call": "pbx1-a",
        "queue": "hỗ-trợ",
        "entry": "1900",
        "language": "vi",
        "number": "+84901234567",
        "recorded_at": f"{NOW + 0.123456:.6f}",
        "kept_at": f"{NOW:.6f}",
        "seconds": "3.500000",
        "hung_up": "1",
        "sha256": "0" * 64,
        "source": "voicemail",
        **dict.fromkeys(("reason", "part", "note", "key"), ""),
        "confirmed": "0",
        "attempts": "0",
        "moved": f"{NOW:.6f}",
        "spool": outbox.identity(),
        "promised": f"{NOW + HOUR:.6f}",
    }
    assert ids(redis, "captured") == ["a"]


async def test_every_line_is_indexed_once_however_often_it_is_read(indexer, outbox, redis):
    for number in range(2 * BATCH + 7):
        keep(outbox, f"{number:04}", due=NOW + HOUR + number)
    keep(outbox, "0003")  # the same message once more: keep was called again after a failure
    assert await indexer.catch_up() == 2 * BATCH + 7
    assert await indexer.catch_up() == 0
    keep(outbox, "one more")
    assert await indexer.catch_up() == 1
    redis("DEL", f"hotline:outbox:{outbox.identity()}")  # all is read again, nothing is made again
    assert await indexer.catch_up() == 0
    assert await promises(indexer, NOW - 1) == counts(2 * BATCH + 8, 0, 0.0)


async def test_a_wiped_redis_is_filled_again(indexer, outbox, redis):
    for id in "abc":
        keep(outbox, id)
    await indexer.catch_up()
    redis("FLUSHALL")
    keep(outbox, "d")
    assert await indexer.catch_up() == 4
    assert ids(redis, "captured") == ["a", "b", "c", "d"]


async def test_a_redis_wiped_between_reading_and_writing_loses_nothing(indexer, outbox, redis, monkeypatch):
    keep(outbox, "a")
    await indexer.catch_up()
    keep(outbox, "b")
    read = outbox.entries

    def wiped(known, most):
        if known:
            redis("FLUSHALL")
        return read(known, most)

    monkeypatch.setattr(outbox, "entries", wiped)
    assert await indexer.catch_up() == 2
    assert ids(redis, "captured") == ["a", "b"]


async def test_many_indexers_on_one_spool_make_each_promise_once(store, outbox, clock, redis):
    for number in range(3 * BATCH):
        keep(outbox, f"{number:04}")
    indexers = [Indexer(store, Outbox(outbox.spool), clock, tell=lambda _: None) for _ in range(4)]
    added = await asyncio.gather(*(each.catch_up() for each in indexers))
    assert sum(added) == 3 * BATCH
    assert len(ids(redis, "captured")) == 3 * BATCH


async def test_two_spools_share_one_redis(store, indexer, outbox, clock, redis, tmp_path):
    other = spool(tmp_path / "other")
    keep(outbox, "a")
    keep(other, "b")
    await indexer.catch_up()
    assert await Indexer(store, other, clock, tell=lambda _: None).catch_up() == 1
    assert ids(redis, "captured") == ["a", "b"]


async def test_a_spool_that_was_put_back_from_an_older_copy_is_read_again(indexer, outbox, redis):
    keep(outbox, "a")
    keep(outbox, "b")
    await indexer.catch_up()
    (outbox.lines / "2026-11.jsonl").write_bytes(b"")
    keep(outbox, "c")
    assert await indexer.catch_up() == 1
    assert ids(redis, "captured") == ["a", "b", "c"]


async def test_promises_fall_due_in_order(indexer, outbox, clock, redis):
    keep(outbox, "tomorrow", due=NOW + 24 * HOUR)
    keep(outbox, "soon", due=NOW + HOUR)
    keep(outbox, "late", due=NOW - HOUR)
    await indexer.catch_up()
    assert await promises(indexer, NOW) == counts(2, 1, NOW - HOUR)
    # counted by the time alone, whether or not anybody has moved it yet
    assert await promises(indexer, NOW + HOUR) == counts(1, 2, NOW - HOUR)
    assert ids(redis, "due") == ["late"]
    clock.now += HOUR
    await indexer.catch_up()
    assert ids(redis, "due") == ["late", "soon"]
    assert redis("HGET", "hotline:promise:soon", "state") == b"due"
    assert await promises(indexer, clock.now) == counts(1, 2, NOW - HOUR)


async def test_hundreds_fall_due_at_once(indexer, outbox, clock, redis):
    for number in range(450):
        keep(outbox, f"{number:04}")
    await indexer.catch_up()
    clock.now += HOUR
    await indexer.catch_up()
    assert len(ids(redis, "due")) == 450


async def test_nothing_promised_is_nothing_due(indexer, redis):
    assert await promises(indexer, NOW) == counts(0, 0, 0.0)


async def test_open_promises_are_counted_by_how_long_ago_the_caller_asked(indexer, outbox, redis):
    for id in ("a", "b", "c"):
        keep(outbox, id, number=f"+8490123456{id}")
    await indexer.catch_up()
    lines.append(outbox.lines, Move(id="c", at=NOW, state="cancelled", due=NOW, attempts=0))
    await indexer.catch_up()
    ages = {age: number for age, number in (await indexer.promises(NOW + 3 * HOUR)).by_age.items() if number}
    assert ages == {"4h": 2}
    assert (await indexer.promises(NOW + 30 * 24 * HOUR)).by_age["older"] == 2


async def test_what_is_not_yet_in_redis_is_known_in_bytes_and_lines(indexer, outbox, redis):
    assert await indexer.unread() == (0, 0)
    keep(outbox, "a")
    size = (outbox.lines / "2026-11.jsonl").stat().st_size
    assert await indexer.unread() == (size, 1)
    await indexer.catch_up()
    assert await indexer.unread() == (0, 0)
    keep(outbox, "b")
    assert await indexer.unread() == (size, 1)


async def test_a_message_kept_here_is_indexed_at_once(store, outbox, clock, redis):
    indexer = Indexer(store, outbox, clock, tell=lambda _: None, poll=HOUR)
    running = asyncio.create_task(indexer.run())
    keep(outbox, "before")
    await until(lambda: indexer.wake() or ids(redis, "captured") == ["before"])
    keep(outbox, "kept here")
    indexer.wake()
    await until(lambda: len(ids(redis, "captured")) == 2)
    running.cancel()


async def test_a_message_that_another_process_kept_is_found(store, outbox, clock, redis):
    running = asyncio.create_task(Indexer(store, outbox, clock, tell=lambda _: None, poll=0.02).run())
    keep(outbox, "a")
    await until(lambda: ids(redis, "captured") == ["a"])
    keep(outbox, "b")
    await until(lambda: ids(redis, "captured") == ["a", "b"])
    running.cancel()


async def test_messages_wait_while_redis_is_down_and_after_it_lost_everything(server, connect, outbox, clock):
    indexer = Indexer(await connect(server.port), outbox, clock, tell=lambda _: None, poll=0.02)
    keep(outbox, "a")
    await indexer.catch_up()
    server.kill()
    with pytest.raises(StoreDown):
        await indexer.promises(NOW)
    running = asyncio.create_task(indexer.run())
    keep(outbox, "b")
    server.start()
    redis = server.direct()
    await until(lambda: ids(redis, "captured") == ["a", "b"])
    redis.close()
    running.cancel()


async def test_a_file_full_of_garbage_is_told_in_a_few_words(indexer, outbox, redis, told):
    keep(outbox, "a")
    file = outbox.lines / "2026-11.jsonl"
    file.write_bytes(b"?\n" * 4000 + file.read_bytes())
    await indexer.catch_up()
    assert ids(redis, "captured") == ["a"]
    assert (len(told), told[-1].message) == (MOST_TOLD + 1, "3990 more lines of the outbox are like that.")


async def test_a_torn_line_is_told_once_and_holds_nothing_up(indexer, outbox, redis, told):
    keep(outbox, "a")
    file = outbox.lines / "2026-11.jsonl"
    file.write_bytes(file.read_bytes() + b'{"v": 1, "kind": "kept", "number": "+8490')
    for _ in range(3):
        await indexer.catch_up()
    assert len(told) == 1
    keep(outbox, "b")
    for _ in range(3):
        await indexer.catch_up()
    assert ids(redis, "captured") == ["a", "b"]
    assert len(told) == 2
    assert not any("8490" in each.message for each in told)
