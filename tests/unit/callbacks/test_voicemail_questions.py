"""From the end of the recording on nothing loses a message: not who hangs up, nor a lost line, a stop, or a death."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path, PurePath
from zoneinfo import ZoneInfo

import pytest
from recordings import aged, sound

from hotline.callbacks import keeping, voicemail
from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.lines import Entry
from hotline.callbacks.number import normal
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.settings import Dialing, Quota, VoicemailSettings
from hotline.callbacks.voicemail import Answering
from hotline.events import Event, VoicemailFailed, VoicemailSaved
from hotline.flow.phone import HungUp, LineLost, Recorded
from hotline.phones.scripted import INFO, ScriptedPhone

FRIDAY_NIGHT = datetime(2026, 11, 20, 22, 15, tzinfo=UTC).timestamp()
MONDAY = datetime(2026, 11, 23, 8, 0, tzinfo=UTC).timestamp()
OFFICE = Calendar("office", ZoneInfo("UTC"), {day: (Span.parse("08:00-17:00"),) for day in range(5)})
RULES = VoicemailSettings(
    "billing",
    "office",
    greeting=("billing-greeting", "voicemail-greeting"),
    reasons={"1": "reason-bill"},
    parts={"morning": Span.parse("08:00-12:00"), "afternoon": Span.parse("13:00-17:00")},
)
FIRST, SECOND, SHORT = sound(3), sound(4), sound(1)


class Caller(ScriptedPhone):
    """Leaves these recordings, one after the other; (…, True) hangs up in it. `moves` answer the questions."""

    def __init__(
        self, *moves: str, takes: tuple[tuple[bytes, bool], ...] = ((FIRST, False),), attempt: int = 1
    ) -> None:
        super().__init__(moves, info=replace(INFO, attempt=attempt))
        self._takes = iter(takes)

    async def record(self, path: PurePath, *, most: float, silence: float, stop_keys: str = "#") -> Recorded:
        self.heard.append(">> record")
        content, hung_up = next(self._takes)
        await asyncio.to_thread(Path(path).write_bytes, content)
        return Recorded(len(content) / 16000, hung_up, "" if hung_up else "#")


class Desk:
    """An answering machine and everything it told."""

    def __init__(self, outbox: Outbox, rules: VoicemailSettings = RULES, quota: Quota = Quota()) -> None:  # noqa: B008
        self.outbox, self.events = outbox, list[Event]()
        self.answering = Answering(
            outbox,
            Promises({"billing": rules}, {"office": OFFICE}),
            now=lambda: FRIDAY_NIGHT,
            emit=self.events.append,
            kept=lambda: None,
            region="VN",
            dialing=Dialing(allow=("+84",)),
            quota=quota,
        )

    async def take(self, phone: ScriptedPhone) -> None:
        await self.answering.take_message(phone, "billing")

    @property
    def kept(self) -> list[Entry]:
        return list(self.outbox.entries().entries)

    def recording(self, entry: Entry) -> bytes:
        return (self.outbox.kept / f"{entry.id}.wav").read_bytes()

    def told(self, kind: type[Event]) -> list[str]:
        return [getattr(each, "reason", "saved") for each in self.events if isinstance(each, kind)]


@pytest.fixture
def desk(outbox: Outbox) -> Desk:
    return Desk(outbox)


async def test_all_is_asked_then_kept_then_promised_for_the_part_of_the_day(desk: Desk) -> None:
    caller = Caller("#", "1", "1", "2")
    await desk.take(caller)
    said = [line for line in caller.heard if line.startswith(">>")]
    assert [line.split()[1:3] for line in said[:4]] == [
        ["say", "billing-greeting"],
        ["record"],
        ["ask", "message-review"],
        ["ask", "number-is"],
    ]
    assert said[-1] == ">> say message-saved callback-promise day-1 from-13-00 until-17-00"
    (entry,) = desk.kept
    assert (entry.number, entry.confirmed) == ("+84901234567", True)
    assert (entry.reason, entry.part) == ("reason-bill", "afternoon")
    assert (entry.due, entry.hung_up) == (MONDAY + 5 * 3600, False)
    assert desk.told(VoicemailSaved) == ["saved"]
    assert list(desk.outbox.tmp.iterdir()) == []
    assert caller.notes[voicemail.MESSAGE] == ""


@pytest.mark.parametrize("end", [HungUp, LineLost], ids=["hangs up", "line lost"])
@pytest.mark.parametrize("answered", range(4))
async def test_whoever_is_gone_at_a_question_has_left_the_message_and_the_answers(
    desk: Desk, end: type[Exception], answered: int
) -> None:
    caller = Caller(*("#", "1", "1", "2")[:answered], "hangup" if end is HungUp else "lost")
    with pytest.raises(end):
        await desk.take(caller)
    (entry,) = desk.kept
    assert entry.hung_up is (end is HungUp)
    assert (entry.confirmed, entry.reason) == (answered > 1, "reason-bill" if answered > 2 else "")
    assert desk.recording(entry) == FIRST
    assert desk.told(VoicemailSaved) == ["saved"]
    assert list(desk.outbox.tmp.iterdir()) == []


async def test_who_is_asked_when_the_service_stops_has_left_the_message(desk: Desk) -> None:
    asked = asyncio.Event()

    class Waiting(Caller):
        async def ask(self, prompts, *, seconds: float) -> str:
            asked.set()
            await asyncio.Event().wait()
            raise AssertionError

    session = asyncio.create_task(desk.take(Waiting()))
    await asyncio.wait_for(asked.wait(), 10)
    session.cancel()
    with pytest.raises(asyncio.CancelledError):
        await session
    await desk.answering.close()
    assert [desk.recording(entry) for entry in desk.kept] == [FIRST]


async def test_what_cannot_be_kept_of_one_who_hung_up_is_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(desk.outbox, "commit", full)
    with pytest.raises(HungUp):
        await desk.take(Caller("hangup"))
    assert desk.told(VoicemailFailed) == ["disk"]
    assert len(list(desk.outbox.tmp.glob("*.wav"))) == 1, "it lies there for the next round"


# -- recording again ----------------------------------------------------------------------------------------------


async def test_a_message_that_is_recorded_again_replaces_the_first_one(desk: Desk) -> None:
    caller = Caller("2", "#", "", takes=((FIRST, False), (SECOND, False)))
    await desk.take(caller)
    assert caller.heard[1:6] == [">> record", ">> ask message-review", "<< 2", ">> say record-again", ">> record"]
    assert [desk.recording(entry) for entry in desk.kept] == [SECOND]
    assert list(desk.outbox.tmp.iterdir()) == []


async def test_one_that_is_too_short_does_not(desk: Desk) -> None:
    caller = Caller("2", "#", "", takes=((FIRST, False), (SHORT, False)))
    await desk.take(caller)
    assert caller.heard[6:8] == [">> say message-too-short first-message-kept", ">> ask message-review"]
    assert [desk.recording(entry) for entry in desk.kept] == [FIRST]
    assert list(desk.outbox.tmp.iterdir()) == []


@pytest.mark.parametrize(("again", "kept"), [(SECOND, SECOND), (SHORT, FIRST), (b"", FIRST)])
async def test_who_hangs_up_while_saying_it_again_has_left_what_is_good(
    desk: Desk, again: bytes, kept: bytes
) -> None:
    with pytest.raises(HungUp):
        await desk.take(Caller("2", takes=((FIRST, False), (again, True))))
    (entry,) = desk.kept
    assert (desk.recording(entry), entry.hung_up) == (kept, True)


async def test_nobody_records_for_ever(desk: Desk) -> None:
    takes = ((FIRST, False),) * (voicemail.MOST_TAKES + 1)
    caller = Caller(*["2"] * voicemail.MOST_TAKES, "", takes=takes)
    await desk.take(caller)
    assert caller.heard.count(">> record") == voicemail.MOST_TAKES + 1
    assert len(desk.kept) == 1


# -- when the service dies ----------------------------------------------------------------------------------------


async def die_at(desk: Desk, *moves: str, monkeypatch: pytest.MonkeyPatch) -> Caller:
    """A caller is asked, and answers so far, when the service is killed: nothing is kept any more."""
    caller = Caller(*moves, "lost")
    with monkeypatch.context() as dead:

        async def nothing(*_: object) -> None:
            pass

        dead.setattr(keeping.Keeper, "keep_or_tell", nothing)
        with pytest.raises(LineLost):
            await desk.take(caller)
    assert desk.kept == []
    return caller


async def test_the_next_service_goes_on_with_the_questions(
    desk: Desk, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await die_at(desk, "#", "1", monkeypatch=monkeypatch)
    after, caller = Desk(outbox), Caller("#", "1", "1", attempt=2)
    caller.notes = before.notes
    await after.take(caller)
    assert [line.split()[1:3] for line in caller.heard if line.startswith(">>")][:3] == [
        ["ask", "message-review"],
        ["ask", "which-reason"],
        ["ask", "which-part"],
    ]
    (entry,) = after.kept
    assert (entry.number, entry.confirmed, entry.reason, entry.part) == (
        "+84901234567",
        True,
        "reason-bill",
        "morning",
    )
    assert after.recording(entry) == FIRST


async def test_if_nobody_goes_on_it_is_salvaged_with_what_was_answered(
    desk: Desk, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    await die_at(desk, "#", "1", "1", monkeypatch=monkeypatch)
    for file in outbox.tmp.iterdir():
        aged(file, 3600)
    (entry,) = Salvage(outbox, due=lambda *_: MONDAY, region="VN").recover(FRIDAY_NIGHT, age=600).kept
    assert (entry.number, entry.confirmed, entry.reason) == ("+84901234567", True, "reason-bill")


async def test_one_that_was_kept_before_the_service_died_is_only_promised(desk: Desk, outbox: Outbox) -> None:
    class Dying(Caller):
        async def say(self, prompts, *, stop_keys: str = "") -> str:
            if "message-saved" in prompts:
                raise LineLost
            return await super().say(prompts, stop_keys=stop_keys)

    before = Dying("#", "1", "1", "1")
    with pytest.raises(LineLost):
        await desk.take(before)
    after, caller = Desk(outbox), Caller(attempt=2)
    caller.notes = before.notes
    await after.take(caller)
    assert caller.heard == [">> say message-saved callback-promise day-1 from-08-00 until-17-00"]
    assert len(after.kept) == 1


async def test_one_that_both_services_keep_is_kept_once(
    desk: Desk, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first one lives: only its line to the PBX broke, and the caller was with the next one at once."""
    before = await die_at(desk, "#", "1", monkeypatch=monkeypatch)

    class Meanwhile(Caller):
        async def ask(self, prompts, *, seconds: float) -> str:
            if "which-part" in prompts:
                (path,) = outbox.tmp.glob("*.wav")
                about = {
                    "call": "",
                    "number": "",
                    "queue": "billing",
                    "entry": "",
                    "language": "en",
                    "hung_up": False,
                }
                await asyncio.to_thread(outbox.keep, path.stem, **about, recorded_at=0.0, due=0.0, now=FRIDAY_NIGHT)
            return await super().ask(prompts, seconds=seconds)

    after, caller = Desk(outbox), Meanwhile("#", "1", "1", attempt=2)
    caller.notes = before.notes
    await after.take(caller)
    assert caller.heard[-1].startswith(">> say message-saved")
    assert len(after.kept) == 1
    assert after.told(VoicemailSaved) == []


@pytest.mark.parametrize("id", ["", "../../etc/passwd", "a" * 17, "?"])
async def test_a_note_of_nothing_is_a_message_from_the_beginning(desk: Desk, id: str) -> None:
    caller = Caller("", "", attempt=2)
    caller.notes[voicemail.MESSAGE] = id
    await desk.take(caller)
    assert caller.heard[0] == ">> say billing-greeting voicemail-greeting"
    assert len(desk.kept) == 1


async def test_a_message_is_in_hand_as_long_as_the_caller_is_asked(
    desk: Desk, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keeping, "HOLD_EVERY", 0.01)

    class Slow(Caller):
        async def ask(self, prompts, *, seconds: float) -> str:
            for file in outbox.tmp.iterdir():
                aged(file, 3600)
            await asyncio.sleep(0.2)
            salvaged = await asyncio.to_thread(
                Salvage(outbox, due=lambda *_: MONDAY, region="VN").recover, FRIDAY_NIGHT, age=600
            )
            assert salvaged.kept == []
            return await super().ask(prompts, seconds=seconds)

    await desk.take(Slow("#", ""))
    assert len(desk.kept) == 1


# -- room ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("quota", "prompt", "reason"),
    [
        (Quota(per_number=1), "mailbox-full-number", "too-many"),
        (Quota(free=1 << 40), "mailbox-full", "full"),
    ],
)
async def test_who_finds_no_room_is_told_before_speaking(
    outbox: Outbox, quota: Quota, prompt: str, reason: str
) -> None:
    await Desk(outbox).take(Caller("#", ""))
    desk, caller = Desk(outbox, quota=quota), Caller()
    await desk.take(caller)
    assert caller.heard == [f">> say {prompt}"]
    assert desk.told(VoicemailFailed) == [reason]


async def test_a_number_that_has_its_messages_is_not_taken_when_it_is_keyed_in(outbox: Outbox) -> None:
    await Desk(outbox).take(Caller("#", ""))
    desk = Desk(outbox, quota=Quota(per_number=1))
    hidden = Caller("#", "0901234567", "", "")
    hidden.info = replace(INFO, caller="")
    await desk.take(hidden)
    assert [each.number for each in desk.kept] == [normal(INFO.caller, "VN"), ""]
    assert any("number-not-dialable" in each for each in hidden.heard)


@pytest.mark.parametrize("hangs_up", [False, True])
async def test_what_the_disk_has_cut_short_is_kept_as_far_as_it_goes_and_told(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch, hangs_up: bool
) -> None:
    monkeypatch.setattr(voicemail, "CUT_SHORT", -10.0)  # as if the recording had taken ten seconds more
    desk = Desk(outbox, replace(RULES, review=False, confirm=False, reasons={}, parts={}, silence=1.0))
    caller = Caller(takes=((FIRST, hangs_up),))
    if hangs_up:
        with pytest.raises(HungUp):
            await desk.take(caller)
    else:
        await desk.take(caller)
        assert caller.heard[2] == ">> say message-cut-short"
    assert desk.told(VoicemailFailed) == ["cut-short"]
    assert [desk.recording(entry) for entry in desk.kept] == [FIRST]


async def test_a_disk_that_takes_nothing_is_no_fault_of_the_caller(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(voicemail, "CUT_SHORT", -10.0)
    desk, caller = Desk(outbox), Caller(takes=((SHORT, False),))
    await desk.take(caller)
    assert caller.heard[-1] == ">> say technical-problem"
    assert desk.told(VoicemailFailed) == ["disk"]
