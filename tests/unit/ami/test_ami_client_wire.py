"""The client against a peer that misbehaves. What a real Asterisk does is tests/asterisk/test_ami_client.py."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

import pytest
from scripted_pbx import Peer, ScriptedPbx, ok, rows, silence

from ami import client as ami_client
from ami import wire as ami_wire
from ami.actions import LinkDown, NoReply
from ami.client import Client
from ami.events import DeviceStateChange, Hangup, Snapshot

Connect = Callable[..., Client]

HANGUP = ("Event: Hangup", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1", "Cause: 16")
HUNG_UP = Hangup("PJSIP/a-1", "1.1", "1.1")
CHANNEL = ("Event: CoreShowChannel", "Channel: PJSIP/a-1", "Uniqueid: 1.1", "Linkedid: 1.1", "ChannelStateDesc: Up")


async def linked(client: Client) -> Snapshot:
    """The next snapshot, which a new link begins with."""
    async with asyncio.timeout(5):
        async for message in client.events():
            if isinstance(message, Snapshot):
                return message
    raise AssertionError("the client ended")


async def heard(client: Client) -> object:
    async with asyncio.timeout(5):
        return await anext(client.events())


# replies


async def test_an_action_that_is_never_answered_ends_at_its_deadline(pbx: ScriptedPbx, connect: Connect) -> None:
    pbx.answers["Hangup"] = silence
    client = connect()
    await linked(client)
    with pytest.raises(NoReply, match="did not answer Hangup"):
        await client.action("Hangup", deadline=0.05, Channel="x")
    peer, late = await pbx.action("Hangup")
    ok(peer, late)
    assert (await client.action("Other")).ok, "a late reply disturbs nobody"


async def test_two_actions_get_each_its_own_reply_in_any_order(pbx: ScriptedPbx, connect: Connect) -> None:
    pbx.answers["One"] = silence

    def both(peer: Peer, two: dict[str, str]) -> None:
        peer.send("Response: Success", f"ActionID: {two['ActionID']}", "Message: two")
        peer.send("Response: Error", f"ActionID: {first['ActionID']}", "Message: one")

    pbx.answers["Two"] = both
    client = connect()
    await linked(client)
    one = asyncio.create_task(client.action("One"))
    _, first = await pbx.action("One")
    assert (await client.action("Two")).message == "two"
    answer = await one
    assert (answer.ok, answer.message) == (False, "one")


async def test_a_reply_that_says_queued_and_a_refused_list_both_end(pbx: ScriptedPbx, connect: Connect) -> None:
    def queued(peer: Peer, action: dict[str, str]) -> None:
        peer.send("Response: Success", f"ActionID: {action['ActionID']}", "Message: DTMF successfully queued")

    def refused(peer: Peer, action: dict[str, str]) -> None:
        peer.send("Response: Error", f"ActionID: {action['ActionID']}", "Message: Permission denied")

    pbx.answers["PlayDTMF"] = queued
    client = connect()
    await linked(client)
    assert (await client.play_dtmf("PJSIP/a-1", "D")).ok
    _, action = await pbx.action("PlayDTMF")
    assert (action["Digit"], action["Receive"], action["Channel"]) == ("D", "true", "PJSIP/a-1")
    pbx.answers["CoreShowChannels"] = refused
    with pytest.raises(LinkDown, match="write=reporting"):
        await client.snapshot()


async def test_what_would_run_a_second_action_is_never_sent(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect()
    await linked(client)
    for hostile in ("x\r\nAction: Other", "x\n", "\r", "\0"):
        with pytest.raises(ValueError, match="line break"):
            await client.play_dtmf(hostile, "D")
    await client.action("Last")
    while not pbx.actions.empty():
        _, action = pbx.actions.get_nowait()
        assert action["Action"] in ("Login", "CoreShowChannels", "DeviceStateList", "Ping", "Last")


# the link


async def test_without_a_link_an_action_fails_at_once() -> None:
    client = Client("127.0.0.1", 1, "hotline", "s3", name="pbx1")
    with pytest.raises(LinkDown, match="no link to the PBX pbx1"):
        await client.action("Hangup", Channel="x")


async def test_a_lost_link_fails_what_is_under_way_and_sends_nothing_again(
    pbx: ScriptedPbx, connect: Connect
) -> None:
    pbx.answers["Originate"] = silence
    links: list[bool] = []
    client = connect(on_link=links.append)
    await linked(client)
    calls = [
        asyncio.create_task(
            client.originate("PJSIP/a", channel_id=f"id-{n}", context="c", exten="s", seconds=5, variables={"A": "b"})
        )
        for n in range(3)
    ]
    for _ in calls:
        peer, _ = await pbx.action("Originate")
    peer.transport.abort()
    for call in calls:
        with pytest.raises(LinkDown):
            await call
    await linked(client)
    peer.pbx.peer.send("Event: FullyBooted")
    assert (await client.action("Last")).ok
    assert [action["Action"] for _, action in _all(pbx)].count("Originate") == 0
    assert links == [True, False, True]


def _all(pbx: ScriptedPbx) -> list[tuple[Peer, dict[str, str]]]:
    return [pbx.actions.get_nowait() for _ in range(pbx.actions.qsize())]


async def test_half_a_reply_and_then_the_end_is_no_reply(pbx: ScriptedPbx, connect: Connect) -> None:
    def half(peer: Peer, action: dict[str, str]) -> None:
        peer.transport.write(f"Response: Success\r\nActionID: {action['ActionID']}\r\n".encode())
        peer.transport.close()

    pbx.answers["Hangup"] = half
    client = connect()
    await linked(client)
    with pytest.raises(LinkDown):
        await client.action("Hangup", Channel="x")
    await linked(client)


async def test_a_list_that_stops_in_the_middle_ends_with_the_link(pbx: ScriptedPbx, connect: Connect) -> None:
    def half(peer: Peer, action: dict[str, str]) -> None:
        peer.send("Response: Success", f"ActionID: {action['ActionID']}", "EventList: start")
        peer.send(CHANNEL[0], f"ActionID: {action['ActionID']}", *CHANNEL[1:])
        peer.transport.close()

    pbx.answers["Status"] = half
    client = connect()
    await linked(client)
    with pytest.raises(LinkDown):
        await client.action("Status")


async def test_a_peer_that_falls_silent_is_left(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect(ping_every=0.02, ping_deadline=0.05)
    await linked(client)
    pbx.answers["Ping"] = silence
    await asyncio.wait_for(pbx.peer.lost, 5)
    pbx.answers["Ping"] = ok
    await linked(client)


async def test_a_peer_that_never_answers_the_login_is_left(
    pbx: ScriptedPbx, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami_client, "LOGIN_DEADLINE", 0.05)
    pbx.answers["Login"] = silence
    client = connect()
    peer, _ = await pbx.action("Login")
    await asyncio.wait_for(peer.lost, 5)
    pbx.answers["Login"] = ok
    await linked(client)
    assert client.up


async def test_wrong_credentials_are_said_clearly_and_tried_again_slowly(
    pbx: ScriptedPbx, connect: Connect, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(peer: Peer, action: dict[str, str]) -> None:
        peer.send("Response: Error", f"ActionID: {action['ActionID']}", "Message: Authentication failed")

    slept: list[float] = []
    asleep = asyncio.Event()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        asleep.set()
        await asyncio.Event().wait()

    monkeypatch.setattr(ami_client.asyncio, "sleep", sleep)
    pbx.answers["Login"] = refuse
    client = connect()
    await asyncio.wait_for(asleep.wait(), 5)
    assert slept[0] >= ami_client.REFUSED_RETRY / 2
    assert "refuses our login (Authentication failed); compare HOTLINE_AMI with its manager.conf." in caplog.text
    assert "s3" not in caplog.text
    assert not client.up


async def test_the_way_back_never_takes_more_than_a_second_between_tries(
    connect: Connect, pbx: ScriptedPbx, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    many = asyncio.Event()
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 30:
            many.set()
        await real_sleep(0)

    monkeypatch.setattr(ami_client.asyncio, "sleep", sleep)
    pbx.answers["Login"] = lambda peer, _: peer.transport.abort()
    connect()
    await asyncio.wait_for(many.wait(), 10)
    assert slept[0] <= 0.1
    assert max(slept) <= 1.0
    assert len(set(slept)) == len(slept), "jitter keeps several services apart"


# events


async def test_events_of_the_snapshots_own_time_follow_it(pbx: ScriptedPbx, connect: Connect) -> None:
    whole = rows(CHANNEL)

    def eventful(peer: Peer, action: dict[str, str]) -> None:
        peer.send(*HANGUP)
        whole(peer, action)

    pbx.answers["CoreShowChannels"] = eventful
    client = connect(clock=lambda: 42.0)
    first = await heard(client)
    assert isinstance(first, Snapshot)
    assert (first.pbx, first.asked_at, first.complete) == ("pbx1", 42.0, True)
    assert [row.channel for row in first.channels] == ["PJSIP/a-1"]
    assert await heard(client) == HUNG_UP


async def test_a_hostile_row_makes_the_snapshot_incomplete(pbx: ScriptedPbx, connect: Connect) -> None:
    pbx.answers["CoreShowChannels"] = rows(CHANNEL, (*CHANNEL[:2], "CallerIDName: x", "Linkedid: 2.2", *CHANNEL[2:]))
    client = connect()
    snapshot = await linked(client)
    assert len(snapshot.channels) == 1
    assert not snapshot.complete
    assert client.malformed == 1


async def test_of_a_channel_listed_twice_the_later_row_counts(pbx: ScriptedPbx, connect: Connect) -> None:
    pbx.answers["CoreShowChannels"] = rows(CHANNEL, (*CHANNEL, "BridgeId: b-1"))
    snapshot = await linked(connect())
    assert [row.bridge_id for row in snapshot.channels] == ["b-1"]
    assert snapshot.complete


async def test_a_character_split_by_the_network_is_one(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect()
    await linked(client)
    for byte in "Event: DeviceStateChange\r\nDevice: PJSIP/зоя\r\nState: BUSY\r\n\r\n".encode():
        pbx.peer.transport.write(bytes([byte]))
        await asyncio.sleep(0)
    assert await heard(client) == DeviceStateChange("PJSIP/зоя", "BUSY")


async def test_garbage_and_hostile_events_are_thrown_away(
    pbx: ScriptedPbx, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    client = connect()
    await linked(client)
    pbx.peer.transport.write(b"\xff\xfe\x00\r\n\r\n\r\n\r\n: \r\n\r\nnot a header\r\n\r\n")
    for _ in range(20):
        pbx.peer.send(*HANGUP, "Linkedid: 2.2", "CallerIDNum: 123456789")
    pbx.peer.send(*(["A: b"] * 1000))
    pbx.peer.send(*HANGUP)
    assert await heard(client) == HUNG_UP
    assert client.malformed == 21
    assert "123456789" not in caplog.text
    assert len([line for line in caplog.messages if "malformed" in line]) == 5


async def test_a_shutdown_is_no_reason_to_leave(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect()
    await linked(client)
    pbx.peer.send("Event: Shutdown", "Shutdown: Cleanly", "Restart: False")
    assert (await client.action("Last")).ok
    assert len(pbx.peers) == 1


async def test_a_message_without_end_is_left(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect()
    await linked(client)
    peer = pbx.peer
    peer.transport.write(b"X" * (ami_wire.MAX_MESSAGE + 1))
    await asyncio.wait_for(peer.lost, 5)
    await linked(client)


async def test_a_list_without_end_is_left(
    pbx: ScriptedPbx, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami_wire, "MAX_ROWS", 50)
    pbx.answers["Status"] = rows(*[CHANNEL] * 100)
    client = connect()
    await linked(client)
    with pytest.raises(LinkDown):
        await client.action("Status")


async def test_a_flood_that_nobody_reads_ends_in_a_new_snapshot(pbx: ScriptedPbx, connect: Connect) -> None:
    client = connect(queue_size=10)
    await linked(client)
    peer = pbx.peer
    for _ in range(11):
        peer.send(*HANGUP)
    await asyncio.wait_for(peer.lost, 5)
    assert isinstance(await heard(client), Snapshot), "the events before it are gone"
    assert len(pbx.peers) == 2


async def test_a_peer_that_stops_reading_is_left(
    pbx: ScriptedPbx, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ami_wire, "MAX_UNSENT", 1000)
    client = connect()
    await linked(client)
    pbx.peer.transport.pause_reading()
    calls = [asyncio.create_task(client.action("X", A="a" * 900)) for _ in range(20_000)]
    for call in calls:
        with pytest.raises(LinkDown, match=r"stopped reading|no link"):
            await call


async def test_a_watcher_that_fails_does_not_cost_the_link(
    pbx: ScriptedPbx, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    def watch(up: bool) -> None:
        raise RuntimeError("broken watcher")

    client = connect(on_link=watch)
    await linked(client)
    assert (await client.action("Last")).ok
    assert client.up
    assert "whoever watches the link failed" in caplog.text


async def test_the_secret_is_never_logged(
    pbx: ScriptedPbx, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect()
    await linked(client)
    pbx.peer.transport.abort()
    await linked(client)
    assert "s3" not in caplog.text


async def test_events_end_when_the_client_is_closed(pbx: ScriptedPbx) -> None:
    client = Client("127.0.0.1", pbx.port, "hotline", "s3", name="pbx1")
    running = asyncio.create_task(client.run())
    await linked(client)
    waiting = asyncio.create_task(client.action("Never"))
    pbx.answers["Never"] = silence
    await pbx.action("Never")
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    with pytest.raises(LinkDown):
        await waiting
    assert [message async for message in client.events()] == []
    await asyncio.wait_for(pbx.peer.lost, 5)
