"""`hotline try`, as an admin sees it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from hotline.callbacks.calendar import Calendar
from hotline.rehearsal import rehearse
from hotline.schema import Config, loads

GOOD = (Path(__file__).parent / "schema" / "good.yaml").read_text(encoding="utf-8")
NIGHT = "2026-11-20T22:15"  # a Friday


async def walk(*typed: str, config: Config | None = None, at: str = NIGHT) -> list[str]:
    """What the terminal shows."""
    lines: list[str] = []
    answers: Iterable[str] = iter(typed)

    def ask(question: str) -> str:
        lines.append(question)
        return next(answers)

    await rehearse(config or loads(GOOD), number="1900", at=at, ask=ask, tell=lines.append)
    return lines


def spoken(shown: list[str]) -> list[str]:
    """The prompts among what the terminal shows."""
    return [line.rpartition("[")[2].rstrip("]") for line in shown if line.startswith("  🔊")]


async def test_a_promise_is_made_in_the_callers_language() -> None:
    text = GOOD.replace("    - say: welcome\n", "    - language: ko\n", 1).replace("[en, vi]", "[en, ko]")
    text = text.replace("vi: Xin chào.", "ko: A").replace("vi: Bấm phím 1.", "ko: B")
    far = text.replace('week: {mon-fri: ["08:00-12:00", "13:00-17:00"]}', 'week: {fri: ["08:00-12:00"]}')
    assert spoken(await walk(*[""] * 4, config=loads(far))) == [
        "voicemail-greeting",
        "message-review",
        "number-enter",
        "number-enter",
        "message-saved",
        "callback-no-number",
    ]
    assert spoken(await walk("", "", "0084901234567#", *[""] * 4, config=loads(far)))[-7:] == [
        "message-saved",
        "callback-promise",
        "month-11",
        "date-27",
        "day-5",
        "from-08-00",
        "until-12-00",
    ]


@pytest.mark.parametrize(("at", "told"), [("2026-11-22T22:00", "22:00"), ("2026-11-22T22:00+07:00", "15:00")])
async def test_a_moment_may_carry_an_offset(at: str, told: str) -> None:
    first, *_ = await walk("h", at=at)
    assert first == f"A call to Power, number 1900, on Sunday 2026-11-22 at {told}. h hangs up."


@pytest.mark.parametrize(
    ("typed", "at", "question"),
    [
        (["h"], "2026-11-20T10:00", "key, within"),
        (["1", "h"], "2026-11-20T10:00", "does an agent answer?"),
        (["h"], NIGHT, "recording"),
        (["", "h"], NIGHT, "key, within"),
        (["", "1", "h"], NIGHT, "message.wav"),
        (["", "#", "h"], NIGHT, "up to 20 keys"),
        (["", "#", "+84", "0084901234567#", "h"], NIGHT, "key, within"),
    ],
)
async def test_h_hangs_up_at_every_question(typed: list[str], at: str, question: str) -> None:
    *_, last, end = await walk(*typed, at=at)
    assert question in last
    assert end == "  ☎  you hung up"


async def test_a_queue_that_never_opens_promises_nothing() -> None:
    never = Calendar("office", ZoneInfo("UTC"), {})
    shown = await walk("", "", "0084901234567#", *[""] * 3, config=replace(loads(GOOD), calendars={"office": never}))
    assert "  ⏲  to be called back never: it never opens" in shown
    assert shown[-2].endswith("[message-saved]")


async def test_a_message_is_asked_about() -> None:
    text = GOOD.replace("hours: office}", "hours: office, reasons: {7: welcome}, parts: {morning: '08:00-12:00'}}", 1)
    shown = await walk("", "2", "", "#", "0084901234567", "1", "7", "1", config=loads(text), at="2026-11-21T10:00")
    assert "  ⏲  to be called back on Monday 2026-11-23 at 08:00 UTC" in shown
    _, *heard = spoken(shown)
    assert heard[:6] == [
        "voicemail-greeting",
        "message-review",
        "record-again",
        "message-review",
        "number-enter",
        "number-is",
    ]
    assert heard[6:8] == ["digit-plus", "digit-8"]
    assert heard[18:24] == ["number-right", "which-reason", "welcome", "press-7", "which-part", "part-morning"]


async def test_an_admin_may_let_the_queue_overflow() -> None:
    queue = "{needs: {power: 1}, voicemail: {hours: office}, overflow: {to: full, after: 1m}}"
    text = GOOD.replace("{needs: {power: 1}, voicemail: {hours: office}}", queue)
    text = text.replace("  night:\n", "  full: [say: goodbye]\n  night:\n")
    shown = await walk("1", "o", config=loads(text), at="2026-11-20T10:00")
    assert "does an agent answer? [y/N; o is the overflow to full]" in shown[-3]
    assert shown[-2].endswith("[goodbye]")
