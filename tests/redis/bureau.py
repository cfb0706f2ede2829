"""Where callers ask to be called back: a queue's floor, with an outbox and a ledger of promises."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from floor import Floor

from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.guard import Guard
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.requests import Requests
from hotline.callbacks.settings import CallbackSettings, Dialing, VoicemailSettings
from hotline.callbacks.states import State
from hotline.callbacks.superseding import Superseding
from hotline.callbacks.trouble import Trouble
from hotline.store import Store

UTC = ZoneInfo("UTC")
OFFICE = Calendar("office", UTC, dict.fromkeys(range(5), (Span.parse("08:00-12:00"), Span.parse("13:00-17:00"))))
MAIL = VoicemailSettings("power", "office")
CALLBACKS = CallbackSettings("power", offer_above=60.0, key="*")

AFTERNOON = 1_000_000.0
"""Monday the 12th of January 1970, 13:46:40: the floor's clock begins here."""
NIGHT = AFTERNOON + 5 * 3600
TUESDAY = 12 * 86400.0
SAID = frozenset(("callback-promise", "today", "tomorrow", "from-08-00", "from-13-00", "until-12-00", "until-17-00"))


class Bureau:
    """For the queue "power" of a floor, by whose clock it goes. `prompts` are those that can be said."""

    def __init__(
        self,
        floor: Floor,
        spool: Path,
        store: Store,
        *,
        mail: VoicemailSettings = MAIL,
        callbacks: CallbackSettings = CALLBACKS,
        patience: float = 5.0,
    ) -> None:
        self.floor, self.outbox = floor, Outbox(spool)
        self.troubles: list[Trouble] = []
        self.trouble = asyncio.Event()
        self.outbox.prepare()
        dialing, emit = Dialing(allow=("+84",)), floor.events.append
        indexer = Indexer(store, self.outbox, self.now, tell=self._tell)
        self.ledger = Ledger(store, self.outbox, indexer, self.now, dialing=dialing, zone=UTC)
        promises = Promises({"power": mail}, {"office": OFFICE}, {"power": callbacks})
        mover = Mover(self.ledger, promises, self.now, emit)
        self.requests = Requests(
            self.ledger,
            mover,
            promises,
            {"power": callbacks},
            why_not=Guard(dialing).why_not,
            prompts=SAID,
            now=self.now,
            emit=emit,
            region="VN",
            patience=patience,
        )
        self.superseding = Superseding(
            self.ledger, mover, floor.core.ended, indexer.catch_up, now=self.now, tell=self._tell, region="VN"
        )

    def _tell(self, trouble: Trouble) -> None:
        self.troubles.append(trouble)
        self.trouble.set()

    def now(self) -> float:
        return self.floor.moment

    def lines(self) -> list[dict[str, Any]]:
        """All that is written of promises."""
        files = sorted(self.outbox.lines.glob("*.jsonl"))
        return [json.loads(line) for file in files for line in file.read_text().splitlines()]

    async def state(self, id: str) -> State:
        promise = await self.ledger.find(id)
        assert promise
        return promise.state

    def harm_disk(self) -> None:
        """From now on nothing can be written down."""
        self.outbox.lines.rename(self.outbox.spool / "was-outbox")

    def mend_disk(self) -> None:
        (self.outbox.spool / "was-outbox").rename(self.outbox.lines)
