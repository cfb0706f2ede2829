"""Taking a message, as a transcript: what the caller hears and does, and what is kept of it."""

from __future__ import annotations

import asyncio
import errno
import threading
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from recordings import never_closed, sound

from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.settings import Dialing, VoicemailSettings
from hotline.callbacks.voicemail import Answering
from hotline.events import Event, PromptPlayed, VoicemailFailed, VoicemailSaved
from hotline.flow.phone import CallInfo, CannotRecord, HungUp, LineLost, Recorded
from hotline.phones.scripted import INFO, ScriptedPhone

FRIDAY_NIGHT = datetime(2026, 11, 20, 22, 15, tzinfo=UTC).timestamp()
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
OFFICE = Calendar("office", ZoneInfo("UTC"), {day: (Span.parse("08:00-17:00"),) for day in range(5)})
NEVER = Calendar("never", ZoneInfo("UTC"), {})
ALWAYS = Calendar("always", ZoneInfo("UTC"), dict.fromkeys(range(7), (Span.parse("00:00-24:00"),)))
RULES = VoicemailSettings("billing", "office", review=False, confirm=False)
PROMISE = ">> say message-saved callback-promise day-1 from-08-00 until-17-00"


class Caller(ScriptedPhone):
    """Leaves one recording after the other, the last one again and again."""

    def __init__(self, *recordings: bytes, hung_up: bool = False, info: CallInfo = INFO) -> None:
        super().__init__(info=info)
        self._takes = list(recordings)
        self._hung_up = hung_up

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        self.heard.append(f">> record most {most:g} s, silence {silence:g} s")
        content = self._takes.pop(0) if len(self._takes) > 1 else self._takes[0]
        if content:
            await asyncio.to_thread(Path(path).write_bytes, content)
        return Recorded(seconds=len(content) / 16000, hung_up=self._hung_up)


class Desk:
    """An answering machine and everything it told."""

    def __init__(
        self, outbox: Outbox, calendar: Calendar = OFFICE, rules: VoicemailSettings = RULES, **more: Any
    ) -> None:
        self.outbox = outbox
        self.events: list[Event] = []
        self.woken = 0
        self.answering = Answering(
            outbox,
            Promises({"billing": rules}, {"office": calendar}),
            now=lambda: FRIDAY_NIGHT,
            emit=self.events.append,
            kept=self._wake,
            region="VN",
            **more,
        )

    def _wake(self) -> None:
        self.woken += 1

    async def take(self, phone: Any) -> None:
        await self.answering.take_message(phone, "billing")

    def told(self, *kinds: type[Event]) -> list[Event]:
        return [each for each in self.events if isinstance(each, kinds)]

    @property
    def failures(self) -> list[str]:
        return [each.reason for each in self.events if isinstance(each, VoicemailFailed)]


@pytest.fixture
def desk(outbox: Outbox) -> Desk:
    return Desk(outbox)


async def test_a_message_is_kept_then_promised(desk: Desk) -> None:
    caller = Caller(sound(3))
    await desk.take(caller)
    assert caller.heard == [
        ">> say voicemail-greeting",
        ">> record most 120 s, silence 5 s",
        PROMISE,
    ]
    (entry,) = desk.outbox.entries().entries
    assert (entry.call, entry.queue, entry.entry, entry.language) == (INFO.call, "billing", INFO.dialed, "en")
    assert (entry.number, entry.due, entry.recorded_at) == ("+84901234567", MONDAY, FRIDAY_NIGHT)
    assert (entry.seconds, entry.hung_up) == (3.0, False)
    assert desk.woken == 1
    (saved,) = desk.told(VoicemailSaved)
    assert saved == VoicemailSaved(
        at=FRIDAY_NIGHT, call=INFO.call, queue="billing", promise=entry.id, seconds=3.0, due=MONDAY, hung_up=False
    )


async def test_saved_is_said_only_once_the_line_is_on_disk(desk: Desk) -> None:
    class Listening(Caller):
        async def say(self, prompts: Any, *, stop_keys: str = "") -> str:
            if "message-saved" in prompts:
                lines = await asyncio.to_thread(desk.outbox.entries)
                self.heard.append(f"-- {len(lines.entries)} on disk")
            return await super().say(prompts, stop_keys=stop_keys)

    caller = Listening(sound(3))
    await desk.take(caller)
    assert caller.heard[-2:] == ["-- 1 on disk", PROMISE]


async def test_who_hangs_up_while_speaking_is_called_back_too(desk: Desk) -> None:
    caller = Caller(sound(2.5), hung_up=True)
    with pytest.raises(HungUp):
        await desk.take(caller)
    (entry,) = desk.outbox.entries().entries
    assert (entry.hung_up, entry.seconds) == (True, 2.5)
    assert len(desk.told(VoicemailSaved)) == 1
    assert not any("message-saved" in each for each in caller.heard)


async def test_what_the_pbx_writes_only_after_it_told_the_end_is_kept_too(desk: Desk) -> None:
    class Buffering(Caller):
        """As Asterisk does it: the answer first, the last two seconds and the true header after it."""

        async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
            file = Path(path)
            await asyncio.to_thread(file.write_bytes, never_closed(sound(6))[:100])
            asyncio.get_running_loop().call_later(0.1, file.write_bytes, sound(6))
            return Recorded(seconds=6, hung_up=False)

    await desk.take(Buffering(b""))
    (entry,) = desk.outbox.entries().entries
    assert entry.seconds == 6.0
    assert (desk.outbox.kept / f"{entry.id}.wav").read_bytes() == sound(6)


async def test_who_hangs_up_without_a_word_is_not(desk: Desk) -> None:
    with pytest.raises(HungUp):
        await desk.take(Caller(sound(1), hung_up=True))
    assert desk.failures == ["too-short"]
    assert desk.outbox.entries().entries == ()
    assert list(desk.outbox.tmp.iterdir()) == []


async def test_who_is_gone_before_the_beep_left_no_message(desk: Desk) -> None:
    with pytest.raises(HungUp):
        await desk.take(Caller(b"", hung_up=True))
    assert desk.failures == ["too-short"]


async def test_too_short_a_message_may_be_tried_once_more(desk: Desk) -> None:
    caller = Caller(sound(1), sound(4))
    await desk.take(caller)
    assert caller.heard == [
        ">> say voicemail-greeting",
        ">> record most 120 s, silence 5 s",
        ">> say message-too-short voicemail-greeting",
        ">> record most 120 s, silence 5 s",
        PROMISE,
    ]
    assert desk.failures == []
    assert len(desk.outbox.entries().entries) == 1


async def test_after_two_tries_it_is_said_and_left(desk: Desk) -> None:
    caller = Caller(sound(0.5))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say message-too-short"
    assert caller.heard.count(">> record most 120 s, silence 5 s") == 2
    assert desk.failures == ["too-short"]
    assert list(desk.outbox.tmp.iterdir()) == []


async def test_each_queue_has_its_own_rules(outbox: Outbox) -> None:
    desk = Desk(outbox, rules=replace(RULES, longest=30, shortest=5, silence=2))
    caller = Caller(sound(4), sound(6))
    await desk.take(caller)
    assert caller.heard.count(">> record most 30 s, silence 2 s") == 2
    assert [each.seconds for each in outbox.entries().entries] == [6.0]


async def test_a_full_disk_is_told_before_the_caller_speaks(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(desk.outbox, "writable", lambda floor: "The spool is full.")
    caller = Caller(sound(3))
    await desk.take(caller)
    assert caller.heard == [">> say technical-problem"]
    assert desk.told(VoicemailFailed) == [
        VoicemailFailed(at=FRIDAY_NIGHT, call=INFO.call, queue="billing", reason="disk", problem="The spool is full.")
    ]


@pytest.mark.parametrize("hanging", ["writable", "recording_path"])
async def test_a_disk_that_hangs_is_told_within_seconds(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, hanging: str
) -> None:
    answers = threading.Event()
    monkeypatch.setattr(outbox, hanging, lambda *_: answers.wait(10))
    desk, caller = Desk(outbox, disk_patience=0.05), Caller(sound(3))
    await desk.take(caller)
    answers.set()
    assert caller.heard[-1] == ">> say technical-problem"
    assert [each.problem for each in desk.told(VoicemailFailed)] == ["The spool did not answer within 0.05 s."]


async def test_a_disk_that_hangs_afterwards_is_told_too_and_the_words_are_kept_when_it_wakes_up(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers, keep = threading.Event(), outbox.keep

    def slow(*args: Any, **options: Any) -> Any:
        assert answers.wait(10)
        return keep(*args, **options)

    monkeypatch.setattr(outbox, "keep", slow)
    desk, caller = Desk(outbox, keeping_patience=0.05), Caller(sound(3))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say technical-problem"
    assert desk.failures == ["disk"]
    answers.set()
    await desk.answering.close()
    assert len(desk.told(VoicemailSaved)) == 1


async def test_a_pbx_that_cannot_write_is_told_before_the_caller_asks_why(desk: Desk) -> None:
    class Forbidden(Caller):
        async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
            raise CannotRecord("may it write there?")

    caller = Forbidden(b"")
    await desk.take(caller)
    assert caller.heard == [">> say voicemail-greeting", ">> say technical-problem"]
    (failed,) = desk.told(VoicemailFailed)
    assert (failed.reason, failed.problem) == ("recording", "may it write there?")


async def test_a_disk_that_fails_afterwards_is_told_and_the_words_stay(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any, **__: Any) -> Any:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(desk.outbox, "commit", full)
        caller = Caller(sound(3))
        await desk.take(caller)
    assert caller.heard[-1] == ">> say technical-problem"
    assert [each.problem for each in desk.told(VoicemailFailed)] == ["No space left on device"]
    assert desk.told(VoicemailSaved) == []
    salvaged = Salvage(desk.outbox, due=lambda *_: MONDAY, region="VN").recover(FRIDAY_NIGHT, age=0)
    assert [(each.number, each.queue) for each in salvaged.kept] == [("+84901234567", "billing")]


async def test_a_recording_that_is_not_there_is_a_technical_problem(desk: Desk) -> None:
    caller = Caller(b"")
    await desk.take(caller)
    assert caller.heard[-1] == ">> say technical-problem"
    assert desk.failures == ["recording"]


async def test_a_queue_that_never_opens_keeps_the_message_and_promises_nothing(outbox: Outbox) -> None:
    desk, caller = Desk(outbox, NEVER), Caller(sound(3))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say message-saved"
    assert [each.due for each in outbox.entries().entries] == [FRIDAY_NIGHT]


async def test_round_the_clock_no_moment_is_promised_since_nothing_is_to_be_waited_for(outbox: Outbox) -> None:
    desk, caller = Desk(outbox, ALWAYS), Caller(sound(3))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say message-saved"
    assert [each.due for each in outbox.entries().entries] == [FRIDAY_NIGHT]


@pytest.mark.parametrize("number", ["", "+8819312345", "1005", "+84190012345"])
async def test_who_cannot_be_called_is_promised_no_call(outbox: Outbox, number: str) -> None:
    desk = Desk(outbox, dialing=Dialing(allow=("+84",)))
    caller = Caller(sound(3), info=replace(INFO, caller=number))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say message-saved callback-no-number"


async def test_where_nobody_is_dialed_people_call_whatever_number_the_network_sent(desk: Desk) -> None:
    caller = Caller(sound(3), info=replace(INFO, caller="1005"))
    await desk.take(caller)
    assert caller.heard[-1] == PROMISE


async def test_a_withheld_number_is_kept_as_unknown(desk: Desk) -> None:
    info = CallInfo(call="pbx1-2.2", channel="PJSIP/trunk-2", pbx="pbx1", dialed="1900", caller="")
    await desk.take(Caller(sound(3), info=info))
    assert [each.number for each in desk.outbox.entries().entries] == [""]


async def test_no_event_carries_the_number(desk: Desk) -> None:
    await desk.take(Caller(sound(3)))
    assert len(desk.told(PromptPlayed)) == 2
    assert not any("901234567" in repr(each) for each in desk.events)


async def test_keeping_goes_on_when_the_session_is_cancelled(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go_on = threading.Event(), threading.Event()
    keep = desk.outbox.keep

    def slow(*args: Any, **options: Any) -> Any:
        begun.set()
        assert go_on.wait(10)
        return keep(*args, **options)

    monkeypatch.setattr(desk.outbox, "keep", slow)
    session = asyncio.create_task(desk.take(Caller(sound(3))))
    assert await asyncio.to_thread(begun.wait, 10)
    session.cancel()
    with pytest.raises(asyncio.CancelledError):
        await session
    go_on.set()
    await desk.answering.close()
    assert len(desk.outbox.entries().entries) == 1
    assert len(desk.told(VoicemailSaved)) == 1
    assert desk.woken == 1


async def test_a_line_lost_while_speaking_leaves_the_words_for_the_salvage(desk: Desk) -> None:
    class Breaking(Caller):
        async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
            await super().record(path, most=most, silence=silence)
            raise LineLost

    with pytest.raises(LineLost):
        await desk.take(Breaking(sound(3)))
    assert desk.outbox.entries().entries == ()
    salvaged = Salvage(desk.outbox, due=lambda queue, at, part: at + 60, region="VN").recover(FRIDAY_NIGHT, age=0)
    assert [(each.call, each.number, each.queue, each.due) for each in salvaged.kept] == [
        (INFO.call, "+84901234567", "billing", FRIDAY_NIGHT + 60)
    ]
