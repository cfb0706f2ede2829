"""The requests' way in: `/callbacks` over HTTP, for the servers of web pages and apps.

    POST   /callbacks         ask for a callback: 201, or 200 when this key asked for it before
    GET    /callbacks/<id>    how it stands
    DELETE /callbacks/<id>    cancel it

Rules of this file:
- Nobody gets in without a token, which is compared in constant time; without tokens there is no way in. Browsers are
  no clients: the token is a secret of a server, so there is no CORS.
- Every answer is JSON; every error is one: {"error", "field", "problems"}. Nothing that was sent is logged.
- What is sent is bounded in size and time, and how often per token.
"""

from __future__ import annotations

import asyncio
import hmac
import math
import re
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import partial
from hashlib import sha256
from typing import Any

import structlog
from aiohttp import web

from hotline.api.asked import MOST, Refused, read
from hotline.api.promising import Promising
from hotline.api.rate import Bucket

RATE, BURST = 10.0, 20.0
"""Requests a second, and at once, of one token at one service."""

SENDING = 5.0
"""Seconds in which a request must be there."""

_ID = re.compile(r"[A-Za-z0-9._-]{1,120}", re.ASCII)
Answer = tuple[int, dict[str, Any]]


class Api:
    """`tokens` let in; () is nobody."""

    def __init__(
        self, promising: Promising, tokens: Sequence[str], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._promising, self._clock = promising, clock
        self._doors = [(_hashed(token), Bucket(RATE, BURST)) for token in tokens]
        self._log = structlog.get_logger("hotline.api")

    def routes(self) -> Iterable[web.RouteDef]:
        """All methods of both paths, so that what is not there is told as all else is."""
        return (web.route("*", "/callbacks", self._answer), web.route("*", "/callbacks/{id:.*}", self._answer))

    async def _answer(self, request: web.Request) -> web.Response:
        headers = {"Cache-Control": "no-store"}
        try:
            client = self._let_in(request)
            status, body = await self._do(request, client)
        except Refused as refused:
            status, body = refused.status, _told(refused)
            if refused.retry:
                headers["Retry-After"] = str(refused.retry)
            if status == 401:
                headers["WWW-Authenticate"] = "Bearer"
        except Exception as error:  # a fault of ours; the client is told, and not what it was
            self._log.error("A request for a callback failed here.", exc_info=error)
            status, body = 500, _told(Refused.one(500, "This failed by a fault of the service; its log tells more."))
        if status == 201:
            headers["Location"] = f"/callbacks/{body['id']}"
        return web.json_response(body, status=status, headers=headers)

    def _let_in(self, request: web.Request) -> str:
        """Who asks: a digest of their token."""
        if not self._doors:
            raise Refused.one(404, "This service takes no requests: HOTLINE_API_TOKEN is not set.")
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        given = _hashed(token.strip())
        doors = [bucket for known, bucket in self._doors if hmac.compare_digest(known, given)]
        if scheme.lower() != "bearer" or not doors:
            raise Refused.one(401, "Show a token of this service: Authorization: Bearer …", "Authorization")
        if seconds := doors[0].take(self._clock()):
            raise Refused.one(429, f"No more than {RATE:g} requests a second.", retry=math.ceil(seconds))
        return given.hex()

    async def _do(self, request: web.Request, client: str) -> Answer:
        id = request.match_info.get("id")
        if id is None:
            return await self._one_of(request, {"POST": partial(self._post, client)})
        if not _ID.fullmatch(id):
            raise Refused.one(404, "There is no such promise.")
        return await self._one_of(request, {"GET": self._get, "DELETE": self._delete})

    @staticmethod
    async def _one_of(request: web.Request, verbs: dict[str, Callable[[web.Request], Awaitable[Answer]]]) -> Answer:
        if request.method not in verbs:
            raise Refused.one(405, f"Only {' and '.join(verbs)} can be done here.")
        return await verbs[request.method](request)

    async def _post(self, client: str, request: web.Request) -> Answer:
        body = await _body(request)
        asked = read(body, request.headers.get("Idempotency-Key", ""))
        made, promise = await self._promising.ask(asked, client)
        return 201 if made else 200, promise

    async def _get(self, request: web.Request) -> Answer:
        return 200, await self._promising.look(request.match_info["id"])

    async def _delete(self, request: web.Request) -> Answer:
        return 200, await self._promising.cancel(request.match_info["id"])


async def _body(request: web.Request) -> bytes:
    """Raises Refused when it is too large or too slow."""
    body = bytearray()
    try:
        async with asyncio.timeout(SENDING):
            async for chunk in request.content.iter_chunked(MOST):
                body += chunk
                if len(body) > MOST:
                    raise Refused.one(413, f"A request has no more than {MOST} bytes.")
    except TimeoutError:
        raise Refused.one(408, f"The request was not there within {SENDING:g} s.") from None
    return bytes(body)


def _hashed(token: str) -> bytes:
    """Of one length, so that nothing is learnt from how long a comparison takes."""
    return sha256(token.encode("utf-8", "surrogateescape")).digest()


def _told(refused: Refused) -> dict[str, Any]:
    first = refused.problems[0]
    body: dict[str, Any] = {"error": _sentence(first.field, first.error), "field": first.field}
    if len(refused.problems) > 1:
        body["problems"] = [
            {"error": _sentence(each.field, each.error), "field": each.field} for each in refused.problems
        ]
    if refused.promise:
        body["promise"] = refused.promise
    return body


def _sentence(field: str, error: str) -> str:
    """`number is missing.`; what begins with a capital letter is a sentence already."""
    sentence = error if error[:1].isupper() or not field else f"{field} {error}"
    return sentence if sentence.endswith((".", "?")) else f"{sentence}."
