"""A scenario file → the Scenario it describes, or every problem in it at once, each with its place.

Rules of this file:
- Sections: simulation, calls, queues, agents. `queues` is read exactly as in a hotline's configuration; a call type
  whose queue is described nowhere has one of its own name, with the defaults.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from hotline.acd.model import QueueSettings
from hotline.schema.build import callback_settings, queue_settings
from hotline.schema.document import Document, Tree, parse, read
from hotline.schema.kinds import Name
from hotline.schema.problems import ConfigError, quoted, unknown
from hotline.schema.sentences import validated
from hotline.schema.shape import QueueShape
from hotline.simulation import distributions as times
from hotline.simulation.check import Draft, check
from hotline.simulation.model import CallType, Group, Promised, Redial, Scenario
from hotline.simulation.periods import clock_times, stairs
from hotline.simulation.shape import CallShape, DistributionShape, DueShape, GroupShape, RedialShape, SimulationShape
from hotline.simulation.trace import read_trace

SECTIONS = ("simulation", "calls", "queues", "agents")
MOST_CALLS = 20_000_000
"""Calls expected in one replication."""

_NAME: TypeAdapter[str] = TypeAdapter(Name)


def load(path: Path) -> Scenario:
    """Read a scenario. Raises ConfigError with every problem in it, each with its place."""
    return _scenario(read(path), path.parent)


def loads(text: str, file: str = "scenario.yaml", folder: Path = Path()) -> Scenario:
    """The same for a text; a trace is looked for in `folder`."""
    return _scenario(parse(text, file), folder)


def _scenario(document: Document, folder: Path) -> Scenario:
    sections = _sections(document)
    whole = validated(SimulationShape, sections.get("simulation") or {}, ("simulation",), document)
    draft = Draft(
        document,
        whole,
        _named(document, sections, "calls", CallShape),
        _named(document, sections, "queues", QueueShape),
        _named(document, sections, "agents", GroupShape),
    )
    check(draft)
    trace = read_trace(folder / whole.trace, draft.calls, document.problems) if whole and whole.trace else ()
    if whole and trace and trace[-1].at >= whole.length:
        document.complain(("simulation", "length"), f"the trace goes on to {trace[-1].at:g}s, after the end")
    if document.problems or whole is None:
        raise ConfigError(document.problems)
    calls = {name: _call(draft, name, call, whole) for name, call in draft.calls.items() if call}
    _check_amount(draft, calls, whole)
    groups = {name: _group(name, group, whole) for name, group in draft.groups.items() if group}
    plain = whole.model_dump(include={"length", "warm_up", "replications", "seed", "lines", "busyness"})
    return Scenario(
        name=Path(document.file).stem,
        calls=calls,
        groups=groups,
        **plain,
        day_starts=whole.starts.seconds,
        thresholds=whole.service_level.within,
        formula=whole.service_level.of,
        trace=trace,
        warnings=tuple(sorted(set(document.warnings))),
    )


def _sections(document: Document) -> dict[str, dict[str, Tree]]:
    tree = document.tree
    if not isinstance(tree, dict):
        document.complain((), f"a scenario must hold a mapping with the keys {', '.join(SECTIONS)}")
        raise ConfigError(document.problems)
    meant = set()
    for section, content in tree.items():
        if section not in SECTIONS:
            document.complain((section,), unknown("section", section, SECTIONS), key=True)
            meant.update(difflib.get_close_matches(section, SECTIONS, n=1))
        elif content is not None and not isinstance(content, dict):
            document.complain((section,), f"{quoted(section)} must be a mapping")
            meant.add(section)
    for section in ("calls", "agents"):
        if not tree.get(section) and section not in meant:
            document.complain((section,), f"section {quoted(section)} is missing or empty", key=True)
    return {section: content for section, content in tree.items() if isinstance(content, dict)}


def _named(document: Document, sections: Mapping[str, Mapping[str, Tree]], section: str, kind: Any) -> dict[str, Any]:
    """Every entry of a section. A bad name is complained about and stays."""
    parts = {}
    for name, value in sections.get(section, {}).items():
        before = len(document.problems)
        if validated(_NAME, name, (section, name), document) is None:
            message = document.problems[-1].message
            document.problems[before:] = [document.problem((section, name), message, key=True)]
        parts[name] = validated(kind, value, (section, name), document)
    return parts


def _check_amount(draft: Draft, calls: Mapping[str, CallType], whole: SimulationShape) -> None:
    """A slip in a rate must not make a run that never ends."""
    expected = 0.0
    for call in calls.values():
        ends = [moment for moment, _ in call.rates[1:]] + [whole.length]
        expected += math.fsum(rate * (end - begin) for (begin, rate), end in zip(call.rates, ends, strict=True))
        if call.callbacks:
            expected += call.callbacks.due * len(clock_times(call.callbacks.at, whole.starts.seconds, whole.length))
    if expected > MOST_CALLS:
        message = f"these are {expected:,.0f} calls per replication; at most {MOST_CALLS:,} are simulated"
        draft.document.complain(("calls",), message, key=True)
        raise ConfigError(draft.document.problems)


def _call(draft: Draft, name: str, call: CallShape, whole: SimulationShape) -> CallType:
    queue = _queue(draft, call.queue or name)
    needs = [queue.needs if each.needs is None else each.needs for each in draft.callers(queue.name)]
    queue = replace(queue, needs=queue.needs if call.needs is None else call.needs, other_needs=tuple(needs))
    if call.priority is not None:
        queue = replace(queue, priority=call.priority)
    return CallType(
        name,
        queue,
        stairs(call.arrivals or {}, whole.starts, whole.length),
        service=_distribution(call.service),
        patience=_distribution(call.patience) if call.patience else times.Never(),
        wrap_up=_distribution(call.wrap_up) if call.wrap_up else None,
        redial=_redial(call.redial) if call.redial else None,
        site=call.site or "",
        callbacks=_promised(draft, call.queue or name, call.callbacks, call.service) if call.callbacks else None,
    )


def _promised(draft: Draft, queue: str, promised: DueShape, service: DistributionShape) -> Promised:
    return Promised(
        callback_settings(queue, draft.queues.get(queue) or QueueShape()),
        promised.due,
        promised.at,
        promised.answers,
        rings=_distribution(promised.rings),
        listens=_distribution(promised.listens),
        service=_distribution(promised.service or service),
    )


def _queue(draft: Draft, name: str) -> QueueSettings:
    return queue_settings(name, draft.queues.get(name) or QueueShape())


def _redial(redial: RedialShape) -> Redial:
    return Redial(_distribution(redial.after), redial.abandoned, redial.blocked, redial.most)


def _group(name: str, group: GroupShape, whole: SimulationShape) -> Group:
    pick_up = _distribution(group.pick_up) if group.pick_up else None
    staff = stairs(dict(group.count), whole.starts, whole.length)
    rules = group.model_dump(include={"reserve", "max_in_row", "cool_down"})
    return Group(name, group.skills, staff, pick_up, site=group.site or "", **rules)


def _distribution(shape: DistributionShape) -> times.Distribution:
    if shape.exponential is not None:
        return times.Exponential(shape.exponential)
    if shape.lognormal is not None:
        return times.Lognormal(shape.lognormal.mean, shape.lognormal.sd)
    if shape.gamma is not None:
        return times.Gamma(shape.gamma.mean, shape.gamma.sd)
    if shape.values is not None:
        return times.Values(shape.values)
    return times.Fixed(shape.fixed or 0.0)
