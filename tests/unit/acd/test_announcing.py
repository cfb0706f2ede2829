"""What waiting callers are told of the wait and the place: nothing that gets worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.acd.announcing import RANGES, Told
from hotline.phrases import phrasebook

SECONDS = st.none() | st.floats(0, 10_000)
PLACES = st.integers(0, 30)


@pytest.mark.parametrize(
    ("seconds", "prompt"),
    [
        (0, "wait-under-2"),
        (119.9, "wait-under-2"),
        (120, "wait-2-to-5"),
        (300, "wait-5-to-10"),
        (600, "wait-10-to-15"),
        (900, "wait-over-15"),
        (1e9, "wait-over-15"),
    ],
)
def test_a_wait_is_told_as_a_range(seconds: float, prompt: str):
    assert Told().of_wait(seconds) == (prompt,)


@pytest.mark.parametrize(
    ("place", "prompts"), [(0, ()), (1, ("place-1",)), (10, ("place-10",)), (11, ("place-over-10",))]
)
def test_a_place_is_told_up_to_the_tenth(place: int, prompts: tuple[str, ...]):
    assert Told().of_place("power", place) == prompts


def test_a_wait_that_gets_longer_is_kept_quiet_until_it_is_shorter_again():
    told = Told()
    assert [told.of_wait(seconds) for seconds in (200, 400, None, 299, 60, 200)] == [
        ("wait-2-to-5",),
        (),
        (),
        ("wait-2-to-5",),
        ("wait-under-2",),
        (),
    ]


def test_a_place_in_another_line_is_another_place():
    told = Told()
    assert told.of_place("power", 2) == ("place-2",)
    assert told.of_place("power", 3) == ()
    assert told.of_place("billing", 3) == ("place-3",)


@given(st.lists(SECONDS))
def test_no_range_is_higher_than_one_before(waits: list[float | None]):
    told = Told()
    said = [RANGES.index(prompt) for seconds in waits for prompt in told.of_wait(seconds)]
    assert said == sorted(said, reverse=True)


@given(st.lists(PLACES))
def test_no_place_is_worse_than_one_before(places: list[int]):
    told = Told()
    said = [prompt for place in places for prompt in told.of_place("power", place)]
    order = [f"place-{place}" for place in range(1, 11)] + ["place-over-10"]
    ranks = [order.index(prompt) for prompt in said]
    assert ranks == sorted(ranks, reverse=True)


@given(SECONDS, st.lists(SECONDS))
def test_a_wait_is_told_whenever_none_before_was_shorter(first: float | None, others: list[float | None]):
    told = Told()
    for seconds in (first, *others):
        told.of_wait(seconds)
    shortest = min((seconds for seconds in (first, *others) if seconds is not None), default=0.0)
    assert told.of_wait(shortest)


def test_all_of_it_has_words():
    told = {prompt for place in range(1, 12) for prompt in Told().of_place("power", place)}
    assert {*told, *RANGES} <= phrasebook("en").texts.keys()
