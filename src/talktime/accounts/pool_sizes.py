"""Pools of a tenant: who shares one, how large it is from which instant on, and which other closes it.

A pool is one counter of one plan for its owner (country group, user or whole tenant) in one billing month;
its size follows the licences (domain.md 5, rulings.md 15).
"""

from bisect import bisect_right
from collections.abc import Sequence
from operator import itemgetter
from typing import Final, NamedTuple

from talktime.accounts.payers import Payer, Payers, changes
from talktime.accounts.tenant import Licence, Tenant
from talktime.catalog.model import (
    BASIS_PURCHASED,
    SCOPE_COUNTRY,
    SCOPE_TENANT,
    Catalogue,
    Plan,
    PlanPool,
)
from talktime.core.limits import NO_LIMIT

SECONDS_A_MINUTE: Final = 60


class PoolKey(NamedTuple):
    """What makes a pool: plan, counter, owner (country group, user, or "" for the tenant), month."""

    plan: str
    kind: str
    owner: str
    month: int


def pool_owner(catalogue: Catalogue, plan: Plan, payer: Payer) -> str:
    """Who shares a plan's pools with this payer: "" (the tenant), a country group or the payer alone."""
    if plan.scope == SCOPE_TENANT:
        return ""
    return catalogue.pool_group(payer.location) if plan.scope == SCOPE_COUNTRY else payer.key


def pool_key(catalogue: Catalogue, payer: Payer, plan: str, kind: str, month: int) -> PoolKey:
    """The pool that a payer uses of a counter of a plan, in a billing month of `calendar.month_of`."""
    return PoolKey(plan, kind, pool_owner(catalogue, catalogue.plans[plan], payer), month)


def partner_of(catalogue: Catalogue, key: PoolKey) -> PoolKey | None:
    """The other counter of a plan that closes both when either is full (`strict_or`, domain.md 5)."""
    plan = catalogue.plans[key.plan]
    if not plan.strict_or:
        return None
    others = [pool.kind for pool in plan.pools if pool.kind != key.kind]
    return key._replace(kind=others[0]) if others else None


def pool_sizes(
    catalogue: Catalogue, tenant: Tenant, payers: Payers, key: PoolKey
) -> tuple[tuple[int, int], ...]:
    """(from instant in us, seconds) of a pool, in order of time, one entry where licences change.

    The first begins before time; an unlimited pool has NO_LIMIT seconds. The same in every month.
    """
    plan = catalogue.plans[key.plan]
    pool = next(p for p in plan.pools if p.kind == key.kind)
    holders = [
        (payer.location, licence)
        for payer, licence in _near(payers, plan, key.owner)
        if pool_owner(catalogue, plan, payer) == key.owner
    ]
    bought = [s for s in tenant.subscriptions if s.plan == plan.code]
    by_purchase = plan.basis == BASIS_PURCHASED and bool(bought)
    spans = [licence for _, licence in holders]
    spans += [Licence(s.plan, s.from_us, s.until_us) for s in bought] if by_purchase else []
    sizes = []
    for from_us in changes(spans):
        minutes = _minutes([(c, li) for c, li in holders if li.from_us <= from_us < li.until_us], pool)
        if by_purchase and minutes < NO_LIMIT:
            purchased = sum(s.purchased for s in bought if s.from_us <= from_us < s.until_us)
            assigned = sum(li.from_us <= from_us < li.until_us for _, li in holders)
            minutes = minutes + max(0, purchased - assigned) * pool.minutes_for(tenant.country)
        sizes.append((from_us, min(minutes * SECONDS_A_MINUTE, NO_LIMIT)))
    return tuple(sizes)


def _near(payers: Payers, plan: Plan, owner: str) -> Sequence[tuple[Payer, Licence]]:
    """Who may share a pool of this owner; of a pool that is one payer's alone nobody else is looked at."""
    if plan.scope in (SCOPE_TENANT, SCOPE_COUNTRY):
        return payers.holders(plan.code)
    return payers.own_licences(owner, plan.code)


def size_at(sizes: Sequence[tuple[int, int]], at_us: int) -> int:
    """The seconds of a pool with these `pool_sizes` for a call that starts at an instant."""
    begun = bisect_right(sizes, at_us, key=itemgetter(0))
    return sizes[max(begun - 1, 0)][1]


def _minutes(held: Sequence[tuple[str, Licence]], pool: PlanPool) -> int:
    return min(NO_LIMIT, sum(pool.minutes_for(country) for country, _ in held))
