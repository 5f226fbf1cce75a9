"""What each channel does with one delivery: find where it goes, word it, send it, say how that ended.

A delivery may have waited for days, so whom it is for is looked up as it goes out: who holds no role for the
event any more, a webhook that was removed and a room that is no longer set get nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from talktime.catalog.side import load_roles
from talktime.ledger.deliveries import CHAT, MAIL
from talktime.notices import webhooks as signing
from talktime.notices.chat import room
from talktime.notices.mail import address_of, mail, message_id
from talktime.notices.message import message
from talktime.notices.recipients import recipient_at
from talktime.notices.tried import End, Tried

if TYPE_CHECKING:
    from collections.abc import Mapping

    from talktime.accounts.tenant import Tenant
    from talktime.catalog.side_model import Roles
    from talktime.ledger.deliveries import Claimed
    from talktime.notices.chat import ChatSender
    from talktime.notices.mail import MailSender
    from talktime.notices.message import Message
    from talktime.notices.webhook_sender import WebhookSender
    from talktime.notices.webhooks import Webhook
    from talktime.notices.wording import Wording


@dataclass(frozen=True, slots=True)
class Around:
    """What a claim was read with: the tenants by name, their webhooks by tenant and id."""

    tenants: Mapping[str, Tenant]
    webhooks: Mapping[str, Mapping[str, Webhook]]

    def webhook(self, claimed: Claimed) -> Webhook | None:
        """The webhook that a delivery is for; None where it was removed."""
        return self.webhooks.get(claimed.tenant, {}).get(claimed.recipient)


@dataclass(frozen=True, slots=True)
class Senders:
    """The channels. `mail` None: there is no mail server, and mails wait. `base_url`: the admin center's.

    `roles`: who is told of what.
    """

    wording: Wording
    webhook: WebhookSender
    chat: ChatSender
    mail: MailSender | None = None
    base_url: str = ""
    roles: Roles = field(default_factory=load_roles)

    async def send(self, claimed: Claimed, around: Around, now_us: int) -> Tried:
        """One try of a delivery."""
        tenant = around.tenants.get(claimed.tenant)
        if tenant is None or not claimed.kind:
            return Tried(End.HOPELESS, "the tenant or the notice is no more")
        if claimed.channel == MAIL:
            return await self._mail(claimed, tenant)
        if claimed.channel == CHAT:
            return await self._chat(claimed, tenant)
        return await self._webhook(claimed, tenant, around.webhook(claimed), now_us)

    async def _mail(self, claimed: Claimed, tenant: Tenant) -> Tried:
        if self.mail is None:
            return Tried(End.LATER, "there is no mail server set")
        person = recipient_at(claimed.recipient, tenant, claimed.kind, self.roles)
        if person is None:
            return Tried(End.HOPELESS, "holds no role for this any more")
        to = address_of(claimed.recipient, person.name)
        if to is None:
            return Tried(
                End.HOPELESS, f"{claimed.recipient!r} is no mail address; correct the administrator's"
            )
        identity = message_id(self.mail.settings, claimed.notice, claimed.id)
        made = mail(self.mail.settings, self._message(claimed, tenant), to, claimed.happened_us, identity)
        return await self.mail.send(made, to)

    async def _chat(self, claimed: Claimed, tenant: Tenant) -> Tried:
        for url in tenant.alerts.chat:
            if room(url) == claimed.recipient:
                return await self.chat.send(url, self._message(claimed, tenant))
        return Tried(End.HOPELESS, "the chat room is no longer set")

    async def _webhook(self, claimed: Claimed, tenant: Tenant, webhook: Webhook | None, now_us: int) -> Tried:
        if webhook is None:
            return Tried(End.HOPELESS, "the webhook was removed")
        if not webhook.is_on:
            return Tried(End.HOPELESS, "the webhook is switched off")
        body = signing.payload(self.wording, tenant, claimed.kind, claimed.happened_us, claimed.body)
        identity = signing.message_id(claimed.notice)
        headers = signing.headers(identity, now_us, body, webhook.valid_secrets(now_us))
        return await self.webhook.send(webhook.url, headers, body, allow_private=webhook.allow_private)

    def _message(self, claimed: Claimed, tenant: Tenant) -> Message:
        return message(self.wording, tenant, claimed.kind, claimed.happened_us, claimed.body, self.base_url)

    async def close(self) -> None:
        """Ends what is open."""
        if self.mail is not None:
            await self.mail.close()
        await self.webhook.close()
        self.chat.close()
