"""What happened, as Prometheus reads it: the only file that imports prometheus_client.

Rules of this file:
- Counters count events, one row of a table per kind of event. Gauges (hotline.gauges) are asked for when Prometheus
  scrapes, so they are right after any restart; what cannot be known then (Redis is down) is left out, and
  hotline_link_up says why.
- Label values come from the configuration or from a fixed vocabulary; anything else is "other". Never a number.
- Every series exists from the start, at zero, so that the first event is seen as an increase.
- Components, not ratios: any formula (service level, speed of answer) can be computed from them, see the dashboard.
- Each event is counted by one process; gauges from Redis are the same in all of them (take the maximum).
"""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from importlib import metadata
from itertools import product
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hotline import gauges
from hotline.acd.desk import Leak
from hotline.acd.model import Left, Missed, QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.events import (
    AgentAnswered,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    CallRefused,
    CallStarted,
    ConversationEnded,
    Event,
    KeyPressed,
    LeakHealed,
    LinkChanged,
    OfferMissed,
    VoicemailFailed,
    VoicemailSaved,
)
from hotline.store import StoreDown

PATIENCE = 2.0
"""Seconds that a scrape waits for Redis."""

OTHER = "other"
WAITS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800)
TALKS = (10, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)
MESSAGES = (2, 5, 10, 20, 30, 60, 90, 120, 180, 300)

Source = Callable[[], Awaitable[tuple[Snapshot, PromiseCounts]]]
"""Asks Redis how things stand; raises StoreDown."""


class _Words:
    """The values that a label may take: `known`, or "other"."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = frozenset(known)

    def __call__(self, value: str) -> str:
        return value if value in self.known else OTHER


_ENDS = _Words(("completed", "caller-hung-up", "line-lost", "failed"))
_REFUSALS = _Words(("full", "draining", "bad-request"))
_KEYS = _Words(("chosen", "invalid", "silence"))
_LEFT = _Words(each for each in Left if each is not Left.SERVED)
_OFFERS = _Words(("answered", *Missed))
_WAIT_ENDS = _Words(("answered", Left.ABANDONED))
_LEAKS = _Words(Leak)
_MESSAGES = _Words(("saved", "too-short", "disk", "recording"))

_Kind = TypeVar("_Kind", bound=Counter | Histogram)


class _Labelled(Generic[_Kind]):
    """A metric whose labels have vocabularies; it starts at zero for all of their words."""

    def __init__(self, metric: _Kind, words: Mapping[str, _Words]) -> None:
        self._metric: Any = metric
        self._words = tuple(words.values())
        for values in product(*(sorted(each.known) for each in self._words)):
            self(*values)

    def __call__(self, *values: str) -> _Kind:
        """The one with these labels, in the order in which their vocabularies were given."""
        words = [word(value) for word, value in zip(self._words, values, strict=True)]
        one: _Kind = self._metric.labels(*words) if words else self._metric
        return one


class Metrics:
    """One process's figures. All names given are those of the configuration; links are redis and ami:<pbx>."""

    def __init__(
        self,
        queues: Mapping[str, QueueSettings],
        *,
        entries: Iterable[str],
        menus: Iterable[str],
        agents: Iterable[str],
        links: Iterable[str],
    ) -> None:
        self._settings, self._agents, self._calls = dict(queues), frozenset(agents), set[str]()
        self._links = _Words(links)
        self._up = dict.fromkeys(sorted(self._links.known), False)
        self._registry = CollectorRegistry()
        self._count_calls(_Words((*entries, OTHER)), _Words(menus))
        self._count_queues(_Words(queues), [each.answer_within for each in queues.values()])
        ProcessCollector(registry=self._registry)
        info = Gauge(
            "hotline_build_info", "Always 1; what runs here.", ("version", "python"), registry=self._registry
        )
        info.labels(_version(), platform.python_version()).set(1)

    def _count_calls(self, entry: _Words, menu: _Words) -> None:
        counts = self._counts
        self._started = counts("hotline_calls", "Calls that reached us.", entry=entry)
        self._ended = counts("hotline_calls_ended", "Calls that ended here.", reason=_ENDS)
        self._refused = counts("hotline_calls_refused", "Requests that got no session.", reason=_REFUSALS)
        self._resumed = counts("hotline_calls_resumed", "Calls brought back after a service died under them.")
        self._keys = counts("hotline_menu_keys", "Answers to menus.", menu=menu, outcome=_KEYS)
        self._losses = counts("hotline_link_losses", "Links lost.", link=self._links)
        self._leaks = counts("hotline_healed", "What Redis had wrong and the PBX knew better.", what=_LEAKS)

    def _count_queues(self, queue: _Words, thresholds: Iterable[float]) -> None:
        counts, times = self._counts, self._times
        self._offered = counts("hotline_queue_offered", "Callers who joined.", queue=queue)
        self._answered = counts("hotline_queue_answered", "Callers answered by an agent.", queue=queue)
        self._within = counts("hotline_queue_answered_within", "Of those, within answer_within.", queue=queue)
        self._abandoned = counts("hotline_queue_abandoned", "Callers who hung up while waiting.", queue=queue)
        self._short = counts("hotline_queue_abandoned_short", "Of those, within short_abandon.", queue=queue)
        self._after = counts("hotline_queue_abandoned_after", "Of those, after answer_within.", queue=queue)
        self._left = counts("hotline_queue_left", "Callers who left without an agent.", queue=queue, reason=_LEFT)
        self._offers = counts("hotline_offers", "Agents rung for callers.", queue=queue, outcome=_OFFERS)
        any_queue = _Words((*queue.known, OTHER))  # nobody noted the queue of a message that the PBX took alone
        self._messages = counts("hotline_voicemails", "Messages, kept or not.", queue=any_queue, outcome=_MESSAGES)
        self._message = times("hotline_voicemail_seconds", "Length of messages.", MESSAGES)
        self._talk = times("hotline_talk_seconds", "Time with an agent.", TALKS, queue=queue)
        waits = (*WAITS, *thresholds)  # so that the share within a queue's own threshold can be read off
        self._wait = times("hotline_wait_seconds", "Time in the queue.", waits, queue=queue, outcome=_WAIT_ENDS)

    def _counts(self, name: str, text: str, **words: _Words) -> _Labelled[Counter]:
        return _Labelled(Counter(name, text, tuple(words), registry=self._registry), words)

    def _times(self, name: str, text: str, buckets: Iterable[float], **words: _Words) -> _Labelled[Histogram]:
        limits = sorted(set(buckets))
        return _Labelled(Histogram(name, text, tuple(words), registry=self._registry, buckets=limits), words)

    # -- events ---------------------------------------------------------------------------------------------------

    def record(self, event: Event) -> None:
        """Count an event; one of a kind that has no metric is passed over."""
        if row := _TABLE.get(type(event)):
            row(self, event)

    def _call_started(self, event: CallStarted) -> None:
        self._calls.add(event.call)
        if event.resumed:
            self._resumed().inc()
        else:
            self._started(event.entry).inc()

    def _call_ended(self, event: CallEnded) -> None:
        self._calls.discard(event.call)
        self._ended(event.reason).inc()

    def _call_refused(self, event: CallRefused) -> None:
        self._refused(event.reason).inc()

    def _key_pressed(self, event: KeyPressed) -> None:
        self._keys(event.menu, event.outcome).inc()

    def _caller_queued(self, event: CallerQueued) -> None:
        if not event.rejoined:
            self._offered(event.queue).inc()

    def _offer_missed(self, event: OfferMissed) -> None:
        self._offers(event.queue, event.outcome).inc()

    def _agent_answered(self, event: AgentAnswered) -> None:
        self._offers(event.queue, "answered").inc()
        self._answered(event.queue).inc()
        self._wait(event.queue, "answered").observe(max(0.0, event.waited))
        settings = self._settings.get(event.queue)
        if settings and event.waited <= settings.answer_within:
            self._within(event.queue).inc()

    def _caller_left(self, event: CallerLeftQueue) -> None:
        self._left(event.queue, event.reason).inc()
        self._wait(event.queue, event.reason).observe(max(0.0, event.waited))
        if event.reason == Left.ABANDONED:
            self._abandoned(event.queue).inc()
            settings = self._settings.get(event.queue)
            if settings and event.waited <= settings.short_abandon:
                self._short(event.queue).inc()
            if settings and event.waited > settings.answer_within:
                self._after(event.queue).inc()

    def _conversation_ended(self, event: ConversationEnded) -> None:
        self._talk(event.queue).observe(max(0.0, event.talked))

    def _voicemail_saved(self, event: VoicemailSaved) -> None:
        self._messages(event.queue, "saved").inc()
        self._message().observe(event.seconds)

    def _voicemail_failed(self, event: VoicemailFailed) -> None:
        self._messages(event.queue, event.reason).inc()

    def _leak_healed(self, event: LeakHealed) -> None:
        self._leaks(event.what).inc()

    def _link_changed(self, event: LinkChanged) -> None:
        self._up[self._links(event.link)] = event.up
        if not event.up:
            self._losses(event.link).inc()

    # -- scrapes --------------------------------------------------------------------------------------------------

    async def render(self, source: Source, now: float) -> bytes:
        """Everything in Prometheus's text format, with gauges as `source` tells them just now."""
        active = {"": len(self._calls)}
        known = [
            gauges.Gauge("hotline_calls_active", "Callers that this process serves now.", "", active),
            gauges.Gauge("hotline_link_up", "1 while connected to Redis, to each PBX.", "link", self._up),
        ]
        try:
            async with asyncio.timeout(PATIENCE):
                snapshot, promises = await source()
        except (StoreDown, TimeoutError):
            pass
        else:
            known += gauges.queue_gauges(snapshot, self._settings, self._agents, now)
            known += gauges.promise_gauges(promises, now)
        return generate_latest(_Everything(self._registry, [_family(each) for each in known]))


def _family(gauge: gauges.Gauge) -> Metric:
    """A gauge as it is just now."""
    family = GaugeMetricFamily(gauge.name, gauge.text, labels=[gauge.label] if gauge.label else [])
    for word, value in gauge.values.items():
        family.add_metric([word] if gauge.label else [], float(value))
    return family


class _Everything(Collector):
    """What a registry counted, and some families beside it; without `_created` series, which nobody reads."""

    def __init__(self, registry: CollectorRegistry, more: Iterable[Metric]) -> None:
        self._registry, self._more = registry, more

    def collect(self) -> Iterator[Metric]:
        for family in self._registry.collect():
            family.samples = [each for each in family.samples if not each.name.endswith("_created")]
            yield family
        yield from self._more


def _version() -> str:
    try:
        return metadata.version("hotline")
    except metadata.PackageNotFoundError:
        return "unknown"


_TABLE: dict[type[Event], Callable[[Metrics, Any], None]] = {
    CallStarted: Metrics._call_started,
    CallEnded: Metrics._call_ended,
    CallRefused: Metrics._call_refused,
    KeyPressed: Metrics._key_pressed,
    CallerQueued: Metrics._caller_queued,
    OfferMissed: Metrics._offer_missed,
    AgentAnswered: Metrics._agent_answered,
    CallerLeftQueue: Metrics._caller_left,
    ConversationEnded: Metrics._conversation_ended,
    VoicemailSaved: Metrics._voicemail_saved,
    VoicemailFailed: Metrics._voicemail_failed,
    LeakHealed: Metrics._leak_healed,
    LinkChanged: Metrics._link_changed,
}
