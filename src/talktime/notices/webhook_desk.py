"""What people do with webhooks: make one, change its secret, test it, switch it off and on, remove it.

Every change goes through the engine and stands in the audit log. A secret is shown when it is made, and never
again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import msgspec

from talktime.ledger.commands import NO_TENANT, Refused
from talktime.notices import webhooks as signing
from talktime.notices.fan_out import read_tenants, read_webhooks
from talktime.notices.tried import Tried
from talktime.notices.webhook_commands import (
    NO_WEBHOOK,
    AddWebhook,
    EditWebhook,
    RemoveWebhook,
    Still,
)
from talktime.notices.webhooks import (
    KEEP_OLD_S,
    MAX_WEBHOOKS,
    TEST_EVENT,
    Webhook,
    new_id,
    new_secret,
    rotated,
    url_fault,
)

if TYPE_CHECKING:
    from talktime.catalog.side_model import Roles
    from talktime.ledger.deliveries import Deliveries
    from talktime.ledger.engine import Command
    from talktime.notices.courier import Submit
    from talktime.notices.webhook_sender import WebhookSender
    from talktime.notices.wording import Wording


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a webhook is to be: another URL, other events, on or off; what is None stays."""

    url: str | None = None
    events: Sequence[str] | None = None
    enabled: bool | None = None

    @property
    def words(self) -> str:
        """What the audit log says of it."""
        turned = {None: (), True: ("switched on",), False: ("switched off",)}[self.enabled]
        edits = self.url is not None or self.events is not None
        return ", ".join((*(("changed",) if edits or not turned else ()), *turned))

    def of(self, now: Webhook, at_us: int) -> Webhook:
        """The webhook as it is to be; failures of another URL, and those before it was off, count no more."""
        url = now.url if self.url is None else self.url
        is_fresh = url != now.url or self.enabled is True
        turned = {None: now.disabled_us, True: 0, False: now.disabled_us or at_us}[self.enabled]
        return msgspec.structs.replace(
            now,
            url=url,
            events=now.events if self.events is None else tuple(dict.fromkeys(self.events)),
            failing_since_us=0 if is_fresh else now.failing_since_us,
            disabled_us=turned,
        )


class WebhookDesk:
    """Use cases on the webhooks of a tenant. Reads raise StoreAway; changes what `submit` raises."""

    def __init__(
        self,
        submit: Submit,
        deliveries: Deliveries,
        roles: Roles,
        wording: Wording,
        clock_us: Callable[[], int],
    ) -> None:
        self._submit = submit
        self._deliveries = deliveries
        self._roles = roles
        self._wording = wording
        self._clock_us = clock_us

    async def listed(self, tenant: str) -> list[Webhook]:
        """The webhooks of a tenant in order of their ids."""
        rows = await asyncio.to_thread(self._deliveries.webhooks, [tenant])
        return list(read_webhooks(rows).get(tenant, {}).values())

    async def kept(self, tenant: str, webhook: str) -> Webhook | None:
        """One of them; None where there is none."""
        return next((each for each in await self.listed(tenant) if each.id == webhook), None)

    async def make(
        self, tenant: str, url: str, events: Sequence[str], who: str, *, allow_private: bool = False
    ) -> Webhook | Refused:
        """A new webhook with its first secret; no `events`: of all."""
        fault = url_fault(url, allow_private=allow_private) or self._events_fault(events)
        if fault:
            return Refused("invalid", fault)
        if len(await self.listed(tenant)) >= MAX_WEBHOOKS:
            return Refused("too_many", f"a tenant has {MAX_WEBHOOKS} webhooks at most; remove one")
        made = Webhook(
            id=new_id(),
            url=url,
            events=tuple(dict.fromkeys(events)),
            secrets=(new_secret(),),
            allow_private=allow_private,
        )
        return await self._change(AddWebhook(tenant, made.id, made, who))

    async def edit(
        self, tenant: str, webhook: str, who: str, wanted: Wanted, still: Still | None = None
    ) -> Webhook | Refused:
        """Makes it what is wanted, in one change; refused where it is not `still` as it was seen."""
        known = await self.kept(tenant, webhook)
        if known is None:
            return NO_WEBHOOK
        url = known.url if wanted.url is None else wanted.url
        fault = url_fault(url, allow_private=known.allow_private) or self._events_fault(wanted.events or ())
        if fault:
            return Refused("invalid", fault)
        return await self._change(EditWebhook(tenant, webhook, wanted.of, wanted.words, who, still))

    async def rotate(
        self, tenant: str, webhook: str, who: str, keep_s: int = KEEP_OLD_S
    ) -> Webhook | Refused:
        """A new secret; those before sign too for `keep_s` seconds, 0 ends them at once."""
        secret = new_secret()

        def edited(now: Webhook, at_us: int) -> Webhook:
            return rotated(now, secret, at_us, keep_s)

        return await self._change(EditWebhook(tenant, webhook, edited, "given a new secret", who))

    async def disable(self, tenant: str, webhook: str, who: str) -> Webhook | Refused:
        """Switches it off: nothing is sent to it, and what waits for it fails and is kept."""
        return await self._turned(tenant, webhook, who, enabled=False)

    async def enable(self, tenant: str, webhook: str, who: str) -> Webhook | Refused:
        """Switches it on; failures before do not count on."""
        return await self._turned(tenant, webhook, who, enabled=True)

    async def _turned(self, tenant: str, webhook: str, who: str, *, enabled: bool) -> Webhook | Refused:
        wanted = Wanted(enabled=enabled)
        return await self._change(EditWebhook(tenant, webhook, wanted.of, wanted.words, who))

    async def remove(self, tenant: str, webhook: str, who: str) -> Webhook | Refused:
        """Removes it."""
        return await self._change(RemoveWebhook(tenant, webhook, who))

    async def test(self, tenant: str, webhook: str, sender: WebhookSender) -> Tried | Refused:
        """Sends an event `webhook_test` at once, also to one that is off; nothing is kept of it."""
        known = await self.kept(tenant, webhook)
        found = read_tenants(await asyncio.to_thread(self._deliveries.tenants, [tenant]))
        if tenant not in found:
            return NO_TENANT
        if known is None:
            return NO_WEBHOOK
        now_us = self._clock_us()
        body = signing.payload(self._wording, found[tenant], TEST_EVENT, now_us, "{}")
        headers = signing.headers(f"msg_test_{now_us}", now_us, body, known.valid_secrets(now_us))
        return await sender.send(known.url, headers, body, allow_private=known.allow_private)

    def _events_fault(self, events: Sequence[str]) -> str:
        for event in events:
            if event not in self._roles.events:
                return f"there is no event {event!r}; events are {', '.join(sorted(self._roles.events))}"
        return ""

    async def _change(self, command: Command) -> Webhook | Refused:
        return cast("Webhook | Refused", await self._submit(command))
