"""While an agent's phone rings for an offer, the agent stays held by it; and what a dial was that nobody answered."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

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
async def held(desk: Desk, offer: Offer) -> AsyncIterator[None]:
    """Renew the lease of an offer that was taken."""
    renewing = asyncio.create_task(_renew(desk, offer), name=f"renew {offer.call}")
    try:
        yield
    finally:
        renewing.cancel()
        await asyncio.gather(renewing, return_exceptions=True)


async def _renew(desk: Desk, offer: Offer) -> None:
    """Until they talk, or the offer is over."""
    applied = True
    while applied:
        await asyncio.sleep(RENEW_EVERY)
        now = desk.now()
        with contextlib.suppress(StoreDown):
            applied = (await desk.core.take(offer, now, now + LEASE_MARGIN)).applied
