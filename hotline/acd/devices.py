"""Which agents' phones are in use, by what all the PBXs say of them.

Rules of this file:
- Ringing is not in use: our own offers ring. A PBX where a phone is not registered knows nothing of it.
- A phone may be known to several PBXs, and is in use when one of them says so.
- An event is newer than a list that was asked for before it came.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ami.events import DeviceRow
from hotline.acd.model import AgentSettings

_IN_USE = {
    **dict.fromkeys(("INUSE", "BUSY", "RINGINUSE", "ONHOLD"), True),
    **dict.fromkeys(("NOT_INUSE", "RINGING"), False),
}


class Devices:
    """The phones of these agents. Nothing else that a PBX has is remembered."""

    def __init__(self, agents: Mapping[str, AgentSettings]) -> None:
        self._agents = {agent.phone: name for name, agent in agents.items()}
        self._said: dict[str, dict[str, bool]] = {name: {} for name in agents}  # agent → PBX → in use
        self._changes = 0
        self._changed: dict[tuple[str, str], int] = {}

    def in_use(self, agent: str) -> bool | None:
        """None: nobody knows."""
        said = self._said.get(agent)
        return any(said.values()) if said else None

    def hear(self, pbx: str, device: str, state: str) -> str | None:
        """An event: the agent whose phone is in use from now on, or no more; None where nothing changed for us."""
        agent = self._agents.get(device)
        if agent is None:
            return None
        self._changes += 1
        self._changed[pbx, agent] = self._changes
        before = self.in_use(agent)
        self._note(pbx, agent, state)
        return agent if bool(self.in_use(agent)) != bool(before) else None

    def mark(self) -> int:
        """The moment before a list is asked for."""
        return self._changes

    def list(self, pbx: str, rows: Iterable[DeviceRow], mark: int) -> None:
        """What a PBX answered to a question that was asked at `mark`."""
        for row in rows:
            agent = self._agents.get(row.device)
            if agent is not None and self._changed.get((pbx, agent), 0) <= mark:
                self._note(pbx, agent, row.state)

    def silent(self, pbx: str) -> None:
        """That PBX has said nothing for long: what it said last must not keep anybody from work any more."""
        for said in self._said.values():
            if pbx in said:
                said[pbx] = False

    def _note(self, pbx: str, agent: str, state: str) -> None:
        in_use = _IN_USE.get(state)
        if in_use is None:
            self._said[agent].pop(pbx, None)
        else:
            self._said[agent][pbx] = in_use
