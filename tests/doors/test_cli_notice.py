"""`talktime notice` on the terminal: who was told what, how it reads, once more, and whether mail arrives."""

import asyncio
import os
import pwd
from time import time_ns

import pytest
import sqlalchemy as sa

from talktime.doors.cli.engine import typist
from talktime.ledger.database import DatabaseUrl, open_engine, open_url
from talktime.ledger.schema import table
from talktime.notices.webhooks import Webhook, new_secret, webhook_text
from tests.doors.ledger_house import ANA, VISA, house, json_of, said, squeezed
from tests.doors.terminal import Terminal
from tests.notices.post_office import Clock, free_port, mail_server, mail_settings, office


@pytest.fixture
def told(terminal: Terminal) -> Terminal:
    """Contoso, who has bought 120 USD: a notice waits to be told."""
    house(terminal)
    json_of(terminal, "credits", "method", "add", VISA)
    json_of(terminal, "credits", "buy", "120")
    return terminal


def url(terminal: Terminal) -> DatabaseUrl:
    return open_url(f"sqlite:///{terminal.state / 'talktime.db'}")


def number(terminal: Terminal) -> str:
    """The notice about the purchase."""
    (found,) = json_of(terminal, "notice", "list")["notices"]
    return str(found["id"])


def send_all(terminal: Terminal, port: int) -> None:
    """What a server's worker does with what is due."""

    async def work() -> None:
        clock = Clock(time_ns() // 1_000)
        async with office(str(url(terminal)), mail_settings(port), clock) as here:
            while await here.step():
                pass

    asyncio.run(work())


def test_nothing_was_told_yet(terminal: Terminal) -> None:
    assert said(house(terminal), "notice", "list") == "nobody was told anything yet\n"


def test_a_notice_waits_for_a_server_then_is_told(told: Terminal) -> None:
    (before,) = json_of(told, "notice", "list")["notices"]
    assert (before["kind"], before["state"], before["facts"]["amount"]) == (
        "purchase_succeeded",
        "waiting",
        "120",
    )
    shown = said(told, "notice", "show", str(before["id"]))
    assert shown.startswith("not on its way yet")
    with mail_server() as box:
        send_all(told, box.port)
        ((address, mail),) = box.taken
    assert address == ANA
    (after,) = json_of(told, "notice", "list")["notices"]
    assert (after["state"], after["deliveries"][0]["state"]) == ("told", "sent")
    listed = squeezed(said(told, "notice", "list"))
    assert any("told 1 " in line for line in listed)
    read = json_of(told, "notice", "show", str(after["id"]))
    assert read["subject"] == mail["Subject"]
    assert "120 USD" in read["text"]
    lines = squeezed(said(told, "notice", "show", str(after["id"])))
    assert f"Subject: {read['subject']}" in lines
    assert any(line.startswith(f"mail {ANA} sent 1 ") for line in lines)
    assert "Available: 170 USD" in lines


def test_a_notice_is_sent_once_more(told: Terminal) -> None:
    with mail_server() as box:
        send_all(told, box.port)
        again = said(told, "notice", "replay", number(told))
        assert "1 delivery waits again; a running server sends it" in again
        send_all(told, box.port)
        assert [address for address, _ in box.taken] == [ANA, ANA]
        assert json_of(told, "notice", "replay", number(told)) == {"waiting": 1}


def test_unknown_notices(told: Terminal) -> None:
    for word in ("show", "replay"):
        unknown = told.run("notice", word, "99").sentence(1)
        assert unknown == "there is no notice 99; `talktime notice list` shows them"


def test_webhooks_are_listed_without_their_secrets(told: Terminal) -> None:
    assert said(told, "notice", "webhooks").startswith("no webhooks")
    secret = new_secret()
    webhook = Webhook(id="wh_1", url="https://hooks.example.com/a", secrets=(secret,))
    place = url(told)
    papers = table(place.kind, "papers")
    row = {"tenant": "contoso", "kind": "webhook", "key": "wh_1", "at_us": 1}
    with open_engine(place).begin() as db:
        db.execute(papers.insert().values(**row, document=webhook_text(webhook)))
    (listed,) = json_of(told, "notice", "webhooks")["webhooks"]
    assert (listed["id"], listed["url"], listed["enabled"]) == ("wh_1", webhook.url, True)
    shown = said(told, "notice", "webhooks")
    assert "wh_1 on all events https://hooks.example.com/a" in squeezed(shown)
    assert secret.text not in shown + str(listed)


# --- does mail arrive ------------------------------------------------------------------------------------


def test_a_test_mail_arrives(terminal: Terminal) -> None:
    with mail_server() as box:
        outside = {
            "TALKTIME_SMTP": f"smtp+plain://127.0.0.1:{box.port}",
            "TALKTIME_MAIL_FROM": "talktime@contoso.example",
        }
        answer = terminal.run("notice", "test-mail", ANA, **outside)
        ((address, mail),) = box.taken
    assert (answer.code, answer.err) == (0, "")
    assert answer.out == f"127.0.0.1:{box.port} took a mail to {ANA}; look whether it arrives\n"
    assert (address, mail["Subject"]) == (ANA, "Talktime: test mail")


def test_a_test_mail_that_nobody_takes_is_told(terminal: Terminal) -> None:
    assert "TALKTIME_SMTP names no mail server" in terminal.run("notice", "test-mail", ANA).sentence(2)
    outside = {
        "TALKTIME_SMTP": f"smtp+plain://127.0.0.1:{free_port()}",
        "TALKTIME_MAIL_FROM": "talktime@contoso.example",
    }
    away = terminal.run("notice", "test-mail", ANA, **outside).sentence(1)
    assert away.startswith("the mail server could not be reached")
    assert "is no mail address" in terminal.run("notice", "test-mail", "ana", **outside).sentence(2)
    wrong = terminal.run("notice", "test-mail", ANA, TALKTIME_SMTP="mail.example").sentence(2)
    assert "TALKTIME_SMTP" in wrong


@pytest.mark.parametrize("command", ["show", "replay"])
@pytest.mark.parametrize("number", ["7", "9223372036854775807", "99999999999999999999999"])
def test_a_notice_that_is_not_there(terminal: Terminal, command: str, number: str) -> None:
    said = house(terminal).run("notice", command, number).sentence(1)
    assert said.endswith(f"there is no notice {number}; `talktime notice list` shows them")


def test_a_replay_stands_in_the_audit_log(told: Terminal) -> None:
    assert json_of(told, "notice", "replay", number(told)) == {"waiting": 1}
    with open_engine(url(told)).connect() as db:
        line = db.execute(sa.text("select who, what from audit order by id desc")).first()
    assert line == (typist().who, f"notice {number(told)} sent again")


def test_who_types_is_told_by_the_account_or_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    name = pwd.getpwuid(os.getuid()).pw_name
    assert typist().who == f"command line ({name})"

    def nobody(number: int) -> pwd.struct_passwd:
        raise KeyError(number)

    monkeypatch.setattr(pwd, "getpwuid", nobody)
    assert typist().who == f"command line (uid {os.getuid()})"
