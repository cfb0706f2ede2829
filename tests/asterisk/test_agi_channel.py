"""What agi.channel and the AGI phone take for granted, proved on a real Asterisk with real SIP callers."""

from __future__ import annotations

import asyncio
import contextlib
import wave
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from agi.channel import Channel, HungUp, WireLost
from agi.protocol import MAX_COMMAND, CommandRefused
from agi.server import Server
from hotline.flow.phone import BELL, Dialed, DialOutcome
from hotline.flow.phone import HungUp as CallerHungUp
from hotline.phones.agi import AgiPhone, call_info
from hotline.phones.sounds import Sounds
from lab.party import Call
from lab.pbx import Pbx
from lab.world import World

pytestmark = pytest.mark.timeout(60)
SECOND = bytes(16_000)


@dataclass
class Line:
    """A call in our hands: our end, the caller's end, the engine's phone, two prompts of a second, one of five."""

    channel: Channel
    caller: Call
    phone: AgiPhone
    prompts: list[str]
    long: str
    spool: Path

    async def after(self, seconds: float, action: Awaitable[Any]) -> Any:
        await asyncio.sleep(seconds)
        return await action


class Desk:
    """A server that hands its calls to the test; the dialplan's "ended" is noted."""

    def __init__(self) -> None:
        self.calls: asyncio.Queue[tuple[Channel, asyncio.Event]] = asyncio.Queue()
        self.ended: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def serve(self, channel: Channel) -> None:
        if channel.request.script == "ended":
            self.ended[channel.request.args[0]].set()
            return
        done = asyncio.Event()
        self.calls.put_nowait((channel, done))
        await done.wait()


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tones")
    (folder / "en").mkdir()
    for name, seconds in (("one", 1), ("two", 1), ("long", 5)):
        with wave.open(str(folder / "en" / f"{name}.wav"), "wb") as file:
            file.setparams((1, 2, 8000, 0, "NONE", ""))
            file.writeframes(SECOND * seconds)
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def desk(pbx: Pbx) -> AsyncIterator[Desk]:
    desk = Desk()
    async with Server(desk.serve, port=0) as server:
        before = pbx.servers
        await pbx.set_servers([f"{server.address[0]}:{server.address[1]}"])
        yield desk
        await pbx.set_servers(before or ["127.0.0.1:1"])


@contextlib.asynccontextmanager
async def call_to_us(desk: Desk, world: World, pbx: Pbx, tones: Path) -> AsyncIterator[Line]:
    placing = asyncio.create_task(world.place("1900", caller_id="+84901234567"))
    channel, done = await asyncio.wait_for(desk.calls.get(), 10)
    phone = AgiPhone(channel, call_info(channel.request), sounds=Sounds(tones), language="en", languages=("en", "vi"))
    await phone.answer()
    caller = await placing
    pbx.spool.mkdir(parents=True, exist_ok=True)
    try:
        one, two, long = (str(tones / "en" / name) for name in ("one", "two", "long"))
        yield Line(channel, caller, phone, [one, two], long, pbx.spool)
    finally:
        with contextlib.suppress(HungUp, WireLost):
            await channel.set_variable("HOTLINE_DONE", "1")
            await channel.hangup()
        done.set()
        await caller.hang_up()


@pytest_asyncio.fixture(loop_scope="session")
async def line(desk: Desk, world: World, pbx: Pbx, tones: Path) -> AsyncIterator[Line]:
    async with call_to_us(desk, world, pbx, tones) as line:
        yield line


# -- keys ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["5", "0", "#", "*"])
async def test_every_key_of_a_telephone_comes_through(line: Line, key: str):
    asking = asyncio.create_task(line.channel.read(line.prompts, 3))
    await line.after(0.2, line.caller.press(key))
    assert await asking == key


@pytest.mark.parametrize("moment", [0.85, 0.95, 1.05])
async def test_a_key_pressed_between_two_prompts_is_not_lost(line: Line, moment: float):
    asking = asyncio.create_task(line.channel.read(line.prompts, 3))
    await line.after(moment, line.caller.press("7"))
    assert await asking == "7"


async def test_silence_is_silence_after_the_last_prompt_and_the_wait(line: Line):
    loop = asyncio.get_running_loop()
    began = loop.time()
    assert await line.channel.read(line.prompts[:1], 0.5) == ""
    assert 1.4 < loop.time() - began < 10
    assert await line.channel.read([], 0.1) == ""


@pytest.mark.parametrize("moment", [0.3, 1.3, 2.2], ids=["in the first prompt", "in the last prompt", "after them"])
async def test_a_number_is_keyed_in_whenever_the_caller_begins(line: Line, moment: float):
    asking = asyncio.create_task(line.phone.digits(("one", "two"), most=20, seconds=2))
    await line.after(moment, line.caller.press("0901234567#"))
    assert await asking == "0901234567"


async def test_keys_end_by_themselves_when_there_are_enough_or_no_more_come(line: Line):
    asking = asyncio.create_task(line.channel.digits(line.prompts[:1], most=3, seconds=5))
    await line.after(0.2, line.caller.press("123"))
    assert await asking == "123"
    asking = asyncio.create_task(line.channel.digits([str(line.spool / "nowhere")], most=9, seconds=2))
    await line.after(0.2, line.caller.press("45"))
    assert await asking == "45"
    assert await line.channel.digits([], most=9, seconds=0.2) == ""


@pytest.mark.parametrize("waiting", ["hold", "announcement", "stream"])
async def test_the_bell_wakes_a_waiting_caller(line: Line, pbx: Pbx, waiting: str):
    verbs = {
        "hold": lambda: line.phone.hold(20, music="default"),
        "announcement": lambda: line.phone.say(("long", "one"), stop_keys=BELL),
        "stream": lambda: line.channel.stream(line.long, BELL),
    }
    woken = asyncio.create_task(verbs[waiting]())
    ring = {"Channel": line.channel.request.channel, "Digit": BELL, "Receive": "true"}
    while not woken.done():  # a tone before the verb has begun is lost, so we ring until it is heard
        assert (await pbx.manager.action("PlayDTMF", **ring))["Response"] == "Success"
        await asyncio.wait([woken], timeout=0.5)
    assert await woken == BELL


# -- commands -----------------------------------------------------------------------------------------------------


async def test_values_survive_the_way_there_and_back(line: Line):
    for value in ('(b) "c" \\d é)', "", " a  b ", "(", ") endpos=1", "x" * 1000):
        await line.channel.set_variable("HOTLINE_X", value)
        assert await line.channel.get_variable("HOTLINE_X") == value


async def test_the_longest_command_that_we_send_arrives_whole(line: Line):
    await line.channel.command("NOOP", "x" * (MAX_COMMAND - 9))
    assert await line.channel.get_variable("CHANNEL(state)") == "Up"


async def test_refusals_leave_the_caller_on_the_line(line: Line):
    with pytest.raises(CommandRefused, match="does the file exist"):
        await line.channel.stream("/nowhere/nothing")
    with pytest.raises(CommandRefused, match="writefile"):
        await line.channel.record("/nowhere/nothing", most=1)
    with pytest.raises(CommandRefused, match="510"):
        await line.channel.command("NO SUCH THING")
    with pytest.raises(CommandRefused, match="520"):
        await line.channel.command("STREAM FILE", "one")
    assert await line.channel.stream(line.prompts[0]) == ""


# -- recordings ---------------------------------------------------------------------------------------------------


def length(path: Path) -> float:
    with wave.open(str(path)) as file:
        assert (file.getframerate(), file.getsampwidth(), file.getnchannels()) == (8000, 2, 1)
        return file.getnframes() / 8000


async def test_a_key_ends_a_recording(line: Line):
    path = line.spool / "key.wav"
    recording = asyncio.create_task(line.phone.record(path, most=10, silence=0))
    await line.after(1.3, line.caller.press("#"))
    recorded = await recording
    assert (recorded.hung_up, recorded.key) == (False, "#")
    assert recorded.seconds == pytest.approx(length(path), abs=0.05)


async def test_silence_ends_a_recording_and_is_no_key(line: Line):
    recorded = await line.phone.record(line.spool / "silence.wav", most=10, silence=2)
    assert (recorded.hung_up, recorded.key) == (False, "")
    assert recorded.seconds < 2


async def test_the_words_of_a_caller_who_hangs_up_are_kept(line: Line):
    path = line.spool / "hangup.wav"
    recording = asyncio.create_task(line.phone.record(path, most=10, silence=0))
    await line.after(1.3, line.caller.hang_up())
    recorded = await recording
    assert recorded.hung_up
    assert recorded.seconds > 0.5
    assert recorded.seconds == pytest.approx(length(path), abs=0.05)


# -- the end of a call --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["stream", "wait_digit", "read", "digits", "execute"])
async def test_a_hang_up_during_any_verb_is_a_hang_up(line: Line, desk: Desk, verb: str):
    verbs = {
        "stream": lambda: line.channel.stream(line.long),
        "wait_digit": lambda: line.channel.wait_digit(20),
        "read": lambda: line.channel.read(line.prompts, 20),
        "digits": lambda: line.channel.digits(line.prompts, most=9, seconds=20),
        "execute": lambda: line.channel.execute("Wait", 20),
    }
    busy = asyncio.create_task(verbs[verb]())
    await line.after(0.3, line.caller.hang_up())
    with pytest.raises(HungUp):
        await asyncio.wait_for(busy, 5)
    await asyncio.wait_for(desk.ended[line.phone.info.call].wait(), 5)


async def test_a_hang_up_between_two_verbs_is_known_to_the_next(line: Line, desk: Desk):
    await line.caller.hang_up()
    await asyncio.wait_for(desk.ended[line.phone.info.call].wait(), 5)
    with pytest.raises(HungUp):
        await line.channel.answer()


async def test_a_caller_who_is_moved_elsewhere_is_no_longer_ours(line: Line, desk: Desk, pbx: Pbx):
    busy = asyncio.create_task(line.channel.wait_digit(20))
    target = {
        "Channel": line.channel.request.channel,
        "Context": "hotline-fallback",
        "Exten": "1900",
        "Priority": "1",
    }
    assert (await pbx.manager.action("Redirect", **target))["Response"] == "Success"
    with pytest.raises(HungUp):
        await asyncio.wait_for(busy, 5)
    assert not line.caller.over
    await line.caller.hang_up()
    await asyncio.wait_for(desk.ended[line.phone.info.call].wait(), 5)


async def test_a_call_that_we_end_needs_no_last_word(line: Line, desk: Desk):
    await line.phone.hang_up()
    await line.caller.hung_up()
    assert line.phone.info.call not in desk.ended


async def test_an_asterisk_that_dies_is_a_lost_wire(tmp_path: Path):
    desk = Desk()
    async with Server(desk.serve, port=0) as server:
        address = f"{server.address[0]}:{server.address[1]}"
        async with Pbx(tmp_path, spool=tmp_path, sounds=tmp_path, servers=[address]) as doomed:
            whole = {"Channel": "Local/1900@hotline", "Application": "Wait", "Data": "60", "Async": "true"}
            await doomed.manager.action("Originate", **whole)
            channel, done = await asyncio.wait_for(desk.calls.get(), 10)
            busy = asyncio.create_task(channel.wait_digit(20))
            await asyncio.sleep(0.1)
            await doomed.kill()
            with pytest.raises(WireLost, match="ended"):
                await asyncio.wait_for(busy, 5)
            done.set()


# -- dialing ------------------------------------------------------------------------------------------------------


async def test_talk_time_begins_when_the_agent_answers(line: Line, world: World):
    anna = await world.phone("anna")
    await line.phone.hold(3, music="default")
    dialing = asyncio.create_task(line.phone.dial("PJSIP/anna", seconds=10))
    ringing = await anna.rings()
    await asyncio.sleep(0.5)
    loop = asyncio.get_running_loop()
    began = loop.time()
    await ringing.answer()
    await line.after(1, ringing.hang_up())
    dialed = await dialing
    assert dialed.outcome is DialOutcome.ANSWERED
    assert 0.5 < dialed.talked <= loop.time() - began


async def test_each_way_of_not_answering_has_its_name(line: Line, world: World):
    anna = await world.phone("anna")

    async def dial(cause: int) -> Dialed:
        dialing = asyncio.create_task(line.phone.dial("PJSIP/anna", seconds=2))
        ringing = await anna.rings()
        if cause:
            await ringing._end(f"EXEC Hangup {cause}")
        return await dialing

    assert await dial(17) == Dialed(DialOutcome.BUSY)
    assert await dial(21) == Dialed(DialOutcome.REJECTED)
    assert await dial(0) == Dialed(DialOutcome.NO_ANSWER)  # with the cause of the last one still on the channel
    assert await dial(34) == Dialed(DialOutcome.UNREACHABLE)
    assert await dial(21) == Dialed(DialOutcome.REJECTED)
    assert await line.phone.dial("PJSIP/nobody", seconds=2) == Dialed(DialOutcome.UNREACHABLE)


async def test_a_caller_who_hangs_up_in_conversation_is_gone(line: Line, world: World):
    anna = await world.phone("anna")
    dialing = asyncio.create_task(line.phone.dial("PJSIP/anna", seconds=10))
    ringing = await anna.rings()
    await ringing.answer()
    await line.after(0.3, line.caller.hang_up())
    with pytest.raises(CallerHungUp):
        await asyncio.wait_for(dialing, 5)
    await ringing.hung_up()
