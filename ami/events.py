"""What the PBX says, as types. Pure: headers in, frozen dataclasses out; no sockets, no clock.

Rules of this file:
- What is believed of a message, and what makes it `Malformed`, is told in ami.headers.
- A message with an ActionID answers somebody's action and is no news, even where its name is an event's
  (DeviceStateList answers in DeviceStateChange events). The one exception is OriginateResponse.
- Events that nobody here needs are None, not an error.
- No caller id, no dialed number and no network address gets past this file.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ami.headers import Message

OFFER = "HOTLINE_OFFER"
"""The channel variable that says which offer a dial belongs to: "<agent>:<token>"."""


@dataclass(frozen=True, slots=True)
class Hangup:
    """A channel is gone."""

    channel: str
    uniqueid: str
    linkedid: str
    offer: str = ""


@dataclass(frozen=True, slots=True)
class DialEnd:
    """The ringing of `dest_channel` by `channel` ("" for an Originate) is over; `offer` is HOTLINE_OFFER or "".

    `status`: ANSWER, BUSY, NOANSWER, CANCEL, CONGESTION, CHANUNAVAIL, DONTCALL …
    """

    channel: str
    linkedid: str
    dest_channel: str
    status: str
    offer: str


@dataclass(frozen=True, slots=True)
class DeviceStateChange:
    """`device` is e.g. PJSIP/anna; `state`: UNKNOWN, NOT_INUSE, INUSE, BUSY, INVALID, UNAVAILABLE, RINGING …"""

    device: str
    state: str


@dataclass(frozen=True, slots=True)
class OriginateResponse:
    """How an asynchronous Originate ended. `reason`: 4 answered, 5 busy, 3 no answer, 0 no such device …"""

    action_id: str
    uniqueid: str
    ok: bool
    reason: int


Event = Hangup | DialEnd | DeviceStateChange | OriginateResponse
"""What the service acts on: the `eventfilter` in manager.conf lets in these and no others."""


@dataclass(frozen=True, slots=True)
class ChannelRow:
    """A channel that exists. `state`: Down, Ring, Ringing, Up …"""

    channel: str
    uniqueid: str
    linkedid: str
    state: str
    bridge_id: str = ""


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """A device that the PBX has a state for."""

    device: str
    state: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Everything there was when the link came up; it replaces whatever earlier events said.

    `asked_at` is the client's clock just before asking: a call that began later may be missing. Unless
    `complete`, a row was malformed or missing: then believe what is there, and conclude nothing from an absence.
    """

    pbx: str
    asked_at: float
    channels: tuple[ChannelRow, ...]
    devices: tuple[DeviceRow, ...]
    complete: bool = True


def _hangup(message: Message) -> Hangup:
    return Hangup(
        channel=message.need("Channel"),
        uniqueid=message.need("Uniqueid"),
        linkedid=message.need("Linkedid"),
        offer=message.variable(OFFER),
    )


def _dial_end(message: Message) -> DialEnd:
    return DialEnd(
        channel=message.get("Channel"),
        linkedid=message.get("Linkedid") or message.need("DestLinkedid"),
        dest_channel=message.need("DestChannel"),
        status=message.need("DialStatus"),
        offer=message.variable(OFFER),
    )


def _device_state(message: Message) -> DeviceStateChange:
    return DeviceStateChange(message.need("Device"), message.need("State"))


def _originate_response(message: Message) -> OriginateResponse:
    return OriginateResponse(
        action_id=message.get("ActionID"),
        uniqueid=message.get("Uniqueid"),
        ok=message.need("Response") == "Success",
        reason=message.number("Reason"),
    )


_EVENTS: dict[str, Callable[[Message], Event]] = {
    "hangup": _hangup,
    "dialend": _dial_end,
    "devicestatechange": _device_state,
    "originateresponse": _originate_response,
}


def parse_event(message: Message) -> Event | None:
    """The event in `message`, None when it is of no interest. Raises Malformed."""
    name = message.get("Event").lower()
    parser = _EVENTS.get(name)
    if parser is None or (message.get("ActionID") and name != "originateresponse"):
        return None
    return parser(message)


def parse_channel(message: Message) -> ChannelRow:
    """One CoreShowChannel row. Raises Malformed."""
    return ChannelRow(
        channel=message.need("Channel"),
        uniqueid=message.need("Uniqueid"),
        linkedid=message.need("Linkedid"),
        state=message.need("ChannelStateDesc"),
        bridge_id=message.get("BridgeId"),
    )


def parse_device(message: Message) -> DeviceRow:
    """One row of DeviceStateList. Raises Malformed."""
    return DeviceRow(message.need("Device"), message.need("State"))
