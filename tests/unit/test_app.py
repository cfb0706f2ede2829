"""The composition root, as far as it can be asked without running it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from agi.protocol import Request
from hotline import app, running
from hotline.app import Service
from hotline.callbacks.trouble import Trouble
from hotline.couriers import lacking
from hotline.schema import load
from hotline.settings import Address, Settings
from lab.process import free_port

CONFIG = Path(__file__).parents[2] / "config" / "hotline.yaml"


@pytest.fixture
async def service(tmp_path: Path) -> Service:
    settings = Settings(
        config=CONFIG,
        agi=Address("127.0.0.1", free_port()),
        ami=(),
        redis=Address("127.0.0.1", 1),
        http=Address("127.0.0.1", free_port()),
        spool=tmp_path,
        sounds=tmp_path,
        clock=None,
        max_calls=1,
    )
    return Service(settings, load(CONFIG))


async def test_a_call_that_failed_is_named_in_the_log(service: Service, headers: dict[str, str]) -> None:
    with capture_logs() as lines:
        service._call_failed(Request(headers), RuntimeError("boom"))
    (line,) = lines
    assert (line["call"], line["script"], line["log_level"]) == ("pbx1-1.1", "call", "error")


async def test_missing_prompts_are_told_at_the_start_in_one_line(service: Service) -> None:
    with capture_logs() as lines:
        await service._look_for_prompts()
        assert service.sounds.find("welcome", "en") is None
    start, heard = lines
    wanted = sum(len(texts) for texts in service.config.prompts.values())
    assert start["event"].startswith(f"{wanted} prompts have no recording")
    assert "`hotline prompts`" in start["event"]
    assert (heard["prompt"], heard["language"]) == ("welcome", "en")


async def test_a_trouble_of_the_spool_names_the_file_in_fields_of_its_own(service: Service) -> None:
    with capture_logs() as lines:
        service._tell_trouble(Trouble("A line of the outbox is torn.", "outbox/2026-11.jsonl", 1795328001))
    (line,) = lines
    assert (line["path"], line["byte"]) == ("outbox/2026-11.jsonl", 1795328001)


async def test_health_fails_with_the_outbox_and_not_with_redis(service: Service, tmp_path: Path) -> None:
    parts = service._health()
    problems = await parts.problems()
    assert problems["redis"]
    assert parts.verdict(problems) == "failing", "the folders of the spool are not there"
    service.after_hours.outbox.prepare()
    parts = service._health()
    problems = await parts.problems()
    assert problems["outbox"] is None
    assert parts.verdict(problems) == "degraded"


async def test_a_start_without_any_pbx_to_listen_to_says_what_is_lost(service: Service) -> None:
    with capture_logs() as lines:
        service._tell_what_is_missing()
    (line,) = lines
    assert line["log_level"] == "warning"
    assert line["event"].startswith("HOTLINE_AMI names no PBX.")


@pytest.mark.parametrize(("takes", "allow", "told"), [(True, True, True), (True, False, False), (False, True, False)])
async def test_a_start_without_any_pbx_says_that_the_promised_callbacks_are_not_made(
    service: Service, takes: bool, allow: bool, told: bool
) -> None:
    voicemail = service.config.voicemail if takes else {}
    dialing = replace(service.config.dialing, allow=("+84",) if allow else ())
    service.config = replace(service.config, voicemail=voicemail, dialing=dialing)
    with capture_logs() as lines:
        service._tell_what_is_missing()
    assert ("nobody is called back" in lines[0]["event"]) is told


async def test_a_start_says_what_the_configuration_asks_for_and_the_surroundings_lack(service: Service) -> None:
    queue = next(iter(service.config.voicemail.values()))
    asking = replace(queue, mail=("desk@example.org",), webhook="https://crm.example.org/")
    config = replace(service.config, voicemail={queue.queue: asking})
    mail, told = lacking(service.settings, config)
    assert mail.startswith("HOTLINE_SMTP names no mail server")
    assert told.startswith("HOTLINE_WEBHOOK_SECRET is not set")
    assert mail.endswith(f"ask for it: {queue.queue}.")
    assert list(lacking(service.settings, service.config)) == []


async def test_what_redis_refuses_is_in_the_log_in_its_own_words(service: Service) -> None:
    with capture_logs() as lines:
        service._redis_refused("OOM command not allowed")
    assert lines[0]["redis"] == "OOM command not allowed"


async def test_a_hotline_whose_time_stands_still_is_not_well(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def well() -> None:
        return None

    monkeypatch.setattr(service.core, "check", well)
    service.desk.trouble = "Wrap-ups do not end: Redis refused a script."
    problems = await service._health().problems()
    assert problems["redis"] == service.desk.trouble
    service.desk.trouble = ""
    assert (await service._health().problems())["redis"] is None


@pytest.mark.parametrize("twice", [True, False])
async def test_what_cannot_be_kept_at_the_end_is_not_waited_for_for_ever(
    service: Service, monkeypatch: pytest.MonkeyPatch, twice: bool
) -> None:
    stop, at_once, begun = asyncio.Event(), asyncio.Event(), asyncio.Event()
    limits: list[float] = []

    async def hangs() -> None:
        begun.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(service.after_hours, "finish_messages", hangs)
    monkeypatch.setattr(app, "signals", lambda _: (stop, at_once))
    monkeypatch.setattr(app, "FINISHING", 60.0 if twice else 0.1)
    async with asyncio.timeout(20):
        serving = asyncio.create_task(service.run(limits.append))
        stop.set()
        await begun.wait()
        assert limits == []
        if twice:
            at_once.set()
        await serving
    assert limits == [app.FINISHING]


def _faulty(name: str, runs: asyncio.Queue[str]) -> Callable[[], Coroutine[Any, Any, None]]:
    async def run() -> None:
        runs.put_nowait(name)
        raise LookupError(name)

    return run


async def test_a_fault_in_any_upkeep_is_told_and_ends_neither_the_service_nor_the_upkeep(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_hours, runs = service.after_hours, asyncio.Queue[str]()
    names = ["answering", "indexer", "retention", "rounds"]
    for name in names:
        monkeypatch.setattr(getattr(after_hours, name), "run", _faulty(name, runs))
    after_hours.deliverers = (SimpleNamespace(run=_faulty("webhook", runs)),)  # type: ignore[assignment]
    monkeypatch.setattr(running, "AFTER_A_FAULT", 0.0)
    with capture_logs() as lines:
        async with asyncio.timeout(10), running.running(*after_hours.work()):
            ran = [await runs.get() for _ in range(15)]
    assert {name: ran.count(name) for name in ran} == dict.fromkeys([*names, "webhook"], 3)
    assert {(line["log_level"], line["exc_info"]) for line in lines} == {("error", True)}


async def test_a_fault_on_the_way_of_a_call_ends_the_service(service: Service) -> None:
    with pytest.raises(BaseExceptionGroup):
        async with asyncio.timeout(10), running.running(_faulty("desk", asyncio.Queue())()):
            await asyncio.Event().wait()
