"""From a notice to its deliveries: mails to holders of roles, webhooks that want the event, chat rooms.

The outbox row was written with what it tells; here it is worked out, some seconds later, to whom it goes. A
notice that goes to nobody is marked all the same and kept: whoever looks sees that there was nobody to tell.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from talktime.accounts.documents import tenant_of
from talktime.ledger.deliveries import CHAT, MAIL, WEBHOOK, NewDelivery
from talktime.notices.chat import room
from talktime.notices.recipients import recipients
from talktime.notices.webhooks import Webhook, read_webhook

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.catalog.side_model import Roles
    from talktime.ledger.deliveries import Deliveries, OutboxRow

MAX_NOTICES: Final = 64
"""Notices that are read at a time."""

MAX_WRITTEN: Final = 256
"""Deliveries from which on a transaction ends: calls wait for SQLite's one writer, so it writes briefly."""

log = logging.getLogger(__name__)


class FanOut:
    """Turns waiting notices into deliveries. Blocks; any number may work on one database."""

    def __init__(self, deliveries: Deliveries, roles: Roles) -> None:
        self._deliveries = deliveries
        self._roles = roles

    def step(self, now_us: int) -> int:
        """Fans out the oldest notices that wait; returns how many it looked at, 0 for none that wait."""
        rows = self._deliveries.waiting_notices(MAX_NOTICES)
        if not rows:
            return 0
        names = {row.tenant for row in rows}
        tenants = read_tenants(self._deliveries.tenants(names))
        webhooks = read_webhooks(self._deliveries.webhooks(names))
        batch: dict[int, Sequence[NewDelivery]] = {}
        written = 0
        for row in rows:
            tenant = tenants.get(row.tenant)
            own = webhooks.get(row.tenant, {}).values()
            batch[row.id] = () if tenant is None else tuple(deliveries_of(row, tenant, own, self._roles))
            written += len(batch[row.id])
            if written >= MAX_WRITTEN:
                self._deliveries.fan_out(batch, now_us)
                batch, written = {}, 0
        if batch:
            self._deliveries.fan_out(batch, now_us)
        return len(rows)


def deliveries_of(
    row: OutboxRow, tenant: Tenant, webhooks: Iterable[Webhook], roles: Roles
) -> Iterator[NewDelivery]:
    """To whom a notice goes, by which channel; each once."""
    for person in recipients(tenant, row.kind, roles):
        yield NewDelivery(row.tenant, row.id, MAIL, person.address)
    for webhook in webhooks:
        if webhook.wants(row.kind):
            yield NewDelivery(row.tenant, row.id, WEBHOOK, webhook.id)
    for name in dict.fromkeys(room(url) for url in tenant.alerts.chat):
        yield NewDelivery(row.tenant, row.id, CHAT, name)


def read_tenants(documents: Mapping[str, str]) -> dict[str, Tenant]:
    """Documents -> tenants, without their people; one that cannot be read is logged and absent."""
    found = {}
    for name, document in documents.items():
        try:
            found[name] = tenant_of(document, (), ())
        except msgspec.MsgspecError:
            log.exception("the document of tenant %r cannot be read; its notices go to nobody", name)
    return found


def read_webhooks(rows: Sequence[tuple[str, str, str]]) -> dict[str, dict[str, Webhook]]:
    """(tenant, id, document) -> webhooks by tenant and id; one that cannot be read is logged and absent."""
    found: dict[str, dict[str, Webhook]] = {}
    for tenant, key, document in rows:
        try:
            found.setdefault(tenant, {})[key] = read_webhook(document)
        except msgspec.MsgspecError:
            log.exception("webhook %r of tenant %r cannot be read; nothing is sent to it", key, tenant)
    return found
