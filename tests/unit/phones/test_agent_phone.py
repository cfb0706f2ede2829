"""An agent's line during a callback, over a scripted AGI line; and what the dialplan says of it in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from agi.protocol import Request
from hotline.flow.phone import Dialed, DialOutcome
from hotline.phones.agent import AgentPhone, in_hand, last_word
from hotline.phones.agi import BadCall
from hotline.phones.sounds import Sounds
from hotline.placing.hand import InHand, Unrung
from hotline.placing.last_word import LastWord

NAM = "+84901234567"
HAND = InHand("p1", "claima", "anna", 7, "pbx1")
GOSUB = f'<< GOSUB "hotline-call-customer" "{NAM}" "1" "110,40,+84901900545,"\n>> 200 result='
ASK = '<< GET FULL VARIABLE "${HOTLINE_CUSTOMER}|${HOTLINE_ANSWERED}"\n>> 200 result=1 '
VALUES = "${DIALSTATUS}|${HANGUPCAUSE}|${HOTLINE_ANSWERED}|${STRFTIME(,,%s.%3q)}"
DIALED = f'\n<< GET FULL VARIABLE "{VALUES}"\n>> 200 result=1 '


@pytest.fixture
def ring(asterisk, tmp_path: Path):
    async def make(transcript: str) -> Dialed | Unrung:
        pbx, sounds = asterisk(transcript), Sounds(tmp_path)
        await sounds.look()
        phone = AgentPhone(pbx.channel, HAND, sounds=sounds, language="en")
        dialed = await phone.call_customer(
            NAM, before=110, seconds=40, caller_id="+84901900545", greeting="callback-greeting", language="en"
        )
        assert pbx.done
        return dialed

    return make


async def test_a_talk_with_the_customer(ring):
    dialed = await ring(f"{GOSUB}0\n{ASK}(ANSWER|1700000000.250){DIALED}(ANSWER|16|1700000000.250|1700000010.250)")
    assert dialed == Dialed(DialOutcome.ANSWERED, 10.0)


async def test_a_customer_who_hangs_up_during_the_greeting_was_not_reached(ring):
    dialed = await ring(f"{GOSUB}0\n{ASK}(ANSWER|){DIALED}(ANSWER|16||1700000010.250)")
    assert dialed == Dialed(DialOutcome.NO_ANSWER)


@pytest.mark.parametrize(("customer", "why"), [("LATE", Unrung.LATE), ("REFUSED", Unrung.REFUSED)])
async def test_what_the_dialplan_does_not_ring(ring, customer: str, why: Unrung):
    assert await ring(f"{GOSUB}0\n{ASK}({customer}|)") is why


async def test_a_dialplan_without_our_context_rings_nobody(ring):
    alive = "<< CHANNEL STATUS\n>> 200 result=6\n"
    assert await ring(f"{GOSUB}-1\n{alive}{ASK}(|)") is Unrung.REFUSED


def request(headers: dict[str, str], *args: str) -> Request:
    plain = {name: value for name, value in headers.items() if not name.startswith("agi_arg_")}
    return Request({**plain, **{f"agi_arg_{number}": arg for number, arg in enumerate(args, 1)}})


@pytest.mark.parametrize(
    ("customer", "status", "answered", "word"),
    [
        ("ANSWER", "ANSWER", "1700000000.250", LastWord(True, DialOutcome.ANSWERED, 60.0)),
        ("RINGING", "ANSWER", "", LastWord(True, DialOutcome.NO_ANSWER, 0.0)),
        ("RINGING", "CANCEL", "", LastWord(True, DialOutcome.CANCELLED, 0.0)),
        ("LATE", "", "", LastWord(False, DialOutcome.UNREACHABLE, 0.0)),
        ("REFUSED", "", "", LastWord(False, DialOutcome.UNREACHABLE, 0.0)),
        ("", "", "", LastWord(False, DialOutcome.UNREACHABLE, 0.0)),
    ],
)
def test_the_last_word_tells_how_it_stood_with_the_customer(
    headers: dict[str, str], customer: str, status: str, answered: str, word: LastWord
):
    said = request(
        headers, "pbx1-1.1", "pbx1", "p1", "claima", "anna:7", customer, status, answered, "1700000060.250"
    )
    assert in_hand(said) == HAND
    assert last_word(said) == word


def test_a_hand_without_a_pbx_is_refused(headers: dict[str, str]):
    with pytest.raises(BadCall, match="PBX"):
        in_hand(request(headers, "pbx1-1.1", "", "p1", "claima", "anna:7"))
    assert replace(HAND, pbx="pbx2").attempt == HAND.attempt
