"""How a tenant stands: what is left of its pools and caps, its credits, and how its calls are funded.

Worked out for people from the documents and counters that were read; nothing here decides about a call.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import month_start_us
from talktime.accounts.funding_terms import billing_account
from talktime.accounts.pool_sizes import pool_key
from talktime.core.limits import NO_LIMIT
from talktime.core.modes import Mode, mode
from talktime.ledger.records import Counter
from talktime.live.tenant import POOL, pool_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from talktime.live.tenant import LiveTenant

_UNUSED: Final = Counter(0, 0)


@dataclass(frozen=True, slots=True)
class PoolStanding:
    """A pool in a month, in seconds. `size_s` and `left_s` None: without limit; `owner` "": the tenant."""

    name: str
    plan: str
    kind: str
    owner: str
    month: int
    size_s: int | None
    used_s: int
    reserved_s: int

    @property
    def left_s(self) -> int | None:
        """What nobody used or reserved."""
        return None if self.size_s is None else max(0, self.size_s - self.used_s - self.reserved_s)


@dataclass(frozen=True, slots=True)
class CapStanding:
    """A spend cap in a month, in micros."""

    scope: str
    id: str
    month: int
    limit: int
    spent: int
    reserved: int

    @property
    def left(self) -> int:
        """What may still be spent."""
        return max(0, self.limit - self.spent - self.reserved)


def pools_of(
    tenant: LiveTenant, counters: Mapping[tuple[str, int], Counter], month: int, now_us: int
) -> list[PoolStanding]:
    """The pools that licences give or that were used in a month, by name.

    The size is that of now, or of the last instant of a month that is over (rulings.md 15).
    """
    time_zone = tenant.tenant.time_zone
    at_us = min(now_us, month_start_us(month + 1, time_zone) - 1)
    at_us = max(at_us, month_start_us(month, time_zone))
    used = {name for name, period in counters if period == month and name.startswith(POOL)}
    found = []
    for name in sorted(used | set(_given(tenant, at_us))):
        plan, kind, owner = name.removeprefix(POOL).split("/", 2)
        if plan not in tenant.catalogue.plans:
            continue
        size_s = tenant.size_s(name, at_us)
        counter = counters.get((name, month), _UNUSED)
        limit_s = None if size_s >= NO_LIMIT else size_s
        found.append(PoolStanding(name, plan, kind, owner, month, limit_s, counter.used, counter.reserved))
    return found


def _given(tenant: LiveTenant, at_us: int) -> Iterator[str]:
    """The names of the pools that payers have at an instant."""
    for index, payer in enumerate(tenant.payers.payers):
        for plan in tenant.plans_of(index, at_us):
            for pool in tenant.catalogue.plans[plan].pools:
                yield pool_name(pool_key(tenant.catalogue, payer, plan, pool.kind, 0))


def caps_of(tenant: LiveTenant, counters: Mapping[tuple[str, int], Counter], month: int) -> list[CapStanding]:
    """The spend caps in force, users first, with what was spent and is reserved in a month."""
    limits = tenant.caps
    named = [
        ("user", payer.key, limit)
        for payer, limit in zip(limits.payers.payers, limits.user_limits, strict=True)
        if limit is not None
    ]
    named += [("cost_centre", centre, limit) for centre, limit in sorted(limits.centre_limits.items())]
    if limits.tenant_limit is not None:
        named.append(("tenant", tenant.tenant.id, limits.tenant_limit))
    found = []
    for scope, id_, limit in named:
        key = {"user": f"cap:user/{id_.lower()}", "tenant": "cap:tenant"}.get(scope, f"cap:{scope}/{id_}")
        counter = counters.get((key, month), _UNUSED)
        found.append(CapStanding(scope, id_, month, limit, counter.used, counter.reserved))
    return found


def mode_of(tenant: LiveTenant, balance: int) -> Mode:
    """How paid calls are funded at this balance in micros (rulings.md 29)."""
    account = billing_account(tenant.tenant, tenant.catalogue)
    enabled = account is not None and account.post_usage_enabled
    return mode(tenant.terms.is_mca, tenant.tenant.auto_recharge.enabled, enabled, balance)
