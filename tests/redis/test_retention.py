"""What is over is erased, and nothing else, on a real Redis and a real spool."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks import retention
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.lines import Entry, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.retention import Retention
from hotline.callbacks.settings import Dialing, VoicemailSettings
from hotline.callbacks.states import State
from hotline.callbacks.trouble import Trouble
from hotline.events import Event, PromiseMoved
from hotline.store import Store

NOW, DAY = 1_795_000_000.0, 86400.0
NAM, LAN = "+84901234567", "+84907654321"


class Archive:
    """A spool in which promises end, and its retention on a clock that is moved by hand."""

    def __init__(self, store: Store, folder: Path, keep: dict[str, float]) -> None:
        self.moment = NOW
        self.events: list[Event] = []
        self.troubles: list[Trouble] = []
        self.outbox = Outbox(folder)
        self.outbox.prepare()
        self.indexer = Indexer(store, self.outbox, self.now, tell=self.troubles.append)
        zone = ZoneInfo("Asia/Ho_Chi_Minh")
        self.ledger = Ledger(store, self.outbox, self.indexer, self.now, dialing=Dialing(), zone=zone)
        self.retention = Retention(
            self.ledger,
            self.indexer,
            Erasure(self.outbox),
            {queue: VoicemailSettings(queue, "office", keep=seconds) for queue, seconds in keep.items()},
            now=self.now,
            emit=self.events.append,
            tell=self.troubles.append,
        )

    def now(self) -> float:
        return self.moment

    def promise(self, id: str, queue: str, number: str = "", ended: float | None = None, **how: Any) -> None:
        (self.outbox.kept / f"{id}.wav").write_bytes(b"sound")
        about: dict[str, Any] = {"call": "c", "entry": "", "language": "vi", "seconds": 1.0, "hung_up": False}
        self.outbox.add(
            Entry(id=id, queue=queue, number=number, recorded_at=NOW, due=NOW, kept_at=NOW, sha256="x", **about)
        )
        if ended is not None:
            state = how.get("state", State.CLOSED)
            self.outbox.add(Move(id=id, at=ended, state=state, due=NOW, attempts=0))

    async def states(self) -> dict[str, str]:
        await self.indexer.catch_up()
        found = await self.ledger.find_all([each.stem for each in self.outbox.kept.glob("*.wav")])
        return {each.id: each.state for each in found}


@pytest.fixture
def archive(store: Store, tmp_path: Path) -> Archive:
    return Archive(store, tmp_path / "spool", {"power": 90 * DAY, "billing": 0, "complaints": 7 * DAY})


async def test_each_queue_keeps_as_long_as_it_says_from_the_end(archive: Archive) -> None:
    for queue in ("power", "billing", "complaints"):
        archive.promise(f"{queue}-ended", queue, ended=NOW + DAY)
        archive.promise(f"{queue}-open", queue)
    erased = {}
    for days in (7, 8, 90, 91, 4000):
        archive.moment = NOW + days * DAY
        erased[days] = await archive.retention.walk()
    assert erased == {7: 0, 8: 1, 90: 0, 91: 1, 4000: 0}
    assert set(await archive.states()) == {"power-open", "billing-open", "complaints-open", "billing-ended"}
    assert [each.promise for each in archive.events if isinstance(each, PromiseMoved)] == [
        "complaints-ended",
        "power-ended",
    ]


async def test_nothing_of_a_person_is_left_in_redis(archive: Archive, redis: Any) -> None:
    archive.promise("a", "complaints", NAM)
    archive.promise("b", "complaints", NAM)  # merged into the first
    archive.promise("c", "complaints", LAN)
    await archive.indexer.catch_up()
    claimed = await archive.ledger.claim("complaints", token="t", cap=9)
    assert claimed
    assert (claimed.id, claimed.also) == ("a", ("b",))
    await archive.ledger.begin(claimed, "t", "anna")
    found = await archive.ledger.find("a")
    assert found
    await archive.ledger.move(found, State.TALKED, token="t")
    archive.moment += 8 * DAY
    assert await archive.retention.walk() == 2
    assert (await archive.states()) == {"c": State.DUE}
    dump = {key: _value(redis, key) for key in redis("KEYS", "*")}
    assert NAM not in str(dump)
    assert LAN in str(dump)
    assert dump[b"hotline:promise:b"][:2] == [b"state", b"erased"]


def _value(redis: Any, key: bytes) -> Any:
    read = {b"hash": ("HGETALL",), b"set": ("SMEMBERS",), b"string": ("GET",), b"zset": ("ZRANGE", 0, -1)}
    command, *rest = read[redis("TYPE", key)]
    return redis(command, key, *rest)


async def test_hundreds_go_and_those_that_stay_are_not_looked_at_again(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "PAGE", 5)
    for number in range(12):
        archive.promise(f"for-ever-{number:02}", "billing", ended=NOW + number // 6)
        archive.promise(f"short-{number:02}", "complaints", ended=NOW + number)
    archive.moment = NOW + 7 * DAY + 20
    assert await archive.retention.walk() == 12
    assert len(await archive.states()) == 12
    looks: list[float] = []
    look = archive.ledger.list

    async def watched(states: Any, *, since: float, until: float, most: int) -> Any:
        looks.append(since)
        return await look(states, since=since, until=until, most=most)

    monkeypatch.setattr(archive.ledger, "list", watched)
    assert await archive.retention.walk() == 0
    assert max(looks) > NOW + 10


async def test_a_queue_that_is_gone_keeps_as_long_as_the_longest(store: Store, tmp_path: Path) -> None:
    archive = Archive(store, tmp_path / "spool", {"power": 90 * DAY, "complaints": 7 * DAY})
    archive.promise("a", "", ended=NOW)
    for days, erased in ((89, 0), (90, 1)):
        archive.moment = NOW + days * DAY
        assert await archive.retention.walk() == erased


async def test_promises_of_another_spool_are_left_to_its_own_services(
    store: Store, archive: Archive, tmp_path: Path
) -> None:
    other = Archive(store, tmp_path / "other", {"complaints": 7 * DAY})
    other.promise("theirs", "complaints", ended=NOW)
    await other.indexer.catch_up()
    archive.moment = other.moment = NOW + 8 * DAY
    assert await archive.retention.walk() == 0
    assert await other.retention.walk() == 1


async def test_what_was_interrupted_is_finished_even_where_all_is_kept_for_ever(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = Archive(store, tmp_path / "spool", {"power": 0})
    archive.promise("a", "power", NAM)
    with monkeypatch.context() as patched:
        patched.setattr(Erasure, "_carry_out", lambda *_: None)  # it died here
        Erasure(archive.outbox).erase(["a"], NOW)
    await archive.retention.walk()
    assert await archive.states() == {}
    assert not (archive.outbox.lines / "erasing").exists()


async def test_a_disk_that_fails_is_told_once(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> None:
    archive.promise("a", "complaints", ended=NOW)
    archive.moment = NOW + 8 * DAY

    def broken(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patched:
        patched.setattr(Erasure, "erase", broken)
        for _ in range(3):
            assert await archive.retention.walk() == 0
    message = "What is over could not be erased: Input/output error."
    assert archive.troubles == [Trouble(message, "outbox")]
    assert await archive.retention.walk() == 1
