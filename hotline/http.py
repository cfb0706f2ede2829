"""The little HTTP server for machines: /metrics for Prometheus, /healthz for whoever restarts or routes around us.

Rules of this file:
- Two paths, GET (and HEAD) only; nothing of the caller's is shown and nothing can be changed. What else is served
  here (hotline.api) is given as routes, and looks after itself.
- /healthz answers 200 "ok", 200 "degraded" (a link is down: calls are served all the same) or 503 "failing" (a vital
  part is not well). No answer at all means that the process hangs: only that is cured by a restart.
- Health is asked of every part at once, each for at most LIMIT seconds; a part that does not answer is not well,
  and is not asked again while it still owes an answer.
- A connection has IDLE seconds to say what it wants: who sends a header now and then holds none for ever. How many
  there may be at once is nobody's business here: a proxy before it should say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping
from contextlib import asynccontextmanager

from aiohttp import web

LIMIT = 2.0
"""Seconds that a part has to say how it is."""

IDLE = 30.0
"""Seconds from a connection's beginning, or its last answer, until the headers of its next request must be there."""

METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"

Check = Callable[[], Awaitable[str | None]]
"""Asks one part how it is: None when well, else a sentence that says what is wrong and what to do."""

Render = Callable[[], Awaitable[bytes]]
"""Makes the metrics in Prometheus's text format."""


def remembered(check: Check, seconds: float, clock: Callable[[], float] = time.monotonic) -> Check:
    """The same check, whose answer counts for `seconds`; one that raises is asked again."""
    until, answer = 0.0, None

    async def ask() -> str | None:
        nonlocal until, answer
        if clock() >= until:
            answer = await check()
            until = clock() + seconds
        return answer

    return ask


class Health:
    """The parts of the service by name (redis, ami:<pbx>, outbox); without the `vital` ones it is of no use."""

    def __init__(self, checks: Mapping[str, Check], *, vital: Collection[str] = (), limit: float = LIMIT) -> None:
        self._checks, self._vital, self._limit = checks, frozenset(vital), limit
        self._asked: dict[str, asyncio.Task[str | None]] = {}

    async def problems(self) -> Mapping[str, str | None]:
        """Every part with None, or with what is wrong with it. Takes `limit` seconds at most; never raises."""
        answers = await asyncio.gather(*(self._ask(name) for name in self._checks))
        return dict(zip(self._checks, answers, strict=True))

    def verdict(self, problems: Mapping[str, str | None]) -> str:
        """ok, degraded or failing."""
        ill = {name for name, problem in problems.items() if problem}
        return "failing" if ill & self._vital else "degraded" if ill else "ok"

    async def _ask(self, name: str) -> str | None:
        task = self._asked.get(name)
        if task is None or task.done():
            task = self._asked[name] = asyncio.ensure_future(self._checks[name]())
        done, _ = await asyncio.wait((task,), timeout=self._limit)
        if not done:
            return f"{name} did not say how it is within {self._limit:g} s: it hangs, look at what it waits for."
        if task.cancelled():
            return f"{name} was stopped while it was asked."
        if error := task.exception():
            return f"{name} could not be asked: {error!r}."
        return task.result()

    def close(self) -> None:
        """Ask no more."""
        for task in self._asked.values():
            task.cancel()


def make_app(render: Render, health: Health, more: Iterable[web.RouteDef] = ()) -> web.Application:
    """The two paths, and `more`, as an application."""

    async def metrics(_: web.Request) -> web.Response:
        return web.Response(body=await render(), headers={"Content-Type": METRICS_TYPE})

    async def healthz(_: web.Request) -> web.Response:
        problems = await health.problems()
        verdict = health.verdict(problems)
        body = {"status": verdict, "parts": {name: why or "ok" for name, why in problems.items()}}
        status = 503 if verdict == "failing" else 200
        return web.json_response(body, status=status, headers={"Cache-Control": "no-store"})

    app = web.Application(client_max_size=1024)
    app.add_routes([web.get("/metrics", metrics), web.get("/healthz", healthz), *more])
    return app


@asynccontextmanager
async def serve_http(
    host: str,
    port: int,
    render: Render,
    health: Health,
    more: Iterable[web.RouteDef] = (),
    *,
    idle: float = IDLE,
) -> AsyncIterator[int]:
    """Serve all that on `host`:`port` (0 = any free one) and yield the port. Raises OSError if it is taken."""
    app = make_app(render, health, more)
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        shutdown_timeout=1.0,
        keepalive_timeout=idle,
        auto_decompress=False,  # a small body could become a huge one
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        await site.start()
        yield int(runner.addresses[0][1])
    finally:
        health.close()
        await runner.cleanup()
