"""How callbacks are configured: every key arrives, oddities are warnings."""

from __future__ import annotations

from pathlib import Path

import pytest

from hotline.callbacks.calendar import Span
from hotline.callbacks.settings import AGAIN, CallbackSettings, Dialing, Quota, VoicemailSettings
from hotline.schema import loads

TEXT = (Path(__file__).parent / "good.yaml").read_text(encoding="utf-8")
QUEUE = "{needs: {power: 1}, voicemail: {hours: office}}"


def with_(queue: str = QUEUE, dialing: str = "") -> str:
    section = f"callbacks: {dialing}\n" if dialing else ""
    return TEXT.replace("entries:", f"{section}entries:").replace(QUEUE, queue)


def test_without_a_word_nobody_is_dialed():
    config = loads(TEXT)
    assert config.dialing == Dialing()
    assert config.dialing.allow == ()
    assert config.quota == Quota()
    assert config.callbacks == {"power": CallbackSettings("power")}


def test_every_option_of_the_section():
    config = loads(
        with_(
            dialing='{allow: ["+84", "+8210"], deny: ["+841900"], per_day: 2000, per_number: 3, '
            'caller_id: "+84901900545", '
            "mail_from: hotline@power.example, quota: {per_number: 5, megabytes: 2000, free: 300}}"
        )
    )
    assert config.dialing == Dialing(
        allow=("+84", "+8210"),
        deny=("+841900",),
        per_day=2000,
        per_number=3,
        caller_id="+84901900545",
        mail_from="hotline@power.example",
    )
    assert config.quota == Quota(per_number=5, megabytes=2000, free=300)
    assert config.warnings == ()


def test_every_option_of_a_queues_callbacks():
    calls = (
        'attempts: 5, again: {busy: 5m, no-answer: 2h}, between: ["09:00-12:00", "13:00-16:00"], '
        'share: 0.5, reserve: 2, ramp: 15m, offer_above: 10m, key: "9"'
    )
    config = loads(with_(QUEUE.replace("}}", f"}}, callbacks: {{{calls}}}}}"), '{allow: ["+84"]}'))
    assert config.warnings == ()
    assert config.callbacks["power"] == CallbackSettings(
        "power",
        attempts=5,
        again={**AGAIN, "busy": 300.0, "no-answer": 7200.0},
        between=(Span.parse("09:00-12:00"), Span.parse("13:00-16:00")),
        share=0.5,
        reserve=2,
        ramp=900.0,
        offer_above=600.0,
        key="9",
    )


def test_parts_of_the_day_keep_their_order():
    parts = 'parts: {evening: "15:00-17:00", morning: "08:00-12:00", afternoon: "16:00-06:00"}'
    mail = loads(with_(QUEUE.replace("office}", f"office, {parts}}}"))).voicemail["power"]
    assert list(mail.parts.items()) == [
        ("evening", Span.parse("15:00-17:00")),
        ("morning", Span.parse("08:00-12:00")),
        ("afternoon", Span.parse("16:00-06:00")),
    ]
    assert mail == VoicemailSettings("power", "office", parts=mail.parts)


@pytest.mark.parametrize(("written", "days"), [("1d", 1), ("90d", 90), ("9999d", 9999)])
def test_ended_promises_are_kept_for_so_many_days(written: str, days: int):
    config = loads(with_(QUEUE.replace("office}", f"office, keep: {written}}}")))
    assert config.voicemail["power"].keep == days * 86400


@pytest.mark.parametrize("hours", ['["22:00-06:00"]', '["20:00-05:00", "06:00-12:00"]', '["00:00-24:00"]'])
def test_nights_that_end_before_the_next_day_begins_are_fine(hours: str):
    assert loads(TEXT.replace('mon-fri: ["08:00-12:00", "13:00-17:00"]', f"mon-sun: {hours}")).warnings == ()


@pytest.mark.parametrize(
    ("allow", "told"),
    [
        ('["+1"]', "'+1' holds 25 countries"),
        ('["+84", "+2"]', "'+2' holds"),
    ],
)
def test_beginnings_that_hold_half_the_world_are_warnings(allow: str, told: str):
    (warning,) = loads(with_(dialing=f"{{allow: {allow}}}")).warnings
    assert told in warning.message
    assert warning.line == 2


@pytest.mark.parametrize("dialing", ['{allow: ["+1"], deny: ["+1876"]}', '{allow: ["+7", "+44", "+1212"]}'])
def test_who_denies_a_part_of_them_knows(dialing: str):
    assert loads(with_(dialing=dialing)).warnings == ()


def test_rules_for_callbacks_that_nobody_gets_are_a_warning():
    (warning,) = loads(with_(QUEUE.replace("}}", "}, callbacks: {attempts: 2}}"))).warnings
    assert warning.message == "nobody is called back: the section `callbacks` allows no numbers"
