"""How long a recording lasts, and the header that was never closed."""

from __future__ import annotations

import io
import struct
import wave
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hotline.callbacks.wav import NoSound, close_header, measure


def recording(frames: bytes) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(8000)
        out.writeframes(frames)
    return file.getvalue()


def with_sizes(content: bytes, riff: int, data: int) -> bytes:
    return content[:4] + struct.pack("<I", riff) + content[8:40] + struct.pack("<I", data) + content[44:]


def test_a_closed_recording_is_measured_and_left_as_it_is() -> None:
    content = recording(b"\1\2" * 12000)
    file = io.BytesIO(content)
    assert close_header(file).seconds == 1.5
    assert file.getvalue() == content


def test_a_comment_after_the_sound_is_not_sound() -> None:
    comment = b"LIST" + struct.pack("<I", 4) + b"INFO"
    file = io.BytesIO(recording(b"\1\2" * 8000) + comment)
    sound = close_header(file)
    assert (sound.seconds, sound.closed) == (1.0, True)
    assert file.getvalue().endswith(comment)


@given(frames=st.binary(min_size=2, max_size=400), stale=st.integers(0, 2**32 - 1), riff=st.integers(0, 2**32 - 1))
def test_whatever_the_header_says_the_sound_can_be_read_once_it_is_closed(
    frames: bytes, stale: int, riff: int
) -> None:
    whole = frames[: len(frames) // 2 * 2]
    file = io.BytesIO(with_sizes(recording(whole), riff, stale) if stale != len(whole) else recording(whole))
    if measure(file).closed:
        return  # the stale length pointed at what looks like a comment
    close_header(file)
    file.seek(0)
    with wave.open(file) as mended:
        assert mended.readframes(mended.getnframes()) == whole


def test_half_a_sample_at_the_end_is_cut() -> None:
    file = io.BytesIO(with_sizes(recording(b"\1\2" * 100), 0, 0) + b"\7")
    close_header(file)
    assert file.getvalue() == recording(b"\1\2" * 100)


@pytest.mark.parametrize(
    "content",
    [b"", b"RIFF", b"not a recording at all, but long enough", recording(b"")[:36], recording(b"")[:20] + b"\0" * 40],
)
def test_what_is_no_recording_is_refused(content: bytes) -> None:
    with pytest.raises(NoSound):
        close_header(io.BytesIO(content))


@given(st.binary(max_size=200))
def test_garbage_after_a_riff_header_never_does_worse_than_a_refusal(tail: bytes) -> None:
    with suppress(NoSound):
        assert measure(io.BytesIO(b"RIFF\0\0\0\0WAVE" + tail)).seconds >= 0
