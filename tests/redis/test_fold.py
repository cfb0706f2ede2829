"""Whatever befalls Redis and its indexers, the promises in it are those that the outbox tells of: random histories,
with wipes at random moments, against a Redis that read the same lines once, from the first to the last."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks import indexer as indexing
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import LEASE, Ledger
from hotline.callbacks.lines import Done, Entry, Move, Record
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.settings import Dialing
from hotline.callbacks.states import State
from hotline.store import Store

NOW = 1_796_083_160.0
"""Seconds before a month ends in Greenwich, where the outbox's files are named."""

NUMBERS = ("+84901234567", "+84907654321", "+84912223334", "+66666666666", "", "0", "0000000000")
"""Also of callers who hide it, and whose network has the same for all of them."""
QUEUES = ("power", "billing")
STEPS = 150
FLEETING = ("leases", "ringing", "queues")
"""Keys that are of the claims and of nothing else; and queues that there were, also by lines that are erased."""


class History:
    """What happens to some promises, by chance: `lines` of it, and what several processes do in Redis meanwhile."""

    def __init__(self, chance: random.Random, store: Store, spool: Path, redis: Any, *, erases: bool) -> None:
        self.chance, self.redis, self.now = chance, redis, NOW
        self.erases = erases
        self.ids: list[str] = []
        self.numbers: dict[str, str] = {}
        self.tokens = [f"t{number}" for number in range(6)]
        self.outbox = Outbox(spool)
        self.outbox.prepare()
        self.ledgers = [self._ledger(store) for _ in range(3)]
        self.wipes = self.attempts = self.erasures = 0

    def _ledger(self, store: Store) -> Ledger:
        outbox = Outbox(self.outbox.spool)
        indexer = Indexer(store, outbox, self.clock, tell=lambda trouble: pytest.fail(str(trouble)))
        return Ledger(
            store, outbox, indexer, self.clock, dialing=Dialing(allow=("+84",)), zone=ZoneInfo("Asia/Ho_Chi_Minh")
        )

    def clock(self) -> float:
        return self.now

    async def step(self) -> None:
        """One thing that happens."""
        things = (self._line, self._claim, self._read, self._wait, self._wipe, self._erase)
        await self.chance.choices(things, (60, 15, 12, 4, 3, 2 * self.erases))[0]()
        self.now += 0.25

    async def _line(self) -> None:
        record = self._record()
        self.attempts += isinstance(record, Move) and record.state == State.DIALING
        await asyncio.to_thread(self.outbox.add, record)

    def _record(self) -> Record:
        kind = self.chance.choices((self._kept, self._moved, self._done), (30, 60, 6))[0]
        return kind() if self.ids else self._kept()

    def _moment(self) -> float:
        """By the clock of one process or another: they disagree."""
        return round(self.now + self.chance.choice((-30, 0, 0, 30)), 3)

    def _kept(self) -> Entry:
        again = self.numbers and self.chance.random() < 0.1
        id = self.chance.choice([*self.numbers]) if again else f"promise-{len(self.ids)}"
        if not again:
            self.ids.append(id)
            self.numbers[id] = self.chance.choice(NUMBERS)
        source = self.chance.choice(("voicemail", "web", "queue"))
        return Entry(
            id=id, call="pbx1-1.1", queue=self.chance.choice(QUEUES), entry="1900", language="vi",
            recorded_at=self.now - 60, due=self.now + self.chance.choice((-60, 0, 60, 3600)), seconds=3.5,
            hung_up=False, kept_at=self._moment(), sha256="0" * 64, source=source, number=self.numbers[id],
            key=self.chance.choice(("", "", id)),
        )  # fmt: skip

    def _moved(self) -> Move:
        state = self.chance.choice(
            [each for each in State if each not in (State.OFFERED, State.MERGED, State.ERASED)]
        )
        if self.chance.random() < 0.4:
            state = State.DIALING
        return Move(
            id=self.chance.choice((*self.ids, "nobody")), at=self._moment(), state=state,
            due=self.now + self.chance.choice((-60, 0, 60, 3600)), attempts=self.chance.randint(0, 4),
            outcome=self.chance.choice(("", "busy", "assigned", "lost")),
            by=self.chance.choice(("agent", "staff")),
            agent=self.chance.choice(("", "anna", "binh")), token=self.chance.choice((*self.tokens, "")),
            day=self.chance.choice(("2026-11-30", "2026-12-01")) if state == State.DIALING else "",
        )  # fmt: skip

    def _done(self) -> Done:
        return Done(id=self.chance.choice(self.ids), at=self._moment(), what=self.chance.choice(("mail", "webhook")))

    async def _erase(self) -> None:
        """All that there is of a person, or of a promise whose number nobody knows."""
        if self.numbers:
            self.erasures += 1
            id = self.chance.choice([*self.numbers])
            number = self.numbers[id]
            theirs = {each for each, other in self.numbers.items() if each == id or (number and other == number)}
            await asyncio.to_thread(Erasure(self.outbox).erase, theirs, self._moment())
            self.numbers = {each: other for each, other in self.numbers.items() if each not in theirs}

    async def _claim(self) -> None:
        """Somebody takes a promise in hand, and perhaps puts it back or rings its customer."""
        ledger, token = self.chance.choice(self.ledgers), self.chance.choice(self.tokens)
        place, since = self.chance.random() < 0.3, self.chance.choice((0.0, self.now - 120))
        found = await ledger.claim(self.chance.choice(QUEUES), token=token, cap=5, place=place, since=since)
        if found is None:
            return
        after = self.chance.random()
        if after < 0.3:
            await ledger.release(found.id, token)
        elif after < 0.6:
            await self.chance.choice(self.ledgers).begin(found, token, "anna")
            self.attempts += 1

    async def _read(self) -> None:
        """Several indexers at once, and perhaps a wipe just then."""
        work = [ledger._indexer.catch_up() for ledger in self.chance.sample(self.ledgers, 2)]
        if self.chance.random() < 0.2:
            work.insert(1, self._wipe())
        await asyncio.gather(*work)

    async def _wait(self) -> None:
        self.now += self.chance.choice((1, 1, 5, LEASE + 1))

    async def _wipe(self) -> None:
        self.redis("FLUSHALL")
        self.wipes += 1


def written(history: History) -> dict[str, Any]:
    """All that Redis holds of the promises, but for what is the claims': who has which in hand, and until when.

    Once somebody was erased, no line tells that they were dialed, so the day's count is as Redis remembers it.
    """
    redis = history.redis
    keys = sorted(key.decode() for key in redis("KEYS", "hotline:*"))
    if history.erasures:
        keys = [key for key in keys if not key.startswith("hotline:dials:")]
    values = {
        key.removeprefix("hotline:"): _value(redis, key)
        for key in keys
        if key.removeprefix("hotline:") not in FLEETING
    }
    return {key: value for key, value in values.items() if value != []}  # a set may be of the claims alone


def _value(redis: Any, key: str) -> Any:
    kind = redis("TYPE", key)
    kind = (kind if isinstance(kind, bytes) else kind.encode()).decode()
    if kind == "hash":
        flat = [each.decode() for each in redis("HGETALL", key)]
        fields = dict(zip(flat[::2], flat[1::2], strict=True))
        return _lasting(fields) if ":promise:" in key else fields
    if kind == "zset":
        flat = [each.decode() for each in redis("ZRANGE", key, 0, -1, "WITHSCORES")]
        return dict(zip(flat[::2], map(float, flat[1::2]), strict=True))
    if kind == "string":
        return redis("GET", key).decode()
    members = sorted(each.decode() for each in redis("SMEMBERS", key))
    return [id for id in members if not (":in-hand" in key and _is_paced(redis, id))]


def _is_paced(redis: Any, id: str) -> bool:
    """Whether it is in hand, and taken at the pace that it needs not go by: that is of its claim."""
    paced, state = redis("HMGET", f"hotline:promise:{id}", "paced", "state")
    return paced == b"1" and state.decode() in (State.OFFERED, State.DIALING)


def _lasting(fields: dict[str, str]) -> dict[str, str]:
    fleeting = {"lease", "paced"}
    if fields["state"] != State.DIALING:
        fleeting.add("claim")
    if fields["state"] == State.DUE:
        fleeting.add("moved")  # also since somebody put it back
    return {name: value for name, value in fields.items() if name not in fleeting}


@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", range(8))
async def test_any_history_with_wipes_comes_to_what_the_lines_say(
    store: Store, redis: Any, tmp_path: Path, seed: int, deep: bool, monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:  # fmt: skip
    for number in range(seed * 100, seed * 100 + (100 if deep else 3)):
        chance = random.Random(number)
        redis("FLUSHALL")
        history = History(chance, store, tmp_path / str(number), redis, erases=number % 2 == 1)
        with monkeypatch.context() as patched:
            patched.setattr(indexing, "BATCH", chance.randint(1, 9))
            for _ in range(STEPS):
                await history.step()
        await _as_if_read_once(history, store, number)
        record_property(
            "lines with wipes between them, told to Redis", len(history.outbox.entries(most=10**6).records)
        )


async def _as_if_read_once(history: History, store: Store, number: int) -> None:
    history.now += LEASE + 1  # nobody has any of them in hand any more
    await history.ledgers[0]._indexer.catch_up()
    lived = written(history)
    history.redis("FLUSHALL")
    assert await history.ledgers[1]._indexer.catch_up() <= len(history.ids)
    once = written(history)
    assert lived == once, f"history {number}, {history.wipes} wipes, {history.attempts} attempts"
