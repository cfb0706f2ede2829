"""The brake on placing: where a PBX refuses to ring agents or customers, nobody is taken in hand for a while."""

from __future__ import annotations

from structlog.stdlib import BoundLogger

from hotline.clock import Clock

PAUSE = 60.0
"""Seconds that this process takes nothing in hand after a refusal."""

NO_TRUNK = (
    "The PBX refuses to ring customers: no promise is tried for a minute at a time. Set HOTLINE_CALLBACK_TRUNK in "
    "its dialplan to a trunk, and include the dialplan/hotline.conf of now."
)
NO_ORIGINATE = (
    "The PBX refuses to ring agents for callbacks: no promise is tried for a minute at a time. Where it says "
    "'Permission denied', give our AMI user `write = call,originate,reporting` in its manager.conf, and reload that."
)


class Brake:
    def __init__(self, now: Clock, log: BoundLogger) -> None:
        self._now, self._log = now, log
        self._until = 0.0
        self._told: set[tuple[str, str]] = set()
        """PBXs, and what was told of them."""

    @property
    def on(self) -> bool:
        return self._now() < self._until

    def refused(self, pbx: str) -> None:
        """An agent wanted to ring a customer, and the PBX would not. Told once, until it does."""
        self._refused(pbx, NO_TRUNK)

    def refused_agent(self, pbx: str, said: str) -> None:
        """The PBX would not ring an agent, and said why. Told once for each thing it says, until it rings."""
        self._refused(pbx, NO_ORIGINATE, said)

    def _refused(self, pbx: str, problem: str, said: str = "") -> None:
        self._until = self._now() + PAUSE
        if (pbx, problem + said) not in self._told:
            self._log.error(problem, pbx=pbx, **({"said": said} if said else {}))
        self._told.add((pbx, problem + said))

    def went(self, pbx: str) -> None:
        """An agent rang a customer's phone there."""
        self._told = {told for told in self._told if told[0] != pbx}
