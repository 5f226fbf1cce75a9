"""A tenant made ready for charging: who may call, which pools and caps they move, on which terms.

Made from the stored documents when a tenant is first needed or has changed; everything here is looked up,
nothing is read from a store.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from talktime.accounts.calendar import day_of, day_start_us, month_of, month_start_us
from talktime.accounts.documents import tenant_of
from talktime.accounts.eligibility import eligibility
from talktime.accounts.funding_terms import Terms, terms_of
from talktime.accounts.payers import NOBODY, Payers, payers_of
from talktime.accounts.pool_sizes import PoolKey, partner_of, pool_key, pool_sizes, size_at
from talktime.accounts.spend_caps import CapLimits, cap_limits
from talktime.accounts.tenant import Tenant
from talktime.core.limits import ALWAYS_US, NEVER_US, NO_LIMIT
from talktime.core.prefix import PrefixTable, prefix_table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from talktime.catalog.classify import PlanPoolRef
    from talktime.catalog.model import Catalogue
    from talktime.ledger.store import Documents


@dataclass(slots=True)
class LiveTenant:
    """What the commands of calls ask of a tenant. Sizes of pools are worked out once and kept."""

    tenant: Tenant
    catalogue: Catalogue
    payers: Payers
    terms: Terms
    caps: CapLimits
    bindings: tuple[tuple[str, int, str], ...]
    barred: PrefixTable
    hours_forgotten: int = 0
    _month: tuple[int, int, int] = (0, 0, 0)
    _day: tuple[int, int, int] = (0, 0, 0)
    _refill: tuple[int, int, bool] = (0, 0, False)
    _caps: dict[tuple[int, int], tuple[tuple[str, int], ...]] = field(default_factory=dict)
    _limit_of: dict[str, int] = field(default_factory=dict)
    _pools: dict[str, PoolKey] = field(default_factory=dict)
    _sizes: dict[str, tuple[tuple[int, int], ...]] = field(default_factory=dict)

    def plans_of(self, payer: int, at_us: int) -> tuple[str, ...]:
        """The plan codes that a payer holds at an instant."""
        state = self.payers.state_at(payer, at_us)
        return () if state == NOBODY else self.payers.states[state].plans

    def month_of(self, at_us: int) -> int:
        """The billing month of an instant; the last one asked for is remembered with its span."""
        from_us, until_us, month = self._month
        if not from_us <= at_us < until_us:
            zone = self.tenant.time_zone
            month = month_of(at_us, zone)
            self._month = (month_start_us(month, zone), month_start_us(month + 1, zone), month)
        return month

    def day_of(self, at_us: int) -> int:
        """The local day of an instant, counted since 1970; remembered like the month."""
        from_us, until_us, day = self._day
        if not from_us <= at_us < until_us:
            zone = self.tenant.time_zone
            day = day_of(at_us, zone)
            self._day = (day_start_us(day, zone), day_start_us(day + 1, zone), day)
        return day

    def may_refill(self, at_us: int) -> bool:
        """Whether a rule that is on may buy: by eligibility, under MCA without that check (rulings.md 28).

        Worked out again when a subscription, a licence or an exception begins or ends, not before.
        """
        from_us, until_us, may = self._refill
        if not from_us <= at_us < until_us:
            may = self.terms.is_mca or eligibility(self.tenant, self.catalogue, at_us).can_buy
            turns = self._turns_us()
            from_us = max((each for each in turns if each <= at_us), default=ALWAYS_US)
            self._refill = (from_us, min((each for each in turns if each > at_us), default=NEVER_US), may)
        return may

    def _turns_us(self) -> set[int]:
        """When something begins or ends that eligibility looks at."""
        turns = {state.from_us for state in self.payers.states}
        turns |= {waiver.until_us for waiver in self.tenant.waivers}
        for bought in self.tenant.subscriptions:
            turns |= {bought.from_us, bought.until_us}
        return turns

    def caps_of(self, user: int, service: int) -> tuple[tuple[str, int], ...]:
        """(counter, limit in micros) of the month's caps that a call of these payers moves."""
        found = self._caps.get((user, service))
        if found is None:
            found = self._caps[user, service] = tuple(self._limits(user, service))
        return found

    def limit_of(self, counter: str) -> int:
        """The limit of a counter of money as it stands now; NO_LIMIT where nothing limits it any more.

        A lowered cap cuts no reservation, but what a call asks for later (rulings.md 18).
        """
        if counter not in self._limit_of:
            self._limit_of[counter] = self._limit(counter)
        return self._limit_of[counter]

    def _limit(self, counter: str) -> int:
        scope, _, whose = counter.partition("/")
        guards, caps = self.tenant.guards, self.caps
        user = self.payers.by_upn.get(whose, self.payers.by_id.get(whose, NOBODY))
        limit = {
            "cap:tenant": caps.tenant_limit,
            "cap:cost_centre": caps.centre_limit(whose),
            "cap:user": caps.user_limit(user),
            "hour:tenant": guards.dear_an_hour_micros,
            "hour:user": guards.dear_an_hour_per_user_micros,
        }[scope]
        return NO_LIMIT if limit is None else limit

    def _limits(self, user: int, service: int) -> Iterator[tuple[str, int]]:
        limits = self.caps
        of_user = limits.user_limit(user)
        if of_user is not None:
            yield f"cap:user/{self.payers.payers[user].key.lower()}", of_user
        centre = limits.centre_of(user, service)
        of_centre = limits.centre_limit(centre)
        if of_centre is not None:
            yield f"cap:cost_centre/{centre}", of_centre
        if limits.tenant_limit is not None:
            yield "cap:tenant", limits.tenant_limit

    def pool(self, ref: PlanPoolRef, payer: int) -> str:
        """The name of the counter of a pool; its period is the billing month."""
        key = pool_key(self.catalogue, self.payers.payers[payer], ref.plan, ref.pool.kind, 0)
        name = pool_name(key)
        self._pools.setdefault(name, key)
        return name

    def size_s(self, name: str, at_us: int) -> int:
        """The size of a pool for a call that starts at an instant.

        0 where the catalogue has lost the plan: nobody gets more of it, what calls hold stays good.
        """
        if self._key(name).plan not in self.catalogue.plans:
            return 0
        if name not in self._sizes:
            self._sizes[name] = pool_sizes(self.catalogue, self.tenant, self.payers, self._key(name))
        return size_at(self._sizes[name], at_us)

    def partner(self, name: str) -> str:
        """The other pool that closes this one when it is empty, or ""."""
        if self._key(name).plan not in self.catalogue.plans:
            return ""
        other = partner_of(self.catalogue, self._key(name))
        return "" if other is None else pool_name(other)

    def _key(self, name: str) -> PoolKey:
        if name not in self._pools:
            plan, kind, owner = name.removeprefix(POOL).split("/", 2)
            self._pools[name] = PoolKey(plan, kind, owner, 0)
        return self._pools[name]

    def deck_at(self, currency: str, at_us: int) -> str:
        """The version of the deck that the tenant itself is bound to at an instant, or ""."""
        return bound_at(self.bindings, currency, at_us)


POOL = "pool:"


def pool_name(key: PoolKey) -> str:
    """`pool:PLAN/kind/owner`: the counter of a pool."""
    return f"{POOL}{key.plan}/{key.kind}/{key.owner}"


def bound_at(bindings: Sequence[tuple[str, int, str]], currency: str, at_us: int) -> str:
    """The deck in force at an instant among (currency, valid from, version); "" where none is."""
    found, since_us = "", ALWAYS_US
    for bound, from_us, version in bindings:
        if bound == currency and since_us <= from_us <= at_us:
            found, since_us = version, from_us
    return found


def live_tenant(documents: Documents, catalogue: Catalogue) -> LiveTenant:
    """Makes a tenant ready for charging. Raises ValueError for documents that are none of ours."""
    tenant = tenant_of(documents.tenant, documents.users, documents.service_numbers)
    payers = payers_of(tenant, catalogue)
    return LiveTenant(
        tenant=tenant,
        catalogue=catalogue,
        payers=payers,
        terms=terms_of(tenant, catalogue, recharge_on=tenant.auto_recharge.enabled),
        caps=cap_limits(tenant, payers),
        bindings=tuple(documents.bindings),
        barred=prefix_table(sorted(set(tenant.guards.barred_prefixes))),
    )
