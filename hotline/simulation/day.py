"""One replication: a day of callers and agents in front of the real queue core, on a virtual clock.

Rules of this file:
- The core decides everything; here are only the people, and what a call's session does (as hotline.acd.waiting does
  for a real one): ring the agent, hang up, give up after the longest wait. And the lines, which the PBX counts.
- Time jumps from event to event. Every change of the core answers its next deadline, and at that moment the core is
  given a tick. So whatever rule of the core waits for a moment gets exactly that moment.
- At the end of the length nobody calls any more, those who are in are still served, and agents stay for them.
- Moments here count from 0; the core gets them as POSIX seconds after EPOCH.
"""

from __future__ import annotations

import heapq
import itertools
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace

from hotline.acd.core import Core
from hotline.acd.model import AgentSettings, CallState, Change, Left, Missed, Offer
from hotline.simulation.arrivals import Call, Callback, Callers
from hotline.simulation.backlog import Backlog
from hotline.simulation.model import Group, Scenario
from hotline.simulation.periods import clock_times
from hotline.simulation.tally import Result, Tally

EPOCH = 1_000_000_000.0
PATIENT = 24 * 3600.0
"""Seconds after the end until those who can be served by nobody are sent away."""
LEASE_MARGIN = 30.0

_REFUSED = frozenset({CallState.FULL, CallState.TOO_LONG, CallState.OVERFLOW})
"""Who is refused is gone: a simulation has no menus to overflow to."""

Event = Callable[[], Awaitable[None]]


class Day:
    """Runs once. The core must be a fresh one."""

    def __init__(self, scenario: Scenario, core: Core, replication: int) -> None:
        self.scenario, self.core = scenario, core
        self.callers = Callers(scenario, replication)
        self.tally = Tally(scenario, replication)
        self.now = 0.0
        self.calls: dict[str, Call] = {}
        """Who is in: waits or talks."""
        self._events: list[tuple[float, int, Event]] = []
        self._order = itertools.count()
        self._due: float | None = None
        """The core's next deadline."""
        self._groups: dict[str, Group] = {}
        self._happened = 0
        """Grows whenever agents move."""
        in_hand: Counter[str] = Counter()
        self._backlogs = {
            name: Backlog(kind, kind.callbacks, scenario, self.tally.promises[name], in_hand)
            for name, kind in scenario.calls.items()
            if kind.callbacks
        }

    async def run(self) -> Result:
        self._hire()
        sources = [self.callers.of_type(kind) for kind in self.scenario.calls.values()]
        for source in (*sources, self.callers.traced()):
            self._next_arrival(source)
        for backlog in self._backlogs.values():
            for due in clock_times(backlog.promised.at, self.scenario.day_starts, self.scenario.length):
                self._at(due, lambda backlog=backlog: self._fall_due(backlog))  # type: ignore[misc]
        while (moment := self._next()) is not None and moment <= self.scenario.length + PATIENT:
            self.now = moment
            if self._due is not None and self._due <= moment:
                await self._tick()
                continue
            _, _, event = heapq.heappop(self._events)
            await event()
        for call in list(self.calls.values()):
            await self._send_away(call, Left.NO_AGENTS)
        return self.tally.result({name: group.name for name, group in self._groups.items()})

    def _next(self) -> float | None:
        """The next moment at which something happens; None when nothing that matters will."""
        if self.now >= self.scenario.length and not self.calls and not self._events:
            return None
        event = self._events[0][0] if self._events else None
        return event if self._due is None else self._due if event is None else min(event, self._due)

    def _at(self, moment: float, event: Event) -> None:
        """Moments have six decimals, as in the core."""
        if moment < float("inf"):
            heapq.heappush(self._events, (round(max(moment, self.now), 6), next(self._order), event))

    async def _tick(self) -> None:
        change, _ = await self.core.tick(EPOCH + self.now)
        await self._follow(change)

    async def _do(self, change: Awaitable[Change]) -> Change:
        """Change the core, and follow what that brings about."""
        changed = await change
        await self._follow(changed)
        return changed

    async def _follow(self, change: Change) -> None:
        """What a change of the core brings about: agents move, phones ring, and there may be another deadline."""
        self._due = None if change.due is None else max(self.now, round(change.due - EPOCH, 6))
        self._happened += len(change.agents)
        for agent, state in change.agents:
            self.tally.moved(agent, self._groups[agent].name, state, self.now)
        for call, _ in change.given_up:
            if call in self.calls:
                self._gone(self.calls[call], self.tally.left)
        for offer in change.offers:
            await self._ring(self.calls[offer.call], offer)

    # the callers

    def _next_arrival(self, source: Iterator[Call]) -> None:
        call = next(source, None)
        if call is None:
            return

        async def arrive() -> None:
            self._next_arrival(source)
            await self._arrive(call)

        self._at(call.at, arrive)

    async def _arrive(self, call: Call) -> None:
        call.at = self.now
        self.tally.arrived(call)
        if self.scenario.lines is not None and len(self.calls) >= self.scenario.lines:
            self._turn_away(call)
            return
        queue = call.type.queue
        if call.wrap_up is not None:
            queue = replace(queue, wrap_up=call.wrap_up)
        self.calls[call.id] = call
        now = EPOCH + self.now
        change = await self._do(
            self.core.join(
                call.id, queue=queue, arrival=now, now=now, channel=call.id, pbx="simulated", site=call.type.site
            )
        )
        if change.standing.state in _REFUSED:
            self._turn_away(call)
            return
        if not call.answered and not call.over:
            await self._wait(call, change)

    def _turn_away(self, call: Call) -> None:
        self.calls.pop(call.id, None)
        self.tally.blocked(call)
        self._call_again(call, blocked=True)

    async def _wait(self, call: Call, change: Change) -> None:
        if change.standing.state is CallState.WAITING:
            call.expected = await self._expect(call)
        self._at(self.now + call.patience, lambda: self._give_up(call))
        queue = call.type.queue
        if queue.max_wait:
            self._at(self.now + queue.max_wait, lambda: self._send_away(call, Left.MAX_WAIT))
        if queue.overflow and queue.overflow.after:
            self._at(self.now + queue.overflow.after, lambda: self._send_away(call, Left.OVERFLOW))

    async def _expect(self, call: Call) -> float | None:
        """The core's own forecast of the wait, where it makes one."""
        return await self.core.expected_wait(call.id, EPOCH + self.now)

    async def _give_up(self, call: Call) -> None:
        if not call.answered and not call.over:
            self._gone(call, self.tally.abandoned)
            self._call_again(call, blocked=False)
            await self._do(self.core.leave(call.id, Left.ABANDONED, EPOCH + self.now))

    async def _send_away(self, call: Call, reason: Left) -> None:
        if not call.answered and not call.over:
            self._gone(call, self.tally.left)
            await self._do(self.core.leave(call.id, reason, EPOCH + self.now))

    def _gone(self, call: Call, note: Callable[[Call, float], None]) -> None:
        call.over = True
        del self.calls[call.id]
        note(call, self.now - call.at)

    def _call_again(self, call: Call, *, blocked: bool) -> None:
        again = self.callers.again(call, blocked)
        if again is not None and self.now + again[0] < self.scenario.length:
            delay, redial = again
            self._at(self.now + delay, lambda: self._arrive(redial))

    # who is called back

    async def _fall_due(self, backlog: Backlog) -> None:
        backlog.fall_due(self.callers, self.now)
        self._watch(backlog)

    def _watch(self, backlog: Backlog) -> None:
        if not backlog.watched:
            backlog.watched = True
            self._at(self.now, lambda: self._look(backlog))

    async def _look(self, backlog: Backlog) -> None:
        """Begin what there is room for, and look again later."""
        for call in await backlog.begin(self.core, self.now, self._happened):
            self.calls[call.id] = call
            arrival, now = EPOCH + call.arrival, EPOCH + self.now
            await self._do(
                self.core.join(call.id, queue=backlog.queue(call), arrival=arrival, now=now, channel="", pbx="")
            )
        moment = backlog.next_look(self.now)
        backlog.watched = moment is not None and moment < self.scenario.length
        if moment is not None and backlog.watched:
            self._at(moment, lambda: self._look(backlog))

    # the agents

    def _hire(self) -> None:
        """Every agent that is ever on duty; each change of a group's strength as an event."""
        for group in self.scenario.groups.values():
            most = int(max(count for _, count in group.staff))
            names = [f"{group.name}-{number:05}" for number in range(1, most + 1)]
            self._groups |= dict.fromkeys(names, group)
            before = 0
            for moment, count in group.staff:
                come, go = names[before : int(count)], names[int(count) : before]
                before = int(count)
                for name in come:
                    self._at(moment, lambda name=name: self._log_in(name))  # type: ignore[misc]
                for name in go:
                    self._at(moment, lambda name=name: self._log_out(name))  # type: ignore[misc]

    async def _log_in(self, name: str) -> None:
        group = self._groups[name]
        settings = AgentSettings(
            name,
            f"PJSIP/{name}",
            group.skills,
            site=group.site,
            reserve=group.reserve,
            max_in_row=group.max_in_row,
            cool_down=group.cool_down,
        )
        await self._do(self.core.login(settings, EPOCH + self.now))

    async def _log_out(self, name: str) -> None:
        """Goes at once, or after the conversation."""
        await self._do(self.core.logout(name, EPOCH + self.now))

    async def _ring(self, call: Call, offer: Offer) -> None:
        call.offer = offer
        pick_up = self._groups[offer.agent].pick_up
        if pick_up is None:
            await self._answer(call, offer)
            return
        now, ring = EPOCH + self.now, call.type.queue.ring
        delay = float(pick_up.sample(self.callers.pick_up, 1)[0])
        await self._do(self.core.take(offer, now, now + ring + LEASE_MARGIN))
        if delay <= ring:
            self._at(self.now + delay, lambda: self._answer(call, offer))
        else:
            self._at(self.now + ring, lambda: self._miss(call, offer))

    async def _answer(self, call: Call, offer: Offer) -> None:
        if call.over or call.offer is not offer:
            return
        change = await self._do(self.core.answered(call.id, offer.agent, offer.token, EPOCH + self.now))
        if change.applied:
            call.answered = True
            self.tally.answered(call, self.now - call.at)
            self._at(self.now + call.service, lambda: self._hang_up(call, offer))

    async def _miss(self, call: Call, offer: Offer) -> None:
        if not call.over and call.offer is offer:
            now = EPOCH + self.now
            await self._do(self.core.missed(call.id, offer.agent, offer.token, Missed.NO_ANSWER, now))

    async def _hang_up(self, call: Call, offer: Offer) -> None:
        call.over = True
        del self.calls[call.id]
        self.tally.served(call)
        if isinstance(call, Callback):
            backlog = self._backlogs[call.type.name]
            backlog.over(call, self.now)
            self._watch(backlog)
        await self._do(self.core.finished(call.id, offer.agent, offer.token, EPOCH + self.now))
