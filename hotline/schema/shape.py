"""The shape of a configuration file: what each part may hold, with its defaults.

Rules of this file:
- A part is read on its own, so that one mistake hides no other; names that point elsewhere are checked in `check`.
- An unknown key is a mistake. Times are in seconds once read.
- Every key is explained in config/README.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from hotline.acd.model import Choice, Missed
from hotline.callbacks.settings import AGAIN
from hotline.schema.kinds import (
    Country,
    Day,
    DayPart,
    Days,
    Hours,
    Key,
    Language,
    Mail,
    Music,
    Name,
    Number,
    Phone,
    Prefix,
    PromptList,
    PromptName,
    Prompts,
    Seconds,
    Skills,
    Title,
    Webhook,
    Weekdays,
    Zone,
    lasting,
)

HOUR = 3600
DAY = 24 * HOUR
MOST_CALLS = 100_000


class Part(BaseModel):
    """A mapping of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class HotlineShape(Part):
    name: Title = "Hotline"
    zone: Zone
    country: Country = ""
    language: Language = "en"
    languages: Annotated[tuple[Language, ...], Field(min_length=1)] | None = None


def _menu_alone(value: object) -> object:
    return {"menu": value} if isinstance(value, str) else value


class EntryBody(Part):
    menu: Name
    site: Name | None = None


Entry = Annotated[EntryBody, BeforeValidator(_menu_alone)]
"""`"1900": main`, or `"1900": {menu: main, site: hcm}`."""


class HoursShape(Part):
    week: dict[Weekdays, Hours]
    zone: Zone | None = None
    holidays: str = ""
    closed: tuple[Day, ...] = ()
    open: dict[Day, Hours] = Field(default_factory=dict)


class VoicemailShape(Part):
    hours: Name
    longest: Annotated[Seconds, lasting(5, HOUR)] = 120.0
    shortest: Annotated[Seconds, lasting(0, 60)] = 2.0
    silence: Annotated[Seconds, lasting(1, 60)] = 5.0
    greeting: Prompts = ("voicemail-greeting",)
    review: bool = True
    confirm: bool = True
    reasons: dict[Key, PromptName] = Field(default_factory=dict)
    parts: Annotated[dict[Name, DayPart], Field(max_length=9)] = Field(default_factory=dict)
    keep: Days = 0.0
    mail: Annotated[tuple[Mail, ...], Field(max_length=20)] = ()
    webhook: Webhook | None = None


Delay = Annotated[Seconds, lasting(60, 7 * DAY)]


class AgainShape(Part):
    busy: Delay = AGAIN["busy"]
    no_answer: Annotated[Delay, Field(alias="no-answer")] = AGAIN["no-answer"]
    machine: Delay = AGAIN["machine"]
    rejected: Delay = AGAIN["rejected"]
    unreachable: Delay = AGAIN["unreachable"]
    failed: Delay = AGAIN["failed"]


class CallbacksShape(Part):
    """How the callbacks of a queue are made."""

    attempts: Annotated[int, Field(ge=1, le=20)] = 3
    again: AgainShape = Field(default_factory=AgainShape)
    between: Hours = ()
    share: Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)] = 0.2
    reserve: Annotated[int, Field(ge=0, le=10_000)] | None = None
    ramp: Annotated[Seconds, lasting(0, 12 * HOUR)] = 0.0
    offer_above: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0
    key: Key | None = None


class QuotaShape(Part):
    per_number: Annotated[int, Field(ge=0, le=10_000)] = 10
    megabytes: Annotated[int, Field(ge=0, le=10_000_000)] = 0
    free: Annotated[int, Field(ge=1, le=1_000_000)] = 200


class DialingShape(Part):
    """The section `callbacks`: which telephones may be rung."""

    allow: Annotated[tuple[Prefix, ...], Field(max_length=200)] = ()
    deny: Annotated[tuple[Prefix, ...], Field(max_length=200)] = ()
    per_day: Annotated[int, Field(ge=1, le=1_000_000)] = 1000
    per_number: Annotated[int, Field(ge=1, le=100)] = 5
    caller_id: Number | None = None
    mail_from: Mail | None = None
    quota: QuotaShape = Field(default_factory=QuotaShape)


class WideningShape(Part):
    after: Annotated[Seconds, lasting(0, 24 * HOUR)]
    needs: Skills


class OverflowShape(Part):
    to: Name
    after: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0
    length: Annotated[int, Field(ge=0, le=MOST_CALLS)] = 0
    expected: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0


class QueueShape(Part):
    needs: Skills = Field(default_factory=dict)
    priority: Annotated[Seconds, lasting(0, HOUR)] = 0.0
    weight: Annotated[float, Field(ge=0.01, le=100, allow_inf_nan=False)] = 1.0
    choice: Choice = Choice.LONGEST_IDLE
    widen: Annotated[tuple[WideningShape, ...], Field(max_length=10)] = ()
    sticky: Annotated[Seconds, lasting(0, HOUR)] = 0.0
    own_site: Annotated[Seconds, lasting(0, HOUR)] = 0.0
    max_calls: Annotated[int, Field(ge=0, le=MOST_CALLS)] = 0
    reserve_above: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0
    max_expected_wait: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0
    overflow: OverflowShape | None = None
    miss_limit: Annotated[int, Field(ge=0, le=100)] = 0
    ring: Annotated[Seconds, lasting(3, 300)] = 15.0
    wrap_up: Annotated[Seconds, lasting(0, HOUR)] = 0.0
    max_wait: Annotated[Seconds, lasting(0, 24 * HOUR)] = 0.0
    max_length: Annotated[int, Field(ge=0, le=MOST_CALLS)] = 0
    answer_within: Annotated[Seconds, lasting(1, HOUR)] = 20.0
    short_abandon: Annotated[Seconds, lasting(0, 60)] = 5.0
    music: Music = "default"
    announce: PromptList = ()
    announce_wait: bool = False
    announce_place: bool = False
    announce_every: Annotated[Seconds, lasting(5, HOUR)] = 30.0
    miss_pause: dict[Missed, Annotated[Seconds, lasting(0, HOUR)]] = Field(default_factory=dict)
    voicemail: VoicemailShape | None = None
    callbacks: CallbacksShape | None = None


class AgentShape(Part):
    phone: Phone
    skills: Skills = Field(default_factory=dict)
    site: Name | None = None
    reserve: bool = False
    max_in_row: Annotated[int, Field(ge=0, le=1000)] = 0
    cool_down: Annotated[Seconds, lasting(0, HOUR)] = 0.0


class SayStep(Part):
    say: Prompts


class KeysBody(Part):
    say: Prompts
    choices: Annotated[dict[Key, Name], Field(min_length=1)]
    wait: Annotated[Seconds, lasting(1, 60)] = 5.0
    tries: Annotated[int, Field(ge=1, le=10)] = 3
    invalid: PromptName = "invalid-key"
    silent: PromptName = "nothing-pressed"
    otherwise: Name | None = None


class KeysStep(Part):
    keys: KeysBody


class LanguageStep(Part):
    language: Language


class HoursStep(Part):
    hours: Name
    open: Name | None = None
    closed: Name | None = None


class QueueStep(Part):
    queue: Name
    otherwise: Name | None = None


class VoicemailStep(Part):
    voicemail: Name


class CallbackStep(Part):
    callback: Name
    otherwise: Name | None = None


class MyCallbackBody(Part):
    key: Key = "1"
    wait: Annotated[Seconds, lasting(1, 60)] = 5.0


class MyCallbackStep(Part):
    my_callback: Annotated[MyCallbackBody, Field(alias="my-callback")] = MyCallbackBody()


class TransferStep(Part):
    transfer: Phone
    ring: Annotated[Seconds, lasting(3, 300)] = 30.0
    otherwise: Name | None = None


class GotoStep(Part):
    goto: Name


class HangupStep(Part):
    hangup: None = None


StepShape = (
    SayStep
    | KeysStep
    | LanguageStep
    | HoursStep
    | QueueStep
    | VoicemailStep
    | CallbackStep
    | MyCallbackStep
    | TransferStep
    | GotoStep
    | HangupStep
)

VERBS: Mapping[str, type[Part]] = {
    "say": SayStep,
    "keys": KeysStep,
    "language": LanguageStep,
    "hours": HoursStep,
    "queue": QueueStep,
    "voicemail": VoicemailStep,
    "callback": CallbackStep,
    "my-callback": MyCallbackStep,
    "transfer": TransferStep,
    "goto": GotoStep,
    "hangup": HangupStep,
}
