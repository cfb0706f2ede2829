"""A caller on bare UDP, who may say of itself what no honest telephone would."""

from __future__ import annotations

import asyncio
import re
import secrets
from types import TracebackType
from typing import Self

STRANGER = "447700900123"
"""The digits in the stranger's number."""

HOSTILE_NUMBER = "4477%0D%0Aagi_extension%3A%207%22%29%2C00900%24%7BEPOCH%7D123%00%26b"
"""STRANGER with a line break, a quote, a comma, a variable and a NUL among its digits, as SIP escapes them."""

HOSTILE_NAME = r"Robert\"), %s%n ${EPOCH} b|c&d;e,f\\"
"""What a display name may hold without breaking its SIP header."""


class Stranger(asyncio.DatagramProtocol):
    """`async with Stranger(port, "1900"):` calls 127.0.0.1:`port`, and hangs up at the end of the block."""

    def __init__(self, port: int, number: str, *, user: str = HOSTILE_NUMBER, name: str = HOSTILE_NAME) -> None:
        self._pbx = port
        self._id = secrets.token_hex(8)
        self._request = f"sip:{number}@127.0.0.1:{port}"
        self._from = f'From: "{name}" <sip:{user}@127.0.0.1>;tag={self._id}'
        self._to = f"To: <{self._request}>"
        self._answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: self, local_addr=("127.0.0.1", 0), remote_addr=("127.0.0.1", self._pbx)
        )
        self._transport: asyncio.DatagramTransport = transport
        self._port = transport.get_extra_info("sockname")[1]
        sdp = (
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
            f"m=audio {self._port} RTP/AVP 0\r\n"
        )
        self._send("INVITE", 1, sdp)
        await asyncio.wait_for(self._answered, 10)
        self._send("ACK", 1)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._send("BYE", 2)
        self._transport.close()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """The answer, or somebody's sound (we listen to it where we listen to SIP)."""
        if data.startswith(b"SIP/2.0 200") and b"INVITE" in data and not self._answered.done():
            self._to = re.search(r"^To:.*$", data.decode(), re.MULTILINE)[0].strip()
            self._answered.set_result(None)

    def error_received(self, exc: Exception) -> None:
        """The PBX is gone already."""

    def _send(self, method: str, number: int, body: str = "") -> None:
        request = "\r\n".join([
            f"{method} {self._request} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{self._port};branch=z9hG4bK{self._id}{method}",
            self._from, self._to, f"Call-ID: {self._id}", f"CSeq: {number} {method}",
            f"Contact: <sip:x@127.0.0.1:{self._port}>", "Max-Forwards: 70",
            *(("Content-Type: application/sdp",) if body else ()),
            f"Content-Length: {len(body)}", "", body,
        ])  # fmt: skip
        self._transport.sendto(request.encode())
