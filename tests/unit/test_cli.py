"""The command line: what it says and how it ends."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from hotline.cli import app

CONFIG = Path(__file__).parents[2] / "config" / "hotline.yaml"


def hotline(*words: str | Path, typed: str = "") -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], input=typed)


@pytest.fixture
def broken(tmp_path: Path) -> Path:
    """The example with a menu misspelt and a key doubled."""
    text = (
        CONFIG.read_text()
        .replace("- goto: choose", "- goto: chose", 1)
        .replace("choices: {1: outage,", "choices: {1: outage, 1: x,")
    )
    path = tmp_path / "hotline.yaml"
    path.write_text(text)
    return path


def test_check_says_that_the_example_is_good() -> None:
    result = hotline("check", CONFIG)
    assert result.exit_code == 0
    assert "good" in result.output


@pytest.mark.parametrize("command", ["check", "serve", "prompts", "try"])
def test_a_broken_configuration_ends_every_command_with_its_place_and_status_2(command: str, broken: Path) -> None:
    result = hotline(command, broken)
    assert result.exit_code == 2
    lines = [text.strip() for text in broken.read_text().splitlines()]
    goto = lines.index("- goto: chose") + 1
    doubled = next(number for number, line in enumerate(lines, 1) if "1: x" in line)
    first, second = result.stderr.splitlines()
    assert first.startswith(f"{broken}:{goto}:13: unknown menu 'chose' (did you mean 'choose'")
    assert second.startswith(f"{broken}:{doubled}:30: key '1' is already on line {doubled}")


def test_a_missing_configuration_is_told_as_such(tmp_path: Path) -> None:
    result = hotline("serve", tmp_path / "none.yaml")
    assert result.exit_code == 2
    assert "none.yaml" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--agi", "4573", "host:port"),
        ("--redis", "localhost:many", "host:port"),
        ("--ami", "hotline@127.0.0.1", "name=user:secret@host:port"),
        ("--ami", "a=u:s@127.0.0.1:5038,a=u:s@127.0.0.1:5039", "same name"),
        ("--smtp", "mail.example.org:25", "smtp://host:port"),
        ("--webhook-secret", "short", "16 signs or more"),
        ("--api-token", "short", "24 signs or more"),
    ],
)
def test_a_wrong_address_is_told_with_how_it_should_look(option: str, value: str, said: str) -> None:
    result = hotline("serve", CONFIG, option, value)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_wrong_ami_setting_does_not_show_its_secret() -> None:
    assert "hush" not in hotline("serve", CONFIG, "--ami", "hotline:hush@127.0.0.1").stderr


def test_try_at_night_promises_the_next_opening() -> None:
    night = ("try", CONFIG, "--number", "1900", "--at", "2026-11-27T22:15")
    assert "[callback-no-number]" in hotline(*night, typed="\n" * 7).output
    result = hotline(*night, typed="\n\n\n\n0901234567#\n1\n" + "\n" * 4)
    assert result.exit_code == 0
    assert "office is closed" in result.output
    assert "[voicemail-greeting]" in result.output
    assert "[day-1]" in result.output
    assert "[from-07-30]" in result.output
    assert "[until-17-00]" in result.output


@pytest.mark.parametrize("at", ["9999-12-30T10:00", "0001-01-01T00:00", "2200-01-01T00:00"])
def test_try_is_at_a_moment_far_from_the_ends_of_the_calendar(at: str) -> None:
    result = hotline("try", CONFIG, "--at", at, typed="\n" * 7)
    assert result.exit_code == 2
    assert result.stderr == f"{at!r} is not in a year from 2000 to 2199; choose one of these.\n"
    assert result.stdout == ""


def test_try_by_day_corrects_a_wrong_key_and_reaches_an_agent() -> None:
    result = hotline("try", CONFIG, "--at", "2026-11-26T10:00", typed="\n\n5\n1\ny\n")
    assert result.exit_code == 0
    assert "[invalid-key]" in result.output
    assert "waiting in en for an agent of power" in result.output
    assert result.output.rstrip().endswith("call ended")


def test_at_night_a_language_can_be_chosen_and_by_day_changed_back() -> None:
    night = hotline("try", CONFIG, "--at", "2026-11-27T22:15", typed="9\n\n\n")
    assert "🔊 Hiện tại đã ngoài giờ làm việc.  [closed]" in night.output
    day = hotline("try", CONFIG, "--at", "2026-11-26T10:00", typed="9\n\n8\n\n1\ny\n")
    assert "[en] For English, press 8.  [other-language]" in day.output
    assert "waiting in en for an agent of power" in day.output


def test_who_phones_the_example_again_may_cancel_and_who_asks_for_a_call_is_promised_one() -> None:
    typed = "\ny\n1\n3\n0901234567#\n1\n1\n1\n"
    result = hotline("try", CONFIG, "--at", "2026-11-26T10:00", typed=typed)
    assert result.exit_code == 0
    told = ("[callback-open]", "[callback-cancelled]", "[main-menu]", "[which-reason]", "[callback-soon]")
    places = [result.output.find(each) for each in told]
    assert -1 not in places
    assert places == sorted(places)


def test_try_refuses_what_is_no_moment() -> None:
    result = hotline("try", CONFIG, "--at", "tonight")
    assert result.exit_code == 2
    assert "2026-11-22T22:00" in result.stderr


def test_agents_without_redis_says_what_to_do() -> None:
    result = hotline("agents", "list", CONFIG, "--redis", "127.0.0.1:1")
    assert result.exit_code == 1
    assert "Redis does not answer at 127.0.0.1:1" in result.stderr
