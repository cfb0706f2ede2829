"""Calls, talks and agents in few words, for tests of the queue core."""

from __future__ import annotations

from typing import Any

from hotline.acd.core import Core
from hotline.acd.model import AgentSettings, Change, QueueSettings

T = 1_760_000_000.0
DESK = QueueSettings("desk", {})
SALES = QueueSettings("sales", {"sales": 1})


def agent(name: str, **about: Any) -> AgentSettings:
    return AgentSettings(name, f"PJSIP/{name}", about.pop("skills", {"sales": 1}), **about)


async def join(core: Core, call: str, queue: QueueSettings = SALES, *, at: float = T, **more: str) -> Change:
    return await core.join(call, queue=queue, arrival=at, now=at, channel=f"PJSIP/{call}", pbx="pbx1", **more)


async def talk(core: Core, call: str, seconds: float, *, at: float) -> Change:
    """A call that has an offer is answered at once, and the conversation lasts so long."""
    offer = (await core.look(call)).offer
    assert offer
    assert (await core.answered(call, offer.agent, offer.token, at)).applied
    return await core.finished(call, offer.agent, offer.token, at + seconds)


async def length(core: Core, queue: str) -> int:
    """How many of a queue have not been answered yet."""
    count = (await core.snapshot()).queues.get(queue)
    return count.waiting if count else 0


def offers(change: Change) -> list[tuple[str, str]]:
    return [(offer.call, offer.agent) for offer in change.offers]
