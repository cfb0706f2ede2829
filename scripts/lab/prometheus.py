"""A real Prometheus that scrapes one service, configured as docker/ ships it; and the dashboard's queries."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any, Self

import aiohttp
import yaml

from lab.process import Process, free_port
from lab.programs import PROJECT, program

_NO_FIGURE = re.compile("NaN|[+-]Inf")


def dashboard_queries() -> list[tuple[str, str]]:
    """Panel and expression of every query of the shipped dashboard, for all queues."""
    dashboard = json.loads((PROJECT / "docker" / "grafana" / "dashboards" / "hotline.json").read_text())
    return [
        (panel["title"], target["expr"].replace("$__rate_interval", "1m").replace("$queue", ".*"))
        for panel in dashboard["panels"]
        for target in panel["targets"]
    ]


class Prometheus:
    """Scrapes 127.0.0.1:`target` four times a second."""

    def __init__(self, folder: Path, target: int) -> None:
        self.folder, self.target, self.port = folder, target, free_port()
        self._process = Process(
            "prometheus",
            [
                program("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            log=folder / "prometheus.log",
        )

    async def __aenter__(self) -> Self:
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(self._configuration()))
        await self._process.start()
        await self._process.port_open(self.port)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._process.stop()

    def _configuration(self) -> dict[str, Any]:
        """What docker/ ships, but faster and with one service on loopback."""
        shipped: dict[str, Any] = yaml.safe_load((PROJECT / "docker" / "prometheus" / "prometheus.yml").read_text())
        shipped["global"] = {"scrape_interval": "250ms", "scrape_timeout": "250ms"}
        shipped["scrape_configs"][0]["static_configs"] = [{"targets": [f"127.0.0.1:{self.target}"]}]
        return shipped

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """What it answers; [] also while it is still starting."""
        url = f"http://127.0.0.1:{self.port}/api/v1/query"
        async with aiohttp.ClientSession() as session, session.post(url, data={"query": expression}) as response:
            if response.status == 503:
                return []
            answer = await response.json()
        assert answer["status"] == "success", (expression, answer)
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def value(self, expression: str) -> float:
        """The one figure that a query has."""
        (only,) = await self.query(expression)
        return float(only["value"][1])

    async def until(self, expression: str, within: float = 60.0) -> None:
        """Wait until a query has a result; Prometheus tells nobody. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while not await self.query(expression):  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def unanswered(self) -> list[str]:
        """The dashboard's queries without any figure; a queue that had no calls may have none in a ratio."""
        failed = []
        for panel, expression in dashboard_queries():
            result = await self.query(expression)
            if all(_NO_FIGURE.fullmatch(each["value"][1]) for each in result):
                failed.append(f"{panel}: {expression}")
        return failed
