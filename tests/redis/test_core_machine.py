"""Random histories against the real scripts and the plain reference: every decision compared, every rule checked.

HOTLINE_DEEP=10000 in the environment runs that many histories of a hundred operations instead of a hundred.
"""

from __future__ import annotations

import json
import os
from collections.abc import Coroutine
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test
from invariants import check, dump_script, parse
from reference import Reference

from hotline.acd.core import Core
from hotline.acd.model import AgentSettings, AgentState, CallState, Change, Left, Missed, Offer, QueueSettings
from hotline.store import Script, StoreDown

HOLD = 10.0
START = 1_760_000_000.0

QUEUES = {
    "plain": QueueSettings("plain", {}, wrap_up=0.0),
    "short": QueueSettings("short", {"german": 1}, max_length=2),
    "sales": QueueSettings("sales", {"sales": 1}, wrap_up=5.0),
    "vip": QueueSettings("vip", {"sales": 1}, priority=5.0, wrap_up=0.25, miss_pause=dict.fromkeys(Missed, 0.0)),
    "expert": QueueSettings(
        "expert", {"sales": 2, "german": 3}, wrap_up=0.0, miss_pause=dict.fromkeys(Missed, 2.0) | {Missed.BUSY: 0.0}
    ),
}
SKILLS = ({}, {"sales": 1}, {"sales": 2, "german": 3}, {"german": 9}, {"sales": 9, "german": 9})

calls = st.sampled_from([f"c{n}" for n in range(7)])
agents = st.sampled_from([f"a{n}" for n in range(5)])
quarters = st.integers(0, 160).map(lambda n: n / 4)
ages = st.sampled_from([0.0, 0.0, 0.25, 5.0, 5.0, 5.25, 30.0])
"""Seconds since a caller's arrival, often such that two stand at the same virtual moment."""


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


class Machine(RuleBasedStateMachine):
    redis: Any = None
    dump = dump_script()

    @initialize(staff=st.lists(st.tuples(agents, st.sampled_from(SKILLS)), max_size=5))
    def begin(self, staff: list[tuple[str, dict[str, int]]]) -> None:
        self.redis("FLUSHDB")
        self.store = DirectStore(self.redis)
        self.core = Core(self.store, hold=HOLD)  # type: ignore[arg-type]
        self.reference = Reference(HOLD)
        self.now = START
        self.offers: list[Offer] = []
        self.channel = 0
        for name, skills in staff:
            self.login(name, skills, "")

    def compare(self, real: Change, expected: Change) -> None:
        assert real == expected
        self.offers.extend(real.offers)
        keys = parse(self.redis.script(self.dump, [b"hotline:"], []))
        check(keys)
        self.compare_everything(keys)

    def compare_everything(self, keys: dict[str, Any]) -> None:
        model = self.reference
        assert {name[5:]: call["state"] for name, call in keys.items() if name.startswith("call:")} == {
            id: call.state for id, call in model.calls.items()
        }
        assert {name[6:]: reason for name, reason in keys.items() if name.startswith("ended:")} == model.ended
        real = {name[6:]: agent for name, agent in keys.items() if name.startswith("agent:")}
        assert real.keys() == model.agents.keys()
        for name, agent in model.agents.items():
            assert real[name]["state"] == agent.state
            assert float(real[name]["since"]) == agent.since
            assert float(real[name]["deadline"] or -1) == (-1 if agent.deadline is None else agent.deadline)
            assert (real[name]["call"], real[name]["reason"]) == (agent.call, agent.reason)
            assert real[name]["wish"] == agent.wish

    def some_offer(self, data: st.DataObject) -> Offer:
        """Mostly one that is held now, often one whose lease ran out, now and then any that ever was."""
        model = self.reference
        held = [call.offer for call in model.calls.values() if call.state in ("offered", "talking")]
        lost = [call.offer for call in model.calls.values() if call.state == "lost"]
        choice = data.draw(st.integers(0, 9), label="held, lost or any")
        some = (held if choice < 6 else lost if choice < 8 else self.offers) or held or self.offers
        return data.draw(st.sampled_from(some), label="offer")

    # --- the world ---

    @rule(seconds=quarters)
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=quarters)
    def the_clock_is_set_back(self, seconds: float) -> None:
        self.now -= seconds / 8

    @rule(fault=st.sampled_from(["request lost", "reply lost", "doubled"]))
    def the_next_script_meets(self, fault: str) -> None:
        self.store.fault = fault

    # --- calls ---

    @rule(call=calls, queue=st.sampled_from(sorted(QUEUES)), ago=ages, force=st.booleans())
    def join(self, call: str, queue: str, ago: float, force: bool) -> None:
        self.channel += 1
        channel = f"PJSIP/{call}-{self.channel}"
        settings, arrival = QUEUES[queue], self.now - ago
        real = run(
            self.core.join(call, queue=settings, arrival=arrival, now=self.now, channel=channel, pbx="p", force=force)
        )
        self.compare(real, self.reference.join(call, settings, arrival, self.now, channel, "p", force))

    @rule(call=calls)
    def look(self, call: str) -> None:
        self.store.fault = ""
        assert run(self.core.look(call)) == self.reference.look(call)

    @rule(call=calls, reason=st.sampled_from(Left))
    def leave(self, call: str, reason: Left) -> None:
        self.compare(run(self.core.leave(call, reason, self.now)), self.reference.leave(call, reason, self.now))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), lease=quarters)
    def take(self, data: st.DataObject, lease: float) -> None:
        offer = self.some_offer(data)
        expected = self.reference.take(offer, self.now, self.now + lease)
        self.compare(run(self.core.take(offer, self.now, self.now + lease)), expected)
        if expected.applied:
            assert run(self.core.taken(offer.call, offer.token))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def the_bell_asks(self, data: st.DataObject) -> None:
        offer = self.some_offer(data)
        call = self.reference.calls.get(offer.call)
        taken = not call or call.token != offer.token or call.taken
        assert run(self.core.taken(offer.call, offer.token)) == taken

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def answered(self, data: st.DataObject) -> None:
        offer = self.some_offer(data)
        event = (offer.call, offer.agent, offer.token)
        self.compare(run(self.core.answered(*event, self.now)), self.reference.answered(*event, self.now))

    @precondition(lambda self: self.offers)
    @rule(data=st.data(), outcome=st.sampled_from(Missed))
    def missed(self, data: st.DataObject, outcome: Missed) -> None:
        offer = self.some_offer(data)
        event = (offer.call, offer.agent, offer.token, outcome)
        self.compare(run(self.core.missed(*event, self.now)), self.reference.missed(*event, self.now))

    @precondition(lambda self: self.offers)
    @rule(data=st.data())
    def finished(self, data: st.DataObject) -> None:
        offer = self.some_offer(data)
        event = (offer.call, offer.agent, offer.token)
        self.compare(run(self.core.finished(*event, self.now)), self.reference.finished(*event, self.now))

    # --- agents ---

    @rule(name=agents, skills=st.sampled_from(SKILLS), phone=st.sampled_from(["", "-2"]))
    def login(self, name: str, skills: dict[str, int], phone: str) -> None:
        agent = AgentSettings(name, f"PJSIP/{name}{phone}", skills)
        self.compare(run(self.core.login(agent, self.now)), self.reference.login(agent, self.now))

    @rule(name=agents, skills=st.sampled_from(SKILLS), phone=st.sampled_from(["", "-2"]))
    def refresh(self, name: str, skills: dict[str, int], phone: str) -> None:
        agent = AgentSettings(name, f"PJSIP/{name}{phone}", skills)
        self.compare(run(self.core.refresh(agent, self.now)), self.reference.refresh(agent, self.now))

    @rule(name=agents)
    def logout_at_once(self, name: str) -> None:
        real = run(self.core.logout(name, self.now, at_once=True))
        self.compare(real, self.reference.logout(name, self.now, at_once=True))

    @rule(name=agents, verb=st.sampled_from(["logout", "ready", "wrapped", "ready"]))
    def agent_does(self, name: str, verb: str) -> None:
        self.compare(run(getattr(self.core, verb)(name, self.now)), getattr(self.reference, verb)(name, self.now))

    @rule(name=agents, reason=st.sampled_from(["lunch", "training"]))
    def pause(self, name: str, reason: str) -> None:
        self.compare(run(self.core.pause(name, reason, self.now)), self.reference.pause(name, reason, self.now))

    # --- time ---

    @rule()
    def a_deadline_passes(self) -> None:
        self.now = max(self.now, min((entry[0] for entry in self.reference._due()), default=self.now))
        self.tick(0.0)

    @rule(mercy=st.sampled_from([0.0, 0.0, 0.0, 6.0]))
    def tick(self, mercy: float) -> None:
        until = self.now + mercy if mercy else 0.0
        real, deadline = run(self.core.tick(self.now, until))
        expected, next_deadline = self.reference.tick(self.now, until)
        assert deadline == next_deadline
        self.compare(real, expected)

    @rule()
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
            line = [c.arrival for c in model.calls.values() if c.queue.name == name and c.state != "talking"]
            count = seen.queues.get(name)
            assert (count.waiting, count.oldest) == (len(line), min(line)) if count else not line
            assert run(self.core.length(name)) == len(line)

    def teardown(self) -> None:
        """Everyone goes home: nothing may be left but tombstones, answers and what the configuration implies."""
        if not hasattr(self, "core"):
            return
        self.store.fault = ""
        for id in sorted(self.reference.calls):
            self.compare(run(self.core.leave(id, Left.LOST, self.now)), self.reference.leave(id, Left.LOST, self.now))
        for name in sorted(self.reference.agents):
            self.compare(run(self.core.logout(name, self.now)), self.reference.logout(name, self.now))
        left = parse(self.redis.script(self.dump, [b"hotline:"], []))
        kinds = {name.split(":")[0] for name in left}
        assert kinds <= {"ended", "op", "classes", "profiles", "profiles-for", "classes-for", "token"}


@pytest.mark.timeout(3600)
def test_random_histories_agree_with_the_reference(redis: Any) -> None:
    class OnThisRedis(Machine):
        pass

    OnThisRedis.redis = redis
    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=int(os.environ.get("HOTLINE_DEEP", "100")),
            stateful_step_count=100,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_states_of_the_model_are_the_scripts_words() -> None:
    assert {state.value for state in AgentState} == {"offline", "idle", "offered", "talking", "wrap-up", "paused"}
    assert {state.value for state in CallState} == {*("unknown", "waiting", "offered", "talking", "ended", "full")}
