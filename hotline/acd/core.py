"""The queue core: who waits, who is free, who gets whom. A thin face over the scripts in lua/.

Rules of this file:
- One method is one script is one decision, atomic for all processes. Nothing is kept here.
- `now` and `lease` are POSIX seconds: the core has no clock of its own. Names and ids are text without control
  characters.
- Every method may raise StoreDown. It is safe to call again: a change that was made is then not applied twice.
  Called again with the same `operation` (see `new_operation`), it answers what the change was, the first time too.
- Late, doubled and foreign events answer a Change that is not `applied`; they are no error.
"""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Iterator
from typing import Any

from hotline.acd import wire
from hotline.acd.model import (
    AgentSettings,
    AgentState,
    Change,
    Left,
    Missed,
    Offer,
    Place,
    QueueSettings,
    Snapshot,
    Staffing,
    Standing,
)
from hotline.acd.story import Moment, parse_story
from hotline.store import ScriptRefused, Store, StoreDown, load_script

RETRY_WITHIN = 1.0
"""Seconds that a change waits for a broken link before it is asked once more, with the same operation id."""

_CHANGES = (
    "answered", "device", "finished", "free", "join", "leave", "login", "logout", "missed", "pause", "ready", "take",
    "tick",
)  # fmt: skip
_READS = ("check", "expected", "look", "snapshot", "staffing", "story")


class Core:
    """The queues and agents under one prefix of one Redis.

    `hold` seconds are given to a call's session to take a fresh offer; then the agent is free again. With `story`,
    what befalls a call is written down, for `hotline why`.
    """

    def __init__(self, store: Store, *, prefix: str = "hotline:", hold: float = 10.0, story: bool = True) -> None:
        self._store = store
        self._prefix = prefix
        self._hold = hold
        self._story = "story" if story else ""
        self._scripts = {name: load_script("hotline.acd", name) for name in (*_CHANGES, *_READS)}
        self._operations = _operation_ids()

    async def join(
        self,
        call: str,
        *,
        queue: QueueSettings,
        arrival: float,
        now: float,
        channel: str,
        pbx: str,
        site: str = "",
        caller: str = "",
        force: bool = False,
    ) -> Change:
        """A call joins `queue`, as of `arrival`; the standing says whether it waits or has an offer at once.

        `site` is the caller's, for queues that prefer agents of the caller's own. `caller` is an opaque key, the same
        whenever this person calls, by which the last agent is known again; "" where there is none.

        A known call keeps its place, arrival and offer; its channel is noted, and it waits by the rules and needs
        given here, which a new configuration may have changed. A call whose caller hung up stays ended, unless its
        session has heard of the caller since and says so by `force`. Over a limit of the queue nobody joins: then the
        standing is OVERFLOW, FULL or TOO_LONG, in this order. Rules that differ from those of the last who joined
        hold from now on, for the others in the queue too.
        """
        return await self._change(
            "join",
            now,
            call,
            queue.name,
            json.dumps(queue.name, ensure_ascii=False),
            wire.canonical(queue.needs),
            json.dumps(site, ensure_ascii=False),
            arrival,
            arrival - queue.priority,
            wire.number(queue.wrap_up),
            wire.rules(queue),
            channel,
            pbx,
            "force" if force else "",
            caller,
            wire.limits(queue),
        )

    async def look(self, call: str) -> Standing:
        """Where a call stands. UNKNOWN asks its session to join (again): Redis, or the last session, was lost."""
        return wire.standing(await self._read("look", call))

    async def take(self, offer: Offer, now: float, lease: float) -> Change:
        """The call's session rings the agent, who is held until the moment `lease`; the bell may stop.

        Asked again and again while the phone rings; not applied once the agent is not held by this offer any more.
        """
        return await self._change("take", now, offer.call, offer.agent, offer.token, lease)

    async def ended(self, call: str) -> str:
        """How a call ended, in the last hour: a value of Left; "" where it did not."""
        reason = await self._store.read("get", self._key(f"ended:{call}"))
        return reason.decode() if reason else ""

    async def taken(self, call: str, token: int) -> bool:
        """Whether nobody needs to be told of an offer any more: it was taken, or it is over."""
        current, taken = await self._store.read("hmget", self._key(f"call:{call}"), [b"token", b"taken"])
        return bool(current != wire.to_bytes(token) or taken == current)

    async def answered(self, call: str, agent: str, token: int, now: float, *, operation: str = "") -> Change:
        """The agent picked up. Believed even after the lease, while neither of the two is with anyone else."""
        return await self._change("answered", now, call, agent, token, operation=operation)

    async def missed(
        self, call: str, agent: str, token: int, outcome: Missed, now: float, *, operation: str = ""
    ) -> Change:
        """The offer came to nothing: the call goes back to its place, the agent is left alone for a while."""
        return await self._change("missed", now, call, agent, token, outcome.value, operation=operation)

    async def finished(self, call: str, agent: str, token: int, now: float, *, operation: str = "") -> Change:
        """The conversation is over: the call ends as served, the agent wraps up or is idle."""
        return await self._change("finished", now, call, agent, token, operation=operation)

    async def leave(self, call: str, reason: Left, now: float, *, operation: str = "") -> Change:
        """The call leaves in whatever state; an agent held for it is free, one who talked wraps up (then: served)."""
        return await self._change("leave", now, call, reason.value, operation=operation)

    async def login(self, agent: AgentSettings, now: float) -> Change:
        """The agent is idle from now on: a pause is over, a pause or logout asked for in a conversation taken back.

        One who is logged in gets the phone and skills given here.
        """
        return await self._change("login", now, *wire.agent_words(agent, ""))

    async def refresh(self, agent: AgentSettings, now: float) -> Change:
        """The agent, if logged in, gets the phone and skills given here, and goes on with what they do."""
        return await self._change("login", now, *wire.agent_words(agent, "refresh"))

    async def logout(self, agent: str, now: float, *, at_once: bool = False) -> Change:
        """The agent goes: at once, or after the offer or conversation in hand.

        `at_once` is for one who is stuck: the call in hand is given up as lost, whatever became of it.
        """
        return await self._change("logout", now, agent, "now" if at_once else "")

    async def pause(self, agent: str, reason: str, now: float) -> Change:
        """The agent takes a break without an end: at once, or after the offer or conversation in hand."""
        return await self._change("pause", now, agent, reason)

    async def ready(self, agent: str, now: float) -> Change:
        """The agent's pause or wrap-up is over, or the break asked for during a conversation is taken back."""
        return await self._change("ready", now, agent)

    async def device(self, agent: str, busy: bool, now: float) -> Change:
        """The phone of an agent is in use for a call that is not ours, or no more. `agent`: the name or the phone.

        Who is idle gets no calls meanwhile. Known already, or of nobody at work: not applied.
        """
        return await self._change("device", now, agent, "busy" if busy else "")

    async def free(self, agent: str, call: str, token: int, now: float) -> Change:
        """The agent is held by this token for a call that is not, or is elsewhere: free them. Else not applied."""
        return await self._change("free", now, agent, call, token)

    async def expected_wait(self, call: str, now: float) -> float | None:
        """Seconds until a caller in line will be offered to an agent, by the measured rates.

        While these are unknown: as long as the first in line has waited. None: unknown, as for that one, and for
        everybody while nobody is at work for the queue.
        """
        return wire.seconds(await self._read("expected", now, call, ""))

    async def expected(self, queue: str, now: float) -> float | None:
        """Seconds that somebody would wait who joined now; 0 where an agent is idle for them. None: unknown."""
        return wire.seconds(await self._read("expected", now, "", queue))

    async def staffing(self, queue: QueueSettings) -> Staffing:
        """Who is at work for the queue, by the needs that a caller would wait by who joined now."""
        steps = ",".join(wire.canonical(needs) for needs in (queue.needs, *(step.needs for step in queue.widen)))
        return Staffing(*await self._read("staffing", f"[{steps}]", "reserve" if queue.reserve_above else ""))

    async def story(self, call: str) -> tuple[Moment, ...]:
        """What befell a call, until a day after its end. Empty where nothing is known."""
        return parse_story(await self._read("story", call))

    async def tick(self, now: float, mercy: float = 0.0) -> tuple[Change, float | None]:
        """Do what fell due by `now`. Also answers the next deadline; None when nothing is due at any time.

        A deadline that is not after `now` means that more is due at once (a tick does a hundred things at most).
        Sessions that could not be heard have until the moment `mercy`: no lease ends before.
        """
        change = await self._change("tick", now, mercy)
        return change, change.due

    async def snapshot(self) -> Snapshot:
        """Everything at one moment. Offline agents and empty queues are not in it."""
        reply = await self._read("snapshot")
        calls = {
            call: Place(wire.CALL_STATES[state], channel, pbx, float(arrival))
            for call, state, channel, pbx, _, arrival in reply["calls"]
        }
        agents = {
            name: (AgentState(state), call or "", int(token or 0)) for name, state, call, token in reply["agents"]
        }
        return Snapshot(queues=wire.counts(reply["calls"]), agents=agents, calls=calls)

    async def check(self) -> None:
        """Raise StoreDown unless Redis answers and takes what is written."""
        await self._read("check")

    def new_operation(self) -> str:
        """An id for a change that is to be asked for until it is answered, however often the link breaks."""
        return next(self._operations)

    async def _change(self, name: str, now: float, *args: str | float, operation: str = "") -> Change:
        return wire.change(await self._send(name, now, *args, operation=operation))

    async def _send(self, name: str, now: float, *args: str | float, operation: str = "") -> Any:
        """Run a changing script; once more, with the same operation id, when the link broke under it."""
        own = (operation or self.new_operation(), now, self._hold, self._story)
        values = [wire.to_bytes(value) for value in (*own, *args)]
        try:
            return await self._store.script(self._scripts[name], [self._key("")], values)
        except ScriptRefused:
            raise
        except StoreDown:
            if not await self._store.wait_up(RETRY_WITHIN):
                raise
        return await self._store.script(self._scripts[name], [self._key("")], values)

    async def _read(self, name: str, *args: str | float) -> Any:
        return await self._store.script(
            self._scripts[name], [self._key("")], [wire.to_bytes(value) for value in args]
        )

    def _key(self, name: str) -> bytes:
        return (self._prefix + name).encode()


def _operation_ids() -> Iterator[str]:
    own = secrets.token_hex(8)
    return (f"{own}-{number}" for number in itertools.count())
