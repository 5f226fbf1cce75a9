"""How long the balance lasts at the rate at which it is spent, by what was paid on the last full days."""

from __future__ import annotations

from typing import TYPE_CHECKING

from talktime.accounts.calendar import day_of
from talktime.core.alerts import LONG_DAYS, Runway, runway

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.ledger.reading import Reader


def runway_now(reader: Reader, tenant: Tenant, balance: int, now_us: int) -> Runway:
    """The runway of `balance` micros by the last full days in the tenant's zone. Blocks; raises StoreAway."""
    today = day_of(now_us, tenant.time_zone)
    days = reader.days(tenant.id, today - LONG_DAYS, today)
    return runway(((day, paid) for day, paid, _ in days), balance, today)
