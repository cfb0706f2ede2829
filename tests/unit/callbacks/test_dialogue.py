"""The questions about a message, as a transcript: what the caller hears and presses, and what is known afterwards."""

from __future__ import annotations

from dataclasses import replace
from pathlib import PurePath

import pytest

from hotline.callbacks.calendar import Span
from hotline.callbacks.dialogue import REVIEWS, TRIES, About, Questions, Speaker
from hotline.callbacks.guard import Guard
from hotline.callbacks.settings import Dialing, VoicemailSettings
from hotline.events import Event, PromptPlayed
from hotline.flow.phone import HungUp
from hotline.phones.scripted import ScriptedPhone

OURS, OTHER = "+84901234567", "+84907654321"
GUARD = Guard(Dialing(allow=("+84",)))
RULES = VoicemailSettings("billing", "office")
ALL = replace(
    RULES,
    reasons={"1": "reason-outage", "*": "reason-bill"},
    parts={"morning": Span.parse("08:00-12:00"), "evening": Span.parse("17:00-20:00")},
)
IS_OURS = ">> ask number-is " + " ".join(f"digit-{digit}" for digit in "0901234567") + " number-right"
IS_OTHER = ">> ask number-is " + " ".join(f"digit-{digit}" for digit in "0907654321") + " number-right"
ENTER = ">> digits number-enter"
REASON = ">> ask which-reason reason-outage press-1 reason-bill press-star"
PART = ">> ask which-part part-morning press-1 part-evening press-2"


class Call:
    """A caller with a script, and the questions about their message."""

    def __init__(
        self, *moves: str, settings: VoicemailSettings = RULES, number: str = OURS, region: str = "VN"
    ) -> None:
        self.phone = ScriptedPhone(moves)
        self.events: list[Event] = []
        self.learnt: list[dict[str, str]] = []
        self.about = About(number)
        speaker = Speaker(self.phone, lambda: 0.0, self.events.append)
        self.questions = Questions(
            speaker, settings, self.about, why_not=GUARD.why_not, region=region, learnt=self._learn
        )

    async def _learn(self) -> None:
        self.learnt.append(self.about.note())

    async def ask(self) -> list[str]:
        """Ask it all; the transcript."""
        await self.questions.ask()
        return self.phone.heard

    async def is_good(self) -> tuple[bool, list[str]]:
        return await self.questions.is_good(PurePath("m.wav")), self.phone.heard


# -- is it good? --------------------------------------------------------------------------------------------------

REVIEW = ">> ask message-review"


@pytest.mark.parametrize(("key", "good"), [("#", True), ("", True), ("2", False)])
async def test_a_message_is_kept_by_hash_and_by_silence_and_made_again_by_2(key: str, good: bool) -> None:
    assert await Call(key).is_good() == (good, [REVIEW, f"<< {key or 'silence'}"])


async def test_the_caller_may_listen_and_listen_again(good: bool = True) -> None:
    heard = [REVIEW, "<< 1", ">> play", "<< silence"]
    assert await Call("1", "", "1", "", "#").is_good() == (True, [*heard, *heard, REVIEW, "<< #"])


@pytest.mark.parametrize(("key", "good"), [("2", False), ("#", True)])
async def test_a_key_while_it_plays_is_an_answer(key: str, good: bool) -> None:
    assert await Call("1", key).is_good() == (good, [REVIEW, "<< 1", ">> play", f"<< {key}"])


async def test_another_key_is_told_to_be_none() -> None:
    assert await Call("7", "#").is_good() == (True, [REVIEW, "<< 7", ">> ask invalid-key message-review", "<< #"])


async def test_nobody_listens_for_ever() -> None:
    good, heard = await Call(*["1", ""] * REVIEWS).is_good()
    assert good
    assert heard.count(">> play") == REVIEWS


async def test_a_queue_without_review_asks_nothing() -> None:
    assert await Call(settings=replace(RULES, review=False)).is_good() == (True, [])


# -- whom to call? ------------------------------------------------------------------------------------------------


async def test_a_number_is_right_by_1() -> None:
    call = Call("1")
    assert await call.ask() == [IS_OURS, "<< 1"]
    assert call.about == About(OURS, confirmed=True)
    assert call.learnt == [call.about.note()]


async def test_a_number_of_which_nothing_is_said_stays_what_the_network_sent() -> None:
    call = Call("")
    assert await call.ask() == [IS_OURS, "<< silence"]
    assert call.about == About(OURS, confirmed=False)


async def test_another_number_is_keyed_in_and_read_back() -> None:
    call = Call("2", "0907654321#", "1")
    assert await call.ask() == [IS_OURS, "<< 2", ENTER, "<< 0907654321#", IS_OTHER, "<< 1"]
    assert call.about == About(OTHER, confirmed=True)


async def test_who_keys_in_a_number_and_hangs_up_means_it() -> None:
    call = Call("2", "0907654321#", "hangup")
    with pytest.raises(HungUp):
        await call.ask()
    assert call.about == About(OTHER, confirmed=True)
    assert call.learnt[-1] == call.about.note()


async def test_who_takes_back_what_was_keyed_in_has_the_first_number_again() -> None:
    call = Call("2", "0907654321#", "2", "", "")
    await call.ask()
    assert call.about == About(OURS, confirmed=False)


@pytest.mark.parametrize(
    "number", ["", "anonymous", "*66", "+1900", "+84190012345678901", "+8490&12", "+12025550123", "0901234567"]
)
async def test_a_number_that_is_withheld_or_not_called_is_asked_for_at_once(number: str) -> None:
    call = Call("0907654321#", "1", number=number)
    assert await call.ask() == [ENTER, "<< 0907654321#", IS_OTHER, "<< 1"]
    assert call.about == About(OTHER, confirmed=True)


@pytest.mark.parametrize("keys", ["12#", "00" * 9, "*#", "0012025550123#", "19001234#", "99999999999999999999"])
async def test_keys_that_are_no_number_that_we_call_are_told_to_be_none(keys: str) -> None:
    call = Call(keys, "0907654321#", "1", number="")
    heard = await call.ask()
    assert heard[:4] == [ENTER, f"<< {keys}", ">> digits number-not-dialable number-enter", "<< 0907654321#"]
    assert call.about == About(OTHER, confirmed=True)


async def test_who_never_finds_a_number_is_not_asked_for_ever() -> None:
    call = Call(*["12#"] * TRIES, number="")
    await call.ask()
    assert call.about == About("", confirmed=False)


async def test_who_has_no_number_and_says_none_is_asked_twice() -> None:
    assert await Call("", "", number="").ask() == [ENTER, "<< silence"] * 2


async def test_a_wrong_key_is_no_answer() -> None:
    call = Call("5", "1")
    assert await call.ask() == [IS_OURS, "<< 5", IS_OURS.replace("ask ", "ask invalid-key "), "<< 1"]
    assert call.about.confirmed


async def test_without_a_country_a_number_is_keyed_in_as_from_abroad() -> None:
    call = Call("0084907654321#", "1", number="", region="")
    heard = await call.ask()
    assert heard[2].startswith(">> ask number-is digit-plus digit-8 digit-4 digit-9 ")
    assert call.about == About(OTHER, confirmed=True)


async def test_a_queue_that_confirms_no_number_asks_for_none() -> None:
    call = Call(settings=replace(RULES, confirm=False), number="")
    assert await call.ask() == []


# -- why, and when? -----------------------------------------------------------------------------------------------


async def test_a_reason_and_a_part_of_the_day_are_chosen() -> None:
    call = Call("1", "*", "2", settings=ALL)
    assert await call.ask() == [IS_OURS, "<< 1", REASON, "<< *", PART, "<< 2"]
    assert call.about == About(OURS, confirmed=True, reason="reason-bill", part="evening")
    assert [note["reason"] + note["part"] for note in call.learnt] == ["", "reason-bill", "reason-billevening"]


async def test_a_wrong_choice_is_told_to_be_none() -> None:
    call = Call("1", "9", "1", "", settings=ALL)
    heard = await call.ask()
    assert heard[4] == REASON.replace("ask ", "ask invalid-key ")
    assert (call.about.reason, call.about.part) == ("reason-outage", "")


async def test_who_chooses_nothing_that_makes_sense_goes_on() -> None:
    call = Call("1", *["9"] * TRIES, "1", settings=ALL)
    await call.ask()
    assert (call.about.reason, call.about.part) == ("", "morning")


@pytest.mark.parametrize("answers", [[""], ["1", ""], ["1", "1", ""]])
async def test_who_is_silent_to_one_question_is_asked_no_other(answers: list[str]) -> None:
    heard = await Call(*answers, settings=ALL).ask()
    assert [line for line in heard if line.startswith(">>")] == [IS_OURS, REASON, PART][: len(answers)]


async def test_what_is_known_already_is_not_asked_again() -> None:
    call = Call("2", settings=ALL)
    call.questions.about = About(OURS, confirmed=True, reason="reason-bill")
    assert await call.ask() == [PART, "<< 2"]


async def test_no_event_tells_a_digit_of_the_number() -> None:
    call = Call("2", "0907654321#", "1")
    await call.ask()
    told = [each.prompts for each in call.events if isinstance(each, PromptPlayed)]
    assert told == [("number-is", "number-right"), ("number-enter",), ("number-is", "number-right")]
    assert "0907654321" not in repr(call.events) + repr(call.about)
