"""The one client of a PBX's manager interface.

Rules of this file:
- One link at a time, made by `run` and by nobody else; it is tried again for ever, at most a second apart.
- A lost link fails every action under way (see wire.py).
- The PBX repeats nothing that we missed. So each link begins with a snapshot, and the events follow it.
- Neither a secret nor a caller's number is ever logged.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable, Mapping

from ami.actions import LinkDown, LoginRefused, NoReply, Reply, Value, headers_of, reply_of
from ami.events import Event, OriginateResponse, Snapshot, parse_event
from ami.headers import Malformed, Message
from ami.mailbox import Mailbox
from ami.verbs import Verbs
from ami.wire import Request, Wire

FIRST_RETRY, LAST_RETRY, REFUSED_RETRY = 0.05, 1.0, 10.0
"""Seconds before connecting again: doubled from the first to the last; after a refused login, the third."""

CONNECT_DEADLINE = 2.0
LOGIN_DEADLINE = 2.0
SETTLED = 5.0
"""A link that lived so many seconds was a good one: the next loss is retried quickly again."""

log = logging.getLogger(__name__)


class Client(Verbs):
    """A link to one PBX that repairs itself. `run` it in a task (cancel that to close) and read `events`.

    `name` is the PBX's own (its systemname). Times in seconds. A dead peer is noticed after at most `ping_every` +
    `ping_deadline`. `queue_size` limits the events that nobody has read yet: past it the link is dropped, and the
    next snapshot makes up for them. `on_link` is told True once a snapshot is in the queue and actions work, False
    when the link is lost. `clock` gives POSIX seconds for `Snapshot.asked_at`. With `on_answer`
    each OriginateResponse goes there, as it comes, and not into `events`.
    """

    def __init__(
        self,
        host: str,
        port: int,
        user: str,
        secret: str,
        *,
        name: str,
        on_link: Callable[[bool], None] | None = None,
        on_answer: Callable[[OriginateResponse], None] | None = None,
        clock: Callable[[], float] = time.time,
        ping_every: float = 1.0,
        ping_deadline: float = 1.5,
        action_deadline: float = 2.0,
        queue_size: int = 10_000,
    ) -> None:
        super().__init__(name, clock)
        self._host, self._port = host, port
        self._login = headers_of("Login", {"Username": user, "Secret": secret, "Events": "on"})
        self._on_link, self._on_answer = on_link, on_answer
        self._ping_every, self._ping_deadline, self._action_deadline = ping_every, ping_deadline, action_deadline
        self._mailbox: Mailbox[Snapshot | Event] = Mailbox(queue_size)
        self._queue_size = queue_size
        self._early: list[Event] | None = None
        self._wire: Wire | None = None
        self._up = False
        self._ids, self._count = uuid.uuid4().hex[:12], 0
        self._problem = ""
        self.malformed = 0
        """Messages thrown away since the start, because a value in them was hostile or broken."""

    @property
    def up(self) -> bool:
        return self._up

    def events(self) -> AsyncIterator[Snapshot | Event]:
        """What the PBX says, a snapshot first after every connect. For one reader; ends when `run` does."""
        return self._mailbox

    async def run(self) -> None:
        """Keep the link until cancelled."""
        tries = 0
        try:
            while True:
                born = time.monotonic()
                refused = await self._link_once()
                tries = 0 if time.monotonic() - born > SETTLED else tries + 1
                delay = REFUSED_RETRY if refused else min(LAST_RETRY, FIRST_RETRY * 2 ** min(tries, 10))
                await asyncio.sleep(delay * random.uniform(0.5, 1.0))  # noqa: S311  spreads services out, no secret
        finally:
            self._mailbox.close()

    async def action(self, action: str, *, deadline: float | None = None, **fields: Value) -> Reply:
        """Ask the PBX for something and wait for its answer, a list's to its end.

        Raises LinkDown at once when there is no link and when it is lost, NoReply after `deadline` seconds (default:
        the client's), ValueError for what may not be sent. An Error answer is a Reply that is not ok.
        """
        headers = headers_of(action, fields)
        return await self._ask(self._wire, headers, self._action_deadline if deadline is None else deadline)

    async def _link_once(self) -> bool:
        """Live through one link; True when the PBX refused our login."""
        try:
            await self._link()
        except LoginRefused as refused:
            self._complain(str(refused))
            return True
        except LinkDown as lost:
            self._complain(str(lost))
        except OSError as problem:
            why = str(problem) or f"no answer from {self._host}:{self._port}"
            self._complain(f"The PBX {self.name} can't be reached: {why}.")
        except Exception:
            log.exception("ami %s: a fault of ours ended the link", self.name)
        return False

    async def _link(self) -> None:
        """One link from its beginning to its end, which is an exception."""
        async with asyncio.timeout(CONNECT_DEADLINE):
            _, wire = await asyncio.get_running_loop().create_connection(
                lambda: Wire(self._hear, self.count_malformed), self._host, self._port
            )
        self._early = []
        try:
            answer = await self._ask(wire, self._login, LOGIN_DEADLINE)
            if not answer.ok:
                raise LoginRefused(
                    f"The PBX {self.name} at {self._host}:{self._port} refuses our login ({answer.message}); "
                    "compare HOTLINE_AMI with its manager.conf."
                )
            self._wire = wire
            self._begin(await self.snapshot())
            await self._keep(wire)
        finally:
            self._wire = None
            wire.close()
            self._set_up(False)

    def _begin(self, snapshot: Snapshot) -> None:
        if not self._mailbox.put(snapshot):
            self._mailbox.clear()  # it tells more than what nobody has read
            self._mailbox.put(snapshot)
        early, self._early = self._early or [], None
        for event in early:
            self._deliver(event)
        self._problem = ""
        log.info("ami %s: link up, %d channels", self.name, len(snapshot.channels))
        self._set_up(True)

    async def _keep(self, wire: Wire) -> None:
        while True:
            await asyncio.wait({wire.lost}, timeout=self._ping_every)
            if wire.closed:
                raise LinkDown(f"The link to the PBX {self.name} was lost: {wire.reason}.")
            await self._ask(wire, headers_of("Ping", {}), self._ping_deadline)

    async def _ask(self, wire: Wire | None, headers: Mapping[str, str | list[str]], deadline: float) -> Reply:
        if wire is None or wire.closed:
            raise LinkDown(f"There is no link to the PBX {self.name} now.")
        self._count += 1
        action_id = f"hotline-{self._ids}-{self._count}"
        try:
            async with asyncio.timeout(deadline):
                return reply_of(action_id, await wire.send(Request({**headers, "ActionID": action_id})))
        except TimeoutError:
            raise NoReply(f"The PBX {self.name} did not answer {headers['Action']} in {deadline:g} s.") from None
        except Malformed as bad:
            raise NoReply(f"The PBX {self.name} answered {headers['Action']} with {bad}.") from bad
        finally:
            wire.responses.pop(action_id, None)

    def _hear(self, message: Message) -> None:
        event = parse_event(message)
        if event is None:
            return
        if isinstance(event, OriginateResponse) and self._on_answer is not None:
            self._on_answer(event)
            return
        if self._early is None:
            self._deliver(event)
        elif len(self._early) < self._queue_size:
            self._early.append(event)
        else:
            self._overflow()

    def _deliver(self, event: Event) -> None:
        if not self._mailbox.put(event):
            self._overflow()

    def _overflow(self) -> None:
        self._mailbox.clear()
        if self._wire is not None:
            self._wire.drop(f"more than {self._queue_size} events were waiting to be read")

    def count_malformed(self, bad: Malformed) -> None:
        self.malformed += 1
        if self.malformed.bit_count() == 1:  # the 1st, 2nd, 4th, 8th … so that a flood writes few lines
            log.warning(
                "ami %s: threw away %d malformed messages so far, the last for: %s", self.name, self.malformed, bad
            )

    def _complain(self, problem: str) -> None:
        if problem != self._problem:
            log.warning("ami %s: %s", self.name, problem)
        self._problem = problem

    def _set_up(self, up: bool) -> None:
        if up == self._up:
            return
        self._up = up
        if self._on_link is not None:
            try:
                self._on_link(up)
            except Exception:
                log.exception("ami %s: whoever watches the link failed", self.name)
