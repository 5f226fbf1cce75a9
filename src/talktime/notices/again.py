"""A notice again, because somebody asks for it: to whoever would be told of it today, and to nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.catalog.side import load_roles
from talktime.ledger.deliveries import Deliveries
from talktime.ledger.sending_again import notice_of, write_again
from talktime.notices.fan_out import deliveries_of, read_tenants, read_webhooks

if TYPE_CHECKING:
    from talktime.catalog.side_model import Roles
    from talktime.ledger.database import DatabaseUrl


def send_again(
    url: DatabaseUrl, tenant: str, notice: int, now_us: int, roles: Roles | None = None
) -> int | None:
    """Sends a notice again; returns how many deliveries wait for it now, None where there is no such notice.

    Mails go to who holds a role for it today, webhooks and chat rooms as they are set today. 0: all of them
    wait already, or nobody is there to be told. Blocks; raises StoreAway.
    """
    row = notice_of(url, tenant, notice)
    if row is None:
        return None
    deliveries = Deliveries(url)
    own = read_tenants(deliveries.tenants([tenant])).get(tenant)
    if own is None:
        return 0
    webhooks = read_webhooks(deliveries.webhooks([tenant])).get(tenant, {})
    today = list(deliveries_of(row, own, webhooks.values(), roles or load_roles()))
    return write_again(url, row, today, now_us)
