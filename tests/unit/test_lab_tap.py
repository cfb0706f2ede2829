"""Sound taken off the wire lies where a patient phone would play it."""

from __future__ import annotations

import asyncio
import socket
import struct

import numpy as np

from lab import audio
from lab.tap import ADDRESS, Ear, Tap, parse

RATE, TWENTY_MS = audio.RATE, 160
LOUD, SOFT = bytes([0x80]) * TWENTY_MS, bytes([0xFF]) * TWENTY_MS  # μ-law's loudest, and its zero


def rtp(stamp: int, payload: bytes = LOUD, *, source: int = 1, kind: int = 0) -> bytes:
    return struct.pack("!BBHII", 0x80, kind, 0, stamp, source) + payload


def heard(*packets: tuple[float, bytes]) -> audio.Sound:
    ear = Ear()
    ear.packets += [packet for at, data in packets if (packet := parse(data, at))]
    return ear.sound()


def test_both_laws_of_g711_are_understood():
    for kind, codes, levels in (
        (0, (0x00, 0x80, 0x7F, 0xFF, 0x8F, 0xCE), (-32124, 32124, 0, 0, 16764, 988)),
        (8, (0x2A, 0xAA, 0xD5, 0x55), (-32256, 32256, 8, -8)),
    ):
        packet = parse(rtp(0, bytes(codes), kind=kind), 0.0)
        assert packet is not None
        for sample, level in zip(packet.samples, levels, strict=True):
            assert abs(sample - level) <= 0.05 * abs(level)


def test_keys_and_what_is_no_rtp_are_no_sound():
    assert parse(rtp(0, kind=101), 0.0) is None
    assert parse(b"", 0.0) is None
    assert parse(bytes(200), 0.0) is None


def test_a_burst_after_the_machine_was_busy_is_heard_in_its_place():
    calm = heard(*((0.02 * number, rtp(160 * number)) for number in range(50)))
    burst = heard(
        *((0.02 * min(number, 10) + (0.5 if number > 10 else 0), rtp(160 * number)) for number in range(50))
    )
    assert len(calm) == RATE
    assert np.array_equal(calm, burst)


def test_packets_in_the_wrong_order_are_put_right():
    swapped = heard((0.0, rtp(0)), (0.02, rtp(320)), (0.021, rtp(160, SOFT)))
    assert list(swapped[::160]) == [32124, 0, 32124]


def test_where_nothing_was_sent_there_is_silence():
    gap = heard((0.0, rtp(0)), (0.52, rtp(160 * 26)))
    assert not gap[160 : 160 * 26].any()
    assert gap[160 * 26 :].all()


def test_another_stream_goes_on_where_the_clock_is():
    both = heard((0.0, rtp(0)), (0.5, rtp(9_000_000, source=2)), (0.52, rtp(9_000_160, source=2)))
    assert len(both) == int(0.54 * RATE)
    jumped = heard((0.0, rtp(0)), (0.5, rtp(9_000_000)), (0.52, rtp(9_000_160)))
    assert np.array_equal(both, jumped)


def test_sound_may_be_asked_for_again_and_again():
    ear = Ear()
    assert not len(ear.sound())
    for number in range(1000):
        packet = parse(rtp(160 * number), 0.02 * number)
        assert packet is not None
        ear.packets.append(packet)
        assert len(ear.sound()) == 160 * (number + 1)


async def test_the_tail_of_a_call_is_not_the_beginning_of_the_next_at_the_same_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:
        pbx.bind((ADDRESS, 0))
        port = pbx.getsockname()[1] & ~1
    tap = Tap(port, port)
    await tap.start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as pbx:

        async def send(ear: Ear, source: int) -> None:
            known = len(ear.packets)
            pbx.sendto(rtp(0, source=source), (ADDRESS, port))
            while len(ear.packets) == known:  # noqa: ASYNC110 - a tap tells nobody what it hears
                await asyncio.sleep(0)

        first = tap.ear(port)
        await send(first, 1)
        tap.hang_up(port, first)
        between = tap.ear(port)
        await send(between, 1)
        await send(between, 2)
        second = tap.ear(port)
        tap.hang_up(port, first)  # told late
        await send(second, 2)
    tap.stop()
    assert [each.source for each in first.packets] == [1]
    assert [each.source for each in second.packets] == [2, 2]
