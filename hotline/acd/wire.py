"""Between the queue core's nouns and what its scripts read and answer.

Rules of this file:
- Equal things have one text: the scripts compare and name by it.
- Moments and seconds travel as decimal text with six places.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from hotline.acd.model import (
    AgentSettings,
    AgentState,
    CallState,
    Change,
    Missed,
    Needs,
    Offer,
    QueueCount,
    QueueSettings,
    Skills,
    Standing,
)

MISS_DELAYS: Mapping[Missed, float] = MappingProxyType(
    {
        Missed.NO_ANSWER: 20.0,
        Missed.REJECTED: 20.0,
        Missed.BUSY: 5.0,
        Missed.UNREGISTERED: 15.0,
        Missed.LOST: 0.0,
    }
)
"""Seconds that an agent is left alone (paused) after a miss, where the queue's `miss_pause` says nothing else."""


def canonical(levels: Needs | Skills) -> str:
    """The one name of equal needs, or of equal skills."""
    return json.dumps(dict(levels), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def number(value: float) -> str:
    """The shortest text: 0.0 is "0"."""
    return f"{value:.15g}"


def rules(queue: QueueSettings) -> str:
    """What the scripts need to know of a queue, but what each call brings itself.

    In the order of queues.rules in lua/lib/queues.lua.
    """
    delays = {outcome.value: queue.miss_pause.get(outcome, MISS_DELAYS[outcome]) for outcome in Missed}
    return json.dumps(
        [
            queue.weight,
            queue.choice.value,
            [[step.after, canonical(step.needs)] for step in queue.widen],
            queue.sticky,
            queue.own_site,
            queue.max_calls,
            queue.reserve_above,
            queue.miss_limit,
            delays,
            sorted({canonical(needs) for needs in queue.may_need}),
        ],
        ensure_ascii=False,
    )


def limits(queue: QueueSettings) -> str:
    """Who may not join: "" where everybody may."""
    spill = queue.overflow
    most = (
        queue.max_length,
        queue.max_expected_wait,
        spill.length if spill else 0,
        spill.expected if spill else 0.0,
    )
    return " ".join(map(number, most)) if any(most) else ""


def agent_words(agent: AgentSettings, refresh: str) -> tuple[str, ...]:
    """An agent as login.lua wants them."""
    profile = f"[{canonical(agent.skills)},{json.dumps(agent.site, ensure_ascii=False)},{int(agent.reserve)}]"
    rests = agent.max_in_row and agent.cool_down
    rest = (str(agent.max_in_row), number(agent.cool_down)) if rests else ("", "")
    return (agent.name, agent.phone, profile, refresh, *rest)


def to_bytes(value: str | float) -> bytes:
    """Bytes that are no UTF-8, from a terminal say, are surrogates to Python; they stay the bytes they were."""
    return (f"{value:.6f}" if isinstance(value, float) else str(value)).encode(errors="surrogateescape")


def seconds(text: str | None) -> float | None:
    return None if text is None else float(text)


def offer(row: list[Any]) -> Offer:
    call, agent, token, queue, phone, channel, pbx, lease = row
    return Offer(call, agent, int(token), queue, phone, channel, pbx, float(lease))


def standing(reply: dict[str, Any]) -> Standing:
    state = CallState(reply["state"])
    if "queue" not in reply:
        return Standing(state)
    return Standing(
        state,
        position=reply["position"],
        arrival=float(reply["arrival"]),
        offer=offer(reply["offer"]) if reply["offer"] else None,
        answered=float(reply["answered"]),
        queue=reply["queue"],
    )


def change(reply: dict[str, Any]) -> Change:
    """A script's answer; what is empty is not in it."""
    get = reply.get
    return Change(
        applied=reply["applied"],
        offers=tuple(offer(row) for row in get("offers") or ()),
        agents=tuple((name, AgentState(state)) for name, state in get("agents") or ()),
        standing=standing(reply["standing"]) if "standing" in reply else Standing(CallState.UNKNOWN),
        given_up=tuple((call, standing(was)) for call, was in get("given_up") or ()),
        lapsed=tuple(offer(row) for row in get("lapsed") or ()),
        due=float(reply["due"]) if get("due") else None,
    )


def counts(calls: list[list[str]]) -> dict[str, QueueCount]:
    arrivals: dict[str, list[float]] = {}
    for _, state, _, _, queue, arrival in calls:
        if state != CallState.TALKING.value:
            arrivals.setdefault(queue, []).append(float(arrival))
    return {queue: QueueCount(len(moments), min(moments)) for queue, moments in arrivals.items()}


CALL_STATES = MappingProxyType(
    {
        "waiting": CallState.WAITING,
        "lost": CallState.WAITING,  # in line, but nobody there to be rung: for gauges a caller who waits
        "offered": CallState.OFFERED,
        "talking": CallState.TALKING,
    }
)
