"""The pools of a run: which calls may use, numbered, with their sizes, as the columns of the settlement loop.

What a pool is, how large it is and what closes it are the rules of `accounts.pool_sizes`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from talktime.accounts.pool_sizes import PoolKey, partner_of, pool_key, pool_sizes
from talktime.bulk.codes import Coded, different, different_rows
from talktime.bulk.situations import NO_POOLS
from talktime.bulk.state import NONE, Pools
from talktime.catalog.model import SCOPE_COUNTRY, SCOPE_TENANT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.customers import Customer
    from talktime.bulk.setting import Setting

    Ints = NDArray[np.int64]


class TenantPool(NamedTuple):
    """A pool of a tenant of the run, by the tenant's number."""

    tenant: int
    key: PoolKey


@dataclass(slots=True)
class PoolPlan:
    """Hands out pools and chains of pools by number, and builds the columns of the settlement loop."""

    setting: Setting
    pools: list[TenantPool] = field(default_factory=list)
    chains: list[tuple[int, ...]] = field(default_factory=list)
    _pool_numbers: dict[TenantPool, int] = field(default_factory=dict)
    _chain_numbers: dict[tuple[int, ...], int] = field(default_factory=dict)

    def chains_of(self, codes: Ints, payer: Ints, month: Ints) -> Ints:
        """The chain of pools that may pay for each call, or NONE; asked once per pools, holder and month.

        `codes` are lists of pools (`PoolCodes`), `payer` whose licences fill them.
        """
        found = np.full(len(codes), NONE, np.int64)
        rows = np.flatnonzero(codes != NO_POOLS)
        if not len(rows):
            return found
        lists, list_of = different(codes[rows], self.setting.find)
        alone = np.array([self._is_own(code) for code in lists.tolist()], np.bool_)[list_of]
        fellows = self.setting.customers.pool_fellows
        holder = np.where(alone, payer[rows], fellows[payer[rows]])
        first = int(month[rows].min())
        columns, at = different_rows(
            [
                Coded(list_of, len(lists)),
                Coded(holder, self.setting.customers.payer_count + 1),
                Coded(month[rows] - first, int(month[rows].max()) - first + 1),
            ],
            self.setting.find,
        )
        numbers = [
            self._chain(int(lists[which]), of, first + since)
            for which, of, since in zip(*(column.tolist() for column in columns), strict=True)
        ]
        found[rows] = np.array(numbers, np.int64)[at]
        return found

    def _is_own(self, code: int) -> bool:
        """Whether one of the pools belongs to its holder alone."""
        plans = self.setting.catalogue.plans
        scopes = {plans[ref.plan].scope for ref in self.setting.pool_codes.pools_of(code)}
        return not scopes <= {SCOPE_TENANT, SCOPE_COUNTRY}

    def _chain(self, code: int, holder: int, month: int) -> int:
        tenant = int(self.setting.customers.tenant_of[holder])
        customer = self.setting.customers.all[tenant]
        payer = customer.payers.payers[holder - customer.first]
        pools = tuple(
            self._number(
                TenantPool(tenant, pool_key(self.setting.catalogue, payer, ref.plan, ref.pool.kind, month))
            )
            for ref in self.setting.pool_codes.pools_of(code)
        )
        if pools not in self._chain_numbers:
            self._chain_numbers[pools] = len(self.chains)
            self.chains.append(pools)
        return self._chain_numbers[pools]

    def _number(self, pool: TenantPool) -> int:
        if pool not in self._pool_numbers:
            self._pool_numbers[pool] = len(self.pools)
            self.pools.append(pool)
        return self._pool_numbers[pool]

    def columns(self) -> Pools:
        """The columns of the loop."""
        partner = [self._partner(pool) for pool in self.pools]
        partner += [self._partner(pool) for pool in self.pools[len(partner) :]]
        chain_at = [0]
        for chain in self.chains:
            chain_at.append(chain_at[-1] + len(chain))
        size_at, size_from, sizes = [0], [], []
        known: dict[tuple[int, str, str, str], tuple[tuple[int, int], ...]] = {}
        for pool in self.pools:
            same = (pool.tenant, pool.key.plan, pool.key.kind, pool.key.owner)  # in every month
            if same not in known:
                customer: Customer = self.setting.customers.all[pool.tenant]
                known[same] = pool_sizes(self.setting.catalogue, customer.tenant, customer.payers, pool.key)
            for from_us, size_s in known[same]:
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
            used_s=[0] * len(self.pools),
            peak_s=[0] * len(self.pools),
        )

    def _partner(self, pool: TenantPool) -> int:
        """The pool that closes this one when it is full, or NONE; made if no call asked for it."""
        partner = partner_of(self.setting.catalogue, pool.key)
        return NONE if partner is None else self._number(TenantPool(pool.tenant, partner))
