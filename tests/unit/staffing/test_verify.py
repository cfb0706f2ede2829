"""The planned day as a scenario of the simulator, and what is said of its results."""

from __future__ import annotations

from hotline.simulation.statistics import Estimate
from hotline.staffing.forecast import Slot, loads
from hotline.staffing.plan import Seen, Target, Verified, plan
from hotline.staffing.report import as_csv, as_json, in_words
from hotline.staffing.verify import scenario, seen

DAY = "start,calls,handle,patience\n08:00,90,2m,1m\n08:30,45,3m,\n13:00,9,1m,2m\n13:30,0,,\n"


def test_every_slot_is_a_call_type_with_its_own_rate_handle_time_and_patience() -> None:
    day = scenario(plan(loads(DAY), Target()), within=20, replications=7, seed=3)
    first, second, third, fourth = day.calls.values()
    assert first.rates == ((0.0, 0.05), (1800.0, 0.0))
    assert second.rates == ((0.0, 0.0), (1800.0, 0.025), (3600.0, 0.0))
    assert third.rates == ((0.0, 0.0), (18000.0, 0.005), (19800.0, 0.0))
    assert fourth.rates[1][1] == 0
    assert [kind.service.mean for kind in (first, second, third)] == [120, 180, 60]
    assert [kind.patience.mean for kind in (first, second, third)] == [60, float("inf"), 120]
    assert (day.length, day.replications, day.seed, day.thresholds) == (21600, 7, 3, (20,))


def test_all_slots_share_one_queue_and_one_team_that_goes_home_in_between() -> None:
    rows = plan(loads(DAY), Target(), at_least=1)
    day = scenario(rows, within=30, replications=1)
    assert len({kind.queue.name for kind in day.calls.values()}) == 1
    (team,) = day.groups.values()
    assert team.staff == (
        (0.0, rows[0].agents),
        (1800.0, rows[1].agents),
        (3600.0, 0.0),
        (18000.0, rows[2].agents),
        (19800.0, 1.0),
    )
    assert all(
        team.skills.get(skill, 0) >= level for kind in day.calls.values() for skill, level in kind.queue.needs.items()
    )


def test_a_slot_is_missed_only_when_even_its_interval_is_below_the_target() -> None:
    assert Seen(0.7, 0.05).misses(0.8)
    assert not Seen(0.7, 0.15).misses(0.8)
    assert not Seen(None, None).misses(0.8)


def test_without_a_margin_nothing_is_sure() -> None:
    assert not Seen(0.7, None).misses(0.8)
    assert not Seen(0.0, None).misses(0.8)


def test_days_that_agree_tell_no_margin() -> None:
    assert seen(Estimate(2 / 3, 1e-17)) == Seen(2 / 3, None)
    assert seen(Estimate(1.0, 0.0)) == Seen(1.0, None)
    assert seen(Estimate(1.0)) == Seen(1.0, None)
    assert seen(Estimate(0.7, 0.02)) == Seen(0.7, 0.02)


def test_a_single_day_is_told_without_a_verdict() -> None:
    (row,) = plan([Slot("08:00", 0, 1800, 100, 180)], Target())
    once = Seen(0.742, None)
    told = in_words([row], 0.8, Verified(1, (once,), once))
    assert told.endswith("Simulated 1 time: 74.2% in time; a single day makes nothing sure.")


def test_what_was_simulated_is_told_beside_the_plan() -> None:
    rows = plan([Slot("08:00", 0, 1800, 100, 180), Slot("08:30", 1800, 1800, 0, 0)], Target())
    days = Verified(10, (Seen(0.7, 0.02), Seen(None, None)), Seen(0.7, 0.02))
    assert in_words(rows, 0.8, days).endswith(
        "Simulated 10 times: 70.0 ± 2.0% in time; surely below the target: 08:00."
    )
    assert in_words(rows, 0.6, days).endswith("70.0 ± 2.0% in time; no slot surely below the target.")
    head, first, second = as_csv(rows, days).splitlines()
    assert head.endswith(",simulated_service_level,simulated_margin")
    assert first.endswith(",0.7,0.02")
    assert second.endswith(",,")
    assert '"simulated_days": 10' in as_json(rows, days)


def test_nothing_is_said_of_simulated_days_without_calls() -> None:
    nothing = Seen(None, None)
    assert "Simulated" not in in_words(
        plan([Slot("08:00", 0, 1800, 0, 0)], Target()), 0.8, Verified(2, (nothing,), nothing)
    )
