"""Mail: one message a person, text and HTML, by SMTP over connections that are used again.

A mail that the server has accepted is not sent again, except where we die, or the line breaks, between its
acceptance and our writing it down: then nobody knows, and it goes a second time under the same Message-ID.
What a person or a tenant wrote can add no header: every value is one line before it gets near one.
"""

from __future__ import annotations

import asyncio
import ssl
from contextlib import suppress
from dataclasses import dataclass, field
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import TYPE_CHECKING, Final

import aiosmtplib

from talktime.accounts.calendar import to_utc
from talktime.notices.message import one_line
from talktime.notices.tried import End, Tried

if TYPE_CHECKING:
    from talktime.notices.message import Message

# A subject of some 75 letters would be folded right after its colon, and be read with a blank before it.
_POLICY: Final = SMTP.clone(max_line_length=200)

PLAIN: Final = "plain"
STARTTLS: Final = "starttls"
TLS: Final = "tls"
SECURITIES: Final = (PLAIN, STARTTLS, TLS)

SEND_S: Final = 30.0
"""Seconds that one mail may take, connecting included."""

IDLE_CONNECTIONS: Final = 4
"""Connections that are kept open for the next mail."""

IDLE_S: Final = 20.0
"""Seconds after which an idle connection is not used again."""


@dataclass(frozen=True, slots=True)
class MailSettings:
    """The mail server. `security`: plain, starttls (refused if the server has none) or tls from the start.

    `sender` is the address that mails come from, `sender_name` how it is called. Raises ValueError naming
    what is wrong.
    """

    host: str
    sender: str
    port: int = 587
    security: str = STARTTLS
    user: str = ""
    password: str = field(default="", repr=False)
    sender_name: str = "Talktime"

    def __post_init__(self) -> None:
        if self.security not in SECURITIES:
            raise ValueError(f"mail security is {self.security!r}; write {', '.join(SECURITIES)}")
        if not self.host or not 0 < self.port < 65_536:
            raise ValueError(f"the mail server {self.host!r}, port {self.port}, is none")
        if self.user and self.security == PLAIN:
            raise ValueError("a password is not sent over a plain connection; use starttls or tls")
        if address_of(self.sender) is None:
            raise ValueError(f"the sender {self.sender!r} is no mail address")


def address_of(text: str, name: str = "") -> Address | None:
    """A mail address with a name for a header; None where it is none."""
    if not text or any(sign.isspace() or not sign.isprintable() for sign in text):
        return None
    local, _, domain = text.rpartition("@")
    if not local or not domain:
        return None
    try:
        plain = domain if domain.isascii() else domain.encode("idna").decode("ascii")
        return Address(one_line(name), addr_spec=f"{local}@{plain}")
    except (HeaderParseError, ValueError, IndexError):
        return None


def message_id(settings: MailSettings, notice: int, delivery: int) -> str:
    """The Message-ID of a delivery: the same over all tries."""
    return f"<talktime.{notice}.{delivery}@{settings.sender.rpartition('@')[2]}>"


def mail(settings: MailSettings, message: Message, to: Address, at_us: int, identity: str) -> EmailMessage:
    """A message as a mail to one person; `identity` is its Message-ID."""
    made = EmailMessage(policy=_POLICY)
    made["From"] = address_of(settings.sender, settings.sender_name)
    made["To"] = to
    made["Subject"] = message.subject
    made["Date"] = format_datetime(to_utc(at_us))
    made["Message-ID"] = identity
    made["Auto-Submitted"] = "auto-generated"
    made["X-Auto-Response-Suppress"] = "All"
    made.set_content(message.text())
    made.add_alternative(message.html(), subtype="html")
    return made


class MailSender:
    """Sends mails by one server; several at once, each on a connection of its own."""

    def __init__(
        self, settings: MailSettings, *, send_s: float = SEND_S, tls: ssl.SSLContext | None = None
    ) -> None:
        self.settings = settings
        self._send_s = send_s
        self._tls = tls
        self._idle: list[tuple[float, aiosmtplib.SMTP]] = []

    async def send(self, made: EmailMessage, to: Address) -> Tried:
        """One try. Never raises for what the other side does."""
        try:
            async with asyncio.timeout(self._send_s):
                return await self._send(made, to)
        except TimeoutError:
            return Tried(End.UNREACHED, f"the mail server did not answer within {self._send_s:g} s")
        except (aiosmtplib.SMTPException, OSError) as error:
            return _tried(error)
        except ValueError as error:  # an address or a header that cannot be sent safely
            return Tried(End.HOPELESS, f"the mail cannot be sent: {error}")

    async def _send(self, made: EmailMessage, to: Address) -> Tried:
        client = await self._client()
        try:
            await client.send_message(made, sender=self.settings.sender, recipients=[to.addr_spec])
        except BaseException as error:
            if isinstance(error, aiosmtplib.SMTPResponseException | aiosmtplib.SMTPRecipientsRefused):
                await self._give_back(client)
            else:
                client.close()
            raise
        await self._give_back(client)
        return Tried(End.SENT)

    async def _client(self) -> aiosmtplib.SMTP:
        """A connection that the server still listens on: an idle one, or a new one."""
        now_s = asyncio.get_running_loop().time()
        while self._idle:
            since_s, client = self._idle.pop()
            if client.is_connected and now_s - since_s < IDLE_S:
                with suppress(aiosmtplib.SMTPException, OSError):
                    await client.rset()
                    return client
            client.close()
        settings = self.settings
        client = aiosmtplib.SMTP(
            hostname=settings.host,
            port=settings.port,
            username=settings.user or None,
            password=settings.password or None,
            use_tls=settings.security == TLS,
            start_tls=settings.security == STARTTLS,
            tls_context=self._tls,
            timeout=self._send_s,
        )
        try:
            await client.connect()
        except BaseException:
            client.close()
            raise
        return client

    async def _give_back(self, client: aiosmtplib.SMTP) -> None:
        if client.is_connected and len(self._idle) < IDLE_CONNECTIONS:
            self._idle.append((asyncio.get_running_loop().time(), client))
        else:
            client.close()

    async def close(self) -> None:
        """Ends what is open."""
        idle, self._idle = self._idle, []
        for _, client in idle:
            with suppress(aiosmtplib.SMTPException, OSError, TimeoutError):
                async with asyncio.timeout(1):
                    await client.quit()
            client.close()


def _tried(error: Exception) -> Tried:
    """What an error of SMTP means: for this mail alone, or for all that go by this server."""
    words = " ".join(str(error).split()) or type(error).__name__
    match error:
        case aiosmtplib.SMTPRecipientsRefused():
            refused = error.recipients[0]
            return _answered(refused.code, refused.message, f"the mail server refused {refused.recipient}")
        case aiosmtplib.SMTPAuthenticationError() | aiosmtplib.SMTPSenderRefused():
            return Tried(End.UNREACHED, f"the mail server does not take our mail: {words}")
        case aiosmtplib.SMTPDataError():
            return _answered(error.code, error.message, "the mail server refused the message")
        case aiosmtplib.SMTPNotSupported():
            return Tried(End.LATER, f"the mail server cannot take this mail: {words}")
        case _:
            return Tried(End.UNREACHED, f"the mail server could not be reached: {words}")


def _answered(code: int, message: str, what: str) -> Tried:
    end = End.UNREACHED if code == 421 else End.HOPELESS if code >= 500 else End.LATER
    return Tried(end, f"{what}: {code} {' '.join(message.split())}")
