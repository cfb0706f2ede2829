"""Caller ids as they are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.callbacks.number import MOST, identifies, is_placeholder, normal


@pytest.mark.parametrize(
    ("raw", "region", "kept"),
    [
        ("+84 90 123 45 67", "VN", "+84901234567"),
        ("0901234567", "VN", "+84901234567"),
        ("0901234567", "vn", "+84901234567"),
        ("0084901234567", "VN", "+84901234567"),
        ("010-1234-5678", "KR", "+821012345678"),
        ("0901234567", "", "0901234567"),
        ("101", "VN", "101"),
        ("anonymous", "VN", ""),
        ("", "VN", ""),
        ("+999999999999999999999", "VN", "+999999999999999999999"),
    ],
)
def test_a_number_is_e164_where_it_can_be_read(raw: str, region: str, kept: str) -> None:
    assert normal(raw, region) == kept


@pytest.mark.parametrize(
    ("number", "told", "nobodys"),
    [
        ("+84901234567", True, False),
        ("0901234567", True, False),
        ("123456", True, False),
        ("12345", False, False),
        ("1005", False, False),
        ("+66666666666", True, False),  # a Thai mobile can be this
        *((each, False, True) for each in ("", "0", "00", "1", "+", "*#", "0000000000", "+000000")),
    ],
)
def test_what_strangers_have_in_common_tells_nobody(number: str, told: bool, nobodys: bool) -> None:
    assert (identifies(number), is_placeholder(number)) == (told, nobodys)


@given(st.text(max_size=300), st.sampled_from(["", "VN", "KZ", "??"]))
def test_whatever_comes_is_kept_short_and_dialable(raw: str, region: str) -> None:
    kept = normal(raw, region)
    assert len(kept) <= MOST
    assert set(kept) <= set("0123456789+*#")
