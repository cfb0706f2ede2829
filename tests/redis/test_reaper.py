"""What a service leaves behind that dies over a callback: found, and brought to an end, by whoever lives."""

from __future__ import annotations

import pytest
from floor import BINH
from outbound import LAN, Line, Outbound

from hotline.acd.model import CALLBACK, AgentState, CallState
from hotline.callbacks.states import State
from hotline.flow.phone import LineLost
from hotline.placing.hand import InHand
from hotline.placing.reaper import LONGEST

SILENT = 31.0


async def dies_while_they_talk(outbound: Outbound, id: str, claim: str = "claima", pbx: str = "pbx1") -> InHand:
    hand = await outbound.in_hand(id, claim, pbx)
    with pytest.raises(LineLost):
        await outbound.legs.serve(Line("2", LineLost("the service died")), hand)
    outbound.floor.moment += SILENT
    return hand


def channel(hand: InHand) -> frozenset[str]:
    return frozenset((f"{hand.call}_{hand.token}",))


async def looks_twice(outbound: Outbound) -> None:
    await outbound.reaper.reap()
    await outbound.reaper.reap()


async def test_an_agent_whose_last_word_nobody_heard_is_freed(outbound: Outbound):
    id = await outbound.promise()
    hand = await dies_while_they_talk(outbound, id)
    outbound.switches.channels_of["pbx1"] = frozenset()
    await outbound.reaper.reap()
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    await outbound.reaper.reap()
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP
    found = await outbound.found(id)
    assert (found.state, found.outcome, found.attempts) == (State.RETRY, "lost", 1)
    assert (found.pbx, hand.pbx) == ("pbx1", "pbx1")


async def test_an_agent_who_had_only_listened_is_freed_as_well(outbound: Outbound):
    id = await outbound.promise()
    hand = await outbound.in_hand(id)
    line = Line("")
    line.ask = dies  # type: ignore[method-assign]
    with pytest.raises(LineLost):
        await outbound.legs.serve(line, hand)
    outbound.switches.channels_of["pbx1"] = frozenset((f"{hand.call}_{hand.token}1",))  # another one
    await looks_twice(outbound)
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP


async def dies(*_: object, **__: object) -> str:
    raise LineLost("the service died")


async def test_a_conversation_that_goes_on_is_left_alone(outbound: Outbound):
    id = await outbound.promise()
    hand = await dies_while_they_talk(outbound, id)
    outbound.switches.channels_of = {"pbx1": channel(hand), "pbx2": frozenset()}
    await looks_twice(outbound)
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    found = await outbound.found(id)
    assert found.state is State.DIALING
    assert found.lease > outbound.now()


async def test_another_pbx_says_nothing_about_it(outbound: Outbound):
    id = await outbound.promise()
    await dies_while_they_talk(outbound, id, pbx="pbx2")
    outbound.switches.channels_of = {"pbx1": frozenset(), "": frozenset()}
    await looks_twice(outbound)
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    assert (await outbound.found(id)).state is State.DIALING


async def test_a_pbx_that_is_down_keeps_nobody_from_being_found_on_the_others(outbound: Outbound):
    await outbound.floor.core.login(BINH, outbound.now())
    down, up = await outbound.promise(), await outbound.promise(LAN, arrival=outbound.now() + 1)
    await dies_while_they_talk(outbound, down, pbx="pbx1")
    await dies_while_they_talk(outbound, up, claim="claimb", pbx="pbx2")
    outbound.switches.channels_of["pbx2"] = frozenset()
    await looks_twice(outbound)
    assert (await outbound.found(down)).state is State.DIALING
    assert (await outbound.found(up)).state is State.RETRY


async def test_on_a_pbx_that_stays_down_no_call_lasts_for_ever(outbound: Outbound):
    id = await outbound.promise()
    await dies_while_they_talk(outbound, id)
    outbound.floor.moment += LONGEST - 2 * SILENT
    await looks_twice(outbound)
    assert await outbound.ledger.in_hand("power") == 1
    outbound.floor.moment += 2 * SILENT
    await outbound.reaper.reap()
    assert (await outbound.found(id)).outcome == "lost"
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP
    assert await outbound.ledger.in_hand("power") == 0


async def test_a_virtual_caller_in_nobodys_hand_leaves(outbound: Outbound):
    await outbound.floor.core.pause("anna", "lunch", outbound.now())
    id = await outbound.promise()
    await outbound.placing._begin("power", cap=5, place=False, opened=0.0)
    await outbound.placing_waits(id)
    for task in outbound.placing._running:
        task.cancel()
    outbound.floor.moment += SILENT
    await outbound.ledger.catch_up()
    await outbound.reaper.reap()
    assert (await outbound.floor.core.look(CALLBACK + id)).state is CallState.ENDED
    assert (await outbound.found(id)).state is State.DUE
