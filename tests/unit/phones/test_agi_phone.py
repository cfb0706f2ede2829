"""The engine's phone over a scripted AGI line: `<<` is what Asterisk gets, `>>` what it answers."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path, PurePath

import pytest

from agi.protocol import Request
from hotline.flow.phone import BELL, CallInfo, CannotRecord, Dialed, DialOutcome, HungUp, LineLost, Phone, Recorded
from hotline.phones.agi import AgiPhone, BadCall, call_id, call_info
from hotline.phones.sounds import Sounds

SOUNDS = {"en": ("welcome", "menu", "sorry"), "vi": ("welcome",)}
ASK = '<< GET FULL VARIABLE "${DIALSTATUS}|${HANGUPCAUSE}|${HOTLINE_ANSWERED}|${STRFTIME(,,%s.%3q)}"'
DIAL = f'<< EXEC "Dial" "PJSIP/anna,15,giU(hotline-answered)m(default)"\n>> 200 result=0\n{ASK}\n>> 200 result=1 '


@pytest.fixture
async def sounds(tmp_path: Path) -> Sounds:
    for language, prompts in SOUNDS.items():
        (tmp_path / language).mkdir()
        for prompt in prompts:
            (tmp_path / language / f"{prompt}.wav").touch()
    sounds = Sounds(tmp_path)
    await sounds.look()
    return sounds


@pytest.fixture
def phone(asterisk, sounds: Sounds):
    def make(transcript: str, **info) -> AgiPhone:
        pbx = asterisk(transcript.replace("@", str(sounds.folder)))
        made = AgiPhone(
            pbx.channel,
            replace(call_info(pbx.channel.request), **info),
            sounds=sounds,
            language="en",
            languages=("en", "vi"),
        )
        made.pbx = pbx  # to ask whether the transcript is through
        return made

    return make


async def test_it_is_a_phone_of_the_engine(phone):
    line: Phone = phone("")
    assert line.language == "en"


# -- prompts ------------------------------------------------------------------------------------------------------


async def test_prompts_play_in_order_and_what_nobody_recorded_is_skipped(phone):
    line = phone(
        """
        << STREAM FILE "@/en/welcome" ""
        >> 200 result=0 endpos=8000
        << STREAM FILE "@/en/menu" ""
        >> 200 result=0 endpos=8000
        """
    )
    assert await line.say(("welcome", "nowhere", "../en/menu", "menu")) == ""
    assert line.pbx.done


async def test_a_language_that_lacks_a_prompt_borrows_it(phone):
    line = phone(
        """
        << SET VARIABLE "CHANNEL(language)" "vi"
        >> 200 result=1
        << SET VARIABLE "HOTLINE_LANGUAGE" "vi"
        >> 200 result=1
        << STREAM FILE "@/vi/welcome" ""
        >> 200 result=0 endpos=8000
        << STREAM FILE "@/en/menu" ""
        >> 200 result=0 endpos=8000
        """
    )
    await line.set_language("vi")
    await line.say(("welcome", "menu"))
    assert line.language == "vi"


async def test_a_language_that_the_hotline_lacks_is_refused(phone):
    with pytest.raises(ValueError, match="not a language of this hotline"):
        await phone("").set_language("xx")


async def test_the_bell_cuts_an_announcement_short(phone):
    line = phone('<< STREAM FILE "@/en/welcome" "D"\n>> 200 result=68 endpos=800')
    assert await line.say(("welcome", "menu"), stop_keys=BELL) == BELL


async def test_a_file_that_asterisk_cannot_play_is_skipped(phone):
    line = phone(
        """
        << STREAM FILE "@/en/welcome" ""
        >> 200 result=-1 endpos=0
        << CHANNEL STATUS
        >> 200 result=6
        << STREAM FILE "@/en/menu" ""
        >> 200 result=0 endpos=8000
        """
    )
    assert await line.say(("welcome", "menu")) == ""
    assert line.pbx.done


# -- keys ---------------------------------------------------------------------------------------------------------

READ = """
<< STREAM FILE "@/en/sorry" "0123456789*#ABCD"
>> 200 result=0 endpos=8000
<< GET OPTION "@/en/menu" "0123456789*#ABCD" "5000"
>> 200 result={} endpos=8000
"""


@pytest.mark.parametrize("key", "1#*")
async def test_a_question_ends_with_a_key(phone, key: str):
    line = phone(READ.format(ord(key)))
    assert await line.ask(("sorry", "nowhere", "menu"), seconds=5) == key


async def test_a_question_ends_with_silence(phone):
    line = phone(READ.format(0) + "<< CHANNEL STATUS\n>> 200 result=6")
    assert await line.ask(("sorry", "nowhere", "menu"), seconds=5) == ""


async def test_a_stray_bell_is_no_key(phone):
    line = phone(READ.format(ord("D")) + READ.format(ord("2")).lstrip())
    assert await line.ask(("sorry", "menu"), seconds=5) == "2"


async def test_endless_bells_are_silence(phone):
    line = phone(READ.format(ord("D")).lstrip() * 3)
    assert await line.ask(("sorry", "menu"), seconds=5) == ""


async def test_several_keys_answer_a_question_and_a_stray_bell_is_none_of_them(phone):
    line = phone('<< GET DATA "@/en/menu" "5000" "20"\n>> 200 result=09D01 (timeout)')
    assert await line.digits(("nowhere", "menu"), most=20, seconds=5) == "0901"


async def test_a_recording_is_played_until_a_key(phone):
    line = phone('<< STREAM FILE "/spool/tmp/m" "12#"\n>> 200 result=50 endpos=800')
    assert await line.play(PurePath("/spool/tmp/m.wav"), stop_keys="12#") == "2"


async def test_a_recording_that_is_gone_is_silence(phone):
    line = phone(
        """
        << STREAM FILE "/spool/tmp/m" ""
        >> 200 result=-1 endpos=0
        << CHANNEL STATUS
        >> 200 result=6
        """
    )
    assert await line.play(PurePath("/spool/tmp/m.wav")) == ""


# -- waiting ------------------------------------------------------------------------------------------------------


async def test_music_starts_once_and_stops_before_anything_else_is_heard(phone):
    line = phone(
        """
        << SET MUSIC "ON" "calm"
        >> 200 result=0
        << WAIT FOR DIGIT "3000"
        >> 200 result=0
        << WAIT FOR DIGIT "3000"
        >> 200 result=68
        << SET MUSIC "OFF" "default"
        >> 200 result=0
        << STREAM FILE "@/en/welcome" ""
        >> 200 result=0 endpos=8000
        << SET MUSIC "ON" "calm"
        >> 200 result=0
        << WAIT FOR DIGIT "1000"
        >> 200 result=49
        """
    )
    assert await line.hold(3, music="calm") == ""
    assert await line.hold(3, music="calm") == BELL
    await line.say(("welcome",))
    assert await line.hold(1, music="calm") == "1"
    assert line.pbx.done


# -- messages -----------------------------------------------------------------------------------------------------

BEEP = """
<< EXEC "PlayTones" "1000"
>> 200 result=0
<< EXEC "Wait" "0.3"
>> 200 result=0
<< EXEC "StopPlayTones" ""
>> 200 result=0
"""
RECORD = '<< RECORD FILE "/spool/tmp/m" "wav" "#" "60000" "0" "s=5"'


async def test_a_message_is_recorded_after_a_beep(phone):
    line = phone(f"{BEEP.strip()}\n{RECORD}\n>> 200 result=35 (dtmf) endpos=24000")
    recorded = await line.record(PurePath("/spool/tmp/m.wav"), most=60, silence=5)
    assert recorded == Recorded(3.0, hung_up=False, key="#")


async def test_a_caller_who_hangs_up_leaves_what_was_said(phone):
    line = phone(f"{BEEP.strip()}\n{RECORD}\n>> 200 result=-1 (hangup) endpos=16000\n>> HANGUP\n>> EOF")
    assert await line.record(PurePath("/spool/tmp/m.wav"), most=60, silence=5) == Recorded(2.0, hung_up=True)


async def test_a_caller_who_hangs_up_at_the_beep_leaves_nothing(phone):
    line = phone('<< EXEC "PlayTones" "1000"\n>> HANGUP\n>> EOF')
    assert await line.record(PurePath("/spool/tmp/m.wav"), most=60, silence=5) == Recorded(0.0, hung_up=True)


async def test_a_recording_that_asterisk_cannot_write_is_told_as_such(phone):
    line = phone(
        f"""
        {BEEP.strip()}
        {RECORD}
        >> 200 result=-1 (writefile)
        << CHANNEL STATUS
        >> 200 result=6
        """
    )
    with pytest.raises(CannotRecord, match=r"could not record to '/spool/tmp/m' \(writefile\): may it write there"):
        await line.record(PurePath("/spool/tmp/m.wav"), most=60, silence=5)


async def test_a_pbx_without_tones_records_without_a_beep(phone):
    line = phone(
        f"""
        << EXEC "PlayTones" "1000"
        >> 200 result=-2
        << CHANNEL STATUS
        >> 200 result=6
        {RECORD}
        >> 200 result=0 (timeout) endpos=8000
        """
    )
    assert await line.record(PurePath("/spool/tmp/m.wav"), most=60, silence=5) == Recorded(1.0, hung_up=False)


# -- dialing ------------------------------------------------------------------------------------------------------


async def test_a_dial_tells_how_long_they_talked(phone):
    line = phone(DIAL + "(ANSWER|16|1700000000.250|1700000061.750)")
    dialed = await line.dial("PJSIP/anna", seconds=14.2)
    assert dialed.outcome is DialOutcome.ANSWERED
    assert math.isclose(dialed.talked, 61.5)


async def test_a_pbx_that_does_not_note_the_answer_tells_no_talk_time(phone):
    line = phone(DIAL + "(ANSWER|16||1700000061.750)")
    assert await line.dial("PJSIP/anna", seconds=15) == Dialed(DialOutcome.ANSWERED, 0.0)


@pytest.mark.parametrize(
    ("status", "cause", "outcome"),
    [
        ("NOANSWER", "", DialOutcome.NO_ANSWER),
        ("BUSY", "", DialOutcome.BUSY),
        ("CANCEL", "", DialOutcome.CANCELLED),
        ("CONGESTION", "", DialOutcome.UNREACHABLE),
        ("CHANUNAVAIL", "21", DialOutcome.REJECTED),
        ("CHANUNAVAIL", "3", DialOutcome.UNREACHABLE),
        ("INVALIDARGS", "", DialOutcome.UNREACHABLE),
    ],
)
async def test_a_dial_in_vain_tells_why(phone, status: str, cause: str, outcome: DialOutcome):
    line = phone(DIAL + f"({status}|{cause}||1700000061.750)")
    assert await line.dial("PJSIP/anna", seconds=15) == Dialed(outcome)
    assert line.pbx.done


async def test_the_caller_keeps_the_music_of_the_queue_while_an_agent_rings(phone):
    line = phone(
        f"""
        << SET MUSIC "ON" "calm"
        >> 200 result=0
        << WAIT FOR DIGIT "3000"
        >> 200 result=68
        {DIAL.replace("m(default)", "m(calm)")}(NOANSWER|||1700000061.750)
        << SET MUSIC "ON" "calm"
        >> 200 result=0
        << WAIT FOR DIGIT "3000"
        >> 200 result=0
        """
    )
    await line.hold(3, music="calm")
    await line.dial("PJSIP/anna", seconds=15)
    await line.hold(3, music="calm")
    assert line.pbx.done


@pytest.mark.parametrize(
    "target",
    ["", "anna", "PJSIP/", "PJSIP/a&PJSIP/b", "PJSIP/a,30", "PJSIP/a@b/c", "PJSIP/${X}", "PJSIP/a\n", "x" * 99],
)
async def test_only_one_plain_target_is_ever_rung(phone, target: str):
    with pytest.raises(ValueError, match="cannot be rung"):
        await phone("").dial(target, seconds=15)


# -- the call itself ----------------------------------------------------------------------------------------------


async def test_notes_live_on_the_channel(phone):
    line = phone(
        """
        << SET VARIABLE "HOTLINE_ARRIVED" "17.5"
        >> 200 result=1
        << GET VARIABLE "HOTLINE_ARRIVED"
        >> 200 result=1 (17.5)
        << GET VARIABLE "HOTLINE_STEP"
        >> 200 result=0
        """
    )
    await line.note("ARRIVED", "17.5")
    assert await line.noted("ARRIVED") == "17.5"
    assert await line.noted("STEP") == ""


async def test_hanging_up_tells_the_dialplan_first_that_all_is_done(phone):
    line = phone('<< SET VARIABLE "HOTLINE_DONE" "1"\n>> 200 result=1\n<< HANGUP\n>> 200 result=1')
    await line.hang_up()
    assert line.pbx.done


async def test_a_caller_who_comes_back_is_spoken_to_as_before(phone):
    line = phone('<< GET VARIABLE "HOTLINE_LANGUAGE"\n>> 200 result=1 (vi)', attempt=2)
    await line.resume()
    assert line.language == "vi"


async def test_a_caller_who_comes_back_without_a_choice_gets_the_default(phone):
    line = phone('<< GET VARIABLE "HOTLINE_LANGUAGE"\n>> 200 result=1 (xx)', attempt=2)
    await line.resume()
    assert line.language == "en"


async def test_a_first_entry_has_nothing_to_resume(phone):
    await phone("").resume()


async def test_the_caller_who_hung_up_and_the_broken_wire_are_told_apart(phone):
    with pytest.raises(HungUp):
        await phone("<< ANSWER\n>> HANGUP\n>> EOF").answer()
    with pytest.raises(LineLost, match="ended"):
        await phone("<< ANSWER\n>> EOF").answer()


# -- whose call it is ---------------------------------------------------------------------------------------------


def test_a_request_says_whose_call_it_is(headers: dict[str, str]):
    headers |= {"agi_callerid": "+84 901-234'567\u202e", "agi_arg_3": "2", "agi_arg_4": "ANSWER"}
    assert call_info(Request(headers)) == CallInfo(
        call="pbx1-1.1",
        channel="PJSIP/trunk-00000001",
        pbx="pbx1",
        dialed="1900",
        caller="+84901234567",
        attempt=2,
        served=True,
    )


def test_a_withheld_number_is_empty_and_a_strange_attempt_the_first(headers: dict[str, str]):
    info = call_info(Request(headers | {"agi_arg_3": "soon"}))
    assert (info.caller, info.attempt, info.served) == ("", 1, False)


def test_a_long_number_is_cut(headers: dict[str, str]):
    assert len(call_info(Request(headers | {"agi_callerid": "9" * 5000})).caller) == 40


@pytest.mark.parametrize("name", ["agi_arg_1", "agi_arg_2", "agi_extension", "agi_channel"])
@pytest.mark.parametrize("value", ["", "a b", "x{y}", "x" * 500, "ü"])
def test_a_request_that_does_not_say_whose_call_it_is_is_refused_without_repeating_it(
    headers: dict[str, str], name: str, value: str
):
    with pytest.raises(BadCall, match="missing or has characters") as refusal:
        call_info(Request(headers | {name: value}))
    assert not value or value not in str(refusal.value)


@pytest.mark.parametrize(("argument", "named"), [("pbx1-1.1", "pbx1-1.1"), ("a b", ""), ("x" * 99, "")])
def test_a_log_names_the_call_that_a_request_is_about(headers: dict[str, str], argument: str, named: str):
    assert call_id(Request(headers | {"agi_arg_1": argument})) == named
    assert call_id(Request({name: value for name, value in headers.items() if "arg" not in name})) == ""


def test_a_request_without_arguments_is_refused(headers: dict[str, str]):
    del headers["agi_arg_1"]
    with pytest.raises(BadCall, match="linkedid"):
        call_info(Request(headers))
