"""The upkeep of a spool, built in one place for services and for `hotline index`: lost messages are taken in, and
what has been over for long is erased."""

from __future__ import annotations

from collections.abc import Callable

from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Ledger
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise import Promises
from hotline.callbacks.retention import Retention
from hotline.callbacks.rounds import Rounds
from hotline.callbacks.salvage import Salvage
from hotline.callbacks.trouble import Tell
from hotline.clock import Clock
from hotline.events import Emit
from hotline.schema.config import Config


def promises_of(config: Config) -> Promises:
    return Promises(config.voicemail, config.calendars, config.callbacks)


def rounds(config: Config, outbox: Outbox, *, now: Clock, emit: Emit, kept: Callable[[], None], tell: Tell) -> Rounds:
    """`kept` is told of each message that was taken in."""
    promises = promises_of(config)
    salvage = Salvage(
        outbox, due=promises.due_at, queue=promises.served_by, least=promises.least, region=config.country
    )
    return Rounds(salvage, longest=promises.longest, now=now, emit=emit, kept=kept, tell=tell)


def retention(
    config: Config, outbox: Outbox, ledger: Ledger, indexer: Indexer, *, now: Clock, emit: Emit, tell: Tell
) -> Retention:
    return Retention(ledger, indexer, Erasure(outbox), config.voicemail, now=now, emit=emit, tell=tell)
