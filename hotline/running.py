"""Work that runs beside other work, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import structlog

FINISHING = 30.0
"""Seconds that a disk has, once a process was told to end, to take what is still to be kept; and then, to be done."""

AT_ONCE = 3.0
"""Seconds after the second signal for all of that. What no disk has taken by then is taken in at the next start."""

AFTER_A_FAULT = 15.0
"""Seconds until upkeep that failed begins anew."""


@contextlib.asynccontextmanager
async def running(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run background work for as long as the block lasts. Work that fails ends the service: it is a fault of ours."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(each) for each in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()


async def upkeep(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run work that no call waits for, and so none may end for: a fault in it is told, and it begins anew."""
    log = structlog.get_logger("hotline")
    while True:
        try:
            await work()
        except Exception:
            log.exception("Work beside the calls failed and begins anew; please report this.")
        await asyncio.sleep(AFTER_A_FAULT)


async def first(*work: Coroutine[Any, Any, Any]) -> None:
    """Until one of these is done; the others are cancelled."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


EndWithin = Callable[[float], None]


@contextlib.contextmanager
def last_resort() -> Iterator[EndWithin]:
    """Yields what ends the process in so many seconds, if the block is not over by then.

    Asked again, the sooner moment holds. A thread that waits for a disk which hangs can be neither ended nor left
    behind in another way.
    """

    def end_within(seconds: float) -> None:
        left, _ = signal.getitimer(signal.ITIMER_REAL)
        signal.setitimer(signal.ITIMER_REAL, min(seconds, left or seconds))

    signal.signal(signal.SIGALRM, _end)
    try:
        yield end_within
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)


def _end(*_: object) -> None:
    signal.signal(signal.SIGALRM, signal.SIG_DFL)  # ends the process even where nobody takes the log
    signal.setitimer(signal.ITIMER_REAL, 1.0)
    try:
        structlog.get_logger("hotline").error(
            "Ended while something still waits for the disk: does the spool hang? What was recorded is found at the "
            "next start."
        )
    finally:
        os._exit(1)


def signals(again: Callable[[], None]) -> tuple[asyncio.Event, asyncio.Event]:
    """The first SIGTERM or SIGINT, and the second, at which `again` is called, whatever becomes of the loop: a loop's
    own handlers miss one that comes at its end."""
    loop, once, twice = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()
    events = iter((once, twice))

    def told(*_: object) -> None:
        event = next(events, twice)
        if event is twice:
            again()
        with contextlib.suppress(RuntimeError):  # there is no loop any more
            loop.call_soon_threadsafe(event.set)

    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, told)
    return once, twice


def leaves(group: BaseExceptionGroup[OSError]) -> Iterator[OSError]:
    """The exceptions in a group, however deep."""
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from leaves(each)
        else:
            yield each
