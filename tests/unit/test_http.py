"""The two paths for machines, over real HTTP on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket

import aiohttp
import pytest

from hotline.http import METRICS_TYPE, Health, remembered, serve_http


async def render() -> bytes:
    return b"hotline_calls_total 1\n"


async def well() -> None:
    return None


async def ill() -> str:
    return "Redis at 127.0.0.1:6379 is not connected; see that it runs."


async def broken() -> None:
    raise RuntimeError("boom")


async def get(port: int, path: str, method: str = "GET") -> tuple[int, str, str]:
    async with (
        aiohttp.ClientSession() as session,
        session.request(method, f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, response.headers["Content-Type"], await response.text()


async def test_metrics_are_served_as_prometheus_wants_them() -> None:
    async with serve_http("127.0.0.1", 0, render, Health({})) as port:
        assert await get(port, "/metrics") == (200, METRICS_TYPE, "hotline_calls_total 1\n")


async def test_a_service_whose_parts_are_well_is_well() -> None:
    async with serve_http("127.0.0.1", 0, render, Health({"redis": well, "outbox": well})) as port:
        status, kind, body = await get(port, "/healthz")
    assert (status, kind) == (200, "application/json; charset=utf-8")
    assert json.loads(body) == {"status": "ok", "parts": {"redis": "ok", "outbox": "ok"}}


@pytest.mark.parametrize(
    ("vital", "status", "verdict"), [(("outbox",), 200, "degraded"), (("outbox", "redis"), 503, "failing")]
)
async def test_each_failing_part_says_what_to_do_and_only_a_vital_one_fails_the_service(
    vital: tuple[str, ...], status: int, verdict: str
) -> None:
    health = Health({"redis": ill, "outbox": well, "ami:pbx1": broken}, vital=vital)
    async with serve_http("127.0.0.1", 0, render, health) as port:
        told, _, body = await get(port, "/healthz")
    assert (told, json.loads(body)["status"]) == (status, verdict)
    parts = json.loads(body)["parts"]
    assert parts["redis"] == "Redis at 127.0.0.1:6379 is not connected; see that it runs."
    assert parts["outbox"] == "ok"
    assert "could not be asked" in parts["ami:pbx1"]


async def test_a_part_that_hangs_holds_nobody_up_and_is_not_asked_twice() -> None:
    asked = 0
    free = asyncio.Event()

    async def hanging() -> None:
        nonlocal asked
        asked += 1
        await free.wait()

    health = Health({"outbox": hanging, "redis": well}, limit=0.02)
    first, second = await health.problems(), await health.problems()
    assert "did not say how it is" in str(first["outbox"])
    assert first["redis"] is None
    assert second == first
    assert asked == 1
    free.set()
    assert (await health.problems())["outbox"] is None
    assert (await health.problems())["outbox"] is None
    assert asked > 1


async def test_a_remembered_answer_counts_for_some_seconds() -> None:
    answers = iter(["The disk is full.", None, None])
    now = 0.0

    async def probe() -> str | None:
        return next(answers)

    check = remembered(probe, 5.0, lambda: now)
    told = []
    for now in (1.0, 5.9, 6.0, 10.9):  # noqa: B007 - the clock reads it
        told.append(await check())
    assert told == ["The disk is full.", "The disk is full.", None, None]
    assert list(answers) == [None]


@pytest.mark.parametrize(
    ("path", "method", "status"),
    [("/", "GET", 404), ("/metrics/", "GET", 404), ("/healthz", "POST", 405), ("/metrics", "HEAD", 200)],
)
async def test_there_is_nothing_else(path: str, method: str, status: int) -> None:
    async with serve_http("127.0.0.1", 0, render, Health({})) as port:
        assert (await get(port, path, method))[0] == status


async def test_who_never_comes_to_the_end_of_the_headers_is_let_go() -> None:
    async with serve_http("127.0.0.1", 0, render, Health({}), idle=0.3) as port, asyncio.timeout(10):
        for said in (b"", b"GET /metrics HTTP/1.1\r\nHost: x\r\nX: "):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            with contextlib.suppress(ConnectionError):
                while not reader.at_eof():
                    writer.write(said)
                    said = b"y"
                    await writer.drain()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(reader.read(1), 0.05)
            writer.close()


async def test_it_stops_when_told_and_frees_the_port() -> None:
    async with serve_http("127.0.0.1", 0, render, Health({})) as port:
        await get(port, "/metrics")
    with pytest.raises(aiohttp.ClientConnectionError):
        await get(port, "/metrics")


async def test_a_taken_port_is_an_error_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(OSError, match="address already in use"):
            async with serve_http("127.0.0.1", taken.getsockname()[1], render, Health({})):
                pass
