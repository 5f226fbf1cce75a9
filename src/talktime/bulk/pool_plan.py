"""The pools of a run: which calls may use, numbered, with their sizes, as the columns of the settlement loop.

What a pool is, how large it is and what closes it are the rules of `accounts.pool_sizes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from talktime.accounts.payers import Payers
from talktime.accounts.pool_sizes import PoolKey, partner_of, pool_key, pool_sizes
from talktime.accounts.tenant import Tenant
from talktime.bulk.state import NONE, Pools
from talktime.catalog.classify import PlanPoolRef
from talktime.catalog.model import Catalogue


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
    _sizes: dict[tuple[str, str, str], tuple[tuple[int, int], ...]] = field(default_factory=dict)

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
        return self._number(pool_key(self.catalogue, self.payers.payers[payer], plan, kind, month))

    def _number(self, key: PoolKey) -> int:
        if key not in self._pool_numbers:
            self._pool_numbers[key] = len(self.keys)
            self.keys.append(key)
        return self._pool_numbers[key]

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
        """The pool that closes this one when it is full, or NONE; made if no call asked for it."""
        partner = partner_of(self.catalogue, key)
        return NONE if partner is None else self._number(partner)

    def sizes_of(self, key: PoolKey) -> tuple[tuple[int, int], ...]:
        """(from instant, seconds) of a pool, in order of time; the same in every month."""
        known = (key.plan, key.kind, key.owner)
        if known not in self._sizes:
            self._sizes[known] = pool_sizes(self.catalogue, self.tenant, self.payers, key)
        return self._sizes[known]
