"""Messages told to a webhook: a signed POST.

Rules of this file:
- `Hotline-Signature: t=<POSIX seconds>,v1=<hex>` is the HMAC-SHA256, by the shared secret, of `<t>.<body>`. Who
  checks it, and that `t` is not long ago, knows that it is from here.
- 2xx is an arrival and everything else is none; redirects are not followed. Nothing of an answer but its status is
  read: it is bounded in time, and it cannot be large.
- A connection for each delivery: messages are few, and nothing is left open.
"""

from __future__ import annotations

import hmac
from hashlib import sha256

import aiohttp

from hotline.callbacks.deliveries import NotDelivered
from hotline.callbacks.letter import Places, told
from hotline.callbacks.lines import Entry, Move
from hotline.clock import Clock

TIMES = aiohttp.ClientTimeout(total=20.0, connect=10.0)
"""Seconds."""


class Webhooks:
    """A courier."""

    what = "webhook"

    def __init__(self, places: Places, *, secret: str, now: Clock, times: aiohttp.ClientTimeout = TIMES) -> None:
        self._places, self._secret, self._now = places, secret, now
        self._times = times

    def takes(self, entry: Entry) -> bool:
        return bool(self._url(entry))

    async def deliver(self, entry: Entry, given_up: Move | None = None, tries: int = 0) -> str:  # noqa: ARG002
        """Raises NotDelivered."""
        body = told(entry, self._places, given_up)
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "hotline",
            "Hotline-Delivery": f"{entry.id}-unreachable" if given_up else entry.id,
            "Hotline-Signature": signature(self._secret, int(self._now()), body),
        }
        try:
            async with (
                aiohttp.ClientSession(timeout=self._times, cookie_jar=aiohttp.DummyCookieJar()) as session,
                session.post(self._url(entry), data=body, headers=headers, allow_redirects=False) as response,
            ):
                status = response.status
        except TimeoutError:
            raise NotDelivered("The webhook did not answer in time.") from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise NotDelivered(f"The webhook could not be reached: {_said(error)}.") from None
        if not 200 <= status < 300:
            moved = ": it redirects, and that is not followed" if 300 <= status < 400 else ""
            raise NotDelivered(f"The webhook answered {status}{moved}.")
        return ""

    def _url(self, entry: Entry) -> str:
        settings = self._places.of(entry.queue)
        return settings.webhook if settings else ""


def signature(secret: str, moment: int, body: bytes) -> str:
    """The value of the header."""
    return f"t={moment},v1={hmac.new(secret.encode(), b'%d.%s' % (moment, body), sha256).hexdigest()}"


def _said(error: Exception) -> str:
    """What went wrong, without the address: that may hold a secret."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.os_error.strerror:
        return error.os_error.strerror
    return type(error).__name__
