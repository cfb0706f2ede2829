"""What a message's mail and webhook say of it. Pure.

Rules of this file:
- The number stands in the body alone: subjects and ids get into logs on the way.
- Moments are told in the zone of the queue's calendar.
- The id of a mail is made of the promise's: who gets it twice sees that it is the same.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from zoneinfo import ZoneInfo

from hotline.callbacks.lines import Entry, Move
from hotline.callbacks.settings import VoicemailSettings

ATTACHED = "The recording is attached."

_POLICY = SMTP.clone(cte_type="7bit")
"""Every server takes that."""


@dataclass(frozen=True, slots=True)
class Places:
    """Where the messages of the queues are handed on to, and in which zone their moments are told."""

    hotline: str
    settings: Mapping[str, VoicemailSettings]
    zones: Mapping[str, ZoneInfo]
    """By queue, for all of `settings`."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """The words of the prompts that name reasons."""

    def of(self, queue: str) -> VoicemailSettings | None:
        """A message of which nobody noted the queue goes where the first queue's go."""
        return self.settings.get(queue) or next(iter(self.settings.values()), None)

    def local(self, entry: Entry, moment: float) -> datetime:
        settings = self.of(entry.queue)
        return datetime.fromtimestamp(moment, self.zones[settings.queue] if settings else UTC)


def letter(
    entry: Entry,
    places: Places,
    *,
    sender: str,
    to: Sequence[str],
    now: float,
    recording: bytes,
    remark: str,
    given_up: Move | None = None,
) -> bytes:
    """The mail, ready to be sent. `recording` is attached unless it is empty; `remark` says what became of it.

    `given_up`: it tells that the customer could not be reached.
    """
    about, kind = ("not reached", "unreachable") if given_up else ("message", "voicemail")
    mail = EmailMessage(policy=_POLICY)
    name, _, domain = sender.partition("@")
    mail["From"] = Address(_plain(places.hotline), name, domain)
    mail["To"] = ", ".join(to)
    subject = f"{places.hotline}: {about} for {entry.queue or 'the hotline'}, {_shown(entry, places)}"
    mail["Subject"] = _plain(subject)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
    mail["Message-ID"] = f"<{entry.id}.{kind}@{domain}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(_text(entry, places, remark, given_up))
    if recording:
        mail.add_attachment(recording, maintype="audio", subtype="x-wav", filename=f"{entry.id}.wav")
    return mail.as_bytes()


def told(entry: Entry, places: Places, given_up: Move | None = None) -> bytes:
    """The body for a webhook: of a message, or that its customer could not be reached."""
    body = {
        "event": "unreachable" if given_up else "voicemail",
        "id": entry.id,
        "hotline": places.hotline,
        "queue": entry.queue,
        "entry": entry.entry,
        "language": entry.language,
        "number": entry.number,
        "confirmed": entry.confirmed,
        "reason": entry.reason,
        "part": entry.part,
        "recorded_at": places.local(entry, entry.recorded_at).isoformat(timespec="seconds"),
        "due": places.local(entry, entry.due).isoformat(timespec="seconds"),
        "seconds": entry.seconds,
        "sha256": entry.sha256,
        "source": entry.source,
    }
    if given_up:
        at = places.local(entry, given_up.at).isoformat(timespec="seconds")
        body |= {"at": at, "attempts": given_up.attempts, "outcome": given_up.outcome}
    return json.dumps(body, ensure_ascii=False).encode()


def _plain(text: str) -> str:
    """One line, which a header takes as it is: what looks encoded (=?…) might hold a line break, and more headers."""
    return " ".join(text.replace("=?", "= ?").split())


def _text(entry: Entry, places: Places, remark: str, given_up: Move | None) -> str:
    due = places.local(entry, entry.due)
    minutes, seconds = divmod(round(entry.seconds), 60)
    rows = {
        "queue": entry.queue or "not known",
        "number": entry.number or "withheld",
        "when": f"{_shown(entry, places)} ({due.tzinfo})",
        "length": f"{minutes}:{seconds:02}" if entry.sha256 else "",
        "about": places.reasons.get(entry.reason, entry.reason),
        "preferred": entry.part,
        "due": f"{due:%a %Y-%m-%d %H:%M}",
        "tried": f"{given_up.attempts} times; how the last ended: {given_up.outcome or 'not known'}"
        if given_up
        else "",
        "promise": entry.id,
    }
    table = "".join(f"  {name:<10} {value}\n" for name, value in rows.items() if value)
    first = f"A caller left a message at {places.hotline}."
    if given_up:
        first = f"A customer of {places.hotline} could not be reached. Nobody calls them any more, unless you do."
    return f"{first}\n\n{table}\n{remark}\n"


def _shown(entry: Entry, places: Places) -> str:
    return f"{places.local(entry, entry.recorded_at):%a %Y-%m-%d %H:%M}"
