"""The roster: who works is who the configuration has, with the phone and the skills that it says."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from hotline.acd.desk import RETRY_EVERY, Desk
from hotline.acd.model import AgentSettings
from hotline.store import StoreDown


async def keep_roster(desk: Desk, agents: Mapping[str, AgentSettings]) -> None:
    """Log out who is not in `agents` (after the conversation, if there is one); the others go on with what they do.

    Waits for Redis if need be. An agent who logs in later gets the settings of then.
    """
    while True:
        try:
            for name in (await desk.core.snapshot()).agents:
                settings, now = agents.get(name), desk.now()
                change = await (desk.core.refresh(settings, now) if settings else desk.core.logout(name, now))
                desk.carry_out(change, "configuration")
        except StoreDown:
            await asyncio.sleep(RETRY_EVERY)
        else:
            return
