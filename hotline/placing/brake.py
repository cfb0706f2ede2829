"""The brake on placing: where a PBX refuses to ring customers, nobody is taken in hand for a while."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from hotline.clock import Clock

PAUSE = 60.0
"""Seconds that this process takes nothing in hand after a refusal."""


class Brake:
    def __init__(self, now: Clock, log: BoundLogger) -> None:
        self._now, self._log = now, log
        self._until, self._told = 0.0, False

    @property
    def on(self) -> bool:
        return self._now() < self._until

    def refused(self, pbx: str) -> None:
        """An agent wanted to ring a customer, and the PBX would not. Told once, until it does."""
        self._until = self._now() + PAUSE
        if not self._told:
            self._log.error(
                "The PBX refuses to ring customers: no promise is tried for a minute at a time. Set "
                "HOTLINE_CALLBACK_TRUNK in its dialplan to a trunk, and include the dialplan/hotline.conf of now.",
                pbx=pbx,
            )
        self._told = True

    def went(self) -> None:
        """A customer's phone was rung."""
        self._told = False
