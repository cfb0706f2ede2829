"""The queue core once more, in the plainest way: lists, scans and no Redis. What the scripts are compared with.

Every public method answers the Change that hotline.acd.core.Core's method of that name must answer.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hotline.acd.core import MISS_DELAYS
from hotline.acd.model import (
    AgentSettings,
    AgentState,
    CallState,
    Change,
    Left,
    Missed,
    Offer,
    QueueSettings,
    Standing,
)

SILENT = 60.0


@dataclass
class Call:
    id: str
    queue: QueueSettings
    arrival: float
    channel: str
    pbx: str
    state: str = "waiting"
    agent: str = ""
    phone: str = ""
    token: int = 0
    lease: float = 0.0
    taken: bool = False
    answered: float = 0.0
    give_up: float | None = None
    tried: list[str] = field(default_factory=list)

    @property
    def rank(self) -> tuple[float, str]:
        return (self.arrival - self.queue.priority, self.id)

    @property
    def offer(self) -> Offer:
        return Offer(self.id, self.agent, self.token, self.queue.name, self.phone, self.channel, self.pbx, self.lease)


@dataclass
class Agent:
    name: str
    phone: str
    skills: dict[str, int]
    since: float
    state: AgentState = AgentState.OFFLINE
    deadline: float | None = None
    call: str = ""
    reason: str = ""
    wish: str = ""
    wish_reason: str = ""

    def serves(self, call: Call) -> bool:
        return all(self.skills.get(skill, 0) >= level for skill, level in call.queue.needs.items())


class Reference:
    def __init__(self, hold: float) -> None:
        self.hold, self.now, self.token = hold, 0.0, 0
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}
        self.ended: dict[str, str] = {}
        self.endings: dict[str, int] = {}
        self.made: list[Offer] = []
        self.moved: dict[str, AgentState] = {}
        self.given_up: list[tuple[str, Standing]] = []
        self.lapsed: list[Offer] = []

    # --- what Core does ---

    def join(
        self, id: str, queue: QueueSettings, arrival: float, now: float, channel: str, pbx: str, force: bool = False
    ) -> Change:
        self._begin(now)
        if call := self.calls.get(id):
            call.channel, call.pbx = channel, pbx
            if call.state != "lost":
                return self._change(False, id)
            call.give_up = None
        elif self.ended.get(id) == "abandoned" and not force:
            return self._change(False, id)
        elif 0 < queue.max_length <= len(self._line(queue.name)):
            return self._change(False, id, Standing(CallState.FULL))
        else:
            self.ended.pop(id, None)
            call = self.calls[id] = Call(id, queue, arrival, channel, pbx)
        self._wait(call)
        return self._change(True, id)

    def take(self, offer: Offer, now: float, lease: float) -> Change:
        self._begin(now)
        call = self._holding(offer.call, offer.agent, offer.token, "offered")
        if not call:
            return self._change(False, offer.call)
        call.taken, call.lease = True, lease
        self.agents[call.agent].deadline = lease
        return self._change(True, offer.call)

    def answered(self, id: str, agent: str, token: int, now: float) -> Change:
        self._begin(now)
        call = self._holding(id, agent, token, "offered")
        if not call:
            call = self._holding(id, agent, token, "lost")
            who = self.agents.get(agent)
            if not call or not who or who.call:
                return self._change(False, id)
            if who.state is AgentState.PAUSED and who.deadline is None:
                who.wish, who.wish_reason = "paused", who.reason
        call.state, call.answered, call.give_up = "talking", now, None
        self._move(self.agents[agent], AgentState.TALKING, call=id)
        return self._change(True, id)

    def missed(self, id: str, agent: str, token: int, outcome: Missed, now: float) -> Change:
        self._begin(now)
        call = self._holding(id, agent, token, "offered")
        if not call:
            return self._change(False, id)
        self._miss(call, outcome)
        return self._change(True, id)

    def finished(self, id: str, agent: str, token: int, now: float) -> Change:
        self._begin(now)
        call = self._holding(id, agent, token)
        if not call:
            return self._change(False, id)
        was = self.look(id)
        if call.state == "lost":
            self._end(call, "served")
        else:
            self._hang_up(call)
        return self._change(True, id, was)

    def leave(self, id: str, reason: Left, now: float) -> Change:
        self._begin(now)
        was = self.look(id)
        call = self.calls.get(id)
        if not call:
            if reason is Left.ABANDONED:
                self.ended.setdefault(id, reason.value)
            return self._change(False, id, was)
        if call.state == "talking":
            self._hang_up(call)
        else:
            self._end(call, reason.value)
            if call.state == "offered":
                self._release(self.agents[call.agent], AgentState.IDLE)
        return self._change(True, id, was)

    def login(self, settings: AgentSettings, now: float) -> Change:
        self._begin(now)
        skills = dict(settings.skills)
        agent = self.agents.get(settings.name)
        if agent and agent.phone == settings.phone and agent.skills == skills and agent.wish != "offline":
            return self._change(False)
        if not agent:
            agent = self.agents[settings.name] = Agent(settings.name, settings.phone, skills, since=now)
        agent.phone, agent.skills = settings.phone, skills
        if agent.wish == "offline":
            agent.wish = ""
        if agent.state in (AgentState.OFFLINE, AgentState.IDLE):
            self._move(agent, AgentState.IDLE)
        return self._change(True)

    def refresh(self, settings: AgentSettings, now: float) -> Change:
        self._begin(now)
        agent = self.agents.get(settings.name)
        if not agent or (agent.phone == settings.phone and agent.skills == dict(settings.skills)):
            return self._change(False)
        agent.phone, agent.skills = settings.phone, dict(settings.skills)
        if agent.state is AgentState.IDLE:
            self._move(agent, AgentState.IDLE)
        return self._change(True)

    def logout(self, name: str, now: float, at_once: bool = False) -> Change:
        self._begin(now)
        agent = self.agents.get(name)
        if not agent or (agent.wish == "offline" and not at_once):
            return self._change(False)
        if agent.call and not at_once:
            agent.wish = "offline"
            return self._change(True)
        if agent.call:
            self._give_up(self.calls[agent.call])
        self._move(agent, AgentState.OFFLINE)
        return self._change(True)

    def pause(self, name: str, reason: str, now: float) -> Change:
        self._begin(now)
        agent = self.agents.get(name)
        if not agent or agent.wish == "offline":
            return self._change(False)
        if agent.call:
            new = (agent.wish, agent.wish_reason) != ("paused", reason)
            agent.wish, agent.wish_reason = "paused", reason
            return self._change(new)
        if agent.state is AgentState.PAUSED and agent.reason == reason and agent.deadline is None:
            return self._change(False)
        self._move(agent, AgentState.PAUSED, reason=reason)
        return self._change(True)

    def ready(self, name: str, now: float, only: AgentState | None = None) -> Change:
        self._begin(now)
        agent = self.agents.get(name)
        if not agent or (only and agent.state is not only):
            return self._change(False)
        if agent.state in (AgentState.PAUSED, AgentState.WRAP_UP):
            self._move(agent, AgentState.IDLE, since=now)
            return self._change(True)
        taken_back, agent.wish = agent.wish == "paused", "" if agent.wish == "paused" else agent.wish
        return self._change(taken_back)

    def wrapped(self, name: str, now: float) -> Change:
        return self.ready(name, now, AgentState.WRAP_UP)

    def tick(self, now: float, mercy: float = 0.0) -> tuple[Change, float | None]:
        self._begin(now)
        any_due = False
        while due := [entry for entry in self._due() if entry[0] <= now]:
            deadline, _, what = min(due, key=lambda entry: entry[:2])
            any_due = True
            if isinstance(what, Call):
                if now < mercy:
                    what.give_up = mercy
                else:
                    self._give_up(what)
            elif what.state is AgentState.OFFERED:
                if now < mercy:
                    what.deadline = self.calls[what.call].lease = mercy
                else:
                    self.lapsed.append(self.calls[what.call].offer)
                    self._miss(self.calls[what.call], Missed.LOST)
            else:
                self._move(what, AgentState.IDLE, since=deadline)
        return self._change(any_due), min((entry[0] for entry in self._due()), default=None)

    def look(self, id: str) -> Standing:
        call = self.calls.get(id)
        if not call:
            return Standing(CallState.ENDED if id in self.ended else CallState.UNKNOWN)
        line = self._line(call.queue.name)
        return Standing(
            CallState.UNKNOWN if call.state == "lost" else CallState(call.state),
            position=line.index(call.rank) + 1 if call.rank in line else 0,
            arrival=call.arrival,
            offer=call.offer if call.state in ("offered", "talking") else None,
            answered=call.answered,
            queue=call.queue.name,
        )

    # --- how ---

    def _begin(self, now: float) -> None:
        self.now, self.made, self.moved, self.given_up, self.lapsed = now, [], {}, [], []

    def _line(self, queue: str) -> list[tuple[float, str]]:
        return sorted(
            call.rank for call in self.calls.values() if call.queue.name == queue and call.state != "talking"
        )

    def _change(self, applied: bool, id: str = "", standing: Standing | None = None) -> Change:
        standing = standing or (self.look(id) if id else Standing(CallState.UNKNOWN))
        moved, given_up = tuple(self.moved.items()), tuple(self.given_up)
        return Change(applied, tuple(self.made), moved, standing, given_up, tuple(self.lapsed))

    def _holding(self, id: str, agent: str, token: int, state: str = "") -> Call | None:
        call = self.calls.get(id)
        if not call or (call.agent, call.token) != (agent, token) or (state and call.state != state):
            return None
        return call

    def _due(self) -> list[tuple[float, str, Agent | Call]]:
        agents = [(a.deadline, f"agent:{a.name}", a) for a in self.agents.values() if a.deadline is not None]
        calls = [(c.give_up, f"call:{c.id}", c) for c in self.calls.values() if c.give_up is not None]
        return [*agents, *calls]

    def _move(
        self,
        agent: Agent,
        state: AgentState,
        *,
        since: float | None = None,
        deadline: float | None = None,
        call: str = "",
        reason: str = "",
    ) -> None:
        agent.state, agent.deadline, agent.call, agent.reason = state, deadline, call, reason
        agent.since = agent.since if since is None else since
        self.moved[agent.name] = state
        if state is AgentState.OFFLINE:
            del self.agents[agent.name]
        elif state is AgentState.IDLE:
            waiting = [c for c in self.calls.values() if c.state == "waiting" and agent.serves(c)]
            if waiting:
                self._offer(min(waiting, key=lambda c: c.rank), agent)

    def _release(self, agent: Agent, state: AgentState, **new: object) -> None:
        wish, agent.wish = agent.wish, ""
        if wish == "offline":
            self._move(agent, AgentState.OFFLINE)
        elif wish == "paused":
            self._move(agent, AgentState.PAUSED, reason=agent.wish_reason)
        else:
            self._move(agent, state, **new)  # type: ignore[arg-type]

    def _wait(self, call: Call) -> None:
        idle = [a for a in self.agents.values() if a.state is AgentState.IDLE and a.serves(call)]
        if not idle:
            call.state, call.agent, call.token = "waiting", "", 0
            return
        if all(agent.name in call.tried for agent in idle):
            call.tried = []
        self._offer(call, min(idle, key=lambda a: (a.name in call.tried, a.since, a.name)))

    def _offer(self, call: Call, agent: Agent) -> None:
        self.token += 1
        call.state, call.agent, call.phone = "offered", agent.name, agent.phone
        call.token, call.lease, call.taken = self.token, self.now + self.hold, False
        self._move(agent, AgentState.OFFERED, deadline=call.lease, call=call.id)
        self.made.append(call.offer)

    def _give_up(self, call: Call) -> None:
        self.given_up.append((call.id, self.look(call.id)))
        self._end(call, "lost")

    def _end(self, call: Call, reason: str) -> None:
        del self.calls[call.id]
        self.ended[call.id] = reason
        self.endings[call.id] = self.endings.get(call.id, 0) + 1

    def _hang_up(self, call: Call) -> None:
        self._end(call, "served")
        if call.queue.wrap_up:
            self._release(self.agents[call.agent], AgentState.WRAP_UP, deadline=self.now + call.queue.wrap_up)
        else:
            self._release(self.agents[call.agent], AgentState.IDLE, since=self.now)

    def _miss(self, call: Call, outcome: Missed) -> None:
        agent = self.agents[call.agent]
        delay = call.queue.miss_pause.get(outcome, MISS_DELAYS[outcome])
        if outcome is Missed.LOST:
            call.state, call.give_up = "lost", self.now + SILENT
        else:
            if agent.name not in call.tried:
                call.tried.append(agent.name)
            self._wait(call)
        if delay:
            self._release(agent, AgentState.PAUSED, deadline=self.now + delay, reason=outcome.value)
        elif outcome is Missed.LOST:
            self._release(agent, AgentState.IDLE)
        else:
            self._release(agent, AgentState.IDLE, since=self.now)
