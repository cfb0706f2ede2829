"""How many callbacks are begun: never too many for live callers, and never none for ever."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.callbacks.pace import PATIENCE, Quiet, most, reserve, room
from hotline.callbacks.settings import CallbackSettings

SETTINGS = st.builds(
    CallbackSettings,
    queue=st.just("desk"),
    share=st.floats(0.001, 1),
    reserve=st.none() | st.integers(0, 50),
    ramp=st.sampled_from([0.0, 1.0, 1800.0, 7200.0]),
)
AGENTS = st.integers(0, 400)
IN_HAND = st.integers(0, 100)
SECONDS = st.floats(-10, 50_000)
SOME = st.integers(0, 20)


def pace(**about: float) -> CallbackSettings:
    return CallbackSettings("desk", **about)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("staff", "idle", "in_hand", "since", "settings", "expected"),
    [
        (0, 0, 0, 9000, pace(share=1), 0),
        (20, 20, 0, 0, pace(share=0.3), 6),
        (20, 20, 4, 0, pace(share=0.3), 2),
        (20, 20, 9, 0, pace(share=0.3), 0),  # others went home meanwhile
        (20, 9, 1, 0, pace(share=0.3), 3),  # 6 stay idle
        (20, 3, 1, 0, pace(share=0.3, reserve=0), 3),
        (20, 3, 1, 0, pace(share=0.3, reserve=2), 1),
        (20, 2, 1, 0, pace(share=0.3, reserve=2), 0),
        (20, 20, 0, 0, pace(share=0.5, ramp=1000), 1),
        (20, 20, 0, 500, pace(share=0.5, ramp=1000), 5),
        (20, 20, 0, 2000, pace(share=0.5, ramp=1000), 10),
        (2, 2, 0, 0, pace(share=0.3), 1),
        (2, 1, 0, 0, pace(share=0.3), 0),
        (1, 1, 0, 0, pace(share=0.3), 1),
        (100, 100, 0, 0, pace(share=0.29), 29),
    ],
)
def test_the_rules_in_examples(
    staff: int, idle: int, in_hand: int, since: float, settings: CallbackSettings, expected: int
) -> None:
    assert room(staff, idle, in_hand, since, settings, quiet=0) == expected


def test_where_all_are_busy_one_is_begun_when_none_was_in_hand_for_a_while() -> None:
    assert room(20, 0, 0, PATIENCE - 1, pace(), quiet=90_000) == 0  # none was at night either
    assert room(20, 0, 0, PATIENCE, pace(), quiet=PATIENCE) == 1
    assert room(20, 0, 0, 9000, pace(), quiet=PATIENCE - 1) == 0
    assert room(20, 0, 1, 9000, pace(), quiet=0) == 0


def test_the_reserve_goes_by_the_team_where_nothing_else_is_said() -> None:
    assert [reserve(staff, pace()) for staff in (0, 1, 2, 4, 10, 20, 100)] == [0, 0, 1, 2, 4, 6, 14]
    assert [reserve(staff, pace(reserve=3)) for staff in (1, 100)] == [3, 3]


@given(AGENTS, AGENTS, IN_HAND, SECONDS, SETTINGS, SECONDS)
def test_no_more_than_the_share_and_no_more_than_are_idle_beyond_the_reserve_but_for_one_after_a_while(
    staff: int, idle: int, in_hand: int, since: float, settings: CallbackSettings, quiet: float
) -> None:
    more = room(staff, idle, in_hand, since, settings, quiet=quiet)
    assert more >= 0
    if more:
        assert in_hand + more <= max(1, settings.share * staff + 1e-6)
        assured = in_hand == 0 and more == 1 and quiet >= PATIENCE
        assert assured or more <= idle - reserve(staff, settings)


@given(AGENTS, AGENTS, st.floats(PATIENCE, 1e6), SETTINGS, st.floats(PATIENCE, 1e6))
def test_no_promise_waits_for_ever_while_anybody_works(
    staff: int, idle: int, since: float, settings: CallbackSettings, quiet: float
) -> None:
    assert (room(staff, idle, 0, since, settings, quiet=quiet) > 0) == (staff > 0)


@given(st.integers(1, 400), SECONDS)
def test_where_everybody_is_idle_callbacks_begin_at_once(staff: int, since: float) -> None:
    assert room(staff, staff, 0, since, pace(), quiet=0) > 0


@given(AGENTS, AGENTS, IN_HAND, SECONDS, SETTINGS, SOME, SOME, st.floats(0, 9000))
def test_more_agents_who_are_idle_and_a_later_hour_never_mean_less(
    staff: int, idle: int, in_hand: int, since: float, settings: CallbackSettings, come: int, rest: int, later: float
) -> None:
    fewer = room(staff, idle, in_hand, since, settings, quiet=since)
    assert fewer <= room(staff, idle + rest, in_hand, since + later, settings, quiet=since + later)
    assert fewer <= room(staff + come, idle + come, in_hand, since, settings, quiet=since)
    assert fewer >= room(staff, idle, in_hand + 1, since, settings, quiet=0)
    if settings.reserve is not None:
        assert fewer <= room(staff + come, idle, in_hand, since, settings, quiet=since)


@given(st.integers(1, 2000))
def test_one_more_agent_at_work_holds_back_one_more_at_most(staff: int) -> None:
    assert 0 <= reserve(staff + 1, pace()) - reserve(staff, pace()) <= 1
    assert reserve(staff, pace()) < staff


@given(AGENTS, SETTINGS)
def test_at_the_end_of_the_ramp_the_share_is_whole(staff: int, settings: CallbackSettings) -> None:
    whole = most(staff, settings.ramp, settings)
    assert whole == most(staff, 90_000, settings)
    assert whole >= min(staff, 1)


def test_it_is_known_for_how_long_none_was_in_hand() -> None:
    quiet = Quiet()
    assert [quiet.seconds("desk", *look) for look in ((0, 100.0), (0, 130.0), (2, 140.0), (0, 170.0))] == [
        0,
        30,
        0,
        30,
    ]
    assert quiet.seconds("sales", 0, 180.0) == 0
