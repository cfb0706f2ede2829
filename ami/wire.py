"""One connection to a PBX's manager interface, and the only file that imports panoramisk.

Rules of this file:
- A lost connection fails every action under way with `LinkDown`, at once; nothing is ever sent a second time.
- Whatever the PBX sends, whoever calls back: the event loop is never blocked, and no buffer grows without limit.
- Neither a secret nor a caller's number is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from panoramisk.actions import Action
from panoramisk.ami_protocol import AMIProtocol

from ami.actions import LinkDown
from ami.headers import Malformed, Message

MAX_MESSAGE = 256 * 1024
"""Bytes of one message that has not ended yet."""

MAX_ROWS = 50_000
"""Messages in the answer to one action."""

MAX_UNSENT = 1024 * 1024
"""Bytes that the PBX has not taken from us yet."""


class Request(Action):  # type: ignore[misc]
    """An action that knows when its answer is whole.

    panoramisk's own guess raises KeyError for a reply that ends in "successfully queued" (PlayDTMF), and for a
    list that was refused it never ends. The PBX says it itself, in EventList.
    """

    def add_message(self, message: Message) -> bool:
        self.responses.append(message)
        listing = self.responses[0].get("EventList").lower() == "start"
        if listing and message.get("EventList").lower() not in ("complete", "cancelled"):
            return False
        if not self.future.done():
            self.future.set_result(self.responses)
        return True


class Wire(AMIProtocol):  # type: ignore[misc]
    """One TCP connection: panoramisk's writer and its table of actions, with its reader and its close replaced.

    Its reader decodes each segment by itself (a character split by TCP vanishes), buffers without limit, lets the
    last of two equal headers win, answers a Shutdown event by reconnecting, and loses the link to any exception in
    a callback. Its close puts unanswered actions aside to send them again, and leaves the others waiting for ever.
    """

    def __init__(self, hear: Callable[[Message], None], malformed: Callable[[Malformed], None]) -> None:
        self.encoding, self.closed = "utf-8", True  # until connection_made
        self.reason = ""
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._hear, self._malformed = hear, malformed
        self._buffer, self._scanned = bytearray(), 0

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self.log = logging.Logger("panoramisk", logging.CRITICAL + 1)  # it would log actions, the secret among them
        transport.set_write_buffer_limits(high=MAX_UNSENT)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        start = 0
        while not self.closed and (end := self._buffer.find(b"\r\n\r\n", max(start, self._scanned))) >= 0:
            self._read(bytes(self._buffer[start:end]))
            start = end + 4
        del self._buffer[:start]
        self._scanned = max(0, len(self._buffer) - 3)
        if len(self._buffer) > MAX_MESSAGE:
            self.drop("it sent a message without end")

    def _read(self, block: bytes) -> None:
        try:
            message = Message.parse(block.decode("utf-8", "replace"))
            action_id = message.get("ActionID")
            request = self.responses.get(action_id)
            if request is None or message.get("Event") == "OriginateResponse":
                self._hear(message)
            elif request.add_message(message):
                del self.responses[action_id]
            elif len(request.responses) > MAX_ROWS:
                self.drop("it sent a list without end")
        except Malformed as bad:
            self._malformed(bad)

    def pause_writing(self) -> None:
        self.drop("it has stopped reading")

    def connection_lost(self, exc: Exception | None) -> None:
        self.drop(f"the connection was lost ({exc or 'closed by the PBX'})")

    def drop(self, reason: str) -> None:
        """End the connection now and fail whatever waits for an answer."""
        if self.closed:
            return
        self.closed, self.reason = True, reason
        for request in self.responses.values():
            if not request.future.done():
                request.future.set_exception(LinkDown(f"The link to the PBX was lost: {reason}."))
        self.responses.clear()
        self._buffer.clear()
        self.lost.set_result(None)
        self.transport.abort()

    def close(self) -> None:
        self.drop("we closed it")
