"""From a checked draft to the Config that the rest of the product works with.

Rules of this file:
- It runs only on a draft without problems, so every part is there and every name exists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TypeVar

from hotline.acd.model import AgentSettings, Overflow, QueueSettings, Widening
from hotline.callbacks.calendar import DAY, Calendar, Span
from hotline.callbacks.settings import CallbackSettings, Dialing, Quota, VoicemailSettings
from hotline.flow import model
from hotline.flow.moments import time_prompt
from hotline.phrases import phrasebook
from hotline.schema.check import check, languages
from hotline.schema.config import Config
from hotline.schema.document import Document, parse, read
from hotline.schema.draft import Draft, draft
from hotline.schema.holiday import public_holidays
from hotline.schema.problems import ConfigError
from hotline.schema.shape import (
    AgentShape,
    CallbacksShape,
    CallbackStep,
    DialingShape,
    GotoStep,
    HangupStep,
    HotlineShape,
    HoursShape,
    HoursStep,
    KeysStep,
    LanguageStep,
    MyCallbackStep,
    QueueShape,
    QueueStep,
    SayStep,
    StepShape,
    TransferStep,
    VoicemailStep,
)

Part = TypeVar("Part")
_LATEST_CLOCK_CHANGE = 4 * 60
"""Clocks change at night: what is before 04:00 may be moved to the full hour that follows it."""


def load(path: Path) -> Config:
    """Read a configuration file. Raises ConfigError with every problem in it, each with its place."""
    return _config(read(path))


def loads(text: str, file: str = "config") -> Config:
    """The same for a text; `file` is what its problems are said to be in."""
    return _config(parse(text, file))


def _config(document: Document) -> Config:
    parts = draft(document)
    check(parts)
    hotline = parts.hotline
    if document.problems or hotline is None:
        raise ConfigError(document.problems)
    queues, entries = _parts(parts.queues), _parts(parts.entries)
    calendars = {name: _calendar(name, hours, hotline) for name, hours in _parts(parts.hours).items()}
    menus = {name: model.Menu(name, tuple(map(_step, _whole(row)))) for name, row in _parts(parts.menus).items()}
    return Config(
        name=hotline.name,
        zone=hotline.zone,
        flow=model.Flow(
            menus, {dialed: entry.menu for dialed, entry in entries.items()}, hotline.language, languages(parts)
        ),
        queues={name: queue_settings(name, queue) for name, queue in queues.items()},
        agents={name: _agent(name, agent) for name, agent in _parts(parts.agents).items()},
        calendars=calendars,
        voicemail={name: _voicemail(name, queue) for name, queue in queues.items() if queue.voicemail is not None},
        prompts=_prompts(parts, calendars),
        sites={dialed: entry.site for dialed, entry in entries.items() if entry.site},
        pauses=_parts(parts.pauses),
        country=hotline.country,
        callbacks={name: callback_settings(name, queue) for name, queue in queues.items() if _calls_back(queue)},
        dialing=_dialing(parts.dialing or DialingShape()),
        quota=Quota(**(parts.dialing or DialingShape()).quota.model_dump()),
        warnings=tuple(sorted(document.warnings)),
    )


def _parts(parts: Mapping[str, Part | None]) -> dict[str, Part]:
    return {name: part for name, part in parts.items() if part is not None}


def _whole(row: tuple[StepShape | None, ...]) -> tuple[StepShape, ...]:
    return tuple(step for step in row if step is not None)


def _calendar(name: str, hours: HoursShape, hotline: HotlineShape) -> Calendar:
    calendar = Calendar(
        name,
        hours.zone or hotline.zone,
        {day: spans for days, spans in hours.week.items() for day in days},
        closed=frozenset(hours.closed),
        opened=hours.open,
    )
    if not hours.holidays:
        return calendar
    return Calendar(
        name, calendar.zone, calendar.week, public_holidays(hours.holidays), calendar.closed, calendar.opened
    )


def queue_settings(name: str, queue: QueueShape) -> QueueSettings:
    """A queue's rules as the core takes them."""
    plain = queue.model_dump(exclude={"voicemail", "callbacks", "widen", "overflow"})
    return QueueSettings(
        name=name,
        widen=tuple(Widening(step.after, step.needs) for step in queue.widen),
        overflow=Overflow(**queue.overflow.model_dump()) if queue.overflow else None,
        **plain,
    )


def _agent(name: str, agent: AgentShape) -> AgentSettings:
    return AgentSettings(name=name, **{**agent.model_dump(), "site": agent.site or ""})


def _voicemail(name: str, queue: QueueShape) -> VoicemailSettings:
    mail = queue.voicemail
    if mail is None:
        raise ValueError(f"queue {name} takes no messages")
    plain = mail.model_dump(exclude={"hours", "webhook", "parts"})
    return VoicemailSettings(queue=name, calendar=mail.hours, webhook=mail.webhook or "", parts=mail.parts, **plain)


def _calls_back(queue: QueueShape) -> bool:
    return queue.voicemail is not None


def callback_settings(name: str, queue: QueueShape) -> CallbackSettings:
    """How a queue's callbacks are made."""
    calls = queue.callbacks or CallbacksShape()
    plain = calls.model_dump(exclude={"again", "between", "key"})
    again = calls.again.model_dump(by_alias=True)
    return CallbackSettings(queue=name, again=again, between=calls.between, key=calls.key or "", **plain)


def _dialing(dialing: DialingShape) -> Dialing:
    plain = dialing.model_dump(exclude={"quota", "caller_id", "mail_from"})
    return Dialing(caller_id=dialing.caller_id or "", mail_from=dialing.mail_from or "", **plain)


def _step(step: StepShape) -> model.Step:
    match step:
        case SayStep():
            return model.Say(step.say)
        case KeysStep(keys=k):
            return model.Keys(k.say, k.choices, k.wait, k.tries, k.invalid, k.silent, k.otherwise or "")
        case LanguageStep():
            return model.SetLanguage(step.language)
        case HoursStep():
            return model.Hours(step.hours, step.open or "", step.closed or "")
        case QueueStep():
            return model.JoinQueue(step.queue, step.otherwise or "")
        case VoicemailStep():
            return model.TakeVoicemail(step.voicemail)
        case CallbackStep():
            return model.AskCallback(step.callback, step.otherwise or "")
        case MyCallbackStep(my_callback=options):
            return model.MyCallback(options.key, options.wait)
        case TransferStep():
            return model.Transfer(step.transfer, step.ring, step.otherwise or "")
        case GotoStep():
            return model.Goto(step.goto)
        case HangupStep():
            return model.Hangup()


def _prompts(parts: Draft, calendars: Mapping[str, Calendar]) -> dict[str, dict[str, str]]:
    """The administrator's prompts, then the product's own phrases wherever these leave a gap."""
    known = languages(parts)
    own = _parts(parts.prompts)
    queues = _parts(parts.queues).values()
    times = _times(_spans(calendars, queues))
    if any(map(_calls_back, queues)):  # agents hear since when somebody waits
        times |= {time_prompt(hour * 60) for hour in range(24)}
    names = [*own, *phrasebook("en").texts, *sorted(times)]
    return {
        name: {
            language: own[name][language] if language in own.get(name, {}) else phrasebook(language)[name]
            for language in known
        }
        for name in dict.fromkeys(names)
    }


def _times(spans: Iterable[Span]) -> set[str]:
    """The prompts of all times of day at which hours can begin or end, and be told to begin or end."""
    found = set()
    for span in spans:
        for minutes, words in ((span.start, ("time", "from")), (span.end % DAY, ("until",))):
            found |= {time_prompt(minutes, word) for word in words}
            if minutes < _LATEST_CLOCK_CHANGE:
                found |= {time_prompt((minutes // 60 + 1) * 60, word) for word in words}
    return found


def _spans(calendars: Mapping[str, Calendar], queues: Iterable[QueueShape]) -> Iterator[Span]:
    """All hours of which a promise can be made."""
    for calendar in calendars.values():
        for spans in (*calendar.week.values(), *calendar.opened.values()):
            yield from spans
    for queue in queues:
        if queue.voicemail:
            yield from queue.voicemail.parts.values()
            yield from queue.callbacks.between if queue.callbacks else ()
