"""Calls and agents as the reference has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from hotline.acd.model import AgentSettings, AgentState, Offer

State = AgentState


@dataclass
class Call:
    id: str
    queue: str
    needs: Mapping[str, int]
    arrival: float
    virtual: float
    wrap_up: float
    channel: str
    pbx: str
    site: str
    caller: str
    relaxes: bool
    joined: float = 0.0
    state: str = ""
    step: int = 0
    wanted: Mapping[str, int] = field(default_factory=dict)
    """Its needs, as far as they have widened."""
    last: str = ""
    agent: str = ""
    phone: str = ""
    token: int = 0
    lease: float = 0.0
    taken: bool = False
    stood: bool = False
    answered: float = 0.0
    deadline: float | None = None
    tried: list[str] = field(default_factory=list)

    @property
    def rank(self) -> tuple[float, bytes]:
        return (self.virtual, self.id.encode())

    @property
    def offer(self) -> Offer:
        return Offer(self.id, self.agent, self.token, self.queue, self.phone, self.channel, self.pbx, self.lease)


@dataclass
class Agent:
    name: str
    phone: str
    profile: tuple[Mapping[str, int], str, bool]
    max_in_row: int
    cool_down: float
    since: float
    state: State = State.OFFLINE
    deadline: float | None = None
    call: str = ""
    reason: str = ""
    wish: str = ""
    wish_reason: str = ""
    row: int = 0
    misses: int = 0
    device: bool = False
    away: bool = False
    """Between two profiles."""

    @property
    def at_work(self) -> bool:
        return self.state is not State.OFFLINE and (self.state, self.reason) != (State.PAUSED, "missed-calls")

    @property
    def on_staff(self) -> bool:
        return self.state not in (State.OFFLINE, State.PAUSED) and not self.away

    def serves(self, needs: Mapping[str, int], site: str) -> bool:
        skills, home, _ = self.profile
        return all(skills.get(skill, 0) >= level for skill, level in needs.items()) and site in ("", home)


def profile(settings: AgentSettings) -> tuple[Mapping[str, int], str, bool]:
    return (dict(settings.skills), settings.site, settings.reserve)
