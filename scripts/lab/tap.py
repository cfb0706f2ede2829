"""What the parties of the world hear, taken off the wire: the RTP that the PBX sends them, kept packet for packet.

Asterisk's own recorders drop sound whenever the machine is busy for a tenth of a second, and a prompt that was heard
is then not in the recording. So the world tells the PBX that its sound goes to another loopback address, where the
tap keeps each packet before it passes it on to the world.

Rules of this file:
- Sound lies where its RTP timestamp says, as a patient phone would play it: what comes in a burst after the machine
  was busy is heard in its place, and a time in which nothing was sent is silence.
- A jump of the timestamps that the clock does not confirm (another source, a new stream) goes on where the clock is.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import time
import wave
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from lab.audio import RATE, Sound

ADDRESS = "127.0.0.2"
"""Where the PBX sends; the world itself is on 127.0.0.1, at the same ports."""

JUMP = 5.0
"""Seconds by which timestamps and clock may disagree before the clock is believed: more than a machine is busy."""

_ROOM = 1 << 20
"""Bytes that the kernel keeps for us while this process is busy: seconds of sound."""


class Packet(NamedTuple):
    """`at` is the monotonic moment when it came; `stamp` counts samples of the stream `source`."""

    at: float
    source: int
    stamp: int
    samples: Sound


class Ear:
    """What came to one port since a call began. `sound` may be asked for at any time."""

    def __init__(self) -> None:
        self.packets: list[Packet] = []
        self._placed = 0
        self._sound = np.zeros(RATE * 8)
        self._end, self._offset = 0, 0

    def sound(self) -> Sound:
        """All that was heard so far, from the first packet on."""
        for number in range(self._placed, len(self.packets)):
            self._place(number)
        self._placed = len(self.packets)
        return self._sound[: self._end]

    def save(self, path: Path) -> None:
        """Write it as a WAV that appears when it is complete."""
        part = path.with_suffix(".part")
        with wave.open(str(part), "wb") as file:
            file.setparams((1, 2, RATE, 0, "NONE", ""))
            file.writeframes(self.sound().astype("<i2").tobytes())
        part.rename(path)

    def _place(self, number: int) -> None:
        packet, first = self.packets[number], self.packets[0]
        clock = int((packet.at - first.at) * RATE)
        before = self.packets[number - 1] if number else None
        position = packet.stamp + self._offset
        if before is None or packet.source != before.source or abs(position - clock) > JUMP * RATE:
            position = max(clock, self._end)
            self._offset = position - packet.stamp
        if position < 0:
            return
        end = position + len(packet.samples)
        if end > len(self._sound):
            self._sound = np.concatenate([self._sound, np.zeros(end)])
        self._sound[position:end] = packet.samples
        self._end = max(self._end, end)


class Tap:
    """Listens at every second port from `first` to `last` of ADDRESS, where RTP (not RTCP) goes."""

    def __init__(self, first: int, last: int) -> None:
        self._ports = range(first + first % 2, last + 1, 2)
        self._lines: dict[int, _Line] = {}

    async def start(self) -> None:
        loop = asyncio.get_running_loop()
        for port in self._ports:
            line = self._lines[port] = _Line(port)
            end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _ROOM)
            end.bind((ADDRESS, port))
            await loop.create_datagram_endpoint(lambda line=line: line, sock=end)

    def stop(self) -> None:
        for line in self._lines.values():
            line.close()
        self._lines.clear()

    def ear(self, port: int) -> Ear:
        """What comes to `port` in a call that begins just now: its first packets may be here already."""
        line = self._lines[port]
        line.ear.packets = [each for each in line.ear.packets if each.source not in line.over]
        return line.ear

    def hang_up(self, port: int, ear: Ear) -> None:
        """The call that had this ear is over; what its sources still send belongs to no call."""
        line = self._lines.get(port)
        if line and line.ear is ear:
            line.over = {each.source for each in ear.packets}
            line.ear = Ear()


class _Line(asyncio.DatagramProtocol):
    def __init__(self, port: int) -> None:
        self.port, self.ear = port, Ear()
        self.over: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, _: object) -> None:
        self._transport.sendto(data, ("127.0.0.1", self.port))
        if packet := parse(data, time.monotonic()):
            self.ear.packets.append(packet)

    def error_received(self, _: Exception) -> None:
        """The world is gone; its calls end by themselves."""

    def close(self) -> None:
        self._transport.close()


def parse(data: bytes, at: float) -> Packet | None:
    """The sound of an RTP packet (RFC 3550) of G.711; None for anything else, keys included."""
    if len(data) < 12 or data[0] >> 6 != 2 or (table := _TABLES.get(data[1] & 0x7F)) is None:
        return None
    (stamp, source) = struct.unpack("!II", data[4:12])
    start = 12 + 4 * (data[0] & 0x0F)
    if data[0] & 0x10:
        start += 4 + 4 * int.from_bytes(data[start + 2 : start + 4], "big")
    return Packet(at, source, stamp, table[np.frombuffer(data[start:], dtype=np.uint8)])


def _table(samples: Iterable[int]) -> Sound:
    return np.array(list(samples), dtype=np.float64)


def _ulaw(code: int) -> int:
    """ITU-T G.711, table 2a."""
    code = ~code & 0xFF
    size = (((code & 0x0F) << 3) + 0x84 << (code >> 4 & 7)) - 0x84
    return -size if code & 0x80 else size


def _alaw(code: int) -> int:
    """ITU-T G.711, table 1a."""
    code ^= 0x55
    step, segment = (code & 0x0F) << 4, code >> 4 & 7
    size = step + 8 if segment == 0 else (step + 0x108) << (segment - 1)
    return size if code & 0x80 else -size


_TABLES = {0: _table(map(_ulaw, range(256))), 8: _table(map(_alaw, range(256)))}
