"""`talktime notice`: who was told what and how far it got, a notice once more, a mail as a test."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from talktime.doors.cli.answer import print_json
from talktime.doors.cli.engine import now_us, office, outside_parts, typist, working
from talktime.doors.cli.listing import (
    listed,
    local,
    our_screen,
    print_answers,
    say,
    zone_note,
)
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.accounts.tenant import Tenant
    from talktime.doors.cli.engine import Office, Working
    from talktime.doors.cli.options import Asked
    from talktime.doors.http.management.answers_people import NoticeAnswer
    from talktime.ledger.deliveries import KeptDelivery
    from talktime.ledger.reading import KeptNotice
    from talktime.notices.mail import MailSettings
    from talktime.notices.message import Message
    from talktime.notices.tried import Tried


def list_notices_command(asked: Asked, limit: int) -> int:
    """Lists notices, newest first."""
    from talktime.ledger.reading import NO_BEFORE

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        found = here.reader.outbox(tenant.id, NO_BEFORE, limit)
        deliveries = _deliveries(here, tenant, found)
        shown = [_shown(here, tenant, each, deliveries[each.id]) for each in found]
        subjects = [_message(here, tenant, each).subject for each in found]
    if asked.as_json:
        print_answers("notices", shown)
        return 0
    screen = our_screen()
    if not found:
        screen.say("nobody was told anything yet")
        return 0
    rows = [
        (
            str(notice.id),
            local(notice.at_us, tenant.time_zone),
            _state(answer),
            subject.removeprefix(f"{tenant.name}: "),
        )
        for notice, answer, subject in zip(found, shown, subjects, strict=True)
    ]
    listed(screen, ("id", "at", "state", "subject"), rows, right=("id",), whole=("at", "state"))
    zone_note(screen, tenant.time_zone)
    return 0


def _state(answer: NoticeAnswer) -> str:
    """`told 3`, `waiting 1 of 3`, `nobody to tell`."""
    count = len(answer.deliveries)
    words = answer.state.replace("_", " ")
    if not count:
        return words
    same = sum(1 for one in answer.deliveries if one.state in (answer.state, "sent"))
    return f"{words} {same}" if same == count else f"{words}, {same} of {count}"


def _deliveries(here: Office, tenant: Tenant, found: Sequence[KeptNotice]) -> dict[int, list[KeptDelivery]]:
    from talktime.ledger.deliveries import Deliveries

    return Deliveries(here.url).of_notices(tenant.id, [notice.id for notice in found])


def _shown(
    here: Office, tenant: Tenant, notice: KeptNotice, deliveries: Sequence[KeptDelivery]
) -> NoticeAnswer:
    """A notice as the API answers it."""
    from talktime.doors.http.management.shown_people import notice_shown
    from talktime.notices.texts import load_texts
    from talktime.notices.wording import Wording

    wording = Wording(load_texts(), here.catalogue)
    return notice_shown(notice, deliveries, tenant, wording)


def _message(here: Office, tenant: Tenant, notice: KeptNotice) -> Message:
    """A notice as people read it."""
    from talktime.notices.message import message
    from talktime.notices.texts import load_texts
    from talktime.notices.wording import Wording

    wording = Wording(load_texts(), here.catalogue)
    base_url = here.settings.outside.base_url
    return message(wording, tenant, notice.kind, notice.at_us, notice.body, base_url)


def show_notice_command(asked: Asked, number: int) -> int:
    """Shows one notice: to whom it went, and the mail."""
    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        found = _found(here, tenant.id, number)
        if not found:
            raise _unknown(number)
        notice = found[0]
        deliveries = _deliveries(here, tenant, found)[notice.id]
        answer, mail = _shown(here, tenant, notice, deliveries), _message(here, tenant, notice)
    if asked.as_json:
        print_json({**answer.model_dump(mode="json"), "subject": mail.subject, "text": mail.text()})
        return 0
    screen, zone = our_screen(), tenant.time_zone
    rows = [
        (
            one.channel,
            one.recipient,
            one.state,
            str(one.tries),
            local(one.sent_us or one.due_us, zone),
            one.error,
        )
        for one in deliveries
    ]
    if rows:
        headings = ("by", "to", "state", "tries", "sent, or next try", "last error")
        listed(screen, headings, rows, right=("tries",), whole=(headings[4],))
        zone_note(screen, zone)
    else:
        waits = "not on its way yet: a running server looks who is told"
        screen.say(answer.state.replace("_", " ") if notice.done_us else waits)
    screen.say()
    screen.say(f"Subject: {mail.subject}", "bold")
    screen.say()
    for line in mail.text().rstrip("\n").split("\n"):
        screen.say(line)
    return 0


def replay_command(asked: Asked, number: int) -> int:
    """Puts the deliveries of a notice back to waiting; a server sends them."""
    from talktime.doors.http.management.shown_people import sent_again
    from talktime.ledger.commands import WriteNote
    from talktime.notices.again import send_again

    async def replay(here: Working) -> int | None:
        tenant = here.tenant_id(asked.tenant)
        if not _found(here, tenant, number):
            return None
        await here.engine.submit(WriteNote(tenant, sent_again(number), typist().who))
        return await asyncio.to_thread(send_again, here.url, tenant, number, now_us())

    waiting = working(asked.database, replay)
    if waiting is None:
        raise _unknown(number)
    if asked.as_json:
        print_json({"waiting": waiting})
    elif waiting:
        many = "1 delivery waits" if waiting == 1 else f"{waiting:,} deliveries wait"
        say(f"notice {number}: {many} again; a running server sends it")
    else:
        say(f"notice {number}: nobody would be told today, or all of it waits already")
    return 0


def _found(here: Office, tenant: str, number: int) -> list[KeptNotice]:
    """The notice of this number, if there is one."""
    from talktime.ledger.reading import NO_BEFORE

    if number >= NO_BEFORE:
        return []
    return [one for one in here.reader.outbox(tenant, number + 1, 1) if one.id == number]


def _unknown(number: int) -> Unusable:
    return Unusable(f"there is no notice {number}; `talktime notice list` shows them")


def webhooks_command(asked: Asked) -> int:
    """Lists the webhooks."""
    from talktime.doors.http.management.shown_people import webhook_shown
    from talktime.ledger.deliveries import Deliveries
    from talktime.notices.fan_out import read_webhooks

    with office(asked.database) as here:
        tenant = here.tenant(asked.tenant)
        rows = Deliveries(here.url).webhooks([tenant.id])
    found = list(read_webhooks(rows).get(tenant.id, {}).values())
    if asked.as_json:
        print_answers("webhooks", [webhook_shown(one, now_us()) for one in found])
        return 0
    screen = our_screen()
    if not found:
        screen.say("no webhooks; the management API makes them")
        return 0
    zone = tenant.time_zone
    lines = []
    for one in found:
        state = "on" if one.is_on else f"off since {local(one.disabled_us, zone)}"
        if one.is_on and one.failing_since_us:
            state = f"failing since {local(one.failing_since_us, zone)}"
        lines.append((one.id, state, " ".join(one.events) or "all events", one.url))
    listed(screen, ("id", "state", "events", "url"), lines, whole=("id",))
    zone_note(screen, zone)
    return 0


# --- does mail arrive ------------------------------------------------------------------------------------


def test_mail_command(address: str, *, as_json: bool) -> int:
    """Sends one mail by the mail server of the environment; 1 where it was not taken."""
    from talktime.notices.mail import address_of
    from talktime.settings import read_settings

    settings = outside_parts(read_settings()).notices.mail
    if settings is None:
        raise WrongUse("TALKTIME_SMTP names no mail server; write smtp://user:password@mail.example:587")
    if address_of(address) is None:
        raise WrongUse(f"{address!r} is no mail address")
    tried = asyncio.run(_send(settings, address))
    from talktime.notices.tried import End

    server = f"{settings.host}:{settings.port}"
    if tried.end is not End.SENT:
        raise Unusable(tried.error)
    if as_json:
        print_json({"taken": True, "error": "", "server": server})
    else:
        say(f"{server} took a mail to {address}; look whether it arrives")
    return 0


async def _send(settings: MailSettings, address: str) -> Tried:
    from talktime.notices.mail import MailSender, address_of, mail
    from talktime.notices.message import Message

    to = address_of(address)
    assert to is not None, "the address was read before"
    at_us = now_us()
    told = "This mail was sent by hand, to see whether mails arrive. They do."
    message = Message("Talktime: test mail", (("What happened", told),), (), (), "Talktime, command line.")
    sender = MailSender(settings)
    try:
        identity = f"<talktime.test.{at_us}@{settings.sender.rpartition('@')[2]}>"
        return await sender.send(mail(settings, message, to, at_us, identity), to)
    finally:
        await sender.close()
