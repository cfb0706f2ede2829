"""How many callbacks are begun: never too many for live callers, and never none for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.callbacks.pace import most, room
from hotline.callbacks.settings import CallbackSettings

SETTINGS = st.builds(
    CallbackSettings,
    queue=st.just("desk"),
    share=st.floats(0.001, 1),
    reserve=st.integers(0, 50),
    ramp=st.sampled_from([0.0, 1.0, 1800.0, 7200.0]),
)
AGENTS = st.integers(0, 400)
IN_HAND = st.integers(0, 100)
SECONDS = st.floats(-10, 50_000)


def pace(**about: float) -> CallbackSettings:
    return CallbackSettings("desk", **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("staff", "idle", "in_hand", "since", "settings", "expected"),
    [
        (0, 0, 0, 0, pace(share=1), 0),
        (20, 20, 0, 0, pace(share=0.3), 6),
        (20, 20, 4, 0, pace(share=0.3), 2),
        (20, 20, 9, 0, pace(share=0.3), 0),  # others went home meanwhile
        (20, 3, 1, 0, pace(share=0.3), 3),
        (20, 3, 1, 0, pace(share=0.3, reserve=2), 1),
        (20, 2, 1, 0, pace(share=0.3, reserve=2), 0),
        (20, 0, 0, 0, pace(share=0.3, reserve=2), 1),  # the one that is always in hand
        (20, 20, 0, 0, pace(share=0.5, ramp=1000), 1),
        (20, 20, 0, 500, pace(share=0.5, ramp=1000), 5),
        (20, 20, 0, 2000, pace(share=0.5, ramp=1000), 10),
        (2, 2, 0, 0, pace(share=0.3), 1),
        (100, 100, 0, 0, pace(share=0.29), 29),
    ],
)
def test_the_rules_in_examples(
    staff: int, idle: int, in_hand: int, since: float, settings: CallbackSettings, expected: int
) -> None:
    assert room(staff, idle, in_hand, since, settings) == expected


@given(AGENTS, AGENTS, IN_HAND, SECONDS, SETTINGS)
def test_no_more_than_the_share_and_no_more_than_are_idle_beyond_the_reserve_but_for_one(
    staff: int, idle: int, in_hand: int, since: float, settings: CallbackSettings
) -> None:
    more = room(staff, idle, in_hand, since, settings)
    assert more >= 0
    if more:
        assert in_hand + more <= max(1, settings.share * staff + 1e-6)
        assert in_hand + more == 1 or more <= idle - settings.reserve


@given(AGENTS, AGENTS, SECONDS, SETTINGS)
def test_while_anybody_works_one_is_always_in_hand(
    staff: int, idle: int, since: float, settings: CallbackSettings
) -> None:
    assert (room(staff, idle, 0, since, settings) > 0) == (staff > 0)


@given(AGENTS, AGENTS, IN_HAND, SECONDS, SETTINGS, st.integers(0, 20), st.integers(0, 20), st.floats(0, 9000))
def test_more_agents_more_idle_ones_and_a_later_hour_never_mean_less(
    staff: int,
    idle: int,
    in_hand: int,
    since: float,
    settings: CallbackSettings,
    comes: int,
    rests: int,
    later: float,
) -> None:
    fewer = room(staff, idle, in_hand, since, settings)
    assert fewer <= room(staff + comes, idle + rests, in_hand, since + later, settings)
    assert fewer >= room(staff, idle, in_hand + 1, since, settings)


@given(AGENTS, SETTINGS)
def test_at_the_end_of_the_ramp_the_share_is_whole(staff: int, settings: CallbackSettings) -> None:
    whole = most(staff, settings.ramp, settings)
    assert whole == most(staff, 90_000, settings)
    assert whole >= min(staff, 1)
