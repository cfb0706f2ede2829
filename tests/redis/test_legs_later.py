"""An agent on the line for a callback puts it off, by the keys 3 and then 1 or 2."""

from __future__ import annotations

from pathlib import Path

import pytest
from floor import ANNA, Floor
from outbound import ALWAYS, UTC, Line, Outbound

from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.states import State
from hotline.store import Store

OFFICE = Calendar("office", UTC, dict.fromkeys(range(5), (Span.parse("07:30-17:30"),)))
TUESDAY = 12 * 86400.0


@pytest.mark.parametrize(
    ("calendar", "keys", "pressed", "due"),
    [
        (OFFICE, "31", "16:00:00", "17:00:00"),
        (OFFICE, "31", "17:00:00", "31:30:00"),
        (OFFICE, "32", "17:29:50", "31:30:00"),
        (OFFICE, "32", "17:30:05", "31:30:00"),  # they have closed while the agent listened
        (ALWAYS, "32", "14:00:00", "38:00:00"),
    ],
)
async def test_an_agent_calls_later_in_an_hour_or_in_the_next_opening_hours(
    floor: Floor, tmp_path: Path, store: Store, calendar: Calendar, keys: str, pressed: str, due: str
):
    def at(clock: str) -> float:
        hours, minutes, seconds = map(int, clock.split(":"))
        return TUESDAY + hours * 3600 + minutes * 60 + seconds

    floor.moment = at(pressed)
    await floor.core.login(ANNA, floor.moment)
    outbound = Outbound(floor, tmp_path / "spool", store, calendar)
    id = await outbound.promise()
    line = Line(keys)
    await outbound.legs.serve(line, await outbound.in_hand(id))
    found = await outbound.found(id)
    assert (found.state, found.outcome, found.due) == (State.RETRY, "postponed", at(due))
    assert line.said[-2:] == ["callback-postponed", "the end"]
