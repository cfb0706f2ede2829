"""Random histories against the real scripts and the plain reference: every decision compared, every rule checked.

Hypothesis drives some, and makes what fails small; a plain generator drives many more, each told by its number.
--deep: a million operations instead of ten thousand.
"""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test
from world import OFTEN, OPERATIONS, QUEUES, RULES, World

from hotline.acd.model import AgentState, CallState

DONE = "operations of the queue core compared with the reference"
LENGTHS = (60, 200, 600)
"""Operations of one history."""


class Machine(RuleBasedStateMachine):
    redis: Any = None
    operations = 0

    @initialize(rules=st.tuples(*[st.fixed_dictionaries({k: st.sampled_from(v) for k, v in RULES.items()})] * 4))
    def begin(self, rules: Any) -> None:
        self.world = World(self.redis, rules)

    def teardown(self) -> None:
        if hasattr(self, "world"):
            type(self).operations += self.world.done
            self.world.everybody_leaves()


def _rule(operation: str) -> Any:
    def happen(self: Machine, **values: Any) -> None:
        self.world.happen(operation, values)

    happen.__name__ = operation
    return rule(**{name: st.sampled_from(values) for name, values in OPERATIONS[operation].items()})(happen)


for _operation in OPERATIONS:
    setattr(Machine, _operation, _rule(_operation))


def test_random_histories_agree_with_the_reference(redis: Any, record_property: Any) -> None:
    class OnThisRedis(Machine):
        pass

    OnThisRedis.redis = redis
    run_state_machine_as_test(
        OnThisRedis,
        settings=settings(
            max_examples=60, stateful_step_count=60, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
    record_property(DONE, OnThisRedis.operations)


def history(redis: Any, number: int) -> int:
    """One history, the same whenever it has this number; answers how many operations it had."""
    chance = random.Random(f"history {number}")
    world = World(redis, [{k: chance.choice(v) for k, v in RULES.items()} for _ in QUEUES], story=number % 4 == 0)
    weights = [OFTEN.get(operation, 1.0) for operation in OPERATIONS]
    for operation in chance.choices(list(OPERATIONS), weights, k=chance.choice(LENGTHS)):
        world.happen(operation, {name: chance.choice(values) for name, values in OPERATIONS[operation].items()})
    world.everybody_leaves()
    return world.done


@pytest.mark.timeout(4 * 3600)
@pytest.mark.parametrize("half", [0, 1])
def test_many_more_histories_agree_with_it(redis: Any, half: int, deep: bool, record_property: Any) -> None:
    operations, number = 0, half
    while operations < (500_000 if deep else 4_000):
        number += 2
        try:
            operations += history(redis, number)
        except Exception as broken:
            broken.add_note(f"history {number}")
            raise
    record_property(DONE, operations)


def test_states_of_the_model_are_the_scripts_words() -> None:
    assert {state.value for state in AgentState} == {
        *("offline", "idle", "offered", "talking", "wrap-up", "paused", "device-busy")
    }
    refused = ("full", "too-long", "overflow")
    assert {state.value for state in CallState} == {*("unknown", "waiting", "offered", "talking", "ended"), *refused}
