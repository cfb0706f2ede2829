"""Simulated days through the real scripts, small enough to be worked out by hand; and `hotline simulate`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import cast

import pytest
from typer.testing import CliRunner

from hotline.acd.core import Core
from hotline.cli import app
from hotline.simulation.day import Day
from hotline.simulation.link import Link
from hotline.simulation.model import Scenario, Traced
from hotline.simulation.runner import replicate, run
from hotline.simulation.scenario import loads
from hotline.simulation.server import NoRedis, find, private_redis
from hotline.simulation.tally import Measures, Result
from hotline.store import Store
from lab.programs import program

REDIS = str(program("redis-server"))
SIMULATIONS = Path(__file__).parents[2] / "config" / "simulations"


@pytest.fixture(scope="module")
def link() -> Iterator[Link]:
    with private_redis(REDIS) as link:
        yield link


def scenario(*, call: str = "", queues: str = "", agents: str = "{count: 1}", more: str = "") -> Scenario:
    """One agent, conversations of a minute, an hour; calls come as `of` says."""
    return loads(
        f"""\
simulation: {{length: 1h, replications: 1{more}}}
calls: {{desk: {{arrivals: 0/h, service: 1m{call}}}}}
queues: {{{queues}}}
agents: {{all: {agents}}}
"""
    )


def of(day: Scenario, link: Link, *moments: float, **more: float) -> Measures:
    """The measures of calls at these moments."""
    rows = tuple(Traced(moment, "desk", **more) for moment in moments)
    return replicate(replace(day, trace=rows), link, 0).types["desk"]


def count(found: Measures, name: str) -> float:
    return found[name][0]


def test_callers_wait_for_the_one_agent_in_their_order(link: Link) -> None:
    found = of(scenario(), link, 0, 10, 20)
    assert found["wait_mean"] == (0 + 50 + 100, 3)  # answered at 0, 60 and 120
    assert count(found, "served") == 3


def test_an_agent_wraps_up_before_the_next_call(link: Link) -> None:
    assert of(scenario(queues="desk: {wrap_up: 15s}"), link, 0, 10)["wait_mean"] == (65, 2)
    assert of(scenario(call=", wrap_up: 25s"), link, 0, 10)["wait_mean"] == (75, 2)


def test_who_is_out_of_patience_hangs_up(link: Link) -> None:
    found = of(scenario(call=", patience: 30s"), link, 0, 10, 40)
    assert (count(found, "answered"), count(found, "abandoned")) == (2, 1)
    assert found["wait_mean"] == (30 + 20, 3)


def test_who_calls_again_counts_as_a_new_arrival(link: Link) -> None:
    found = of(scenario(call=", patience: 30s, redial: {abandoned: 1, after: 40s}"), link, 0, 10)
    assert (count(found, "arrivals"), count(found, "redials"), count(found, "answered")) == (3, 1, 2)


def test_a_full_queue_and_full_lines_turn_callers_away(link: Link) -> None:
    for day in (scenario(queues="desk: {max_length: 1}"), scenario(more=", lines: 2")):
        found = of(day, link, 0, 10, 20)
        assert (count(found, "offered"), count(found, "blocked"), count(found, "answered")) == (2, 1, 2)


def test_the_longest_wait_of_the_queue_holds(link: Link) -> None:
    found = of(scenario(queues="desk: {max_wait: 20s}"), link, 0, 10)
    assert (count(found, "left"), count(found, "answered"), found["wait_mean"]) == (1, 1, (20, 2))


def test_who_overflows_is_gone_turned_away_when_coming_or_leaving_after_a_while(link: Link) -> None:
    late = of(scenario(queues="desk: {overflow: {to: menu, after: 20s}, max_wait: 30s}"), link, 0, 10)
    assert (count(late, "left"), count(late, "answered"), late["wait_mean"]) == (1, 1, (20, 2))
    full = of(scenario(queues="desk: {overflow: {to: menu, length: 1}}"), link, 0, 10, 20)
    assert (count(full, "offered"), count(full, "blocked"), count(full, "answered")) == (2, 1, 2)


def test_a_caller_waits_for_an_agent_of_the_own_site_before_others_may_answer(link: Link) -> None:
    day = scenario(
        call=", site: hue",
        queues="desk: {own_site: 20s}",
        agents="{count: 1, site: hue}, hanoi: {count: 1, site: hanoi}",
    )
    assert of(day, link, 0, 10)["wait_mean"] == (0 + 20, 2)
    assert of(day, link, 0, 50)["wait_mean"] == (0 + 10, 2)


def test_a_reserve_agent_is_kept_for_long_waits(link: Link) -> None:
    day = scenario(queues="desk: {reserve_above: 15s}", agents="{count: 1}, office: {count: 1, reserve: yes}")
    assert of(day, link, 0, 10)["wait_mean"] == (0 + 15, 2)


def test_an_agent_rests_after_so_many_calls_in_a_row(link: Link) -> None:
    day = scenario(agents="{count: 1, max_in_row: 2, cool_down: 5m}")
    assert of(day, link, 0, 10, 20)["wait_mean"] == (0 + 50 + (120 + 300 - 20), 3)


def test_an_agent_stays_with_the_caller_at_the_end_of_the_shift_and_takes_no_other(link: Link) -> None:
    day = scenario(agents='{count: {"00:00-00:01": 1, "00:30-01:00": 1}}')
    found = of(day, link, 30, 40)
    assert found["wait_answered"] == (30 * 60 - 40, 2)
    assert count(found, "served") == 2


def test_a_phone_that_rings_too_long_is_a_miss_and_the_caller_keeps_the_place(link: Link) -> None:
    day = scenario(agents="{count: 1, pick_up: 4s}")
    assert of(day, link, 0)["wait_mean"] == (4, 1)
    asleep = scenario(agents="{count: 1, pick_up: 4s}", queues="desk: {ring: 3s}", call=", patience: 2m")
    assert count(of(asleep, link, 0), "abandoned") == 1


def test_who_can_be_served_by_nobody_is_sent_away_at_the_end(link: Link) -> None:
    found = of(scenario(agents='{count: {"00:00-00:01": 1}}'), link, 70)
    assert (count(found, "left"), count(found, "answered")) == (1, 0)


def test_those_who_wait_at_the_end_are_still_served(link: Link) -> None:
    found = of(scenario(), link, 3590, 3591, 3592)
    assert (count(found, "served"), found["wait_mean"]) == (3, (59 + 118, 3))


def test_occupancy_is_the_time_busy_within_the_length(link: Link) -> None:
    day = replace(scenario(queues="desk: {wrap_up: 30s}"), trace=(Traced(0, "desk"), Traced(3590, "desk")))
    assert replicate(day, link, 0).groups["all"]["occupancy"] == (90 + 10, 3600)


def test_needs_decide_who_answers_and_priority_who_is_first(link: Link) -> None:
    day = loads(
        """\
simulation: {length: 1h}
calls:
  sales: {arrivals: 0/h, service: 1m, needs: {sales: 2}}
  vip: {arrivals: 0/h, service: 1m, needs: {sales: 1}, priority: 1m}
agents:
  expert: {count: 1, skills: {sales: 2}}
  novice: {count: 1, skills: {sales: 1}}
"""
    )
    rows = [("sales", 0), ("vip", 1), ("sales", 5), ("vip", 10)]
    found = replicate(replace(day, trace=tuple(Traced(at, kind) for kind, at in rows)), link, 0).types
    assert found["vip"]["wait_mean"] == (
        50,
        2,
    )  # at 60 the expert is free, and takes the later call with a head start
    assert found["sales"]["wait_mean"] == (115, 2)


class Foretelling(Core):
    """Tells everybody who must wait: 50 seconds."""

    async def expected_wait(self, call: str, now: float) -> float | None:
        return 50.0


async def test_what_the_core_foretells_is_compared_with_what_came(link: Link) -> None:
    day = replace(scenario(), trace=tuple(Traced(moment, "desk") for moment in (0, 10, 20)))
    link.wipe()
    found = (await Day(day, Foretelling(cast(Store, link)), 0).run()).types["desk"]
    assert found["rrase"] == (pytest.approx((50**2 / 2) ** 0.5 / 75), 1.0)  # waits of 50 and 100


BUSY = """\
simulation: {length: 2h, replications: 4, seed: 11, lines: 8, busyness: 20}
calls:
  a: {arrivals: 90/h, service: {lognormal: {mean: 2m, sd: 1m}}, patience: {exponential: 1m}, needs: {x: 1},
      redial: {abandoned: 0.5, blocked: 0.5, after: {exponential: 3m}}}
  b: {arrivals: 60/h, service: {gamma: {mean: 2m, sd: 1m}}, patience: {exponential: 2m}, needs: {y: 1}, wrap_up: 20s}
agents:
  x: {count: 2, skills: {x: 1}, pick_up: {gamma: {mean: 8s, sd: 5s}}}
  both: {count: {"00:00-01:30": 2, "00:30-01:00": 1}, skills: {x: 1, y: 1}}
  y: {count: 1, skills: {y: 1}}
"""
PROMISED = BUSY.replace("needs: {x: 1},", "needs: {x: 1}, callbacks: {due: 10, at: '00:30'},")


def results(workers: int) -> list[Result]:
    return sorted(run(loads(BUSY), program=REDIS, workers=workers), key=lambda result: result.replication)


def test_every_call_comes_to_one_end_and_workers_change_nothing() -> None:
    alone, together = results(1), results(2)
    assert alone == together
    for result in alone:
        for found in result.types.values():
            ends = sum(count(found, name) for name in ("answered", "abandoned", "blocked", "left"))
            assert count(found, "arrivals") == ends > 0
            assert count(found, "answered") == count(found, "served") > 0


def test_workers_do_not_hear_ctrl_c_even_at_their_first_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    start = SpawnProcess.start

    def start_and_interrupt(worker: SpawnProcess) -> None:
        start(worker)
        assert worker.pid
        os.kill(worker.pid, signal.SIGINT)

    monkeypatch.setattr(SpawnProcess, "start", start_and_interrupt)
    assert len(results(2)) == 4


def test_no_call_is_left_in_redis(link: Link) -> None:
    replicate(loads(BUSY), link, 0)
    kinds = {key.split(b":")[1] for key in link._ask(b"KEYS", b"*")}
    assert b"agent" in kinds
    assert not kinds & {b"call", b"calls", b"waiting", b"queue", b"queues"}


def test_redis_dies_with_the_process_that_started_it() -> None:
    source = (
        "import sys, time\nfrom hotline.simulation.server import private_redis\n"
        f"with private_redis({REDIS!r}) as link:\n"
        "    print(link._ask(b'INFO', b'server').decode(), flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout
        redis = next(int(line.split(":")[1]) for line in parent.stdout if line.startswith("process_id:"))
        parent.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{redis}").exists() and "Z" not in Path(f"/proc/{redis}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "redis-server outlived its parent"
        time.sleep(0.01)


def test_a_redis_that_cannot_be_found_or_started_is_told() -> None:
    with pytest.raises(NoRedis, match="no-such-redis is no program"):
        find("no-such-redis")
    with pytest.raises(NoRedis, match="did not come up"), private_redis("/bin/false"):
        pass


def test_a_redis_server_is_found_by_a_path_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "redis-server").symlink_to(Path(REDIS).absolute())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", "bin")
    for name in ("bin/redis-server", ""):
        with private_redis(find(name)) as link:
            link.wipe()


def simulate(*words: str | Path) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["simulate", *map(str, words)], env={"COLUMNS": "100"})
    return result.exit_code, result.stdout, result.stderr


def test_the_command_shows_tables(tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text(BUSY)
    code, told, _ = simulate(tmp_path / "busy.yaml", "--replications", "2", "--workers", "1", "--redis-server", REDIS)
    assert code == 0
    for word in ("busy", "arrivals", "abandoned", "≤ 20 s", "p90", "occupancy", "total", "±"):
        assert word in told


def test_the_command_tells_of_callbacks_where_there_are_any(tmp_path: Path) -> None:
    words = ("--replications", "2", "--workers", "1", "--redis-server", REDIS)
    (tmp_path / "busy.yaml").write_text(PROMISED)
    _, told, _ = simulate(tmp_path / "busy.yaml", *words)
    assert [word for word in ("Callbacks:", "due", "made", "no answer", "the last") if word not in told] == []
    _, told, _ = simulate(tmp_path / "busy.yaml", "--json", *words)
    found = json.loads(told)
    assert found["types"]["a"]["callbacks_due"]["mean"] == found["total"]["callbacks_due"]["mean"] == 10
    assert found["types"]["a"]["callbacks_last"]["low"] <= found["types"]["a"]["callbacks_last"]["high"]
    assert "callbacks_due" not in found["types"]["b"]


def test_the_command_gives_json_with_intervals(tmp_path: Path) -> None:
    (tmp_path / "busy.yaml").write_text(BUSY)
    words = ("--json", "--replications", "3", "--seed", "2", "--workers", "1", "--redis-server", REDIS)
    code, told, _ = simulate(tmp_path / "busy.yaml", *words)
    found = json.loads(told)
    assert code == 0
    assert (found["scenario"], found["replications"], found["seed"]) == ("busy", 3, 2)
    assert set(found["types"]) == {"a", "b"}
    assert set(found["agents"]) == {"x", "both", "y"}
    wait = found["total"]["wait_mean"]
    assert wait["low"] < wait["mean"] < wait["high"]


def test_the_command_tells_what_is_wrong_with_a_scenario(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(BUSY.replace("90/h", "often").replace("count: 1, skills: {y: 1}", "skills: {y: 1}"))
    code, told, problems = simulate(path)
    assert (code, told) == (2, "")
    assert [line.split(": ")[0] for line in problems.splitlines()] == [f"{path}:3:17", f"{path}:9:6"]
    assert simulate(tmp_path / "none.yaml")[0] == 2


def test_the_command_tells_that_it_has_no_redis() -> None:
    code, _, told = simulate(SIMULATIONS / "mm12.yaml", "--redis-server", os.devnull)
    assert code == 1
    assert "--redis-server" in told
