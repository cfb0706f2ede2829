"""An agent's line during a callback: a phone from which a customer's phone is rung.

Rules of this file:
- What a stranger could put into a request is filtered here, once, by `in_hand`.
- The customer's phone is rung by the dialplan's [hotline-call-customer] alone, which reaches nothing else.
"""

from __future__ import annotations

import math
import re
from contextlib import suppress
from dataclasses import replace

from agi.channel import Channel, HungUp, WireLost
from agi.protocol import CommandRefused, Request
from hotline.acd.model import parse_offer
from hotline.callbacks.guard import E164
from hotline.flow.phone import CallInfo, Dialed, DialOutcome
from hotline.phones.agi import (
    CHANNEL,
    PREFIX,
    AgiPhone,
    BadCall,
    checked,
    on_the_line,
    outcome_of,
    seconds_between,
)
from hotline.phones.sounds import Sounds
from hotline.placing.hand import InHand, Unrung
from hotline.placing.last_word import LastWord
from hotline.settings import PBX_NAME

_ID = re.compile(r"[A-Za-z0-9._-]{1,120}")
_TOKEN = re.compile(r"[a-z]{1,40}")
_NOT_RUNG = {"": Unrung.REFUSED, "REFUSED": Unrung.REFUSED, "LATE": Unrung.LATE}
"""HOTLINE_CUSTOMER of an attempt in which nobody was rung; it is empty where the dialplan has no such context."""


def in_hand(request: Request) -> InHand:
    """From agi://…/callback,uniqueid,PBX,promise,claim,offer. Raises BadCall."""
    _, pbx, promise, claim, offer, *_ = (*request.args, *[""] * 5)
    held = parse_offer(offer)
    if held is None:
        raise BadCall("A callback's offer (fifth argument) is missing.")
    return InHand(
        promise=checked(_ID, promise, "promise (third argument)"),
        claim=checked(_TOKEN, claim, "claim (fourth argument)"),
        agent=held[0],
        token=held[1],
        pbx=checked(PBX_NAME, pbx, "PBX (second argument)"),
    )


def last_word(request: Request) -> LastWord:
    """From agi://…/callback-ended,uniqueid,PBX,promise,claim,offer,customer,DIALSTATUS,answered,now."""
    customer, status, answered, now, *_ = (*request.args[5:9], "", "", "", "")
    rung = customer not in _NOT_RUNG
    talked = seconds_between(answered, now) if rung and answered else 0.0
    return LastWord(rung, _reached(outcome_of(status if rung else ""), answered), talked)


def _reached(outcome: DialOutcome, answered: str) -> DialOutcome:
    """Who hung up during the greeting has not talked with the agent."""
    return DialOutcome.NO_ANSWER if outcome is DialOutcome.ANSWERED and not answered else outcome


async def told(channel: Channel) -> None:
    """Answer agi://…/callback-ended: no other service needs to be told."""
    with suppress(HungUp, WireLost):
        await channel.set_variable(PREFIX + "TOLD", "1")


class AgentPhone(AgiPhone):
    """The line of an agent who has answered a callback."""

    def __init__(self, channel: Channel, hand: InHand, *, sounds: Sounds, language: str) -> None:
        """Raises BadCall."""
        where = checked(CHANNEL, channel.request.channel, "agi_channel")
        info = CallInfo(call=hand.call, channel=where, pbx=hand.pbx, dialed="callback")
        super().__init__(channel, info, sounds=sounds, language=language, languages=(language,))

    @on_the_line
    async def epoch(self, /) -> int:
        """The PBX's clock, in whole seconds."""
        return int(await self._channel.get_variable("EPOCH") or 0)

    @on_the_line
    async def call_customer(
        self, /, number: str, *, before: int, seconds: float, caller_id: str, greeting: str, language: str
    ) -> Dialed | Unrung:
        """Ring a customer's phone, and talk; not when it is later than `before` by the PBX's clock.

        The customer hears the prompt `greeting` in `language` first. After the talk, or without one, the agent is
        still on the line; else HungUp. Raises ValueError for what is no international number.
        """
        if not E164.fullmatch(number):
            raise ValueError("A customer's number must be + and 8 to 15 digits.")
        await self._quiet()
        file = self._sounds.find(greeting, language) or ""
        with suppress(CommandRefused):  # its variables tell how far it came
            await self._channel.gosub(
                "hotline-call-customer", number, before, math.ceil(seconds), caller_id, "" if "," in file else file
            )
        customer, answered = await self._channel.get_variables(PREFIX + "CUSTOMER", PREFIX + "ANSWERED")
        if why := _NOT_RUNG.get(customer):
            return why
        dialed = await self._dialed()
        return replace(dialed, outcome=_reached(dialed.outcome, answered))
