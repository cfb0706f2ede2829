"""The couriers that a configuration and its surroundings ask for, and what of them is missing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from hotline.callbacks.deliveries import Courier, Deliverer
from hotline.callbacks.letter import Places
from hotline.callbacks.mail import Mailer
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.trouble import Tell
from hotline.callbacks.webhook import Webhooks
from hotline.clock import Clock
from hotline.events import Emit
from hotline.schema.config import Config
from hotline.settings import Settings


def couriers(settings: Settings, config: Config, *, kept: Path, now: Clock) -> Iterator[Courier]:
    """Those that can work. `kept` is the folder of the recordings."""
    zones = {name: config.calendars[each.calendar].zone for name, each in config.voicemail.items()}
    reasons = {name: texts.get(config.flow.language, name) for name, texts in config.prompts.items()}
    places = Places(config.name, config.voicemail, zones, reasons)
    if settings.smtp and _mailed(config):
        yield Mailer(settings.smtp, places, sender=config.dialing.mail_from, kept=kept, now=now)
    if settings.webhook_secret and _told(config):
        yield Webhooks(places, secret=settings.webhook_secret, now=now)


def deliverers(
    settings: Settings, config: Config, outbox: Outbox, *, now: Clock, emit: Emit, tell: Tell
) -> tuple[Deliverer, ...]:
    """One for each courier that can work."""
    found = couriers(settings, config, kept=outbox.kept, now=now)
    return tuple(Deliverer(courier, outbox, now, emit=emit, tell=tell) for courier in found)


def lacking(settings: Settings, config: Config) -> Iterator[str]:
    """What is configured and will not happen, each with what to do about it."""
    if _mailed(config) and not settings.smtp:
        queues = ", ".join(_mailed(config))
        yield f"HOTLINE_SMTP names no mail server, so no message is mailed, though these queues ask for it: {queues}."
    if _told(config) and not settings.webhook_secret:
        queues = ", ".join(_told(config))
        yield f"HOTLINE_WEBHOOK_SECRET is not set, so no webhook is told, though these queues ask for it: {queues}."


def _mailed(config: Config) -> list[str]:
    return [name for name, each in config.voicemail.items() if each.mail]


def _told(config: Config) -> list[str]:
    return [name for name, each in config.voicemail.items() if each.webhook]
