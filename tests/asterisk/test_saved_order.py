"""A caller is told that a message is saved after it is: seen from the kernel's side, in a real call."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

import syscalls
from dialogue import dial
from scenes import leave_message
from syscalls import Syscall

from lab.house import House


async def test_saved_is_said_after_recording_name_folders_and_line_are_on_disk(
    build_answering: Callable[..., Awaitable[House]], tmp_path: Path, words: Path
):
    trace = tmp_path / "trace"
    house = await build_answering(under=await syscalls.tracer(trace))
    async with dial(house, "1900") as call:
        await leave_message(call.party, house.sounds / "en" / "voicemail-greeting.wav", words)
        saved = await call.event("VoicemailSaved")
    await house.service.stop()
    recording, spool = f"{saved['promise']}.wav", house.spool.resolve()
    steps: list[tuple[str, Callable[[Syscall], bool]]] = [
        ("the recording is synced", _syncs(spool / "tmp" / recording)),
        ("it gets its name", lambda each: each.name.startswith("rename") and each.text.count(recording) == 2),
        ("the folder with its name is synced", _syncs(spool / "voicemail")),
        ("the folder without it is synced", _syncs(spool / "tmp")),
        ("its line is written", lambda each: each.name == "write" and _is_line(each, spool, saved["promise"])),
        ("the line is synced", lambda each: _syncs_lines(each, spool)),
        ("the folder of lines is synced", _syncs(spool / "outbox")),
        ("the caller is told", lambda each: "STREAM FILE" in each.text and "/message-saved" in each.text),
    ]
    _come_in_this_order(syscalls.read(trace), steps)


def _come_in_this_order(calls: list[Syscall], steps: list[tuple[str, Callable[[Syscall], bool]]]) -> None:
    """Each step succeeded, and had ended before the next one began."""
    ended = -1
    for what, is_it in steps:
        later = [each for each in calls if each.begun > ended and is_it(each)]
        assert later, f"not after the step before: {what}"
        first = min(later, key=lambda each: each.begun)
        early = [each for each in calls if each.begun <= ended and is_it(each)]
        assert what != "the caller is told" or not early, f"before it was saved: {early}"
        assert first.well, f"{what}: {first}"
        ended = first.ended


def _syncs(path: Path) -> Callable[[Syscall], bool]:
    return lambda each: each.name in ("fsync", "fdatasync") and each.path == str(path)


def _is_line(each: Syscall, spool: Path, promise: str) -> bool:
    return each.path.startswith(f"{spool}/outbox/") and each.path.endswith(".jsonl") and promise in each.text


def _syncs_lines(each: Syscall, spool: Path) -> bool:
    return each.name == "fsync" and each.path.startswith(f"{spool}/outbox/") and each.path.endswith(".jsonl")
