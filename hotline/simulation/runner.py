"""Runs the replications of a scenario: here, or in worker processes, each with a Redis of its own.

Rules of this file:
- What a replication gives depends on the scenario and its number only, not on who runs it or when.
- Whatever happens, workers and Redis end with us.
"""

from __future__ import annotations

import asyncio
import contextlib
import multiprocessing
import os
import signal
import sys
from collections.abc import Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import cast

from hotline.acd.core import Core
from hotline.simulation.day import Day
from hotline.simulation.link import Link
from hotline.simulation.model import Scenario
from hotline.simulation.server import SimulationFailed as SimulationFailed
from hotline.simulation.server import end_with_parent, private_redis
from hotline.simulation.tally import Result
from hotline.store import Store, StoreDown


def run(scenario: Scenario, *, program: str, workers: int = 1) -> Iterator[Result]:
    """Each replication's result as it comes, in any order. Raises SimulationFailed."""
    workers = min(workers, scenario.replications)
    if workers == 1:
        return _here(scenario, program, range(scenario.replications))
    return _side_by_side(scenario, program, workers)


def replicate(scenario: Scenario, link: Link, replication: int) -> Result:
    """One replication, in a Redis that is emptied for it."""
    link.wipe()
    core = Core(
        cast(Store, link), story=False
    )  # the core needs no more of a store than `script`, `read` and `wait_up`
    return asyncio.run(Day(scenario, core, replication).run())


def _here(scenario: Scenario, program: str, replications: Iterable[int]) -> Iterator[Result]:
    try:
        with private_redis(program) as link:
            for replication in replications:
                yield replicate(scenario, link, replication)
    except StoreDown as error:
        raise SimulationFailed(str(error)) from error


def _side_by_side(scenario: Scenario, program: str, workers: int) -> Iterator[Result]:
    context = multiprocessing.get_context("spawn")
    with contextlib.ExitStack() as after:
        ears: list[Connection] = []
        for number in range(workers):
            ear, mouth = context.Pipe(duplex=False)
            own = range(number, scenario.replications, workers)
            worker = context.Process(target=_work, args=(scenario, program, own, mouth, os.getpid()), daemon=True)
            with _deaf():
                worker.start()
            after.callback(worker.join)
            after.callback(worker.terminate)
            mouth.close()
            ears.append(ear)
        missing = scenario.replications
        while ears:
            for ear in _ready(ears):
                try:
                    told = ear.recv()
                except EOFError:
                    ears.remove(ear)
                    continue
                if isinstance(told, Exception):
                    raise told
                missing -= 1
                yield told
        if missing:
            raise SimulationFailed("A worker process ended before its work was done; was it killed?")


@contextlib.contextmanager
def _deaf() -> Iterator[None]:
    """A process that is started in it never hears Ctrl-C, not even at its first steps: it is for us, who end it."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _work(scenario: Scenario, program: str, replications: range, mouth: Connection, parent: int) -> None:
    """A worker process: sends each result, or the reason why there are no more."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    end_with_parent(parent, signal.SIGTERM)()
    try:
        for result in _here(scenario, program, replications):
            mouth.send(result)
    except SimulationFailed as error:
        mouth.send(error)
    except BrokenPipeError:  # nobody listens any more
        sys.exit(1)


def _ready(ears: list[Connection]) -> list[Connection]:
    """Those with something to hear, once there are any."""
    ready = wait(ears)
    return [ear for ear in ears if ear in ready]
