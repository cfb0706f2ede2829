"""The crash-safe dialplan on a real PBX: services that die, come back or never come, and callers who hang up."""

from __future__ import annotations

import asyncio
import contextlib
import re
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from agi.channel import Channel
from agi.protocol import CommandRefused, Request
from agi.server import Server
from lab import audio
from lab.pbx import Pbx
from lab.process import free_port
from lab.world import NotAnswered, World

CALLER = "+84901234567"


class Peer:
    """A service of a few lines: it notes every request, and does with a call what the test says."""

    def __init__(self, on_call: Callable[[Channel], Awaitable[None]]) -> None:
        self.port = free_port()
        self.on_call = on_call
        self.requests: asyncio.Queue[Request] = asyncio.Queue()
        self.finished = asyncio.Event()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = Server(self._handle, port=self.port)
        await self._server.__aenter__()

    async def die(self) -> None:
        """Drop every call and every connection, as kill -9 would."""
        await self._server.__aexit__(None, None, None)

    async def _handle(self, channel: Channel) -> None:
        self.requests.put_nowait(channel.request)
        if channel.request.script == "call":
            await self.on_call(channel)
            self.finished.set()

    async def asked(self, script: str, within: float = 12.0) -> Request:
        """The next request for `script`."""
        async with asyncio.timeout(within):
            while (request := await self.requests.get()).script != script:
                pass
        return request


async def hold(channel: Channel) -> None:
    await channel.answer()
    await channel.wait_digit(60)


async def finish(channel: Channel) -> None:
    await channel.answer()
    await channel.set_variable("HOTLINE_DONE", "1")
    await channel.hangup()


async def lose(channel: Channel) -> None:
    await channel.answer()


@pytest_asyncio.fixture(loop_scope="session")
async def serve(pbx: Pbx) -> AsyncIterator[Callable[..., Awaitable[list[Peer]]]]:
    """`await serve(on_call, …)`: a peer each, all of them in the PBX's list of servers."""
    peers: list[Peer] = []

    async def serving(*on_calls: Callable[[Channel], Awaitable[None]]) -> list[Peer]:
        peers.extend(Peer(on_call) for on_call in on_calls)
        for peer in peers:
            await peer.start()
        await pbx.set_servers([peer.address for peer in peers])
        return peers

    yield serving
    for peer in peers:
        await peer.die()


@pytest.fixture
def fallback(pbx: Pbx) -> Path:
    return pbx.spool / "fallback"


def messages(fallback: Path) -> set[Path]:
    return set(fallback.glob("*.wav"))


async def note_of(fallback: Path, call: str) -> dict[str, str]:
    """The note beside a message, as soon as it is written to its last line."""
    path = fallback / f"{call}.note"
    async with asyncio.timeout(5):
        while not (path.exists() and "recorded_at=" in path.read_text()):  # noqa: ASYNC110 - a file sends no event
            await asyncio.sleep(0.02)
    return dict(line.partition("=")[::2] for line in path.read_text().splitlines())


async def test_without_any_service_the_pbx_takes_a_message_by_itself(
    pbx: Pbx, world: World, sounds: Path, words: Path, fallback: Path
):
    await pbx.set_servers([f"127.0.0.1:{free_port()}", f"127.0.0.1:{free_port()}"])
    before, dialed = messages(fallback), time.monotonic()
    async with world.call("1900", caller_id=CALLER) as caller:
        assert time.monotonic() - dialed < 12
        await caller.hears(sounds / "en" / "voicemail-greeting.wav")
        await asyncio.sleep(0.5)  # the tone
        await caller.speak(words)
        await caller.press("#")
        await caller.hung_up()
    for prompt in ("technical-problem", "voicemail-greeting", "message-saved", "goodbye"):
        assert audio.find(sounds / "en" / f"{prompt}.wav", caller.heard).score > 0.6, prompt
    (message,) = messages(fallback) - before
    assert audio.similarity(words, message) > 0.8
    note = await note_of(fallback, message.stem)
    assert (note["call"], note["number"], note["entry"]) == (message.stem, CALLER, "1900")


async def test_a_caller_who_hangs_up_in_a_message_leaves_what_was_said(
    world: World, sounds: Path, words: Path, fallback: Path
):
    before = messages(fallback)
    async with world.call("7003", caller_id=CALLER) as caller:
        await caller.hears(sounds / "en" / "voicemail-greeting.wav")
        await asyncio.sleep(0.5)
        await caller.speak(words)
        (message,) = messages(fallback) - before
        assert (await note_of(fallback, message.stem))["number"] == CALLER, "it must not wait for the end"
        await caller.hang_up()
    assert (await note_of(fallback, message.stem))["entry"] == "1900"
    assert audio.similarity(words, message) > 0.8


async def test_the_pbx_alone_says_saved_only_of_what_will_be_taken_in(world: World, sounds: Path, words: Path):
    async with world.call("7003", caller_id=CALLER) as caller:
        await caller.hears(sounds / "en" / "voicemail-greeting.wav")
        await asyncio.sleep(0.5)
        await caller.press("#")
        await caller.hung_up()
    for prompt, heard in (("message-too-short", True), ("message-saved", False)):
        assert (audio.find(sounds / "en" / f"{prompt}.wav", caller.heard).score > 0.6) is heard, prompt


async def test_without_prompts_the_message_is_taken_all_the_same(pbx: Pbx, world: World, words: Path, fallback: Path):
    before = messages(fallback)
    await pbx.console("dialplan set global HOTLINE_SOUNDS /nowhere")
    try:
        async with world.call("7003", caller_id=CALLER) as caller:
            await asyncio.sleep(0.5)
            await caller.speak(words)
            await caller.press("#")
            await caller.hung_up()
    finally:
        await pbx.console(f"dialplan set global HOTLINE_SOUNDS {pbx.sounds}")
    (message,) = messages(fallback) - before
    assert audio.similarity(words, message) > 0.8


async def test_a_caller_is_back_within_3_s_of_a_restart(serve, world: World):
    (peer,) = await serve(hold)
    async with world.call("1900", caller_id=CALLER):
        first = await peer.asked("call")
        assert (first.extension, first.args[1:]) == ("1900", ("pbx1", "1", ""))
        await peer.die()
        await asyncio.sleep(3)
        await peer.start()
        second = await peer.asked("call", within=3)
    assert (second.args[0], second.args[2]) == (first.args[0], "2")


async def test_a_dead_service_in_the_list_costs_a_caller_nothing(serve, world: World):
    dead, living = await serve(hold, hold)
    await dead.die()
    for _ in range(3):  # calls start at a random place in the list
        dialed = time.monotonic()
        async with world.call("1900"):
            assert (await living.asked("call")).args[2] == "1"
            assert time.monotonic() - dialed < 3
    await dead.start()


async def test_a_service_that_dies_hands_its_callers_to_the_next(serve, world: World):
    peers = await serve(hold, hold)
    async with world.call("1900"):
        asked = {asyncio.create_task(peer.asked("call")): peer for peer in peers}
        (first,), (other,) = await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
        await asked[first].die()
        assert (await asyncio.wait_for(other, 3)).args[2] == "2"
        await asked[first].start()


async def test_a_call_that_three_services_lost_is_taken_by_the_pbx(serve, world: World, sounds: Path):
    (peer,) = await serve(lose)
    async with world.call("1900") as caller:
        assert [(await peer.asked("call")).args[2] for _ in range(3)] == ["1", "2", "3"]
        await caller.hears(sounds / "en" / "voicemail-greeting.wav")


async def test_a_finished_call_is_not_brought_back(serve, world: World):
    (peer,) = await serve(finish)
    async with world.call("1900") as caller:
        await peer.asked("call")
        await caller.hung_up()
    with pytest.raises(TimeoutError):
        await peer.asked("ended", within=1)


async def test_a_caller_who_hangs_up_while_no_service_is_there_is_reported_to_the_next(serve, world: World):
    gone, living = await serve(lose, lose)
    await gone.die()
    async with world.call("1900") as caller:
        call = (await living.asked("call")).args[0]
        await caller.hang_up()
        ended = (await living.asked("ended")).args
        assert ended[:4] == (call, "pbx1", "", "")
        assert abs(float(ended[4]) - time.time()) < 2
    await gone.start()


async def test_one_who_has_talked_is_not_asked_for_a_message(serve, world: World):
    async def connect(channel: Channel) -> None:
        await channel.answer()
        if channel.request.args[2] == "1":
            await channel.execute("Dial", "PJSIP/anna", 10)
        await channel.wait_digit(60)

    (peer,) = await serve(connect)
    anna = await world.phone("anna")
    async with world.call("1900") as caller:
        await peer.asked("call")
        ringing = await anna.rings()
        await ringing.answer()
        await peer.die()
        await asyncio.sleep(1)
        assert not caller.over, "the conversation must go on"
        await peer.start()
        await ringing.hang_up()
        assert (await peer.asked("call", within=3)).args[2:] == ("2", "ANSWER")
        await peer.die()
        await caller.hung_up()
    await peer.start()


async def test_the_last_word_on_a_caller_names_the_offer_that_was_answered_and_when(serve, world: World):
    async def connect(channel: Channel) -> None:
        await channel.answer()
        await channel.set_variable("HOTLINE_OFFER", "anna:7")
        await channel.execute("Dial", "PJSIP/anna", 10, "giU(hotline-answered)")
        await channel.set_variable("HOTLINE_OFFER", "binh:8")
        await channel.wait_digit(60)

    (peer,) = await serve(connect)
    anna = await world.phone("anna")
    async with world.call("1900") as caller:
        call = (await peer.asked("call")).args[0]
        ringing = await anna.rings()
        await ringing.answer()
        await asyncio.sleep(0.5)
        await ringing.hang_up()
        await asyncio.sleep(0.5)
        await caller.hang_up()
        named, _, offer, answered, now = (await peer.asked("ended")).args
    assert (named, offer) == (call, "anna:7")
    assert 0.8 < float(now) - float(answered) < 3


async def test_an_agent_begins_and_ends_work_by_feature_codes(serve, world: World):
    (peer,) = await serve(finish)
    anna = await world.phone("anna")
    for code, wish in (("*11", "login"), ("*12", "logout")):
        dialing = asyncio.create_task(_dial(anna, code))
        request = await peer.asked("agent")
        assert request.channel.startswith("PJSIP/anna-")
        assert request.args[1:] == ("pbx1", wish)
        await dialing


async def test_what_a_callers_network_sends_is_scrubbed_before_it_reaches_a_service(serve, pbx: Pbx):
    (peer,) = await serve(finish)
    hostile = "4477%0D%0Aagi_extension%3A%201%22%29%2C%24%7BEPOCH%7D%28b"
    await _invite(pbx.sip, "1900", user=hostile, name="A ${EPOCH} b), c&d")
    headers = (await peer.asked("call")).headers
    assert headers["agi_callerid"].startswith("4477")
    allowed = re.compile(r"[0-9A-Za-z .+*#]*")
    for name in ("agi_callerid", "agi_calleridname", "agi_dnid", "agi_rdnis", "agi_extension"):
        assert allowed.fullmatch(headers[name]), (name, headers[name])
    assert headers["agi_extension"] == "1900"
    await asyncio.wait_for(peer.finished.wait(), 5)


async def test_a_number_with_anything_but_digits_in_it_is_nobodys(serve, pbx: Pbx):
    (peer,) = await serve(finish)
    await _invite(pbx.sip, "1900%0D%0Aagi_callerid%3A%201", user="1")
    with pytest.raises(TimeoutError):
        await peer.asked("call", within=1)


async def _dial(phone, code: str) -> None:
    with contextlib.suppress(NotAnswered):
        async with phone.dial(code):
            pass


async def _invite(port: int, number: str, *, user: str, name: str = "x") -> None:
    """An INVITE as no honest phone would send it; what becomes of the call is the PBX's business."""
    own = secrets.token_hex(6)
    address = f"sip:{number}@127.0.0.1:{port}"
    name = name.replace('"', "")
    request = "\r\n".join([
        f"INVITE {address} SIP/2.0",
        f"Via: SIP/2.0/UDP 127.0.0.1:9;branch=z9hG4bK{own}",
        f'From: "{name}" <sip:{user}@127.0.0.1>;tag={own}',
        f"To: <{address}>", f"Call-ID: {own}", "CSeq: 1 INVITE", "Contact: <sip:x@127.0.0.1:9>",
        "Max-Forwards: 70", "Content-Length: 0", "", "",
    ])  # fmt: skip
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        asyncio.DatagramProtocol, remote_addr=("127.0.0.1", port)
    )
    transport.sendto(request.encode())
    transport.close()


HOSTILE = (
    *("84901234567", "+", "+84", "+849012", "+8490123456789012", "0084901234567", "+84901234567&+84907654321"),
    *("+84901234567/n", "+84901234567@elsewhere", "+84 901234567", "+84abc901234", "+84901234\u0665\u0666\u0667"),
)


async def test_customers_are_rung_by_international_numbers_alone_and_not_too_late(
    world: World, serve: Callable[..., Awaitable[list[Peer]]]
):
    asked: list[tuple[str, str]] = [*((number, "99999999999") for number in HOSTILE), (CALLER, "1000000000")]
    said: list[str] = []

    async def try_all(channel: Channel) -> None:
        await channel.answer()
        for number, before in asked:
            await channel.set_variable("HOTLINE_CUSTOMER", "")
            with contextlib.suppress(CommandRefused):
                await channel.gosub("hotline-call-customer", number, before, 3, "", "")
            said.append(await channel.get_variable("HOTLINE_CUSTOMER"))
        await finish(channel)

    phone = await world.number(CALLER)
    (peer,) = await serve(try_all)
    async with world.call("1900", caller_id="+84907654321") as caller:
        await caller.hung_up()
    await peer.finished.wait()
    assert set(said[:-1]) <= {"", "REFUSED"}, list(zip(asked, said, strict=True))
    assert said[-1] == "LATE"
    with pytest.raises(TimeoutError):
        await phone.rings(within=0.3)
