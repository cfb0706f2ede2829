"""The nets under every call: what a PBX's events and its list of channels change in Redis, and what they do not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
from floor import ANNA, POWER, Floor

from ami.events import ChannelRow, Hangup, Snapshot
from hotline.acd import nets as nets_module
from hotline.acd.model import AgentState
from hotline.acd.nets import Nets
from hotline.events import CallerLeftQueue

CALLER = "PJSIP/trunk-1"


def row(channel: str, bridge: str, call: str = "c1") -> ChannelRow:
    return ChannelRow(channel, uniqueid=channel, linkedid=call, state="Up", bridge_id=bridge)


def seen(*rows: ChannelRow) -> Snapshot:
    return Snapshot("pbx1", asked_at=1_000_000.0, channels=rows, devices=())


@pytest.fixture
async def nets(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Nets]:
    monkeypatch.setattr(nets_module, "GRACE", 0.0)

    async def ask() -> Snapshot:
        raise ConnectionError

    nets = Nets("pbx1", floor.desk, lambda call: False, ask)
    yield nets
    await nets.close()


async def ring(floor: Floor) -> None:
    await floor.core.login(ANNA, floor.moment)
    await floor.core.join("c1", queue=POWER, arrival=floor.moment, now=floor.moment, channel=CALLER, pbx="pbx1")


async def hang_up(nets: Nets, call: str) -> None:
    await nets.hear(Hangup(channel=CALLER, uniqueid=call, linkedid=call, cause=16))
    for task in list(nets._late):
        await task


async def test_a_caller_in_a_bridge_with_a_phone_of_the_call_has_an_agent(floor: Floor, nets: Nets) -> None:
    await ring(floor)
    await nets.hear(seen(row(CALLER, "b1"), row("PJSIP/anna-1", "b1")))
    assert await floor.agent("anna") is AgentState.TALKING


@pytest.mark.parametrize(
    "rows",
    [
        [row(CALLER, ""), row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
        [row(CALLER, "b2"), row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
        [row(CALLER, "b1"), row("PJSIP/anna-1", "")],
        [row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
    ],
)
async def test_others_of_the_call_who_talk_are_no_answer_to_the_caller(
    floor: Floor, nets: Nets, rows: list[ChannelRow]
) -> None:
    await ring(floor)
    await nets.hear(seen(*rows))
    assert await floor.agent("anna") is AgentState.OFFERED


async def test_the_end_of_a_call_that_its_session_does_not_tell_is_told(floor: Floor, nets: Nets) -> None:
    await ring(floor)
    await hang_up(nets, "c1")
    assert floor.one(CallerLeftQueue).reason == "lost"
    assert await floor.agent("anna") is AgentState.IDLE


async def test_a_call_whose_session_fell_silent_ends_with_its_channel(floor: Floor, nets: Nets) -> None:
    await ring(floor)
    await floor.core.tick(floor.moment + 10)
    await hang_up(nets, "c1")
    assert floor.one(CallerLeftQueue).reason == "lost"


async def test_calls_that_were_never_in_a_queue_leave_no_trace(floor: Floor, nets: Nets, redis: Any) -> None:
    await hang_up(nets, "c9")
    assert redis("KEYS", "*") == []
