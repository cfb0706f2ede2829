"""Messages by mail, to a real mail server that is slow, refuses, dies, wants TLS and a login."""

from __future__ import annotations

import asyncio
import ssl
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import pytest
import trustme
from messages import NUMBER, done, kept, places
from postoffice import LOGIN, PostOffice, opened
from recordings import NOW, sound

from hotline.callbacks import mail
from hotline.callbacks.deliveries import Deliverer, NotDelivered
from hotline.callbacks.letter import Places
from hotline.callbacks.lines import Done, Move
from hotline.callbacks.mail import Mailer
from hotline.callbacks.outbox import Outbox
from hotline.events import DeliveryFailed, DeliveryMade, Event
from hotline.settings import MailServer

HOUR = 3600.0
USER, SECRET = (quote(each, safe="") for each in LOGIN)


def mailer(outbox: Outbox, url: str, where: Places | None = None) -> Mailer:
    server = MailServer.parse(url)
    assert server
    return Mailer(server, where or places(), sender="hotline@example.org", kept=outbox.kept, now=lambda: NOW + 5)


@pytest.fixture
def ca() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def tls(ca: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def trusted(ca: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's authority is one of the machine's."""
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))


async def test_a_mail_has_the_recording_and_tells_who_when_and_by_when(outbox: Outbox) -> None:
    entry = kept(outbox, "one", reason="reason-outage", part="morning")
    office = PostOffice()
    async with opened(office) as port:
        await mailer(outbox, f"smtp://127.0.0.1:{port}").deliver(entry)
    (letter,) = office.letters
    assert (letter.sender, letter.to) == ("hotline@example.org", ["desk@example.org"])
    assert letter["From"] == "City Power <hotline@example.org>"
    assert letter["Subject"] == "City Power: message for power, Wed 2026-11-18 18:06"
    assert letter["Message-ID"] == "<one.voicemail@example.org>"
    assert letter.recordings == [("one.wav", sha256(sound(3)).hexdigest())] == [("one.wav", entry.sha256)]
    rows = [line.split(maxsplit=1) for line in letter.text.splitlines() if line.startswith("  ")]
    assert rows == [
        ["queue", "power"],
        ["number", NUMBER],
        ["when", "Wed 2026-11-18 18:06 (Asia/Ho_Chi_Minh)"],
        ["length", "0:03"],
        ["about", "A power cut."],
        ["preferred", "morning"],
        ["due", "Thu 2026-11-19 04:06"],
        ["promise", "one"],
    ]
    assert letter.text.endswith("The recording is attached.\n")
    assert NUMBER[1:] not in "".join(f"{name}: {value}" for name, value in letter.mail.items())


@pytest.mark.parametrize("recorded", [True, False])
async def test_who_was_not_reached_is_mailed_too(outbox: Outbox, recorded: bool) -> None:
    entry = kept(outbox, "one", **({} if recorded else {"sha256": "", "seconds": 0.0, "source": "web"}))
    given_up = Move(id="one", at=NOW + 60, state="unreachable", due=NOW, attempts=3, outcome="busy")
    office = PostOffice()
    async with opened(office) as port:
        await mailer(outbox, f"smtp://127.0.0.1:{port}").deliver(entry, given_up)
    (letter,) = office.letters
    assert letter["Subject"] == "City Power: not reached for power, Wed 2026-11-18 18:06"
    assert letter["Message-ID"] == "<one.unreachable@example.org>"
    assert letter.text.startswith("A customer of City Power could not be reached.")
    assert "3 times; how the last ended: busy\n" in letter.text
    assert (len(letter.recordings), "length" in letter.text) == (recorded, recorded)


async def test_a_hotline_with_any_name_can_write(outbox: Outbox) -> None:
    entry = kept(outbox, "one", number="", queue="")
    office = PostOffice()
    where = Places('Điện lực "Thủ Đức", \\ Hồ Chí Minh <x@y.z>', places().settings, places().zones)
    async with opened(office) as port:
        await mailer(outbox, f"smtp://127.0.0.1:{port}", where).deliver(entry)
    (letter,) = office.letters
    assert letter["From"].endswith(" <hotline@example.org>")
    assert "Thủ Đức" in letter["From"]
    assert "Thủ Đức" in letter["Subject"]
    assert letter.mail["From"].addresses[0].display_name == where.hotline
    assert "withheld" in letter.text
    assert "Hồ Chí Minh" in letter.text
    assert letter.plain, "not every server takes more than ASCII"


@pytest.mark.parametrize("name", ["=?utf-8?q?x=0ABcc:_a=40b.c?=", "x =?utf-8?b?Cg==?= y"])
async def test_no_name_of_a_hotline_can_add_a_header(outbox: Outbox, name: str) -> None:
    office = PostOffice()
    where = Places(name, places().settings, places().zones)
    async with opened(office) as port:
        await mailer(outbox, f"smtp://127.0.0.1:{port}", where).deliver(kept(outbox, "one"))
    (letter,) = office.letters
    assert set(letter.mail) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    }
    assert "\n" not in letter["Subject"] + letter["From"]


async def test_a_mail_that_cannot_be_written_is_told_in_a_sentence(outbox: Outbox) -> None:
    sender = "nobody\n@example.org"
    server = MailServer.parse("smtp://127.0.0.1:1")
    assert server
    courier = Mailer(server, places(), sender=sender, kept=outbox.kept, now=lambda: NOW)
    with pytest.raises(NotDelivered, match=r"^The mail could not be written: "):
        await courier.deliver(kept(outbox, "one"))


async def test_a_server_that_refuses_twice_gets_it_the_third_time_whoever_was_restarted(outbox: Outbox) -> None:
    kept(outbox, "one")
    office = PostOffice(["451 4.7.1 greylisted, <desk@example.org> come back", "552 5.2.2 mailbox full"])
    events: list[Event] = []
    async with opened(office) as port:
        for _ in range(4):
            courier = mailer(outbox, f"smtp://127.0.0.1:{port}")
            await Deliverer(courier, outbox, lambda: NOW + 5, emit=events.append, tell=print).round()
    assert [each.problem for each in events if isinstance(each, DeliveryFailed)] == [
        "The mail server did not take it: 451 4.7.1 greylisted, [address] come back",
        "The mail server did not take it: 552 5.2.2 mailbox full",
    ]
    assert office.asked == 3
    assert len(office.letters) == 1
    assert done(outbox, "mail") == ["one"]


async def test_one_of_three_addresses_that_is_unknown_holds_nothing_up(outbox: Outbox) -> None:
    entry = kept(outbox, "one")
    to = ("a@example.org", "b@example.org", "c@example.org")
    office = PostOffice(unknown=to[1:2])
    async with opened(office) as port:
        events: list[Event] = []
        courier = mailer(outbox, f"smtp://127.0.0.1:{port}", places(to))
        await Deliverer(courier, outbox, lambda: NOW + 5, emit=events.append, tell=print).round()
        assert office.letters[0].to == ["a@example.org", "c@example.org"]
        assert [type(each) for each in events] == [DeliveryMade, DeliveryFailed]
        (failed,) = [each for each in events if isinstance(each, DeliveryFailed)]
        assert failed.problem == (
            "The mail server refused, of 3 addresses, number 2 (550 5.1.1 [address] nobody of that name)."
        )
        assert failed.given_up
        office.unknown = to
        with pytest.raises(NotDelivered) as failure:
            await mailer(outbox, f"smtp://127.0.0.1:{port}", places(to)).deliver(entry)
    assert str(failure.value) == "The mail server refused every address: 550 5.1.1 [address] nobody of that name"


async def test_a_server_that_is_away_slow_or_cut_off_is_told_in_a_sentence(
    outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = kept(outbox, "one")
    monkeypatch.setattr(mail, "ANSWER", 0.2)
    office = PostOffice()
    async with opened(office) as port:
        courier = mailer(outbox, f"smtp://127.0.0.1:{port}")
        office.gate.clear()
        with pytest.raises(NotDelivered, match=r"^The mail server did not take it: "):
            await courier.deliver(entry)
        office.came.clear()
        delivering = asyncio.create_task(courier.deliver(entry))
        await office.came.wait()
    with pytest.raises(NotDelivered, match=r"^The mail server did not take it: "):
        await delivering
    with pytest.raises(NotDelivered, match=r"^The mail server did not take it: .*onnect"):
        await courier.deliver(entry)
    assert office.letters == []


@pytest.mark.usefixtures("trusted")
async def test_a_login_goes_over_an_encrypted_line_alone(outbox: Outbox, tls: ssl.SSLContext) -> None:
    entry = kept(outbox, "one")
    office = PostOffice()
    async with opened(office, starttls=tls, login=True) as port:
        await mailer(outbox, f"smtp://{USER}:{SECRET}@localhost:{port}").deliver(entry)
        with pytest.raises(NotDelivered, match="535"):
            await mailer(outbox, f"smtp://{USER}:wrong@localhost:{port}").deliver(entry)
    async with opened(office) as port:
        with pytest.raises(NotDelivered, match="STARTTLS"):
            await mailer(outbox, f"smtp://{USER}:{SECRET}@localhost:{port}").deliver(entry)
    assert [letter.encrypted for letter in office.letters] == [True]


@pytest.mark.usefixtures("trusted")
async def test_tls_from_the_first_byte(outbox: Outbox, tls: ssl.SSLContext) -> None:
    office = PostOffice()
    async with opened(office, tls=tls) as port:
        await mailer(outbox, f"smtps://localhost:{port}").deliver(kept(outbox, "one"))
    assert [letter.encrypted for letter in office.letters] == [True]


async def test_a_server_that_nobody_vouches_for_gets_no_login_and_nothing_by_smtps(
    outbox: Outbox, tls: ssl.SSLContext
) -> None:
    entry = kept(outbox, "one")
    office = PostOffice()
    async with opened(office, starttls=tls, login=True) as port:
        with pytest.raises(NotDelivered, match=r"(?i)certificate"):
            await mailer(outbox, f"smtp://{USER}:{SECRET}@localhost:{port}").deliver(entry)
    async with opened(office, tls=tls) as port:
        with pytest.raises(NotDelivered, match=r"(?i)certificate"):
            await mailer(outbox, f"smtps://localhost:{port}").deliver(entry)
    assert office.letters == []
    async with opened(office, starttls=tls) as port:  # without a login, encrypted is better than not
        await mailer(outbox, f"smtp://localhost:{port}").deliver(entry)
    assert [letter.encrypted for letter in office.letters] == [True]


async def test_what_became_of_the_recording_is_told(outbox: Outbox, monkeypatch: pytest.MonkeyPatch) -> None:
    entry = kept(outbox, "one")
    office = PostOffice()
    path = outbox.kept / "one.wav"
    async with opened(office) as port:
        courier = mailer(outbox, f"smtp://127.0.0.1:{port}")
        with monkeypatch.context() as patched:
            patched.setattr(mail, "MOST_ATTACHED", 100)
            await courier.deliver(entry)
        path.write_bytes(path.read_bytes()[:-1] + b"x")
        await courier.deliver(entry)
        path.unlink()
        with pytest.raises(NotDelivered, match="No such file"):
            await courier.deliver(entry)
    long, changed = office.letters
    assert long.recordings == []
    assert long.text.endswith("too long for a mail. To have it: hotline voicemail play one --path\n")
    assert len(changed.recordings) == 1
    assert "not as it was when it was kept" in changed.text


@pytest.mark.parametrize("not_reached", [False, True])
@pytest.mark.parametrize(("harm", "said"), [("gone", "No such file"), ("a folder", "Is a directory")])
async def test_a_recording_that_cannot_be_read_is_waited_for_a_while_then_the_mail_goes_without_it(
    outbox: Outbox, harm: str, said: str, not_reached: bool
) -> None:
    kept(outbox, "one")
    if not_reached:
        outbox.add(Done(id="one", at=NOW, what="mail"))
        outbox.add(Move(id="one", at=NOW, state="unreachable", due=NOW, attempts=3, by="service"))
    path = outbox.kept / "one.wav"
    path.unlink()
    if harm == "a folder":
        path.mkdir()
    office, events, moment = PostOffice(), list[Event](), NOW + 5
    async with opened(office) as port:
        courier = mailer(outbox, f"smtp://127.0.0.1:{port}")
        deliverer = Deliverer(courier, outbox, lambda: moment, emit=events.append, tell=lambda _: None)
        while not office.letters:
            assert moment < NOW + HOUR
            await deliverer.round()
            moment += 5
    (letter,) = office.letters
    assert letter["Message-ID"] == f"<one.{'unreachable' if not_reached else 'voicemail'}@example.org>"
    assert letter.recordings == []
    assert f"There is a recording, but it cannot be read ({said}" in letter.text
    assert [type(each) for each in events] == [DeliveryFailed] * mail.HOLD_OUT + [DeliveryMade]


async def test_messages_of_nobody_knows_which_queue_go_where_the_first_queues_go(outbox: Outbox) -> None:
    assert mailer(outbox, "smtp://localhost").takes(kept(outbox, "one", queue=""))
    assert not mailer(outbox, "smtp://localhost", places(())).takes(kept(outbox, "two"))


@pytest.mark.parametrize(
    ("text", "host", "port", "tls", "user", "secret"),
    [
        ("smtp://mail.example.org", "mail.example.org", 25, False, "", ""),
        ("smtps://mail.example.org/", "mail.example.org", 465, True, "", ""),
        ("smtp://a%40b.org:p%3Aw%25@10.0.0.7", "10.0.0.7", 587, False, "a@b.org", "p:w%"),
        (" smtps://a:b@mail:2465 ", "mail", 2465, True, "a", "b"),
    ],
)
def test_a_server_is_read_from_one_line(text: str, host: str, port: int, tls: bool, user: str, secret: str) -> None:
    server = MailServer.parse(text)
    assert server
    assert (server.address.host, server.address.port, server.tls) == (host, port, tls)
    assert (server.user, server.secret) == (user, secret)
    assert not secret or secret not in repr(server)


@pytest.mark.parametrize(
    "text",
    ["mail.example.org", "http://mail", "smtp://", "smtp://u:hush@", "smtp://u@mail", "smtp://u:hu@sh@mail:25",
     "smtp://u:hush@mail:70000", "smtp://mail/path", "smtp://ma il"],
)  # fmt: skip
def test_a_server_that_is_not_understood_is_told_without_its_secret(text: str) -> None:
    with pytest.raises(ValueError, match="HOTLINE_SMTP is not understood; write smtp://host:port") as problem:
        MailServer.parse(text)
    assert "hush" not in str(problem.value)


def test_no_server_is_no_mistake() -> None:
    assert MailServer.parse("") is None
