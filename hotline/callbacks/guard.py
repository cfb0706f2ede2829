"""The guard against toll fraud: which numbers may be dialed at all.

Whoever leaves a message says which number to call, and may mean one that earns them money: a premium service, a
satellite, a country far away. So nothing is dialed but what passes every rule here.

Rules of this file:
- Default deny: without an allowed beginning nothing passes, and a denied one always wins.
- Only E.164 in its one spelling: +, then 8 to 15 ASCII digits, nothing before, between or behind. What has other
  characters could be an instruction to the PBX (`&`, `/`, `@`, `,`), and is not corrected but refused.
- Never raises, for any text. The answer names no part of the number: it may be logged.
"""

from __future__ import annotations

import re
from dataclasses import replace

import phonenumbers
from phonenumbers import PhoneNumberType as Kind

from hotline.callbacks.settings import Dialing

E164 = re.compile(r"\+[1-9][0-9]{7,14}", re.ASCII)

_KINDS = frozenset((Kind.FIXED_LINE, Kind.MOBILE, Kind.FIXED_LINE_OR_MOBILE, Kind.VOIP, Kind.UAN))
"""Telephones of people and companies, at the usual price."""

_NO_COUNTRY = "001"
"""The region of numbers that belong to none: satellites, international networks, shared cost, premium."""

_SATELLITES = ("+61145", "+61147", "+7954")
"""Those that hide among a country's own numbers."""


class Guard:
    """By `dialing`, what may be dialed."""

    def __init__(self, dialing: Dialing) -> None:
        self._allow, self._deny = dialing.allow, dialing.deny

    def why_not(self, number: str) -> str:
        """Why a number may not be dialed, in a sentence; "" when it may."""
        if not E164.fullmatch(number):
            return "It is no international number: + and 8 to 15 digits, nothing else."
        if not number.startswith(self._allow):
            return "It begins with nothing that `callbacks.allow` allows."
        if number.startswith(self._deny):
            return "`callbacks.deny` denies its beginning."
        return _refused(number)


def message_guard(dialing: Dialing) -> Guard:
    """By which callers say whom to call: where nobody is dialed by us, any telephone in the world."""
    return Guard(dialing if dialing.allow else replace(dialing, allow=("+",)))


def never_dialed(prefix: str) -> bool:
    """Whether no number with this beginning can ever pass, because no country's telephones have it."""
    return prefix.startswith(_SATELLITES) or countries(prefix) == 0


def countries(prefix: str) -> int:
    """How many countries and territories have telephones whose numbers may begin so."""
    found: set[str] = set()
    for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items():
        if prefix[1:].startswith(str(code)):
            # a part of a code that several share may be any one's of them
            found |= set(regions) if prefix[1:] == str(code) else {regions[0]}
        elif str(code).startswith(prefix[1:]):
            found |= set(regions)
    return len(found - {_NO_COUNTRY})


def _refused(number: str) -> str:
    """Why a number of an allowed beginning is none that is called, whatever the configuration says."""
    try:
        parsed = phonenumbers.parse(number, None)
    except phonenumbers.NumberParseException:
        return "No country has such numbers."
    if phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164) != number:
        return "It has digits of a domestic call in it; write it as it is dialed from abroad."
    if not phonenumbers.is_possible_number(parsed) or not phonenumbers.is_valid_number(parsed):
        return "There is no such number in its country."
    if phonenumbers.region_code_for_number(parsed) == _NO_COUNTRY or number.startswith(_SATELLITES):
        return "It belongs to a satellite or another network without a country."
    if phonenumbers.number_type(parsed) not in _KINDS:
        return "It is a special service, such as one of premium or shared cost, and no telephone of a customer."
    return ""
