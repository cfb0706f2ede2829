"""Every query of the dashboard, put to a real Prometheus that scraped a real service's /metrics."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from hotline import events
from hotline.acd.model import AgentState, QueueCount, QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.gauges import SpoolState
from hotline.http import Health, serve_http
from hotline.metrics import Metrics
from lab.prometheus import Prometheus, dashboard_queries

NOW = 1_795_000_000.0
LINKS = ("redis", "ami:pbx1")


def make_metrics() -> Metrics:
    billing = QueueSettings(name="billing", needs={}, answer_within=20, short_abandon=5)
    return Metrics({"billing": billing}, entries=["1900"], menus=["main"], agents=["anna", "binh"], links=LINKS)


def a_day(figures: Metrics) -> None:
    """Twelve calls: eight answered (six in time), two abandoned (one at once), one sent away, one with a promise; two
    messages; a lost link."""
    for number in range(12):
        call = f"pbx1-{number}"
        happened: list[events.Event] = [
            events.CallStarted(at=NOW, call=call, entry="1900"),
            events.KeyPressed(at=NOW, call=call, menu="main", key="1", outcome="chosen"),
            events.CallerQueued(at=NOW, call=call, queue="billing", position=1),
        ]
        if number < 8:
            waited = 10.0 if number < 6 else 30.0
            happened += [
                events.AgentAnswered(at=NOW, call=call, queue="billing", agent="anna", waited=waited),
                events.ConversationEnded(
                    at=NOW, call=call, queue="billing", agent="anna", talked=60.0, ended_by="caller"
                ),
            ]
        else:
            reason, waited = (("abandoned", 2.0), ("abandoned", 40.0), ("max-wait", 600.0), ("callback", 60.0))[
                number - 8
            ]
            happened.append(events.CallerLeftQueue(at=NOW, call=call, queue="billing", reason=reason, waited=waited))
        happened.append(events.CallEnded(at=NOW, call=call, reason="completed", seconds=90))
        for event in happened:
            figures.record(event)
    for seconds in (5.0, 15.0):
        figures.record(
            events.VoicemailSaved(at=NOW, queue="billing", promise="p", seconds=seconds, due=NOW, hung_up=False)
        )
    talked = {"queue": "billing", "promise": "p", "state": "talked", "age": 3600}
    figures.record(events.PromiseMoved(at=NOW, attempts=1, rung=True, **talked))
    for attempts, within in ((1, True), (2, True), (1, False)):
        moved = events.PromiseMoved(
            at=NOW, queue="billing", promise="p", state="retry", outcome="busy", attempts=attempts, rung=True,
            in_window=within,
        )  # fmt: skip
        figures.record(moved)
    for link in LINKS:
        figures.record(events.LinkChanged(at=NOW, link=link, up=True))


async def standing() -> tuple[Snapshot, PromiseCounts]:
    """What Redis would tell."""
    queues = {"billing": QueueCount(waiting=3, oldest=NOW - 42)}
    agents = {"anna": (AgentState.TALKING, "c", 1)}
    promises = PromiseCounts({"captured": 4, "due": 2}, 2, NOW - 90, {"1h": 4, "older": 2})
    return Snapshot(queues=queues, agents=agents, calls={}), promises


async def disk() -> SpoolState:
    return SpoolState(unread_bytes=300, unread_lines=1, free_bytes=10**9)


@pytest_asyncio.fixture(loop_scope="session")
async def prometheus(tmp_path: Path) -> AsyncIterator[Prometheus]:
    """Has scraped a service before and after its day."""
    figures = make_metrics()
    async with (
        serve_http("127.0.0.1", 0, lambda: figures.render(standing, disk, NOW), Health({})) as service,
        Prometheus(tmp_path, service) as asked,
    ):
        await asked.until("count_over_time(up{job='hotline'}[1m]) > 2")
        a_day(figures)
        await asked.until("hotline_calls_total{entry='1900'} == 12")
        await asked.until("changes(hotline_calls_total{entry='1900'}[1m]) > 0")
        yield asked


async def test_every_query_has_an_answer_and_the_figures_are_right(prometheus: Prometheus) -> None:
    assert await prometheus.unanswered() == []

    by_title = dict(reversed(dashboard_queries()))
    for panel in ("Service level, last hour", "Service level, last 15 minutes"):
        assert await prometheus.value(by_title[panel]) == pytest.approx(6 / 10)
    assert await prometheus.value(by_title["Speed of answer, last hour"]) == pytest.approx(15.0)
    assert await prometheus.value(by_title["Waiting"]) == 3
    assert await prometheus.value(by_title["Longest wait"]) == pytest.approx(42)
    assert await prometheus.value(by_title["Promises due"]) == 2
    assert await prometheus.value(by_title["Oldest due"]) == pytest.approx(90)
    ages = await prometheus.query(by_title["Open promises by age"])
    assert {each["metric"]["age"]: each["value"][1] for each in ages} == {"1h": "4", "older": "2"}
    window = "First tries within the promised window, last day"
    assert await prometheus.value(by_title[window]) == pytest.approx(2 / 3)
    agents = {
        each["metric"]["state"]: each["value"][1] for each in await prometheus.query(by_title["Agents by state"])
    }
    assert agents == dict.fromkeys(AgentState, "0") | {"offline": "1", "talking": "1"}
