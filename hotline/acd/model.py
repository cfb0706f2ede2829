"""The queue core's nouns. What Redis holds, in types; what the scripts answer, parsed.

Moments are POSIX seconds, given by the caller of every function; durations are seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

Needs = Mapping[str, int]
"""skill → least level (1–9) that an agent must have; calls with equal needs form a class."""

Skills = Mapping[str, int]
"""skill → level (1–9) that an agent has; agents with equal skills form a profile."""


class AgentState(enum.StrEnum):
    OFFLINE = "offline"
    IDLE = "idle"
    OFFERED = "offered"
    TALKING = "talking"
    WRAP_UP = "wrap-up"
    PAUSED = "paused"


class Missed(enum.StrEnum):
    """Why an offer came to nothing; each has its own consequence for the agent."""

    NO_ANSWER = "ring-no-answer"
    REJECTED = "rejected"
    BUSY = "busy"
    UNREGISTERED = "unregistered"
    LOST = "lost"
    """The lease ran out: the session that held the offer is gone."""


class Left(enum.StrEnum):
    """Why a call left the queue; every call that joined ends with exactly one."""

    SERVED = "served"
    ABANDONED = "abandoned"
    MAX_WAIT = "max-wait"
    NO_AGENTS = "no-agents"
    FULL = "full"
    LOST = "lost"
    """The PBX no longer knows the call."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One queue's rules. Times in seconds."""

    name: str
    needs: Needs
    priority: float = 0.0
    """Head start in seconds: virtual arrival = arrival − priority."""
    ring: float = 15.0
    wrap_up: float = 0.0
    max_wait: float = 0.0
    """0 = no limit."""
    max_length: int = 0
    """0 = no limit."""
    answer_within: float = 20.0
    """The service level's threshold T."""
    short_abandon: float = 5.0
    music: str = "default"
    announce_every: float = 30.0
    announce: tuple[str, ...] = ()
    miss_pause: Mapping[Missed, float] = field(default_factory=dict)
    """How long an agent is left alone after a miss, by outcome (see hotline.acd.core for the defaults)."""


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One agent of the configuration. `phone` is what Dial rings, e.g. PJSIP/anna."""

    name: str
    phone: str
    skills: Skills


@dataclass(frozen=True, slots=True)
class Offer:
    """An agent held for a call until `lease`. A higher `token` fences off everything older."""

    call: str
    agent: str
    token: int
    queue: str
    phone: str
    channel: str
    pbx: str
    lease: float


def parse_offer(text: str) -> tuple[str, int] | None:
    """Agent and token of an offer as the PBX's variables carry it, "<agent>:<token>"; None where it is none."""
    agent, _, token = text.rpartition(":")
    return (agent, int(token)) if agent and token.isascii() and token.isdecimal() and len(token) < 16 else None


class CallState(enum.StrEnum):
    UNKNOWN = "unknown"
    WAITING = "waiting"
    OFFERED = "offered"
    TALKING = "talking"
    ENDED = "ended"
    FULL = "full"
    """It could not join."""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a call stands: its place counted from 1 until answered, its offer while offered or talking."""

    state: CallState
    position: int = 0
    arrival: float = 0.0
    offer: Offer | None = None
    answered: float = 0.0
    """When the agent answered; 0 until then."""
    queue: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """What a script did. `applied` is False when the event came too late or twice: then nothing changed.

    `offers` are those made by this change (to any call: someone must ring their bells); `agents` names those
    whose state this change altered, with the new state, for the log. `standing` is the call's after the change;
    where the change ended the call, it is the last one before that. `given_up` are calls that ended as lost because
    no session has been heard of for too long, with their last standings; `lapsed` are offers whose leases ran out.
    """

    applied: bool
    offers: tuple[Offer, ...] = ()
    agents: tuple[tuple[str, AgentState], ...] = ()
    standing: Standing = Standing(CallState.UNKNOWN)
    given_up: tuple[tuple[str, Standing], ...] = ()
    lapsed: tuple[Offer, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueCount:
    waiting: int
    oldest: float
    """Arrival of the one who waits longest; 0 when nobody waits."""


@dataclass(frozen=True, slots=True)
class Place:
    """One call of a snapshot: its state, where its caller is, and since when."""

    state: CallState
    channel: str
    pbx: str
    arrival: float


@dataclass(frozen=True, slots=True)
class Snapshot:
    """All of it at one moment, for gauges and reconciliation. `agents` maps a name to (state, call, token)."""

    queues: Mapping[str, QueueCount]
    agents: Mapping[str, tuple[AgentState, str, int]]
    calls: Mapping[str, Place]
