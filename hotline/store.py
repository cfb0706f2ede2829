"""Redis, guarded: the only file that imports asyncio_redis.

Rules of this file:
- Two ways in: `script` (EVALSHA) and `read` (a few reads). Both pass one gate with one deadline, and every failure
  leaves it as StoreDown. Arguments and answers are bytes; a script answers one JSON text.
- What Redis itself refuses (out of memory, a replica, an error in a script) is ScriptRefused, and told: the link is
  well, so nothing else would show it.
- What was sent is never sent again by itself: scripts carry operation ids, so that a caller may ask again.
- A deadline that passes cuts the link, which fails every call under way at once; a late answer cannot then be taken
  for the next one's. `run` makes the link anew, within a second of Redis being back.
- A caller who is cancelled leaves its question to be answered into the void: the order of answers stays right.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from asyncio_redis import Connection, HiRedisProtocol, NotConnectedError, ScriptKilledError
from asyncio_redis.encoders import BytesEncoder

FIRST_RETRY = 0.05
LAST_RETRY = 1.0
PING_EVERY = 1.0
"""Seconds between checks of an idle link, so that a silent death is noticed."""

MOST_REFUSALS = 20
"""Kinds that are told of during one link."""

_READS = {
    "get": "get",
    "hget": "hget",
    "hgetall": "hgetall_asdict",
    "hmget": "hmget_aslist",
    "scard": "scard",
}
_INCLUDE = re.compile(r"^-- include (\S+)\n", re.MULTILINE)


class StoreDown(ConnectionError):
    """Redis could not be asked, or did not answer as it should. What was asked may or may not have been done."""


class ScriptRefused(StoreDown):
    """Redis answered, but not with what was asked for: it refuses to write, or the script failed. Asking again at
    once is of no use. The text is Redis's own."""


@dataclass(frozen=True, slots=True)
class Script:
    """A Lua script and the name under which Redis caches it."""

    source: str
    sha: str


def load_script(package: str, name: str) -> Script:
    """Read lua/<name>.lua beside `package`, its includes put in place. Raises FileNotFoundError."""
    folder = resources.files(package) / "lua"

    def text(file: str) -> str:
        return _INCLUDE.sub(lambda found: text(found[1]), (folder / file).read_text(encoding="utf-8"))

    source = text(f"{name}.lua")
    return Script(source, hashlib.sha1(source.encode(), usedforsecurity=False).hexdigest())


class _Link(HiRedisProtocol):  # type: ignore[misc]
    """One connection of the client, made safe: what its parser cannot take ends the link instead of freezing it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options, enable_typechecking=False)
        self.lost = asyncio.Event()
        self.on_lost: Callable[[], None] = lambda: None

    def data_received(self, data: bytes) -> None:
        try:
            super().data_received(data)
        except Exception:
            self.cut()

    def connection_lost(self, exc: Exception | None) -> None:
        self.on_lost()  # first, so that those whose calls fail now find the link down
        super().connection_lost(exc)
        self.lost.set()

    def cut(self) -> None:
        self.on_lost()
        if self.transport:
            self.transport.abort()


class Store:
    """One link to one Redis. `run` keeps it up; use `script` and `read` from any task meanwhile.

    `deadline` seconds are allowed to each answer. `on_link` is told of every change of the link, `on_refused` of
    what Redis says when it refuses a script, once for each link and kind of refusal; they must not raise.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        deadline: float = 1.0,
        on_link: Callable[[bool], None] | None = None,
        on_refused: Callable[[str], None] | None = None,
    ) -> None:
        self.host, self.port = host, port
        self._deadline = deadline
        self._on_link, self._on_refused = on_link, on_refused
        self._refusals: set[str] = set()
        self._link: _Link | None = None
        self._connected = asyncio.Event()

    @property
    def up(self) -> bool:
        return self._link is not None

    async def wait_up(self, seconds: float) -> bool:
        """Wait for the link; False when it did not come up in time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._connected.wait()
        return self.up

    async def run(self) -> None:
        """Keep connected until cancelled."""
        loop = asyncio.get_running_loop()
        delay = FIRST_RETRY
        while True:
            began = loop.time()
            if link := await self._connect():
                await self._serve(link)
            delay = FIRST_RETRY if loop.time() - began > LAST_RETRY + self._deadline else min(2 * delay, LAST_RETRY)
            await asyncio.sleep(delay)

    async def script(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        """Run a script and return its answer, parsed from JSON. Raises StoreDown."""
        try:
            return await self._evaluate(script, keys, args)
        except _NotLoaded:
            await self._ask(lambda link: link.script_load(script.source))
        return await self._evaluate(script, keys, args)

    async def read(self, command: str, *args: Any) -> Any:
        """One of the reads get, hget, hgetall, hmget, scard, in bytes. Raises StoreDown."""
        method = _READS[command]
        return await self._ask(lambda link: getattr(link, method)(*args))

    async def _evaluate(self, script: Script, keys: Sequence[bytes], args: Sequence[bytes]) -> Any:
        async def send(link: _Link) -> Any:
            reply = await link.evalsha(script.sha, list(keys), list(args))
            return json.loads(await reply.return_value())

        return await self._ask(send)

    async def _ask(self, send: Callable[[_Link], Awaitable[Any]], link: _Link | None = None) -> Any:
        """The gate: send on the link, wait as long as the deadline allows, turn every failure into StoreDown."""
        link = link or self._link
        if link is None:
            raise StoreDown(f"Redis at {self.host}:{self.port} is not connected; see that it runs, we keep trying.")
        asked = asyncio.ensure_future(send(link))
        asked.add_done_callback(_look_at)
        done, _ = await asyncio.wait((asked,), timeout=self._deadline)
        if not done:
            link.cut()
            raise StoreDown(f"Redis gave no answer within {self._deadline} s; the link was cut and is made anew.")
        if error := asked.exception():
            raise self._failure(error) from error
        return asked.result()

    def _failure(self, error: BaseException) -> StoreDown:
        """What went wrong, in our words. An error that was raised once more has lost the context that this reads."""
        if isinstance(error, ScriptKilledError):
            said = str(error.__context__)
            return _NotLoaded(said) if said.startswith("NOSCRIPT") else self._refused(said)
        if isinstance(error, NotConnectedError):
            return StoreDown("The link to Redis broke before the answer came; it is made anew.")
        return StoreDown(f"Redis did not answer as it should: {error!r}")

    def _refused(self, said: str) -> ScriptRefused:
        """The refusal as an exception; told if it is news."""
        said = said.partition(" script: ")[0]  # what follows is the script's hash
        kind = said if said.startswith("ERR") else said.partition(" ")[0]
        if self._on_refused and kind not in self._refusals and len(self._refusals) < MOST_REFUSALS:
            self._refusals.add(kind)
            self._on_refused(said)
        return ScriptRefused(f"Redis refused a script: {said}")

    async def _connect(self) -> _Link | None:
        """A link that answered a ping, or None."""
        try:
            async with asyncio.timeout(self._deadline):
                connection = await Connection.create(
                    self.host, self.port, encoder=BytesEncoder(), auto_reconnect=False, protocol_class=_Link
                )
        except (OSError, TimeoutError):
            return None
        link: _Link = connection.protocol
        try:
            await self._ask(_Link.ping, link)
        except StoreDown:
            link.cut()
            return None
        except asyncio.CancelledError:
            link.cut()
            raise
        return link

    async def _serve(self, link: _Link) -> None:
        """Offer a link to everyone until it is lost or we are cancelled."""
        link.on_lost = lambda: self._set(None)
        self._set(link)
        try:
            while not link.lost.is_set():
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(PING_EVERY):
                        await link.lost.wait()
                    break
                with contextlib.suppress(StoreDown):
                    await self._ask(_Link.ping, link)
        finally:
            link.cut()
            await link.lost.wait()

    def _set(self, link: _Link | None) -> None:
        if link is self._link:
            return
        self._link = link
        if link:
            self._refusals.clear()
            self._connected.set()
        else:
            self._connected.clear()
        if self._on_link:
            self._on_link(link is not None)


class _NotLoaded(StoreDown):
    """Redis does not have the script, because it was restarted or its scripts were flushed."""


def _look_at(asked: asyncio.Future[Any]) -> None:
    """Take note of an exception that nobody waits for any more."""
    if not asked.cancelled():
        asked.exception()
