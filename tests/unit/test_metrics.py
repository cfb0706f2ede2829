"""Events in, Prometheus text out."""

from __future__ import annotations

import asyncio
import dataclasses
import inspect
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from hotline import events, metrics
from hotline.acd.model import CALLBACK, AgentState, Left, QueueCount, QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.events import (
    AgentAnswered,
    CallbackRequested,
    CallEnded,
    CallerLeftQueue,
    CallerQueued,
    CallRefused,
    CallStarted,
    ConversationEnded,
    DeliveryFailed,
    DeliveryMade,
    KeyPressed,
    LeakHealed,
    LinkChanged,
    OfferMissed,
    PromiseMoved,
    VoicemailFailed,
    VoicemailSaved,
)
from hotline.gauges import SpoolState
from hotline.metrics import Disk, Metrics
from hotline.store import StoreDown

NOW = 1_795_000_000.0
VIRTUAL = f"{CALLBACK}abc"
BILLING = QueueSettings(name="billing", needs={}, answer_within=20, short_abandon=5)
EMPTY = Snapshot(queues={}, agents={}, calls={}), PromiseCounts({"captured": 0, "due": 0}, 0, 0.0)

Series = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def figures() -> Metrics:
    return make()


def make() -> Metrics:
    return Metrics(
        {"billing": BILLING},
        entries=["1900"],
        menus=["main"],
        agents=["anna", "binh", "chi"],
        links=["redis", "ami:pbx1"],
    )


async def disk() -> SpoolState:
    return SpoolState(unread_bytes=512, unread_lines=2, free_bytes=10**9)


async def scrape(figures: Metrics, answer: Any = EMPTY, disk: Disk = disk) -> Series:
    async def source() -> Any:
        if isinstance(answer, BaseException):
            raise answer
        return answer

    text = (await figures.render(source, disk, NOW)).decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(series: Series, name: str, **labels: str) -> float:
    return series[name, frozenset(labels.items())]


def increases(before: Series, after: Series) -> set[str]:
    """What went up, histograms' buckets left out, as "name{label=word} by how much" without the hotline_."""
    return {
        f"{name.removeprefix('hotline_')}{_written(labels)} {after[name, labels] - was:g}"
        for name, labels in after
        if name.startswith("hotline") and "_bucket" not in name
        if after[name, labels] != (was := before.get((name, labels), 0.0))
    }


def _written(labels: frozenset[tuple[str, str]]) -> str:
    return "{" + ",".join(f"{name}={word}" for name, word in sorted(labels)) + "}" if labels else ""


@pytest.mark.parametrize(
    ("event", "counted"),
    [
        (CallStarted(at=NOW, call="c", entry="1900"), "calls_total{entry=1900} 1, calls_active 1"),
        (CallStarted(at=NOW, call="c", entry="666"), "calls_total{entry=other} 1, calls_active 1"),
        (CallStarted(at=NOW, call="c", entry="1900", resumed=True), "calls_resumed_total 1, calls_active 1"),
        (CallEnded(at=NOW, call="c", reason="completed", seconds=9), "calls_ended_total{reason=completed} 1"),
        (CallEnded(at=NOW, call="c", reason="line-lost", seconds=9), "calls_ended_total{reason=line-lost} 1"),
        (CallRefused(at=NOW, reason="full"), "calls_refused_total{reason=full} 1"),
        (
            KeyPressed(at=NOW, menu="main", key="1", outcome="chosen"),
            "menu_keys_total{menu=main,outcome=chosen} 1",
        ),
        (CallerQueued(at=NOW, queue="billing", position=1), "queue_offered_total{queue=billing} 1"),
        (CallerQueued(at=NOW, queue="billing", position=1, rejoined=True), ""),
        (
            OfferMissed(at=NOW, queue="billing", agent="anna", outcome="busy", rang=1),
            "offers_total{outcome=busy,queue=billing} 1",
        ),
        (
            AgentAnswered(at=NOW, queue="billing", agent="anna", waited=20),
            "queue_answered_total{queue=billing} 1, queue_answered_within_total{queue=billing} 1, "
            "offers_total{outcome=answered,queue=billing} 1, wait_seconds_count{outcome=answered,queue=billing} 1, "
            "wait_seconds_sum{outcome=answered,queue=billing} 20",
        ),
        (
            AgentAnswered(at=NOW, queue="billing", agent="anna", waited=20.5),
            "queue_answered_total{queue=billing} 1, offers_total{outcome=answered,queue=billing} 1, "
            "wait_seconds_count{outcome=answered,queue=billing} 1, "
            "wait_seconds_sum{outcome=answered,queue=billing} 20.5",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="abandoned", waited=5),
            "queue_left_total{queue=billing,reason=abandoned} 1, queue_abandoned_total{queue=billing} 1, "
            "queue_abandoned_short_total{queue=billing} 1, wait_seconds_count{outcome=abandoned,queue=billing} 1, "
            "wait_seconds_sum{outcome=abandoned,queue=billing} 5",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="abandoned", waited=21),
            "queue_left_total{queue=billing,reason=abandoned} 1, queue_abandoned_total{queue=billing} 1, "
            "queue_abandoned_after_total{queue=billing} 1, queue_left_after_total{queue=billing} 1, "
            "wait_seconds_count{outcome=abandoned,queue=billing} 1, "
            "wait_seconds_sum{outcome=abandoned,queue=billing} 21",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="max-wait", waited=600),
            "queue_left_total{queue=billing,reason=max-wait} 1, queue_left_after_total{queue=billing} 1, "
            "wait_seconds_count{outcome=other,queue=billing} 1, "
            "wait_seconds_sum{outcome=other,queue=billing} 600",
        ),
        (
            ConversationEnded(at=NOW, queue="billing", agent="anna", talked=61, ended_by="agent"),
            "talk_seconds_count{queue=billing} 1, talk_seconds_sum{queue=billing} 61",
        ),
        (
            VoicemailSaved(at=NOW, queue="billing", promise="p", seconds=7, due=NOW, hung_up=False),
            "voicemails_total{outcome=saved,queue=billing} 1, voicemail_seconds_count 1, voicemail_seconds_sum 7, "
            "promises_made_total{queue=billing,source=voicemail} 1",
        ),
        (
            VoicemailSaved(at=NOW, queue="", promise="p", seconds=7, due=NOW, hung_up=True, source="fallback"),
            "voicemails_total{outcome=saved,queue=other} 1, voicemail_seconds_count 1, voicemail_seconds_sum 7, "
            "promises_made_total{queue=other,source=fallback} 1",
        ),
        (
            VoicemailFailed(at=NOW, queue="billing", reason="disk"),
            "voicemails_total{outcome=disk,queue=billing} 1",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="too-long", waited=0),
            "queue_left_total{queue=billing,reason=too-long} 1, wait_seconds_count{outcome=other,queue=billing} 1",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="overflow", waited=60),
            "queue_left_total{queue=billing,reason=overflow} 1, queue_left_after_total{queue=billing} 1, "
            "wait_seconds_count{outcome=other,queue=billing} 1, "
            "wait_seconds_sum{outcome=other,queue=billing} 60",
        ),
        (
            CallerLeftQueue(at=NOW, queue="billing", reason="callback", waited=60),
            "queue_left_total{queue=billing,reason=callback} 1, wait_seconds_count{outcome=other,queue=billing} 1, "
            "wait_seconds_sum{outcome=other,queue=billing} 60",
        ),
        (
            CallbackRequested(at=NOW, queue="billing", promise="p", due=NOW, source="web"),
            "promises_made_total{queue=billing,source=web} 1",
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="dialing", attempts=1),
            "",  # whether it rings is not known yet
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="retry", outcome="busy", attempts=1, rung=True),
            "callback_attempts_total{outcome=busy,queue=billing} 1, "
            "callback_dialed_total{in_window=yes,queue=billing} 1, "
            "promises_first_dialed_total{in_window=yes,queue=billing} 1",
        ),
        (
            PromiseMoved(
                at=NOW,
                queue="billing",
                promise="p",
                state="retry",
                outcome="lost",
                attempts=2,
                rung=True,
                in_window=False,
            ),
            "callback_attempts_total{outcome=lost,queue=billing} 1, "
            "callback_dialed_total{in_window=no,queue=billing} 1",
        ),
        (
            PromiseMoved(
                at=NOW, queue="billing", promise="p", state="unreachable", outcome="no-answer", attempts=3, rung=True
            ),
            "callback_attempts_total{outcome=no-answer,queue=billing} 1, "
            "callback_dialed_total{in_window=yes,queue=billing} 1, "
            "promises_ended_total{queue=billing,state=unreachable} 1",
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="talked", age=7200, attempts=2, rung=True),
            "callback_attempts_total{outcome=talked,queue=billing} 1, "
            "callback_dialed_total{in_window=yes,queue=billing} 1, "
            "promises_ended_total{queue=billing,state=talked} 1, "
            "promise_talked_seconds_count{queue=billing} 1, promise_talked_seconds_sum{queue=billing} 7200",
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="superseded", attempts=2, rung=True),
            "callback_dialed_total{in_window=yes,queue=billing} 1, "
            "promises_ended_total{queue=billing,state=superseded} 1",
        ),
        (
            PromiseMoved(at=NOW, queue="gone", promise="p", state="cancelled", by="caller"),
            "promises_ended_total{queue=other,state=cancelled} 1",
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="erased", by="service"),
            "promises_erased_total{queue=billing} 1",
        ),
        (
            PromiseMoved(at=NOW, queue="billing", promise="p", state="retry", outcome="part-over"),
            "promises_put_off_total{queue=billing} 1",
        ),
        # the agent hung up before they rang anybody
        (PromiseMoved(at=NOW, queue="billing", promise="p", state="retry", outcome="agent-hung-up"), ""),
        (PromiseMoved(at=NOW, queue="billing", promise="p", state="retry", outcome="not-begun"), ""),
        (PromiseMoved(at=NOW, queue="billing", promise="p", state="captured", outcome="postponed"), ""),
        (PromiseMoved(at=NOW, queue="billing", promise="p", state="retry", outcome="day-full"), ""),
        (
            DeliveryMade(at=NOW, queue="billing", promise="p", what="mail"),
            "deliveries_total{outcome=made,what=mail} 1",
        ),
        (
            DeliveryFailed(at=NOW, queue="billing", promise="p", what="webhook", problem="500", given_up=True),
            "deliveries_total{outcome=given-up,what=webhook} 1",
        ),
        (LeakHealed(at=NOW, call="c", what="call"), "healed_total{what=call} 1"),
        (LeakHealed(at=NOW, call=VIRTUAL, what="call"), "healed_total{what=call} 1"),
        # a virtual caller is none of the queue's callers: only the agents' part counts, and apart
        (CallerQueued(at=NOW, call=VIRTUAL, queue="billing:callback", position=1), ""),
        (CallerLeftQueue(at=NOW, call=VIRTUAL, queue="billing:callback", reason="abandoned", waited=9), ""),
        (
            AgentAnswered(at=NOW, call=VIRTUAL, queue="billing:callback", agent="anna", waited=90_000),
            "callback_offers_total{outcome=answered,queue=billing} 1",
        ),
        (
            OfferMissed(at=NOW, call=VIRTUAL, queue="billing", agent="anna", outcome="rejected", rang=1),
            "callback_offers_total{outcome=rejected,queue=billing} 1",
        ),
        (
            ConversationEnded(
                at=NOW, call=VIRTUAL, queue="billing:callback", agent="anna", talked=61, ended_by="agent"
            ),
            "callback_talk_seconds_count{queue=billing} 1, callback_talk_seconds_sum{queue=billing} 61",
        ),
        (CallStarted(at=NOW, call=VIRTUAL, entry="1900"), ""),
        (LeakHealed(at=NOW, what="device", agent="anna"), "healed_total{what=device} 1"),
        (LinkChanged(at=NOW, link="redis", up=True), "link_up{link=redis} 1"),
        (LinkChanged(at=NOW, link="redis", up=False), "link_losses_total{link=redis} 1"),
    ],
)
async def test_each_event_counts_what_it_should_and_nothing_else(
    figures: Metrics, event: events.Event, counted: str
) -> None:
    before = await scrape(figures)
    figures.record(event)
    assert increases(before, await scrape(figures)) == set(filter(None, counted.split(", ")))


@pytest.mark.parametrize("reason", [each for each in Left if each is not Left.SERVED])
async def test_whoever_leaves_unanswered_after_the_threshold_counts_however_that_came(
    figures: Metrics, reason: Left
) -> None:
    for waited in (20, 20.1, 600):
        figures.record(CallerLeftQueue(at=NOW, queue="billing", reason=reason, waited=waited))
    after = value(await scrape(figures), "hotline_queue_left_after_total", queue="billing")
    assert after == (0 if reason is Left.CALLBACK else 2)  # who has a promise has not been lost


async def test_a_call_is_active_until_it_ends(figures: Metrics) -> None:
    figures.record(CallStarted(at=NOW, call="a", entry="1900"))
    figures.record(CallStarted(at=NOW, call="b", entry="1900"))
    figures.record(CallEnded(at=NOW, call="a", reason="completed", seconds=3))
    assert value(await scrape(figures), "hotline_calls_active") == 1


async def test_gauges_tell_what_redis_holds(figures: Metrics) -> None:
    snapshot = Snapshot(
        queues={"billing": QueueCount(waiting=3, oldest=NOW - 42)},
        agents={"anna": (AgentState.TALKING, "c", 7), "binh": (AgentState.DEVICE_BUSY, "", 0)},
        calls={},
    )
    promises = PromiseCounts({"captured": 4, "due": 2}, due_now=2, oldest_due=NOW - 60, by_age={"1h": 5, "older": 1})
    series = await scrape(figures, (snapshot, promises))
    assert value(series, "hotline_queue_waiting", queue="billing") == 3
    assert value(series, "hotline_queue_longest_wait_seconds", queue="billing") == 42
    states = {state: value(series, "hotline_agents", state=state.value) for state in AgentState}
    assert {state: number for state, number in states.items() if number} == {
        "talking": 1,
        "device-busy": 1,
        "offline": 1,
    }
    assert value(series, "hotline_promises", state="captured") == 4
    assert value(series, "hotline_promises_due") == 2
    assert value(series, "hotline_promises_oldest_due_seconds") == 60
    assert value(series, "hotline_promises_open", age="1h") == 5
    assert value(series, "hotline_outbox_unread_bytes") == 512
    assert value(series, "hotline_outbox_unread_lines") == 2
    assert value(series, "hotline_spool_free_bytes") == 10**9


async def test_a_disk_that_fails_leaves_its_gauges_out_and_nothing_else(figures: Metrics) -> None:
    async def broken() -> SpoolState:
        raise OSError("Input/output error")

    series = await scrape(figures, disk=broken)
    assert not [name for name, _ in series if name.startswith(("hotline_outbox", "hotline_spool"))]
    assert value(series, "hotline_promises_due") == 0


async def test_an_empty_hotline_shows_zeroes_not_gaps(figures: Metrics) -> None:
    series = await scrape(figures)
    assert value(series, "hotline_queue_waiting", queue="billing") == 0
    assert value(series, "hotline_queue_longest_wait_seconds", queue="billing") == 0
    assert value(series, "hotline_agents", state="offline") == 3
    assert value(series, "hotline_promises_oldest_due_seconds") == 0
    assert value(series, "hotline_queue_abandoned_after_total", queue="billing") == 0
    assert value(series, "hotline_queue_left_after_total", queue="billing") == 0
    assert value(series, "hotline_link_up", link="ami:pbx1") == 0


@pytest.mark.parametrize("failure", [StoreDown("Redis is away"), TimeoutError()])
async def test_when_redis_is_away_its_gauges_are_left_out_rather_than_wrong(
    figures: Metrics, failure: Exception
) -> None:
    figures.record(LinkChanged(at=NOW, link="redis", up=True))
    await scrape(figures)
    figures.record(LinkChanged(at=NOW, link="redis", up=False))
    series = await scrape(figures, failure)
    names = {name for name, _ in series}
    assert not names & {"hotline_queue_waiting", "hotline_agents", "hotline_promises", "hotline_promises_due"}
    assert value(series, "hotline_link_up", link="redis") == 0
    assert value(series, "hotline_queue_offered_total", queue="billing") == 0


async def test_a_redis_that_hangs_holds_a_scrape_up_for_a_moment_only(
    figures: Metrics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metrics, "PATIENCE", 0.01)

    async def hanging() -> Any:
        await asyncio.Event().wait()

    assert b"hotline_agents{" not in await figures.render(hanging, disk, NOW)


async def test_there_are_no_created_series(figures: Metrics) -> None:
    assert not [name for name, _ in await scrape(figures) if name.endswith("_created")]


def test_every_kind_of_event_can_be_recorded(figures: Metrics) -> None:
    blank: dict[str, Any] = {"float": 0.0, "str": "x", "bool": False, "int": 0, "tuple[str, ...]": ()}
    kinds = [each for _, each in inspect.getmembers(events, inspect.isclass) if issubclass(each, events.Event)]
    assert len(kinds) > 15
    for kind in kinds:
        figures.record(kind(**{field.name: blank[str(field.type)] for field in dataclasses.fields(kind)}))


_WORD = st.text(max_size=20)


@given(_WORD, _WORD, _WORD)
def test_nothing_a_caller_sends_becomes_a_label(entry: str, menu: str, queue: str) -> None:
    figures = make()
    figures.record(CallStarted(at=NOW, call="c", entry=entry))
    figures.record(KeyPressed(at=NOW, menu=menu, key="1", outcome=menu))
    figures.record(CallerQueued(at=NOW, queue=queue, position=1))
    figures.record(CallerLeftQueue(at=NOW, queue=queue, reason=menu, waited=1))
    figures.record(VoicemailFailed(at=NOW, queue=queue, reason=entry))
    figures.record(LinkChanged(at=NOW, link=entry, up=True))
    figures.record(PromiseMoved(at=NOW, queue=queue, promise=entry, state="retry", outcome=menu))
    figures.record(CallbackRequested(at=NOW, queue=queue, promise=entry, due=NOW, source=menu))
    figures.record(DeliveryMade(at=NOW, queue=queue, promise=entry, what=menu))
    series = asyncio.run(scrape(figures))
    free = {"version", "python", "le"}
    words = {word for _, labels in series for name, word in labels if name not in free}
    assert words <= {word for _, labels in asyncio.run(scrape(make())) for _, word in labels} | {"other"}
