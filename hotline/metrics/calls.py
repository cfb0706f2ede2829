"""Callers, queues and links: how their events count. One row of a table per kind of event.

Rules of this file:
- Components, not ratios: any formula (service level, speed of answer) can be computed from them, see the dashboard.
- A callback's virtual caller is nobody here (see hotline.metrics.callbacks): it has no service level.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from hotline import gauges
from hotline.acd.desk import Leak
from hotline.acd.model import Left, Missed, QueueSettings, is_callback
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
)
from hotline.metrics.series import OTHER, Series, Words

WAITS = (1, 2, 5, 10, 15, 20, 30, 45, 60, 90, 120, 180, 300, 600, 1200, 1800)
TALKS = (10, 30, 60, 120, 180, 300, 600, 900, 1200, 1800, 3600)

_ENDS = Words(("completed", "caller-hung-up", "line-lost", "failed"))
_REFUSALS = Words(("full", "draining", "bad-request"))
_KEYS = Words(("chosen", "invalid", "silence"))
_LEFT = Words(each for each in Left if each is not Left.SERVED)
_LEFT_AFTER = (
    "Callers who left without an agent after answer_within, but for those with the promise of a callback. The "
    "service level is answered_within / (answered + left_after)."
)
OFFERS = Words(("answered", *Missed))
_WAIT_ENDS = Words(("answered", Left.ABANDONED))
_LEAKS = Words(Leak)


class CallFigures:
    """All names given are those of the configuration; links are redis and ami:<pbx>."""

    def __init__(
        self,
        series: Series,
        queues: Mapping[str, QueueSettings],
        *,
        entries: Iterable[str],
        menus: Iterable[str],
        links: Iterable[str],
    ) -> None:
        self._settings, self._calls = dict(queues), set[str]()
        self._links = Words(links)
        self._up = dict.fromkeys(sorted(self._links.known), False)
        self._count_calls(series, Words((*entries, OTHER)), Words(menus))
        self._count_queues(series, Words(queues), [each.answer_within for each in queues.values()])

    def _count_calls(self, series: Series, entry: Words, menu: Words) -> None:
        counts = series.counts
        self._started = counts("hotline_calls", "Calls that reached us.", entry=entry)
        self._ended = counts("hotline_calls_ended", "Calls that ended here.", reason=_ENDS)
        self._refused = counts("hotline_calls_refused", "Requests that got no session.", reason=_REFUSALS)
        self._resumed = counts("hotline_calls_resumed", "Calls brought back after a service died under them.")
        self._keys = counts("hotline_menu_keys", "Answers to menus.", menu=menu, outcome=_KEYS)
        self._losses = counts("hotline_link_losses", "Links lost.", link=self._links)
        self._leaks = counts("hotline_healed", "What Redis had wrong and the PBX knew better.", what=_LEAKS)

    def _count_queues(self, series: Series, queue: Words, thresholds: Iterable[float]) -> None:
        counts, times = series.counts, series.times
        self._offered = counts("hotline_queue_offered", "Callers who joined.", queue=queue)
        self._answered = counts("hotline_queue_answered", "Callers answered by an agent.", queue=queue)
        self._within = counts("hotline_queue_answered_within", "Of those, within answer_within.", queue=queue)
        self._abandoned = counts("hotline_queue_abandoned", "Callers who hung up while waiting.", queue=queue)
        self._short = counts("hotline_queue_abandoned_short", "Of those, within short_abandon.", queue=queue)
        self._after = counts("hotline_queue_abandoned_after", "Of those, after answer_within.", queue=queue)
        self._left = counts("hotline_queue_left", "Callers who left without an agent.", queue=queue, reason=_LEFT)
        self._left_after = counts("hotline_queue_left_after", _LEFT_AFTER, queue=queue)
        self._offers = counts("hotline_offers", "Agents rung for callers.", queue=queue, outcome=OFFERS)
        self._talk = times("hotline_talk_seconds", "Time with an agent.", TALKS, queue=queue)
        waits = (*WAITS, *thresholds)  # so that the share within a queue's own threshold can be read off
        self._wait = times("hotline_wait_seconds", "Time in the queue.", waits, queue=queue, outcome=_WAIT_ENDS)

    def record(self, event: Event) -> None:
        """Count an event; one of another kind is passed over. Of a virtual caller only leaks are of interest."""
        row = _TABLE.get(type(event))
        if row and (isinstance(event, LeakHealed) or not is_callback(event.call)):
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
        settings = self._settings.get(event.queue)
        late = settings is not None and event.waited > settings.answer_within
        if late and event.reason != Left.CALLBACK:
            self._left_after(event.queue).inc()
        if event.reason == Left.ABANDONED:
            self._abandoned(event.queue).inc()
            if settings and event.waited <= settings.short_abandon:
                self._short(event.queue).inc()
            if late:
                self._after(event.queue).inc()

    def _conversation_ended(self, event: ConversationEnded) -> None:
        self._talk(event.queue).observe(max(0.0, event.talked))

    def _leak_healed(self, event: LeakHealed) -> None:
        self._leaks(event.what).inc()

    def _link_changed(self, event: LinkChanged) -> None:
        self._up[self._links(event.link)] = event.up
        if not event.up:
            self._losses(event.link).inc()

    def gauges(self) -> Iterator[gauges.Gauge]:
        """How things stand in this process."""
        active = {"": len(self._calls)}
        yield gauges.Gauge("hotline_calls_active", "Callers that this process serves now.", "", active)
        yield gauges.Gauge("hotline_link_up", "1 while connected to Redis, to each PBX.", "link", self._up)


_TABLE: dict[type[Event], Callable[[CallFigures, Any], None]] = {
    CallStarted: CallFigures._call_started,
    CallEnded: CallFigures._call_ended,
    CallRefused: CallFigures._call_refused,
    KeyPressed: CallFigures._key_pressed,
    CallerQueued: CallFigures._caller_queued,
    OfferMissed: CallFigures._offer_missed,
    AgentAnswered: CallFigures._agent_answered,
    CallerLeftQueue: CallFigures._caller_left,
    ConversationEnded: CallFigures._conversation_ended,
    LeakHealed: CallFigures._leak_healed,
    LinkChanged: CallFigures._link_changed,
}
