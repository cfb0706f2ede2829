"""Messages by mail, with the recording: the only file that imports aiosmtplib.

Rules of this file:
- One connection for each mail: messages are few, and nothing is left open.
- With a login the connection is encrypted and the server proves who it is, or nothing is sent. Without one it is
  encrypted where the server can, as mail servers do among each other: then nobody proves anything.
- A recording that cannot be read is waited for, in HOLD_OUT tries; then the mail goes without it. Whoever reads the
  mail is the last to learn of this caller: nothing that is wrong with a file may keep it from them.
- What a server says may hold addresses: they are masked before it is told.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from aiosmtplib import SMTP, SMTPException, SMTPRecipientsRefused, SMTPResponse, SMTPResponseException

from hotline.callbacks.deliveries import NotDelivered
from hotline.callbacks.letter import ATTACHED, Places, letter
from hotline.callbacks.lines import Entry, Move
from hotline.clock import Clock
from hotline.settings import MailServer

ANSWER = 20.0
"""Seconds that a server has for each answer."""

SLOWEST = 20_000
"""Bytes in a second that a line must carry."""

MOST_ATTACHED = 8 * 1024 * 1024
"""Bytes of a recording that servers still take: over eight minutes of speech."""

HOLD_OUT = 4
"""Tries that wait for a recording: some minutes, in which a disk may come back, or it is read that the person was
erased and there is nothing to be mailed."""

MOST_SAID = 200

_ADDRESS = re.compile(r"\S*@\S*")


class Mailer:
    """A courier. `kept` is the folder of the recordings, `sender` a bare address."""

    what = "mail"

    def __init__(self, server: MailServer, places: Places, *, sender: str, kept: Path, now: Clock) -> None:
        self._server, self._places, self._sender = server, places, sender
        self._kept, self._now = kept, now

    def takes(self, entry: Entry) -> bool:
        return bool(self._to(entry))

    async def deliver(self, entry: Entry, given_up: Move | None = None, tries: int = 0) -> str:
        """Raises NotDelivered. Refused addresses beside accepted ones hold nothing up, and are told."""
        to = self._to(entry)
        try:
            mail = await asyncio.to_thread(self._mail, entry, given_up, tries)
        except ValueError as error:
            raise NotDelivered(f"The mail could not be written: {_said(error)}") from None
        try:
            refusals = await send(self._server, self._sender, to, mail)
        except SMTPRecipientsRefused as refused:
            first = refused.recipients[0]
            raise NotDelivered(f"The mail server refused every address: {_said(first)}") from None
        except (SMTPException, OSError) as error:
            raise NotDelivered(f"The mail server did not take it: {_said(error)}") from None
        return _refused(to, refusals)

    def _to(self, entry: Entry) -> tuple[str, ...]:
        settings = self._places.of(entry.queue)
        return settings.mail if settings else ()

    def _mail(self, entry: Entry, given_up: Move | None, tries: int) -> bytes:
        """Raises NotDelivered."""
        recording, remark = b"", "There is no recording: the caller asked to be called back."
        if entry.sha256:
            recording, remark = self._recording(entry, tries)
        return letter(
            entry,
            self._places,
            sender=self._sender,
            to=self._to(entry),
            now=self._now(),
            recording=recording,
            remark=remark,
            given_up=given_up,
        )

    def _recording(self, entry: Entry, tries: int) -> tuple[bytes, str]:
        """What to attach, and what to say of it. Raises NotDelivered."""
        path = self._kept / f"{entry.id}.wav"
        try:
            if path.stat().st_size > MOST_ATTACHED:
                return (
                    b"",
                    f"The recording is too long for a mail. To have it: hotline voicemail play {entry.id} --path",
                )
            content = path.read_bytes()
        except OSError as error:
            if tries < HOLD_OUT:
                raise NotDelivered(f"Its recording cannot be read: {error.strerror}.") from None
            return b"", f"There is a recording, but it cannot be read ({error.strerror}): look at the disk."
        if sha256(content).hexdigest() != entry.sha256:
            return content, "The recording is attached, but it is not as it was when it was kept: look at the disk."
        return content, ATTACHED


async def send(server: MailServer, sender: str, to: Sequence[str], mail: bytes) -> Mapping[str, SMTPResponse]:
    """The addresses that were refused beside accepted ones. Raises SMTPException or OSError."""
    client = SMTP(
        hostname=server.address.host,
        port=server.address.port,
        username=server.user or None,
        password=server.secret or None,
        use_tls=server.tls,
        start_tls=None if server.tls or not server.user else True,
        validate_certs=server.tls or bool(server.user),
        local_hostname=socket.gethostname() or None,
        timeout=ANSWER,
    )
    try:
        await client.connect()
        refusals, _ = await client.sendmail(sender, to, mail, timeout=ANSWER + len(mail) / SLOWEST)
        with suppress(SMTPException, OSError):  # it is taken; how the server says goodbye is nothing to us
            await client.quit(timeout=1.0)
        return refusals
    finally:
        client.close()


def _refused(to: Sequence[str], refusals: Mapping[str, SMTPResponse]) -> str:
    """Which of the queue's addresses got nothing, by their places, for an address is not logged."""
    refused = [(place, refusals[each]) for place, each in enumerate(to, start=1) if each in refusals]
    told = (f"{place} ({_masked(f'{answer.code} {answer.message}')})" for place, answer in refused)
    return f"The mail server refused, of {len(to)} addresses, number {', '.join(told)}." if refused else ""


def _said(error: BaseException) -> str:
    """An error in the server's words, or the machine's."""
    words = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else str(error)
    return _masked(words) or type(error).__name__


def _masked(words: str) -> str:
    """One line without addresses."""
    return _ADDRESS.sub("[address]", " ".join(words.split()))[:MOST_SAID]
