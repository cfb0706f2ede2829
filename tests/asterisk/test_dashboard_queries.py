"""Every query of the dashboard, put to a real Prometheus that scraped a real service's /metrics."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from hotline import events
from hotline.acd.model import AgentState, QueueCount, QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.http import Health, serve_http
from hotline.metrics import Metrics
from lab.process import Process, free_port
from lab.programs import PROJECT, program

DASHBOARD = json.loads((PROJECT / "docker" / "grafana" / "dashboards" / "hotline.json").read_text())
QUERIES = [
    (panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$queue", ".*"))
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
]
NOW = 1_795_000_000.0
LINKS = ("redis", "ami:pbx1")


def make_metrics() -> Metrics:
    billing = QueueSettings(name="billing", needs={}, answer_within=20, short_abandon=5)
    return Metrics({"billing": billing}, entries=["1900"], menus=["main"], agents=["anna", "binh"], links=LINKS)


def a_day(figures: Metrics) -> None:
    """Ten calls: eight answered (six in time), two abandoned (one at once); two messages; a lost link."""
    for number in range(10):
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
            waited = 2.0 if number == 8 else 40.0
            happened.append(
                events.CallerLeftQueue(at=NOW, call=call, queue="billing", reason="abandoned", waited=waited)
            )
        happened.append(events.CallEnded(at=NOW, call=call, reason="completed", seconds=90))
        for event in happened:
            figures.record(event)
    for seconds in (5.0, 15.0):
        figures.record(
            events.VoicemailSaved(at=NOW, queue="billing", promise="p", seconds=seconds, due=NOW, hung_up=False)
        )
    for link in LINKS:
        figures.record(events.LinkChanged(at=NOW, link=link, up=True))


async def standing() -> tuple[Snapshot, PromiseCounts]:
    """What Redis would tell."""
    queues = {"billing": QueueCount(waiting=3, oldest=NOW - 42)}
    agents = {"anna": (AgentState.TALKING, "c", 1)}
    return Snapshot(queues=queues, agents=agents, calls={}), PromiseCounts({"captured": 4, "due": 2}, 2, NOW - 90)


@dataclass
class Prometheus:
    """A running Prometheus, asked over HTTP."""

    port: int

    async def query(self, expression: str) -> list[dict[str, Any]]:
        url = f"http://127.0.0.1:{self.port}/api/v1/query"
        async with aiohttp.ClientSession() as session, session.post(url, data={"query": expression}) as response:
            if response.status == 503:  # it is still starting
                return []
            answer = await response.json()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def value(self, expression: str) -> float:
        (only,) = await self.query(expression)
        return float(only["value"][1])

    async def until(self, expression: str) -> None:
        """Wait until a query has a result; Prometheus tells nobody."""
        async with asyncio.timeout(60):
            while not await self.query(expression):  # noqa: ASYNC110
                await asyncio.sleep(0.1)


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[Prometheus]:
    """Has scraped a service before and after its day."""
    try:
        command = program("prometheus")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    figures = make_metrics()
    port = free_port(socket.SOCK_STREAM)
    async with serve_http("127.0.0.1", 0, lambda: figures.render(standing, NOW), Health({})) as service:
        (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(scraping(service)))
        process = Process(
            "prometheus",
            [
                command,
                f"--config.file={tmp_path / 'prometheus.yml'}",
                f"--storage.tsdb.path={tmp_path / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            log=tmp_path / "prometheus.log",
        )
        await process.start()
        try:
            await process.port_open(port)
            asked = Prometheus(port)
            await asked.until("count_over_time(up{job='hotline'}[1m]) > 2")
            a_day(figures)
            await asked.until("hotline_calls_total{entry='1900'} == 10")
            await asked.until("changes(hotline_calls_total{entry='1900'}[1m]) > 0")
            yield asked
        finally:
            await process.stop()


def scraping(port: int) -> dict[str, Any]:
    """The configuration that docker/ ships, but faster and with one service on loopback."""
    shipped: dict[str, Any] = yaml.safe_load((PROJECT / "docker" / "prometheus" / "prometheus.yml").read_text())
    shipped["global"] = {"scrape_interval": "250ms", "scrape_timeout": "250ms"}
    shipped["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{port}"]}]
    return shipped


async def test_every_query_has_an_answer_and_the_figures_are_right(prometheus: Prometheus) -> None:
    for panel, expression in QUERIES:
        result = await prometheus.query(expression)
        assert result, (panel, expression)
        assert not any(re.fullmatch("NaN|[+-]Inf", each["value"][1]) for each in result), (panel, expression)

    by_title = dict(reversed(QUERIES))
    assert await prometheus.value(by_title["Service level, last hour"]) == pytest.approx(6 / 9)
    assert await prometheus.value(by_title["Speed of answer, last hour"]) == pytest.approx(15.0)
    assert await prometheus.value(by_title["Waiting"]) == 3
    assert await prometheus.value(by_title["Longest wait"]) == pytest.approx(42)
    assert await prometheus.value(by_title["Promises due"]) == 2
    assert await prometheus.value(by_title["Oldest due"]) == pytest.approx(90)
    agents = {
        each["metric"]["state"]: each["value"][1] for each in await prometheus.query(by_title["Agents by state"])
    }
    assert agents == {"offline": "1", "idle": "0", "offered": "0", "talking": "1", "wrap-up": "0", "paused": "0"}
