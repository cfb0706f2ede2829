"""What Redis and a PBX say of the same moment, held against each other. Pure: both snapshots in, differences out.

Rules of this file:
- What is missing in a list that is not complete is not missing.
- A difference is a suspicion: whoever acts on it asks once more, a moment later. Calls begin and end all the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ami.events import ChannelRow
from ami.events import Snapshot as Channels
from hotline.acd.model import AgentSettings, AgentState, Snapshot


@dataclass(frozen=True, slots=True)
class Held:
    """An agent who is held for a call, or talks with it."""

    agent: str
    call: str
    token: int


def gone_calls(pbx: str, known: Snapshot, seen: Channels) -> dict[str, float]:
    """Calls of this PBX that it does not have, each with its arrival."""
    here = {call: place.arrival for call, place in known.calls.items() if place.pbx == pbx}
    alive = _by_call(seen)
    return {call: here[call] for call in here.keys() - alive.keys()} if seen.complete else {}


def missed_answers(known: Snapshot, seen: Channels) -> list[Held]:
    """Offers whose caller talks: the caller's channel shares a bridge with another of its call."""
    alive = _by_call(seen)
    return [
        Held(agent, call, token)
        for agent, (state, call, token) in known.agents.items()
        if state is AgentState.OFFERED and call in known.calls
        if _talking(known.calls[call].channel, alive.get(call, []))
    ]


def ended_talks(pbx: str, known: Snapshot, seen: Channels, agents: Mapping[str, AgentSettings]) -> list[Held]:
    """Conversations whose call this PBX has, without any channel of the agent's phone in it."""
    if not seen.complete:
        return []
    alive = _by_call(seen)
    return [
        Held(name, call, token)
        for name, (state, call, token) in known.agents.items()
        if state is AgentState.TALKING and name in agents and call in alive
        if call in known.calls and known.calls[call].pbx == pbx
        if not any(row.channel.startswith(f"{agents[name].phone}-") for row in alive[call])
    ]


def held_for_nothing(known: Snapshot) -> list[Held]:
    """Agents who are held for a call that Redis itself does not have."""
    held = (AgentState.OFFERED, AgentState.TALKING)
    return [
        Held(agent, call, token)
        for agent, (state, call, token) in known.agents.items()
        if state in held and call not in known.calls
    ]


def _by_call(seen: Channels) -> Mapping[str, list[ChannelRow]]:
    rows: dict[str, list[ChannelRow]] = {}
    for row in seen.channels:
        rows.setdefault(row.linkedid, []).append(row)
    return rows


def _talking(caller: str, rows: list[ChannelRow]) -> bool:
    bridges = {row.bridge_id for row in rows if row.channel == caller and row.bridge_id}
    return any(row.bridge_id in bridges for row in rows if row.channel != caller)
