"""Where promises are kept by telephone: a queue's floor with an outbox, a ledger, and all that places callbacks. The
PBXs and the agents' lines do as they are told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path, PurePath
from typing import Any
from zoneinfo import ZoneInfo

from floor import POWER, Floor
from structlog.testing import CapturingLogger

from hotline.acd.bell import Bell
from hotline.acd.model import CALLBACK, CallState, Missed, Offer
from hotline.acd.virtual import PBX, queue_of_callbacks
from hotline.callbacks.calendar import Calendar, Span
from hotline.callbacks.guard import Guard
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.lending import Lending
from hotline.callbacks.lines import Entry
from hotline.callbacks.moving import Mover
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import CallbackSettings, Dialing, VoicemailSettings
from hotline.events import PromiseMoved
from hotline.flow.phone import Dialed, DialOutcome
from hotline.placing.brake import Brake
from hotline.placing.hand import InHand, Unrung
from hotline.placing.leg import Legs
from hotline.placing.parts import PartsOfTheDay
from hotline.placing.placing import Placing
from hotline.placing.reaper import Reaper
from hotline.store import Store

UTC = ZoneInfo("UTC")
ALWAYS = Calendar("always", UTC, dict.fromkeys(range(7), (Span.parse("00:00-24:00"),)))
PARTS = {"morning": Span.parse("08:00-12:00"), "afternoon": Span.parse("13:00-17:00")}
CALLBACKS = CallbackSettings("power", reserve=0, share=1.0)
NAM, LAN = "+84901234567", "+84907654321"
TALKED = Dialed(DialOutcome.ANSWERED, 5.0)


class Switches:
    """The PBXs. `channels_of` is by their names; one that is not there cannot be asked."""

    def __init__(self) -> None:
        self.any_up = True
        self.channels_of: dict[str, frozenset[str]] = {}
        self.rings: list[Mapping[str, str]] = []
        self.rung = asyncio.Event()
        self.answer: Callable[[], Awaitable[Missed | None]] = _nobody

    @property
    def ring_agent(self) -> Callable[..., Awaitable[Missed | None]]:
        return self._ring

    async def _ring(self, phone: str, *, variables: Mapping[str, str], **about: Any) -> Missed | None:
        self.rings.append(variables)
        self.rung.set()
        return await self.answer()

    async def channels(self, pbx: str) -> frozenset[str] | None:
        return self.channels_of.get(pbx)


async def _nobody() -> Missed | None:
    return Missed.NO_ANSWER


class Line:
    """An agent's line: the keys that they press, and how the customer's phone is rung (`dialed`, or raised)."""

    language = "en"

    def __init__(self, keys: str = "2", dialed: Dialed | Unrung | BaseException = TALKED) -> None:
        self.keys, self.dialed = list(keys), dialed
        self.said: list[str] = []
        self.played: list[str] = []
        """Whose messages."""
        self.invites: list[str] = []
        self.rings, self.answered = asyncio.Event(), asyncio.Event()
        self.answered.set()

    async def say(self, prompts: tuple[str, ...], *, stop_keys: str = "") -> str:
        self.said += prompts
        return ""

    async def ask(self, prompts: tuple[str, ...], *, seconds: float) -> str:
        self.said += prompts
        return self.keys.pop(0) if self.keys else ""

    async def play(self, path: PurePath, *, stop_keys: str = "") -> str:
        self.played.append(path.name.split("-")[0])
        return ""

    async def hang_up(self) -> None:
        self.said.append("the end")

    async def epoch(self) -> int:
        return 0

    async def call_customer(self, number: str, **about: Any) -> Dialed | Unrung:
        self.invites.append(number)
        self.rings.set()
        await self.answered.wait()
        if isinstance(self.dialed, BaseException):
            raise self.dialed
        return self.dialed


class Outbound:
    """For the queue "power" of a floor, by whose clock it goes."""

    def __init__(self, floor: Floor, spool: Path, store: Store, calendar: Calendar = ALWAYS) -> None:
        self.floor, self.outbox, self.switches = floor, Outbox(spool), Switches()
        self.outbox.prepare()
        dialing, self.log = Dialing(allow=("+84",)), CapturingLogger()
        indexer = Indexer(store, self.outbox, self.now, tell=print)
        self.ledger = Ledger(store, self.outbox, indexer, self.now, dialing=dialing, zone=UTC)
        mail = VoicemailSettings("power", "always", parts=PARTS)
        self.promises = Promises({"power": mail}, {"always": calendar}, {"power": CALLBACKS})
        self.mover = Mover(self.ledger, self.promises, self.now, floor.events.append)
        self.parts = PartsOfTheDay(self.ledger, self.mover, self.promises, {"power"}, now=self.now)
        self.brake = Brake(self.now, self.log)
        self.placing = Placing(
            self.ledger,
            floor.desk,
            self.switches,
            self.promises,
            self.parts,
            queues={"power": POWER},
            settings={"power": CALLBACKS},
            brake=self.brake,
            log=self.log,
        )
        floor.desk._bell = Bell({PBX: self.placing.chime}, floor.core.taken)
        self.reaper = Reaper(self.ledger, floor.desk, self.switches, self.promises, self.mover)
        self.legs = Legs(
            self.ledger,
            floor.desk,
            self.mover,
            self.promises,
            Lending(self.outbox),
            guard=Guard(dialing),
            dialing=dialing,
            brake=self.brake,
            region="VN",
        )

    def now(self) -> float:
        return self.floor.moment

    async def promise(self, number: str = NAM, **about: Any) -> str:
        wanted = {"queue": "power", "source": "web", "due": self.floor.moment, **about}
        return (await self.ledger.request(number=number, **wanted)).id

    def record(self, id: str, *, sound: bool) -> None:
        """Promise a call to Nam, with a message or without."""
        now = self.floor.moment
        entry = Entry(
            id=id, call="", queue="power", entry="", language="", recorded_at=now, due=now, seconds=0.0,
            hung_up=False, kept_at=now, sha256="0" * 64 if sound else "", number=NAM,
        )  # fmt: skip
        self.outbox.add(entry)
        if sound:
            (self.outbox.kept / f"{id}.wav").touch()

    async def found(self, id: str) -> Promise:
        promise = await self.ledger.find(id)
        assert promise
        return promise

    async def offered(self, id: str, claim: str = "claima") -> Offer:
        """The promise is in the hand of `claim`, and an agent's phone rings for it."""
        promise = await self.ledger.claim("power", token=claim, cap=9)
        assert promise and promise.id == id
        call, now = CALLBACK + id, self.floor.moment
        change = await self.floor.core.join(
            call, queue=queue_of_callbacks(POWER), arrival=promise.arrival, now=now, channel=call, pbx=PBX, force=True
        )
        (offer,) = change.offers
        await self.floor.core.take(offer, now, now + 40)
        return offer

    async def in_hand(self, id: str, claim: str = "claima", pbx: str = "pbx1") -> InHand:
        """An agent has answered."""
        offer = await self.offered(id, claim)
        return InHand(id, claim, offer.agent, offer.token, pbx)

    async def placing_waits(self, id: str) -> None:
        """Until the promise is in line for an agent."""
        async with asyncio.timeout(5):
            while (await self.floor.core.look(CALLBACK + id)).state is not CallState.WAITING:  # noqa: ASYNC110
                await asyncio.sleep(0.01)

    def moves(self) -> list[tuple[str, str]]:
        return [(event.state, event.outcome) for event in self.floor.all(PromiseMoved)]

    def harm_disk(self) -> None:
        self.outbox.lines.rename(self.outbox.spool / "was-outbox")

    def mend_disk(self) -> None:
        (self.outbox.spool / "was-outbox").rename(self.outbox.lines)
