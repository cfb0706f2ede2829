"""The rules of one queue or agent among themselves: what contradicts another rule or can never come true.

Rules of this file:
- It sees one queue, or one agent, and nothing else, so that those of a simulation are checked by it as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from hotline.schema.document import Document, Path_
from hotline.schema.kinds import Skills, written
from hotline.schema.problems import quoted
from hotline.schema.shape import OverflowShape, QueueShape


def check_rules(document: Document, path: Path_, queue: QueueShape) -> None:
    """Complain about the rules of the queue at `path` that cannot be meant."""
    _check_widening(document, path, queue)
    if queue.overflow:
        _check_overflow(document, (*path, "overflow"), queue, queue.overflow)
    for rule, seconds in (("sticky", queue.sticky), ("own_site", queue.own_site)):
        for limit, most in limits(queue):
            if seconds >= most:
                message = f"must be shorter than {limit} ({written(most)}), so that others may answer before"
                document.complain((*path, rule), f"{quoted(rule)} {message}")
                break


def check_rest(document: Document, path: Path_, max_in_row: int, cool_down: float) -> None:
    """Complain about the agent, or group of agents, at `path` that has one of the two without the other."""
    if bool(max_in_row) != bool(cool_down):
        given, missing = ("max_in_row", "cool_down") if max_in_row else ("cool_down", "max_in_row")
        message = f"{quoted(given)} needs {quoted(missing)} beside it: after so many calls, so much rest"
        document.complain((*path, given), message)


def limits(queue: QueueShape) -> Iterator[tuple[str, float]]:
    """What makes a waiting caller leave, with when."""
    if queue.max_wait:
        yield "max_wait", queue.max_wait
    if queue.overflow and queue.overflow.after:
        yield "overflow's after", queue.overflow.after


def _check_widening(document: Document, path: Path_, queue: QueueShape) -> None:
    last_after, last_needs = -1.0, queue.needs
    for index, step in enumerate(queue.widen):
        here = (*path, "widen", index)
        if step.after <= last_after:
            message = f"each step must come later than the one before it, after more than {written(last_after)}"
            document.complain((*here, "after"), message)
        for limit, most in limits(queue):
            if step.after >= most:
                message = f"this step never comes: callers leave at {limit}, {written(most)}"
                document.complain((*here, "after"), message)
                break
        _check_relaxed(document, (*here, "needs"), last_needs, step.needs)
        last_after, last_needs = max(last_after, step.after), step.needs


def _check_relaxed(document: Document, path: Path_, before: Skills, needs: Skills) -> None:
    """A step asks for less than the one before, and for nothing else."""
    fine = True
    for skill, level in needs.items():
        if level > before.get(skill, 0):
            fine = False
            asked = f"only {before[skill]} was needed" if skill in before else "it was not needed"
            message = f"a step can only ask for less: {skill} {level}, where {asked} before"
            document.complain((*path, skill), message, key=skill not in before)
    if fine and dict(needs) == dict(before):
        document.complain(path, "this step changes nothing: it needs what was needed before")


def _check_overflow(document: Document, path: Path_, queue: QueueShape, overflow: OverflowShape) -> None:
    if not (overflow.after or overflow.length or overflow.expected):
        document.complain(path, "nobody overflows without a limit; give `after`, `length` or `expected`")
    rules = (
        ("after", overflow.after, "max_wait", queue.max_wait),
        ("length", overflow.length, "max_length", queue.max_length),
        ("expected", overflow.expected, "max_expected_wait", queue.max_expected_wait),
    )
    for limit, value, most, bound in rules:
        too_late = value >= bound if limit == "after" else value > bound
        if value and bound and too_late:
            shown = written(bound) if limit != "length" else bound
            message = f"{quoted(limit)} must be less than {most} ({shown}), which sends callers to `otherwise`"
            document.complain((*path, limit), message)
