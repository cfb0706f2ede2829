"""Toll fraud by callback: whatever number a promise has, and though an agent wants it, no such phone is ever rung."""

from __future__ import annotations

import asyncio
import contextlib
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from dialogue import NAM, agent

from hotline.callbacks.lines import Entry
from hotline.callbacks.outbox import Outbox, new_id
from lab.house import House
from lab.party import Call
from lab.world import World

TUESDAY = datetime(2026, 12, 1, 8, 0, 1, tzinfo=ZoneInfo("Asia/Ho_Chi_Minh"))

HOSTILE = (
    "+841900545454",  # premium
    "+84912345678&PJSIP/+881612345678@trunk",  # two phones at once
    "0084912345678",
    "+881612345678",  # a satellite
    "+870773111632",
    "+5352123456",  # a country that is not allowed
    "0912345678",  # national
    "84912345678",
    "113",
    "+84912345678/n",
    "+84912345678@premium",
    "+84912345678,30,tT",
    "+84912345678\r\nAction: Originate",
    "+84CALLNOW",
    "${SHELL(id)}",
    "+" + "84912345678" * 4,
    "+\u0668\u0664\u0669\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668",  # Arabic-Indic digits
    "+8491234567\N{SUPERSCRIPT TWO}",
    "+84 912 345 678",
    "+840912345678",
    "*97",
)
"""The first three are tried every time, all of them with --deep."""

_INVITE = re.compile(r"Received SIP request .*\n(?:.*\n)??INVITE sips?:([^@ ;>]*)")


def promised(house: House, number: str, after: timedelta) -> None:
    """A promise as the outbox has it, whoever wrote it there."""
    moment = (TUESDAY - timedelta(days=1) + after).timestamp()
    entry = Entry(
        id=new_id(), call="pbx1-1.1", queue="power", entry="1900", language="en", recorded_at=moment,
        due=moment, seconds=0.0, hung_up=True, kept_at=moment, sha256="", source="menu", number=number,
        confirmed=True,
    )  # fmt: skip
    Outbox(house.spool).add(entry)


async def tell_of_invites(world: World) -> None:
    """From now on the world writes down all SIP that it receives."""
    await world.console("module load res_pjsip_logger.so")
    assert "enabled" in (await world.console("pjsip set logger on")).lower()


def invited(world: World) -> list[str]:
    """Whom the INVITEs were for that came from the PBX; retransmissions count."""
    return _INVITE.findall(world.log.read_text(errors="replace"))


def refusals(house: House) -> int:
    """How often the PBX has played to an agent that the number must not be called."""
    return house.pbx.log.read_text(errors="replace").count(f"Playing '{house.sounds}/en/callback-not-allowed")


async def wants_it(house: House, ringing: Call, mark: int) -> None:
    """The agent answers and presses the key that rings the customer; again where a machine in need lost it."""
    await ringing.answer()
    await house.service.event("AgentAnswered", after=mark)
    before = refusals(house)
    async with asyncio.timeout(30):
        while refusals(house) == before:
            await ringing.press("2")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(8):
                    while refusals(house) == before:  # noqa: ASYNC110 - a log tells nobody
                        await asyncio.sleep(0.1)


async def test_no_hostile_number_is_ever_rung_though_an_agent_wants_it(callhouse: House, deep: bool):
    house = callhouse
    house.set_clock(TUESDAY)
    numbers = HOSTILE if deep else HOSTILE[:3]
    await tell_of_invites(house.world)
    for place, number in enumerate((*numbers, NAM)):
        promised(house, number, timedelta(minutes=place))
    anna, customer = await agent(house, "anna"), await house.world.number(NAM)
    for number in numbers:
        mark = house.service.mark()
        await wants_it(house, ringing := await anna.rings(within=20), mark)
        await ringing.press("4")
        await house.service.event("PromiseMoved", after=mark, state="closed", attempts=0)
        await ringing.finished()
        assert set(invited(house.world)) == {"anna"}, number

    await (ringing := await anna.rings(within=20)).answer()
    await ringing.hears(house.sounds / "en" / "callback-announce.wav", score=0.4)
    await ringing.press("2")
    await (await customer.rings()).reject()  # who watches for INVITEs sees those that come
    assert set(invited(house.world)) == {"anna", NAM}
