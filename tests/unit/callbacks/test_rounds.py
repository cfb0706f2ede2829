"""Rounds through the spool: what was found is counted and indexed, what went wrong is told once."""

from __future__ import annotations

import errno

import pytest
from recordings import NOW, aged, never_closed, sound

from hotline.callbacks.outbox import Outbox
from hotline.callbacks.rounds import SETTLED, Rounds
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.trouble import Trouble
from hotline.events import Event, VoicemailSaved


class Watch:
    """Rounds, and everything they told."""

    def __init__(self, outbox: Outbox, longest: float = 120.0) -> None:
        self.events: list[Event] = []
        self.troubles: list[Trouble] = []
        self.woken = 0
        self.salvage = Salvage(outbox, due=lambda queue, at, part: at + 60, region="VN")
        self.rounds = Rounds(
            self.salvage,
            longest=longest,
            now=lambda: NOW,
            emit=self.events.append,
            kept=self._wake,
            tell=self.troubles.append,
        )

    def _wake(self) -> None:
        self.woken += 1


@pytest.fixture
def watch(outbox: Outbox) -> Watch:
    return Watch(outbox)


async def test_the_pbx_s_own_message_counts_as_a_message(outbox: Outbox, watch: Watch) -> None:
    path = outbox.fallback / "pbx1-17.3.wav"
    path.write_bytes(sound(3))
    aged(path, 60)
    await watch.rounds.walk()
    (saved,) = watch.events
    assert isinstance(saved, VoicemailSaved)
    assert (saved.call, saved.source, saved.seconds, saved.queue) == ("pbx1-17.3", "fallback", 3.0, "")
    assert watch.woken == 1
    await watch.rounds.walk()
    assert len(watch.events) == 1


async def test_a_recording_of_a_dead_service_is_taken_in_once_nobody_can_still_speak_into_it(
    outbox: Outbox, watch: Watch
) -> None:
    _, path = outbox.recording_path({"call": "pbx1-1.1", "queue": "power"})
    aged(path.with_suffix(".note"), 120 + SETTLED + 60)
    path.write_bytes(never_closed(sound(5)))
    aged(path, 120 + SETTLED - 5)
    await watch.rounds.walk()
    assert watch.events == []
    aged(path, 120 + SETTLED + 1)
    await watch.rounds.walk()
    assert [(each.call, each.source, each.queue) for each in watch.events] == [("pbx1-1.1", "recovered", "power")]


async def test_a_trouble_is_told_once_and_again_when_it_comes_back(
    outbox: Outbox, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise OSError(errno.EIO, "Input/output error", "fallback")

    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(watch.salvage, "adopt_fallback", broken)
            for _ in range(3):
                await watch.rounds.walk()
        await watch.rounds.walk()
    message = "The spool could not be searched for lost messages: Input/output error."
    assert watch.troubles == [Trouble(message, "fallback")] * 2
