"""Promises in scenarios: what is said of them, every mistake with its place, and what comes of them."""

from __future__ import annotations

import itertools

import pytest

from hotline.callbacks.calendar import Span
from hotline.callbacks.settings import CallbackSettings
from hotline.schema import ConfigError
from hotline.simulation.arrivals import Callback, Callers
from hotline.simulation.distributions import Exponential, Fixed
from hotline.simulation.model import Promised
from hotline.simulation.scenario import loads

SMALL = """\
simulation:
  length: 8h
calls:
  desk:
    arrivals: 4.2/min
    service: {exponential: 2m}
agents:
  all: {count: 12}
"""
MADE = "{due: 100, at: '02:00', answers: 0.5, rings: 20s, service: 4m}"


def with_(callbacks: str, text: str = SMALL) -> str:
    return text.replace("    arrivals", f"    callbacks: {callbacks}\n    arrivals")


def problem(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        loads(text, "day.yaml")
    return str(caught.value)


@pytest.mark.parametrize(
    ("callbacks", "said"),
    [
        ("{due: 0, at: '01:00'}", "22: 'due' must be 1 or more"),
        ("{due: 5, at: 8}", "29: '8' is no time of the day; write it like 08:00"),
        ("{due: 5}", "16: 'at' is missing here"),
        ("{due: 5, at: '08:00'}", "29: the simulation ends before its clock shows this time"),
        ("{due: 5, at: '01:00', pace: 1}", "38: unknown key 'pace'"),
        ("{due: 5, at: '01:00', answers: 2}", "47: 'answers' must be 1.0 or less"),
    ],
)
def test_a_mistake_in_promises_is_told_with_its_place(callbacks: str, said: str) -> None:
    assert problem(with_(callbacks)).startswith(f"day.yaml:5:{said}")


def test_promises_are_made_at_the_pace_of_their_queue() -> None:
    queues = 'queues: {desk: {callbacks: {share: 0.5, reserve: 2, between: ["01:00-07:00"]}}}\ncalls:'
    text = with_(MADE, SMALL.replace("calls:", queues))
    promised = loads(text).calls["desk"].callbacks
    assert promised
    assert (promised.due, promised.at, promised.answers) == (100, 7200, 0.5)
    assert (promised.rings, promised.listens, promised.service) == (Fixed(20), Fixed(15), Fixed(240))
    pace = promised.settings
    assert (pace.queue, pace.share, pace.reserve, pace.between) == ("desk", 0.5, 2, (Span(60, 420),))
    said = "after this time customers are not rung any more: see `between` of the queue"
    assert problem(text.replace("07:00", "02:00")) == f"day.yaml:6:31: {said}"


def test_calls_of_which_only_promises_are_known_need_no_arrivals() -> None:
    assert loads(with_(MADE).replace("    arrivals: 4.2/min\n", "")).calls["desk"].callbacks


def test_what_comes_of_a_promise_is_known_before_it_is_made() -> None:
    day = loads(SMALL)
    desk = day.calls["desk"]
    settings = CallbackSettings("desk", attempts=2)
    promised = Promised(settings, 500, 0.0, 0.6, rings=Fixed(20), listens=Exponential(10), service=Fixed(60))

    def promises(before: int) -> list[Callback]:
        callers = Callers(day, 0)
        list(itertools.islice(callers.of_type(desk), before))
        return list(callers.promises(desk, promised, 3600.0))

    found, again = promises(0), promises(100)
    assert [call.attempts for call in found] == [call.attempts for call in again]
    assert {(call.at, len(call.attempts)) for call in found} == {(3600.0, 2)}
    assert sum(call.attempts[0].answers for call in found) == pytest.approx(300, abs=45)
    assert [call.arrival for call in found] == sorted(call.arrival for call in found)
    first, attempt = found[0], found[0].attempts[0]
    first.prepare()
    assert first.service == attempt.listens + 20 + (60 if attempt.answers else 0)
