"""From a good configuration to the model: every key arrives, defaults are the model's, warnings stand apart."""

import re
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from hotline.acd.model import AgentSettings, Choice, Missed, Overflow, QueueSettings, Widening
from hotline.callbacks.calendar import Span
from hotline.callbacks.settings import VoicemailSettings
from hotline.flow.model import Goto, Hangup, Hours, JoinQueue, Keys, Menu, Say, SetLanguage, TakeVoicemail, Transfer
from hotline.schema import Config, ConfigError, load, loads

ROOT = Path(__file__).parents[3]
GOOD = Path(__file__).parent / "good.yaml"
TEXT = GOOD.read_text(encoding="utf-8")


def with_(old: str, new: str) -> str:
    assert old in TEXT
    return TEXT.replace(old, new)


def test_the_example_is_without_problems_or_warnings():
    config = load(ROOT / "config" / "hotline.yaml")
    assert config.warnings == ()
    assert config.flow.entry("1900") == "main"
    assert config.agents.keys() == {"anna", "binh", "chi"}
    assert config.voicemail.keys() == config.queues.keys() == {"power", "billing"}


def test_what_the_example_leaves_out_is_good_too():
    text = (ROOT / "config" / "hotline.yaml").read_text(encoding="utf-8")
    keys = "caller_id|mail_from|mail|webhook|attempts|again|between"
    whole, count = re.subn(rf"^( +)# ((?:{keys}): )", r"\1\2", text, flags=re.M)
    assert count == len(keys.split("|"))
    assert loads(whole).warnings == ()


def test_the_example_promises_monday_to_those_who_phone_on_friday_night():
    office = load(ROOT / "config" / "hotline.yaml").calendars["office"]
    friday = datetime(2026, 3, 6, 22, 15, tzinfo=office.zone)
    assert office.due(friday) == datetime(2026, 3, 9, 7, 30, tzinfo=office.zone)


def test_menus_become_steps():
    config = loads(TEXT)
    assert config.flow.entries == {"1900": "main", "default": "main"}
    assert config.flow.menus["main"] == Menu(
        "main",
        (
            Say(("welcome",)),
            Hours("office", closed="night"),
            Keys(("main-menu",), {"1": "outage"}, seconds=5.0, tries=3, otherwise="night"),
        ),
    )
    assert config.flow.menus["outage"].steps == (JoinQueue("power", "night"),)
    assert config.flow.menus["night"].steps == (TakeVoicemail("power"), Hangup())


def test_every_verb_and_option_of_a_step():
    menu = """
    - language: vi
    - say: [welcome, goodbye]
    - {hours: office, open: outage, closed: night}
  more:
    - keys: {say: [welcome, main-menu], choices: {"*": outage, "#": night, 0: main},
             wait: 7.5, tries: 2, invalid: goodbye, silent: goodbye, otherwise: night}
  still-more:
    - {transfer: PJSIP/front-desk, ring: 1m, otherwise: night}
    - goto: main
    - hangup:
"""
    steps = loads(with_("    - say: welcome\n", menu.strip("\n") + "\n  rest:\n    - say: welcome\n")).flow.menus
    assert steps["main"].steps == (
        SetLanguage("vi"),
        Say(("welcome", "goodbye")),
        Hours("office", "outage", "night"),
    )
    assert steps["more"].steps == (
        Keys(
            ("welcome", "main-menu"),
            {"*": "outage", "#": "night", "0": "main"},
            7.5,
            2,
            "goodbye",
            "goodbye",
            "night",
        ),
    )
    assert steps["still-more"].steps == (Transfer("PJSIP/front-desk", 60.0, "night"), Goto("main"), Hangup())


def test_a_queue_has_the_models_defaults():
    config = loads(TEXT)
    assert config.queues == {"power": QueueSettings("power", {"power": 1})}
    assert config.agents == {"anna": AgentSettings("anna", "PJSIP/anna", {"power": 2, "english": 1})}
    assert config.voicemail == {"power": VoicemailSettings("power", "office", 120.0, 2.0, 5.0)}


def test_every_option_of_a_queue():
    options = """
    needs: {power: 2, english: 1}
    priority: 1m30s
    weight: 2.5
    choice: spare-the-versatile
    widen:
      - {after: 20s, needs: {power: 1, english: 1}}
      - {after: 1m, needs: {}}
    sticky: 10s
    own_site: 15s
    max_calls: 30
    reserve_above: 45s
    max_expected_wait: 20m
    overflow: {to: night, after: 10m, length: 40, expected: 15m}
    miss_limit: 3
    ring: 20
    wrap_up: 0
    max_wait: 1h
    max_length: 50
    answer_within: 30s
    short_abandon: 2s
    music: jazz
    announce: [please-hold, welcome]
    announce_every: 45s
    miss_pause: {ring-no-answer: 30s, rejected: 2m}
    voicemail: {hours: office, longest: 3m, shortest: 1s, silence: 4s}
"""
    text = with_(" {needs: {power: 1}, voicemail: {hours: office}}", options.rstrip("\n"))
    config = loads(text.replace("{phone: PJSIP/anna,", "{phone: PJSIP/anna, site: hcm,"))
    assert config.queues["power"] == QueueSettings(
        name="power",
        needs={"power": 2, "english": 1},
        priority=90.0,
        weight=2.5,
        choice=Choice.SPARE_THE_VERSATILE,
        widen=(Widening(20.0, {"power": 1, "english": 1}), Widening(60.0, {})),
        sticky=10.0,
        own_site=15.0,
        max_calls=30,
        reserve_above=45.0,
        max_expected_wait=1200.0,
        overflow=Overflow("night", after=600.0, length=40, expected=900.0),
        miss_limit=3,
        ring=20.0,
        wrap_up=0.0,
        max_wait=3600.0,
        max_length=50,
        answer_within=30.0,
        short_abandon=2.0,
        music="jazz",
        announce_every=45.0,
        announce=("please-hold", "welcome"),
        miss_pause={Missed.NO_ANSWER: 30.0, Missed.REJECTED: 120.0},
    )
    assert config.voicemail["power"] == VoicemailSettings("power", "office", 180.0, 1.0, 4.0)


def test_every_option_of_an_agent():
    options = "{phone: PJSIP/anna, skills: {power: 2}, site: hcm, reserve: yes, max_in_row: 10, cool_down: 5m}"
    config = loads(with_("{phone: PJSIP/anna, skills: {power: 2, english: 1}}", options))
    assert config.agents["anna"] == AgentSettings(
        "anna", "PJSIP/anna", {"power": 2}, site="hcm", reserve=True, max_in_row=10, cool_down=300.0
    )


def test_callers_have_the_site_of_the_number_that_they_dialed():
    text = with_("default: main}", 'default: {menu: main, site: hanoi}, "1901": {menu: night}}')
    config = loads(
        text.replace('"1900": main', '"1900": {menu: main, site: hcm}').replace(
            "agents:\n",
            "agents:\n  binh: {phone: PJSIP/binh, site: hanoi}\n  chi: {phone: PJSIP/chi, site: hcm}\n",
        )
    )
    assert config.flow.entries == {"1900": "main", "1901": "night", "default": "main"}
    assert [config.site(dialed) for dialed in ("1900", "1901", "1999")] == ["hcm", "", "hanoi"]
    assert loads(TEXT).site("1900") == ""


def test_reasons_for_pauses_have_their_keys():
    config = loads(with_("menus:\n", "pauses: {1: lunch, 2: meeting}\nmenus:\n"))
    assert config.pauses == {"1": "lunch", "2": "meeting"}


def test_calendars_have_their_week_holidays_exceptions_and_zone():
    config = loads(
        with_(
            '    week: {mon-fri: ["08:00-12:00", "13:00-17:00"]}',
            """
    zone: America/New_York
    week: {mon-thu: ["08:00-12:00", "13:00-17:00"], "fri,sun": 08:00-12:00, sat: []}
    holidays: US-CA
    closed: [2026-12-24]
    open: {2026-12-25: ["09:00-10:00"]}
""".strip("\n"),
        )
    )
    office = config.calendars["office"]
    assert office.zone.key == "America/New_York"
    assert config.zone.key == "UTC"
    assert office.week[0] == office.week[3] == (Span(480, 720), Span(780, 1020))
    assert office.week[4] == office.week[6] == (Span(480, 720),)
    assert office.week[5] == ()
    assert office.spans(date(2026, 3, 31)) == ()  # Cesar Chavez Day, of California only
    assert office.spans(date(2026, 12, 24)) == ()
    assert office.spans(date(2026, 12, 25)) == (Span(540, 600),)
    assert office.is_open(datetime(2026, 12, 25, 14, 30, tzinfo=UTC))


def test_norway_is_a_country():
    assert loads(with_("zone: UTC", "zone: UTC, country: NO")).country == "NO"


def test_prompts_are_the_admins_then_the_products_own_in_every_language():
    config = loads(with_("prompts:\n", "prompts:\n  goodbye: {vi: Chào.}\n"))
    assert config.prompts["welcome"] == {"en": "Welcome.", "vi": "Xin chào."}
    assert config.prompts["goodbye"] == {"en": "Thank you for calling. Goodbye.", "vi": "Chào."}
    assert all(texts.keys() == {"en", "vi"} for texts in config.prompts.values())


def times(config: Config, word: str) -> set[str]:
    return {
        prompt.removeprefix(f"{word}-") for prompt in config.prompts if re.fullmatch(rf"{word}-\d\d-\d\d", prompt)
    }


HOURS = {f"{hour:02}-00" for hour in range(24)}
"""Agents hear at what hour a callback was asked for."""


def test_times_are_spoken_that_a_calendar_can_promise():
    config = loads(with_('"13:00-17:00"]}', '"13:10-17:00"], sat: ["02:30-05:00"], sun: ["20:00-24:00"]}'))
    begins = {"08-00", "13-15", "02-30", "03-00", "20-00"}  # 03:00: when clocks go forward
    assert times(config, "from") == begins
    assert times(config, "time") == begins | HOURS
    assert times(config, "until") == {"12-00", "17-00", "05-00", "00-00", "01-00"}


def test_times_are_spoken_at_which_the_hours_for_callbacks_begin_and_end():
    parts = "parts: {morning: 06:00-10:30, evening: 16:40-22:00}"
    text = with_(QUEUE, f"{{voicemail: {{hours: office, {parts}}}, callbacks: {{between: 09:00-20:00}}}}")
    config = loads(text)
    begins = {"08-00", "13-00", "06-00", "16-45", "09-00"}
    assert times(config, "from") == begins
    assert times(config, "time") == begins | HOURS
    assert times(config, "until") == {"12-00", "17-00", "10-30", "22-00", "20-00"}


def test_a_menu_that_nobody_reaches_is_a_warning():
    (warning,) = loads(with_("  night:", "  lost:\n    - hangup\n  night:")).warnings
    assert str(warning) == "config:22:3: no caller ever reaches menu 'lost'"


@pytest.mark.parametrize("first", ["hangup", "goto: outage", "{hours: office, open: outage, closed: night}"])
def test_a_step_after_one_that_leaves_is_a_warning(first: str):
    (warning,) = loads(with_("    - voicemail: power\n", f"    - voicemail: power\n    - {first}\n")).warnings
    assert "no caller ever reaches this step" in warning.message


def test_a_skill_that_no_queue_needs_is_a_warning_where_another_was_probably_meant():
    (warning,) = loads(
        (ROOT / "config" / "hotline.yaml").read_text().replace("{power: 1}}", "{power: 1, pwer: 2}}")
    ).warnings
    assert warning.message == "no queue needs skill 'pwer' (did you mean 'power'?)"


def test_a_menu_that_ends_without_a_word_after_its_keys_is_a_warning():
    (warning,) = loads(with_("        otherwise: night\n", "")).warnings
    assert (warning.line, warning.col) == (15, 7)
    assert "hung up on without a word" in warning.message
    assert not loads(with_("        otherwise: night\n", "    - goto: night\n")).warnings


def test_texts_that_are_never_said_are_warnings():
    text = with_("prompts:\n", "prompts:\n  unsaid: {en: A, vi: B}\n  goodbye: {ko: C}\n")
    assert [warning.message for warning in loads(text).warnings] == [
        "prompt 'unsaid' is said nowhere",
        "language 'ko' is not one of hotline.languages, so this is never said",
    ]


QUEUE = "{needs: {power: 1}, voicemail: {hours: office}}"


@pytest.mark.parametrize(
    ("queue", "agent", "at", "told"),
    [
        ("own_site: 10s", "site: hcm", "10s", "no entry says of which site its callers are"),
        ("reserve_above: 10s", "", "10s", "no agent has `reserve: yes`"),
        ("priority: 0", "reserve: yes", "yes", "no queue has `reserve_above`"),
        ("reserve_above: 10s", "reserve: yes", "10s", "only reserve agents could answer"),
        ("widen: [{after: 9s, needs: {power: 2}}]", "", "{power: 3}", "no agent has power 3: callers pass this step"),
    ],
)
def test_a_rule_without_effect_is_a_warning(queue: str, agent: str, at: str, told: str):
    needs = "power: 3" if "widen" in queue else "power: 1"
    text = with_(QUEUE, f"{{needs: {{{needs}}}, voicemail: {{hours: office}}, {queue}}}")
    if agent:
        text = text.replace("skills: {power: 2, english: 1}", f"skills: {{power: 2, english: 1}}, {agent}")
    (warning,) = loads(text).warnings
    assert told in warning.message
    assert text.splitlines()[warning.line - 1][warning.col - 1 :].startswith(at)


def test_a_queue_may_overflow_to_a_menu_that_asks_before_it_leads_back():
    overflow = "overflow: {to: full, after: 30s}"
    text = with_(QUEUE, f"{{needs: {{power: 1}}, voicemail: {{hours: office}}, {overflow}}}")
    ask = "  full:\n    - keys: {say: main-menu, choices: {1: night}, otherwise: outage}\n  night:\n"
    assert loads(text.replace("  night:\n", ask)).warnings == ()


def test_a_circle_through_a_step_that_waits_is_fine():
    loads(with_("    - hangup\n", "    - goto: main\n"))


def test_a_long_circle_is_found_and_told_shortly():
    links = "".join(f"  m{n}:\n    - goto: m{(n + 1) % 3000}\n" for n in range(3000))
    with pytest.raises(ConfigError) as refused:
        loads(with_("  night:", f"{links}  night:"))
    (problem,) = refused.value.problems
    assert "m0 → m1 → m2 → m3 → m4 → m5 → m6 → … → m0;" in problem.message
