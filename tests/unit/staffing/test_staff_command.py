"""`hotline staff`: what it prints and writes, and how it ends when something is wrong."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hotline.cli import app

EXAMPLE = Path(__file__).parents[3] / "config" / "simulations" / "forecast.csv"


def staff(*words: str | Path) -> Result:
    return CliRunner().invoke(app, ["staff", *map(str, words)])


@pytest.fixture
def textbook(tmp_path: Path) -> Path:
    path = tmp_path / "forecast.csv"
    path.write_text("start,calls,handle\n08:00,100,3m\n08:30,0,\n")
    return path


def test_the_table_fits_a_terminal_and_tells_the_whole(textbook: Path) -> None:
    result = staff(textbook, "--shrinkage", "30")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert max(map(len, lines)) <= 80
    (row,) = (line.split() for line in lines if "08:00" in line)
    assert row == ["08:00", "100", "180s", "14", "14", "20", "88.8%", "7.8s", "71%"]
    assert "100 calls, 7 agent-hours (10 paid), at most 14 agents at once." in lines
    assert "Expected: 88.8% in time, 0.0% given up, 7.8 s mean wait, agents 71.4% busy." in lines


def test_erlang_a_has_its_columns_where_a_patience_is_known() -> None:
    result = staff(EXAMPLE)
    assert "by A" in result.output
    assert "lost" in result.output
    assert "…" not in result.output


def test_dates_take_no_room_from_the_figures(tmp_path: Path) -> None:
    path = tmp_path / "week.csv"
    path.write_text("start,calls,handle,patience\n2026-11-23 08:00,1000,3m,60\n2026-11-24 08:00,1000,3m,60\n")
    result = staff(path, "--shrinkage", "30")
    assert "…" not in result.output
    assert max(map(len, result.output.splitlines())) <= 80


def test_the_csv_is_what_the_json_is(textbook: Path, tmp_path: Path) -> None:
    result = staff(textbook, "--json", "--csv", tmp_path / "plan.csv", "--patience", "300")
    told = json.loads(result.stdout)
    with (tmp_path / "plan.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert written == [
        {key: "" if value is None else str(value) for key, value in row.items()} for row in told["slots"]
    ]
    assert (told["slots"][0]["erlang_c"], told["slots"][0]["erlang_a"]) == (14, 13)
    assert told["total"]["busiest"] == 13


@pytest.mark.parametrize(
    ("options", "agents"),
    [
        ((), "14"),
        (("--level", "95"), "16"),
        (("--within", "60"), "13"),
        (("--max-wait", "1"), "17"),
        (("--max-occupancy", "50"), "20"),
        (("--patience", "300"), "13"),
        (("--patience", "300", "--max-abandoned", "1"), "15"),
        (("--patience", "300", "--model", "erlang-c"), "14"),
        (("--at-least", "30"), "30"),
        (("--slot", "15"), "24"),
    ],
)
def test_each_option_has_its_say(textbook: Path, tmp_path: Path, options: tuple[str, ...], agents: str) -> None:
    assert staff(textbook, *options, "--csv", tmp_path / "plan.csv").exit_code == 0
    header, first, *_ = csv.reader((tmp_path / "plan.csv").read_text().splitlines())
    assert first[header.index("agents")] == agents


def test_a_wrong_forecast_ends_with_its_places_and_status_2(tmp_path: Path) -> None:
    path = tmp_path / "forecast.csv"
    path.write_text("start,calls,handle\n08:00,x,3m\n08:30,5,\n")
    result = staff(path)
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        f"{path}:2:7: 'x' is no number of calls; write it like 120 or 97.5",
        f"{path}:3:9: '' is no length of time; write it like 20s, 2m, 1m30s or 1h",
    ]
    assert result.stdout == ""


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--max-abandoned", "5"), "--patience"),
        (("--level", "100"), "--level"),
        (("--shrinkage", "95"), "--shrinkage"),
        (("--model", "erlang-b"), "erlang-c"),
        (("--csv", "/nowhere/plan.csv"), "/nowhere/plan.csv: the plan can't be written there: No such file"),
    ],
)
def test_a_wrong_option_ends_with_status_2(textbook: Path, options: tuple[str, ...], said: str) -> None:
    result = staff(textbook, *options)
    assert result.exit_code == 2
    assert said in result.stderr


def test_the_plan_never_overwrites_the_forecast(textbook: Path, tmp_path: Path) -> None:
    (tmp_path / "link.csv").symlink_to(textbook)
    before = textbook.read_text()
    for plan in (textbook, tmp_path / "link.csv"):
        result = staff(textbook, "--csv", plan)
        assert result.exit_code == 2
        assert (
            result.stderr == f"{plan}: that is the forecast, which the plan would overwrite; choose another --csv\n"
        )
    assert textbook.read_text() == before


def test_a_redis_server_that_is_not_there_is_told_as_such(textbook: Path) -> None:
    result = staff(textbook, "--verify", "1", "--redis-server", "no-such-program")
    assert result.exit_code == 1
    assert "no-such-program" in result.stderr
