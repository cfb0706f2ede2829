"""A phone's registration: SIP REGISTER with digest, sent by ourselves so that a test knows when it took effect."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets

_CHALLENGE = re.compile(r'(\w+)="?([^",]+)"?')


class NotRegistered(Exception):
    """The PBX refused the registration."""


class Registration:
    """Account `name` at 127.0.0.1:`pbx_port`; its calls ring at 127.0.0.1:`contact_port`."""

    def __init__(self, pbx_port: int, name: str, password: str, *, contact_port: int) -> None:
        self._pbx, self._name, self._password, self._contact = pbx_port, name, password, contact_port
        self._uri = f"sip:127.0.0.1:{pbx_port}"
        self._call_id, self._number = secrets.token_hex(8), 0

    async def register(self, seconds: int = 3600) -> None:
        """Register for `seconds`. Raises NotRegistered, TimeoutError."""
        loop = asyncio.get_running_loop()
        transport, replies = await loop.create_datagram_endpoint(_Replies, remote_addr=("127.0.0.1", self._pbx))
        try:
            status, reply = await self._ask(transport, replies, seconds, "")
            if status == 401:
                status, reply = await self._ask(transport, replies, seconds, self._authorization(reply))
            if status != 200:
                raise NotRegistered(f"The PBX refused {self._name}: {reply.splitlines()[0]}")
        finally:
            transport.close()

    async def unregister(self) -> None:
        await self.register(0)

    async def _ask(self, transport, replies: _Replies, seconds: int, authorization: str) -> tuple[int, str]:
        self._number += 1
        own = transport.get_extra_info("sockname")[1]
        address = f"<sip:{self._name}@127.0.0.1:{self._pbx}>"
        request = "\r\n".join([
            f"REGISTER {self._uri} SIP/2.0",
            f"Via: SIP/2.0/UDP 127.0.0.1:{own};rport;branch=z9hG4bK{secrets.token_hex(8)}",
            "Max-Forwards: 70",
            f"From: {address};tag={secrets.token_hex(4)}",
            f"To: {address}",
            f"Call-ID: {self._call_id}",
            f"CSeq: {self._number} REGISTER",
            f"Contact: <sip:{self._name}@127.0.0.1:{self._contact}>",
            f"Expires: {seconds}",
            *([authorization] if authorization else []),
            "Content-Length: 0", "", "",
        ])  # fmt: skip
        transport.sendto(request.encode())
        while True:
            reply = await asyncio.wait_for(replies.queue.get(), 5)
            status = int(reply.split(" ", 2)[1])
            if status >= 200 and f"CSeq: {self._number} REGISTER" in reply:
                return status, reply

    def _authorization(self, reply: str) -> str:
        line = next(line for line in reply.splitlines() if line.lower().startswith("www-authenticate:"))
        asked = dict(_CHALLENGE.findall(line.partition("Digest")[2]))
        count, own = "00000001", secrets.token_hex(8)
        who = _md5(f"{self._name}:{asked['realm']}:{self._password}")
        what = _md5(f"REGISTER:{self._uri}")
        proof = _md5(f"{who}:{asked['nonce']}:{count}:{own}:auth:{what}")
        return (
            f'Authorization: Digest username="{self._name}", realm="{asked["realm"]}", nonce="{asked["nonce"]}", '
            f'uri="{self._uri}", response="{proof}", algorithm=MD5, qop=auth, nc={count}, cnonce="{own}"'
            + (f', opaque="{asked["opaque"]}"' if "opaque" in asked else "")
        )


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class _Replies(asyncio.DatagramProtocol):
    def __init__(self) -> None:
        self.queue: asyncio.Queue[str] = asyncio.Queue()

    def datagram_received(self, data: bytes, _: object) -> None:
        self.queue.put_nowait(data.decode(errors="replace"))
