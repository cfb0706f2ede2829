"""The AMI client with a real Asterisk. Its behaviour with a peer gone wrong is tests/unit/ami."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from ami import client as ami_client
from ami.actions import LinkDown
from ami.client import Client
from ami.events import ChannelRow, DialEnd, Event, Hangup, OriginateResponse, Snapshot
from lab.pbx import Pbx

CONSISTENT = 3.0
"""Seconds that a cut link may take to be whole again (issue 2, "Faults")."""

DIALPLAN = """
[ami-test]
exten => wait,1,Answer
 same => n,Wait(60)
exten => dial,1,Answer
 same => n,Set(HOTLINE_OFFER=anna:9)
 same => n,Dial(Local/wait@ami-test/n,5)
exten => busy,1,Answer
 same => n(again),Wait(.002)
 same => n,NoOp
 same => n,Goto(again)
exten => bell,1,Answer
 same => n,Read(KEY,,1,,1,30)
 same => n,Set(HOTLINE_OFFER=${KEY})
"""


class Cable:
    """A TCP path to `port` that can be cut, and be dead: accepted connections then end at once."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._writers: list[asyncio.StreamWriter] = []
        self.whole = True
        self.tried = asyncio.Event()

    async def __aenter__(self) -> Cable:
        self._server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await self._server.wait_closed()

    def cut(self) -> None:
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.tried.set()
        if not self.whole:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, far_writer]
        await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


class Listener:
    """A client under way, and all that it said."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.heard: list[Snapshot | Event] = []
        self._news = asyncio.Condition()

    async def listen(self) -> None:
        async for message in self.client.events():
            async with self._news:
                self.heard.append(message)
                self._news.notify_all()

    async def hear(self, wanted: Callable[[object], bool], after: int = 0, within: float = 10.0) -> Snapshot | Event:
        def found() -> list[Snapshot | Event]:
            return [message for message in self.heard[after:] if wanted(message)]

        async with asyncio.timeout(within), self._news:
            return (await self._news.wait_for(found))[0]

    async def snapshot(self, after: int = 0, within: float = 10.0) -> Snapshot:
        message = await self.hear(lambda each: isinstance(each, Snapshot), after, within)
        assert isinstance(message, Snapshot)
        return message


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def pbx(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pbx]:
    """One of our own: it is killed and frozen here."""
    folder: Path = tmp_path_factory.mktemp("pbx")
    async with Pbx(folder, spool=folder / "calls", sounds=folder / "sounds", extra=DIALPLAN) as started:
        yield started


@contextlib.asynccontextmanager
async def listening(pbx: Pbx, port: int = 0, secret: str = "", **options: object) -> AsyncIterator[Listener]:
    client = Client("127.0.0.1", port or pbx.ami, "hotline", secret or pbx.secret, name=pbx.name, **options)
    listener = Listener(client)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(client.run())
        group.create_task(listener.listen())
        try:
            yield listener
        finally:
            running.cancel()


@contextlib.asynccontextmanager
async def channel(listener: Listener, name: str, exten: str = "wait") -> AsyncIterator[ChannelRow]:
    """A channel of id `name` in the dialplan above, hung up at the end."""
    await listener.snapshot()
    client = listener.client
    reply = await client.originate(
        f"Local/{exten}@ami-test/n", channel_id=name, context="ami-test", exten="wait", seconds=5
    )
    assert reply.ok
    done = await listener.hear(lambda each: isinstance(each, OriginateResponse) and each.action_id == reply.action_id)
    assert isinstance(done, OriginateResponse)
    assert done.ok
    yield _row(await client.snapshot(), name)
    with contextlib.suppress(LinkDown):
        await client.action("Hangup", Channel=name)


def _row(snapshot: Snapshot, uniqueid: str) -> ChannelRow:
    (row,) = [row for row in snapshot.channels if row.uniqueid == uniqueid]
    return row


async def test_a_link_begins_with_all_there_is(pbx: Pbx) -> None:
    links: list[bool] = []
    async with listening(pbx) as first, channel(first, "there-is") as row:
        before = time.time()
        async with listening(pbx, on_link=links.append) as second:
            snapshot = await second.snapshot()
            assert second.heard[0] is snapshot
            assert snapshot.complete
            assert before <= snapshot.asked_at <= time.time()
            assert _row(snapshot, "there-is").channel == row.channel
            assert (row.linkedid, row.state) == ("there-is", "Up")
            assert second.client.up
        assert links == [True, False]


async def test_device_states_come_with_the_snapshot(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        devices = {row.device: row.state for row in (await listener.snapshot()).devices}
    assert devices["PJSIP/anna"] == "UNAVAILABLE", "she has not registered"


async def test_a_channel_that_changes_while_it_is_listed_is_there_once(pbx: Pbx) -> None:
    async with listening(pbx) as listener, channel(listener, "changing", exten="busy"):
        for _ in range(500):
            channels = [row.uniqueid for row in (await listener.client.snapshot()).channels]
            assert sorted(channels) == sorted({*channels, "changing", "changing;2"})


async def test_the_bell_is_heard_as_a_key_pressed(pbx: Pbx) -> None:
    async with listening(pbx) as listener, channel(listener, "bell", exten="bell"):
        (ear,) = [row for row in (await listener.client.snapshot()).channels if row.uniqueid == "bell;2"]

        def over(each: object) -> bool:
            return isinstance(each, Hangup) and each.uniqueid == "bell;2"

        # a tone between two dialplan steps is lost: ring until one is heard
        while (reply := await listener.client.play_dtmf(ear.channel, "D")).ok:
            assert reply.message == "DTMF successfully queued"
            with contextlib.suppress(TimeoutError):
                await listener.hear(over, within=0.5)
                break
        assert reply.ok or reply.message == "Channel not found", reply
        gone = await listener.hear(over)
        assert isinstance(gone, Hangup)
        assert gone.offer == "D", "the dialplan went on with the key it read"


async def test_the_bell_of_a_channel_that_is_gone_is_an_answer(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        await listener.snapshot()
        reply = await listener.client.play_dtmf("PJSIP/gone-00000001", "D")
        assert (reply.ok, reply.message) == (False, "Channel not found")


async def test_a_dial_tells_its_offer_from_answer_to_hangup(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        async with channel(listener, "offer", exten="dial") as row:
            answered = await listener.hear(lambda each: isinstance(each, DialEnd) and each.offer == "anna:9")
            assert isinstance(answered, DialEnd)
            assert (answered.linkedid, answered.status) == (row.linkedid, "ANSWER")
        gone = await listener.hear(lambda each: isinstance(each, Hangup) and each.uniqueid == "offer;2")
        assert isinstance(gone, Hangup)
        assert (gone.offer, gone.linkedid) == ("anna:9", "offer")


async def test_a_second_originate_of_one_id_makes_no_second_call(pbx: Pbx) -> None:
    async with listening(pbx) as listener, channel(listener, "once"):
        again = await listener.client.originate(
            "Local/wait@ami-test/n", channel_id="once", context="ami-test", exten="wait", seconds=5
        )
        refused = await listener.hear(
            lambda each: isinstance(each, OriginateResponse) and each.action_id == again.action_id
        )
        assert isinstance(refused, OriginateResponse)
        assert not refused.ok
        assert len([row for row in (await listener.client.snapshot()).channels if row.uniqueid == "once"]) == 1


async def test_variables_and_caller_id_arrive_as_given(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        await listener.snapshot()
        await listener.client.originate(
            "Local/wait@ami-test/n",
            channel_id="given",
            context="ami-test",
            exten="wait",
            seconds=5,
            caller_id='"a b" <1900>',
            variables={"OTHER": "x;y=z", "HOTLINE_OFFER": "binh:12"},
        )
        await listener.hear(lambda each: isinstance(each, OriginateResponse) and each.ok)
        await listener.client.action("Hangup", Channel="given")
        gone = await listener.hear(lambda each: isinstance(each, Hangup) and each.uniqueid == "given")
        assert isinstance(gone, Hangup)
        assert gone.offer == "binh:12"


async def test_what_our_user_may_not_do_is_an_answer(pbx: Pbx) -> None:
    async with listening(pbx) as listener:
        await listener.snapshot()
        reply = await listener.client.action("Command", Command="core show version")
        assert (reply.ok, reply.message) == (False, "Permission denied")


async def test_a_wrong_secret_is_said_clearly(pbx: Pbx, monkeypatch: pytest.MonkeyPatch) -> None:
    said: asyncio.Queue[str] = asyncio.Queue()
    monkeypatch.setattr(ami_client.log, "warning", lambda text, *values: said.put_nowait(text % values))
    async with listening(pbx, secret="wrong") as listener:
        assert "refuses our login (Authentication failed)" in await asyncio.wait_for(said.get(), 5)
        assert not listener.client.up
        with pytest.raises(LinkDown):
            await listener.client.action("Hangup", Channel="x")


async def test_a_cut_link_is_whole_again_and_knows_what_it_missed(pbx: Pbx) -> None:
    async with Cable(pbx.ami) as cable, listening(pbx) as beside, listening(pbx, cable.port) as listener:
        await listener.snapshot()
        async with channel(beside, "missed"):
            cable.whole = False
            cable.tried.clear()
            cable.cut()
            await cable.tried.wait()
            with pytest.raises(LinkDown):
                await listener.client.action("Hangup", Channel="x")
            await beside.client.action("Hangup", Channel="missed")
            await beside.hear(lambda each: isinstance(each, Hangup) and each.uniqueid == "missed")
            cable.whole = True
            snapshot = await listener.snapshot(after=len(listener.heard), within=CONSISTENT)
            assert "missed" not in {row.linkedid for row in snapshot.channels}
            assert (await listener.client.action("Ping")).ok


async def test_a_frozen_pbx_is_left_and_found_again(pbx: Pbx) -> None:
    links: asyncio.Queue[bool] = asyncio.Queue()
    async with listening(pbx, on_link=links.put_nowait, ping_every=0.1, ping_deadline=0.3) as listener:
        await listener.snapshot()
        assert await links.get()
        pbx.process.pause()
        try:
            assert not await asyncio.wait_for(links.get(), 5)
            mark = len(listener.heard)
        finally:
            pbx.process.resume()
        await listener.snapshot(after=mark, within=CONSISTENT + 2.0)


async def test_a_restarted_pbx_is_found_again_and_its_calls_are_gone(pbx: Pbx) -> None:
    async with listening(pbx) as listener, channel(listener, "before"):
        mark = len(listener.heard)
        waiting = asyncio.create_task(listener.client.action("WaitEvent", deadline=30, Timeout=20))
        await pbx.kill()
        with pytest.raises(LinkDown):
            await waiting
        await pbx.start()
        booted = asyncio.get_running_loop().time()
        snapshot = await listener.snapshot(after=mark, within=CONSISTENT)
        assert asyncio.get_running_loop().time() - booted < CONSISTENT
        assert snapshot.channels == ()
        assert snapshot.complete
