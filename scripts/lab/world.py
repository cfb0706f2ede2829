"""The outside world: a second private Asterisk whose channels are callers and phones, each a coroutine of ours.

async with World(folder, pbx) as world:
    anna = await world.phone("anna")
    async with world.call("1900", caller_id="+84901234567") as caller:
        ringing = await anna.rings()
        await ringing.answer()
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator
from pathlib import Path

from lab.asterisk import DIALPLAN, Asterisk, render
from lab.manager import Message
from lab.party import Call
from lab.pbx import Pbx
from lab.register import Registration
from lab.tap import ADDRESS, Tap
from lab.wire import Wire

_REASONS = {"0": "no such number or no answer from the PBX", "3": "no answer", "5": "busy", "8": "congestion"}


class NotAnswered(Exception):
    """The call that a party placed was not answered."""


class Phone:
    """A phone of the world: it rings here. `name` is its account at the PBX, or a number reached by the trunk."""

    def __init__(self, world: World, name: str) -> None:
        self.name = name
        self._world = world
        self._ringing: asyncio.Queue[Call] = asyncio.Queue()
        self._registration = Registration(world.pbx.sip, name, world.pbx.password, contact_port=world.sip)

    async def rings(self, within: float = 10.0) -> Call:
        """The next call that rings here; those that gave up before are passed over. Raises TimeoutError."""
        async with asyncio.timeout(within):
            while (call := await self._ringing.get()).over:
                pass
        return call

    def rang(self, call: Call) -> None:
        self._ringing.put_nowait(call)

    def dial(self, number: str, **options) -> contextlib.AbstractAsyncContextManager[Call]:
        """Place a call from this phone's account; see World.call."""
        return self._world.call(number, account=self.name, **options)

    async def register(self) -> None:
        await self._registration.register()

    async def unregister(self) -> None:
        await self._registration.unregister()


class World(Asterisk):
    """`pbx` is where its calls go and its phones register; start the two in any order."""

    kind = "world"

    def __init__(self, folder: Path, pbx: Pbx, *, codecs: str = "ulaw,alaw", rtp_ports: int = 200) -> None:
        super().__init__(folder, "world", rtp_ports=rtp_ports)
        self.pbx, self.sip, self.codecs = pbx, pbx.trunk, codecs
        self.heard = self.folder / "heard"
        self._phones: dict[str, Phone] = {}
        self._placed: dict[str, asyncio.Future[Call]] = {}
        self._keeping: set[asyncio.Task[None]] = set()
        self._numbers = itertools.count(1)

    async def start(self) -> None:
        self.heard.mkdir(parents=True, exist_ok=True)
        self._agi = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        each = DIALPLAN / "private" / "world" / "each-phone.conf"
        accounts = ({"phone": name, "password": self.pbx.password} for name in (*self.pbx.agents, "caller"))
        self.values = {
            "pbx": self.pbx.sip,
            "ear": ADDRESS,
            "agi": self._agi.sockets[0].getsockname()[1],
            "phones": "\n".join(render(each, account) for account in accounts),
        }
        await super().start()
        self._tap = Tap(self._rtp.first, self._rtp.last)
        await self._tap.start()

    async def stop(self) -> None:
        await super().stop()
        self._agi.close()
        await asyncio.gather(*self._keeping)
        self._tap.stop()

    # -- phones ---------------------------------------------------------------------------------------------------

    async def phone(self, name: str, *, register: bool = True) -> Phone:
        """The phone `name`, registered at the PBX unless told otherwise; the same object every time."""
        if name not in self._phones:
            self._phones[name] = Phone(self, name)
        if register:
            await self._phones[name].register()
        return self._phones[name]

    async def number(self, number: str) -> Phone:
        """A customer's phone, which the PBX reaches by its trunk."""
        return await self.phone(number, register=False)

    # -- calls ----------------------------------------------------------------------------------------------------

    @contextlib.asynccontextmanager
    async def call(
        self, number: str, *, caller_id: str = "", account: str = "public", within: float = 30.0
    ) -> AsyncIterator[Call]:
        """A call to `number` through the PBX, from its answer on; it is hung up at the end of the block.

        Raises NotAnswered, TimeoutError when nothing came of it `within` seconds.
        """
        call = await self.place(number, caller_id=caller_id, account=account, within=within)
        try:
            yield call
        finally:
            await call.hang_up()

    async def place(self, number: str, *, caller_id: str = "", account: str = "public", within: float = 30.0) -> Call:
        """Like `call`, for a party whose end its owner sees to."""
        party = f"party-{next(self._numbers)}"
        answered = self._placed[party] = asyncio.get_running_loop().create_future()
        reply = await self.manager.action(
            "Originate", Channel=f"PJSIP/{number}@{account}", Context="placed", Exten="s", Priority="1",
            CallerID=caller_id, Variable=f"PARTY={party}", Timeout=str(int(within * 1000)), Async="true",
            ChannelId=party,
        )  # fmt: skip
        try:
            if reply["Response"] != "Success":
                raise NotAnswered(f"The world could not call {number}: {reply.get('Message')}")
            return await asyncio.wait_for(answered, within + 1)
        finally:
            del self._placed[party]

    def on_event(self, message: Message) -> None:
        if message.get("Event") == "OriginateResponse" and message.get("Response") == "Failure":
            waiting = self._placed.get(message.get("Uniqueid", ""))
            if waiting is not None and not waiting.done():
                reason = message.get("Reason", "")
                waiting.set_exception(NotAnswered(_REASONS.get(reason, f"reason {reason}")))

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        wire = Wire(reader, writer)
        await wire.begin()
        script, name = wire.headers.get("agi_network_script"), wire.headers.get("agi_arg_1", "")
        if script == "incoming" and name in self._phones:
            self._phones[name].rang(self._party(wire))
        elif script == "placed" and name in self._placed and not self._placed[name].done():
            call = self._party(wire)
            await call.begin()
            self._placed[name].set_result(call)
        else:
            wire.close()

    def _party(self, wire: Wire) -> Call:
        """The call of a wire, whose recording is written when it ends."""
        call = Call(wire, self._tap, self.heard / f"{wire.headers['agi_uniqueid']}.wav")
        keeping = asyncio.create_task(call.keep())
        self._keeping.add(keeping)
        keeping.add_done_callback(self._keeping.discard)
        return call
