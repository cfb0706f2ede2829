"""The FastAGI server over real loopback sockets: calls, strangers, limits, draining and stopping."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvloop

from agi.channel import Channel, HungUp, WireLost
from agi.server import Refusal, Server


class Peer:
    """An Asterisk, or a stranger, at the other end of a socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def line(self) -> str:
        return (await asyncio.wait_for(self.reader.readline(), 5)).decode().rstrip("\n")

    async def closed(self) -> bool:
        """Wait until the far end closes; what it said before does not matter."""
        with contextlib.suppress(ConnectionError):
            await asyncio.wait_for(self.reader.read(), 5)
        return True


class Office:
    """A server whose handler answers, then waits for one key; what happened is in lists."""

    def __init__(self, headers: dict[str, str]) -> None:
        self.block = "".join(f"{name}: {value}\n" for name, value in headers.items()).encode() + b"\n"
        self.keys: list[str] = []
        self.errors: list[Exception] = []
        self.refused: list[Refusal] = []
        self.ended: list[BaseException | None] = []
        self._news = asyncio.Event()
        self._peers: list[Peer] = []

    def failed(self, _: Any, error: Exception) -> None:
        self.errors.append(error)
        self._news.set()

    def refuse(self, reason: Refusal) -> None:
        self.refused.append(reason)
        self._news.set()

    async def serve(self, channel: Channel) -> None:
        try:
            await channel.answer()
            self.keys.append(await channel.wait_digit(60))
        except BaseException as end:
            self.ended.append(end)
            raise
        finally:
            self._news.set()

    async def until(self, condition: Any) -> None:
        async with asyncio.timeout(5):
            while not condition():
                self._news.clear()
                await self._news.wait()

    @contextlib.asynccontextmanager
    async def open(self, handler: Any = None, **options: Any) -> AsyncIterator[Server]:
        server = Server(handler or self.serve, port=0, on_error=self.failed, on_refused=self.refuse, **options)
        async with server:
            yield server
        for peer in self._peers:
            peer.writer.close()
        await asyncio.gather(*(peer.writer.wait_closed() for peer in self._peers), return_exceptions=True)

    async def peer(self, server: Server, *, call: bool = True) -> Peer:
        peer = Peer(*await asyncio.open_connection(*server.address))
        self._peers.append(peer)
        if call:
            peer.send(self.block)
        return peer

    async def full_call(self, server: Server) -> None:
        """A call from its first line to its last goes well."""
        peer = await self.peer(server)
        assert await peer.line() == "ANSWER"
        peer.send(b"200 result=0\n")
        assert await peer.line() == 'WAIT FOR DIGIT "60000"'
        peer.send(b"200 result=49\n")
        assert await peer.closed()
        assert self.keys[-1] == "1"


async def server_is_idle(server: Server) -> None:
    for _ in range(5000):
        if not server.calls:
            return
        await asyncio.sleep(0.001)
    raise TimeoutError("the server still has calls")


@pytest.fixture
def office(headers: dict[str, str]) -> Office:
    return Office(headers)


async def test_a_call_runs_and_its_end_closes_the_connection(office: Office):
    async with office.open() as server:
        await office.full_call(server)
        await server_is_idle(server)
    assert office.errors == []


async def test_headers_may_come_in_pieces(office: Office):
    async with office.open() as server:
        peer = await office.peer(server, call=False)
        for byte in office.block:
            peer.send(bytes([byte]))
            await asyncio.sleep(0)
        assert await peer.line() == "ANSWER"


async def test_a_fault_in_one_call_is_told_and_hurts_no_other(office: Office):
    async def handler(channel: Channel) -> None:
        await channel.answer()
        if channel.request.args[2] == "13":
            raise ZeroDivisionError("a bug")
        await office.serve(channel)

    async with office.open(handler) as server:
        good = await office.peer(server)
        bad = await office.peer(server, call=False)
        bad.send(office.block.replace(b"agi_arg_3: 1\n", b"agi_arg_3: 13\n"))
        assert await bad.line() == "ANSWER"
        bad.send(b"200 result=0\n")
        assert await bad.closed()
        assert [type(error) for error in office.errors] == [ZeroDivisionError]
        for _ in range(2):
            assert await good.line() == "ANSWER"
            good.send(b"200 result=0\n")
        assert await good.line() == 'WAIT FOR DIGIT "60000"'


@pytest.mark.parametrize(("farewell", "end"), [(b"200 result=-1\nHANGUP\nHANGUP\n", HungUp), (b"", WireLost)])
async def test_a_call_that_ends_at_the_far_end_is_no_error(office: Office, farewell: bytes, end: type[Exception]):
    async with office.open() as server:
        peer = await office.peer(server)
        assert await peer.line() == "ANSWER"
        peer.send(farewell)
        peer.writer.close()
        await office.until(lambda: office.ended)
        assert isinstance(office.ended[0], end)
    assert office.errors == []


async def test_garbage_in_mid_call_is_a_lost_wire_for_that_call(office: Office):
    async with office.open() as server:
        peer = await office.peer(server)
        assert await peer.line() == "ANSWER"
        peer.send(b"HTTP/1.1 200 OK\r\n")
        assert await peer.closed()
        await office.until(lambda: office.ended)
        assert isinstance(office.ended[0], WireLost)
        await office.full_call(server)


# -- strangers ----------------------------------------------------------------------------------------------------


async def test_a_probe_that_says_nothing_is_closed_in_time(office: Office):
    async with office.open(header_seconds=0.05) as server:
        probe = await office.peer(server, call=False)
        assert await probe.closed()
        assert office.refused == [Refusal.BAD_REQUEST]
        await office.full_call(server)


async def test_a_probe_that_drips_is_closed_in_time_too(office: Office):
    async with office.open(header_seconds=0.05) as server:
        probe = await office.peer(server, call=False)
        with contextlib.suppress(ConnectionError):
            for _ in range(1000):
                probe.send(b"agi_x: y\n")
                await probe.writer.drain()
                await asyncio.sleep(0.01)
        assert office.refused == [Refusal.BAD_REQUEST]


@pytest.mark.parametrize("noise", [b"GET / HTTP/1.1\r\nHost: x\r\n\n\n", b"\n", b"\0" * 1_000_000, b"x" * 1_000_000])
async def test_noise_is_closed_at_once_and_disturbs_nobody(office: Office, noise: bytes):
    async with office.open(header_seconds=60) as server:
        call = await office.peer(server)
        stranger = await office.peer(server, call=False)
        stranger.send(noise)
        assert await stranger.closed()
        assert office.refused == [Refusal.BAD_REQUEST]
        assert await call.line() == "ANSWER"
        await office.full_call(server)


async def test_a_peer_that_comes_and_goes_disturbs_nobody(office: Office):
    async with office.open() as server:
        for _ in range(50):
            (await office.peer(server, call=False)).writer.close()
        await office.full_call(server)


async def test_silent_connections_cannot_crowd_out_a_call(office: Office):
    async with office.open(header_seconds=60, max_waiting=5) as server:
        silent = [await office.peer(server, call=False) for _ in range(20)]
        await office.full_call(server)
        for peer in silent[:15]:
            assert await peer.closed()
        assert set(office.refused) == {Refusal.FULL}


# -- limits, draining, stopping -----------------------------------------------------------------------------------


async def test_above_the_limit_the_busy_handler_speaks(office: Office):
    async def busy(channel: Channel) -> None:
        await channel.stream("/s/busy")

    async with office.open(max_calls=1, busy_handler=busy) as server:
        first = await office.peer(server)
        assert await first.line() == "ANSWER"
        second = await office.peer(server)
        assert await second.line() == 'STREAM FILE "/s/busy" ""'
        third = await office.peer(server)  # twice the limit: not even that
        assert await third.closed()
        second.send(b"200 result=0 endpos=8000\n")
        assert await second.closed()
        first.writer.close()
        await server_is_idle(server)
        await office.full_call(server)
    assert office.refused == [Refusal.FULL, Refusal.FULL]


async def test_without_a_busy_handler_the_call_is_hung_up(office: Office):
    async with office.open(max_calls=1) as server:
        first = await office.peer(server)
        assert await first.line() == "ANSWER"
        assert await (await office.peer(server)).line() == "HANGUP"


async def test_draining_takes_no_new_calls_and_finishes_those_under_way(office: Office):
    async with office.open() as server:
        address = server.address
        call, silent = await office.peer(server), await office.peer(server, call=False)
        assert await call.line() == "ANSWER"
        draining = asyncio.create_task(server.drain())
        assert await silent.closed()
        with pytest.raises(ConnectionError):
            await asyncio.open_connection(*address)
        assert not draining.done()
        call.send(b"200 result=0\n")
        assert await call.line() == 'WAIT FOR DIGIT "60000"'
        call.send(b"200 result=35\n")
        await asyncio.wait_for(draining, 5)
        assert office.keys == ["#"]


async def test_draining_an_idle_server_is_over_at_once(office: Office):
    async with office.open() as server:
        await asyncio.wait_for(server.drain(), 5)


async def test_stopping_cuts_a_drain_short_and_closes_every_call(office: Office):
    async with office.open() as server:
        call = await office.peer(server)
        assert await call.line() == "ANSWER"
        draining = asyncio.create_task(server.drain())
        await asyncio.sleep(0)
        server.stop()
        server.stop()
        await asyncio.wait_for(draining, 5)
        assert await call.closed()
        assert isinstance(office.ended[0], asyncio.CancelledError)


async def test_leaving_the_block_stops_calls_that_have_not_even_begun(office: Office):
    async with office.open() as server:
        calls = [await office.peer(server) for _ in range(20)]
    for call in calls:
        assert await call.closed()
    assert office.errors == []


async def test_many_calls_at_a_time_each_get_their_own_answers(office: Office):
    async def echo(channel: Channel) -> None:
        number = channel.request.args[2]
        for _ in range(5):
            assert await channel.get_variable("N") == number

    async with office.open(echo) as server:

        async def call(number: int) -> None:
            peer = await office.peer(server, call=False)
            peer.send(office.block.replace(b"agi_arg_3: 1\n", f"agi_arg_3: {number}\n".encode()))
            for _ in range(5):
                await peer.line()
                peer.send(f"200 result=1 ({number})\n".encode())
            assert await peer.closed()

        await asyncio.gather(*(call(number) for number in range(100)))
    assert office.errors == []


@pytest.mark.parametrize(
    "scenario",
    [
        test_a_call_runs_and_its_end_closes_the_connection,
        test_a_fault_in_one_call_is_told_and_hurts_no_other,
        test_garbage_in_mid_call_is_a_lost_wire_for_that_call,
        test_a_probe_that_says_nothing_is_closed_in_time,
        functools.partial(test_noise_is_closed_at_once_and_disturbs_nobody, noise=b"x" * 1_000_000),
        functools.partial(test_a_call_that_ends_at_the_far_end_is_no_error, farewell=b"HANGUP\n", end=HungUp),
        functools.partial(test_a_call_that_ends_at_the_far_end_is_no_error, farewell=b"", end=WireLost),
        test_silent_connections_cannot_crowd_out_a_call,
        test_above_the_limit_the_busy_handler_speaks,
        test_draining_takes_no_new_calls_and_finishes_those_under_way,
        test_stopping_cuts_a_drain_short_and_closes_every_call,
        test_leaving_the_block_stops_calls_that_have_not_even_begun,
        test_many_calls_at_a_time_each_get_their_own_answers,
    ],
)
def test_the_same_holds_on_uvloop_where_the_product_runs(headers: dict[str, str], scenario: Any):
    uvloop.run(scenario(Office(headers)))
