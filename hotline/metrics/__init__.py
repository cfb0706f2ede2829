"""What happened, as Prometheus reads it.

Rules of this package:
- Counters count events, one row of a table per kind of event. Gauges (hotline.gauges) are asked for when Prometheus
  scrapes, so they are right after any restart; what cannot be known then (Redis is down) is left out, and
  hotline_link_up says why.
- Each event is counted by one process; gauges from Redis are the same in all of them (take the maximum).
- Only hotline.metrics.series imports prometheus_client.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping

from hotline import gauges
from hotline.acd.model import QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.events import Event
from hotline.gauges import SpoolState
from hotline.metrics.callbacks import CallbackFigures
from hotline.metrics.calls import CallFigures
from hotline.metrics.series import Series
from hotline.store import StoreDown

PATIENCE = 2.0
"""Seconds that a scrape waits for Redis, and for the disk."""

Source = Callable[[], Awaitable[tuple[Snapshot, PromiseCounts]]]
"""Asks Redis how things stand; raises StoreDown."""

Disk = Callable[[], Awaitable[SpoolState]]
"""Asks the disk; raises OSError."""


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
        self._queues, self._agents = frozenset(queues), frozenset(agents)
        self._series = Series()
        self._calls = CallFigures(self._series, queues, entries=entries, menus=menus, links=links)
        self._callbacks = CallbackFigures(self._series, queues)

    def record(self, event: Event) -> None:
        """Count an event; one of a kind that has no metric is passed over."""
        self._calls.record(event)
        self._callbacks.record(event)

    async def render(self, source: Source, disk: Disk, now: float) -> bytes:
        """Everything in Prometheus's text format, with gauges as `source` and `disk` tell them just now."""
        parts = await asyncio.gather(self._from_redis(source, now), self._from_disk(disk))
        return self._series.text([*self._calls.gauges(), *(gauge for part in parts for gauge in part)])

    async def _from_redis(self, source: Source, now: float) -> list[gauges.Gauge]:
        try:
            async with asyncio.timeout(PATIENCE):
                snapshot, promises = await source()
        except (StoreDown, TimeoutError):
            return []
        return [
            *gauges.queue_gauges(snapshot, self._queues, self._agents, now),
            *gauges.promise_gauges(promises, now),
        ]

    async def _from_disk(self, disk: Disk) -> list[gauges.Gauge]:
        try:
            async with asyncio.timeout(PATIENCE):
                return list(gauges.spool_gauges(await disk()))
        except (OSError, TimeoutError):
            return []
