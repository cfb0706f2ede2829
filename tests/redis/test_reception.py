"""What the dialplan tells the reception about conversations, where no event of the PBX does. A real Redis."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import structlog
from bureau import TUESDAY, Bureau
from floor import ANNA, POWER, Floor
from structlog.testing import capture_logs

from agi.channel import Channel
from agi.protocol import Parser, Request
from hotline.acd.model import AgentState
from hotline.callbacks.states import State
from hotline.callers import Callers
from hotline.events import AgentAnswered, CallEnded, CallerLeftQueue, ConversationEnded
from hotline.phones.sounds import Sounds
from hotline.reception import Reception
from hotline.schema import load

CONFIG = Path(__file__).parents[2] / "config" / "hotline.yaml"
CALL, NAM = "pbx1-1.1", "+84901234567"


class Pbx:
    """A wire whose far end does what it is told, knows some variables, and loses the line at `lost`."""

    def __init__(
        self, script: str, *args: str, variables: dict[str, str] | None = None, lost: str = "nothing"
    ) -> None:
        headers = {f"agi_arg_{number}": arg for number, arg in enumerate(args, 1)} | {
            "agi_network": "yes",
            "agi_network_script": script,
            "agi_request": f"agi://127.0.0.1/{script}",
            "agi_channel": "PJSIP/trunk-00000001",
            "agi_callerid": NAM,
            "agi_uniqueid": CALL,
            "agi_extension": "1900",
        }
        self.variables, self.lost = variables or {}, lost
        self.sent: list[str] = []
        self._parser = Parser()
        self.channel = Channel(self._request(headers), self)

    def _request(self, headers: dict[str, str]) -> Request:
        block = "".join(f"{name}: {value}\n" for name, value in headers.items()) + "\n"
        request = next(iter(self._parser.feed(block.encode())))
        assert isinstance(request, Request)
        return request

    def write(self, data: bytes) -> None:
        line = data.decode().strip()
        self.sent.append(line)
        if self.lost in line:
            self.channel.lose("The connection to Asterisk ended.")
            return
        for name, value in self.variables.items():
            line = line.replace(f"${{{name}}}", value)
        known = line.partition('"')[2].rstrip('"') if "VARIABLE" in line and line.startswith("GET") else ""
        for event in self._parser.feed(f"200 result=1 ({known})\n".encode()):
            assert not isinstance(event, Request)
            self.channel.take(event)

    def abort(self) -> None: ...


@pytest.fixture
def bureau(floor: Floor, tmp_path: Path) -> Bureau:
    return Bureau(floor, tmp_path / "spool", floor.core._store)


@pytest.fixture
def reception(floor: Floor, tmp_path: Path, bureau: Bureau) -> Reception:
    return Reception(
        load(CONFIG),
        desk=floor.desk,
        answering=SimpleNamespace(),  # type: ignore[arg-type]
        legs=SimpleNamespace(),  # type: ignore[arg-type]
        requests=bureau.requests,
        superseding=bureau.superseding,
        callers=Callers(floor.core._store, region="VN"),
        sounds=Sounds(tmp_path),
        pbxs=["pbx1"],
        emit=floor.events.append,
        log=structlog.get_logger(),
    )


async def ring(floor: Floor) -> None:
    await floor.core.login(ANNA, floor.moment)
    await floor.core.join(
        CALL, queue=POWER, arrival=floor.moment - 5, now=floor.moment, channel="PJSIP/trunk-00000001", pbx="pbx1"
    )
    floor.moment += 42


async def test_the_last_word_tells_of_a_conversation_that_the_caller_has_ended(
    floor: Floor, reception: Reception
) -> None:
    await ring(floor)
    await reception.handle(Pbx("ended", CALL, "pbx1", "anna:1", "1700000000.500", "1700000040.500").channel)
    assert floor.story() == ["AgentAnswered", "ConversationEnded"]
    assert floor.one(AgentAnswered).waited == 7.0
    talk = floor.one(ConversationEnded)
    assert (talk.talked, talk.ended_by) == (40.0, "caller")
    assert await floor.agent("anna") is AgentState.WRAP_UP


@pytest.mark.parametrize(
    "word",
    [(), ("", "", "1700000040.5"), ("anna:0", "1700000000", "1700000040"), ("anna:1x", "", ""), (":1", "", "")],
)
async def test_the_last_word_on_one_who_talked_to_nobody_ends_the_wait(
    floor: Floor, reception: Reception, word: tuple[str, ...]
) -> None:
    await ring(floor)
    await reception.handle(Pbx("ended", CALL, "pbx1", *word).channel)
    assert floor.one(CallerLeftQueue).reason == "abandoned"
    assert await floor.agent("anna") is AgentState.IDLE


async def test_one_who_comes_back_after_a_talk_that_nobody_told_of_was_answered_and_served(
    floor: Floor, reception: Reception
) -> None:
    await ring(floor)
    variables = {
        "HOTLINE_PARTNER": "anna:1",
        "HOTLINE_ANSWERED": "1700000000.000",
        "STRFTIME(,,%s.%3q)": "1700000030.000",
    }
    pbx = Pbx("call", CALL, "pbx1", "2", "ANSWER", variables=variables)
    await reception.handle(pbx.channel)
    assert floor.story() == ["AgentAnswered", "ConversationEnded"]
    assert (floor.one(ConversationEnded).talked, floor.one(ConversationEnded).ended_by) == (30.0, "agent")
    assert pbx.sent[-2:] == ['SET VARIABLE "HOTLINE_DONE" "1"', "HANGUP"]


@pytest.mark.parametrize(
    ("script", "args"),
    [
        ("ended", ("pbx1", "anna:1", "1700000000.500", "1700000040.500")),
        ("ended", ("pbx1", "", "", "1700000040.5")),
        ("call", ("pbx1", "2", "ANSWER")),
    ],
    ids=["who hung up on the agent", "who talked to nobody", "who comes back after a talk"],
)
async def test_one_who_was_served_without_us_is_not_called_back(
    floor: Floor, reception: Reception, bureau: Bureau, script: str, args: tuple[str, ...]
) -> None:
    await bureau.ledger.request(queue="power", number=NAM, source="web", due=TUESDAY)
    await ring(floor)
    variables = {
        "HOTLINE_PARTNER": "anna:1",
        "HOTLINE_ANSWERED": "1700000000.000",
        "STRFTIME(,,%s.%3q)": "1700000030.000",
    }
    await reception.handle(Pbx(script, CALL, *args, variables=variables).channel)
    await bureau.superseding.close(5)
    served = args[1] != ""
    assert (await bureau.ledger.open_for(NAM) is None) is served
    assert bool(await bureau.ledger.list([State.SUPERSEDED])) is served


async def test_a_wire_that_broke_under_a_caller_of_whom_the_last_word_was_said_leaves_nobody_held(
    floor: Floor, reception: Reception, monkeypatch: pytest.MonkeyPatch
) -> None:
    await ring(floor)

    async def walk(flow: Any, phone: Any, house: Any) -> None:
        await reception.handle(Pbx("ended", CALL, "pbx1", "", "", "1700000040.5").channel)
        assert not floor.story(), "the session itself will know more"
        await phone.answer()

    monkeypatch.setattr("hotline.reception.walk", walk)
    await reception.handle(Pbx("call", CALL, "pbx1", "1", "", lost="ANSWER").channel)
    assert floor.one(CallEnded).reason == "line-lost"
    assert floor.one(CallerLeftQueue).reason == "abandoned"
    assert not reception.has(CALL)


async def test_calls_of_a_pbx_without_a_link_are_told_of_once(reception: Reception) -> None:
    with capture_logs() as lines:
        for pbx in ("pbx1", "other", "other", "third", "pbx1"):
            await reception.handle(Pbx("call", CALL, pbx, "2", "ANSWER").channel)
    assert [line["pbx"] for line in lines if line["log_level"] == "warning"] == ["other", "third"]
