"""Cross references: every name points at something that exists and can do what is asked of it.

Rules of this file:
- Checks read the draft and complain to its document; they change nothing and raise nothing.
- A part that could not be read is skipped: it was complained about, and nothing is concluded from it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from hotline.acd.model import Missed
from hotline.phrases import phrasebook
from hotline.schema import steps
from hotline.schema.calling import check_calling, warn_calling
from hotline.schema.document import Path_
from hotline.schema.draft import Draft
from hotline.schema.holiday import public_holidays
from hotline.schema.paths import check_circles, warn_unreached
from hotline.schema.problems import quoted, unknown
from hotline.schema.promising import check_promises, warn_promises
from hotline.schema.routing import check_routing, warn_routing
from hotline.schema.shape import (
    HoursShape,
    HoursStep,
    LanguageStep,
    QueueShape,
    QueueStep,
    StepShape,
    VoicemailShape,
    VoicemailStep,
)

OWN_REASONS = frozenset((*Missed, "missed-calls", "cool-down"))
"""Reasons of pauses that the queue core begins."""

_SECTIONS = {"menu": "menus", "queue": "queues", "calendar": "hours"}
"""Where the names of a kind are; of a section that could not be read, no name is called unknown."""


def check(draft: Draft) -> None:
    """Complain about everything that does not fit together; then, if all does, warn about what is odd."""
    _check_languages(draft)
    _check_entries(draft)
    _check_pauses(draft)
    for name, hours in _read(draft.hours):
        _check_hours(draft, ("hours", name), hours)
    for name, queue in _read(draft.queues):
        _check_queue(draft, ("queues", name), queue)
    check_routing(draft)
    check_promises(draft)
    check_calling(draft)
    for path, step in _steps(draft):
        _check_step(draft, path, step)
    _check_texts(draft)
    check_circles(draft)
    if not draft.document.problems:
        warn_unreached(draft)
        warn_routing(draft)
        warn_promises(draft)
        warn_calling(draft)
        _warn_unsaid(draft)


def languages(draft: Draft) -> tuple[str, ...]:
    """The hotline's languages; () when they could not be read."""
    hotline = draft.hotline
    return () if hotline is None else hotline.languages or (hotline.language,)


def _read(parts: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [(name, part) for name, part in parts.items() if part is not None]


def _steps(draft: Draft) -> list[tuple[Path_, StepShape]]:
    return [
        (("menus", menu, index), step)
        for menu, row in _read(draft.menus)
        for index, step in enumerate(row)
        if step is not None
    ]


def _must_exist(
    draft: Draft, path: Path_, kind: str, name: str, known: Collection[str], *, key: bool = False
) -> bool:
    if name not in known and _SECTIONS.get(kind) not in draft.unread:
        draft.document.complain(path, unknown(kind, name, known), key=key)
    return name in known


def _check_languages(draft: Draft) -> None:
    if draft.hotline is None or draft.hotline.languages is None:
        return
    known = draft.hotline.languages
    if len(set(known)) < len(known):
        draft.document.complain(("hotline", "languages"), "a language stands here twice; keep one of them")
    if draft.hotline.language not in known:
        message = f"language {quoted(draft.hotline.language)} is not one of `languages`; add it there"
        draft.document.complain(("hotline", "language"), message)


def _check_entries(draft: Draft) -> None:
    if draft.entries and "default" not in draft.entries:
        draft.document.complain(("entries",), "'default' is missing here: the menu for every other number")
    for dialed, entry in _read(draft.entries):
        _must_exist(draft, ("entries", dialed, "menu"), "menu", entry.menu, draft.menus)


def _check_pauses(draft: Draft) -> None:
    keys: dict[str, str] = {}
    for key, reason in _read(draft.pauses):
        if reason in OWN_REASONS:
            message = f"{quoted(reason)} is what a pause is called that begins by itself; take another word"
            draft.document.complain(("pauses", key), message)
        if keys.setdefault(reason, key) != key:
            draft.document.complain(("pauses", key), f"{quoted(reason)} has key {keys[reason]} already")


def _check_hours(draft: Draft, path: Path_, hours: HoursShape) -> None:
    complain = draft.document.complain
    days = [day for days in hours.week for day in days]
    if len(set(days)) < len(days):
        complain((*path, "week"), "a weekday has its hours twice; name each day once")
    if not any(hours.week.values()):
        complain((*path, "week"), "this calendar never opens; give at least one weekday hours")
    for day in sorted(hours.open.keys() & set(hours.closed)):
        complain((*path, "open", day.isoformat()), f"{day} is under `closed` as well; keep one of them", key=True)
    if hours.holidays:
        try:
            public_holidays(hours.holidays)
        except ValueError as error:
            complain((*path, "holidays"), str(error))


def _check_queue(draft: Draft, path: Path_, queue: QueueShape) -> None:
    for place, prompt in _said_in(queue):
        _check_prompt(draft, (*path, *place), prompt)
    if queue.voicemail is not None:
        mail = queue.voicemail
        _check_choices(draft, (*path, "voicemail"), mail)
        _must_exist(draft, (*path, "voicemail", "hours"), "calendar", mail.hours, draft.hours)
        if mail.shortest >= mail.longest:
            draft.document.complain((*path, "voicemail"), "`shortest` must be less than `longest`")
        if mail.mail and draft.dialing is not None and draft.dialing.mail_from is None:
            message = "messages are mailed in somebody's name; give the section `callbacks` a `mail_from`"
            draft.document.complain((*path, "voicemail", "mail"), message)


def _said_in(queue: QueueShape) -> list[steps.Pointer]:
    """Every prompt that a queue names, with its place."""
    said: list[steps.Pointer] = [(("announce", index), prompt) for index, prompt in enumerate(queue.announce)]
    if mail := queue.voicemail:
        said += [(("voicemail", "greeting", index), prompt) for index, prompt in enumerate(mail.greeting)]
        said += [(("voicemail", "reasons", key), prompt) for key, prompt in mail.reasons.items()]
    return said


def _check_choices(draft: Draft, path: Path_, mail: VoicemailShape) -> None:
    """What callers choose from has a name that can be said, and one key."""
    keys: dict[str, str] = {}
    for key, prompt in mail.reasons.items():
        if keys.setdefault(prompt, key) != key:
            draft.document.complain((*path, "reasons", key), f"{quoted(prompt)} has key {keys[prompt]} already")
    for part in mail.parts:
        prompt = f"part-{part}"
        if prompt not in draft.prompts and prompt not in phrasebook("en") and "prompts" not in draft.unread:
            message = f"nobody can say {quoted(part)}; add a prompt {quoted(prompt)} that does"
            draft.document.complain((*path, "parts", part), message, key=True)


def _check_step(draft: Draft, path: Path_, step: StepShape) -> None:
    for place, menu in steps.menus(step):
        _must_exist(draft, (*path, *place), "menu", menu, draft.menus)
    for place, prompt in steps.prompts(step):
        _check_prompt(draft, (*path, *place), prompt)
    match step:
        case LanguageStep(language=language) if languages(draft):
            _must_exist(draft, (*path, "language"), "language", language, languages(draft))
        case HoursStep(hours=calendar):
            _must_exist(draft, (*path, "hours"), "calendar", calendar, draft.hours)
        case QueueStep(queue=queue):
            _must_exist(draft, (*path, "queue"), "queue", queue, draft.queues)
        case VoicemailStep(voicemail=queue):
            if _must_exist(draft, (*path, "voicemail"), "queue", queue, draft.queues):
                settings = draft.queues[queue]
                if settings is not None and settings.voicemail is None:
                    message = f"queue {quoted(queue)} takes no messages; give it `voicemail: {{hours: …}}`"
                    draft.document.complain((*path, "voicemail"), message)


def _check_prompt(draft: Draft, path: Path_, prompt: str) -> None:
    if prompt not in draft.prompts and prompt not in phrasebook("en") and "prompts" not in draft.unread:
        draft.document.complain(path, unknown("prompt", prompt, draft.prompts, also=phrasebook("en").texts))


def _check_texts(draft: Draft) -> None:
    for prompt, texts in _read(draft.prompts):
        missing = [language for language in languages(draft) if language not in texts]
        if missing and prompt not in phrasebook("en"):
            message = f"prompt {quoted(prompt)} has no text in {', '.join(missing)}"
            draft.document.complain(("prompts", prompt), message, key=True)


def _warn_unsaid(draft: Draft) -> None:
    said = {prompt for _, step in _steps(draft) for _, prompt in steps.prompts(step)}
    for _, queue in _read(draft.queues):
        said |= {prompt for _, prompt in _said_in(queue)}
        said |= {f"part-{part}" for part in queue.voicemail.parts} if queue.voicemail else set()
    for prompt, texts in _read(draft.prompts):
        if prompt not in said and prompt not in phrasebook("en"):
            draft.document.warn(("prompts", prompt), f"prompt {quoted(prompt)} is said nowhere", key=True)
        for language in texts:
            if language not in languages(draft):
                message = f"language {quoted(language)} is not one of hotline.languages, so this is never said"
                draft.document.warn(("prompts", prompt, language), message, key=True)
