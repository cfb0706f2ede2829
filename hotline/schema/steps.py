"""What a step points at: the menus it may lead to and the prompts it may say, each with its place in the step."""

from __future__ import annotations

from collections.abc import Iterable

from hotline.schema.document import Path_
from hotline.schema.shape import (
    CallbackStep,
    GotoStep,
    HangupStep,
    HoursStep,
    KeysStep,
    QueueStep,
    SayStep,
    StepShape,
    TransferStep,
    VoicemailStep,
)

Pointer = tuple[Path_, str]
"""A place within the step, and the name that stands there."""


def menus(step: StepShape) -> tuple[Pointer, ...]:
    """Every menu that a step may lead to."""
    match step:
        case KeysStep(keys=keys):
            choices = [(("keys", "choices", key), menu) for key, menu in keys.choices.items()]
            return _given([*choices, (("keys", "otherwise"), keys.otherwise)])
        case HoursStep():
            return _given([(("open",), step.open), (("closed",), step.closed)])
        case QueueStep() | CallbackStep() | TransferStep():
            return _given([(("otherwise",), step.otherwise)])
        case GotoStep():
            return ((("goto",), step.goto),)
    return ()


def prompts(step: StepShape) -> tuple[Pointer, ...]:
    """Every prompt that a step names."""
    match step:
        case SayStep():
            return tuple((("say", index), prompt) for index, prompt in enumerate(step.say))
        case KeysStep(keys=keys):
            said = [(("keys", "say", index), prompt) for index, prompt in enumerate(keys.say)]
            return _given([*said, (("keys", "invalid"), keys.invalid), (("keys", "silent"), keys.silent)])
    return ()


def leaves(step: StepShape) -> bool:
    """Whether the next step is never reached: what comes after it in the menu is dead."""
    match step:
        case GotoStep() | HangupStep():
            return True
        case HoursStep():
            return step.open is not None and step.closed is not None
        case KeysStep(keys=keys):
            return keys.otherwise is not None
        case QueueStep() | TransferStep():
            return step.otherwise is not None
    return False


def waits(step: StepShape) -> bool:
    """Whether a caller spends time of their own here (so that a circle through it is no endless loop)."""
    return isinstance(step, KeysStep | QueueStep | VoicemailStep | CallbackStep | TransferStep)


def _given(pointers: Iterable[tuple[Path_, str | None]]) -> tuple[Pointer, ...]:
    return tuple((path, name) for path, name in pointers if name is not None)
