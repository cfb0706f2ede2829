"""How things stand at one moment, as figures for a scrape. Pure: nothing is counted up and down, nothing is kept.

Rules of this file:
- Every queue, and every state of an agent, has its figure, also where it is zero.
- Agents of the configuration whom Redis does not know are offline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from hotline.acd.model import AgentState, Snapshot
from hotline.callbacks.indexer import PromiseCounts


@dataclass(frozen=True, slots=True)
class Gauge:
    """`values` by the words of `label`; where that is "", by "" alone."""

    name: str
    text: str
    label: str
    values: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class SpoolState:
    """The outbox and its disk: what Redis does not have yet, in bytes and lines, and the bytes that are free.

    `undelivered`: messages to be handed on, by the way (mail, webhook).
    """

    unread_bytes: int
    unread_lines: int
    free_bytes: int
    undelivered: Mapping[str, int] = field(default_factory=dict)


def queue_gauges(snapshot: Snapshot, queues: Collection[str], agents: Collection[str], now: float) -> Iterator[Gauge]:
    """`queues` and `agents` are the names of the configuration; moments are POSIX seconds."""
    counts = {queue: snapshot.queues.get(queue) for queue in queues}
    waiting = {queue: count.waiting if count else 0 for queue, count in counts.items()}
    longest = {
        queue: max(0.0, now - count.oldest) if count and count.waiting else 0 for queue, count in counts.items()
    }
    states = Counter(state for state, *_ in snapshot.agents.values())
    states[AgentState.OFFLINE] += len(set(agents) - snapshot.agents.keys())
    yield Gauge("hotline_queue_waiting", "Callers who wait now.", "queue", waiting)
    yield Gauge("hotline_queue_longest_wait_seconds", "The longest wait just now.", "queue", longest)
    yield Gauge("hotline_agents", "Agents by state.", "state", {state.value: states[state] for state in AgentState})


def promise_gauges(promises: PromiseCounts, now: float) -> Iterator[Gauge]:
    """`now` in POSIX seconds."""
    overdue = max(0.0, now - promises.oldest_due) if promises.due_now else 0
    yield Gauge("hotline_promises", "Promised callbacks by state.", "state", promises.by_state)
    yield Gauge("hotline_promises_open", "Promises that are not over, by age.", "age", promises.by_age)
    yield Gauge("hotline_promises_due", "Callbacks that are due and not yet made.", "", {"": promises.due_now})
    yield Gauge("hotline_promises_oldest_due_seconds", "Since when the oldest is due.", "", {"": overdue})


def spool_gauges(spool: SpoolState) -> Iterator[Gauge]:
    """As this process sees it: it goes by what it has given to Redis or seen there, also while Redis is away."""
    yield Gauge("hotline_outbox_unread_bytes", "Of the outbox, not yet in Redis.", "", {"": spool.unread_bytes})
    yield Gauge("hotline_outbox_unread_lines", "The same in lines.", "", {"": spool.unread_lines})
    if spool.undelivered:
        yield Gauge("hotline_undelivered", "Messages to be handed on.", "what", spool.undelivered)
    yield Gauge("hotline_spool_free_bytes", "Free on the spool's disk.", "", {"": spool.free_bytes})
