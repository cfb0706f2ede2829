"""While an agent's phone rings for an offer, the agent stays held by it; and what a dial was that nobody answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from hotline.acd.desk import Desk
from hotline.acd.model import Missed, Offer
from hotline.flow.phone import DialOutcome
from hotline.store import StoreDown

LEASE_MARGIN = 30.0
"""How long an agent stays held after the last sign of life of the session that rings them."""

RENEW_EVERY = 5.0

MISSES = {
    DialOutcome.NO_ANSWER: Missed.NO_ANSWER,
    DialOutcome.BUSY: Missed.BUSY,
    DialOutcome.REJECTED: Missed.REJECTED,
    DialOutcome.UNREACHABLE: Missed.UNREGISTERED,
}


@contextlib.asynccontextmanager
async def renewing(call: str, renew: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Show every few seconds that we are alive, until `renew` says that it matters no more."""
    task = asyncio.create_task(_renew(renew), name=f"renew {call}")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _renew(renew: Callable[[], Awaitable[bool]]) -> None:
    matters = True
    while matters:
        await asyncio.sleep(RENEW_EVERY)
        with contextlib.suppress(StoreDown):
            matters = await renew()


def held(desk: Desk, offer: Offer) -> contextlib.AbstractAsyncContextManager[None]:
    """Renew the lease of an offer that was taken, until they talk, or it is over."""

    async def renew() -> bool:
        now = desk.now()
        return (await desk.core.take(offer, now, now + LEASE_MARGIN)).applied

    return renewing(offer.call, renew)
