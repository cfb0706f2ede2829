"""What we ask of a PBX, in a word each; over any way to send an action."""

from __future__ import annotations

import abc
from collections.abc import Callable, Mapping
from typing import TypeVar

from ami.actions import LinkDown, Reply, Value, variables_of
from ami.events import Snapshot, parse_channel, parse_device
from ami.headers import Malformed, Message

Row = TypeVar("Row")


class Verbs(abc.ABC):
    """Every verb raises what `action` raises. `clock` gives POSIX seconds."""

    def __init__(self, name: str, clock: Callable[[], float]) -> None:
        self.name = name
        self._clock = clock

    @abc.abstractmethod
    async def action(self, action: str, *, deadline: float | None = None, **fields: Value) -> Reply:
        """Send one action and wait for its answer."""

    @abc.abstractmethod
    def count_malformed(self, bad: Malformed) -> None:
        """Note that a message was thrown away."""

    async def play_dtmf(self, channel: str, digit: str, *, receive: bool = True) -> Reply:
        """Sound a DTMF digit on a channel: with `receive` as if the caller pressed it, else so that they hear it."""
        return await self.action("PlayDTMF", Channel=channel, Digit=digit, Receive=receive)

    async def originate(
        self,
        channel: str,
        *,
        channel_id: str,
        context: str,
        exten: str,
        seconds: float,
        caller_id: str = "",
        variables: Mapping[str, str] | None = None,
    ) -> Reply:
        """Ring `channel` for `seconds` and on answer run `exten` of `context`, from priority 1.

        Answers as soon as the PBX has begun; an OriginateResponse event with the reply's action_id tells the
        rest. While a channel with the id `channel_id` lives, the PBX refuses a second one: a retry is harmless.
        """
        return await self.action(
            "Originate",
            Channel=channel,
            ChannelId=channel_id,
            Async=True,
            Context=context,
            Exten=exten,
            Priority=1,
            Timeout=round(seconds * 1000),
            CallerID=[caller_id] if caller_id else [],
            Variable=variables_of(variables or {}),
        )

    async def snapshot(self) -> Snapshot:
        """Every channel and device that the PBX has now. Raises LinkDown also when our user may not ask."""
        asked_at = self._clock()
        channels, all_channels = await self._rows("CoreShowChannels", parse_channel)
        devices, all_devices = await self._rows("DeviceStateList", parse_device)
        # Asterisk lists a channel again that changed while it was listed: what it said last is so.
        once = {channel.uniqueid: channel for channel in channels}
        return Snapshot(self.name, asked_at, tuple(once.values()), devices, complete=all_channels and all_devices)

    async def _rows(self, action: str, parse: Callable[[Message], Row]) -> tuple[tuple[Row, ...], bool]:
        reply = await self.action(action)
        if not reply.ok:
            raise LinkDown(
                f"The PBX {self.name} refused {action} ({reply.message}); in its manager.conf our user needs "
                "write=reporting, and in its modules.conf res_manager_devicestate must be loaded."
            )
        rows, whole = [], reply.whole
        for message in reply.rows:
            try:
                rows.append(parse(message))
            except Malformed as bad:
                self.count_malformed(bad)
                whole = False
        return tuple(rows), whole
