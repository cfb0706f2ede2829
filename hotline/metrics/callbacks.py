"""Messages and promises: how their events count. One row of a table per kind of event.

Rules of this file:
- A promise's virtual caller in a queue counts here and nowhere else: agents rung for it and time that they talk.
- Queues are those of the configuration, also for the core's own queue of callbacks; "other" where nobody noted it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from hotline.acd.model import is_callback
from hotline.acd.virtual import SUFFIX
from hotline.callbacks.outcome import Outcome
from hotline.callbacks.settings import AGAIN
from hotline.callbacks.states import OPEN, State
from hotline.events import (
    AgentAnswered,
    CallbackRequested,
    ConversationEnded,
    DeliveryFailed,
    DeliveryMade,
    Event,
    OfferMissed,
    PromiseMoved,
    VoicemailFailed,
    VoicemailSaved,
)
from hotline.metrics.calls import OFFERS, TALKS
from hotline.metrics.series import OTHER, Series, Words

MESSAGES = (2, 5, 10, 20, 30, 60, 90, 120, 180, 300)
HOUR, DAY = 3600, 86400
AGES = (HOUR, 4 * HOUR, 8 * HOUR, DAY, 2 * DAY, 3 * DAY, 4 * DAY, 7 * DAY, 14 * DAY)

_MESSAGES = Words(("saved", "too-short", "disk", "recording", "full", "too-many", "cut-short"))
_SOURCES = Words(("voicemail", "recovered", "fallback", "queue", "menu", "web"))
_OUTCOMES = Words((State.TALKED, *AGAIN, Outcome.LOST, Outcome.AGENT_HUNG_UP))
_ENDS = Words(state for state in State if state not in (*OPEN, State.MERGED, State.ERASED))
"""Who is merged ends with the other promise; and what is erased had ended before."""
_ENDED = (
    "Promises that ended, but for those that ended with another one of the same number, and those that staff "
    "cancelled at the command line."
)
_ERASED = "Promises that were erased when their queue's `keep` was over; they had ended before."
_PUT_OFF = "Promises put off to the next time of the part of the day that the customer chose, since that was over."
_DIALED = "Customers' phones rung; each counts when that is over."
_YES = Words(("yes", "no"))
_DELIVERIES = Words(("mail", "webhook"))
_DELIVERED = Words(("made", "failed", "given-up"))


class CallbackFigures:
    """`queues` are the names of the configuration."""

    def __init__(self, series: Series, queues: Iterable[str]) -> None:
        queue, counts, times = Words((*queues, OTHER)), series.counts, series.times
        self._messages = counts("hotline_voicemails", "Messages, kept or not.", queue=queue, outcome=_MESSAGES)
        self._message = times("hotline_voicemail_seconds", "Length of messages.", MESSAGES)
        self._made = counts("hotline_promises_made", "Callbacks promised.", queue=queue, source=_SOURCES)
        self._ended = counts("hotline_promises_ended", _ENDED, queue=queue, state=_ENDS)
        self._erased = counts("hotline_promises_erased", _ERASED, queue=queue)
        self._put_off = counts("hotline_promises_put_off", _PUT_OFF, queue=queue)
        self._dialed = counts("hotline_callback_dialed", _DIALED, queue=queue, in_window=_YES)
        self._first = counts("hotline_promises_first_dialed", "Of those, first tries.", queue=queue, in_window=_YES)
        self._tried = counts("hotline_callback_attempts", "How tries ended.", queue=queue, outcome=_OUTCOMES)
        self._age = times("hotline_promise_talked_seconds", "From the promise to the talk.", AGES, queue=queue)
        self._offers = counts("hotline_callback_offers", "Agents rung for callbacks.", queue=queue, outcome=OFFERS)
        self._talk = times("hotline_callback_talk_seconds", "Time of agents with callbacks.", TALKS, queue=queue)
        self._delivered = counts("hotline_deliveries", "Messages handed on.", what=_DELIVERIES, outcome=_DELIVERED)

    def record(self, event: Event) -> None:
        """Count an event; what a live caller's queue tells is passed over."""
        table = _OF_VIRTUAL_CALLERS if is_callback(event.call) else _TABLE
        if row := table.get(type(event)) or _TABLE.get(type(event)):
            row(self, event)

    def _voicemail_saved(self, event: VoicemailSaved) -> None:
        self._messages(event.queue, "saved").inc()
        self._message().observe(event.seconds)
        self._made(event.queue, event.source).inc()

    def _voicemail_failed(self, event: VoicemailFailed) -> None:
        self._messages(event.queue, event.reason).inc()

    def _requested(self, event: CallbackRequested) -> None:
        self._made(event.queue, event.source).inc()

    def _moved(self, event: PromiseMoved) -> None:
        if event.rung:
            self._was_rung(event)
        if event.state in _ENDS.known:
            self._ended(event.queue, event.state).inc()
        if event.state == State.ERASED:
            self._erased(event.queue).inc()
        if event.outcome == Outcome.PART_OVER:
            self._put_off(event.queue).inc()
        if event.state == State.TALKED:
            self._age(event.queue).observe(max(0.0, event.age))

    def _was_rung(self, event: PromiseMoved) -> None:
        """An attempt is over; it is counted now, since before nobody knows whether the PBX will ring."""
        within = "yes" if event.in_window else "no"
        self._dialed(event.queue, within).inc()
        if event.attempts == 1:
            self._first(event.queue, within).inc()
        outcome = event.outcome or event.state
        if outcome in _OUTCOMES.known:  # not one whose customer phoned meanwhile, and was served or cancelled it
            self._tried(event.queue, outcome).inc()

    def _delivery_made(self, event: DeliveryMade) -> None:
        self._delivered(event.what, "made").inc()

    def _delivery_failed(self, event: DeliveryFailed) -> None:
        self._delivered(event.what, "given-up" if event.given_up else "failed").inc()

    def _agent_answered(self, event: AgentAnswered) -> None:
        self._offers(_plain(event.queue), "answered").inc()

    def _offer_missed(self, event: OfferMissed) -> None:
        self._offers(_plain(event.queue), event.outcome).inc()

    def _conversation_ended(self, event: ConversationEnded) -> None:
        self._talk(_plain(event.queue)).observe(max(0.0, event.talked))


def _plain(queue: str) -> str:
    """The configuration's name of a queue."""
    return queue.removesuffix(SUFFIX)


_TABLE: dict[type[Event], Callable[[CallbackFigures, Any], None]] = {
    VoicemailSaved: CallbackFigures._voicemail_saved,
    VoicemailFailed: CallbackFigures._voicemail_failed,
    CallbackRequested: CallbackFigures._requested,
    PromiseMoved: CallbackFigures._moved,
    DeliveryMade: CallbackFigures._delivery_made,
    DeliveryFailed: CallbackFigures._delivery_failed,
}
_OF_VIRTUAL_CALLERS: dict[type[Event], Callable[[CallbackFigures, Any], None]] = {
    AgentAnswered: CallbackFigures._agent_answered,
    OfferMissed: CallbackFigures._offer_missed,
    ConversationEnded: CallbackFigures._conversation_ended,
}
