"""Scenario files: what they say, and every mistake in them with its place."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hotline.acd.wire import rules
from hotline.schema import ConfigError
from hotline.simulation.distributions import Exponential, Fixed, Lognormal, Never, Values
from hotline.simulation.model import Scenario, Traced
from hotline.simulation.scenario import load, loads
from hotline.simulation.shape import Formula

EXAMPLES = sorted((Path(__file__).parents[3] / "config" / "simulations").glob("*.yaml"))
SMALL = """\
simulation:
  length: 8h
calls:
  desk:
    arrivals: 4.2/min
    service: {exponential: 2m}
agents:
  all: {count: 12}
"""


def problems(text: str, folder: Path = Path()) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loads(text, "day.yaml", folder)
    return str(caught.value).splitlines()


def changed(*changes: tuple[str, str]) -> str:
    text = SMALL
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    return text


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_every_example_is_good(path: Path) -> None:
    scenario = load(path)
    assert scenario.name == path.stem
    assert not scenario.warnings


def test_types_with_needs_of_their_own_bring_their_queue_the_same_rules() -> None:
    scenario = loads(
        """\
simulation: {length: 1h}
calls:
  plain: {arrivals: 1/min, service: 2m, queue: desk}
  expert: {arrivals: 1/min, service: 2m, queue: desk, needs: {sales: 3}}
queues: {desk: {needs: {sales: 1}}}
agents: {all: {count: 1, skills: {sales: 3}}}
"""
    )
    plain, expert = scenario.calls["plain"].queue, scenario.calls["expert"].queue
    assert (plain.needs, expert.needs) == ({"sales": 1}, {"sales": 3})
    assert rules(plain) == rules(expert)
    assert rules(plain) != rules(replace(plain, other_needs=()))


def test_what_is_left_out_has_its_default() -> None:
    scenario = loads(SMALL)
    desk = scenario.calls["desk"]
    assert desk.queue.name == "desk"
    assert desk.queue.needs == {}
    assert desk.rates == ((0.0, 4.2 / 60),) or desk.rates[0][1] == pytest.approx(4.2 / 60)
    assert desk.patience == Never()
    assert scenario.groups["all"].staff == ((0.0, 12.0),)
    assert (scenario.length, scenario.warm_up, scenario.lines, scenario.busyness) == (28800.0, 0.0, None, None)
    assert (scenario.thresholds, scenario.formula) == ((20.0,), Formula.LATE_ABANDONS)


def test_everything_can_be_said() -> None:
    scenario = loads(
        """\
simulation: {length: 24h, starts: sat 08:00, warm_up: 1h, replications: 7, seed: 9, lines: 30, busyness: 25,
             service_level: {within: [20s, 1m], of: offered}}
calls:
  vip:
    queue: desk
    needs: {sales: 3}
    priority: 30s
    arrivals: {"08:00-12:00": 60/h, "sat-sun 08:00-12:00": 1/min}
    service: {lognormal: {mean: 3m, sd: 2m}}
    patience: {values: [10s, 1m]}
    wrap_up: 20s
    redial: {abandoned: 0.5, blocked: 1, after: {exponential: 5m}, most: 2}
queues:
  desk: {needs: {sales: 1}, max_length: 5, wrap_up: 10s}
agents:
  sellers: {skills: {sales: 4}, count: {"08:00-16:00": 3, "12:00-20:00": 2}, pick_up: 3s}
"""
    )
    vip, sellers = scenario.calls["vip"], scenario.groups["sellers"]
    assert (vip.queue.name, vip.queue.needs, vip.queue.priority, vip.queue.max_length) == (
        "desk",
        {"sales": 3},
        30,
        5,
    )
    assert vip.rates == ((0.0, pytest.approx(2 / 60)), (14400.0, 0.0))
    assert (vip.service, vip.patience, vip.wrap_up) == (Lognormal(180, 120), Values((10.0, 60.0)), Fixed(20))
    assert vip.redial is not None
    assert (vip.redial.after, vip.redial.abandoned, vip.redial.blocked, vip.redial.most) == (
        Exponential(300),
        0.5,
        1,
        2,
    )
    assert sellers.staff == ((0.0, 3.0), (14400.0, 5.0), (28800.0, 2.0), (43200.0, 0.0))
    assert sellers.pick_up == Fixed(3)
    assert (scenario.replications, scenario.seed, scenario.lines, scenario.busyness) == (7, 9, 30, 25)
    assert (scenario.thresholds, scenario.formula) == ((20.0, 60.0), Formula.OFFERED)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("4.2/min", "4.2", "day.yaml:5:15: '4.2' is no rate; write it like 4.2/min, 300/h or 15000/day"),
        ("4.2/min", "9999/s", "day.yaml:5:15: '9999/s' is more than 1000 calls a second"),
        ("exponential: 2m", "exponental: 2m", "day.yaml:6:15: unknown key 'exponental' (did you mean"),
        ("exponential: 2m", "exponential: 2m, fixed: 1m", "day.yaml:6:14: give one of exponential, lognormal"),
        ("{exponential: 2m}", "{gamma: {mean: 2m}}", "day.yaml:6:22: 'sd' is missing here"),
        ("{exponential: 2m}", "soon", "day.yaml:6:14: 'soon' is no length of time"),
        ("count: 12", "count: twelve", "day.yaml:8:16: 'twelve' is no number of agents"),
        ("count: 12", 'count: {"8-12": 3}', "day.yaml:8:17: hours are written like 07:30-11:30, not '8-12'"),
        ("length: 8h", "length: 8h\n  warm_up: 9h", "day.yaml:3:12: the warm-up must be shorter"),
        ("length: 8h", "length: 8h\n  seed: -1", "day.yaml:3:9: 'seed' must be 0 or more"),
        ("length: 8h", "length: 8h\n  service_level: {of: all}", "day.yaml:3:23: 'all' is not one of"),
        ("length: 8h", "length: 8h\n  starts: noon", "day.yaml:3:11: 'noon' is no start; write it like 08:00"),
        ("    service: {exponential: 2m}\n", "", "day.yaml:5:5: 'service' is missing here"),
        ("    arrivals: 4.2/min\n", "", "day.yaml:4:3: calls 'desk' never come; give `arrivals`"),
        ("    arrivals", "    needs: {sale: 1}\n    arrivals", "day.yaml:5:13: unknown skill 'sale'"),
        ("    arrivals", "    queue: dsk\n    arrivals", "day.yaml:5:12: unknown queue 'dsk' (there are none)"),
        ("agents:", "agent:", "day.yaml:7:1: unknown section 'agent' (did you mean 'agents'?)"),
        ("calls:", "queues:\n  desk: {ring: 1s}\ncalls:", "day.yaml:4:16: must last from 3s to 5m, not 1s"),
        ("  desk:", "  Desk:", "day.yaml:4:3: 'Desk' is no name"),
        ("length: 8h", "length: 9000h", "day.yaml:3:1: these are"),
        ("    arrivals", "    site: hue\n    arrivals", "day.yaml:5:11: unknown site 'hue' (there are none)"),
        ("{count: 12}", "{count: 12, site: Hue}", "day.yaml:8:26: 'Hue' is no name"),
        ("{count: 12}", "{count: 12, max_in_row: 5}", "day.yaml:8:32: 'max_in_row' needs 'cool_down' beside it"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(old: str, new: str, said: str) -> None:
    text = changed((old, new))
    if "9000h" in new:
        text = text.replace("4.2/min", "9/s")
    found = problems(text)
    assert len(found) == 1
    assert said in found[0]


def test_all_mistakes_are_told_at_once() -> None:
    found = problems(changed(("8h", "8x"), ("4.2/min", "often"), ("{exponential: 2m}", "{}"), ("12", "-1")))
    assert [line.split(": ")[0] for line in found] == [
        "day.yaml:2:11",
        "day.yaml:5:15",
        "day.yaml:6:14",
        "day.yaml:8:16",
    ]


def test_skills_that_exist_but_not_in_one_group_serve_nobody() -> None:
    text = changed(
        ("    arrivals", "    needs: {a: 2, b: 1}\n    arrivals"),
        ("all: {count: 12}", "x: {count: 1, skills: {a: 2}}\n  y: {count: 1, skills: {b: 2}}"),
    )
    assert problems(text) == ["day.yaml:5:12: nobody could ever answer calls 'desk': no group has a 2 and b 1"]


ROUTED = """\
calls:
  desk: {arrivals: 1/min, service: 2m, needs: {sales: 3}, site: hue}
  info: {arrivals: 1/min, service: 1m, queue: desk}
queues:
  desk:
    needs: {sales: 3}
    own_site: 5s
    widen:
      - {after: 10s, needs: {sales: 2}}
      - {after: 20s, needs: {sales: 1}}
agents:
  hue: {count: 1, skills: {sales: 3}, site: hue}
"""


def test_all_rules_of_routing_can_be_simulated() -> None:
    scenario = loads(ROUTED.replace("{count: 1,", "{count: 1, reserve: yes, max_in_row: 9, cool_down: 1m,"))
    desk, hue = scenario.calls["desk"], scenario.groups["hue"]
    assert [step.needs for step in desk.queue.widen] == [{"sales": 2}, {"sales": 1}]
    assert (desk.site, scenario.calls["info"].site) == ("hue", "")
    assert (hue.site, hue.reserve, hue.max_in_row, hue.cool_down) == ("hue", True, 9, 60.0)
    assert not scenario.warnings


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("needs: {sales: 1}", "needs: {sale: 1}", "10:30: a step can only ask for less: sale 1, where it was not"),
        ("after: 20s", "after: 10s", "10:17: each step must come later than the one before it, after more than 10s"),
        ("skills: {sales: 3}", "skills: {sales: 0}", "12:35: 'sales' must be 1 or more"),
        ("skills: {sales: 3}", "skills: {sales: 3}, reserve: perhaps", "12:48: 'reserve' must be yes or no"),
        ("{sales: 3}, site: hue}\n  info", "{sales: 1}, site: hue}\n  info", "2:47: queue 'desk' widens to sales 2"),
        ("site: hue}\n  info", "site: hu}\n  info", "2:65: unknown site 'hu' (did you mean 'hue'?)"),
        ("own_site: 5s", "own_site: 2h", "7:15: must last from 0s to 1h, not 2h"),
        ("own_site: 5s", "overflow: {to: menu, after: 20s}", "10:17: this step never comes: callers"),
        ("own_site: 5s", "overflow: {to: menu}", "7:15: nobody overflows without a limit"),
        ("own_site: 5s", "reserve_above: soon", "7:20: 'soon' is no length of time"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_rule_of_routing_is_told_with_its_place(old: str, new: str, said: str) -> None:
    assert old in ROUTED
    (found,) = problems(ROUTED.replace(old, new, 1))
    assert f"day.yaml:{said}" in found


def test_a_queue_is_served_by_nobody_when_its_last_step_is_not() -> None:
    text = ROUTED.replace("      - {after: 20s, needs: {sales: 1}}\n", "")
    text = text.replace("skills: {sales: 3}", "skills: {sales: 1}")
    assert problems(text) == [
        "day.yaml:9:29: nobody could ever answer queue 'desk', even at its last step: no group has sales 2"
    ]


def test_a_step_that_nobody_can_serve_is_odd_when_a_later_one_can_be_served() -> None:
    scenario = loads(ROUTED.replace("skills: {sales: 3}", "skills: {sales: 1}"))
    assert [str(warning) for warning in scenario.warnings] == [
        "scenario.yaml:2:47: no group has sales 3: these callers pass this step at once",
        "scenario.yaml:6:12: no group has sales 3: these callers pass this step at once",
    ]


def test_callers_can_be_of_no_site_that_no_group_is_of() -> None:
    assert problems(ROUTED.replace(", site: hue}", "}")) == [
        "day.yaml:7:15: no group has a `site`, so nobody is of the caller's own; give the groups theirs"
    ]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (", site: hue}\n  info", "}\n  info", "7:15: none of these calls has a `site`, so this has no effect"),
        ("own_site", "sticky", "7:13: nobody who talked with an agent calls again here: this has no effect"),
        ("own_site", "reserve_above", "7:20: no group has `reserve: yes`, so this has no effect"),
    ],
)
def test_a_rule_without_effect_is_odd(old: str, new: str, said: str) -> None:
    scenario = loads(ROUTED.replace(old, new, 1))
    assert [str(warning) for warning in scenario.warnings] == [f"scenario.yaml:{said}"]


def test_a_queue_without_calls_is_odd() -> None:
    scenario = loads(SMALL + "queues:\n  sales: {}\n")
    assert [str(warning) for warning in scenario.warnings] == ["scenario.yaml:10:3: no calls go to queue 'sales'"]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "nothing"])
def test_a_file_that_is_no_mapping_is_told_as_such(text: str) -> None:
    assert "a scenario must hold a mapping with the keys simulation, calls, queues, agents" in problems(text)[0]


def test_no_type_of_calls_is_named_like_all_of_them_together() -> None:
    assert problems(changed(("  desk:", "  total:"))) == [
        "day.yaml:4:3: 'total' is what all calls together are called; take another name"
    ]


def traced(tmp_path: Path, csv: str) -> Scenario:
    (tmp_path / "calls.csv").write_text(csv, encoding="utf-8")
    text = changed(("    arrivals: 4.2/min\n", ""), ("length: 8h", "length: 8h\n  trace: calls.csv"))
    return loads(text, "day.yaml", tmp_path)


def test_a_trace_is_read_and_put_in_order(tmp_path: Path) -> None:
    scenario = traced(tmp_path, "time,type,service,patience\n00:01:30,desk,2m,\n\n1.5,desk,,30\n")
    assert scenario.trace == (Traced(1.5, "desk", None, 30.0), Traced(90.0, "desk", 120.0, None))


def test_mistakes_in_a_trace_have_their_line_and_cell(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        traced(tmp_path, "time,type,service\n1,dsk,\nsoon,desk,\n,desk,\n1,desk,2,3\n")
    file = tmp_path / "calls.csv"
    assert str(caught.value).splitlines() == [
        f"{file}:2:2: unknown call type 'dsk' (did you mean 'desk'?)",
        f"{file}:3:1: 'soon' is no time; write it like 90, 1m30s or 08:01:30",
        f"{file}:4:1: the time is missing",
        f"{file}:5:4: there are 4 cells for 3 columns",
    ]


def test_a_column_of_a_trace_that_is_there_twice_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        traced(tmp_path, "time,type,time\n1,desk,2\n")
    assert str(caught.value) == f"{tmp_path / 'calls.csv'}:1:3: column 'time' stands here twice; keep one of them"


def test_a_trace_that_cannot_be_read_is_a_problem_too(tmp_path: Path) -> None:
    text = changed(("length: 8h", "length: 8h\n  trace: none.csv"))
    assert problems(text, tmp_path) == [
        f"{tmp_path / 'none.csv'}:1:1: the file can't be read: No such file or directory"
    ]


def test_a_trace_whose_name_no_file_can_have_is_a_problem_too(tmp_path: Path) -> None:
    (problem,) = problems(changed(("length: 8h", 'length: 8h\n  trace: "\\0"')), tmp_path)
    assert "the file can't be read" in problem


def test_days_do_not_vary_by_nothing() -> None:
    (problem,) = problems(changed(("length: 8h", "length: 8h\n  busyness: 0")))
    assert problem.endswith("'busyness' must be more than 0")


def test_a_trace_past_the_end_is_a_mistake(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"day.yaml:2:11: the trace goes on to 28800s, after the end"):
        traced(tmp_path, "time,type\n08:00:00,desk\n")
