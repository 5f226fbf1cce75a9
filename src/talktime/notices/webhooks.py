"""Webhooks of a tenant: what each is sent, and how it is signed (Standard Webhooks).

A webhook is a paper of its tenant. What it is sent is JSON with `type`, `timestamp` and `data`; its headers
carry an id that stays the same over all tries, the instant of the try, and a signature for each secret that
is valid, so that a secret can be changed while both sides run.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from datetime import datetime
from secrets import token_bytes, token_hex
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import msgspec

from talktime.accounts.calendar import to_utc
from talktime.core.limits import NEVER_US, US_PER_S
from talktime.notices.wording import iso

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.notices.wording import Wording

SECRET_PREFIX: Final = "whsec_"
SECRET_BYTES: Final = 32
KEEP_OLD_S: Final = 86_400
"""Seconds for which the secret before stays valid after a change."""

MAX_URL: Final = 2_048
MAX_SECRETS: Final = 5
MAX_WEBHOOKS: Final = 20
"""Webhooks of one tenant."""

TEST_EVENT: Final = "webhook_test"
ID_HEADER: Final = "webhook-id"
TIME_HEADER: Final = "webhook-timestamp"
SIGNATURE_HEADER: Final = "webhook-signature"


class Secret(msgspec.Struct, frozen=True):
    """A shared secret, `whsec_` and base64, that signs until an instant."""

    text: str
    until_us: int = NEVER_US


class Webhook(msgspec.Struct, frozen=True, kw_only=True):
    """An address that is told of events; no `events`: of all.

    `allow_private`: an address of a private network may be called, if the installation allows it too.
    `disabled_us` is 0 while it is on; `failing_since_us`: nothing but failures since then, 0 for none.
    """

    id: str
    url: str
    events: tuple[str, ...] = ()
    secrets: tuple[Secret, ...] = ()
    allow_private: bool = False
    disabled_us: int = 0
    failing_since_us: int = 0
    at_us: int = 0

    @property
    def is_on(self) -> bool:
        """Whether it is sent anything."""
        return not self.disabled_us

    def wants(self, event: str) -> bool:
        """Whether it is told of an event."""
        return self.is_on and (not self.events or event in self.events)

    def valid_secrets(self, now_us: int) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [secret.text for secret in self.secrets if secret.until_us > now_us]


_webhook: Final = msgspec.json.Decoder(Webhook)


def read_webhook(document: str) -> Webhook:
    """A paper's document -> webhook. Raises msgspec.DecodeError or ValidationError."""
    return _webhook.decode(document)


def webhook_text(webhook: Webhook) -> str:
    """A webhook as the document of its paper."""
    return msgspec.json.encode(webhook).decode()


def new_id() -> str:
    """An id that no other webhook has."""
    return f"wh_{token_hex(8)}"


def new_secret() -> Secret:
    """A secret that nobody can guess."""
    return Secret(SECRET_PREFIX + base64.b64encode(token_bytes(SECRET_BYTES)).decode())


def rotated(webhook: Webhook, secret: Secret, now_us: int, keep_s: int = KEEP_OLD_S) -> Webhook:
    """With a new secret; those before it stay valid for `keep_s` seconds at most, then they are let go of."""
    until_us = now_us + keep_s * US_PER_S
    old = [Secret(each.text, min(each.until_us, until_us)) for each in webhook.secrets]
    kept = [each for each in old if each.until_us > now_us]
    return msgspec.structs.replace(webhook, secrets=(secret, *kept)[:MAX_SECRETS])


def url_fault(url: str, *, allow_private: bool) -> str:
    """What is wrong with the URL of a webhook, as a sentence; "" for nothing."""
    example = "write one such as https://hooks.example.com/talktime"
    if len(url) > MAX_URL:
        return f"the URL has {len(url)} signs; {MAX_URL} are allowed"
    if not url.isascii() or any(sign.isspace() or not sign.isprintable() for sign in url):
        return f"the URL holds blanks or signs that no URL has; {example}"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return f"the URL cannot be read; {example}"
    if parts.scheme not in ("https", "http") or not parts.hostname or port == 0:
        return f"the URL is no web address; {example}"
    if parts.scheme == "http" and not allow_private:
        return f"the URL is not encrypted; {example}"
    if parts.username is not None or parts.password is not None:
        return f"the URL holds a name or a password, which would stand in logs; {example}"
    if parts.fragment:
        return f"the URL has a part behind #, which is never sent; {example}"
    return ""


def shown_url(url: str) -> str:
    """A URL for the audit log and mails: scheme and host, since path and query may be secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def message_id(notice: int) -> str:
    """The id of a notice to receivers: the same over all tries and replays, so that a repeat is known."""
    return f"msg_{notice}"


def payload(wording: Wording, tenant: Tenant, event: str, at_us: int, body: str) -> str:
    """What a webhook is sent: money as decimal strings, instants as ISO 8601."""
    data = wording.data(tenant, body)
    return msgspec.json.encode({"type": event, "timestamp": iso(at_us), "data": data}).decode()


def headers(message: str, now_us: int, body: str, secrets: Sequence[str]) -> Mapping[str, str]:
    """The headers of one try, signed by every secret that is valid."""
    from standardwebhooks import Webhook as Signer

    at: datetime = to_utc(now_us)
    signatures = [Signer(secret).sign(message, at, body) for secret in secrets]
    return {
        "content-type": "application/json",
        "user-agent": "Talktime",
        ID_HEADER: message,
        TIME_HEADER: str(now_us // US_PER_S),
        SIGNATURE_HEADER: " ".join(signatures),
    }
