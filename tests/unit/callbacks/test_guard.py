"""Whatever a caller, a web page or a mistake gives as a number: only a customer's telephone is ever dialed."""

from __future__ import annotations

import re

import phonenumbers
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hotline.callbacks.guard import Guard, never_dialed
from hotline.callbacks.settings import Dialing

ALLOW = ("+84", "+82", "+7", "+1", "+44", "+61", "+33", "+49", "+86")
DENY = ("+8490", "+1876", "+1809")
GUARD = Guard(Dialing(allow=ALLOW, deny=DENY))
EVERYWHERE = Guard(Dialing(allow=tuple(f"+{digit}" for digit in range(1, 10))))

NO_NUMBER = "no international number"
NOT_ALLOWED = "`callbacks.allow`"
DENIED = "`callbacks.deny`"
DOMESTIC = "domestic call"
NOT_THERE = "no such number"
STATELESS = "without a country"
SERVICE = "special service"


@pytest.mark.parametrize(
    "number",
    [
        "+84912345678",  # mobile
        "+842438123456",  # of a city
        "+821055551234",
        "+77012345678",
        "+79031234567",
        "+12125550123",
        "+447400123456",
        "+493012345678",
        "+8613812345678",
    ],
)
def test_a_customers_telephone_may_be_dialed(number: str):
    assert GUARD.why_not(number) == ""


@pytest.mark.parametrize(
    ("number", "why"),
    [
        # how it is written
        ("", NO_NUMBER),
        (" ", NO_NUMBER),
        ("+", NO_NUMBER),
        ("0912345678", NO_NUMBER),  # as it is dialed at home
        ("84912345678", NO_NUMBER),
        ("0084912345678", NO_NUMBER),
        ("++84912345678", NO_NUMBER),
        ("+084912345678", NO_NUMBER),
        ("+84 91 234 56 78", NO_NUMBER),
        (" +84912345678", NO_NUMBER),
        ("+84912345678 ", NO_NUMBER),
        ("+84912345678\n", NO_NUMBER),
        ("+84912345678\r\nAction: Originate", NO_NUMBER),
        ("+84912345678\x00", NO_NUMBER),
        ("\x1b[A+84912345678", NO_NUMBER),
        ("+84912345678\N{ZERO WIDTH SPACE}", NO_NUMBER),
        ("\N{RIGHT-TO-LEFT OVERRIDE}+84912345678", NO_NUMBER),
        ("+84-91-234-5678", NO_NUMBER),
        ("+84(91)2345678", NO_NUMBER),
        ("+84912345678,30,tT", NO_NUMBER),
        ("+84912345678&PJSIP/881612345678", NO_NUMBER),
        ("+84912345678/n", NO_NUMBER),
        ("+84912345678@premium", NO_NUMBER),
        ("+84912345678;ext=9", NO_NUMBER),
        ("+84912345678w9", NO_NUMBER),
        ("+84912345678*", NO_NUMBER),
        ("+84912345678#", NO_NUMBER),
        ("tel:+84912345678", NO_NUMBER),
        ("Local/+84912345678@internal", NO_NUMBER),
        ("${SHELL(id)}", NO_NUMBER),
        ("+849I2345678", NO_NUMBER),
        ("+84CALLNOW", NO_NUMBER),
        ("anonymous", NO_NUMBER),
        ("+٨٤٩١٢٣٤٥٦٧٨", NO_NUMBER),  # Arabic-Indic digits
        ("+8\N{FULLWIDTH DIGIT FOUR}912345678", NO_NUMBER),
        ("\N{FULLWIDTH PLUS SIGN}84912345678", NO_NUMBER),
        ("+8491234567\N{SUPERSCRIPT TWO}", NO_NUMBER),
        ("+8491234567890123", NO_NUMBER),  # 16 digits
        ("+" + "8" * 4000, NO_NUMBER),
        ("+8411", NO_NUMBER),
        ("113", NO_NUMBER),
        ("*97", NO_NUMBER),
        # where it leads
        ("+5352123456", NOT_ALLOWED),  # Cuba
        ("+25261234567", NOT_ALLOWED),  # Somalia
        ("+881612345678", NOT_ALLOWED),
        ("+84901234567", DENIED),
        ("+18765551234", DENIED),  # Jamaica, which has the country code of the United States
        ("+840912345678", DOMESTIC),  # the 0 of a call at home
        ("+4407400123456", DOMESTIC),
        ("+84999123456789", NOT_THERE),
        ("+841100", NO_NUMBER),
        ("+841130000", NOT_THERE),
        ("+8491234567", NOT_THERE),  # a digit is missing
        ("+19005551234", SERVICE),  # premium
        ("+841900545454", SERVICE),
        ("+8260345678", NOT_THERE),
        ("+82602345678", SERVICE),
        ("+33899123456", SERVICE),
        ("+491801234567", SERVICE),  # shared cost
        ("+864001234567", SERVICE),
        ("+447011234567", SERVICE),  # a personal number, dear to call
        ("+447640123456", SERVICE),  # a pager
        ("+18005551234", SERVICE),  # toll free
        ("+61147123456", STATELESS),  # a satellite with the code of Australia
        ("+79541234567", STATELESS),  # and of Russia
    ],
    ids=lambda value: ascii(value)[1:25] if isinstance(value, str) else None,
)
def test_nothing_else_is_dialed(number: str, why: str):
    assert why in GUARD.why_not(number)


@pytest.mark.parametrize(
    "number",
    ["+870773111632", "+881612345678", "+882161234567", "+88213123456", "+883510012345", "+878101234567",
     "+80012345678", "+8081234567", "+979123456789", "+888123456789", "+999123456789", "+210123456789"],
)  # fmt: skip
def test_satellites_and_networks_without_a_country_are_not_dialed_where_everything_is_allowed(number: str):
    assert EVERYWHERE.why_not(number)


def test_without_anything_allowed_nobody_is_dialed():
    assert NOT_ALLOWED in Guard(Dialing()).why_not("+84912345678")


def test_what_is_denied_stays_so_though_a_longer_beginning_is_allowed():
    guard = Guard(Dialing(allow=("+84", "+849123"), deny=("+8491",)))
    assert DENIED in guard.why_not("+84912345678")
    assert not guard.why_not("+84982345678")


def test_the_answer_can_be_logged():
    for number in ("+84901234567", "+840912345678", "+5352123456", "+19005551234", "+84912345678&"):
        why = GUARD.why_not(number)
        assert why
        assert not re.search(r"\d{3}", why)


numbers_like = st.from_regex(r"[+0]?[0-9 ()&/@,.+-]{0,24}", fullmatch=True)
in_e164 = st.builds(
    "+{}{}".format, st.sampled_from([each[1:] for each in ALLOW]), st.from_regex(r"[0-9]{5,13}", fullmatch=True)
)


@given(st.text(max_size=200) | numbers_like | in_e164)
@example("+84912345678")
@settings(max_examples=1000)
def test_whatever_comes_it_is_refused_or_the_number_of_a_telephone(text: str):
    for guard, allow, deny in ((GUARD, ALLOW, DENY), (EVERYWHERE, ("+",), ("+870", "+881", "+882", "+883"))):
        why = guard.why_not(text)
        assert isinstance(why, str)
        if not why:
            assert re.fullmatch(r"\+[1-9][0-9]{7,14}", text, re.ASCII)
            assert text.startswith(allow)
            assert not text.startswith(deny)


@pytest.mark.parametrize(
    "kind", ["PREMIUM_RATE", "SHARED_COST", "PERSONAL_NUMBER", "PAGER", "TOLL_FREE", "VOICEMAIL"]
)
def test_every_countrys_own_services_are_refused(kind: str):
    tried = 0
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, getattr(phonenumbers.PhoneNumberType, kind))
        if example is not None:
            tried += 1
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            assert EVERYWHERE.why_not(number), number
    assert tried


@pytest.mark.parametrize("kind", ["FIXED_LINE", "MOBILE"])
def test_every_countrys_telephones_may_be_dialed_where_it_is_allowed(kind: str):
    refused = []
    for region in phonenumbers.SUPPORTED_REGIONS:
        example = phonenumbers.example_number_for_type(region, getattr(phonenumbers.PhoneNumberType, kind))
        number = example and phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
        if number and len(number) > 8 and (why := EVERYWHERE.why_not(number)):
            refused.append((region, number, why))
    assert refused == []


@pytest.mark.parametrize("prefix", ["+84", "+1", "+8", "+9", "+7", "+77", "+6114", "+841900"])
def test_beginnings_of_telephones(prefix: str):
    assert not never_dialed(prefix)


@pytest.mark.parametrize(
    "prefix", ["+881", "+8816", "+870", "+883", "+800", "+979", "+999", "+210", "+61147", "+7954"]
)
def test_beginnings_that_no_telephone_has(prefix: str):
    assert never_dialed(prefix)
