"""A plan goes through the real queue core: the simulated service level is the planned one, within chance."""

from __future__ import annotations

import pytest

from hotline.staffing.forecast import Slot
from hotline.staffing.plan import Target, plan
from hotline.staffing.verify import verify
from lab.programs import program


@pytest.mark.timeout(300)
def test_a_planned_day_is_simulated_slot_by_slot() -> None:
    """One long slot, so that its beginning from an empty queue weighs little; a second one far too thin."""
    long = Slot("08:00", 0.0, 4 * 3600.0, 480, 120, 60)
    rows = plan([long, Slot("12:00", 4 * 3600.0, 3600.0, 0, 0)], Target())
    days: list[None] = []
    found = verify(rows, 20, 4, program=str(program("redis-server")), done=lambda: days.append(None))
    assert len(days) == found.days == 4
    level = found.slots[0].service_level
    assert level is not None
    assert level == pytest.approx(rows[0].quality.service_level, abs=0.08)
    assert found.slots[1].service_level is None
    assert found.whole == found.slots[0]


@pytest.mark.timeout(300)
def test_slots_that_hardly_ever_have_calls_are_not_sure_to_miss_the_target() -> None:
    rows = plan([Slot(str(index), index * 1800.0, 1800.0, 0.3, 300) for index in range(12)], Target())
    found = verify(rows, 20, 10, seed=3, program=str(program("redis-server")))
    assert any(slot.service_level is not None and slot.service_level < 0.8 for slot in found.slots)
    assert [slot for slot in found.slots if slot.misses(0.8) or slot.margin == 0] == []


@pytest.mark.timeout(300)
def test_a_team_too_small_is_found_out() -> None:
    (row,) = plan([Slot("08:00", 0.0, 3600.0, 120, 120, 60)], Target(level=0.3))
    assert verify([row], 20, 3, program=str(program("redis-server"))).whole.misses(0.95)
