"""How the reference decides: by looking at every call and every agent, each time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from books import Books
from figures import Figures
from people import Agent, Call, State

from hotline.acd.model import CallState, Change, Choice, Missed, QueueSettings, Standing
from hotline.acd.wire import MISS_DELAYS, canonical

SILENT = 60.0


class Referee(Books):
    def _change(self, applied: bool, id: str = "", standing: Standing | None = None) -> Change:
        for queue in sorted(self.touched):
            if self._conditional(queue):
                self._fill(queue)
        standing = standing or (self.look(id) if id else Standing(CallState.UNKNOWN))
        return Change(
            applied,
            tuple(self.made),
            tuple(self.moved.items()),
            standing,
            tuple(self.given_up),
            tuple(self.lapsed),
            min((entry[0] for entry in self.due()), default=None),
        )

    def _learn(self, queue: QueueSettings) -> None:
        def said(rules: QueueSettings) -> list[Any]:
            delays = {outcome: rules.miss_pause.get(outcome, MISS_DELAYS[outcome]) for outcome in Missed}
            needs = {canonical(each) for each in (rules.needs, *rules.other_needs, *(s.needs for s in rules.widen))}
            return [
                needs, rules.weight, rules.choice, rules.widen, rules.sticky, rules.own_site, rules.max_calls,
                rules.reserve_above, rules.miss_limit, delays,
            ]  # fmt: skip

        known = self.rules.get(queue.name)
        if known and said(known) == said(queue):
            return
        figures = self.figures.setdefault(queue.name, Figures())
        figures.accrue(self.now)
        self.rules[queue.name] = queue
        figures.most = queue.max_calls
        self._forget_classes(queue.name)
        self.touched.add(queue.name)
        self._see()
        self._fill(queue.name)

    def _fill(self, queue: str) -> None:
        while self._room(queue):
            for call in self.line(queue):
                if call.state == "waiting" and (agent := self._agent_for(call)):
                    self._offer(call, agent)
                    break
            else:
                break
        self.reviews.pop(queue, None)
        if self.rules[queue].reserve_above and self._many(queue, "waiting"):
            called, at = self._reserve_called(queue)
            if not called:
                self.reviews[queue] = at

    # --- agents ---

    def _become(
        self,
        agent: Agent,
        state: State,
        *,
        since: float | None = None,
        deadline: float | None = None,
        call: str = "",
        reason: str = "",
    ) -> None:
        worked = agent.at_work
        agent.state, agent.deadline, agent.call, agent.reason = state, deadline, call, reason
        agent.since = agent.since if since is None else since
        agent.row = 0 if state is State.PAUSED else agent.row
        self.moved[agent.name] = state
        if state is State.OFFLINE:
            del self.agents[agent.name]
        self._see()
        if state is State.IDLE:
            self._look_for_work(agent)
        elif not agent.on_staff:
            self._let_go(agent, agent.profile, worked and not agent.at_work)

    def _look_for_work(self, agent: Agent) -> None:
        waiting = [
            call
            for call in self.calls.values()
            if call.state == "waiting" and self.could_meet(call, agent) and self.open_to(call, agent)
        ]
        if waiting:
            first = min(waiting, key=lambda c: (-self.rules[c.queue].weight * (self.now - c.virtual), c.rank))
            self._offer(first, agent)

    def _let_go(self, agent: Agent, was: tuple[Mapping[str, int], str, bool], gone: bool) -> None:
        """Whoever waited for them alone goes on; and whom nobody at work could serve now."""
        gone = gone and not any(a.at_work and a.profile == was for a in self.agents.values())
        before = Agent(agent.name, "", was, 0, 0.0, 0.0)

        def stranded(call: Call) -> bool:
            return gone and before.serves(call.wanted, call.site) and not self._able(call)

        for call in sorted(self.calls.values(), key=lambda call: call.rank):
            if call.state == "waiting" and (call.last == agent.name if call.last else stranded(call)):
                self._wait(call)

    def _change_profile(self, agent: Agent, new: tuple[Mapping[str, int], str, bool]) -> None:
        was, agent.away = agent.profile, True
        self._see()
        agent.profile, agent.away = new, False
        self._see()
        self._unmet = agent.name
        self._let_go(agent, was, agent.at_work)
        self._unmet = ""

    def _free(self, agent: Agent, since: float) -> None:
        if agent.device:
            self._become(agent, State.DEVICE_BUSY)
        else:
            self._become(agent, State.IDLE, since=since)

    def _rest_or_free(self, agent: Agent, since: float) -> None:
        if agent.max_in_row and agent.row >= agent.max_in_row:
            self._become(agent, State.PAUSED, deadline=since + agent.cool_down, reason="cool-down")
        else:
            self._free(agent, since)

    def _release(self, agent: Agent, onward: Callable[[], None], outcome: Missed | None = None) -> None:
        wish, agent.wish = agent.wish, ""
        if outcome is not Missed.BUSY:
            agent.device = False
        if wish == "offline":
            self._become(agent, State.OFFLINE)
        elif wish == "paused":
            self._become(agent, State.PAUSED, reason=agent.wish_reason)
        else:
            onward()

    def _agent_due(self, agent: Agent, deadline: float, mercy: float) -> None:
        if agent.state is State.OFFERED and self.now < mercy:
            agent.deadline = self.calls[agent.call].lease = mercy
        elif agent.state is State.OFFERED:
            self.lapsed.append(self.calls[agent.call].offer)
            self._miss(self.calls[agent.call], Missed.LOST)
        elif agent.state is State.WRAP_UP:
            self._rest_or_free(agent, deadline)
        else:
            self._free(agent, deadline)

    # --- calls ---

    def _turn(self, call: Call, state: str) -> None:
        call.state = state
        self.touched.add(call.queue)
        if state == "waiting":
            call.agent, call.token = "", 0
        else:
            call.deadline = None
        self._see()

    def _place(self, call: Call) -> float | None:
        """Widen; until when?"""
        rules = self.rules[call.queue]
        self._widen(call, min(call.step, len(rules.widen)))
        while call.step < len(rules.widen) and self._passed(call, rules.widen[call.step].after):
            self._widen(call, call.step + 1)
        if call.site and self._passed(call, rules.own_site):
            call.site = ""
        self._know(call, call.site)
        while (call.site or call.step < len(rules.widen)) and not self._able(call):
            if call.site:
                call.site = ""
            else:
                self._widen(call, call.step + 1)
            self._know(call, call.site)
        ends = [rules.own_site] if call.site else []
        ends += [step.after for step in rules.widen[call.step : call.step + 1]]
        return round(call.arrival + min(ends), 6) if ends else None

    def _sticks(self, call: Call) -> bool:
        agent, sticky = self.agents.get(call.last), self.rules[call.queue].sticky
        if not agent or not agent.on_staff or self._passed(call, sticky):
            return False
        return agent.serves(call.wanted, "") and not self._held_back(call.queue, agent)

    def _wait(self, call: Call) -> None:
        deadline = self._place(call) if call.relaxes else None
        if not call.relaxes:
            self._know(call, "")  # it may have been forgotten
        if call.last:
            self._know(call, "")
            call.last = call.last if self._sticks(call) else ""
            deadline = round(call.arrival + self.rules[call.queue].sticky, 6) if call.last else deadline
        conditional = self._conditional(call.queue)
        if not conditional and (agent := self._agent_for(call)):
            self._offer(call, agent)
            return
        self._turn(call, "waiting")
        call.deadline = deadline
        if conditional:
            self._fill(call.queue)
        call.stood = call.stood or call.state == "waiting"

    def _agent_for(self, call: Call) -> Agent | None:
        def rank(agent: Agent) -> tuple[Any, ...]:
            skills, choice = agent.profile[0], self.rules[call.queue].choice
            best: tuple[int, ...] = ()
            if choice is Choice.BEST_SKILLED:
                best = (-sum(skills[skill] for skill in call.wanted),)
            elif choice is Choice.SPARE_THE_VERSATILE:
                best = (len(skills), sum(skills.values()))
            return (agent.name in call.tried, *best, agent.since, agent.name.encode())

        idle = [
            a
            for a in self.agents.values()
            if a.state is State.IDLE
            and self.could_meet(call, a)
            and (call.last or a.name != self._unmet)
            and (call.last or not self._held_back(call.queue, a) or self._reserve_called(call.queue)[0])
        ]
        if idle and not call.last and all(agent.name in call.tried for agent in idle):
            call.tried = []
        return min(idle, key=rank, default=None)

    def _offer(self, call: Call, agent: Agent) -> None:
        self.token += 1
        self._turn(call, "offered")
        call.agent, call.phone = agent.name, agent.phone
        call.token, call.lease, call.taken = self.token, self.now + self.hold, False
        if self.now - agent.since >= agent.cool_down:
            agent.row = 0
        self._become(agent, State.OFFERED, deadline=call.lease, call=call.id)
        self.made.append(call.offer)

    def _call_due(self, call: Call, mercy: float) -> None:
        if call.state == "waiting":
            self._wait(call)
        elif self.now < mercy:
            call.deadline = mercy
        else:
            self._give_up(call)

    def _give_up(self, call: Call) -> None:
        self.given_up.append((call.id, self.look(call.id)))
        self._end(call, "lost")

    def _end(self, call: Call, reason: str) -> None:
        if call.state != "talking" and reason != "served":
            self._note_wait(call, "" if reason == "callback" else "left")
        del self.calls[call.id]
        self._turn(call, "ended")
        self.ended[call.id] = reason
        self.endings[call.id] = self.endings.get(call.id, 0) + 1

    def _hang_up(self, call: Call) -> None:
        agent = self.agents[call.agent]
        if call.state == "talking":
            talked = max(0.0, self.now - call.answered)
            self.figures[call.queue].handled.append((self.now, talked + call.wrap_up))
        self._end(call, "served")
        if call.caller:
            self.lasts[call.caller] = agent.name
        agent.row += 1 if agent.max_in_row else 0
        if call.wrap_up:
            self._release(agent, lambda: self._become(agent, State.WRAP_UP, deadline=self.now + call.wrap_up))
        else:
            self._release(agent, lambda: self._rest_or_free(agent, self.now))

    def _miss(self, call: Call, outcome: Missed) -> None:
        agent, rules = self.agents[call.agent], self.rules[call.queue]
        delay, lost = rules.miss_pause.get(outcome, MISS_DELAYS[outcome]), outcome is Missed.LOST
        if lost:
            self._turn(call, "lost")
            call.deadline = self.now + SILENT
        else:
            if agent.name not in call.tried:
                call.tried.append(agent.name)
            call.last = "" if call.last == agent.name else call.last
            self._wait(call)
            agent.misses += 1
        too_many = not lost and 0 < rules.miss_limit <= agent.misses
        agent.misses = 0 if too_many else agent.misses

        def onward() -> None:
            if too_many:
                self._become(agent, State.PAUSED, reason="missed-calls")
            elif delay:
                self._become(agent, State.PAUSED, deadline=self.now + delay, reason=outcome.value)
            else:
                self._free(agent, agent.since if lost else self.now)

        self._release(agent, onward, outcome)
