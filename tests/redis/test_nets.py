"""The nets under every call: what a PBX's events and its lists change in Redis, and what they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from floor import ANNA, BINH, POWER, Floor

from ami.events import ChannelRow, DeviceRow, DeviceStateChange, Hangup, Snapshot
from hotline.acd import nets as nets_module
from hotline.acd.devices import Devices
from hotline.acd.model import AgentState
from hotline.acd.nets import Nets
from hotline.events import AgentAnswered, CallerLeftQueue, ConversationEnded, LeakHealed

CALLER = "PJSIP/trunk-1"
AGENTS = {agent.name: agent for agent in (ANNA, BINH)}


def row(channel: str, bridge: str, call: str = "c1") -> ChannelRow:
    return ChannelRow(channel, uniqueid=channel, linkedid=call, state="Up", bridge_id=bridge)


def seen(*rows: ChannelRow, complete: bool = True, **devices: str) -> Snapshot:
    states = tuple(DeviceRow(f"PJSIP/{name}", state) for name, state in devices.items())
    return Snapshot("pbx1", asked_at=1_000_000.0, channels=rows, devices=states, complete=complete)


class Scene:
    """One PBX and its nets. `now` is what the PBX has when it is asked; None while there is no link to it."""

    def __init__(self, floor: Floor) -> None:
        self.floor, self.now, self.ours = floor, None, False
        self.devices = Devices(AGENTS)
        self.nets = self.of("pbx1")
        self.now: Snapshot | None = None

    def of(self, pbx: str) -> Nets:
        async def ask() -> Snapshot:
            if self.now is None:
                raise ConnectionError
            return self.now

        return Nets(pbx, self.floor.desk, lambda call: self.ours, ask, agents=AGENTS, devices=self.devices)

    async def look(self, snapshot: Snapshot | None) -> None:
        """Compare Redis with what the PBX has, then and a moment later."""
        self.now = snapshot
        await self.nets.look()
        await self.settled()

    async def settled(self) -> None:
        while self.nets._late:
            await asyncio.gather(*self.nets._late.values())

    async def device(self, state: str, nets: Nets | None = None) -> None:
        await (nets or self.nets).hear(DeviceStateChange("PJSIP/anna", state))

    async def ring(self) -> None:
        """anna's phone rings for c1."""
        await self.log_in()
        moment = self.floor.moment
        await self.floor.core.join("c1", queue=POWER, arrival=moment - 60, now=moment, channel=CALLER, pbx="pbx1")

    async def talk(self) -> None:
        await self.ring()
        await self.floor.desk.answered("c1", "anna", 1)
        self.floor.moment += 42

    async def log_in(self) -> None:
        await self.floor.core.login(ANNA, self.floor.moment)

    async def anna(self) -> AgentState:
        return await self.floor.agent("anna")

    def healed(self) -> list[tuple[str, str]]:
        return [(leak.what, leak.agent) for leak in self.floor.all(LeakHealed)]


@pytest.fixture
async def scene(floor: Floor, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Scene]:
    for moment in ("GRACE", "GONE_BEFORE", "YOUNG"):
        monkeypatch.setattr(nets_module, moment, 0.0)
    scene = Scene(floor)
    yield scene
    await scene.nets.close()


async def hang_up(scene: Scene, call: str) -> None:
    await scene.nets.hear(Hangup(channel=CALLER, uniqueid=call, linkedid=call))
    await scene.settled()


# --- answers ---


async def test_a_caller_in_a_bridge_with_a_phone_of_the_call_has_an_agent(scene: Scene) -> None:
    await scene.ring()
    await scene.nets.hear(seen(row(CALLER, "b1"), row("PJSIP/anna-1", "b1"), anna="INUSE"))
    assert await scene.anna() is AgentState.TALKING
    assert scene.floor.one(AgentAnswered).agent == "anna"
    assert scene.healed() == [("answer", "anna")]


@pytest.mark.parametrize(
    "rows",
    [
        [row(CALLER, ""), row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
        [row(CALLER, "b2"), row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
        [row(CALLER, "b1"), row("PJSIP/anna-1", "")],
        [row("PJSIP/anna-1", "b1"), row("PJSIP/chi-1", "b1")],
    ],
)
async def test_others_of_the_call_who_talk_are_no_answer_to_the_caller(scene: Scene, rows: list[ChannelRow]) -> None:
    await scene.ring()
    await scene.look(seen(*rows))
    assert await scene.anna() is AgentState.OFFERED
    assert scene.healed() == []


# --- calls ---


async def test_the_end_of_a_call_that_its_session_does_not_tell_is_told(scene: Scene) -> None:
    await scene.ring()
    await hang_up(scene, "c1")
    assert scene.floor.one(CallerLeftQueue).reason == "lost"
    assert await scene.anna() is AgentState.IDLE
    assert scene.healed() == [("call", "")]


async def test_an_end_that_its_session_told_is_no_leak(scene: Scene) -> None:
    await scene.ring()
    await scene.nets.hear(Hangup(channel=CALLER, uniqueid="c1", linkedid="c1"))
    await scene.floor.desk.gone("c1", nets_module.Left.ABANDONED)
    await scene.settled()
    assert scene.floor.one(CallerLeftQueue).reason == "abandoned"
    assert scene.healed() == []


async def test_a_call_whose_session_fell_silent_ends_with_its_channel(scene: Scene) -> None:
    await scene.ring()
    await scene.floor.core.tick(scene.floor.moment + 10)
    await hang_up(scene, "c1")
    assert scene.floor.one(CallerLeftQueue).reason == "lost"


async def test_calls_that_were_never_in_a_queue_leave_no_trace(scene: Scene, redis: Any) -> None:
    await hang_up(scene, "c9")
    assert redis("KEYS", "*") == []
    assert scene.healed() == []


async def test_a_conversation_whose_call_the_pbx_does_not_have_is_over(scene: Scene) -> None:
    await scene.talk()
    await scene.look(seen(row("PJSIP/trunk-9", "", call="c9")))
    talk = scene.floor.one(ConversationEnded)
    assert (talk.talked, talk.ended_by) == (42.0, "unknown")
    assert await scene.anna() is AgentState.WRAP_UP
    assert scene.healed() == [("call", "")]


async def test_a_list_that_is_not_complete_ends_nothing(scene: Scene) -> None:
    await scene.talk()
    await scene.look(seen(complete=False))
    assert await scene.anna() is AgentState.TALKING


async def test_a_call_that_a_session_of_ours_has_in_hand_is_left_to_it(scene: Scene) -> None:
    await scene.talk()
    scene.ours = True
    await scene.look(seen())
    assert await scene.anna() is AgentState.TALKING


async def test_a_call_of_another_pbx_is_not_missed_here(scene: Scene) -> None:
    await scene.talk()
    scene.nets = scene.of("pbx2")
    await scene.look(seen())
    assert await scene.anna() is AgentState.TALKING


# --- conversations ---


async def test_an_agent_whose_phone_has_left_the_call_does_not_talk_any_more(scene: Scene) -> None:
    await scene.talk()
    await scene.look(seen(row(CALLER, ""), anna="NOT_INUSE"))
    talk = scene.floor.one(ConversationEnded)
    assert (talk.agent, talk.talked) == ("anna", 42.0)
    assert await scene.anna() is AgentState.WRAP_UP
    assert scene.healed() == [("conversation", "anna")]


async def test_an_agent_whose_phone_is_in_the_call_talks(scene: Scene) -> None:
    await scene.talk()
    await scene.look(seen(row(CALLER, "b1"), row("PJSIP/anna-00000001", "b1"), anna="INUSE"))
    assert await scene.anna() is AgentState.TALKING


async def test_another_agent_with_a_longer_name_is_somebody_else(scene: Scene) -> None:
    await scene.talk()
    await scene.look(seen(row(CALLER, "b1"), row("PJSIP/annabel-00000001", "b1")))
    assert scene.healed() == [("conversation", "anna")]


async def test_what_is_in_order_a_moment_later_was_no_leak(scene: Scene) -> None:
    await scene.talk()
    scene.now = seen(row(CALLER, ""))
    await scene.nets.look()
    scene.now = seen(row(CALLER, "b1"), row("PJSIP/anna-00000001", "b1"))
    await scene.settled()
    assert await scene.anna() is AgentState.TALKING
    assert scene.healed() == []


async def test_an_agent_who_is_held_for_a_call_that_redis_does_not_have_is_freed(scene: Scene, redis: Any) -> None:
    await scene.talk()
    redis("DEL", "hotline:call:c1")
    await scene.look(seen(row(CALLER, "")))
    assert await scene.anna() is AgentState.IDLE
    assert scene.healed() == [("agent", "anna")]
    await scene.look(seen(row(CALLER, "")))
    assert len(scene.healed()) == 1


# --- phones ---


@pytest.mark.parametrize("state", ["INUSE", "BUSY", "RINGINUSE", "ONHOLD"])
async def test_an_agent_who_phones_for_themselves_gets_no_calls_meanwhile(scene: Scene, state: str) -> None:
    await scene.log_in()
    await scene.device(state)
    assert await scene.anna() is AgentState.DEVICE_BUSY
    await scene.device("NOT_INUSE")
    assert await scene.anna() is AgentState.IDLE
    assert scene.healed() == [], "this is the day's work"


@pytest.mark.parametrize("state", ["RINGING", "UNAVAILABLE", "INVALID", "UNKNOWN", "NOT_INUSE"])
async def test_a_phone_that_rings_or_is_not_there_is_not_in_use(scene: Scene, state: str) -> None:
    await scene.log_in()
    await scene.device(state)
    assert await scene.anna() is AgentState.IDLE


async def test_a_phone_of_nobody_is_nothing_to_us(scene: Scene) -> None:
    await scene.nets.hear(DeviceStateChange("PJSIP/trunk", "INUSE"))
    assert scene.floor.events == []


async def test_our_own_conversation_makes_nobody_busy(scene: Scene) -> None:
    await scene.ring()
    await scene.device("RINGING")
    await scene.device("INUSE")
    await scene.floor.desk.answered("c1", "anna", 1)
    await scene.floor.core.finished("c1", "anna", 1, scene.floor.moment)
    await scene.floor.core.ready("anna", scene.floor.moment)
    assert await scene.anna() is AgentState.IDLE
    await scene.device("NOT_INUSE")
    assert await scene.anna() is AgentState.IDLE


async def test_who_is_on_the_phone_when_the_wrap_up_ends_is_busy(scene: Scene) -> None:
    await scene.talk()
    await scene.floor.core.finished("c1", "anna", 1, scene.floor.moment)
    await scene.device("INUSE")
    assert await scene.anna() is AgentState.WRAP_UP
    await scene.floor.core.ready("anna", scene.floor.moment)
    assert await scene.anna() is AgentState.DEVICE_BUSY


async def test_a_phone_found_in_use_makes_its_agent_busy_and_one_found_free_frees_its_agent(scene: Scene) -> None:
    await scene.log_in()
    await scene.look(seen(anna="INUSE"))
    assert await scene.anna() is AgentState.DEVICE_BUSY
    await scene.look(seen(anna="NOT_INUSE"))
    assert await scene.anna() is AgentState.IDLE
    assert scene.healed() == [("device", "anna")] * 2


async def test_an_event_is_newer_than_a_list_that_was_asked_for_before_it(scene: Scene) -> None:
    await scene.log_in()
    mark = scene.devices.mark()
    await scene.device("INUSE")
    await scene.device("NOT_INUSE")
    await scene.nets._compare(seen(anna="INUSE"), mark)
    await scene.settled()
    assert await scene.anna() is AgentState.IDLE


async def test_one_pbx_that_does_not_know_a_phone_frees_nobody_who_phones_by_another(scene: Scene) -> None:
    await scene.log_in()
    other = scene.of("pbx2")
    await scene.device("INUSE", other)
    await scene.device("UNAVAILABLE")
    await scene.look(seen(anna="UNAVAILABLE"))
    assert await scene.anna() is AgentState.DEVICE_BUSY
    await scene.device("NOT_INUSE", other)
    assert await scene.anna() is AgentState.IDLE


async def test_a_pbx_that_says_nothing_for_long_keeps_nobody_from_work(scene: Scene) -> None:
    await scene.log_in()
    await scene.device("INUSE")
    await scene.look(None)
    assert await scene.anna() is AgentState.DEVICE_BUSY
    scene.floor.moment += nets_module.SILENCE
    await scene.look(None)
    assert await scene.anna() is AgentState.IDLE
    assert scene.healed() == [("device", "anna")]


async def test_a_pbx_that_was_heard_of_meanwhile_was_not_silent(scene: Scene) -> None:
    await scene.log_in()
    await scene.look(None)
    scene.floor.moment += nets_module.SILENCE - 1
    await scene.nets.hear(seen(anna="INUSE"))
    await scene.settled()
    scene.floor.moment += 2
    await scene.look(None)
    assert await scene.anna() is AgentState.DEVICE_BUSY


async def test_a_service_that_knows_nothing_of_a_phone_frees_nobody(scene: Scene) -> None:
    await scene.log_in()
    await scene.floor.core.device("anna", True, scene.floor.moment)
    for snapshot in (None, seen(anna="UNAVAILABLE"), seen()):
        await scene.look(snapshot)
        scene.floor.moment += nets_module.SILENCE
    assert await scene.anna() is AgentState.DEVICE_BUSY
    await scene.look(seen(anna="NOT_INUSE"))
    assert await scene.anna() is AgentState.IDLE


async def test_a_phone_that_goes_off_the_air_in_a_call_is_not_in_use_any_more(scene: Scene) -> None:
    await scene.log_in()
    await scene.device("INUSE")
    await scene.device("UNAVAILABLE")
    assert await scene.anna() is AgentState.IDLE
