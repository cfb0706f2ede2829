"""Messages that were kept, for tests of what becomes of them."""

from __future__ import annotations

from hashlib import sha256
from typing import Any
from zoneinfo import ZoneInfo

from recordings import NOW, sound

from hotline.callbacks import lines
from hotline.callbacks.letter import Places
from hotline.callbacks.lines import Done, Entry
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.settings import VoicemailSettings

SAIGON = ZoneInfo("Asia/Ho_Chi_Minh")
NUMBER = "+84901234567"


def places(mail: tuple[str, ...] = ("desk@example.org",), webhook: str = "") -> Places:
    """A hotline with one queue."""
    settings = {"power": VoicemailSettings("power", "office", mail=mail, webhook=webhook)}
    return Places("City Power", settings, {"power": SAIGON}, {"reason-outage": "A power cut."})


def kept(outbox: Outbox, id: str, *, at: float = NOW, **changes: Any) -> Entry:
    """A message with its recording and its line."""
    content = sound(3)
    (outbox.kept / f"{id}.wav").write_bytes(content)
    values: dict[str, Any] = {
        "id": id,
        "call": f"pbx1-{id}",
        "queue": "power",
        "entry": "1900",
        "language": "vi",
        "recorded_at": at,
        "due": at + 36000,
        "seconds": 3.0,
        "hung_up": False,
        "kept_at": at,
        "sha256": sha256(content).hexdigest(),
        "number": NUMBER,
    }
    entry = Entry(**{**values, **changes})
    lines.append(outbox.lines, entry)
    return entry


def done(outbox: Outbox, what: str) -> list[str]:
    """The ids that have a line `done`, in the order of the lines."""
    return [each.id for each in outbox.entries().records if isinstance(each, Done) and each.what == what]
