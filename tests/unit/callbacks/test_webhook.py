"""Messages told to a webhook: a real receiver, which is slow, refuses, redirects and dies."""

from __future__ import annotations

import asyncio
import hmac
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from hashlib import sha256

import aiohttp
import pytest
from aiohttp import web
from messages import NUMBER, done, kept, places
from recordings import NOW

from hotline.callbacks.deliveries import Deliverer, NotDelivered
from hotline.callbacks.lines import Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.webhook import Webhooks
from hotline.events import DeliveryFailed, Event

SECRET = "a secret that both know"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Receiver:
    """What came, and how it is answered: `answers` first, then 204."""

    def __init__(self, *answers: int | Answer) -> None:
        self.answers = list(answers)
        self.came: list[tuple[web.Request, bytes]] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.came.append((request, await request.read()))
        answer = self.answers.pop(0) if self.answers else 204
        if isinstance(answer, int):
            return web.Response(status=answer, headers={"Location": "/elsewhere"} if 300 <= answer < 400 else {})
        return await answer(request)


@asynccontextmanager
async def listening(receiver: Receiver) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", receiver.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/hooks?tenant=7"
    finally:
        await runner.cleanup()


def webhooks(url: str, seconds: float = 5.0) -> Webhooks:
    times = aiohttp.ClientTimeout(total=seconds)
    return Webhooks(places((), url), secret=SECRET, now=lambda: NOW + 5.25, times=times)


async def test_a_message_is_told_as_json_with_a_signature_that_the_receiver_can_check(outbox: Outbox) -> None:
    entry = kept(outbox, "one", confirmed=True, reason="reason-outage")
    receiver = Receiver()
    async with listening(receiver) as url:
        await webhooks(url).deliver(entry)
    ((request, body),) = receiver.came
    assert (request.method, request.path_qs) == ("POST", "/hooks?tenant=7")
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["Hotline-Delivery"] == "one"
    moment, given = (part.partition("=")[2] for part in request.headers["Hotline-Signature"].split(","))
    assert moment == str(int(NOW) + 5)
    assert given == hmac.new(SECRET.encode(), f"{moment}.".encode() + body, sha256).hexdigest()
    told = json.loads(body)
    assert told == {
        "event": "voicemail",
        "id": "one",
        "hotline": "City Power",
        "queue": "power",
        "entry": "1900",
        "language": "vi",
        "number": NUMBER,
        "confirmed": True,
        "reason": "reason-outage",
        "part": "",
        "recorded_at": "2026-11-18T18:06:40+07:00",
        "due": "2026-11-19T04:06:40+07:00",
        "seconds": 3.0,
        "sha256": entry.sha256,
        "source": "voicemail",
    }


async def test_who_was_not_reached_is_told_too(outbox: Outbox) -> None:
    entry, receiver = kept(outbox, "one"), Receiver()
    given_up = Move(id="one", at=NOW + 60, state="unreachable", due=NOW, attempts=3, outcome="busy")
    async with listening(receiver) as url:
        await webhooks(url).deliver(entry, given_up)
    ((request, body),) = receiver.came
    assert request.headers["Hotline-Delivery"] == "one-unreachable"
    told = json.loads(body)
    assert [told[name] for name in ("event", "id", "attempts", "outcome", "at")] == [
        "unreachable", "one", 3, "busy", "2026-11-18T18:07:40+07:00",
    ]  # fmt: skip


async def test_a_receiver_that_fails_first_gets_it_later_whoever_was_restarted(outbox: Outbox) -> None:
    kept(outbox, "one")
    events: list[Event] = []
    receiver = Receiver(500, 404, 302)
    async with listening(receiver) as url:
        for _ in range(5):
            await Deliverer(webhooks(url), outbox, lambda: NOW + 5, emit=events.append, tell=print).round()
    assert [each.problem for each in events if isinstance(each, DeliveryFailed)] == [
        "The webhook answered 500.",
        "The webhook answered 404.",
        "The webhook answered 302: it redirects, and that is not followed.",
    ]
    assert [request.path for request, _ in receiver.came] == ["/hooks"] * 4
    assert done(outbox, "webhook") == ["one"]


async def test_a_receiver_that_is_slow_or_away_is_told_in_a_sentence(outbox: Outbox) -> None:
    entry = kept(outbox, "one")
    free = asyncio.Event()

    async def slow(_: web.Request) -> web.StreamResponse:
        await free.wait()
        return web.Response()

    async with listening(Receiver(slow)) as url:
        with pytest.raises(NotDelivered, match=r"^The webhook did not answer in time\.$"):
            await webhooks(url, 0.1).deliver(entry)
        free.set()
    with pytest.raises(NotDelivered, match=r"^The webhook could not be reached: Connect") as failure:
        await webhooks(url).deliver(entry)
    assert "tenant" not in str(failure.value)


async def test_an_answer_without_end_is_not_read(outbox: Outbox) -> None:
    sent = 0

    async def endless(request: web.Request) -> web.StreamResponse:
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        while True:
            await response.write(bytes(65536))
            sent += 65536

    async with listening(Receiver(endless)) as url:
        async with asyncio.timeout(5):
            await webhooks(url).deliver(kept(outbox, "one"))
    assert sent < 20_000_000


async def test_a_peer_that_speaks_no_http_is_no_arrival(outbox: Outbox) -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mail.test ESMTP\r\n")
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(NotDelivered, match=r"^The webhook could not be reached: "):
            await webhooks(f"http://127.0.0.1:{port}/").deliver(kept(outbox, "one"))
