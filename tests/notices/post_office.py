"""A post office for tests: a mail server and tenants that are real, a clock that a test moves, a worker."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from typing import Any, cast

import sqlalchemy as sa
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from talktime.accounts.documents import tenant_text
from talktime.accounts.tenant import Administrator, Tenant
from talktime.catalog.load import load_catalogue
from talktime.catalog.side import load_roles
from talktime.ledger.database import open_engine, open_url
from talktime.ledger.deliveries import Deliveries, KeptDelivery
from talktime.notices.chat import ChatSender, load_chat
from talktime.notices.courier import Courier
from talktime.notices.fan_out import FanOut
from talktime.notices.mail import PLAIN, MailSender, MailSettings
from talktime.notices.senders import Senders
from talktime.notices.texts import load_texts
from talktime.notices.webhook_sender import WebhookSender
from talktime.notices.webhooks import Secret, Webhook, new_secret, webhook_text
from talktime.notices.wording import Wording
from talktime.notices.worker import NoticeWorker

NOW_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
SECOND_US = 1_000_000
MINUTE_US = 60 * SECOND_US
HOUR_US = 60 * MINUTE_US
FIGURES = {
    "balance": 12_345_600,
    "reserved": 1_200_000,
    "available": 11_145_600,
    "overdraft": 0,
    "currency": "USD",
}

ANA = Administrator("ana@contoso.example", "Ana", roles=("global_administrator",))
CONTOSO = Tenant("contoso", "Contoso Ltd", "US", "USD", time_zone="Europe/London", administrators=(ANA,))


@dataclass
class Clock:
    """The time that ladders and leases go by."""

    now_us: int = NOW_US

    def __call__(self) -> int:
        return self.now_us


# --- a mail server ---------------------------------------------------------------------------------------


@dataclass
class Mailbox:
    """What a mail server has taken, and how it behaves: `answers` are given to recipients, by address.

    While `hold` is cleared it says nothing about recipients.
    """

    port: int
    taken: list[tuple[str, EmailMessage]] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    at_data: str = ""
    recipients_asked: int = 0
    hold: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        self.hold.set()

    async def handle_RCPT(  # noqa: N802 - the name that the server calls
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        del server, session, options
        self.recipients_asked += 1
        while not self.hold.is_set():
            await asyncio.sleep(0.01)
        if address in self.answers:
            return self.answers[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        del server, session
        if self.at_data:
            return self.at_data
        content = cast(bytes, envelope.content)
        made = message_from_bytes(content, policy=default)
        self.taken.extend((address, made) for address in envelope.rcpt_tos)
        return "250 taken"

    @property
    def addresses(self) -> list[str]:
        """Who got a mail, in order."""
        return [address for address, _ in self.taken]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(port: int = 0) -> Iterator[Mailbox]:
    """A mail server that takes what it is given."""
    box = Mailbox(port or free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def mail_settings(port: int) -> MailSettings:
    """How the worker reaches a server of `mail_server`."""
    return MailSettings(host="127.0.0.1", port=port, sender="talktime@example.com", security=PLAIN)


# --- a database with tenants and notices -----------------------------------------------------------------


class Ledger:
    """Tenants, webhooks and notices in a database, and what became of them."""

    def __init__(self, url: str) -> None:
        self.url = open_url(url)
        self.deliveries = Deliveries(self.url)
        self._engine = open_engine(self.url)

    def _do(self, statement: str, *rows: Mapping[str, object]) -> None:
        with self._engine.begin() as db:
            db.execute(sa.text(statement), list(rows))

    def add_tenant(self, tenant: Tenant) -> None:
        """Stores a tenant, or stores it anew."""
        self._do("delete from tenants where tenant = :tenant", {"tenant": tenant.id})
        document = tenant_text(tenant)
        self._do(
            "insert into tenants(tenant, document) values (:tenant, :document)",
            {"tenant": tenant.id, "document": document},
        )

    def add_webhook(self, tenant: str, webhook: Webhook) -> None:
        """Stores a webhook, or stores it anew."""
        key = {"tenant": tenant, "key": webhook.id}
        self._do("delete from papers where tenant = :tenant and kind = 'webhook' and key = :key", key)
        self._do(
            "insert into papers(tenant, kind, key, at_us, document)"
            " values (:tenant, 'webhook', :key, 0, :document)",
            {**key, "document": webhook_text(webhook)},
        )

    def remove_webhook(self, tenant: str, name: str) -> None:
        """Removes a webhook."""
        self._do(
            "delete from papers where tenant = :tenant and kind = 'webhook' and key = :key",
            {"tenant": tenant, "key": name},
        )

    def notice(self, tenant: str, kind: str, at_us: int = NOW_US, count: int = 1, **facts: object) -> None:
        """Writes notices as the engine does."""
        body = json.dumps({**facts, **FIGURES})
        row = {"tenant": tenant, "at": at_us, "kind": kind, "body": body}
        self._do(
            "insert into outbox(tenant, at_us, kind, body) values (:tenant, :at, :kind, :body)",
            *[row] * count,
        )

    def broken_notice(self, tenant: str, kind: str) -> None:
        """Writes a notice whose body is no JSON."""
        self._do(
            "insert into outbox(tenant, at_us, kind, body) values (:tenant, 1, :kind, 'no JSON')",
            {"tenant": tenant, "kind": kind},
        )

    def all(self) -> list[KeptDelivery]:
        """All deliveries in order."""
        with self._engine.connect() as db:
            names = ", ".join(KeptDelivery._fields)
            rows = db.execute(sa.text(f"select {names} from deliveries order by id"))
            return [KeptDelivery._make(row) for row in rows]

    def states(self) -> list[tuple[str, str]]:
        """(recipient, state) of all deliveries."""
        return [(each.recipient, each.state) for each in self.all()]

    def notices(self) -> list[tuple[int, int]]:
        """(number, done_us) of all notices."""
        with self._engine.connect() as db:
            return [
                (row[0], row[1]) for row in db.execute(sa.text("select id, done_us from outbox order by id"))
            ]


def hook(url: str, name: str = "wh_1", **more: Any) -> Webhook:
    """A webhook that may call this machine."""
    given: dict[str, Any] = {"secrets": (new_secret(),), "allow_private": True, **more}
    return Webhook(id=name, url=url, **given)


def people(count: int, role: str = "global_administrator") -> Sequence[Administrator]:
    """So many administrators."""
    return tuple(Administrator(f"admin{number}@contoso.example", roles=(role,)) for number in range(count))


# --- a worker --------------------------------------------------------------------------------------------


@dataclass
class Office:
    """A worker on a ledger. `noted`: the commands it handed to the engine."""

    ledger: Ledger
    worker: NoticeWorker
    clock: Clock
    noted: list[Any]

    async def step(self, seconds: float = 0) -> int:
        """Moves the clock, does what is due."""
        self.clock.now_us += int(seconds * SECOND_US)
        return await self.worker.step()


def senders(mail: MailSettings | None, *, send_s: float = 5, private_allowed: bool = True) -> Senders:
    """All channels; webhooks may call this machine."""
    return Senders(
        wording=Wording(load_texts(), load_catalogue()),
        webhook=WebhookSender(private_allowed=private_allowed, send_s=send_s),
        chat=ChatSender(load_chat(), private_allowed=private_allowed),
        mail=None if mail is None else MailSender(mail, send_s=send_s),
        base_url="https://talktime.example",
    )


@asynccontextmanager
async def office(
    url: str, mail: MailSettings | None = None, clock: Clock | None = None, **more: Any
) -> AsyncIterator[Office]:
    """A worker whose steps a test takes one by one; closed afterwards."""
    ledger, clock = Ledger(url), clock or Clock()
    noted: list[Any] = []

    async def submit(command: Any) -> object:
        noted.append(command)
        return None

    channels = senders(mail, **more)
    courier = Courier(ledger.deliveries, channels, submit, clock)
    worker = NoticeWorker(ledger.deliveries, FanOut(ledger.deliveries, load_roles()), courier, channels)
    try:
        yield Office(ledger, worker, clock, noted)
    finally:
        await channels.close()


def with_people(tenant: Tenant, *administrators: Administrator) -> Tenant:
    """The tenant with other administrators."""
    return replace(tenant, administrators=administrators)


def secret_of(webhook: Webhook) -> str:
    """The text of its newest secret."""
    newest: Secret = webhook.secrets[0]
    return newest.text
