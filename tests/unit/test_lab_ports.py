"""The ports of the lab, of which three workers of the tests take some hundreds."""

from __future__ import annotations

import asyncio
import socket

import pytest

from lab.process import free_port


def test_no_port_is_answered_twice() -> None:
    ports = [free_port(kind) for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM) * 50]
    assert len(set(ports)) == 100


async def test_a_port_that_is_held_refuses_until_its_server_listens() -> None:
    port = free_port()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)
    async with await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", port):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
