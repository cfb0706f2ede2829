"""An agent on the line for a callback, against a real ledger and a real core; and the last word on it."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from floor import BINH
from outbound import LAN, NAM, Line, Outbound

from hotline.acd import desk as desk_module
from hotline.acd.model import CALLBACK, AgentState, CallState
from hotline.callbacks.ledger import Begun
from hotline.callbacks.states import State
from hotline.events import PromiseMoved
from hotline.flow.phone import Dialed, DialOutcome, HungUp, LineLost
from hotline.placing import last_word
from hotline.placing.hand import InHand, Unrung
from hotline.placing.last_word import LastWord
from hotline.store import Store, StoreDown

REACHED = LastWord(True, DialOutcome.ANSWERED, 60.0)


async def dies_while_they_talk(outbound: Outbound, id: str) -> InHand:
    hand = await outbound.in_hand(id)
    with pytest.raises(LineLost):
        await outbound.legs.serve(Line("2", LineLost("the service died")), hand)
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    return hand


async def test_agent_and_customer_talk_and_the_agent_wraps_up(outbound: Outbound):
    id = await outbound.promise()
    line = Line("21")
    await outbound.legs.serve(line, await outbound.in_hand(id))
    assert line.invites == [NAM]
    assert outbound.moves() == [("dialing", ""), ("talked", "")]
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP


async def test_agents_are_told_that_a_number_was_not_confirmed(outbound: Outbound):
    sure, unsure = Line(""), Line("")
    await outbound.legs.serve(sure, await outbound.in_hand(await outbound.promise()))
    await outbound.floor.core.ready("anna", outbound.now())
    await outbound.legs.serve(unsure, await outbound.in_hand(await outbound.promise(LAN, confirmed=False)))
    assert "callback-unconfirmed" not in sure.said
    assert unsure.said[unsure.said.index("callback-unconfirmed") + 1] == "callback-keys"


@pytest.mark.parametrize("recorded", [[], ["first"], ["second"], ["first", "second"]])
async def test_agents_are_told_of_messages_where_there_are_any(outbound: Outbound, recorded: list[str]):
    """Of two promises to one person, the later one is heard with the other."""
    for id in ("first", "second"):
        outbound.record(id, sound=id in recorded)
    line = Line("14" if recorded else "4")
    await outbound.legs.serve(line, await outbound.in_hand("first"))
    assert ("callback-keys-message" in line.said) is bool(recorded)
    assert sorted(line.played) == recorded
    assert "callback-no-message" not in line.said


@pytest.mark.parametrize("why", Unrung)
async def test_what_rang_nobody_is_no_attempt(outbound: Outbound, why: Unrung):
    id = await outbound.promise()
    for claim in ("claima", "claimb", "claimc", "claimd"):
        hand = await outbound.in_hand(id, claim)
        line = Line("2", why)
        await outbound.legs.serve(line, hand)
        assert "callback-not-now" in line.said
        found = await outbound.found(id)
        assert (found.state, found.attempts, found.outcome) == (State.RETRY, 0, why.name.lower())
        outbound.floor.moment = found.due + 1
        await outbound.floor.core.ready("anna", outbound.now())
        await outbound.ledger.catch_up()


async def test_a_pbx_that_refuses_to_ring_customers_is_told_once_and_stops_placing_for_a_while(outbound: Outbound):
    id = await outbound.promise()
    await outbound.legs.serve(Line("2", Unrung.REFUSED), await outbound.in_hand(id))
    assert outbound.brake.on
    outbound.brake.refused("pbx1")
    (told,) = outbound.log.calls
    assert (told.method_name, told.kwargs["pbx"]) == ("error", "pbx1")
    outbound.floor.moment += 61
    assert not outbound.brake.on


async def test_a_customer_who_is_rung_again_makes_the_next_refusal_news(outbound: Outbound):
    outbound.brake.refused("pbx1")
    await outbound.legs.serve(Line("21"), await outbound.in_hand(await outbound.promise()))
    outbound.brake.refused("pbx1")
    assert len(outbound.log.calls) == 2


async def test_a_session_that_is_cancelled_frees_nobody_who_talks(outbound: Outbound):
    id = await outbound.promise()
    line = Line("2")
    line.answered.clear()
    hand = await outbound.in_hand(id)
    session = asyncio.create_task(outbound.legs.serve(line, hand))
    await line.rings.wait()
    session.cancel()
    await asyncio.gather(session, return_exceptions=True)
    assert await outbound.floor.agent("anna") is AgentState.TALKING
    assert await outbound.legs.ended(hand, REACHED)
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP
    assert (await outbound.found(id)).state is State.TALKED


async def test_an_agent_who_hangs_up_wraps_up_and_the_last_word_moves_the_promise(outbound: Outbound):
    id = await outbound.promise()
    hand = await outbound.in_hand(id)
    with pytest.raises(HungUp):
        await outbound.legs.serve(Line("2", HungUp()), hand)
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP
    assert await outbound.legs.ended(hand, LastWord(True, DialOutcome.CANCELLED, 0.0))
    found = await outbound.found(id)
    assert (found.state, found.outcome, found.attempts) == (State.RETRY, "agent-hung-up", 1)


async def test_a_last_word_that_cannot_be_written_frees_the_agent_and_is_written_later(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "PATIENCE", 0.2)
    monkeypatch.setattr(last_word, "DISK_AGAIN", 0.1)
    id = await outbound.promise()
    hand = await dies_while_they_talk(outbound, id)
    outbound.harm_disk()
    assert not await outbound.legs.ended(hand, REACHED)
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP
    outbound.mend_disk()
    await outbound.floor.desk.close(5.0)
    assert outbound.moves()[-1] == ("talked", "")
    assert (await outbound.found(id)).state is State.TALKED


async def test_a_last_word_while_redis_is_away_is_told_when_it_is_back(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(desk_module, "PATIENCE", 0.2)
    id = await outbound.promise()
    hand = await dies_while_they_talk(outbound, id)

    async def away(*_: object) -> None:
        raise StoreDown("Redis does not answer.")

    with monkeypatch.context() as outage:
        outage.setattr(outbound.ledger, "find", away)
        outage.setattr(outbound.floor.core, "look", away)
        assert not await outbound.legs.ended(hand, REACHED)
    await outbound.floor.desk.close(5.0)
    assert (await outbound.found(id)).state is State.TALKED
    assert await outbound.floor.agent("anna") is AgentState.WRAP_UP


async def test_a_last_word_after_all_was_told_changes_nothing(outbound: Outbound):
    id = await outbound.promise()
    hand = await outbound.in_hand(id)
    await outbound.legs.serve(Line("22"), hand)  # an answering machine
    told = list(outbound.floor.events)
    assert await outbound.legs.ended(hand, REACHED)
    assert outbound.floor.events == told
    assert (await outbound.found(id)).outcome == "machine"


async def test_a_hand_of_before_disturbs_nobody(outbound: Outbound):
    id = await outbound.promise()
    now = await outbound.in_hand(id)
    line = Line("2")
    await outbound.legs.serve(line, InHand(id, "claimold", "binh", now.token - 1, "pbx1"))
    assert line.said == ["callback-gone", "the end"]
    assert line.invites == []
    standing = await outbound.floor.core.look(CALLBACK + id)
    assert standing.state is CallState.OFFERED
    assert standing.offer
    assert standing.offer.token == now.token
    assert await outbound.floor.agent("anna") is AgentState.OFFERED


async def test_an_attempt_is_begun_once_whoever_shares_the_claim(outbound: Outbound):
    await outbound.floor.core.login(BINH, outbound.now())
    id = await outbound.promise()
    promise = await outbound.ledger.claim("power", token="claima", cap=9)
    assert promise
    begun = [await outbound.ledger.begin(promise, "claima", who, f"claima:{who}:1") for who in ("anna", "binh")]
    assert begun == [Begun.GO, Begun.STALE]
    assert (await outbound.found(id)).attempts == 1


async def test_an_attempt_that_was_told_that_the_number_is_busy_does_not_take_the_number_over(
    outbound: Outbound, redis
):
    await outbound.promise()
    await outbound.promise(LAN)
    for claim, answer in (("claima", Begun.GO), ("claimb", Begun.NUMBER_BUSY)):
        promise = await outbound.ledger.claim("power", token=claim, cap=9)
        assert promise
        redis("HSET", f"hotline:promise:{promise.id}", "number", NAM)  # as of two spools, after a wipe
        assert await outbound.ledger.begin(await outbound.found(promise.id), claim, "anna") is answer
        assert await outbound.ledger.hold(promise.id, claim)
    assert redis("HGET", "hotline:ringing", NAM).startswith(b"claima ")


async def test_what_came_too_late_is_not_told(outbound: Outbound):
    id = await outbound.promise()
    hand = await outbound.in_hand(id)
    promise = await outbound.found(id)
    assert await outbound.ledger.begin(promise, hand.claim, "anna", hand.attempt) is Begun.GO
    under_way = await outbound.found(id)
    await outbound.ledger.move(under_way, State.CANCELLED, by="caller")
    outbound.floor.moment += 1
    await outbound.legs.ended(hand, LastWord(True, DialOutcome.BUSY, 0.0))
    await outbound.mover.move(under_way, last_word.Next(State.TALKED), token=hand.attempt)
    assert outbound.moves() == []


async def test_of_a_customer_who_did_not_answer_the_agent_is_not_asked(outbound: Outbound):
    line = Line("21", Dialed(DialOutcome.NO_ANSWER))
    await outbound.legs.serve(line, await outbound.in_hand(await outbound.promise()))
    assert "callback-outcome" not in line.said
    assert "callback-not-reached" in line.said
    assert outbound.moves()[-1] == ("retry", "no-answer")


async def test_an_agent_is_served_where_the_promise_is_of_that_spool(
    outbound: Outbound, store: Store, tmp_path: Path
):
    other = Outbound(outbound.floor, tmp_path / "other", store)
    hand = await outbound.in_hand(await outbound.promise())
    assert not await other.legs.may_serve(hand)
    assert await outbound.legs.may_serve(hand)


async def test_a_message_that_is_left_while_their_phone_is_busy_is_not_given_up(outbound: Outbound):
    """They leave it at the very moment of the last attempt."""
    id = await outbound.promise()
    settings = outbound.promises._callbacks["power"]
    outbound.promises._callbacks = {"power": replace(settings, attempts=1)}

    class Leaving(Line):
        async def call_customer(self, number: str, **about: Any) -> Dialed | Unrung:
            await outbound.promise()
            return await super().call_customer(number, **about)

    await outbound.legs.serve(Leaving("2", Dialed(DialOutcome.BUSY)), await outbound.in_hand(id))
    assert (await outbound.found(id)).state is State.RETRY


# -- the part of the day that a customer chose ----------------------------------------------------------------------

DAY = 86400.0
MORNING, NOON = 11 * DAY + 8 * 3600, 11 * DAY + 12 * 3600


async def morning(outbound: Outbound, at: float) -> tuple[str, InHand]:
    """A promise for this morning, in the hand of an agent at a moment."""
    outbound.floor.moment = at
    id = await outbound.promise(due=MORNING, part="morning")
    return id, await outbound.in_hand(id)


async def test_a_morning_promise_whose_agent_was_silent_just_before_noon_waits_for_the_next_morning(
    outbound: Outbound,
):
    id, hand = await morning(outbound, NOON - 20)
    await outbound.legs.serve(Line(""), hand)
    found = await outbound.found(id)
    assert (found.state, found.outcome, found.due) == (State.RETRY, "agent-silent", MORNING + DAY)


async def test_an_agent_who_presses_the_key_after_noon_rings_nobody_who_chose_the_morning(outbound: Outbound):
    id, hand = await morning(outbound, NOON - 20)
    outbound.floor.moment = NOON
    line = Line("2")
    await outbound.legs.serve(line, hand)
    assert (line.invites, line.said[-2:]) == ([], ["callback-not-now", "the end"])
    found = await outbound.found(id)
    assert (found.outcome, found.attempts, found.due) == ("closed-hours", 0, MORNING + DAY)


@pytest.mark.parametrize("limit", [Begun.NUMBER_FULL, Begun.DAY_FULL])
async def test_after_a_limit_a_customer_is_rung_in_the_same_part_of_the_next_day(
    outbound: Outbound, monkeypatch: pytest.MonkeyPatch, limit: Begun
):
    outbound.floor.moment = NOON + 2 * 3600
    id = await outbound.promise(part="afternoon")
    begin = outbound.ledger.begin

    async def full(*args: str) -> Begun:
        await begin(*args)
        return limit

    monkeypatch.setattr(outbound.ledger, "begin", full)
    await outbound.legs.serve(Line("2"), await outbound.in_hand(id))
    found = await outbound.found(id)
    assert (found.outcome, found.attempts, found.due) == (limit.value, 0, NOON + 3600 + DAY)


# -- what counts as a ring ------------------------------------------------------------------------------------------


def rung(outbound: Outbound) -> list[tuple[str, str, int]]:
    return [(event.state, event.outcome, event.attempts) for event in outbound.floor.all(PromiseMoved) if event.rung]


async def test_an_attempt_before_which_redis_failed_is_no_ring(outbound: Outbound, monkeypatch: pytest.MonkeyPatch):
    id = await outbound.promise()
    hand, begin = await outbound.in_hand(id), outbound.ledger.begin

    async def fails(*args: str) -> None:
        await begin(*args)  # its line is written
        raise StoreDown("Redis does not answer.")

    monkeypatch.setattr(outbound.ledger, "begin", fails)
    line = Line("2")
    await outbound.legs.serve(line, hand)
    found = await outbound.found(id)
    assert (found.state, found.outcome, found.attempts) == (State.RETRY, "not-begun", 0)
    assert (line.invites, rung(outbound)) == ([], [])


@pytest.mark.parametrize("why", Unrung)
async def test_a_customer_counts_as_rung_once_the_pbx_has_rung_them(outbound: Outbound, why: Unrung):
    id = await outbound.promise()
    await outbound.legs.serve(Line("2", why), await outbound.in_hand(id))
    assert rung(outbound) == []
    outbound.floor.moment = (await outbound.found(id)).due + 61
    await outbound.floor.core.ready("anna", outbound.now())
    await outbound.ledger.catch_up()
    await outbound.legs.serve(Line("2", Dialed(DialOutcome.BUSY)), await outbound.in_hand(id, "claimb"))
    assert rung(outbound) == [("retry", "busy", 1)]


@pytest.mark.parametrize("gone", [HungUp(), LineLost("the service died")])
async def test_a_customer_whose_session_ended_early_counts_as_rung_once_by_the_last_word(
    outbound: Outbound, gone: Exception
):
    hand = await outbound.in_hand(await outbound.promise())
    with pytest.raises(type(gone)):
        await outbound.legs.serve(Line("2", gone), hand)
    assert rung(outbound) == []
    assert await outbound.legs.ended(hand, REACHED)
    assert await outbound.legs.ended(hand, REACHED)
    assert rung(outbound) == [("talked", "", 1)]


async def test_whether_a_customer_was_rung_in_the_promised_hours_goes_by_when_it_rang(outbound: Outbound):
    _, hand = await morning(outbound, NOON - 20)

    class Talkative(Line):
        async def call_customer(self, number: str, **about: Any) -> Dialed | Unrung:
            outbound.floor.moment = NOON + 600
            return await super().call_customer(number, **about)

    await outbound.legs.serve(Talkative("21"), hand)
    assert [event.in_window for event in outbound.floor.all(PromiseMoved) if event.rung] == [True]


async def test_each_thing_that_a_pbx_refuses_is_told_once_and_holds_the_next(outbound: Outbound):
    for pbx, said in (("pbx1", "Permission denied"), ("pbx1", "Permission denied"), ("pbx2", "Permission denied")):
        outbound.brake.refused_agent(pbx, said)
    assert outbound.brake.on
    assert [(told.kwargs["pbx"], told.kwargs["said"]) for told in outbound.log.calls] == [
        ("pbx1", "Permission denied"),
        ("pbx2", "Permission denied"),
    ]
    assert "originate" in outbound.log.calls[0].args[0]
