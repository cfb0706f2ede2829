"""Prometheus, as the rest of hotline.metrics sees it: the only file that imports prometheus_client.

Rules of this file:
- Label values come from the configuration or from a fixed vocabulary; anything else is "other". Never a number.
- Every series exists from the start, at zero, so that the first event is seen as an increase.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Mapping
from importlib import metadata
from itertools import product
from typing import Any, Generic, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Metric, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from hotline import gauges

OTHER = "other"


class Words:
    """The values that a label may take: `known`, or "other"."""

    def __init__(self, known: Iterable[str]) -> None:
        self.known = frozenset(known)

    def __call__(self, value: str) -> str:
        return value if value in self.known else OTHER


_Kind = TypeVar("_Kind", bound=Counter | Histogram)


class Labelled(Generic[_Kind]):
    """A metric whose labels have vocabularies; it starts at zero for all of their words."""

    def __init__(self, metric: _Kind, words: Mapping[str, Words]) -> None:
        self._metric: Any = metric
        self._words = tuple(words.values())
        for values in product(*(sorted(each.known) for each in self._words)):
            self(*values)

    def __call__(self, *values: str) -> _Kind:
        """The one with these labels, in the order in which their vocabularies were given."""
        words = [word(value) for word, value in zip(self._words, values, strict=True)]
        one: _Kind = self._metric.labels(*words) if words else self._metric
        return one


class Series:
    """All that one process counts."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        info = Gauge(
            "hotline_build_info", "Always 1; what runs here.", ("version", "python"), registry=self._registry
        )
        info.labels(_version(), platform.python_version()).set(1)

    def counts(self, name: str, text: str, **words: Words) -> Labelled[Counter]:
        """A counter; Prometheus appends _total to its name."""
        return Labelled(Counter(name, text, tuple(words), registry=self._registry), words)

    def times(self, name: str, text: str, buckets: Iterable[float], **words: Words) -> Labelled[Histogram]:
        """A histogram of seconds."""
        limits = sorted(set(buckets))
        return Labelled(Histogram(name, text, tuple(words), registry=self._registry, buckets=limits), words)

    def text(self, now: Iterable[gauges.Gauge]) -> bytes:
        """Everything in Prometheus's text format, with gauges as they are just now."""
        return generate_latest(_Everything(self._registry, [_family(each) for each in now]))


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
