"""The queue in which callbacks wait."""

from __future__ import annotations

from hotline.acd.model import Overflow, QueueSettings, Widening
from hotline.acd.virtual import queue_of_callbacks


def test_a_callback_waits_by_the_queue_s_rules_but_for_its_limits() -> None:
    live = QueueSettings(
        "desk",
        {"power": 2},
        widen=(Widening(30, {"power": 1}),),
        reserve_above=20,
        max_expected_wait=60,
        overflow=Overflow("menu", after=30),
        max_wait=100,
        max_length=5,
        max_calls=7,
        wrap_up=10,
    )
    own = queue_of_callbacks(live)
    assert (own.name, own.needs, own.max_calls, own.wrap_up) == ("desk:callback", {"power": 2}, 7, 10)
    assert (own.max_expected_wait, own.overflow, own.max_wait, own.max_length) == (0, None, 0, 0)
    assert own.widen[0].needs == {"power": 1}
    assert min(own.widen[0].after, own.reserve_above) > 50 * 365 * 86400
    assert queue_of_callbacks(QueueSettings("plain", {})).reserve_above == 0
