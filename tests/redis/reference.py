"""The queue core once more, in the plainest way: lists, scans and no Redis. What the scripts are compared with.

Every public method answers the Change that hotline.acd.core.Core's method of that name must answer. What would be
moved by several scripts because it is too much for one (see AT_ONCE in moves.lua) is moved at once here.
"""

from __future__ import annotations

from people import Agent, Call, State, profile
from referee import Referee

from hotline.acd.model import (
    AgentSettings,
    Change,
    Left,
    Missed,
    Offer,
    QueueSettings,
    Standing,
)


class Reference(Referee):
    def join(
        self,
        id: str,
        queue: QueueSettings,
        arrival: float,
        now: float,
        channel: str,
        pbx: str,
        force: bool = False,
        site: str = "",
        caller: str = "",
    ) -> Change:
        self._begin(now)
        if call := self.calls.get(id):
            call.channel, call.pbx = channel, pbx
            revived = call.state == "lost"
            if self._needs_anew(call, queue, site) or revived:
                self._wait(call)
            return self._change(revived, id)
        if self.ended.get(id) == "abandoned" and not force:
            return self._change(False, id)
        self._learn(queue)
        if state := self._refused(queue):
            return self._change(False, standing=Standing(state))
        self.ended.pop(id, None)
        mine = site if queue.own_site else ""
        virtual = arrival - queue.priority
        call = Call(id, queue.name, queue.needs, arrival, virtual, queue.wrap_up, channel, pbx, mine, caller, False)
        call.joined = max(arrival, now)
        call.wanted, call.relaxes = queue.needs, bool(queue.widen or mine)
        call.last = self.lasts.get(caller, "") if queue.sticky and caller else ""
        self.calls[id] = call
        self._know(call, mine)
        self._wait(call)
        return self._change(True, id)

    def _needs_anew(self, call: Call, queue: QueueSettings, site: str) -> bool:
        """The rules of now hold for a call that is back; whether it has to look for a place by them."""
        if call.queue != queue.name or call.state == "talking":
            return False
        self._learn(queue)
        mine = site if queue.own_site else ""
        relaxes = bool(queue.widen or mine)
        if (call.needs, call.relaxes) == (queue.needs, relaxes):
            return False
        call.needs = call.wanted = queue.needs
        call.site, call.relaxes, call.step = mine, relaxes, 0
        self._know(call, mine)
        return call.state == "waiting"

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
        who = self.agents.get(agent)
        if not call:
            call = self._holding(id, agent, token, "lost")
            if not call or not who or who.call:
                return self._change(False, id)
            if who.state is State.PAUSED and who.deadline is None and who.reason != "missed-calls":
                who.wish, who.wish_reason = "paused", who.reason
        assert who
        self._note_wait(call, "taken")
        self._turn(call, "talking")
        call.answered, who.misses = now, 0
        self._become(who, State.TALKING, call=id)
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
        return self._change(True, standing=was)

    def leave(self, id: str, reason: Left, now: float) -> Change:
        self._begin(now)
        was = self.look(id)
        call = self.calls.get(id)
        if not call:
            if reason is Left.ABANDONED:
                self.ended.setdefault(id, reason.value)
            return self._change(False, standing=was)
        if call.state == "talking":
            self._hang_up(call)
        else:
            agent = self.agents[call.agent] if call.state == "offered" else None
            self._end(call, reason.value)
            if agent:
                self._release(agent, lambda: self._free(agent, agent.since))
        return self._change(True, standing=was)

    def login(self, settings: AgentSettings, now: float, refresh: bool = False) -> Change:
        self._begin(now)
        agent = self.agents.get(settings.name)
        rest = (settings.max_in_row, settings.cool_down) if settings.max_in_row and settings.cool_down else (0, 0.0)
        wanted = (settings.phone, profile(settings), rest)
        known = agent and (agent.phone, agent.profile, (agent.max_in_row, agent.cool_down)) == wanted
        stays = refresh or (agent and not agent.wish and agent.state is not State.PAUSED)
        if (known and stays) or (refresh and not agent):
            return self._change(False)
        if not agent:
            agent = self.agents[settings.name] = Agent(settings.name, settings.phone, profile(settings), *rest, now)
        if not stays:
            agent.wish = agent.wish_reason = ""
        agent.phone, (agent.max_in_row, agent.cool_down) = settings.phone, rest
        if agent.profile != profile(settings):
            self._change_profile(agent, profile(settings))
        if agent.state in (State.OFFLINE, State.IDLE):
            self._become(agent, State.IDLE)
        if agent.state is State.PAUSED and not refresh:
            self._free(agent, now)
        return self._change(True)

    def refresh(self, settings: AgentSettings, now: float) -> Change:
        return self.login(settings, now, refresh=True)

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
        self._become(agent, State.OFFLINE)
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
        if agent.state is State.PAUSED and agent.reason == reason and agent.deadline is None:
            return self._change(False)
        self._become(agent, State.PAUSED, reason=reason)
        return self._change(True)

    def ready(self, name: str, now: float) -> Change:
        self._begin(now)
        agent = self.agents.get(name)
        if not agent:
            return self._change(False)
        if agent.state is State.PAUSED:
            self._free(agent, now)
        elif agent.state is State.WRAP_UP:
            self._rest_or_free(agent, now)
        elif agent.wish == "paused":
            agent.wish = ""
        else:
            return self._change(False)
        return self._change(True)

    def device(self, who: str, busy: bool, now: float) -> Change:
        self._begin(now)
        agent = self.agents.get(who) or next((a for a in self.agents.values() if a.phone == who), None)
        if not agent or agent.device == busy:
            return self._change(False)
        agent.device = busy
        if busy and agent.state is State.IDLE:
            self._become(agent, State.DEVICE_BUSY)
        if not busy and agent.state is State.DEVICE_BUSY:
            self._become(agent, State.IDLE, since=now)
        return self._change(True)

    def tick(self, now: float, mercy: float = 0.0) -> tuple[Change, float | None]:
        self._begin(now)
        any_due = False
        while due := [entry for entry in self.due() if entry[0] <= now]:
            deadline, _, what = min(due, key=lambda entry: entry[:2])
            any_due = True
            if isinstance(what, str):
                del self.reviews[what]
                self._fill(what)
            elif isinstance(what, Call):
                self._call_due(what, mercy)
            else:
                self._agent_due(what, deadline, mercy)
        change = self._change(any_due)
        return change, change.due

    def expected_wait(self, id: str, now: float) -> float | None:
        self.now = now
        call = self.calls.get(id)
        if not call or call.state == "talking":
            return None
        if call.state == "offered":
            return 0.0
        ahead = self.line(call.queue).index(call) - self._many(call.queue, "offered")
        return self._wait_behind(call.queue, max(0, ahead), id)

    def expected(self, queue: str, now: float) -> float | None:
        self.now = now
        return self._wait_of_a_newcomer(queue) if queue in self.rules else None
