"""Requests from outside, over real HTTP into a real Redis: granted by the callers' rules, once for each key."""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hotline.api import promising, web
from hotline.api.asked import Refused, read
from hotline.api.promising import Promising
from hotline.api.web import BURST, Api
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.guard import Guard
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import Outbox, id_of
from hotline.callbacks.states import State
from hotline.events import CallbackRequested, Event, PromiseMoved
from hotline.http import Health, serve_http
from hotline.schema import loads
from hotline.schema.config import Config
from hotline.store import Store
from hotline.upkeep import promises_of

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
FRIDAY_NIGHT = datetime(2026, 11, 27, 22, 15, tzinfo=SAIGON).timestamp()
MONDAY = "2026-11-30"
TOKEN, OTHER_TOKEN = "first-token-of-the-website", "second-token-of-the-website"
NUMBER, OTHER = "+84901234567", "+84901234568"
CONFIG = """
hotline: {name: City Power, zone: Asia/Ho_Chi_Minh, country: VN, language: vi, languages: [vi, en]}
callbacks: {allow: ["+84"], deny: ["+8490999"]}
entries: {default: main}
hours:
  office: {week: {mon-fri: ["08:00-12:00", "13:00-17:00"]}}
queues:
  power: {needs: {power: 1}, voicemail: {hours: office, parts: {morning: "08:00-12:00", afternoon: "13:00-17:00"}}}
  expert: {needs: {power: 3, english: 1}, voicemail: {hours: office}}
  busy: {needs: {power: 1}}
agents:
  anna: {phone: PJSIP/anna, skills: {power: 3, english: 1}}
menus:
  main: [queue: power, queue: expert, queue: busy, hangup]
"""


class Time:
    now = FRIDAY_NIGHT

    def __call__(self) -> float:
        return self.now


@dataclass
class Answer:
    status: int
    body: dict[str, Any]
    headers: Any


class Client:
    def __init__(self, port: int, session: aiohttp.ClientSession) -> None:
        self._url, self._session = f"http://127.0.0.1:{port}/callbacks", session

    async def __call__(
        self, method: str, id: str = "", *, body: Any = None, token: str = TOKEN, headers: Any = None
    ) -> Answer:
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        given = {"Authorization": f"Bearer {token}", **(headers or {})}
        url = f"{self._url}/{id}" if id else self._url
        async with self._session.request(method, url, data=data, headers=given) as response:
            return Answer(response.status, await response.json(), response.headers)

    async def ask(self, **body: Any) -> Answer:
        return await self("POST", body={"number": NUMBER, "queue": "power", **body})


@dataclass
class House:
    """One service as far as requests go."""

    outbox: Outbox
    ledger: Ledger
    clock: Time
    events: list[Event]
    client: Client


@pytest.fixture(autouse=True)
def no_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "RATE", 1e9)


@pytest.fixture
def clock() -> Time:
    return Time()


@asynccontextmanager
async def opened(
    store: Store, spool: Path, clock: Time, *, config: Config | None = None, tokens: tuple[str, ...] = (TOKEN,)
) -> AsyncIterator[House]:
    config = config or loads(CONFIG)
    outbox = Outbox(spool)
    outbox.prepare()
    events: list[Event] = []
    ledger = Ledger(
        store, outbox, Indexer(store, outbox, clock, tell=print), clock, dialing=config.dialing, zone=config.zone
    )
    promises = promises_of(config)
    mover = Mover(ledger, promises, clock, events.append)
    desk = Promising(config, ledger, mover, promises, Guard(config.dialing), now=clock, emit=events.append)

    async def render() -> bytes:
        return b""

    async with (
        serve_http("127.0.0.1", 0, render, Health({}), Api(desk, tokens).routes()) as port,
        aiohttp.ClientSession() as session,
    ):
        yield House(outbox, ledger, clock, events, Client(port, session))


@pytest.fixture
async def house(store: Store, tmp_path: Path, clock: Time) -> AsyncIterator[House]:
    async with opened(store, tmp_path / "spool", clock) as house:
        yield house


async def test_a_request_at_night_is_promised_for_the_next_opening(house: House) -> None:
    made = await house.client.ask(note="Đồng hồ hỏng\nở nhà", language="en")
    assert made.status == 201
    assert made.body == {
        "id": made.body["id"],
        "state": "captured",
        "queue": "power",
        "due": f"{MONDAY}T08:00:00+07:00",
        "window": {"from": f"{MONDAY}T08:00:00+07:00", "until": f"{MONDAY}T12:00:00+07:00"},
        "attempts": 0,
    }
    assert made.headers["Location"] == f"/callbacks/{made.body['id']}"
    promise = await house.ledger.find(made.body["id"])
    assert promise
    assert (promise.number, promise.source, promise.language, promise.confirmed) == (NUMBER, "web", "en", True)
    assert promise.note == "Đồng hồ hỏng\nở nhà"
    (event,) = house.events
    assert isinstance(event, CallbackRequested)
    assert (event.source, event.promise, event.queue) == ("web", made.body["id"], "power")
    assert NUMBER[1:] not in repr(house.events)


async def test_a_request_while_open_is_due_at_once_and_its_window_is_the_one_that_runs(house: House) -> None:
    house.clock.now = datetime(2026, 11, 30, 9, 30, tzinfo=SAIGON).timestamp()
    made = await house.client.ask(number="090 123-45.67")
    assert (made.status, made.body["state"], made.body["due"]) == (201, "due", f"{MONDAY}T09:30:00+07:00")
    assert made.body["window"]["until"] == f"{MONDAY}T12:00:00+07:00"
    promise = await house.ledger.find(made.body["id"])
    assert promise
    assert promise.number == NUMBER


@pytest.mark.parametrize(
    ("wish", "due"),
    [
        ({"part": "afternoon"}, f"{MONDAY}T13:00:00+07:00"),
        ({"not_before": "2026-12-01T09:30"}, "2026-12-01T09:30:00+07:00"),
        ({"not_before": "2026-12-01T05:00:00Z"}, "2026-12-01T13:00:00+07:00"),
        ({"not_before": "2026-12-01T12:30", "part": "morning"}, "2026-12-02T08:00:00+07:00"),
        ({"not_before": "2020-01-01"}, f"{MONDAY}T08:00:00+07:00"),
    ],
)
async def test_the_time_that_is_preferred_is_kept_within_the_hours(
    house: House, wish: dict[str, str], due: str
) -> None:
    made = await house.client.ask(**wish)
    assert (made.status, made.body["due"]) == (201, due)


async def test_needs_choose_the_queue_that_asks_for_the_least_beside_them(house: House) -> None:
    first = await house.client("POST", body={"number": NUMBER, "needs": {"power": 1}})
    second = await house.client("POST", body={"number": OTHER, "needs": {"power": 1, "english": 1}})
    assert (first.body["queue"], second.body["queue"]) == ("power", "expert")
    nobody = await house.client("POST", body={"number": "+84901234569", "needs": {"power": 4}})
    assert (nobody.status, nobody.body["field"]) == (422, "needs")


async def test_the_same_key_is_the_same_promise_and_another_request_by_it_is_refused(house: House) -> None:
    made = await house.client.ask(key="6f1c-1")
    again = await house.client.ask(key="6f1c-1")
    header = await house.client(
        "POST", body={"queue": "power", "number": NUMBER}, headers={"Idempotency-Key": '"6f1c-1"'}
    )
    other = await house.client.ask(key="6f1c-1", note="more")
    assert (made.status, again.status, header.status, other.status) == (201, 200, 200, 409)
    assert made.body == again.body == header.body
    assert made.body["id"] == id_of(f"{sha256(TOKEN.encode()).hexdigest()} 6f1c-1")
    assert other.body == {"error": "key has asked for something else before; take a new key.", "field": "key"}
    assert len(house.outbox.entries().records) == len(house.events) == 1


async def test_two_clients_who_take_the_same_key_are_two(store: Store, tmp_path: Path, clock: Time) -> None:
    async with opened(store, tmp_path / "spool", clock, tokens=(TOKEN, OTHER_TOKEN)) as house:
        first = await house.client.ask(key="1")
        second = await house.client("POST", body={"queue": "power", "number": OTHER, "key": "1"}, token=OTHER_TOKEN)
    assert (first.status, second.status) == (201, 201)
    assert first.body["id"] != second.body["id"]


async def test_a_key_is_known_after_redis_was_wiped_and_to_every_service(
    house: House, redis: Any, store: Store, tmp_path: Path, clock: Time
) -> None:
    made = await house.client.ask(key="one")
    redis("FLUSHALL")
    assert (await house.client("GET", made.body["id"])).body == made.body
    redis("FLUSHALL")
    async with opened(store, tmp_path / "spool", clock) as other:
        assert (await other.client.ask(key="one")).body == made.body
        redis("FLUSHALL")
        assert (await other.client.ask(key="one", part="morning")).status == 409
        redis("FLUSHALL")
        assert (await other.client.ask(key="two")).status == 409, "the number has an open promise"
    assert len(house.outbox.entries().records) == 1


async def test_a_number_has_one_open_promise_and_the_client_is_told_which(house: House) -> None:
    first = await house.client.ask()
    second = await house.client.ask(queue="expert", key="two")
    assert (second.status, second.body["field"]) == (409, "number")
    assert second.body["error"] == "This number will be called back already."
    assert second.body["promise"] == first.body
    assert (await house.client("DELETE", first.body["id"])).body["state"] == "cancelled"
    third = await house.client.ask(queue="expert", key="two")
    assert (third.status, third.body["queue"]) == (201, "expert")


async def test_who_asks_at_the_same_moment_is_answered_alike_whatever_service_is_asked(
    house: House, store: Store, tmp_path: Path, clock: Time
) -> None:
    async with opened(store, tmp_path / "spool", clock) as other:
        clients = (house.client, other.client) * 5
        answers = await asyncio.gather(*(client.ask(key="same") for client in clients))
        assert {answer.status for answer in answers} <= {200, 201}
        assert len({json.dumps(answer.body) for answer in answers}) == 1
        rivals = await asyncio.gather(
            *(client.ask(number=OTHER, key="rival", note=str(n)) for n, client in enumerate(clients))
        )
        assert sorted(answer.status for answer in rivals) == [201, *[409] * 9]
        numbers = await asyncio.gather(
            *(client.ask(number="+84901234500", key=f"n{n}") for n, client in enumerate(clients))
        )
        assert sorted(answer.status for answer in numbers) == [201, *[409] * 9]
        told = {answer.body["promise"]["id"] for answer in numbers if answer.status == 409}
        assert told == {answer.body["id"] for answer in numbers if answer.status == 201}
    assert await house.ledger.list([State.CAPTURED]) != []
    assert len(await house.ledger.list([State.CAPTURED])) == 3


async def test_without_redis_a_client_is_told_to_come_again_and_nothing_is_doubled(
    server: Any, connect: Callable[..., Any], tmp_path: Path, clock: Time
) -> None:
    store = await connect(server.port)
    async with opened(store, tmp_path / "spool", clock) as house:
        made = await house.client.ask(key="one")
        server.kill()
        for answer in (
            await house.client.ask(key="one"),
            await house.client.ask(number=OTHER),
            await house.client("GET", made.body["id"]),
            await house.client("DELETE", made.body["id"]),
        ):
            assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
            assert answer.body["error"].startswith("Redis is away")
        assert len(house.outbox.entries().records) == 1
        server.start()
        assert await store.wait_up(10)
        again = await house.client.ask(key="one")
        assert (again.status, again.body) == (200, made.body)


async def test_an_outbox_that_cannot_be_written_promises_nothing(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(house.outbox, "add", full)
        answer = await house.client.ask(key="one")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
    assert "disk" in answer.body["error"]
    assert (await house.client.ask(key="one")).status == 201


async def test_a_redis_that_hangs_keeps_no_client_waiting(
    server: Any, connect: Callable[..., Any], tmp_path: Path, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(promising, "PATIENCE", 0.2)
    async with opened(await connect(server.port, deadline=30.0), tmp_path / "spool", clock) as house:
        server.freeze()
        try:
            answer = await house.client.ask()
        finally:
            server.thaw()
    assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_what_another_spool_keeps_is_cancelled_there(
    house: House, store: Store, tmp_path: Path, clock: Time
) -> None:
    id = (await house.client.ask(key="k")).body["id"]
    async with opened(store, tmp_path / "other", clock) as other:
        answer = await other.client("DELETE", id)
        assert (answer.status, answer.body["promise"]["id"]) == (409, id)
        assert other.outbox.entries().records == ()
    assert (await house.client("DELETE", id)).status == 200


async def test_a_promise_is_told_and_cancelled_but_not_once_it_is_kept(house: House) -> None:
    house.clock.now = datetime(2026, 11, 30, 9, 30, tzinfo=SAIGON).timestamp()
    id = (await house.client.ask(key="k")).body["id"]
    assert (await house.client("GET", id)).body["state"] == "due"
    promise = await house.ledger.claim("power", token="t", cap=5)
    assert promise
    assert (await house.client("GET", id)).body["state"] == "offered"
    assert await house.ledger.begin(promise, "t", "anna") == "go"
    ringing = await house.client("DELETE", id)
    assert (ringing.status, ringing.body["promise"]["state"]) == (409, "dialing")
    await house.ledger.move(replace(promise, attempts=1), State.TALKED, outcome="talked", by="agent", token="t")
    ended = await house.client("DELETE", id)
    assert (ended.status, ended.body["error"]) == (409, "It has ended before: talked.")
    told = (await house.client("GET", id)).body
    assert (told["state"], told["outcome"], told["attempts"], told["window"]) == ("talked", "talked", 1, None)
    second = (await house.client.ask(key="second")).body["id"]
    for _ in range(2):
        cancelled = await house.client("DELETE", second)
        assert (cancelled.status, cancelled.body["state"]) == (200, "cancelled")
    moves = [event for event in house.events if isinstance(event, PromiseMoved)]
    assert [(event.state, event.by) for event in moves] == [("cancelled", "caller")]
    assert (await house.client("GET", "nobody-knows-this")).status == 404
    assert (await house.client("GET", "a/b")).status == 404


async def test_what_was_erased_is_gone_and_its_key_asks_for_nothing_new(house: House) -> None:
    id = (await house.client.ask(key="k")).body["id"]
    await asyncio.to_thread(Erasure(house.outbox).erase, [id], house.clock.now)
    assert [(await house.client("GET", id)).status, (await house.client("DELETE", id)).status] == [410, 410]
    again = await house.client.ask(key="k")
    assert (again.status, again.body["field"]) == (410, "key")
    assert (await house.client.ask(key="another")).status == 201


FRAUD = (
    "+1900555012345", "+881612345678", "00881612345678", "+84901234567&PJSIP/x", "PJSIP/x",
    "+84901234567@evil", "+8490CALLME", "+84" + "9" * 30, "+849099912345", "+861012345678", "", "+", "+84", "113",
    "+849012\u0663456", "＋84901234567", "+84901234567\r\nVariable: x", "*11", "+84;90",
)  # fmt: skip


async def test_no_number_that_may_not_be_dialed_is_promised(house: House) -> None:
    for number in FRAUD:
        answer = await house.client.ask(number=number)
        assert (answer.status, answer.body["field"]) == (422, "number"), number
        assert len(number) < 4 or number not in json.dumps(answer.body, ensure_ascii=False)
    assert house.outbox.entries().records == ()


@pytest.mark.parametrize(
    ("change", "status", "field", "error"),
    [
        ({"number": None}, 422, "number", "number must be a text."),
        ({"number": 84901234567}, 422, "number", "number must be a text."),
        ({"queue": "bussy"}, 422, "queue", "Unknown queue of callbacks 'bussy' (there are expert, power)."),
        ({"queue": "powr"}, 422, "queue", "Unknown queue of callbacks 'powr' (did you mean 'power'?)."),
        ({"queue": "busy"}, 422, "queue", "Unknown queue of callbacks 'busy' (there are expert, power)."),
        ({"queue": ""}, 422, "queue", "Give either a queue, or the skills that are needed."),
        ({"needs": {"power": 1}}, 422, "queue", None),
        ({"queue": "", "needs": {"power": 10}}, 422, "needs.power", "needs.power must be a level from 1 to 9."),
        ({"queue": "", "needs": {"power": "1"}}, 422, "needs.power", "needs.power must be a whole number."),
        ({"queue": "", "needs": []}, 422, "needs", "needs must be an object of skills and levels."),
        ({"part": "night"}, 422, "part", "Unknown part of the day 'night' (there are afternoon, morning)."),
        ({"not_before": "tomorrow"}, 422, "not_before", None),
        ({"not_before": "9999-12-31T23:59:59-23:59"}, 422, "not_before", None),
        ({"not_before": "2029-01-01"}, 422, "not_before", "not_before must be within a year."),
        ({"language": "zh"}, 422, "language", "Unknown language 'zh' (there are en, vi)."),
        ({"note": "x" * 1001}, 422, "note", "note must have no more than 1000 signs."),
        ({"note": "a\x00b"}, 422, "note", "note has control characters in it."),
        ({"note": "\ud800"}, 422, "note", "note has signs that are none."),
        ({"key": "a b"}, 422, "key", "key must be 1 to 128 visible ASCII signs, such as a UUID."),
        ({"notbefore": "x"}, 422, "notbefore", "notbefore is no field of a request; did you mean not_before?"),
    ],
)
async def test_each_mistake_is_told_with_its_field(
    house: House, change: dict[str, Any], status: int, field: str, error: str | None
) -> None:
    answer = await house.client.ask(**change)
    assert (answer.status, answer.body["field"]) == (status, field)
    assert error is None or answer.body["error"] == error
    assert house.outbox.entries().records == ()


async def test_all_mistakes_are_told_at_once(house: House) -> None:
    answer = await house.client("POST", body={"queue": 1, "note": "\x07"})
    assert answer.status == 422
    assert {each["field"] for each in answer.body["problems"]} == {"number", "queue", "note"}


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        (b"", 400, "The request is not JSON in UTF-8."),
        (b"\xff\xfe", 400, "The request is not JSON in UTF-8."),
        (b"[" * 9000, 400, "The request is not JSON in UTF-8."),
        (b"1" * 9000, 400, "The request is not JSON in UTF-8."),
        (b"[]", 400, None),
        (b"NaN", 400, None),
        (b'{"number": "+84901234567", "number": "+84901234568"}', 400, "number stands twice."),
        (b'{"note": "' + b"x" * 17000 + b'"}', 413, "A request has no more than 16384 bytes."),
    ],
)
async def test_what_is_no_request_is_told_as_such(house: House, body: bytes, status: int, error: str | None) -> None:
    answer = await house.client("POST", body=body)
    assert answer.status == status
    assert error is None or answer.body["error"] == error


async def test_what_is_compressed_is_not_unpacked(house: House) -> None:
    bomb = zlib.compress(bytes(50_000_000))
    for body in (bomb[:16000], zlib.compress(b'{"number": "+84901234567", "queue": "power"}')):
        answer = await house.client("POST", body=body, headers={"Content-Encoding": "deflate"})
        assert (answer.status, answer.body["error"]) == (400, "The request is not JSON in UTF-8.")


async def test_two_keys_that_differ_and_keys_that_are_none_are_refused(house: House) -> None:
    body = {"number": NUMBER, "queue": "power", "key": "a"}
    differ = await house.client("POST", body=body, headers={"Idempotency-Key": "b"})
    none = await house.client("POST", body=body, headers={"Idempotency-Key": "a b"})
    assert (differ.status, differ.body["field"]) == (400, "key")
    assert (none.status, none.body["field"]) == (400, "Idempotency-Key")


async def test_nobody_gets_in_without_a_token(house: House, store: Store, tmp_path: Path, clock: Time) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": TOKEN}, {"Authorization": "Basic x"}):
        answer = await house.client("POST", body={}, headers=headers)
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
    assert (await house.client("GET", "x", token="wrong" * 6)).status == 401
    async with opened(store, tmp_path / "spool", clock, tokens=()) as off:
        answer = await off.client.ask()
        assert answer.status == 404
        assert answer.body["error"] == "This service takes no requests: HOTLINE_API_TOKEN is not set."
    async with opened(store, tmp_path / "spool", clock, tokens=(TOKEN, OTHER_TOKEN)) as both:
        assert (await both.client("GET", "x", token=OTHER_TOKEN)).status == 404


async def test_each_token_may_ask_so_often_and_no_more(
    store: Store, tmp_path: Path, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "RATE", 0.001)
    async with opened(store, tmp_path / "spool", clock, tokens=(TOKEN, OTHER_TOKEN)) as house:
        answers = [(await house.client("GET", "x")).status for _ in range(int(BURST) + 2)]
        assert answers == [404] * int(BURST) + [429] * 2
        refused = await house.client("GET", "x")
        assert 900 <= int(refused.headers["Retry-After"]) <= 1000
        assert (await house.client("GET", "x", token=OTHER_TOKEN)).status == 404


async def test_only_what_can_be_done_is_done(house: House) -> None:
    for method, id in (("GET", ""), ("PUT", ""), ("DELETE", ""), ("POST", "x"), ("PATCH", "x")):
        answer = await house.client(method, id)
        assert (answer.status, answer.body["error"].startswith("Only ")) == (405, True)


async def test_who_sends_too_slowly_is_cut_off(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "SENDING", 0.05)

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"number": '
        await asyncio.sleep(0.5)
        yield b'"+84901234567"}'

    url, session = house.client._url, house.client._session
    async with session.post(url, data=slowly(), headers={"Authorization": f"Bearer {TOKEN}"}) as response:
        assert response.status == 408


_TEXT = st.text(max_size=50) | st.sampled_from(
    ["power", NUMBER, "2026-12-01", "morning", "\ud800", "\x00", "", *FRAUD]
)
_VALUE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=8,
)
_FIELDS = st.sampled_from(
    ["number", "queue", "needs", "part", "not_before", "language", "note", "key", "__class__", "self"]
)
_BODIES = st.binary(max_size=200) | st.dictionaries(_FIELDS, _VALUE, max_size=9) | _VALUE


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=_BODIES, good=st.booleans(), key=st.text(st.characters(codec="latin-1"), max_size=20))
def test_whatever_is_sent_the_service_answers_in_json_and_never_fails(body: Any, good: bool, key: str) -> None:
    if good and isinstance(body, dict):
        body = {"number": NUMBER, "queue": "power", **body}
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    try:
        asked = read(raw, key)
    except Refused as refused:
        assert refused.status in (400, 422)
        assert all(problem.error for problem in refused.problems)
        assert json.dumps([[each.field, each.error] for each in refused.problems])
    else:
        assert asked.digest()
        json.dumps(asked.model_dump(), ensure_ascii=False).encode()


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bodies=st.lists(_BODIES, min_size=10, max_size=10), good=st.booleans())
def test_hostile_requests_over_http(shared_server: Any, tmp_path_factory: Any, bodies: list[Any], good: bool) -> None:
    async def send() -> None:
        store = Store("127.0.0.1", shared_server.port, deadline=5.0)
        running = asyncio.create_task(store.run())
        assert await store.wait_up(5)
        try:
            async with opened(store, tmp_path_factory.mktemp("hostile"), Time()) as house:
                for body in bodies:
                    sent = {"number": NUMBER, "queue": "power", **body} if good and isinstance(body, dict) else body
                    answer = await house.client("POST", body=sent if sent is not None else b"")
                    assert answer.status in (200, 201, 400, 409, 410, 422), (sent, answer)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(send())
