"""What is promised to a caller: when we call back, when we try again, and the prompts that say so.

Rules of this file:
- Pure; moments are aware, those returned in the zone of the queue's calendar.
- A promise begins with the next opening of the calendar (see calendar.py) and is kept in the hours in which customers
  of its queue are rung (see hours.py): the first moment of these from then on, so nobody overtakes by phoning later.
- A moment is promised only while it is ahead. Round the clock somebody is there: then nothing is to be waited for.
- One of an unknown queue (nobody noted which it was for) goes by the first queue's rules.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import TypeVar
from zoneinfo import ZoneInfo

from hotline.callbacks.calendar import Calendar, NeverOpens, Window
from hotline.callbacks.hours import PREFERENCE_DAYS, RingingHours
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.settings import AGAIN, CallbackSettings, VoicemailSettings
from hotline.flow.moments import spoken_moment, spoken_window

MOST_AHEAD = 366 * 86400.0
"""Seconds that staff, web pages and apps may look ahead."""

Rules = TypeVar("Rules")


class Promises:
    """Who takes messages, and when each is answered. `settings` and `callbacks` are by queue, `calendars` by name."""

    def __init__(
        self,
        settings: Mapping[str, VoicemailSettings],
        calendars: Mapping[str, Calendar],
        callbacks: Mapping[str, CallbackSettings] | None = None,
    ) -> None:
        self.settings, self._calendars = settings, calendars
        self._callbacks = {name: (callbacks or {}).get(name, CallbackSettings(name)) for name in settings}
        self._hours = {
            name: RingingHours(calendars[mail.calendar], self._callbacks[name].between, mail.parts)
            for name, mail in settings.items()
        }

    @property
    def longest(self) -> float:
        """Seconds of the longest message that may be recorded."""
        return max((each.longest for each in self.settings.values()), default=0.0)

    def least(self, queue: str) -> float:
        """Seconds that are a message for a queue."""
        settings = self._of(queue, self.settings)
        return settings.shortest if settings else VoicemailSettings("", "").shortest

    def due(self, queue: str, left: datetime, part: str = "") -> datetime | None:
        """When a message left at `left` is called back; None when its queue never opens.

        `part` is the part of the day that the caller prefers; see hours.py for when it can't be had.
        """
        settings, hours = self._of(queue, self.settings), self._of(queue, self._hours)
        if settings is None or hours is None:
            return None
        try:
            opening = self._calendars[settings.calendar].due(left)
        except NeverOpens:
            return None
        return hours.soonest(opening, part)

    def due_at(self, queue: str, left: float, part: str = "") -> float:
        """The same in POSIX seconds; at once when the queue never opens, so that somebody looks at it."""
        due = self.due(queue, datetime.fromtimestamp(left, UTC), part)
        return due.timestamp() if due else left

    def window_for(self, queue: str, moment: datetime, part: str = "") -> Window | None:
        """The hours in which a customer is rung, those that contain `moment` or come next; None: never."""
        hours = self._of(queue, self._hours)
        return hours.window(moment, part) if hours else None

    def is_open(self, queue: str, now: datetime, part: str = "") -> bool:
        """Whether a customer who prefers `part` of the day may be rung at `now`."""
        window = self.window_for(queue, now, part)
        return window is not None and now in window

    def part_of(self, promise: Promise, now: datetime) -> str:
        """The part of the day that this customer is rung in; "" where any will do.

        It is the one that they chose, if the moment when they are due is in it: staff, and a later message, may have
        brought that elsewhere. And it is theirs for PREFERENCE_DAYS after they were due at first: a part in which
        nobody ever comes to them gives way.
        """
        hours, due = self._of(promise.queue, self._hours), datetime.fromtimestamp(promise.due, UTC)
        if hours is None or now.timestamp() >= promise.first_due + PREFERENCE_DAYS * 86400:
            return ""
        return promise.part if hours.is_in(due, promise.part) else ""

    def may_ring(self, promise: Promise, now: datetime) -> bool:
        """Whether the customer of a promise that is due may be rung at `now`."""
        return self.is_open(promise.queue, now, self.part_of(promise, now))

    def is_part_over(self, promise: Promise, now: datetime) -> bool:
        """Whether the part of the day is over in which the customer of a promise that is due was to be rung.

        It is not at a break in it, when nobody is rung at all and it goes on the same day.
        """
        part = self.part_of(promise, now)
        if not part or self.is_open(promise.queue, now, part):
            return False
        zone = self.zone(promise.queue)
        on = self.soonest(promise.queue, now, part).astimezone(zone).date()
        return self.is_open(promise.queue, now) or on > now.astimezone(zone).date()

    def served_by(self, queue: str) -> str:
        """The queue by whose rules one is called back: itself, or the first where it takes no messages (any more)."""
        return queue if queue in self.settings else next(iter(self.settings), queue)

    def zone(self, queue: str) -> ZoneInfo:
        """By whose clock moments of a queue are spoken."""
        settings = self._of(queue, self.settings)
        return self._calendars[settings.calendar].zone if settings else ZoneInfo("UTC")

    def next_day(self, queue: str, now: float, zone: ZoneInfo, part: str = "") -> float:
        """A moment of a later day of `zone` at which a customer may be rung, in POSIX seconds.

        It is the first one. Only where that is in an open night, it is the same time of the next day instead.
        """
        local = datetime.fromtimestamp(now, zone)
        midnight = datetime.combine(local.date() + timedelta(days=1), time.min, zone)
        moment = _a_day_after(local) if self.is_open(queue, midnight, part) else midnight
        return self.soonest(queue, moment, part).timestamp()

    def next_hours(self, queue: str, now: datetime, part: str = "") -> datetime:
        """When a customer may be rung in other hours than those that run at `now`, if any do.

        Where these run on over the end of the day, as round the clock, it is the same time of the next day.
        """
        window = self.window_for(queue, now, part)
        if window is None or now not in window:
            return self.soonest(queue, now, part)
        runs_on = self.is_open(queue, window.end, part)
        moment = _a_day_after(now.astimezone(self.zone(queue))) if runs_on else window.end
        return self.soonest(queue, moment, part)

    def soonest(self, queue: str, moment: datetime, part: str = "") -> datetime:
        """The first moment from `moment` on at which a customer may be rung.

        It is `moment` itself when the queue never opens, so that the promise is not forgotten.
        """
        hours = self._of(queue, self._hours)
        found = hours.soonest(moment, part) if hours else None
        return moment if found is None else found

    def again(self, queue: str, outcome: str, attempts: int, now: datetime, part: str = "") -> datetime | None:
        """When a customer is rung again whom we did not reach at `now`, in the last of `attempts`; None: no more.

        That is after the outcome's delay, never sooner. Where the hours have ended by then it is at the beginning
        of the next ones, so that those who can't be reached in one window are tried in others as well.
        """
        settings = self._of(queue, self._callbacks) or CallbackSettings(queue)
        if attempts >= settings.attempts:
            return None
        delays = {**AGAIN, **settings.again}
        delay = delays.get(outcome, delays["failed"])
        return self.soonest(queue, now.astimezone(UTC) + timedelta(seconds=delay), part)

    def spoken(
        self, queue: str, due: datetime | None, now: datetime, language: str, part: str = "", reachable: bool = True
    ) -> tuple[str, ...]:
        """The prompts for a promise that was made at `now`: the hours in which we call, where they are of one day.

        Who is not `reachable`, for nobody has a number of theirs that may be called, is promised nothing.
        """
        if not reachable:
            return ("message-saved", "callback-no-number")
        window = self.window_for(queue, due, part) if due else None
        until = window.end if due and window and due in window else None
        return spoken_promise(due, now, language, until)

    @staticmethod
    def _of(queue: str, among: Mapping[str, Rules]) -> Rules | None:
        return among.get(queue) or next(iter(among.values()), None)


def _a_day_after(local: datetime) -> datetime:
    """When the clock of a moment's zone shows the same on the next day."""
    return (local + timedelta(days=1)).astimezone(UTC)  # within one zone Python adds to the clock


def spoken_promise(
    due: datetime | None, now: datetime, language: str, until: datetime | None = None
) -> tuple[str, ...]:
    """The prompts for a message that was kept at `now`, to be called back at `due`, before `until`."""
    if due is None or due <= now:
        return ("message-saved",)
    moment = spoken_window(due, until, now, language) if until else spoken_moment(due, now, language)
    return ("message-saved", *moment)
