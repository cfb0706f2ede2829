"""What a caller who left a message is promised: when we call back, and the prompts that say so.

Rules of this file:
- Pure; moments are aware.
- A moment is promised only while it is ahead. Round the clock somebody is there: then nothing is to be waited for.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from hotline.callbacks.calendar import Calendar, NeverOpens
from hotline.callbacks.settings import VoicemailSettings
from hotline.flow.moments import spoken_moment


class Promises:
    """Who takes messages, and when each is answered. `settings` is by queue, `calendars` by name."""

    def __init__(self, settings: Mapping[str, VoicemailSettings], calendars: Mapping[str, Calendar]) -> None:
        self.settings, self._calendars = settings, calendars

    @property
    def longest(self) -> float:
        """Seconds of the longest message that may be recorded."""
        return max((each.longest for each in self.settings.values()), default=0.0)

    def due(self, queue: str, left: datetime) -> datetime | None:
        """When a message left at `left` is called back; None when its queue never opens.

        One of an unknown queue (nobody noted which it was for) goes by the first queue's hours.
        """
        settings = self.settings.get(queue) or next(iter(self.settings.values()), None)
        if settings is None:
            return None
        try:
            return self._calendars[settings.calendar].due(left)
        except NeverOpens:
            return None

    def due_at(self, queue: str, left: float) -> float:
        """The same in POSIX seconds; at once when the queue never opens, so that somebody looks at it."""
        due = self.due(queue, datetime.fromtimestamp(left, UTC))
        return due.timestamp() if due else left


def spoken_promise(due: datetime | None, now: datetime, language: str) -> tuple[str, ...]:
    """The prompts for a message that was kept at `now`."""
    return ("message-saved", *(spoken_moment(due, now, language) if due and due > now else ()))
