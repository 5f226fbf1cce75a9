"""Pools of the usage: which ran over, when and what that cost; which were too large, by how many licences.

A plan has licences to spare whose minutes were needed in none of the whole months; of these, as many can go
without changing any charge as belong to holders who made no call and got none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.accounts.calendar import day_name, day_of, month_name, month_start_us
from talktime.accounts.payers import NOBODY
from talktime.accounts.pool_sizes import SECONDS_A_MINUTE, PoolKey, pool_owner, pool_sizes, size_at
from talktime.catalog.model import BASIS_PURCHASED, SCOPE_USER
from talktime.core.limits import NO_LIMIT
from talktime.core.money import ceil_div, format_money
from talktime.insight.planner.days_seen import days_seen
from talktime.insight.planner.document import PoolFound, Pools
from talktime.insight.planner.pool_rows import NOTHING_BEYOND, beyond, pool_uses
from talktime.insight.wording import counted

if TYPE_CHECKING:
    from talktime.accounts.payers import Payer
    from talktime.bulk.customers import Customer
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue, Plan

CONSUMERS: Final = 5
"""Users of a pool that are named."""

MOST_SAID: Final = 12
"""Sentences on pools that ran over."""

MOST_SPARE: Final = 5
"""Sentences on plans that have licences to spare."""

NEEDED_THOUGH: Final = "Whoever calls or is called on such a plan needs a licence of it, though."


def pools_found(replayed: Replayed, catalogue: Catalogue) -> Pools:
    """The pools of a run of one tenant, and what is to be said of them."""
    tenant, done = replayed.run.tenant, replayed.done
    plans = catalogue.plans
    late, top = beyond(replayed), _top(replayed)
    pools: list[PoolFound] = []
    own: list[PoolFound] = []
    for number, use in enumerate(replayed.run.pools):
        came = late.get(number, NOTHING_BEYOND)
        full_us = use.at_100_us
        found = PoolFound(
            plan=use.plan,
            kind=use.kind,
            owner=use.owner,
            month=use.month,
            size_s=use.size_s,
            used_s=use.used_s,
            full_us=full_us,
            full_day="" if full_us is None else day_name(day_of(full_us, tenant.time_zone)),
            beyond_calls=came.calls,
            beyond_s=came.seconds,
            beyond_amount=came.amount,
            top=top.get(number, ()),
        )
        (own if plans[use.plan].scope == SCOPE_USER else pools).append(found)
    first, last = int(done.prepared.month.min()), int(done.prepared.month.max())
    pools += _unasked(pools, replayed, catalogue, range(first, last + 1))
    pools.sort(key=lambda pool: (pool.plan, pool.owner, pool.kind, pool.month))
    return Pools(
        pools=tuple(pools),
        single=len(own),
        single_full=sum(pool.full_us is not None for pool in own),
        says=_says(pools, replayed, catalogue),
    )


def _top(replayed: Replayed) -> dict[int, tuple[tuple[str, int], ...]]:
    """Pool -> the users (or numbers) that used most of it, with their seconds."""
    keys = replayed.setting.customers.keys
    uses = pool_uses(replayed)
    payer = replayed.done.prepared.payer[uses["row"].to_numpy()]
    used = uses.with_columns(pl.Series("payer", payer)).group_by("pool", "payer").agg(pl.col("seconds").sum())
    most = used.sort(["pool", "seconds", "payer"], descending=[False, True, False])
    first = most.group_by("pool", maintain_order=True).agg(pl.col("payer", "seconds").head(CONSUMERS))
    return {
        pool: tuple((keys[payer], seconds) for payer, seconds in zip(payers, used_s, strict=True))
        for pool, payers, used_s in first.iter_rows()
    }


def _unasked(
    found: Sequence[PoolFound], replayed: Replayed, catalogue: Catalogue, months: range
) -> list[PoolFound]:
    """Shared pools of licences that are held and that no call of a month asked for."""
    known = {(pool.plan, pool.kind, pool.owner, pool.month) for pool in found}
    customer = replayed.setting.customers.all[0]
    zone = customer.tenant.time_zone
    unused = []
    for plan in catalogue.plans.values():
        owners = _owners(plan, customer, catalogue) if plan.pools and plan.scope != SCOPE_USER else ()
        for owner in owners:
            for pool in plan.pools:
                key = PoolKey(plan.code, pool.kind, owner, months.start)
                sizes = pool_sizes(catalogue, customer.tenant, customer.payers, key)
                for month in months:
                    size_s = _month_size_s(
                        sizes, month_start_us(month, zone), month_start_us(month + 1, zone)
                    )
                    if size_s and (plan.code, pool.kind, owner, month_name(month)) not in known:
                        unused.append(_unused(key._replace(month=month), size_s))
    return unused


def _owners(plan: Plan, customer: Customer, catalogue: Catalogue) -> list[str]:
    """Who has pools of a plan, by the licences that are held or bought."""
    owners = {pool_owner(catalogue, plan, payer) for payer, _ in customer.payers.holders(plan.code)}
    bought = any(one.plan == plan.code for one in customer.tenant.subscriptions)
    if not owners and bought and plan.basis == BASIS_PURCHASED:
        owners = {""}
    return sorted(owners)


def _month_size_s(sizes: Sequence[tuple[int, int]], from_us: int, until_us: int) -> int:
    """The largest size that a pool has in a month."""
    ends = [*(at_us for at_us, _ in sizes[1:]), NO_LIMIT]
    held = zip(sizes, ends, strict=True)
    return max(
        (size_s for (begins, size_s), ends_us in held if begins < until_us and ends_us > from_us), default=0
    )


def _unused(key: PoolKey, size_s: int) -> PoolFound:
    return PoolFound(
        plan=key.plan,
        kind=key.kind,
        owner=key.owner,
        month=month_name(key.month),
        size_s=None if size_s >= NO_LIMIT else size_s,
        used_s=0,
        full_us=None,
        full_day="",
        beyond_calls=0,
        beyond_s=0,
        beyond_amount=0,
        top=(),
    )


# --- in words -------------------------------------------------------------------------------------------


class _Held(NamedTuple):
    """Licences behind the pools of a plan at the end: how many, and who holds them.

    `counters`: (kind, seconds of the pool, the most seconds that one licence adds); unlimited ones are none.
    """

    licences: int
    holders: tuple[Payer, ...]
    counters: tuple[tuple[str, int, int], ...]


class _Spare(NamedTuple):
    """Licences that a plan has to spare, said; `in_use`: some of these belong to who calls or is called."""

    licences: int
    text: str
    in_use: bool


def _says(pools: Sequence[PoolFound], replayed: Replayed, catalogue: Catalogue) -> tuple[str, ...]:
    """Pools that ran over, dearest first; then plans with licences to spare, most first."""
    tenant = replayed.run.tenant
    full = {
        month_name(m)
        for m in days_seen(replayed.done.prepared.usage["start_us"], tenant.time_zone).full_months
    }
    over = [list(months) for _, months in groupby(pools, key=lambda pool: (pool.plan, pool.owner, pool.kind))]
    over = [family for family in over if any(pool.full_us is not None for pool in family)]
    over.sort(key=lambda family: -sum(pool.beyond_amount for pool in family))
    says = [_over(family, tenant.currency) for family in over]
    if len(says) > MOST_SAID:
        says[MOST_SAID:] = [f"{counted(len(says) - MOST_SAID, 'more pool')} ran over; the table has them."]
    whole = [pool for pool in pools if pool.month in full] if full else list(pools)
    spare = sorted(_too_large(whole, replayed, catalogue, whole_months=bool(full)), reverse=True)
    return (*says, *_spare_said(spare))


def _spare_said(spare: Sequence[_Spare]) -> Iterator[str]:
    """The first few plans with licences to spare; how many more there are; what holds for those in use."""
    yield from (one.text for one in spare[:MOST_SPARE])
    if len(spare) > MOST_SPARE:
        yield f"{counted(len(spare) - MOST_SPARE, 'more plan')} had licences to spare; the table has them."
    if any(one.in_use for one in spare):
        yield NEEDED_THOUGH


def _over(family: Sequence[PoolFound], currency: str) -> str:
    """When a pool ran over, and what came after."""
    full = [pool for pool in family if pool.full_us is not None]
    of = counted(len(family), "month")
    head = f"{_name(full[0])} was used up in {len(full)} of {of}, first on {full[0].full_day}"
    calls = sum(pool.beyond_calls for pool in full)
    if not calls:
        return f"{head}; no call came after it."
    amount = sum(pool.beyond_amount for pool in full)
    return f"{head}; {counted(calls, 'call')} beyond it cost {format_money(amount)} {currency}."


def _name(pool: PoolFound) -> str:
    """`MCOPSTN1 domestic US/PR`."""
    return " ".join(part for part in (pool.plan, pool.kind, pool.owner) if part)


def _too_large(
    pools: Sequence[PoolFound], replayed: Replayed, catalogue: Catalogue, *, whole_months: bool
) -> Iterator[_Spare]:
    """Each plan and owner that has licences to spare."""
    active = _active(replayed)
    for (code, owner), group in groupby(pools, key=lambda pool: (pool.plan, pool.owner)):
        months = list(group)
        held = _held(catalogue.plans[code], owner, replayed, catalogue)
        spare = _spare(months, catalogue.plans[code], held)
        if spare:
            idle = sum(payer.key not in active for payer in held.holders)
            text = _spare_text(months, spare, held.licences, idle, whole_months=whole_months)
            yield _Spare(spare, text, spare > idle)


def _active(replayed: Replayed) -> set[str]:
    """The keys of all users and numbers that made or got a call."""
    prepared = replayed.done.prepared
    numbers = {*np.unique(prepared.user).tolist(), *np.unique(prepared.service).tolist()}
    keys = replayed.setting.customers.keys
    return {keys[number] for number in numbers if number != NOBODY}


def _held(plan: Plan, owner: str, replayed: Replayed, catalogue: Catalogue) -> _Held:
    """The licences behind the pools of a plan at the start of the last call."""
    customer = replayed.setting.customers.all[0]
    tenant, prepared = customer.tenant, replayed.done.prepared
    until_us = int(prepared.usage["start_us"].to_numpy().max())
    holders = [
        payer
        for payer, licence in customer.payers.holders(plan.code)
        if pool_owner(catalogue, plan, payer) == owner and licence.from_us <= until_us < licence.until_us
    ]
    countries = {payer.location for payer in holders}
    licences = len(holders)
    if plan.basis == BASIS_PURCHASED:
        bought = (s for s in tenant.subscriptions if s.plan == plan.code)
        licences = max(licences, sum(s.purchased for s in bought if s.from_us <= until_us < s.until_us))
        countries.add(tenant.country)
    counters = []
    for counter in plan.pools:
        key = PoolKey(plan.code, counter.kind, owner, 0)
        size_s = size_at(pool_sizes(catalogue, tenant, customer.payers, key), until_us)
        each = max((counter.minutes_for(country) for country in countries), default=0)
        if each and size_s < NO_LIMIT:
            counters.append((counter.kind, size_s, each * SECONDS_A_MINUTE))
    return _Held(licences, tuple(holders), tuple(counters))


def _spare(months: Sequence[PoolFound], plan: Plan, held: _Held) -> int:
    """How many licences fewer than at the end had been enough in every month, for every counter of the plan.

    A licence is taken for the most minutes that one of the holders has, so the number is never too high.
    """
    if any(pool.full_us is not None for pool in months) or not held.counters:
        return 0
    spare = held.licences
    for kind, size_s, each_s in held.counters:
        used_s = max((pool.used_s for pool in months if pool.kind == kind), default=0)
        left_s = max(size_s - used_s - int(plan.strict_or), 0)
        spare = min(spare, left_s // each_s)  # rounded down
    return spare


def _spare_text(
    months: Sequence[PoolFound], spare: int, licences: int, idle: int, *, whole_months: bool
) -> str:
    """How much of a plan's minutes were used at most, and what that says of its licences."""
    plan = " ".join(part for part in (months[0].plan, months[0].owner) if part)
    names = sorted({pool.month for pool in months})
    part = "" if whole_months else f"; only a part of {', '.join(names)} is here"
    used = f"not used at all in {counted(len(names), 'month')}"
    if any(pool.used_s for pool in months):
        used = f"no more than {_most_used(months)} were used in any month"
    head = (
        f"{plan}: {used}{part}. "
        f"The minutes of {spare:,} of its {counted(licences, 'licence')} were not needed"
    )
    free = min(spare, idle)
    if free:
        return (
            f"{head}. {counted(idle, 'holder')} made no call and got none: "
            f"{free:,} of these licences could have gone without changing any charge."
        )
    return f"{head}."


def _most_used(months: Sequence[PoolFound]) -> str:
    """`4 % of the domestic and 39 % of the international minutes`: the most of any month, rounded up."""
    used = []
    for kind in dict.fromkeys(pool.kind for pool in months):
        shares = [ceil_div(p.used_s * 100, p.size_s) for p in months if p.kind == kind and p.size_s]
        if shares:
            used.append(f"{max(shares)} % of the {kind.replace('_', ' ')}")
    return f"{' and '.join(used)} minutes"
