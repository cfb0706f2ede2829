"""Agents rung for callbacks by scripted PBXs: answers that come early, late, or while nobody has time for events."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import pytest
from scripted_pbx import Peer, ScriptedPbx, ok

from hotline import pbxs as module
from hotline.acd.model import Missed
from hotline.pbxs import Pbxs
from hotline.settings import Address, Manager


@pytest.fixture
def refusals() -> list[tuple[str, str]]:
    """What was told of them."""
    return []


@pytest.fixture
async def pbxs(pbx: ScriptedPbx, refusals: list[tuple[str, str]]) -> AsyncIterator[Pbxs]:
    async with linked([pbx], refusals) as pbxs:
        yield pbxs


@contextlib.asynccontextmanager
async def linked(scripted: list[ScriptedPbx], refusals: list[tuple[str, str]]) -> AsyncIterator[Pbxs]:
    """pbx1, pbx2, …"""
    managers = [
        Manager(f"pbx{number}", "hotline", "s3", Address("127.0.0.1", each.port))
        for number, each in enumerate(scripted, 1)
    ]
    pbxs = Pbxs(
        managers,
        now=lambda: 0.0,
        emit=lambda _: None,
        look_every=60.0,
        on_refused=lambda pbx, said: refusals.append((pbx, said)),
    )
    clients = pbxs._clients.values()
    running = [asyncio.create_task(client.run()) for client in clients]
    events = [client.events() for client in clients]
    for each in events:
        await anext(each)  # the snapshot; nobody reads any further
    yield pbxs
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)


def answered(peer: Peer, action: dict[str, str], reason: int = 4) -> None:
    said = "Success" if reason == 4 else "Failure"
    peer.send("Event: OriginateResponse", f"ActionID: {action['ActionID']}", f"Response: {said}", f"Reason: {reason}")


async def ring(pbxs: Pbxs) -> Missed | None:
    return await pbxs.ring_agent("PJSIP/anna", channel_id="callback_1_7", seconds=0.2, caller_id="", variables={})


async def test_an_answer_is_heard_while_other_events_wait(pbx: ScriptedPbx, pbxs: Pbxs):
    def answers(peer: Peer, action: dict[str, str]) -> None:
        for _ in range(100):
            peer.send("Event: Hangup", "Channel: x", "Uniqueid: x", "Linkedid: x", "Cause: 16")
        ok(peer, action)
        answered(peer, action)

    pbx.answers["Originate"] = answers
    assert await ring(pbxs) is None


@pytest.mark.parametrize(("reason", "missed"), [(3, Missed.NO_ANSWER), (5, Missed.BUSY), (0, Missed.UNREGISTERED)])
async def test_an_answer_may_come_before_the_reply(pbx: ScriptedPbx, pbxs: Pbxs, reason: int, missed: Missed):
    def answers(peer: Peer, action: dict[str, str]) -> None:
        answered(peer, action, reason)
        ok(peer, action)

    pbx.answers["Originate"] = answers
    assert await ring(pbxs) is missed
    assert (pbxs._rung, pbxs._early) == ({}, {})


async def test_an_answer_that_nobody_waits_for_any_more_is_not_kept(
    pbx: ScriptedPbx, pbxs: Pbxs, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(module, "ANSWER_PATIENCE", 0.0)
    assert await ring(pbxs) is Missed.LOST
    peer, action = await pbx.action("Originate")
    answered(peer, action)
    peer.send("Event: OriginateResponse", "ActionID: another-users", "Response: Success", "Reason: 4")
    await pbxs.channels("pbx1")  # its answer comes after those
    assert (pbxs._rung, pbxs._early) == ({}, {})


def denied(peer: Peer, action: dict[str, str]) -> None:
    peer.send("Response: Error", f"ActionID: {action['ActionID']}", "Message: Permission denied")


async def test_a_refusal_is_no_ring_and_is_told(pbx: ScriptedPbx, pbxs: Pbxs, refusals: list[tuple[str, str]]):
    pbx.answers["Originate"] = denied
    assert await ring(pbxs) is Missed.LOST
    assert refusals == [("pbx1", "Permission denied")]
    assert (pbxs._rung, pbxs._early) == ({}, {})


@pytest.mark.parametrize(
    ("reason", "missed", "told"),
    [(4, None, []), (3, Missed.NO_ANSWER, []), (0, Missed.LOST, [("pbx1", "Permission denied")])],
)
async def test_where_one_pbx_refuses_another_may_ring_and_only_else_it_is_told(
    pbx: ScriptedPbx,
    other: ScriptedPbx,
    refusals: list[tuple[str, str]],
    reason: int,
    missed: Missed | None,
    told: list[tuple[str, str]],
):
    def answers(peer: Peer, action: dict[str, str]) -> None:
        ok(peer, action)
        answered(peer, action, reason)

    pbx.answers["Originate"] = denied
    other.answers["Originate"] = answers
    async with linked([pbx, other], refusals) as pbxs:
        assert await ring(pbxs) is missed
    assert refusals == told


async def test_who_is_on_a_pbx_is_known_only_from_its_own_list(pbx: ScriptedPbx, pbxs: Pbxs):
    assert await pbxs.channels("pbx1") == await pbxs.channels("") == frozenset()
    assert await pbxs.channels("pbx2") is None
    none: dict[str, Any] = {"now": lambda: 0.0, "emit": lambda _: None, "look_every": 60.0, "on_refused": print}
    assert await Pbxs([], **none).channels("") is None
    pbx.peer.transport.abort()
    await asyncio.sleep(0)
    pbx.answers["CoreShowChannels"] = lambda peer, action: None
    assert await pbxs.channels("pbx1") is None
