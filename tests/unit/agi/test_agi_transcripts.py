"""Dialogues of a channel: `<<` is what we send, `>>` what Asterisk answers (as it did on 22.10.1)."""

from __future__ import annotations

import asyncio

import pytest

from agi import channel as agi_channel
from agi.channel import HungUp, RecordResult, WireLost
from agi.protocol import CommandRefused


async def test_each_verb_is_one_command_and_its_answer(asterisk):
    pbx = asterisk(
        """
        << ANSWER
        >> 200 result=0
        << STREAM FILE "/s/en/welcome" "12D"
        >> 200 result=68 endpos=4160
        << STREAM FILE "/s/en/welcome" ""
        >> 200 result=0 endpos=8000
        << WAIT FOR DIGIT "2500"
        >> 200 result=35
        << WAIT FOR DIGIT "1000"
        >> 200 result=0
        << SET MUSIC "ON" "calm"
        >> 200 result=0
        << SET MUSIC "OFF" "default"
        >> 200 result=0
        << SET VARIABLE "HOTLINE_OFFER" "anna:7"
        >> 200 result=1
        << GET VARIABLE "HOTLINE_OFFER"
        >> 200 result=1 (anna:7)
        << GET VARIABLE "HOTLINE_NOTHING"
        >> 200 result=0
        << HANGUP
        >> 200 result=1
        """
    )
    line = pbx.channel
    await line.answer()
    assert await line.stream("/s/en/welcome", "12D") == "D"
    assert await line.stream("/s/en/welcome") == ""
    assert await line.wait_digit(2.5) == "#"
    assert await line.wait_digit(1) == ""
    await line.music(True, "calm")
    await line.music(False)
    await line.set_variable("HOTLINE_OFFER", "anna:7")
    assert await line.get_variable("HOTLINE_OFFER") == "anna:7"
    assert await line.get_variable("HOTLINE_NOTHING") == ""
    await line.hangup()
    assert pbx.done


async def test_several_variables_are_asked_for_at_once(asterisk):
    pbx = asterisk(
        """
        << GET FULL VARIABLE "${DIALSTATUS}|${HOTLINE_NOTHING}|${STRFTIME(,,%s)}"
        >> 200 result=1 (ANSWER||1700000061)
        << GET FULL VARIABLE "${A}|${B}"
        >> 200 result=1 (x|y|z)
        """
    )
    line = pbx.channel
    assert await line.get_variables("DIALSTATUS", "HOTLINE_NOTHING", "STRFTIME(,,%s)") == ["ANSWER", "", "1700000061"]
    with pytest.raises(CommandRefused, match="one by one"):
        await line.get_variables("A", "B")
    with pytest.raises(CommandRefused, match="plain variable"):
        await line.get_variables("A", "SHELL(x)")
    assert pbx.done


async def test_the_last_prompt_and_the_wait_for_a_key_are_one_command(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" "0123456789*#ABCD"
        >> 200 result=0 endpos=8000
        << GET OPTION "/s/b" "0123456789*#ABCD" "5000"
        >> 200 result=42 endpos=8000
        """
    )
    assert await pbx.channel.read(["/s/a", "/s/b"], 5) == "*"


async def test_a_key_during_the_first_prompt_spares_the_second(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" "0123456789*#ABCD"
        >> 200 result=49 endpos=4000
        """
    )
    assert await pbx.channel.read(["/s/a", "/s/b"], 5) == "1"


async def test_prompts_that_cannot_be_played_leave_the_wait(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" "0123456789*#ABCD"
        >> 200 result=-1 endpos=0
        << CHANNEL STATUS
        >> 200 result=6
        << GET OPTION "/s/b" "0123456789*#ABCD" "5000"
        >> 200 result=0 endpos=0
        << CHANNEL STATUS
        >> 200 result=6
        << WAIT FOR DIGIT "5000"
        >> 200 result=49
        """
    )
    assert await pbx.channel.read(["/s/a", "/s/b"], 5) == "1"


async def test_one_who_hangs_up_while_a_key_is_awaited_is_not_taken_for_silent(asterisk):
    pbx = asterisk(
        """
        << GET OPTION "/s/b" "0123456789*#ABCD" "5000"
        >> 200 result=0 endpos=8000
        >> HANGUP
        """
    )
    with pytest.raises(HungUp):
        await pbx.channel.read(["/s/b"], 5)


@pytest.mark.parametrize(
    ("answer", "keys"),
    [
        ("200 result=0901234567", "0901234567"),
        ("200 result=0901 (timeout)", "0901"),
        ("200 result=*1", "*1"),
        ("200 result= (timeout)", ""),
        ("200 result=", ""),
    ],
)
async def test_several_keys_are_taken_with_the_last_prompt_in_one_command(asterisk, answer: str, keys: str):
    pbx = asterisk(
        f"""
        << STREAM FILE "/s/a" "0123456789*#ABCD"
        >> 200 result=0 endpos=8000
        << GET DATA "/s/b" "4000" "20"
        >> {answer}
        """
    )
    assert await pbx.channel.digits(["/s/a", "/s/b"], most=20, seconds=4) == keys
    assert pbx.done


async def test_the_first_of_several_keys_spares_the_prompts_to_come(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" "0123456789*#ABCD"
        >> 200 result=48 endpos=4000
        << GET DATA "" "4000" "19"
        >> 200 result=901234567
        """
    )
    assert await pbx.channel.digits(["/s/a", "/s/b"], most=20, seconds=4) == "0901234567"


@pytest.mark.parametrize(("key", "most", "keys"), [("#", 20, ""), ("7", 1, "7")])
async def test_a_key_during_the_first_prompt_may_be_all(asterisk, key: str, most: int, keys: str):
    pbx = asterisk(f'<< STREAM FILE "/s/a" "0123456789*#ABCD"\n>> 200 result={ord(key)} endpos=4000')
    assert await pbx.channel.digits(["/s/a", "/s/b"], most=most, seconds=4) == keys


async def test_a_prompt_that_cannot_be_played_leaves_the_keys(asterisk):
    pbx = asterisk(
        """
        << GET DATA "/s/none" "4000" "3"
        >> 200 result=-1
        << CHANNEL STATUS
        >> 200 result=6
        << GET DATA "" "4000" "3"
        >> 200 result=123
        """
    )
    assert await pbx.channel.digits(["/s/none"], most=3, seconds=4) == "123"


async def test_one_who_hangs_up_between_keys_is_not_taken_for_slow(asterisk):
    pbx = asterisk('<< GET DATA "/s/b" "4000" "20"\n>> 200 result=-1\n>> HANGUP')
    with pytest.raises(HungUp):
        await pbx.channel.digits(["/s/b"], most=20, seconds=4)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        ("200 result=35 (dtmf) endpos=7200", RecordResult(0.9, hung_up=False, key="#")),
        ("200 result=4500 (timeout) endpos=8160", RecordResult(1.02, hung_up=False)),
        ("200 result=0 (timeout) endpos=8000", RecordResult(1.0, hung_up=False)),
        ("200 result=-1 (hangup) endpos=8000", RecordResult(1.0, hung_up=True)),
        ("200 result=-1 (waitfor) endpos=16000", RecordResult(2.0, hung_up=True)),
    ],
)
async def test_a_recording_tells_its_length_and_what_ended_it(asterisk, answer: str, result: RecordResult):
    pbx = asterisk(
        f'<< RECORD FILE "/spool/x" "wav" "#" "60000" "0" "s=4"\n>> {answer}\n>> HANGUP\n>> HANGUP\n>> EOF'
    )
    assert await pbx.channel.record("/spool/x", most=60, silence=3.2) == result


async def test_a_recording_that_could_not_begin_is_refused_while_the_caller_is_there(asterisk):
    pbx = asterisk(
        """
        << RECORD FILE "/nowhere/x" "wav" "#" "1000" "0"
        >> 200 result=-1 (writefile)
        << CHANNEL STATUS
        >> 200 result=6
        """
    )
    with pytest.raises(CommandRefused, match="writefile"):
        await pbx.channel.record("/nowhere/x", most=1)


async def test_a_hang_up_while_a_prompt_plays(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" ""
        >> 200 result=-1 endpos=4160
        >> HANGUP
        >> HANGUP
        >> EOF
        """
    )
    with pytest.raises(HungUp):
        await pbx.channel.stream("/s/a")
    with pytest.raises(HungUp):
        await pbx.channel.answer()
    assert pbx.done


async def test_a_hang_up_notice_that_comes_late_decides_after_all(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/a" ""
        >> 200 result=-1 endpos=4160
        << CHANNEL STATUS
        >> HANGUP
        >> EOF
        """
    )
    with pytest.raises(HungUp):
        await pbx.channel.stream("/s/a")


async def test_a_missing_file_is_no_hang_up(asterisk):
    pbx = asterisk(
        """
        << STREAM FILE "/s/none" ""
        >> 200 result=-1 endpos=0
        << CHANNEL STATUS
        >> 200 result=6
        << ANSWER
        >> 200 result=0
        """
    )
    with pytest.raises(CommandRefused, match="does the file exist"):
        await pbx.channel.stream("/s/none")
    await pbx.channel.answer()


async def test_a_hang_up_between_commands(asterisk):
    pbx = asterisk(">> HANGUP\n>> HANGUP\n>> EOF")
    assert pbx.channel.over
    with pytest.raises(HungUp):
        await pbx.channel.answer()


async def test_a_dead_channel_is_a_hang_up(asterisk):
    pbx = asterisk("<< ANSWER\n>> 511 Command Not Permitted on a dead channel or intercept routine")
    with pytest.raises(HungUp):
        await pbx.channel.answer()


async def test_a_connection_that_ends_without_notice_is_a_lost_wire(asterisk):
    pbx = asterisk('<< WAIT FOR DIGIT "5000"\n>> EOF')
    with pytest.raises(WireLost, match="ended"):
        await pbx.channel.wait_digit(5)
    with pytest.raises(WireLost, match="ended"):
        await pbx.channel.answer()


async def test_an_application_that_asterisk_lacks_is_refused(asterisk):
    pbx = asterisk('<< EXEC "Wait" "5"\n>> 200 result=-2\n<< CHANNEL STATUS\n>> 200 result=6')
    with pytest.raises(CommandRefused, match="load its module"):
        await pbx.channel.execute("Wait", 5)


async def test_an_application_may_ask_for_a_hang_up(asterisk):
    pbx = asterisk('<< EXEC "Wait" "5"\n>> 200 result=-1\n<< CHANNEL STATUS\n>> 200 result=4')
    assert await pbx.channel.execute("Wait", 5) == -1


@pytest.mark.parametrize(
    "answer", ["510 Invalid or unknown command", "520-Invalid\n>> usage\n>> 520 End of proper usage."]
)
async def test_a_command_that_asterisk_does_not_take_leaves_the_channel_in_order(asterisk, answer: str):
    pbx = asterisk(f"<< NOOP\n>> {answer}\n<< ANSWER\n>> 200 result=0")
    with pytest.raises(CommandRefused, match="refused NOOP"):
        await pbx.channel.command("NOOP")
    await pbx.channel.answer()


async def test_a_reply_nobody_asked_for_loses_the_wire(asterisk):
    pbx = asterisk(">> 200 result=0")
    assert pbx.aborted
    with pytest.raises(WireLost, match="nobody asked"):
        await pbx.channel.answer()


async def test_a_value_with_a_line_break_cannot_pass_for_the_next_reply(asterisk):
    pbx = asterisk('<< GET VARIABLE "X"\n>> 200 result=1 (a)\n>> 200 result=1 (b)')
    assert await pbx.channel.get_variable("X") == "a"
    with pytest.raises(WireLost, match="nobody asked"):
        await pbx.channel.get_variable("X")


async def test_a_result_that_is_no_number_loses_the_wire(asterisk):
    pbx = asterisk("<< ANSWER\n>> 200 result=abc")
    with pytest.raises(WireLost, match="number"):
        await pbx.channel.answer()
    assert pbx.aborted


async def test_two_tasks_take_turns(asterisk):
    pbx = asterisk('<< WAIT FOR DIGIT "1000"\n>> 200 result=49\n<< GET VARIABLE "X"\n>> 200 result=1 (y)')
    assert await asyncio.gather(pbx.channel.wait_digit(1), pbx.channel.get_variable("X")) == ["1", "y"]


async def test_the_next_command_waits_for_the_reply_of_a_cancelled_one(asterisk):
    pbx = asterisk('<< WAIT FOR DIGIT "60000"\n<< GET VARIABLE "X"\n>> 200 result=1 (y)')
    waiting = asyncio.create_task(pbx.channel.wait_digit(60))
    await asyncio.sleep(0)
    waiting.cancel()
    following = asyncio.create_task(pbx.channel.get_variable("X"))
    await asyncio.wait([waiting])
    assert not pbx.done
    pbx.channel.take(agi_channel.Reply(200, "49"))
    assert await following == "y"


async def test_a_cancelled_command_whose_reply_never_comes_still_has_an_end(asterisk):
    pbx = asterisk('<< WAIT FOR DIGIT "60000"\n')
    waiting = asyncio.create_task(pbx.channel.wait_digit(60))
    await asyncio.sleep(0)
    waiting.cancel()
    following = asyncio.create_task(pbx.channel.answer())
    await asyncio.wait([waiting])
    pbx.channel.lose("The connection to Asterisk ended.")
    with pytest.raises(WireLost):
        await following


async def test_an_asterisk_that_stays_silent_is_a_lost_wire(asterisk):
    pbx = asterisk('<< GET VARIABLE "X"\n>> 200 result=0\n<< NOOP\n')
    await pbx.channel.get_variable("X")  # leaves a timer of half a minute behind
    with pytest.raises(WireLost, match="did not answer NOOP in time"):
        await pbx.channel.command("NOOP", patience=0.01)
    assert pbx.aborted


async def test_the_alarm_of_a_quick_command_does_not_end_a_slow_one(asterisk):
    pbx = asterisk("<< NOOP\n>> 200 result=0\n<< NOOP\n")
    await pbx.channel.command("NOOP", patience=0.01)
    slow = asyncio.create_task(pbx.channel.command("NOOP", patience=None))
    done, _ = await asyncio.wait([slow], timeout=0.05)
    assert not done
    pbx.channel.take(agi_channel.Reply(200, "0"))
    assert (await slow).number == 0


@pytest.mark.parametrize("name", ["SHELL(ls)", "FILE(/etc/passwd)", "X)", "1X", "", "CHANNEL(a b)", "X\nHANGUP"])
async def test_dialplan_functions_are_not_variables(asterisk, name: str):
    line = asterisk("").channel
    with pytest.raises(CommandRefused, match="no plain variable"):
        await line.get_variable(name)
    with pytest.raises(CommandRefused, match="no plain variable"):
        await line.set_variable(name, "x")


async def test_exec_goes_through_the_list_of_allowed_applications(asterisk):
    line = asterisk("").channel
    with pytest.raises(CommandRefused, match="execute"):
        await line.command("EXEC", "System", "x")
    with pytest.raises(CommandRefused, match="not one of"):
        await line.execute("System", "x")
