"""What a caller hears of the wait and the place: a scripted caller, a real Redis."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from floor import ANNA, BINH, POWER, Floor

from hotline.acd.announcing import Told
from hotline.acd.core import Core
from hotline.acd.model import Left, QueueSettings
from hotline.acd.waiting import wait_for_agent
from hotline.events import PromptPlayed
from hotline.flow.phone import BELL, Dialed, DialOutcome, HungUp, LineLost
from hotline.phones.scripted import INFO, ScriptedPhone

WAIT = replace(POWER, announce_wait=True, announce_every=6.0)
PLACE = replace(POWER, announce_place=True, announce_every=6.0)


async def somebody_waits(floor: Floor, queue: QueueSettings, seconds: float, call: str = "pbx1-9.9") -> None:
    arrival, now = floor.moment - seconds, floor.moment
    await floor.core.join(call, queue=queue, arrival=arrival, now=now, channel="PJSIP/x-1", pbx="pbx1")


async def somebody_works(floor: Floor) -> None:
    """An agent who is on the phone for themselves."""
    await floor.core.login(BINH, floor.moment)
    await floor.core.device(BINH.name, True, floor.moment)


async def heard(phone: ScriptedPhone, queue: QueueSettings, floor: Floor, told: Told | None = None) -> list[str]:
    """What is played to a caller until they hang up, without `>>`."""
    with pytest.raises(HungUp):
        await wait_for_agent(phone, queue, floor.desk, told=told)
    return [line[3:] for line in phone.heard if line.startswith(">>")]


async def test_one_who_begins_to_wait_is_told_the_place_and_the_wait(floor: Floor) -> None:
    queue = replace(WAIT, announce_place=True, announce=("please-hold",))
    await somebody_works(floor)
    await somebody_waits(floor, queue, 200.0)
    phone = ScriptedPhone(["", "", "", ""], before_move=floor.passing(3.0))
    assert await heard(phone, queue, floor) == [
        "say place-2 wait-2-to-5",
        "hold default",
        "say please-hold place-2 wait-2-to-5",
        "hold default",
        "say please-hold place-2 wait-2-to-5",
    ]
    assert floor.all(PromptPlayed)[0].prompts == ("place-2", "wait-2-to-5")


async def test_nothing_of_either_is_told_unless_the_queue_says_so(floor: Floor) -> None:
    await somebody_waits(floor, POWER, 200.0)
    queue = replace(POWER, announce=("please-hold",), announce_every=6.0)
    phone = ScriptedPhone(["", "", ""], before_move=floor.passing(3.0))
    assert await heard(phone, queue, floor) == ["hold default", "hold default", "say please-hold", "hold default"]


async def test_a_wait_that_grows_is_not_told_again(floor: Floor) -> None:
    await somebody_works(floor)
    await somebody_waits(floor, WAIT, 100.0)
    phone = ScriptedPhone(["", "", ""], before_move=floor.passing(30.0))
    assert await heard(phone, WAIT, floor) == ["say wait-under-2", "hold default", "hold default", "hold default"]


async def test_of_a_wait_that_nobody_knows_nothing_is_said(floor: Floor) -> None:
    """The first in line when nothing is measured yet: that they have waited for a second foretells nothing."""
    await somebody_works(floor)
    phone = ScriptedPhone(["", "", ""], before_move=floor.passing(3.0))
    assert await heard(phone, WAIT, floor) == ["hold default"] * 4


async def test_nothing_is_said_of_the_wait_while_nobody_works(floor: Floor) -> None:
    await somebody_waits(floor, WAIT, 100.0)
    assert await heard(ScriptedPhone([""]), WAIT, floor) == ["hold default"] * 2


async def test_the_bell_cuts_the_announcement_short(floor: Floor) -> None:
    await somebody_waits(floor, PLACE, 10.0)

    class Waiting(ScriptedPhone):
        async def say(self, prompts: Any, *, stop_keys: str = "") -> str:
            assert stop_keys == BELL
            await floor.core.leave("pbx1-9.9", Left.ABANDONED, floor.moment)
            await floor.core.login(ANNA, floor.moment)
            return await super().say(prompts, stop_keys=stop_keys)

    phone = Waiting([BELL], dials=[Dialed(DialOutcome.ANSWERED, 42.0)])
    assert await wait_for_agent(phone, PLACE, floor.desk)
    assert phone.heard == [">> say place-2", "<< D", ">> dial PJSIP/anna"]


async def test_a_place_that_got_worse_is_not_told_and_one_that_got_better_is(floor: Floor) -> None:
    await somebody_waits(floor, PLACE, 20.0, "pbx1-2.2")

    async def one_more_ahead() -> None:
        await somebody_waits(floor, PLACE, 600.0, "pbx1-3.3")

    async def two_less_ahead() -> None:
        for call in ("pbx1-2.2", "pbx1-3.3"):
            await floor.core.leave(call, Left.ABANDONED, floor.moment)

    happens = iter((one_more_ahead, two_less_ahead))

    class Waiting(ScriptedPhone):
        async def hold(self, seconds: float, *, music: str) -> str:
            floor.moment += 6.0
            await next(happens)()
            return await super().hold(seconds, music=music)

    said = await heard(Waiting(["", "", ""]), PLACE, floor)
    assert said == ["say place-2", "hold default", "hold default", "say place-1"]


async def test_one_who_is_sent_on_is_not_told_of_a_longer_wait_in_the_next_queue(floor: Floor) -> None:
    billing, told = replace(WAIT, name="billing", needs={}), Told()
    await somebody_works(floor)
    await somebody_waits(floor, WAIT, 100.0)
    assert (await heard(ScriptedPhone(), WAIT, floor, told))[0] == "say wait-under-2"
    await somebody_waits(floor, billing, 400.0, "pbx1-2.2")
    later = ScriptedPhone(info=replace(INFO, call="pbx1-3.3"))
    assert await heard(later, billing, floor, told) == ["hold default"]


async def test_one_who_comes_back_after_our_death_does_not_begin_anew(floor: Floor) -> None:
    await somebody_waits(floor, PLACE, 100.0)
    with pytest.raises(LineLost):
        await wait_for_agent(ScriptedPhone(["lost"]), PLACE, floor.desk)
    back = ScriptedPhone(["", "", ""], info=replace(INFO, attempt=2), before_move=floor.passing(3.0))
    back.notes["ARRIVED"] = f"{floor.moment} power"
    assert await heard(back, PLACE, floor) == ["hold default", "hold default", "say place-2", "hold default"]


async def test_while_redis_is_away_only_the_queues_own_announcement_is_heard(
    server: Any, connect: Callable[..., Awaitable[Any]]
) -> None:
    floor = Floor(Core(await connect(server.port, deadline=0.2)))
    server.kill()
    queue = replace(WAIT, announce_place=True, announce=("please-hold",))
    phone = ScriptedPhone(["", "", "", "lost"], before_move=floor.passing(3.0))
    with pytest.raises(LineLost):
        await wait_for_agent(phone, queue, floor.desk)
    said = [line for line in phone.heard if line.startswith(">>")]
    assert said == [">> hold default", ">> hold default", ">> say please-hold", ">> hold default"]
