"""The reception desk: what happens to every request that the PBX's dialplan sends us.

Rules of this file:
- `call` serves a caller. Whatever goes wrong in it closes the line without HOTLINE_DONE, and the dialplan takes
  the caller over: to another server, to us again, or to its own voicemail.
- `ended` is the dialplan's last word on a call that no session finished. It knows who answered, even where no event
  of the PBX reaches us.
- `callback` is an agent who has answered a callback, `callback-ended` the dialplan's last word on it.
- `agent` is a phone that dialed one of the agents' codes (hotline.shifts).
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import UTC, datetime

from structlog.contextvars import bound_contextvars
from structlog.stdlib import BoundLogger

from agi.channel import Channel
from hotline.acd.announcing import Told
from hotline.acd.desk import Desk
from hotline.acd.model import Left
from hotline.acd.waiting import wait_for_agent
from hotline.callbacks.keep_place import PlaceKeeper
from hotline.callbacks.my_callback import tell_callback
from hotline.callbacks.requests import Requests
from hotline.callbacks.superseding import Superseding
from hotline.callbacks.voicemail import Answering
from hotline.callers import Callers
from hotline.events import CallEnded, CallRefused, CallStarted, Emit
from hotline.flow.engine import END, walk
from hotline.flow.phone import HungUp, LineLost, Phone
from hotline.phones.agent import AgentPhone, in_hand, last_word, told
from hotline.phones.agi import AgiPhone, Answer, BadCall, call_id, call_info, last_answer
from hotline.phones.sounds import Sounds
from hotline.placing.leg import Legs
from hotline.schema.config import Config
from hotline.shifts import Shifts

MOST_PBXS = 100
"""Names of PBXs that are remembered."""


@dataclass(eq=False, slots=True)
class _Session:
    """A caller who is being served here."""

    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """The dialplan has said its last word on the call."""
    told: Told = field(default_factory=Told)
    served: bool = False
    """The caller talked with an agent."""


class Reception:
    """Serves calls. It is the engine's House: it knows the hours, the queues and the answering machine."""

    def __init__(
        self,
        config: Config,
        *,
        desk: Desk,
        answering: Answering,
        legs: Legs,
        requests: Requests,
        superseding: Superseding,
        callers: Callers,
        sounds: Sounds,
        pbxs: Collection[str],
        emit: Emit,
        log: BoundLogger,
    ) -> None:
        self.config, self.desk, self.emit = config, desk, emit
        self._legs = legs
        self._answering, self._callers, self._sounds, self._log = answering, callers, sounds, log
        self._requests, self._superseding = requests, superseding
        self._shifts = Shifts(config.agents, config.pauses, desk=desk, log=log)
        self._calls: dict[str, _Session] = {}
        self._pbxs = set(pbxs)
        """Those that we have a link to, and those of which it was told that we have none."""

    def has(self, call: str) -> bool:
        """Whether a session of this process has a call in hand."""
        return call in self._calls

    def now(self) -> float:
        return self.desk.now()

    def is_open(self, calendar: str) -> bool:
        return self.config.calendars[calendar].is_open(datetime.fromtimestamp(self.now(), UTC))

    async def wait_for_agent(self, phone: Phone, queue: str) -> str:
        info, session = phone.info, self._calls.get(phone.info.call)
        keep = PlaceKeeper(self._requests, phone, queue) if queue in self.config.callbacks else None
        self._superseding.waits(info.call, info.caller)
        target = await wait_for_agent(
            phone,
            self.config.queues[queue],
            self.desk,
            session.ended if session else None,
            site=self.config.site(info.dialed),
            caller=await self._callers.opaque(info.caller),
            told=session.told if session else None,
            keep=keep,
        )
        if session and target == END:
            session.served = keep is None or not keep.promised
        return target

    async def take_message(self, phone: Phone, queue: str) -> None:
        await self._answering.take_message(phone, queue)

    async def promise_callback(self, phone: Phone, queue: str) -> bool:
        return await self._requests.promise(phone, queue)

    async def tell_callback(self, phone: Phone, *, key: str, seconds: float) -> None:
        await tell_callback(self._requests, phone, key=key, seconds=seconds)

    async def handle(self, channel: Channel) -> None:
        """Serve one request of the dialplan. An exception closes the line and the dialplan goes on."""
        handler = {
            "call": self._call,
            "ended": self._ended,
            "callback": self._callback,
            "callback-ended": self._callback_ended,
            "agent": self._agent,
        }.get(channel.request.script)
        if handler is None:
            self.emit(CallRefused(at=self.now(), reason="bad-request"))
            self._log.warning(
                "The dialplan asked for something we do not serve; see dialplan/hotline.conf.",
                script=channel.request.script[:40],
            )
            return
        await handler(channel)

    async def refuse(self, channel: Channel) -> None:
        """The polite answer to a caller for whom there is no room: say so, and end the call.

        Only callers can be too many: what the dialplan tells us, and agents who come to help, are always heard.
        """
        if channel.request.script != "call":
            await self.handle(channel)
            return
        try:
            phone = self._phone(channel)
            await phone.answer()
            await phone.say(("busy-try-later",))
            await phone.hang_up()
        except (HungUp, LineLost, BadCall):
            return

    def _phone(self, channel: Channel) -> AgiPhone:
        return AgiPhone(
            channel,
            call_info(channel.request),
            sounds=self._sounds,
            language=self.config.flow.language,
            languages=self.config.flow.languages,
        )

    async def _call(self, channel: Channel) -> None:
        try:
            phone = self._phone(channel)
        except BadCall as problem:
            self.emit(CallRefused(at=self.now(), reason="bad-request"))
            self._log.warning("A request without a sound call in it was refused.", problem=str(problem))
            return
        call, session = phone.info.call, _Session()
        with bound_contextvars(call=call):
            self._know(phone.info.pbx)
            self._calls[call] = session
            try:
                await self._serve(phone, session)
            finally:
                if self._calls.get(call) is session:
                    del self._calls[call]

    def _know(self, pbx: str) -> None:
        """Say once of each PBX that we have no link to it."""
        if pbx not in self._pbxs and len(self._pbxs) < MOST_PBXS:
            self._pbxs.add(pbx)
            self._log.warning(
                "Calls come from a PBX that HOTLINE_AMI does not name: a free agent is rung for them seconds late. "
                "HOTLINE_PBX in its dialplan must be the name in HOTLINE_AMI.",
                pbx=pbx,
            )

    async def _serve(self, phone: AgiPhone, session: _Session) -> None:
        info, began = phone.info, self.now()
        entry = info.dialed if info.dialed in self.config.flow.entries else "other"
        self.emit(CallStarted(at=began, call=info.call, entry=entry, resumed=info.attempt > 1))
        reason = "failed"
        try:
            await phone.resume()
            if info.served:
                await self._tell_answer(info.call, await phone.last_answer())
                await self.desk.gone(info.call, Left.SERVED, ended_by="agent")
            else:
                await walk(self.config.flow, phone, self)
            await phone.hang_up()
            reason = "completed"
        except HungUp:
            reason = "caller-hung-up"
            if info.attempt > 1:  # what an earlier service began for the caller is over, too
                await self.desk.gone(info.call, Left.ABANDONED, ended_by="caller")
        except LineLost:
            reason = "line-lost"
            if session.ended.is_set():
                await self.desk.gone(info.call, Left.ABANDONED, ended_by="caller")
        finally:
            self._superseding.over(info.call, info.caller if info.served else "", served=session.served)
            self.emit(CallEnded(at=self.now(), call=info.call, reason=reason, seconds=self.now() - began))

    async def _ended(self, channel: Channel) -> None:
        call = call_id(channel.request)
        if not call:
            return
        with bound_contextvars(call=call):
            await self._tell_answer(call, last_answer(channel.request))
            if session := self._calls.get(call):
                session.ended.set()  # its session is about to hear that the caller is gone, and knows more
            else:
                await self.desk.gone(call, Left.ABANDONED, ended_by="caller")
                self._superseding.over(call, channel.request.caller)

    async def _tell_answer(self, call: str, answer: Answer | None) -> None:
        if answer:
            await self.desk.answered(call, answer.agent, answer.token, answer.ago)

    async def _callback(self, channel: Channel) -> None:
        try:
            hand = in_hand(channel.request)
            phone = AgentPhone(channel, hand, sounds=self._sounds, language=self.config.flow.language)
        except BadCall as problem:
            self._log.warning("A request without a sound callback in it was refused.", problem=str(problem))
            return
        with bound_contextvars(call=hand.call):
            try:
                if await self._legs.may_serve(hand):
                    await self._legs.serve(phone, hand)
            except (HungUp, LineLost):
                return

    async def _callback_ended(self, channel: Channel) -> None:
        try:
            hand = in_hand(channel.request)
        except BadCall as problem:
            self._log.warning("A request without a sound callback in it was refused.", problem=str(problem))
            return
        with bound_contextvars(call=hand.call):
            if await self._legs.may_serve(hand) and await self._legs.ended(hand, last_word(channel.request)):
                await told(channel)

    async def _agent(self, channel: Channel) -> None:
        phone = self._phone(channel)
        wish, key, *_ = (*channel.request.args[2:4], "", "")
        with bound_contextvars(call=phone.info.call):
            try:
                await self._shifts.serve(phone, channel.request.channel.rpartition("-")[0], wish, key)
            except (HungUp, LineLost):
                return
