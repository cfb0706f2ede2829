"""A real mail server in the test's own loop, which can be slow, refuse, want TLS and a login."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from hashlib import sha256
from typing import Any, cast

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session

LOGIN = ("desk@example.org", "s3cret:and@more")


class PostOffice:
    """`answers` to mails come first, in order; then every mail is taken. `gate` holds each of them up."""

    def __init__(self, answers: Sequence[str] = (), *, unknown: Sequence[str] = ()) -> None:
        self.answers, self.unknown = list(answers), unknown
        self.letters: list[Letter] = []
        self.asked = 0
        self.gate = asyncio.Event()
        self.gate.set()
        self.came = asyncio.Event()

    async def handle_RCPT(self, _: Any, __: Session, envelope: Envelope, address: str, ___: list[str]) -> str:
        if address in self.unknown:
            return f"550 5.1.1 <{address}>: nobody of that name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, _: Session, envelope: Envelope) -> str:
        self.asked += 1
        self.came.set()
        await self.gate.wait()
        if self.answers:
            return self.answers.pop(0)
        self.letters.append(Letter(envelope, encrypted=server.transport.get_extra_info("ssl_object") is not None))
        return "250 OK"


class Letter:
    """A mail as it came in."""

    def __init__(self, envelope: Envelope, *, encrypted: bool) -> None:
        self.encrypted = encrypted
        self.sender, self.to = envelope.mail_from, list(envelope.rcpt_tos)
        self.plain = cast(bytes, envelope.content).isascii()
        self.mail = cast(EmailMessage, message_from_bytes(cast(bytes, envelope.content), policy=default))

    def __getitem__(self, header: str) -> str:
        return str(self.mail[header])

    @property
    def text(self) -> str:
        body = self.mail.get_body()
        assert body
        return str(body.get_content()).replace("\r\n", "\n")

    @property
    def recordings(self) -> list[tuple[str | None, str]]:
        """Name and sha256 of what is attached."""
        return [
            (each.get_filename(), sha256(each.get_content()).hexdigest()) for each in self.mail.iter_attachments()
        ]


def _login(_: Any, __: Any, ___: Any, ____: Any, data: Any) -> AuthResult:
    return AuthResult(success=(data.login.decode(), data.password.decode()) == LOGIN, handled=False)


@asynccontextmanager
async def opened(
    office: PostOffice,
    *,
    port: int = 0,
    starttls: ssl.SSLContext | None = None,
    tls: ssl.SSLContext | None = None,
    login: bool = False,
) -> AsyncIterator[int]:
    """Serve on a port, which is yielded; all that hangs on it is cut off at the end."""
    loop = asyncio.get_running_loop()
    made: list[SMTP] = []

    def protocol() -> SMTP:
        made.append(
            SMTP(
                office,
                hostname="mail.test",
                loop=loop,
                tls_context=starttls,
                auth_required=login,
                auth_require_tls=starttls is not None,
                authenticator=_login if login else None,
            )
        )
        return made[-1]

    server = await loop.create_server(protocol, "127.0.0.1", port, ssl=tls)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for each in made:
            if each.transport:
                with suppress(AttributeError):  # Python 3.11.2: of a TLS line that is closed already
                    each.transport.abort()
        await server.wait_closed()
