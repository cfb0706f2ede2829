"""Telephone numbers as they are kept: E.164 where they can be read so, else the bounded original; and as spoken."""

from __future__ import annotations

import phonenumbers

MOST = 40
"""Characters kept of a number that cannot be read."""

LEAST = 6
"""Digits of the shortest number that tells one person from another."""

REGIONS = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""Where local numbers can be read, by country code."""

_DIALABLE = frozenset("0123456789+*#")


def normal(raw: str, region: str) -> str:
    """`raw` as E.164 ("+84901234567"), read as a local number of `region` (e.g. "VN") where it has no country.

    What is no possible number stays as it came, but only its dialable characters and at most MOST of them: it
    is kept so that a person can see it, and never dialed without being checked again. "" stays "".
    """
    kept = dialable(raw)
    try:
        number = phonenumbers.parse(kept, region.upper() or None)
    except phonenumbers.NumberParseException:
        return kept
    if not phonenumbers.is_possible_number(number):
        return kept
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def identifies(number: str) -> bool:
    """Whether a number, as it is kept, tells one person from another.

    Not "", nor what a network sends in place of a number that is withheld: strangers have that in common.
    (lua/lib/promises.lua says the same.)
    """
    return len(_digits_of(number)) >= LEAST and not is_placeholder(number)


def is_placeholder(number: str) -> bool:
    """Whether a number, as it is kept, can be nobody's: "0", "+", "0000000000". +66666666666 is somebody's."""
    digits = _digits_of(number)
    with_country = len(digits) >= LEAST and number[0] == "+" and number[1] in "123456789"
    return len(set(digits)) < 2 and not with_country


def _digits_of(number: str) -> str:
    return "".join(each for each in number if "0" <= each <= "9")


def dialable(raw: str) -> str:
    """What of a text a telephone has keys for, and a +; at most MOST of it."""
    return "".join(each for each in raw[: 4 * MOST] if each in _DIALABLE)[:MOST]


def spoken_number(number: str, region: str) -> tuple[str, ...]:
    """The prompts that speak a number digit by digit, as people of `region` write it."""
    try:
        parsed = phonenumbers.parse(number)
    except phonenumbers.NumberParseException:
        return _digits(number)
    if region and phonenumbers.region_code_for_number(parsed) == region.upper():
        return _digits(phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.NATIONAL))
    return ("digit-plus", *_digits(number))


def _digits(number: str) -> tuple[str, ...]:
    return tuple(f"digit-{each}" for each in _digits_of(number))
