"""How long the balance lasts, and its course until then, by what was paid on the last full days."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from talktime.accounts.calendar import day_of
from talktime.core.alerts import HISTORY_DAYS, Runway, fit_of
from talktime.insight.credits_history import Ahead, ahead
from talktime.notices.alerts import purses, runway_of

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.ledger.reading import KeptWallet, Reader


class RunwayAhead(NamedTuple):
    """How long a wallet lasts, and its balance at the end of each day until then."""

    runway: Runway
    ahead: tuple[Ahead, ...]


def runway_ahead(reader: Reader, tenant: Tenant, wallet: KeptWallet, now_us: int) -> RunwayAhead:
    """As `runway_now`, with the days to come. Blocks; raises StoreAway."""
    days, zone = paid_days(reader, tenant, now_us), tenant.time_zone
    today = day_of(now_us, zone)
    return RunwayAhead(
        runway_of(days, wallet.balance, wallet.lots, now_us, zone),
        ahead(fit_of(days, today), purses(wallet.lots, zone, wallet.overdraft), today),
    )


def runway_now(reader: Reader, tenant: Tenant, wallet: KeptWallet, now_us: int) -> Runway:
    """The runway of a wallet by the full days before today in the tenant's zone. Blocks; raises StoreAway."""
    return runway_of(paid_days(reader, tenant, now_us), wallet.balance, wallet.lots, now_us, tenant.time_zone)


def paid_days(reader: Reader, tenant: Tenant, now_us: int) -> list[tuple[int, int]]:
    """[(local day, micros paid)] of the days that a forecast looks at. Blocks; raises StoreAway."""
    today = day_of(now_us, tenant.time_zone)
    return [(day, paid) for day, paid, _ in reader.days(tenant.id, today - HISTORY_DAYS, today)]
