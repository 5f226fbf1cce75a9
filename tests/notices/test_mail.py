"""Mail to a real server: both forms, one id over all tries, nothing that a value could add."""

import asyncio
from dataclasses import replace
from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.notices.mail import (
    STARTTLS,
    TLS,
    MailSender,
    MailSettings,
    address_of,
    mail,
    message_id,
)
from talktime.notices.message import Message, one_line
from talktime.notices.tried import End, Tried
from tests.notices.post_office import NOW_US, free_port, mail_server, mail_settings

MESSAGE = Message(
    "Contoso Ltd: the credits have reached 0",
    (("What happened", "The balance of <Contoso> & Söhne has reached 0."), ("What to do", "Buy credits.")),
    (("Available", "0 USD"),),
    (("Open the admin center", "https://talktime.example/tenants/contoso?a=1&b=2"),),
    "Contoso Ltd",
)


def sent(
    settings: MailSettings, to: str = "ana@contoso.example", times: int = 1, send_s: float = 5
) -> list[Tried]:
    async def test() -> list[Tried]:
        sender = MailSender(settings, send_s=send_s)
        address = address_of(to, "Ana")
        assert address is not None
        made = mail(settings, MESSAGE, address, NOW_US, message_id(settings, 7, 9))
        try:
            return [await sender.send(made, address) for _ in range(times)]
        finally:
            await sender.close()

    return asyncio.run(test())


def part(made: EmailMessage, kind: str) -> str:
    body = made.get_body((kind,))
    assert body is not None
    return str(body.get_content())


def test_a_mail_has_a_text_and_an_html_part() -> None:
    with mail_server() as box:
        assert sent(mail_settings(box.port)) == [Tried(End.SENT)]
        ((address, made),) = box.taken
    assert address == "ana@contoso.example"
    assert made.get_content_type() == "multipart/alternative"
    assert made["Message-ID"] == "<talktime.7.9@example.com>"
    assert made["From"] == "Talktime <talktime@example.com>"
    assert made["To"] == "Ana <ana@contoso.example>"
    assert made["Subject"] == MESSAGE.subject
    assert made["Date"] == "Sun, 01 Mar 2026 12:00:00 +0000"
    assert made["Auto-Submitted"] == "auto-generated"
    assert "<Contoso> & Söhne" in part(made, "plain")
    html = part(made, "html")
    assert "&lt;Contoso&gt; &amp; Söhne" in html
    assert 'href="https://talktime.example/tenants/contoso?a=1&amp;b=2"' in html
    for forbidden in ("<img", "<script", "<link", "url(", "<Contoso>"):
        assert forbidden not in html


@pytest.mark.parametrize("letters", [60, 72, 78, 100, 150])
def test_a_subject_of_any_length_begins_on_the_line_of_its_name(letters: int) -> None:
    settings = mail_settings(25)
    address = address_of("ana@contoso.example")
    assert address is not None
    made = mail(settings, replace(MESSAGE, subject="word " * (letters // 5)), address, NOW_US, "<a@b>")
    assert b"\nSubject: word word" in bytes(made)


def test_several_mails_go_over_one_connection() -> None:
    with mail_server() as box:
        assert sent(mail_settings(box.port), times=3) == [Tried(End.SENT)] * 3
        assert len(box.taken) == 3


@pytest.mark.parametrize(
    ("answer", "end"),
    [("550 no such person", End.HOPELESS), ("450 come again", End.LATER), ("421 closing", End.UNREACHED)],
)
def test_an_address_that_is_refused(answer: str, end: End) -> None:
    with mail_server() as box:
        box.answers = {"ana@contoso.example": answer}
        (tried,) = sent(mail_settings(box.port))
        assert tried.end is end
        assert answer[4:] in tried.error


@pytest.mark.parametrize(("answer", "end"), [("554 spam", End.HOPELESS), ("451 busy", End.LATER)])
def test_a_message_that_is_refused(answer: str, end: End) -> None:
    with mail_server() as box:
        box.at_data = answer
        tried = sent(mail_settings(box.port), times=2)  # the connection stays good after a refusal
        assert [each.end for each in tried] == [end, end]
        assert box.recipients_asked == 2


def test_a_server_that_is_away() -> None:
    assert sent(mail_settings(free_port()))[0].end is End.UNREACHED


@pytest.mark.parametrize("security", [STARTTLS, TLS])
def test_a_server_without_encryption_is_refused_where_it_is_wanted(security: str) -> None:
    with mail_server() as box:
        settings = MailSettings("127.0.0.1", "talktime@example.com", box.port, security)
        assert sent(settings, send_s=1)[0].end is End.UNREACHED
        assert box.taken == []


def test_a_server_that_says_nothing_takes_no_longer_than_allowed() -> None:
    async def test() -> Tried:
        gone = asyncio.Event()

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()
            await writer.wait_closed()
            gone.set()

        server = await asyncio.start_server(silent, "127.0.0.1", 0)
        settings = mail_settings(server.sockets[0].getsockname()[1])
        sender = MailSender(settings, send_s=0.3)
        to = address_of("ana@contoso.example")
        assert to is not None
        async with server:
            tried = await sender.send(mail(settings, MESSAGE, to, NOW_US, "<1@x>"), to)
            await gone.wait()
        return tried

    assert asyncio.run(test()).end is End.UNREACHED


@pytest.mark.parametrize(
    "text",
    ["", "ana", "@contoso.example", "ana@", "a b@contoso.example", "ana@contoso.example\r\nBcc: e@x.example",
     "ana@contoso.example, eve@x.example", "<ana@contoso.example>", "ana@x@y..", "ana@" + "ö" * 80],
)  # fmt: skip
def test_what_is_no_mail_address(text: str) -> None:
    assert address_of(text) is None


def test_a_domain_with_other_letters() -> None:
    address = address_of("ana@bücher.example")
    assert address is not None
    assert address.addr_spec == "ana@xn--bcher-kva.example"


@given(st.text(), st.text())
def test_no_value_adds_a_header(subject: str, name: str) -> None:
    settings = mail_settings(25)
    to = address_of("ana@contoso.example", name)
    assert to is not None
    message = Message(one_line("x" + subject), (("What happened", subject),), (), (), name)
    made = mail(settings, message, to, NOW_US, message_id(settings, 1, 1))
    head = made.as_bytes().partition(b"\r\n\r\n")[0]
    lines = [line for line in head.split(b"\r\n") if not line.startswith((b" ", b"\t"))]
    names = [line.partition(b":")[0] for line in lines]
    assert sorted(names) == sorted(
        [b"From", b"To", b"Subject", b"Date", b"Message-ID", b"Auto-Submitted", b"X-Auto-Response-Suppress",
         b"MIME-Version", b"Content-Type"]
    )  # fmt: skip
    assert made["To"].addresses[0].addr_spec == "ana@contoso.example"


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"security": "ssl"}, "mail security"),
        ({"host": ""}, "is none"),
        ({"port": 0}, "is none"),
        ({"sender": "nobody"}, "no mail address"),
        ({"security": "plain", "user": "u", "password": "p"}, "not sent over a plain connection"),
    ],
)
def test_settings_that_cannot_work(more: dict[str, object], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        MailSettings(**{"host": "mail.example", "sender": "t@example.com", **more})  # type: ignore[arg-type]


def test_a_password_is_not_shown() -> None:
    assert "hunter2" not in repr(MailSettings("mail.example", "t@example.com", user="u", password="hunter2"))
