"""A hotline whose every event happens twice: to the real scripts in a real Redis, and to the plain reference.

OPERATIONS says what may happen, and with which values; whoever drives a World picks from it.
"""

from __future__ import annotations

import collections
import json
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any

from invariants import LASTING, LASTING_KINDS, Keys, check, dump_script, parse
from reference import Reference

from hotline.acd.core import Core
from hotline.acd.model import (
    AgentSettings,
    CallState,
    Change,
    Choice,
    Left,
    Missed,
    Offer,
    Overflow,
    QueueSettings,
    Widening,
)
from hotline.acd.wire import canonical
from hotline.store import Script, StoreDown

HOLD = 10.0
START = 1_760_000_000.0
CALLS, AGENTS, QUEUES = [f"c{n}" for n in range(7)], [f"a{n}" for n in range(5)], [f"q{n}" for n in range(4)]
QUARTERS = [n / 4 for n in range(160)]
SKILLS: Sequence[Mapping[str, int]] = (
    *({}, {"sales": 1}, {"sales": 2, "german": 3}, {"german": 9}, {"sales": 9, "german": 9}),
)

RULES: Mapping[str, Sequence[Any]] = {
    "needs": [{}, {"german": 1}, {"sales": 1}, {"sales": 1}, {"sales": 2, "german": 3}],
    "other_needs": [(), (), ({},)],
    "priority": [0.0, 0.0, 5.0],
    "wrap_up": [0.0, 0.25, 5.0],
    "weight": [1.0, 1.0, 0.5, 2.0],
    "choice": list(Choice),
    "widen": [(), (), (Widening(5.0, {}),), (Widening(0.25, {"sales": 1}), Widening(12.5, {}))],
    "sticky": [0.0, 0.0, 10.0],
    "own_site": [0.0, 0.0, 5.0],
    "max_calls": [0, 0, 1, 2],
    "reserve_above": [0.0, 0.0, 7.3],
    "miss_limit": [0, 0, 2],
    "miss_pause": [{}, dict.fromkeys(Missed, 0.0), dict.fromkeys(Missed, 2.0) | {Missed.BUSY: 0.0}],
    "max_length": [0, 0, 0, 2],
    "max_expected_wait": [0.0, 0.0, 11.7],
    "overflow": [None, None, Overflow("menu", length=2), Overflow("menu", expected=23.4)],
}
"""A queue's rules; one of each."""
CHANGING = (
    *("needs", "widen", "own_site", "sticky", "weight", "choice", "max_calls", "reserve_above", "miss_limit"),
    *("max_length", "other_needs"),
)
"""Those that a new configuration may change while callers wait."""

_CALL = {"call": CALLS}
_OFFER = {"kind": [*"hhhhhh", *"ll", *"aa"], "pick": list(range(60))}
_AGENT = {
    "name": AGENTS, "skills": SKILLS, "phone": ["", "-2"], "site": ["", "", "hue", "vinh"],
    "reserve": [False, False, True], "most": [0, 0, 1, 2],
}  # fmt: skip
OPERATIONS: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "time_passes": {"seconds": QUARTERS},
    "a_while_passes": {"seconds": [600.0, 7200.0, 90000.0]},
    "the_clock_is_set_back": {"seconds": QUARTERS},
    "the_next_script_meets": {"fault": ["request lost", "reply lost", "doubled"]},
    "the_rules_change": {"queue": QUEUES, "rule": CHANGING, "pick": list(range(60))},
    "a_service_starts_anew": {
        "queue": QUEUES, "rule": ["needs", "needs", *CHANGING], "pick": list(range(60)), "back": [1, 9, -1, -2],
    },
    "join": {
        **_CALL, "queue": QUEUES, "ago": [0.0, 0.0, 0.25, 5.0, 5.0, 5.25, 30.0], "force": [False, True],
        "site": ["", "hue", "vinh"], "caller": ["", "k1", "k2"],
    },
    "look": _CALL,
    "leave": {**_CALL, "reason": [Left.ABANDONED, *Left]},
    "take": {**_OFFER, "lease": QUARTERS},
    "the_bell_asks": _OFFER,
    "answered": _OFFER,
    "missed": {**_OFFER, "outcome": list(Missed)},
    "finished": _OFFER,
    "login": _AGENT,
    "refresh": _AGENT,
    "logout_at_once": {"name": AGENTS},
    "agent_does": {"name": AGENTS, "verb": ["logout", "ready", "ready", "ready"]},
    "pause": {"name": AGENTS, "reason": ["lunch", "training"]},
    "device": {"who": [*AGENTS, *(f"PJSIP/{name}" for name in AGENTS)], "busy": [True, False]},
    "a_deadline_passes": {},
    "tick": {"mercy": [0.0, 0.0, 0.0, 6.0]},
    "snapshot": {},
}  # fmt: skip
OFTEN: Mapping[str, float] = {
    "join": 9, "answered": 7, "finished": 7, "login": 5, "time_passes": 3, "a_deadline_passes": 3, "missed": 2,
    "agent_does": 2, "logout_at_once": 0.3, "a_while_passes": 0.1, "snapshot": 0.3, "the_bell_asks": 0.5,
}  # fmt: skip
"""How often something happens; the rest: 1. What a hotline is about happens more often."""


class DirectStore:
    """What Core needs of a Store, without an event loop, and with a link that breaks when told to."""

    def __init__(self, redis: Any) -> None:
        self.redis = redis
        self.fault = ""

    async def script(self, script: Script, keys: list[bytes], args: list[bytes]) -> Any:
        fault, self.fault = self.fault, ""
        if fault == "request lost":
            raise StoreDown(fault)
        reply = self.redis.script(script, keys, args)
        if fault == "reply lost":
            raise StoreDown(fault)
        if fault == "doubled":
            assert self.redis.script(script, keys, args) == reply
        return json.loads(reply)

    async def read(self, command: str, key: bytes, *args: Any) -> Any:
        return self.redis(command, key, *(args[0] if args else ()))

    async def wait_up(self, seconds: float) -> bool:
        return True


def run(work: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("the coroutine waits for something")


class World:
    """`rules`: the rules of each of QUEUES in turn, as RULES has them."""

    dump = dump_script()

    def __init__(self, redis: Any, rules: Sequence[Mapping[str, Any]], *, story: bool = False) -> None:
        self.redis = redis
        redis("FLUSHDB")
        self.store = DirectStore(redis)
        self.core = Core(self.store, hold=HOLD, story=story)  # type: ignore[arg-type]
        self.reference = Reference(HOLD)
        self.queues = {name: QueueSettings(name, **each) for name, each in zip(QUEUES, rules, strict=True)}
        self.now = START
        self.offers: list[Offer] = []
        self.done = 0
        """Operations so far, each compared and checked."""

    def happen(self, operation: str, values: Mapping[str, Any]) -> None:
        self.done += 1
        getattr(self, operation)(**values)

    def compare(self, real: Change, expected: Change) -> None:
        assert real == expected, f"\n{real}\n{expected}"
        self.offers.extend(real.offers)
        keys = parse(self.redis.script(self.dump, [b"hotline:"], []))
        check(keys)
        self.compare_everything(keys)
        self.compare_forecasts()

    def compare_everything(self, keys: Keys) -> None:
        model = self.reference
        assert {id: call["state"] for id, call in keys.of("call").items()} == {
            id: call.state for id, call in model.calls.items()
        }
        assert keys.of("ended") == model.ended
        assert keys.of("last") == model.lasts
        blank: dict[str, str] = collections.defaultdict(str)
        real = {name: blank | agent for name, agent in keys.of("agent").items()}
        assert real.keys() == model.agents.keys()
        for name, agent in model.agents.items():
            found = real[name]
            assert found["state"] == agent.state
            assert float(found["since"]) == agent.since
            assert float(found["deadline"] or -1) == (-1 if agent.deadline is None else agent.deadline)
            assert (found["call"], found["reason"]) == (agent.call, agent.reason)
            assert found["wish"] == agent.wish
            assert (int(found["row"] or 0), int(found["misses"] or 0)) == (agent.row, agent.misses)
            assert (found["device"] == "busy") == agent.device
        self.compare_queues(keys)
        assert all(calls == 1 for calls in model.endings.values())
        model.endings.clear()

    def compare_queues(self, keys: Keys) -> None:
        """Which classes of calls are known of each, and how many work for it."""
        model, lines = self.reference, keys.of("lines")
        found = {queue: {(canonical(c[1]), c[2]) for c in map(json.loads, each)} for queue, each in lines.items()}
        known = {queue: {(canonical(needs), site) for needs, site in each} for queue, each in model.classes.items()}
        assert found == {queue: each for queue, each in known.items() if each}
        assert keys.get("classes", set()) == {each for some in lines.values() for each in some}
        staff = {queue: int(rules.get("staff") or 0) for queue, rules in keys.of("rules").items()}
        assert staff == {queue: figures.staff for queue, figures in model.figures.items()}

    def compare_forecasts(self) -> None:
        """After each operation, for one queue or caller in turn."""
        half, odd = divmod(self.done, 2)
        if odd:
            queue = QUEUES[half % len(QUEUES)]
            self.same(run(self.core.expected(queue, self.now)), self.reference.expected(queue, self.now))
        else:
            call = CALLS[half % len(CALLS)]
            self.same(run(self.core.expected_wait(call, self.now)), self.reference.expected_wait(call, self.now))

    @staticmethod
    def same(real: float | None, expected: float | None) -> None:
        assert (real is None) == (expected is None), (real, expected)
        if real is not None and expected is not None:
            assert abs(real - expected) <= 1e-6 * max(1.0, expected), (real, expected)

    def some_offer(self, kind: str, pick: int) -> Offer | None:
        """Mostly one that is held now, often one whose lease ran out, now and then any that ever was."""
        model = self.reference
        held = [call.offer for call in model.calls.values() if call.state in ("offered", "talking")]
        lost = [call.offer for call in model.calls.values() if call.state == "lost"]
        some = (held if kind == "h" else lost if kind == "l" else self.offers[-60:]) or held or self.offers[-60:]
        return some[pick % len(some)] if some else None

    # --- the world ---

    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    def a_while_passes(self, seconds: float) -> None:
        self.now += seconds

    def the_clock_is_set_back(self, seconds: float) -> None:
        self.now -= seconds / 8

    def the_next_script_meets(self, fault: str) -> None:
        self.store.fault = fault

    def the_rules_change(self, queue: str, rule: str, pick: int) -> None:
        values = RULES[rule]
        self.queues[queue] = replace(self.queues[queue], **{rule: values[pick % len(values)]})

    def a_service_starts_anew(self, queue: str, rule: str, pick: int, back: int) -> None:
        """With a new configuration, by which so many of those in line join again: the first, or the last."""
        self.the_rules_change(queue, rule, pick)
        line = self.reference.line(queue)
        for call in line[:back] if back > 0 else line[back:]:
            self.join(call.id, queue, 0.0, False, call.site, call.caller)

    # --- calls ---

    def join(self, call: str, queue: str, ago: float, force: bool, site: str, caller: str) -> None:
        channel = f"PJSIP/{call}-{self.done}"
        settings, arrival = self.queues[queue], self.now - ago
        more = {"force": force, "site": site, "caller": caller}
        real = run(
            self.core.join(call, queue=settings, arrival=arrival, now=self.now, channel=channel, pbx="p", **more)
        )
        self.compare(real, self.reference.join(call, settings, arrival, self.now, channel, "p", **more))

    def look(self, call: str) -> None:
        self.store.fault = ""
        assert run(self.core.look(call)) == self.reference.look(call)

    def leave(self, call: str, reason: Left) -> None:
        self.compare(run(self.core.leave(call, reason, self.now)), self.reference.leave(call, reason, self.now))

    def take(self, kind: str, pick: int, lease: float) -> None:
        if offer := self.some_offer(kind, pick):
            expected = self.reference.take(offer, self.now, self.now + lease)
            self.compare(run(self.core.take(offer, self.now, self.now + lease)), expected)
            if expected.applied:
                assert run(self.core.taken(offer.call, offer.token))

    def the_bell_asks(self, kind: str, pick: int) -> None:
        if offer := self.some_offer(kind, pick):
            call = self.reference.calls.get(offer.call)
            taken = not call or call.token != offer.token or call.taken
            assert run(self.core.taken(offer.call, offer.token)) == taken

    def answered(self, kind: str, pick: int) -> None:
        if offer := self.some_offer(kind, pick):
            event = (offer.call, offer.agent, offer.token)
            self.compare(run(self.core.answered(*event, self.now)), self.reference.answered(*event, self.now))

    def missed(self, kind: str, pick: int, outcome: Missed) -> None:
        if offer := self.some_offer(kind, pick):
            event = (offer.call, offer.agent, offer.token, outcome)
            self.compare(run(self.core.missed(*event, self.now)), self.reference.missed(*event, self.now))

    def finished(self, kind: str, pick: int) -> None:
        if offer := self.some_offer(kind, pick):
            event = (offer.call, offer.agent, offer.token)
            self.compare(run(self.core.finished(*event, self.now)), self.reference.finished(*event, self.now))

    # --- agents ---

    def login(self, name: str, **about: Any) -> None:
        agent = settings_of(name, **about)
        self.compare(run(self.core.login(agent, self.now)), self.reference.login(agent, self.now))

    def refresh(self, name: str, **about: Any) -> None:
        agent = settings_of(name, **about)
        self.compare(run(self.core.refresh(agent, self.now)), self.reference.refresh(agent, self.now))

    def logout_at_once(self, name: str) -> None:
        real = run(self.core.logout(name, self.now, at_once=True))
        self.compare(real, self.reference.logout(name, self.now, at_once=True))

    def agent_does(self, name: str, verb: str) -> None:
        self.compare(run(getattr(self.core, verb)(name, self.now)), getattr(self.reference, verb)(name, self.now))

    def pause(self, name: str, reason: str) -> None:
        self.compare(run(self.core.pause(name, reason, self.now)), self.reference.pause(name, reason, self.now))

    def device(self, who: str, busy: bool) -> None:
        self.compare(run(self.core.device(who, busy, self.now)), self.reference.device(who, busy, self.now))

    # --- time ---

    def a_deadline_passes(self) -> None:
        self.now = max(self.now, min((entry[0] for entry in self.reference.due()), default=self.now))
        self.tick(0.0)

    def tick(self, mercy: float) -> None:
        until = self.now + mercy if mercy else 0.0
        real, deadline = run(self.core.tick(self.now, until))
        expected, next_deadline = self.reference.tick(self.now, until)
        assert deadline == next_deadline
        self.compare(real, expected)

    def snapshot(self) -> None:
        self.store.fault = ""
        seen, model = run(self.core.snapshot()), self.reference
        assert {id: (place.channel, place.pbx) for id, place in seen.calls.items()} == {
            id: (call.channel, call.pbx) for id, call in model.calls.items()
        }
        assert seen.agents == {
            agent.name: (agent.state, agent.call, model.calls[agent.call].token if agent.call else 0)
            for agent in model.agents.values()
        }
        for name in QUEUES:
            line, count = [call.arrival for call in model.line(name)], seen.queues.get(name)
            assert (count.waiting, count.oldest) == (len(line), min(line)) if count else not line
            assert self.redis("ZCARD", f"hotline:queue:{name}") == len(line)

    def everybody_leaves(self) -> None:
        """Nothing may be left but tombstones, answers and what the configuration implies."""
        self.store.fault = ""
        for id in sorted(self.reference.calls):
            self.compare(run(self.core.leave(id, Left.LOST, self.now)), self.reference.leave(id, Left.LOST, self.now))
        for name in sorted(self.reference.agents):
            self.compare(run(self.core.logout(name, self.now)), self.reference.logout(name, self.now))
        left = parse(self.redis.script(self.dump, [b"hotline:"], []))
        passing = {name for name in left if name.partition(":")[0] not in LASTING | LASTING_KINDS}
        assert all(self.redis("TTL", f"hotline:{name}") > 0 for name in passing), passing
        assert CallState.UNKNOWN is run(self.core.look("nobody")).state


def settings_of(
    name: str, skills: Mapping[str, int], phone: str, site: str, reserve: bool, most: int
) -> AgentSettings:
    return AgentSettings(name, f"PJSIP/{name}{phone}", skills, site, reserve, most, 30.0)
