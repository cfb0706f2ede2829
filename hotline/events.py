"""What happened, in the field's words: the one vocabulary shared by the log, the metrics and the demonstration.

Rules of this file:
- An event is a fact in the past tense, frozen, with the call it belongs to (its linkedid) and a moment.
- Moments (`at`) are POSIX seconds by the service's clock; durations are seconds.
- No event carries a phone number, a name or anything else a caller sent: only names from the configuration.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """The base of them all; `call` is "" where no call is concerned."""

    at: float
    call: str = ""

    def fields(self) -> dict[str, Any]:
        """Everything but `at`, for a log line."""
        values = ((each.name, getattr(self, each.name)) for each in fields(self))
        return {name: value for name, value in values if name != "at" and value != ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallStarted(Event):
    """A caller reached us on `entry`, a dialed number of the configuration ("other" when it names none)."""

    entry: str
    resumed: bool = False
    """True when the dialplan brought a call back after a service died under it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRefused(Event):
    """No session was given: `reason` is full, draining or bad-request."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MenuEntered(Event):
    menu: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptPlayed(Event):
    """`prompts` in the order heard; `key` cut them short ("" if none did)."""

    prompts: tuple[str, ...]
    language: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyPressed(Event):
    """`outcome` is chosen, invalid or silence (then `key` is "")."""

    menu: str
    key: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageChosen(Event):
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursChecked(Event):
    calendar: str
    open: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerQueued(Event):
    """`position` counts from 1; `rejoined` marks a caller who took an old place again."""

    queue: str
    position: int
    rejoined: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOffered(Event):
    """The caller's session began to ring `agent`."""

    queue: str
    agent: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OfferMissed(Event):
    """`outcome`: ring-no-answer, rejected, busy, unregistered, or lost with the session that rang (`rang` is 0)."""

    queue: str
    agent: str
    outcome: str
    rang: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAnswered(Event):
    """`waited` from the caller's arrival to the agent's answer."""

    queue: str
    agent: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationEnded(Event):
    queue: str
    agent: str
    talked: float
    ended_by: str
    """caller, agent or unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerLeftQueue(Event):
    """Without an agent: `reason` is a value of hotline.acd.model.Left; `waited` since the arrival, the time in queues
    that sent the caller on included."""

    queue: str
    reason: str
    waited: float


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailSaved(Event):
    """The recording is safe on disk. `due` is when it will be called back; `queue` is "" where nobody noted it.

    `source`: voicemail, recovered (found after a crash) or fallback (recorded by the dialplan alone).
    """

    queue: str
    promise: str
    seconds: float
    due: float
    hung_up: bool
    source: str = "voicemail"


@dataclass(frozen=True, slots=True, kw_only=True)
class VoicemailFailed(Event):
    """`reason`: too-short, disk, recording, full (no room for more messages), too-many (of one number) or cut-short
    (what could be written of it is kept, though); `problem` is what the machine said of it."""

    queue: str
    reason: str
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackRequested(Event):
    """A promise without a message. `source`: queue (the caller keeps a place in it), menu or web."""

    queue: str
    promise: str
    due: float
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallbackOffered(Event):
    """An agent's phone rings for a promise."""

    queue: str
    promise: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PromiseMoved(Event):
    """A promise is in `state` (a value of hotline.callbacks.states.State) from now on.

    `outcome` tells how an attempt ended, or why nobody was rung; `by` is agent, caller, staff or service; `age`
    counts from when the caller asked. `rung`: an attempt is over in which the customer's phone was rung; `in_window`:
    whether that was within the window of the promise.
    """

    queue: str
    promise: str
    state: str
    outcome: str = ""
    by: str = ""
    agent: str = ""
    attempts: int = 0
    age: float = 0.0
    rung: bool = False
    in_window: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryMade(Event):
    """A message was handed on: `what` is mail or webhook."""

    queue: str
    promise: str
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryFailed(Event):
    """It could not be; it is tried again unless `given_up`. `problem` is what the machine said of it."""

    queue: str
    promise: str
    what: str
    problem: str
    given_up: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Transferred(Event):
    """`outcome`: answered, no-answer, busy or unreachable."""

    target: str
    outcome: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallEnded(Event):
    """`reason`: completed, caller-hung-up, failed (our fault: the dialplan takes the caller over)."""

    reason: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStateChanged(Event):
    """`state` is a value of hotline.acd.model.AgentState; `cause` says why in a word or two."""

    agent: str
    state: str
    cause: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LeakHealed(Event):
    """Redis said what was not so, and the PBX told it better: `what` is a value of hotline.acd.desk.Leak."""

    what: str
    agent: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkChanged(Event):
    """`link` is redis or ami:<pbx>; `up` its new state."""

    link: str
    up: bool


Emit = Callable[[Event], None]
"""Takes an event at once; never blocks and never raises."""
