"""`hotline try` with callers who ask to be called back."""

from __future__ import annotations

import pytest
from test_rehearsal import GOOD, NIGHT, spoken, walk

from hotline.schema import Config, loads

DAY = "2026-11-20T10:00"
NUMBER = ["number-is", *(f"digit-{each}" for each in "0901234567"), "number-right"]


def config(first: str) -> Config:
    """The good one with this step at the beginning."""
    text = GOOD.replace("name: Power, zone: UTC", "name: Power, zone: UTC, country: VN")
    text = text.replace("entries:", 'callbacks: {allow: ["+84"]}\nentries:', 1)
    text = text.replace("voicemail: {hours: office}", 'voicemail: {hours: office}, callbacks: {key: "*"}', 1)
    return loads(text.replace("    - say: welcome\n", f"    - {first}\n    - say: welcome\n", 1))


async def test_a_callback_is_asked_for_in_a_menu() -> None:
    shown = await walk("0901234567#", "1", "h", config=config("callback: power"))
    when = ["callback-promise", "day-1", "from-08-00", "until-12-00"]
    assert spoken(shown) == ["number-enter", *NUMBER, *when, "welcome", "voicemail-greeting"]
    assert "  ⏲  to be called back on Monday 2026-11-23 at 08:00 UTC" in shown


async def test_who_gives_no_number_goes_on() -> None:
    shown = await walk("", "", "h", config=config("{callback: power, otherwise: night}"))
    assert spoken(shown)[-1] == "voicemail-greeting"


async def test_one_who_waits_presses_the_key() -> None:
    shown = await walk("*", "0901234567#", "1", config=config("queue: power"), at=DAY)
    assert "does an agent answer? [y/N; * asks for a callback]" in "".join(shown)
    assert spoken(shown) == ["number-enter", *NUMBER, "callback-in-turn", "goodbye"]


async def test_one_who_gives_no_number_waits_on() -> None:
    shown = await walk("*", "", "", "y", config=config("queue: power"), at=DAY)
    assert spoken(shown)[-1] == "please-hold"
    assert shown[-1] == "  ☎  call ended"


@pytest.mark.parametrize(("typed", "told"), [(("y", "1"), ["callback-cancelled"]), (("y", ""), []), (("",), None)])
async def test_who_was_promised_a_callback_is_told_and_may_cancel_it(
    typed: tuple[str, ...], told: list[str] | None
) -> None:
    shown = await walk(*typed, "h", config=config("my-callback"), at=NIGHT)
    when = ["callback-promise", "day-1", "from-08-00", "until-12-00"]
    asked = [] if told is None else ["callback-open", *when, "callback-cancel", "press-1", *told]
    assert spoken(shown) == [*asked, "welcome", "voicemail-greeting"]
