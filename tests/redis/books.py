"""What the reference knows and foretells: who stands where, the queues' rules and figures. It decides nothing."""

from __future__ import annotations

from collections.abc import Mapping

from figures import Figures
from people import Agent, Call, State

from hotline.acd.model import CallState, Offer, QueueSettings, Standing

REVIEW = 10.0


class Books:
    def __init__(self, hold: float) -> None:
        self.hold, self.now, self.token = hold, 0.0, 0
        self.calls: dict[str, Call] = {}
        self.agents: dict[str, Agent] = {}
        self.rules: dict[str, QueueSettings] = {}
        self.figures: dict[str, Figures] = {}
        self.classes: dict[str, list[tuple[Mapping[str, int], str]]] = {}
        self.lasts: dict[str, str] = {}
        self.reviews: dict[str, float] = {}
        self.ended: dict[str, str] = {}
        self.endings: dict[str, int] = {}
        self._unmet = ""
        """Who is between two skills, and met by nobody but those who wait for them alone."""
        self._begin(0.0)

    # --- what may be seen of it ---

    def look(self, id: str) -> Standing:
        call = self.calls.get(id)
        if not call:
            return Standing(CallState.ENDED if id in self.ended else CallState.UNKNOWN)
        line = self.line(call.queue)
        return Standing(
            CallState.UNKNOWN if call.state == "lost" else CallState(call.state),
            position=line.index(call) + 1 if call in line else 0,
            arrival=call.arrival,
            offer=call.offer if call.state in ("offered", "talking") else None,
            answered=call.answered,
            queue=call.queue,
        )

    def line(self, queue: str) -> list[Call]:
        here = [call for call in self.calls.values() if call.queue == queue and call.state != "talking"]
        return sorted(here, key=lambda call: call.rank)

    def due(self) -> list[tuple[float, str, Agent | Call | str]]:
        agents = [(a.deadline, f"agent:{a.name}", a) for a in self.agents.values() if a.deadline is not None]
        calls = [(c.deadline, f"call:{c.id}", c) for c in self.calls.values() if c.deadline is not None]
        return [*agents, *calls, *((at, f"queue:{name}", name) for name, at in self.reviews.items())]

    def could_meet(self, call: Call, agent: Agent) -> bool:
        """Whether the two would meet, both being free, where no rule of the queue is against it."""
        if call.last:
            return agent.name == call.last
        return agent.serves(call.wanted, call.site)

    def open_to(self, call: Call, agent: Agent) -> bool:
        """Whether no rule of the queue is against it."""
        held = self._held_back(call.queue, agent)
        return self._room(call.queue) and (not held or self._reserve_called(call.queue)[0])

    # --- a change ---

    def _begin(self, now: float) -> None:
        self.now = now
        self.made: list[Offer] = []
        self.moved: dict[str, State] = {}
        self.given_up: list[tuple[str, Standing]] = []
        self.lapsed: list[Offer] = []
        self.touched: set[str] = set()

    def _holding(self, id: str, agent: str, token: int, state: str = "") -> Call | None:
        call = self.calls.get(id)
        if not call or (call.agent, call.token) != (agent, token) or (state and call.state != state):
            return None
        return call

    # --- queues ---

    def _refused(self, queue: QueueSettings) -> CallState | None:
        length, spill = len(self.line(queue.name)), queue.overflow
        wait = self._wait_of_a_newcomer(queue.name)
        wait = (self._longest_wait(queue.name) or 0.0) if wait is None else wait
        if spill and (0 < spill.length <= length or 0 < spill.expected < wait):
            return CallState.OVERFLOW
        if 0 < queue.max_length <= length:
            return CallState.FULL
        return CallState.TOO_LONG if 0 < queue.max_expected_wait < wait else None

    def _know(self, call: Call, site: str) -> None:
        known = self.classes.setdefault(call.queue, [])
        if (call.wanted, site) not in known:
            known.append((call.wanted, site))
            self._see()

    def _see(self) -> None:
        """Keep the figures of every queue; whatever may have changed them."""
        for queue, figures in self.figures.items():
            staff = sum(1 for a in self.agents.values() if a.on_staff and self._works_for(queue, a))
            if figures.see(self.now, self._many(queue, "waiting") > 0, staff):
                self.touched.add(queue)

    def _works_for(self, queue: str, agent: Agent) -> bool:
        known = [each for each in self.classes.get(queue, []) if self._speaks_of(queue, *each)]
        serves = any(agent.serves(needs, site) for needs, site in known)
        return serves and not self._held_back(queue, agent)

    def _speaks_of(self, queue: str, needs: Mapping[str, int], site: str) -> bool:
        """Whether the queue's rules do."""
        rules = self.rules[queue]
        steps = [step.needs for step in rules.widen]
        return needs in [rules.needs, *rules.other_needs, *steps] and (not site or rules.own_site > 0)

    def _forget_classes(self, queue: str) -> None:
        """Those of older rules in which nobody waits."""
        waiting = [call for call in self.calls.values() if call.queue == queue and call.state == "waiting"]
        waited_in = [(call.wanted, "" if call.last else call.site) for call in waiting]
        known = self.classes.get(queue, [])
        self.classes[queue] = [each for each in known if self._speaks_of(queue, *each) or each in waited_in]

    def _held_back(self, queue: str, agent: Agent) -> bool:
        return agent.profile[2] and self.rules[queue].reserve_above > 0

    def _many(self, queue: str, *states: str) -> int:
        return sum(1 for call in self.calls.values() if call.queue == queue and call.state in states)

    def _room(self, queue: str) -> bool:
        most = self.rules[queue].max_calls
        return not most or self._many(queue, "offered", "talking") < most

    def _conditional(self, queue: str) -> bool:
        return bool(self.rules[queue].max_calls or self.rules[queue].reserve_above)

    # --- the forecast ---

    def _note_wait(self, call: Call, counts_as: str) -> None:
        figures = self.figures[call.queue]
        if call.stood and self.now > call.joined:
            figures.waited.append((self.now, self.now - call.joined))
        if call.stood and counts_as:
            {"taken": figures.taken, "left": figures.left}[counts_as].append(self.now)

    def _wait_behind(self, queue: str, ahead: int, id: str = "") -> float | None:
        if not self.figures[queue].capacity:
            return None
        wait = self.figures[queue].wait(ahead, self.now)
        return self._longest_wait(queue, id) if wait is None else wait

    def _longest_wait(self, queue: str, id: str = "") -> float | None:
        first = next(iter(self.line(queue)), None)
        return max(0.0, self.now - first.arrival) if first and first.id != id else None

    def _wait_of_a_newcomer(self, queue: str) -> float | None:
        waiting = self._many(queue, "waiting")
        idle = any(a.state is State.IDLE and self._works_for(queue, a) for a in self.agents.values())
        return 0.0 if not waiting and idle and self._room(queue) else self._wait_behind(queue, waiting)

    def _reserve_called(self, queue: str) -> tuple[bool, float]:
        """Whether they are; else, when to ask again."""
        if not self.figures[queue].capacity:
            return True, 0.0
        waiting, above = self._many(queue, "waiting"), self.rules[queue].reserve_above
        wait = self._wait_behind(queue, waiting)
        if wait is not None and wait + 2e-6 >= above:
            return True, 0.0
        line = self.line(queue)
        by_rates = self.figures[queue].wait(waiting, self.now) is not None
        return False, round(self.now + REVIEW if by_rates else line[0].arrival + above, 6)

    # --- calls ---

    def _widen(self, call: Call, step: int) -> None:
        call.step, call.wanted = step, self.rules[call.queue].widen[step - 1].needs if step else call.needs

    def _able(self, call: Call) -> bool:
        return any(a.at_work and a.serves(call.wanted, call.site) for a in self.agents.values())

    def _passed(self, call: Call, seconds: float) -> bool:
        return self.now >= round(call.arrival + seconds, 6)
