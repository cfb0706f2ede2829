"""The queue core's nouns. What Redis holds, in types; what the scripts answer, parsed.

Moments are POSIX seconds, given by the caller of every function; durations are seconds.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field

CALLBACK = "callback_"
"""How the id of a virtual caller begins: one who will be called back, and waits for an agent without a line."""

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
    DEVICE_BUSY = "device-busy"
    """Would be idle, but the phone is in use for a call that is not ours."""


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
    TOO_LONG = "too-long"
    """The expected wait was over the queue's limit when it would have joined."""
    OVERFLOW = "overflow"
    """It went on to where the queue's overflow leads, and takes its place in line along."""
    LOST = "lost"
    """The PBX no longer knows the call."""
    CALLBACK = "callback"
    """The caller hung up on our promise to call back; a virtual caller has the place."""


class Choice(enum.StrEnum):
    """Which of several idle agents gets a call."""

    LONGEST_IDLE = "longest-idle"
    BEST_SKILLED = "best-skilled"
    """The highest sum of levels in the skills needed, then longest idle."""
    SPARE_THE_VERSATILE = "spare-the-versatile"
    """The fewest skills, then longest idle: who can do much is kept for calls that only they can serve."""


@dataclass(frozen=True, slots=True)
class Widening:
    """`after` seconds from its arrival a call needs only `needs`; at once while nobody at work could serve it."""

    after: float
    needs: Needs


@dataclass(frozen=True, slots=True)
class Overflow:
    """Whichever of the limits is passed first sends a caller on to the menu `to`; 0 = no limit.

    `after`: seconds waited. When joining only: `length` callers in line already, or an expected wait of more than
    `expected` seconds.
    """

    to: str
    after: float = 0.0
    length: int = 0
    expected: float = 0.0


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """One queue's rules. Times in seconds."""

    name: str
    needs: Needs
    other_needs: tuple[Needs, ...] = ()
    """What callers need who join with needs of their own, as simulated ones do."""
    priority: float = 0.0
    """Head start in seconds: virtual arrival = arrival − priority."""
    weight: float = 1.0
    """An agent takes the call with the highest weight × (now − virtual arrival) among those it can serve; > 0."""
    choice: Choice = Choice.LONGEST_IDLE
    widen: tuple[Widening, ...] = ()
    """Steps by rising `after`; each relaxes the one before it."""
    sticky: float = 0.0
    """How long a call waits for the caller's last agent alone, while that agent is at work; 0 = not at all."""
    own_site: float = 0.0
    """How long a call waits for agents of the caller's site alone; 0 = sites do not matter."""
    max_calls: int = 0
    """Most conversations and offers of this queue at one moment; 0 = no limit."""
    reserve_above: float = 0.0
    """Reserve agents get calls of this queue only while its expected wait is above this; 0 = like everybody."""
    max_expected_wait: float = 0.0
    """Nobody joins while the expected wait is above this (TOO_LONG); 0 = no limit."""
    overflow: Overflow | None = None
    miss_limit: int = 0
    """Misses in a row after which an agent is paused until they say they are ready; 0 = no limit."""
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
    announce_wait: bool = False
    """Callers are told the expected wait when they begin to wait, and with `announce`."""
    announce_place: bool = False
    """The same of their place in line."""
    miss_pause: Mapping[Missed, float] = field(default_factory=dict)
    """How long an agent is left alone after a miss, by outcome (see hotline.acd.wire for the defaults)."""

    @property
    def may_need(self) -> tuple[Needs, ...]:
        """All that its callers may need, when they join and as that widens."""
        return (self.needs, *self.other_needs, *(step.needs for step in self.widen))


@dataclass(frozen=True, slots=True)
class AgentSettings:
    """One agent of the configuration. `phone` is what Dial rings, e.g. PJSIP/anna."""

    name: str
    phone: str
    skills: Skills
    site: str = ""
    reserve: bool = False
    """Offered calls only while a queue's expected wait is above its `reserve_above`."""
    max_in_row: int = 0
    """Conversations in a row after which the agent rests; 0 = no limit."""
    cool_down: float = 0.0
    """Seconds of that rest. Any pause, or an idle time as long, begins the row anew."""


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


def is_callback(call: str) -> bool:
    """Whether a call of the core is a virtual caller's. No PBX makes such an id: its systemname ends in "-"."""
    return call.startswith(CALLBACK)


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
    """It could not join: the queue has no place left."""
    TOO_LONG = "too-long"
    """It could not join: the expected wait is over the queue's limit."""
    OVERFLOW = "overflow"
    """It did not join: the queue's overflow takes it (by length or expected wait)."""


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
    `due` is the moment of the core's next deadline: Core.tick has nothing to do before it.
    """

    applied: bool
    offers: tuple[Offer, ...] = ()
    agents: tuple[tuple[str, AgentState], ...] = ()
    standing: Standing = Standing(CallState.UNKNOWN)
    given_up: tuple[tuple[str, Standing], ...] = ()
    lapsed: tuple[Offer, ...] = ()
    due: float | None = None


@dataclass(frozen=True, slots=True)
class QueueCount:
    waiting: int
    oldest: float
    """Arrival of the one who waits longest; 0 when nobody waits."""


@dataclass(frozen=True, slots=True)
class Staffing:
    """Who could serve a queue: agents logged in and not on a break, and those of them who are idle."""

    staff: int
    idle: int


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
