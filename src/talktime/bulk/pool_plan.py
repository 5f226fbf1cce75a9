"""The pools of a run: which exist, how large they are at each instant, and which may pay for which call.

A pool is one counter of one plan for its owner (country group, user or whole tenant) in one billing month;
its size follows the licences (domain.md 5, rulings.md 15).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from talktime.accounts.tenant import Licence, Tenant
from talktime.bulk.payers import Payers, changes
from talktime.bulk.state import NONE, Pools
from talktime.catalog.classify import PlanPoolRef
from talktime.catalog.model import (
    BASIS_PURCHASED,
    SCOPE_COUNTRY,
    SCOPE_TENANT,
    Catalogue,
    Plan,
    PlanPool,
)
from talktime.core.limits import NO_LIMIT

SECONDS_A_MINUTE = 60


class PoolKey(NamedTuple):
    """What makes a pool: plan, counter, owner (country group, user, or "" for the tenant), month."""

    plan: str
    kind: str
    owner: str
    month: int


@dataclass(slots=True)
class PoolPlan:
    """Hands out pools and chains of pools by number, and builds the columns of the settlement loop."""

    catalogue: Catalogue
    tenant: Tenant
    payers: Payers
    keys: list[PoolKey] = field(default_factory=list)
    chains: list[tuple[int, ...]] = field(default_factory=list)
    _pool_numbers: dict[PoolKey, int] = field(default_factory=dict)
    _chain_numbers: dict[tuple[int, ...], int] = field(default_factory=dict)
    _sizes: dict[tuple[str, str, str], list[tuple[int, int]]] = field(default_factory=dict)

    def chain(self, refs: Sequence[PlanPoolRef], payer: int, month: int) -> int:
        """The number of the chain of pools that may pay for a call of this payer in this month, or NONE."""
        if not refs:
            return NONE
        pools = tuple(self._pool(ref.plan, ref.pool.kind, payer, month) for ref in refs)
        if pools not in self._chain_numbers:
            self._chain_numbers[pools] = len(self.chains)
            self.chains.append(pools)
        return self._chain_numbers[pools]

    def _pool(self, plan: str, kind: str, payer: int, month: int) -> int:
        return self._number(PoolKey(plan, kind, self._owner(self.catalogue.plans[plan], payer), month))

    def _number(self, key: PoolKey) -> int:
        if key not in self._pool_numbers:
            self._pool_numbers[key] = len(self.keys)
            self.keys.append(key)
        return self._pool_numbers[key]

    def _owner(self, plan: Plan, payer: int) -> str:
        if plan.scope == SCOPE_TENANT:
            return ""
        holder = self.payers.payers[payer]
        return self.catalogue.pool_group(holder.location) if plan.scope == SCOPE_COUNTRY else holder.key

    def columns(self) -> Pools:
        """The columns of the loop, as lists."""
        partner = [self._partner(key) for key in self.keys]
        partner += [self._partner(key) for key in self.keys[len(partner) :]]
        chain_at = [0]
        for chain in self.chains:
            chain_at.append(chain_at[-1] + len(chain))
        size_at, size_from, sizes = [0], [], []
        for key in self.keys:
            for from_us, size_s in self.sizes_of(key):
                size_from.append(from_us)
                sizes.append(size_s)
            size_at.append(len(sizes))
        return Pools(
            chain_at=chain_at,
            chain_pools=[pool for chain in self.chains for pool in chain],
            size_at=size_at,
            size_from_us=size_from,
            sizes_s=sizes,
            partner=partner,
            used_s=[0] * len(self.keys),
            peak_s=[0] * len(self.keys),
        )

    def _partner(self, key: PoolKey) -> int:
        """The other counter of a plan that closes both when either is full; made if no call asked for it."""
        plan = self.catalogue.plans[key.plan]
        if not plan.strict_or:
            return NONE
        others = [pool.kind for pool in plan.pools if pool.kind != key.kind]
        return self._number(key._replace(kind=others[0])) if others else NONE

    def sizes_of(self, key: PoolKey) -> list[tuple[int, int]]:
        """(from instant, seconds) of a pool, in order of time; the same in every month."""
        known = (key.plan, key.kind, key.owner)
        if known not in self._sizes:
            plan = self.catalogue.plans[key.plan]
            pool = next(p for p in plan.pools if p.kind == key.kind)
            self._sizes[known] = pool_sizes(self.catalogue, self.tenant, self.payers, plan, pool, key.owner)
        return self._sizes[known]


def pool_sizes(
    catalogue: Catalogue, tenant: Tenant, payers: Payers, plan: Plan, pool: PlanPool, owner: str
) -> list[tuple[int, int]]:
    """The size of a pool in seconds from each instant at which licences change."""
    holders = [
        (payer.location, licence)
        for payer in payers.payers
        for licence in payer.licences
        if licence.plan == plan.code and _belongs(catalogue, plan, owner, payer.location, payer.key)
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
    return sizes


def _minutes(held: Sequence[tuple[str, Licence]], pool: PlanPool) -> int:
    return min(NO_LIMIT, sum(pool.minutes_for(country) for country, _ in held))


def _belongs(catalogue: Catalogue, plan: Plan, owner: str, location: str, key: str) -> bool:
    if plan.scope == SCOPE_TENANT:
        return True
    return owner == (catalogue.pool_group(location) if plan.scope == SCOPE_COUNTRY else key)
