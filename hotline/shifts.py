"""The agents' codes: a phone that dials one begins or ends work, takes a break, or comes back from it.

Rules of this file:
- An agent is known by the endpoint of the phone that dials.
- What makes the phone ring at once (to log in, to be ready) is confirmed before it is done, everything else after.
  Who does not listen to the end has done it as well.
"""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable, Mapping

from structlog.stdlib import BoundLogger

from hotline.acd.desk import Desk
from hotline.acd.model import AgentSettings
from hotline.flow.phone import HungUp, LineLost, Phone
from hotline.store import StoreDown


class Shifts:
    """`pauses`: key → reason."""

    def __init__(
        self, agents: Mapping[str, AgentSettings], pauses: Mapping[str, str], *, desk: Desk, log: BoundLogger
    ) -> None:
        self._agents = {agent.phone: agent for agent in agents.values()}
        self._pauses, self._desk, self._log = pauses, desk, log
        self._wishes: Mapping[str, Callable[[Phone, AgentSettings, str], Awaitable[str]]] = {
            "login": self._login,
            "logout": self._logout,
            "pause": self._pause,
            "ready": self._ready,
        }

    async def serve(self, phone: Phone, endpoint: str, wish: str, key: str = "") -> None:
        """Do what the phone at `endpoint` dialed for (login, logout, pause with the key of a reason, ready).

        Raises HungUp, LineLost.
        """
        await phone.answer()
        last = await self._do(phone, self._agents.get(endpoint), wish, key)
        await phone.say((last,) if last else ())
        await phone.hang_up()

    async def _do(self, phone: Phone, agent: AgentSettings | None, wish: str, key: str) -> str:
        """The prompt that is still to be heard, or ""."""
        work = self._wishes.get(wish)
        if agent is None or work is None:
            self._log.warning("A phone that belongs to no agent of the configuration dialed the agents' code.")
            return "agent-unknown"
        try:
            return await work(phone, agent, key)
        except StoreDown:
            return "technical-problem"

    async def _login(self, phone: Phone, agent: AgentSettings, _: str) -> str:
        await _tell_first(phone, "agent-logged-in")
        self._desk.carry_out(await self._desk.core.login(agent, self._desk.now()), "login")
        return ""

    async def _logout(self, _: Phone, agent: AgentSettings, __: str) -> str:
        self._desk.carry_out(await self._desk.core.logout(agent.name, self._desk.now()), "logout")
        return "agent-logged-out"

    async def _pause(self, _: Phone, agent: AgentSettings, key: str) -> str:
        if key and key not in self._pauses:
            return "agent-no-such-pause"
        if not await self._at_work(agent):
            return "agent-not-logged-in"
        change = await self._desk.core.pause(agent.name, self._pauses.get(key, ""), self._desk.now())
        self._desk.carry_out(change, "pause")
        return "agent-paused-after-call" if change.applied and not change.agents else "agent-paused"

    async def _ready(self, phone: Phone, agent: AgentSettings, _: str) -> str:
        if not await self._at_work(agent):
            return "agent-not-logged-in"
        await _tell_first(phone, "agent-ready")
        self._desk.carry_out(await self._desk.core.ready(agent.name, self._desk.now()), "ready")
        return ""

    async def _at_work(self, agent: AgentSettings) -> bool:
        return agent.name in (await self._desk.core.snapshot()).agents


async def _tell_first(phone: Phone, prompt: str) -> None:
    with contextlib.suppress(HungUp, LineLost):
        await phone.say((prompt,))
