"""`hotline callbacks` and `hotline voicemail` at the command line, on a real Redis and a real spool."""

from __future__ import annotations

import asyncio
import csv
import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from hotline.acd.core import Core
from hotline.acd.model import CALLBACK, Offer
from hotline.acd.virtual import PBX, queue_of_callbacks
from hotline.callbacks.erasure import Erasure
from hotline.callbacks.indexer import Indexer
from hotline.callbacks.ledger import Begun, Ledger
from hotline.callbacks.lines import Done, Entry, Move
from hotline.callbacks.outbox import Outbox
from hotline.callbacks.promise_record import Promise
from hotline.callbacks.states import State
from hotline.callers import Callers
from hotline.cli import app
from hotline.clock import clock
from hotline.schema import loads
from hotline.store import Store

YAML = """
hotline: {name: Test, zone: Asia/Ho_Chi_Minh, country: VN, language: en, languages: [en]}
entries: {default: main}
hours: {office: {week: {mon-sun: ["00:00-24:00"]}}}
callbacks: {allow: ["+84"]}
queues:
  power:
    needs: {power: 1}
    voicemail: {hours: office, reasons: {1: reason-outage}, parts: {morning: "08:00-12:00"}}
    callbacks: {between: ["08:00-20:00"]}
  billing: {voicemail: {hours: office}}
agents:
  anna: {phone: PJSIP/anna, skills: {power: 2}}
  binh: {phone: PJSIP/binh}
menus: {main: [{say: reason-outage}, {queue: power}, {voicemail: power}, {voicemail: billing}]}
prompts:
  reason-outage: {en: A power cut.}
"""
CONFIG = loads(YAML)
NAM, LAN = "+84901234567", "+84907654321"
NOWHERE = "127.0.0.1:1"


class Staff:
    """A spool and a Redis in which promises are, and the command line at them."""

    def __init__(self, store: Store, folder: Path, port: int) -> None:
        self.core = Core(store)
        self.store, self.folder, self.redis = store, folder, f"127.0.0.1:{port}"
        self.clock = folder / "clock"
        self.now = clock(self.clock)
        self.config = folder / "hotline.yaml"
        self.config.write_text(YAML)
        self.outbox = Outbox(folder / "spool")
        self.outbox.prepare()
        self.indexer = Indexer(store, self.outbox, time.time, tell=lambda trouble: pytest.fail(str(trouble)))
        self.ledger = Ledger(store, self.outbox, self.indexer, time.time, dialing=CONFIG.dialing, zone=CONFIG.zone)

    def set_clock(self, moment: datetime) -> None:
        """From now on it is that moment, for the commands and for what is kept."""
        self.clock.write_text(f"{moment.timestamp() - time.time()}")

    def keep(self, id: str, number: str = NAM, queue: str = "power", ago: float = 3600.0, **about: Any) -> Entry:
        """A message that was left so long ago, due since then."""
        sound = f"the voice of {id}".encode()
        (self.outbox.kept / f"{id}.wav").write_bytes(sound)
        at = self.now() - ago
        known: dict[str, Any] = {"call": f"pbx1-{id}", "entry": "1900", "language": "en", "seconds": 75.0}
        known |= {"recorded_at": at, "kept_at": at, "due": at, "hung_up": False}
        known |= {"sha256": hashlib.sha256(sound).hexdigest()}
        entry = Entry(id=id, number=number, queue=queue, **{**known, **about})
        self.outbox.add(entry)
        return entry

    async def claimed(self, queue: str = "power") -> Promise:
        found = await self.ledger.claim(queue, token="t", cap=9)
        assert found
        return found

    async def offered(self) -> Offer:
        """The first promise is in hand, and anna's phone rings for it."""
        promise, now = await self.claimed(), time.time()
        await self.core.login(CONFIG.agents["anna"], now)
        call = CALLBACK + promise.id
        queue = queue_of_callbacks(CONFIG.queues["power"])
        change = await self.core.join(call, queue=queue, arrival=now, now=now, channel=call, pbx=PBX)
        (offer,) = change.offers
        return offer

    async def found(self, id: str) -> Promise:
        await self.indexer.catch_up()
        promise = await self.ledger.find(id)
        assert promise
        return promise

    async def run(self, *words: str | Path, redis: str = "", typed: str = "", columns: int = 200) -> Result:
        env = {
            "HOTLINE_CONFIG": str(self.config), "HOTLINE_SPOOL": str(self.outbox.spool),
            "HOTLINE_REDIS": redis or self.redis, "COLUMNS": str(columns) if columns else None,
            "HOTLINE_CLOCK": str(self.clock),
        }  # fmt: skip
        command = [str(word) for word in words]
        return await asyncio.to_thread(CliRunner().invoke, app, command, env=env, input=typed)

    async def rows(self, *words: str) -> dict[str, dict[str, Any]]:
        done = await self.run(*words, "--json")
        assert done.exit_code == 0, done.output
        return {row["id"]: row for row in json.loads(done.stdout)}


@pytest.fixture
def staff(store: Store, shared_server: Any, tmp_path: Path) -> Staff:
    return Staff(store, tmp_path, shared_server.port)


Refused = Callable[..., Any]
AnotherUser = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture
def another_user() -> AnotherUser:
    """While somebody else is at work, who may come to the folder, but not into what is only ours in it."""

    @contextmanager
    def another_user(folder: Path) -> Iterator[None]:
        me, outbox = os.geteuid(), folder / "spool" / "outbox"
        if me:
            outbox.chmod(0)
        else:
            for each in (folder, *folder.parents):  # pytest keeps its own folders to root, and they are some deep
                if not each.stat().st_mode & 0o001:
                    each.chmod(0o711)
            os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(me)
            outbox.chmod(0o700)

    return another_user


@pytest.fixture
def refused(staff: Staff) -> Refused:
    async def refused(*words: str, status: int = 1) -> str:
        done = await staff.run(*words)
        assert (done.exit_code, done.stdout) == (status, ""), done.output
        return done.stderr

    return refused


# -- list -----------------------------------------------------------------------------------------------------------


async def test_what_is_to_be_done_is_listed_with_what_staff_need(staff: Staff) -> None:
    staff.keep("firstpromise", reason="reason-outage")
    staff.keep("latepromise", LAN, "billing", due=time.time() + 7200)
    staff.keep("overpromise", "")
    staff.outbox.add(Move(id="overpromise", at=time.time(), state=State.CLOSED, due=0, attempts=0))
    output = (await staff.run("callbacks")).stdout
    (first,) = [line for line in output.splitlines() if "firstp" in line]
    for cell in ("due", "power", NAM, "1m15s", "A power cut."):
        assert cell in first
    assert "captured" in output
    assert "overpr" not in output
    assert "overpr" in (await staff.run("callbacks", "list", "--all")).stdout
    assert (await staff.run("voicemail")).stdout == output


async def test_ids_are_shown_as_far_as_they_must_be_written(staff: Staff) -> None:
    for id, number in (("abcdefghijk", NAM), ("abcdefgxyz", LAN), ("qwertzuiop", "")):
        staff.keep(id, number)
    output = (await staff.run("callbacks", columns=80)).stdout
    shown = {line.split("│")[1].strip() for line in output.splitlines() if line.startswith("│")} - {""}
    assert shown == {"abcdefgh", "abcdefgx", "qwertz"}
    for id in shown:
        assert (await staff.run("callbacks", "show", id)).exit_code == 0
    assert output.count(NAM) == output.count(LAN) == 1  # whole, also where the terminal is narrow


@pytest.mark.parametrize("today", ["2026-06-10", "2026-12-29"])
@pytest.mark.parametrize("columns", [60, 80, 200])
async def test_a_narrow_terminal_has_fewer_columns_and_each_promise_in_one_line(
    staff: Staff, columns: int, today: str
) -> None:
    staff.set_clock(datetime.fromisoformat(f"{today}T12:00+07:00"))
    staff.keep("firstpromise", reason="reason-outage", part="morning")
    staff.keep("latepromise", LAN, "billing", due=staff.now() + 86400 * 3)
    staff.keep("thirdpromise", "", ago=86400.0, note="word " * 20)
    await staff.run("callbacks", "assign", "first", "anna")
    done = await staff.run("callbacks", columns=columns)
    lines = done.stdout.splitlines()
    assert max(map(len, lines)) <= columns
    for number in (NAM, LAN):
        (line,) = [line for line in lines if number in line]
        assert ("for anna" in line) == (number == NAM and columns > 60)
    assert ("Not shown, for so narrow a terminal: last, length" in done.stderr) == (columns < 200)


async def test_a_year_is_shown_where_month_and_day_may_be_of_two(staff: Staff) -> None:
    staff.set_clock(datetime(2026, 12, 29, 12, tzinfo=CONFIG.zone))
    staff.keep("near", ago=86400.0 * 100, due=staff.now() + 86400.0 * 3)
    staff.keep("far", LAN, ago=86400.0 * 300)
    lines = (await staff.run("callbacks")).stdout.splitlines()
    (near, far) = [line for number in (NAM, LAN) for line in lines if number in line]
    assert "Sun 09-20 12:00" in near
    assert "Fri 01-01 12:00" in near
    assert far.count("2026-03-04 12:00") == 2


async def test_into_a_file_the_whole_table_is_written(staff: Staff) -> None:
    staff.keep("firstpromise", note="word " * 20)
    done = await staff.run("callbacks", columns=0)
    (line,) = [line for line in done.stdout.splitlines() if "firstp" in line]
    assert "word word word word word word word word word word word …" in line
    assert len(line) > 100


async def test_when_only_ended_ones_are_found_that_is_said(staff: Staff) -> None:
    staff.keep("a")
    await staff.run("callbacks", "cancel", "a")
    for words in (["callbacks", "list", "--number", NAM], ["voicemail"]):
        assert (await staff.run(*words)).stderr == "There are some that have ended: --all shows them.\n"
    assert (await staff.run("callbacks", "list", "--number", LAN)).stderr == ""


async def test_filters(staff: Staff) -> None:
    staff.keep("a", NAM, "power", ago=10 * 86400)
    staff.keep("b", LAN, "billing", due=time.time() + 7200)
    staff.keep("c", "", "billing", ago=60, due=time.time() + 90000)
    staff.outbox.add(Move(id="c", at=time.time(), state=State.CANCELLED, due=0, attempts=0))
    for words, found in (
        (["--queue", "billing"], "b"),
        (["--queue", "billing", "--all"], "bc"),
        (["--state", "cancelled"], "c"),
        (["--state", "cancelled", "--state", "due"], "ac"),
        (["--number", "0901234567"], "a"),
        (["--number", "4321"], "b"),
        (["--due", "now"], "a"),
        (["--due", "3h"], "ab"),
        (["--since", "7d"], "b"),
        (["--since", f"{datetime.now(CONFIG.zone) - timedelta(days=6):%a}"], "b"),
        (["--since", "7d", "--all"], "bc"),
    ):
        assert set(await staff.rows("callbacks", "list", *words)) == set(found), words
        assert set(await staff.rows("voicemail", "list", *words)) == set(found), words


async def test_what_cannot_be_filtered_by_is_told(refused: Refused) -> None:
    assert "There is no state 'dead'; states are captured, due" in await refused(
        "callbacks", "list", "--state", "dead", status=2
    )
    assert "There is no queue 'x'; the configuration has power" in await refused(
        "voicemail", "list", "--queue", "x", status=2
    )
    assert "'soon' is no moment; write it like" in await refused("callbacks", "list", "--due", "soon", status=2)
    for number in ("Nam", "3", "321"):
        said = await refused("callbacks", "list", "--number", number, status=2)
        assert f"{number!r} is not enough of a number; write all of it, or its last 4 digits or more." in said


async def test_a_promise_in_hand_is_shown_as_such_and_without_redis_that_is_said(staff: Staff) -> None:
    staff.keep("a")
    await staff.claimed()
    assert (await staff.rows("callbacks", "list"))["a"]["state"] == "offered"
    done = await staff.run("callbacks", "list", redis=NOWHERE)
    assert "Redis does not answer" in done.stderr
    assert "due" in done.stdout


async def test_for_programs_all_is_there(staff: Staff) -> None:
    entry = staff.keep("a", reason="reason-outage", part="morning")
    staff.keep("b")
    (row,) = [row for row in (await staff.rows("callbacks", "list", "--all")).values() if row["id"] == "a"]
    assert row == {
        "id": "a", "state": "due", "queue": "power", "number": NAM, "left": entry.recorded_at, "due": entry.due,
        "since": entry.kept_at, "attempts": 0, "outcome": "", "agent": "", "given": "", "seconds": 75.0,
        "source": "voicemail", "language": "en", "reason": "reason-outage", "part": "morning", "note": "",
        "confirmed": False, "into": "", "also": ["b"],
    }  # fmt: skip
    assert (await staff.rows("voicemail"))["a"]["file"] == str(staff.outbox.kept / "a.wav")


async def test_an_empty_hotline_and_a_spool_that_is_not_there(staff: Staff, refused: Refused) -> None:
    assert (await staff.run("callbacks")).stdout == "There are no such promises.\n"
    assert (await staff.run("voicemail")).stdout == "There are no such messages.\n"
    assert "There is no outbox in" in await refused("voicemail", "list", "--spool", str(staff.folder / "none"))


async def test_what_strangers_wrote_is_shown_as_they_wrote_it(staff: Staff) -> None:
    staff.keep("a", note="hello [/red] [bold]you[/]\nthere", reason="[nobody]")
    staff.keep("b", LAN, note="hello [/red] [bold]you[/]\nthere")
    for command in ("callbacks", "voicemail"):
        assert "hello [/red] [bold]you[/] there" in (await staff.run(command)).stdout
        assert "[nobody]" in (await staff.run(command)).stdout


async def test_numbers_that_nobody_confirmed_are_shown_as_such(staff: Staff) -> None:
    staff.keep("a", confirmed=True)
    staff.keep("b", "")
    assert "confirmed" not in (await staff.run("callbacks")).stdout
    staff.keep("c", LAN)
    output = (await staff.run("callbacks")).stdout
    assert "confirmed" in output
    assert [
        [cell.strip() for cell in line.split("│")].count("no") for line in output.splitlines() if LAN in line
    ] == [1]


async def test_another_users_spool_is_told_as_such(staff: Staff, refused: Refused, another_user: AnotherUser) -> None:
    staff.keep("a")
    commands = (["callbacks"], ["voicemail"], ["callbacks", "show", "a"], ["voicemail", "erase", LAN])
    for words in commands:  # what Python loads on first use, another user may not be able to read
        await staff.run(*words)
    with another_user(staff.folder):
        for words in commands:
            assert "spool is another user's; run this as that user." in await refused(*words)


# -- show, play, export ---------------------------------------------------------------------------------------------


async def test_show_tells_the_story_and_finds_a_promise_by_its_beginning(staff: Staff, refused: Refused) -> None:
    staff.keep("abcone")
    staff.keep("abctwo", LAN)
    output = (await staff.run("callbacks", "show", "abco")).stdout
    assert output.startswith("Promise abcone\n")
    assert f"{NAM}: Left a message of 75 s for power; promised for" in output
    assert json.loads((await staff.run("callbacks", "show", "abct", "--json")).stdout)["story"][0]["kind"] == "kept"
    assert await refused("callbacks", "show", "abc") == "2 promises begin with 'abc': abcone, abctwo.\n"
    assert "There is no promise 'x'" in await refused("callbacks", "show", "x")


async def test_play_plays_what_is_heard_with_it_or_tells_where_it_is(
    staff: Staff, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.keep("a")
    staff.keep("b", ago=1800)
    paths = [str(staff.outbox.kept / f"{id}.wav") for id in "ab"]
    assert (await staff.run("voicemail", "play", "a", "--path")).stdout.splitlines() == paths
    player = staff.folder / "bin" / "aplay"
    player.parent.mkdir()
    player.write_text(f'#!/bin/sh\necho "$@" >> {staff.folder}/played\n')
    player.chmod(0o700)
    monkeypatch.setenv("PATH", f"{player.parent}{os.pathsep}{os.environ['PATH']}")
    assert (await staff.run("voicemail", "play", "a")).exit_code == 0
    assert (staff.folder / "played").read_text().splitlines() == [f"-q {path}" for path in paths]
    player.write_text("#!/bin/sh\nexit 1\n")
    assert f"aplay could not play {paths[0]}." in await refused("voicemail", "play", "a")
    (staff.outbox.kept / "b.wav").unlink()
    assert await refused("voicemail", "play", "b") == "b has no recording.\n"


async def test_export_copies_recordings_and_what_is_known_of_them(staff: Staff) -> None:
    staff.keep("a", note="=HYPERLINK(1)")
    staff.keep("b", LAN, "billing")
    staff.keep("c", LAN, "billing")
    (staff.outbox.kept / "c.wav").unlink()
    folder = staff.folder / "for" / "the lawyer"
    done = await staff.run("voicemail", "export", folder, "--all")
    assert f"3 messages are in {folder}, 1 of them without a recording." in done.stdout
    index = {row["id"]: row for row in json.loads((folder / "index.json").read_text())}
    with (folder / "index.csv").open() as file:
        table = {row["id"]: row for row in csv.DictReader(file)}
    for id in "ab":
        copied = (folder / index[id]["file"]).read_bytes()
        assert copied == f"the voice of {id}".encode()
        assert hashlib.sha256(copied).hexdigest() == index[id]["sha256"] == table[id]["sha256"]
    assert (index["c"]["file"], table["a"]["number"]) == ("", NAM)
    assert table["a"]["left"] == f"{datetime.fromtimestamp(index['a']['left'], CONFIG.zone):%Y-%m-%d %H:%M}"
    assert table["b"]["also"] == "c"
    assert (index["a"]["note"], table["a"]["note"]) == ("=HYPERLINK(1)", "'=HYPERLINK(1)")
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}


async def test_an_export_follows_no_link_and_nobody_else_can_ever_read_it(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.keep("a")
    folder, elsewhere = staff.folder / "export", staff.folder / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("of somebody else")
    for name in ("index.json", "index.csv"):
        (folder / name).symlink_to(elsewhere)
    monkeypatch.setattr(Path, "chmod", lambda *_: pytest.fail("they were readable until now"))
    assert (await staff.run("voicemail", "export", folder)).exit_code == 0
    assert elsewhere.read_text() == "of somebody else"
    assert {(file.stat().st_mode & 0o777, file.is_symlink()) for file in folder.iterdir()} == {(0o600, False)}
    assert (await staff.run("voicemail", "export", folder)).exit_code == 0  # the same again


# -- cancel, postpone, assign ---------------------------------------------------------------------------------------


async def test_cancel(staff: Staff, refused: Refused) -> None:
    staff.keep("a")
    done = await staff.run("callbacks", "cancel", "a")
    assert done.output == f"a is cancelled; nobody calls {NAM} for it.\n"
    promise = await staff.found("a")
    assert (promise.state, promise.by) == (State.CANCELLED, "staff")
    assert await refused("callbacks", "cancel", "a") == "a is cancelled already: there is nothing to cancel.\n"


async def test_a_promise_that_an_agent_is_being_rung_for_can_be_cancelled_and_is_theirs_no_more(staff: Staff) -> None:
    staff.keep("a")
    await staff.claimed()
    assert (await staff.run("callbacks", "cancel", "a")).exit_code == 0
    assert not await staff.ledger.hold("a", "t")


async def test_postpone_moves_into_the_hours_for_it_and_says_so(staff: Staff) -> None:
    staff.keep("a")
    done = await staff.run("callbacks", "postpone", "a", "--until", "tomorrow 05:00")
    assert done.output.endswith("08:00: customers of power are not rung before that.\n")
    promise = await staff.found("a")
    assert (promise.state, promise.outcome, promise.by) == (State.CAPTURED, "postponed", "staff")
    assert promise.due > time.time()
    done = await staff.run("callbacks", "postpone", "a", "--until", "tomorrow 09:30")
    assert done.output.endswith("09:30.\n")
    assert datetime.fromtimestamp((await staff.found("a")).due, CONFIG.zone).minute == 30
    done = await staff.run("callbacks", "postpone", "a", "--until", "tomorrow 09:00")
    assert done.output.startswith("a is brought forward to ")


async def test_postpone_to_a_part_of_the_day(staff: Staff, refused: Refused) -> None:
    staff.keep("a")
    staff.outbox.add(
        Move(id="a", at=time.time(), state=State.DIALING, due=0, attempts=1, token="t", day="2026-11-28")
    )
    staff.outbox.add(Move(id="a", at=time.time(), state=State.RETRY, due=0, attempts=1, outcome="busy", token="t"))
    done = await staff.run("callbacks", "postpone", "a", "--until", "morning")
    assert done.exit_code == 0, done.output
    promise = await staff.found("a")
    assert promise.state is State.RETRY
    assert f"{datetime.fromtimestamp(promise.due, CONFIG.zone):%H:%M}" == "08:00"
    for wrong in ("night", "2020-01-01"):
        said = await refused("callbacks", "postpone", "a", "--until", wrong, status=2)
        assert "Parts of the day are morning." in said
    for far in ("9999-12-31", "9999-12-31T23:59-12:00", "400d"):
        assert far in await refused("callbacks", "postpone", "a", "--until", far, status=2)
    assert "Until when?" in await refused("callbacks", "postpone", "a", status=2)


@pytest.mark.parametrize("hour", [9, 13])
async def test_postpone_to_a_part_of_the_day_is_to_one_that_is_still_to_begin(staff: Staff, hour: int) -> None:
    today = datetime.now(CONFIG.zone).replace(hour=hour, minute=0)
    staff.set_clock(today)
    staff.keep("a", ago=86400.0)
    done = await staff.run("callbacks", "postpone", "a", "--until", "morning", "--clock", staff.clock)
    assert done.output == f"a is postponed to {today + timedelta(days=1):%A %Y-%m-%d} 08:00.\n"


async def test_assign(staff: Staff, refused: Refused) -> None:
    staff.keep("a")
    done = await staff.run("callbacks", "assign", "a", "anna")
    assert done.output == (
        "a is given to anna, who is asked first; others are asked while anna is on a break or logged out, and "
        "after a missed ring.\n"
    )
    promise = await staff.found("a")
    assert (promise.given, promise.state) == ("anna", State.DUE)
    assert "for anna" in (await staff.run("callbacks")).stdout
    assert "There is no agent 'nobody'; the configuration has anna, binh." in await refused(
        "callbacks", "assign", "a", "nobody"
    )
    assert await refused("callbacks", "assign", "a", "binh") == "binh cannot serve power: it needs power 1.\n"


async def test_one_that_waits_in_the_queue_is_assigned_and_one_that_an_agent_is_at_is_not(
    staff: Staff, refused: Refused
) -> None:
    staff.keep("a")
    await staff.claimed()
    assert (await staff.run("callbacks", "assign", "a", "anna")).exit_code == 0
    assert not await staff.ledger.hold("a", "t")
    offer = await staff.offered()
    said = await refused("callbacks", "assign", "a", "anna")
    assert said == "anna's phone rings for a just now; try again when that is over.\n"
    await staff.core.answered("callback_a", "anna", offer.token, time.time())
    said = await refused("callbacks", "assign", "a", "anna")
    assert said == "anna is on the line for a just now; try again when that is over.\n"


async def test_nothing_is_changed_while_the_customer_is_rung(staff: Staff, refused: Refused) -> None:
    staff.keep("a")
    assert await staff.ledger.begin(await staff.claimed(), "t", "anna") is Begun.GO
    before = staff.outbox.entries().positions
    for words in (["cancel", "a"], ["postpone", "a", "--until", "2h"], ["assign", "a", "anna"]):
        said = await refused("callbacks", *words)
        assert said == "anna rings the customer of a just now; try again when that is over.\n"
    done = await staff.run("voicemail", "erase", "a", "--yes")
    assert (done.exit_code, done.stderr) == (1, said)
    assert staff.outbox.entries().positions == before


async def test_what_is_heard_with_another_is_changed_with_that(staff: Staff, refused: Refused) -> None:
    staff.keep("a")
    staff.keep("b")
    assert await refused("callbacks", "cancel", "b") == "b is heard with a and ends with it: cancel that one.\n"


async def test_while_redis_is_down_changes_are_kept_and_redis_learns_of_them(staff: Staff) -> None:
    staff.keep("a")
    assert (await staff.run("callbacks", "cancel", "a", redis=NOWHERE)).exit_code == 0
    assert (await staff.found("a")).state is State.CANCELLED


async def test_only_the_spools_owner_writes_there(
    staff: Staff, refused: Refused, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.keep("a")
    monkeypatch.setattr(os, "geteuid", lambda: 12345)
    for words in (["callbacks", "cancel", "a"], ["voicemail", "erase", "a", "--yes"]):
        done = await staff.run(*words)
        assert done.exit_code == 1
        assert "is another user's" in done.stderr


# -- erase ----------------------------------------------------------------------------------------------------------


async def test_a_person_is_erased_by_their_number(staff: Staff, redis: Any) -> None:
    staff.keep("a")
    staff.keep("b")
    staff.keep("c", LAN)
    staff.outbox.add(Done(id="a", at=time.time(), what="mail"))
    await staff.indexer.catch_up()
    done = await staff.run("voicemail", "erase", "0901234567", typed="n\n")
    assert done.exit_code == 1
    assert "2 promises, with 2m30s of recordings" in done.stdout
    assert "Nobody will be called back for a" in done.stdout
    assert "mailed or told to a webhook are out of our reach" in done.stdout
    assert (await staff.found("a")).state is State.DUE
    callers = Callers(staff.store, region="VN")
    for number in (NAM, LAN):
        redis("SET", f"hotline:last:{await callers.opaque(number)}", "anna")
    done = await staff.run("voicemail", "erase", "0901234567", typed="y\n")
    assert done.stdout.endswith("Erased.\n")
    assert redis("KEYS", "hotline:last:*") == [f"hotline:last:{await callers.opaque(LAN)}".encode()]
    assert [each.name for each in staff.outbox.kept.iterdir()] == ["c.wav"]
    assert NAM.encode() not in (next(staff.outbox.lines.glob("*.jsonl"))).read_bytes()
    assert [key for key in redis("KEYS", "*") if NAM.encode() in key] == []
    assert (await staff.found("a")).state is State.ERASED
    assert "Erased: nothing else is known" in (await staff.run("callbacks", "show", "a")).stdout
    assert (await staff.run("voicemail", "erase", "a", "--yes")).stdout == "It is erased already.\n"
    assert (await staff.run("voicemail", "erase", NAM, "--yes")).stdout == "Nothing is known of that person.\n"


async def test_who_hid_their_number_and_parts_of_numbers_are_nobody_to_erase(staff: Staff, refused: Refused) -> None:
    staff.keep("a", "")
    staff.keep("b", "")
    staff.keep("c", NAM)
    staff.keep("d", "1005")  # of an extension
    for what in ("", "--", "()", "4567", "123456", "+8490"):
        words = ["voicemail", "erase", "--yes", "--", what]
        assert "no whole number" in await refused(*words), what
    assert len(staff.outbox.entries().records) == 4
    assert (await staff.run("voicemail", "erase", "--yes", "1005")).stdout.endswith("Erased.\n")
    assert {each.stem for each in staff.outbox.kept.iterdir()} == set("abc")


async def test_what_networks_have_in_place_of_a_withheld_number_erases_no_strangers(
    staff: Staff, refused: Refused
) -> None:
    for id in "ab":
        staff.keep(id, "0")
    assert "Erase each promise by its id" in await refused("voicemail", "erase", "--yes", "0")
    assert (await staff.run("voicemail", "erase", "--yes", "a")).stdout.endswith("Erased.\n")
    assert [each.stem for each in staff.outbox.kept.iterdir()] == ["b"]


async def test_recordings_that_nobody_took_in_are_a_persons_too(staff: Staff) -> None:
    outbox = staff.outbox
    for folder, id, number, kinds in (
        (outbox.tmp, "crashed", NAM, ("wav", "own")),
        (outbox.tmp, "torn", "0901234567", ("unreadable",)),
        (outbox.fallback, "pbx1-17.3", "0901234567", ("wav",)),
        (outbox.fallback, "pbx1-17.4", "+84901234567", ("unreadable",)),
        (outbox.tmp, "speaking", NAM, ("wav",)),
        (outbox.tmp, "lans", LAN, ("wav",)),
        (outbox.fallback, "hidden", "", ("wav",)),
    ):
        for kind in (*kinds, "note"):
            path = folder / f"{id}.{kind}"
            path.write_text(f"number={number}\n" if kind == "note" else "a voice")
            if id != "speaking":
                os.utime(path, (time.time() - 90,) * 2)
    done = await staff.run("voicemail", "erase", "0901234567", typed="y\n")
    assert "A message of that number is being left just now: it stays." in done.stderr
    assert "4 recordings or notes that no service has taken in, or that nobody can read." in done.stdout
    assert done.stdout.endswith("Erased.\n")
    assert {each.stem for folder in (outbox.tmp, outbox.fallback) for each in folder.iterdir()} == {
        *("speaking", "lans", "hidden"),
    }
    os.utime(outbox.tmp / "speaking.wav", (time.time() - 90,) * 2)
    os.utime(outbox.tmp / "speaking.note", (time.time() - 90,) * 2)
    staff.keep("a")
    assert (await staff.run("voicemail", "erase", "--yes", NAM)).stdout.endswith("Erased.\n")
    assert not list(outbox.kept.iterdir())
    assert {each.stem for each in outbox.tmp.iterdir()} == {"lans"}
    assert (await staff.run("voicemail", "erase", "--yes", NAM)).stdout == "Nothing is known of that person.\n"


async def test_one_that_is_taken_in_meanwhile_is_seen_before_anything_is_erased(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.keep("a")

    def late(*_: Any) -> None:
        staff.keep("b")

    monkeypatch.setattr("hotline.clerk.changes.remove", late)
    done = await staff.run("voicemail", "erase", NAM, "--yes")
    assert (done.exit_code, "left another message meanwhile" in done.stderr) == (1, True)
    assert {each.name for each in staff.outbox.kept.iterdir()} == {"a.wav", "b.wav"}


async def test_one_message_of_several_is_erased_and_its_promise_stays(staff: Staff) -> None:
    staff.keep("a")
    staff.keep("b")
    await staff.indexer.catch_up()
    assert (await staff.run("voicemail", "erase", "b", "--yes")).exit_code == 0
    promise = await staff.found("a")
    assert (promise.state, promise.also) == (State.DUE, ())


async def test_a_message_that_comes_meanwhile_is_seen_before_anything_is_erased(
    staff: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    staff.keep("a")
    erase = Erasure.erase

    def late(self: Erasure, *what: Any) -> None:
        staff.keep("b")
        erase(self, *what)

    monkeypatch.setattr(Erasure, "erase", late)
    done = await staff.run("voicemail", "erase", "a", "--yes")
    assert (done.exit_code, "left another message meanwhile" in done.stderr) == (1, True)
    assert {each.name for each in staff.outbox.kept.iterdir()} == {"a.wav", "b.wav"}


async def test_nothing_is_erased_while_an_agent_is_at_it(staff: Staff) -> None:
    staff.keep("a")
    await staff.offered()
    done = await staff.run("voicemail", "erase", "a", "--yes")
    assert done.exit_code == 1
    assert done.stderr == "anna's phone rings for a just now; try again when that is over.\n"
    assert (staff.outbox.kept / "a.wav").exists()


async def test_what_waits_in_the_queue_for_an_agent_is_erased_and_is_in_nobodys_hand(staff: Staff) -> None:
    staff.keep("a")
    await staff.claimed()
    assert (await staff.run("voicemail", "erase", "a", "--yes")).stdout.endswith("Erased.\n")
    assert not await staff.ledger.hold("a", "t")


async def test_while_redis_is_down_a_person_is_erased_and_redis_forgets_later(staff: Staff) -> None:
    staff.keep("a")
    await staff.indexer.catch_up()
    done = await staff.run("voicemail", "erase", "a", "--yes", redis=NOWHERE)
    assert "Redis does not answer, and forgets it as soon as" in done.stdout
    assert (await staff.found("a")).state is State.ERASED
