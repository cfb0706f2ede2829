"""Callers are known again without being known: a keyed hash stands for a number.

Rules of this file:
- The key is made once for an installation and kept in Redis (`secret`), where all services find it. Who lacks it
  cannot try all numbers to find the one behind a hash.
- Should Redis lose it, a service that knows it puts it back.
- Who hides the number, or whose network has "0" in its place, and everybody while Redis is away, is "": a caller
  like any other.
"""

from __future__ import annotations

import secrets
from hashlib import blake2s

from hotline.callbacks.number import is_placeholder, normal
from hotline.store import Store, StoreDown, load_script

_DIGEST = 12
"""Bytes: enough to keep all callers of a country apart."""


class Callers:
    """`region` is the country in which local numbers are read, so that a number is the same however it is written."""

    def __init__(self, store: Store, *, region: str, prefix: str = "hotline:") -> None:
        self._store, self._region = store, region
        self._name = f"{prefix}secret".encode()
        self._last = f"{prefix}last:"
        self._script, self._forget = (load_script("hotline", name) for name in ("secret", "forget"))
        self._secret = secrets.token_hex(16)
        self._shared = False

    def doubt(self) -> None:
        """Redis was away: it may have lost the secret."""
        self._shared = False

    async def opaque(self, number: str) -> str:
        """What stands for a caller's number; "" for none."""
        if is_placeholder(number):
            return ""
        try:
            secret = await self._key()
        except StoreDown:
            return ""
        return blake2s(normal(number, self._region).encode(), key=secret.encode(), digest_size=_DIGEST).hexdigest()

    async def forget(self, number: str) -> None:
        """Nobody knows any more with which agent a person spoke last. Raises StoreDown."""
        if caller := await self.opaque(number):
            await self._store.script(self._forget, [f"{self._last}{caller}".encode()], [])

    async def _key(self) -> str:
        if not self._shared:
            self._secret = str(await self._store.script(self._script, [self._name], [self._secret.encode()]))
            self._shared = True
        return self._secret
