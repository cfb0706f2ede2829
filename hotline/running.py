"""Work that runs beside other work, and the signals that end it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from typing import Any

import structlog

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

    A thread that waits for a disk which hangs can be neither ended nor left behind in another way.
    """
    timers: list[threading.Timer] = []

    def end_within(seconds: float) -> None:
        timers.append(threading.Timer(seconds, _end))
        timers[-1].daemon = True
        timers[-1].start()

    try:
        yield end_within
    finally:
        for timer in timers:
            timer.cancel()


def _end() -> None:
    structlog.get_logger("hotline").error(
        "Ended while something still waits for the disk: does the spool hang? What was recorded is found at the next "
        "start."
    )
    os._exit(1)


def signals() -> tuple[asyncio.Event, asyncio.Event]:
    """The first SIGTERM or SIGINT, and the second."""
    loop, once, twice = asyncio.get_running_loop(), asyncio.Event(), asyncio.Event()

    def told() -> None:
        (twice if once.is_set() else once).set()

    for each in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(each, told)
    return once, twice


def leaves(group: BaseExceptionGroup[OSError]) -> Iterator[OSError]:
    """The exceptions in a group, however deep."""
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            yield from leaves(each)
        else:
            yield each
