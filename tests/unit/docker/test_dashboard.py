"""The dashboard asks only for what the services export, in words that Prometheus understands."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from hotline.acd.model import QueueSettings, Snapshot
from hotline.callbacks.indexer import PromiseCounts
from hotline.gauges import SpoolState
from hotline.metrics import Metrics
from lab.programs import PROJECT, program

DOCKER = PROJECT / "docker"
DASHBOARD = json.loads((DOCKER / "grafana" / "dashboards" / "hotline.json").read_text())
OF_PROMETHEUS = {"up", "process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes"}
OF_SCRAPES = {"job", "instance"}
FUNCTIONS = {"sum", "max", "min", "by", "rate", "increase", "changes", "histogram_quantile"}

LABELS = re.compile(r"\{([^}]*)\}")
GROUPS = re.compile(r"\bby \(([^)]*)\)")


def queries() -> Iterator[tuple[str, str]]:
    """(panel, expression) of the whole dashboard, Grafana's variables put in."""
    for panel in DASHBOARD["panels"]:
        for target in panel["targets"]:
            yield panel["title"], in_place(target["expr"])
    for note in DASHBOARD["annotations"]["list"]:
        yield note["name"], in_place(note["expr"])


def in_place(expression: str) -> str:
    return expression.replace("$__rate_interval", "1m").replace("$queue", ".*")


async def exported() -> dict[str, set[str]]:
    """Every series that a service exports, with the names of its labels."""
    names = Metrics(
        {"billing": QueueSettings(name="billing", needs={})},
        entries=["1900"],
        menus=["main"],
        agents=[],
        links=["redis"],
    )

    async def source() -> tuple[Snapshot, PromiseCounts]:
        return Snapshot(queues={}, agents={}, calls={}), PromiseCounts({"captured": 0, "due": 0}, 0, 0.0, {"1h": 0})

    async def disk() -> SpoolState:
        return SpoolState(unread_bytes=0, unread_lines=0, free_bytes=0)

    series: dict[str, set[str]] = {}
    for family in text_string_to_metric_families((await names.render(source, disk, 0.0)).decode()):
        for sample in family.samples:
            series.setdefault(sample.name, set()).update(sample.labels)
    return series


def words(expression: str) -> set[str]:
    bare = GROUPS.sub("", LABELS.sub("", expression))
    bare = re.sub(r"\[[^\]]*\]", "", bare)
    return set(re.findall(r"[a-z_][a-z0-9_]+", bare)) - FUNCTIONS


def labels(expression: str) -> set[str]:
    selected = {part for found in LABELS.findall(expression) for part in re.findall(r"([a-z_]+)\s*[!=]", found)}
    grouped = {part.strip() for found in GROUPS.findall(expression) for part in found.split(",")}
    return selected | grouped


async def test_it_asks_only_for_series_and_labels_that_exist() -> None:
    series = await exported()
    for panel, expression in queries():
        asked = words(expression)
        assert asked <= series.keys() | OF_PROMETHEUS, panel
        known = set().union(*(series.get(name, set()) for name in asked)) | OF_SCRAPES
        assert labels(expression) <= known, panel


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    rules = [{"record": f"query:{number}", "expr": expression} for number, (_, expression) in enumerate(queries())]
    file = tmp_path / "rules.yml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = promtool("check", "rules", str(file))
    assert f"{len(rules)} rules found" in checked


def test_prometheus_understands_its_configuration() -> None:
    assert "SUCCESS" in promtool("check", "config", str(DOCKER / "prometheus" / "prometheus.yml"))


def promtool(*words: str) -> str:
    try:
        command = program("promtool")
    except FileNotFoundError as missing:
        pytest.skip(str(missing))
    done = subprocess.run([command, *words], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_what_ops_look_for_is_on_it() -> None:
    asked = " ".join(expression for _, expression in queries())
    for name in (
        "hotline_calls_active", "hotline_calls_total", "hotline_queue_waiting", "hotline_queue_longest_wait_seconds",
        "hotline_queue_answered_within_total", "hotline_queue_abandoned_total", "hotline_wait_seconds_sum",
        "hotline_agents", "hotline_promises", "hotline_promises_due", "hotline_promises_oldest_due_seconds",
        "hotline_link_up", "hotline_link_losses_total", "hotline_healed_total", "hotline_promises_open",
        "hotline_callback_attempts_total", "hotline_promises_first_dialed_total", "hotline_outbox_unread_lines",
        "hotline_spool_free_bytes",
    ):  # fmt: skip
        assert re.search(rf"\b{name}\b", asked), name


def test_every_panel_has_its_own_place_and_the_provisioned_source() -> None:
    folder = DOCKER / "grafana" / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yaml").read_text())["datasources"]
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        place = panel["gridPos"]
        cells = {(place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])}
        assert not cells & taken, panel["title"]
        assert place["x"] + place["w"] <= 24
        taken |= cells
        for each in (panel, *panel["targets"]):
            assert each["datasource"] == {"type": source["type"], "uid": source["uid"]}
    assert len({panel["id"] for panel in DASHBOARD["panels"]}) == len(DASHBOARD["panels"])


def test_compose_shows_the_dashboard_where_grafana_looks_for_it() -> None:
    grafana: dict[str, Any] = yaml.safe_load((DOCKER / "compose.yaml").read_text())["services"]["grafana"]
    mounts = dict(each.split(":")[:2][::-1] for each in grafana["volumes"])
    provider = yaml.safe_load((DOCKER / "grafana/provisioning/dashboards/hotline.yaml").read_text())["providers"][0]
    assert (DOCKER / mounts[provider["options"]["path"]] / "hotline.json").exists()
    assert (DOCKER / mounts["/etc/grafana/provisioning"] / "datasources").is_dir()
