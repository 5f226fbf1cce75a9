"""Whether credits are needed at all: what calls took, what pools are about to, what the set-up would.

Calls tell what took money; a forecast of the pools tells what is about to; `accounts.needs` tells what else
the tenant has that would, should somebody use it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.accounts.calendar import day_of, month_name
from talktime.accounts.funding_terms import terms_of
from talktime.accounts.needs import needs_credits
from talktime.bulk.state import NONE
from talktime.catalog.overview import category_name
from talktime.core import forecast
from talktime.core.money import HALF_UP, format_money, round_div
from talktime.core.refusals import Refusal
from talktime.insight.planner.conclusions import cents
from talktime.insight.planner.days_seen import DaysSeen, days_seen
from talktime.insight.planner.document import Need
from talktime.insight.planner.pool_rows import pool_uses
from talktime.insight.wording import REASONS, counted, meaning

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.replay import Replayed
    from talktime.catalog.model import Catalogue
    from talktime.insight.planner.document import PoolFound, Pools

LEAST_DAYS: Final = 14
"""Fewer days of usage without anything paid do not tell that nothing will be."""

FEW_CALLS: Final = 10
"""So few paid calls are told one by one: credits are needed because of them alone."""

NEAR_PERCENT: Final = 60
"""A pool that was never used beyond this is not looked ahead at."""

CONFIDENCE: Final = 950

MOST_SAID: Final = 6

_MONTH_DAYS: Final = 30


def need(
    replayed: Replayed, outlook_expected: int | None, tenant: Tenant, catalogue: Catalogue, pools: Pools
) -> Need:
    """Whether the tenant needs credits, and why.

    `replayed` is today's run with money without end. `outlook_expected`: micros that the next month is
    expected to cost, None where there is no forecast.
    """
    if terms_of(tenant, catalogue, recharge_on=tenant.auto_recharge.enabled).behind:
        return Need(False, tuple(_billed_after(replayed)))
    near = _about_to(replayed, pools)
    if replayed.run.totals.amount:
        return Need(True, (*_paid(replayed), *_expected(outlook_expected, tenant), *near))
    refused = tuple(_unpaid(replayed))
    if near:
        return Need(
            True, ("Nothing was paid so far, but included minutes are about to run out.", *near, *refused)
        )
    if refused:
        return Need(True, ("Nothing was paid, but there were calls that take money.", *refused))
    seen = days_seen(replayed.done.prepared.usage["start_us"], tenant.time_zone)
    if seen.days < LEAST_DAYS:
        days = counted(seen.days, "day")
        short = f"Nothing was paid in {days}, which is too short to tell: bring a whole month."
        return Need(None, (short, *_would(replayed, tenant, catalogue)))
    return Need(False, (_nothing(replayed, seen), *_would(replayed, tenant, catalogue)))


def _billed_after(replayed: Replayed) -> Iterator[str]:
    """Why an organisation whose minutes are billed after use needs none."""
    yield "Minutes are billed after use under a Microsoft Customer Agreement (MCA)."
    amount = replayed.run.totals.amount
    if amount:
        currency = replayed.run.tenant.currency
        yield f"Without credits the {format_money(amount)} {currency} of these calls come on the invoice."


def _paid(replayed: Replayed) -> Iterator[str]:
    """What took money: calls that no minutes are included for, and those beyond included minutes."""
    run, currency = replayed.run, replayed.run.tenant.currency
    chain = np.asarray(replayed.done.loop.month.calls.chain)
    frame = run.calls.select("category", "amount").with_columns(
        pl.Series("has_pool", chain != NONE), pl.int_range(pl.len()).alias("row")
    )
    paid = frame.filter(pl.col("amount") > 0)
    if paid.height <= FEW_CALLS:
        yield _few(replayed, paid, currency)
        return
    sums = (
        paid.group_by("has_pool", pl.col("category").cast(pl.String))
        .agg(pl.len(), pl.col("amount").sum())
        .sort(["has_pool", "amount", "category"], descending=[False, True, False])
    )
    groups = {key: list(lines) for key, lines in groupby(sums.iter_rows(), key=lambda line: bool(line[0]))}
    for has_pool, what in ((False, "for which no minutes are included"), (True, "beyond included minutes")):
        lines = groups.get(has_pool, [])
        if lines:
            number, amount = sum(line[2] for line in lines), sum(line[3] for line in lines)
            parts = ", ".join(f"{category_name(line[1])} {format_money(line[3])}" for line in lines[:3])
            yield f"{counted(number, 'call')} {what} took {format_money(amount)} {currency} ({parts})."


def _few(replayed: Replayed, paid: pl.DataFrame, currency: str) -> str:
    """Which few calls alone took money; numbers are left out, since not everybody may see them whole."""
    rows = replayed.calls.select(
        pl.col("amount").gather(paid["row"]),
        pl.col("end").dt.convert_time_zone(replayed.run.tenant.time_zone).dt.date().gather(paid["row"]),
        pl.col("user", "country").cast(pl.String).gather(paid["row"]),
    )
    shown = "; ".join(
        f"{user or 'nobody named'} to {country or 'an unknown place'} on {day}, {format_money(amount)}"
        for amount, day, user, country in rows.iter_rows()
    )
    total = format_money(int(paid["amount"].sum()))
    return f"Only because of {counted(paid.height, 'call')}, {total} {currency} in all ({shown})."


def _expected(expected: int | None, tenant: Tenant) -> Iterator[str]:
    if expected:
        yield f"The next month is expected to cost {cents(expected)} {tenant.currency}."


def _unpaid(replayed: Replayed) -> Iterator[str]:
    """Calls that would have taken money: without a price, or refused since nobody may spend any."""
    calls, unrated = replayed.run.calls, replayed.run.totals.unrated_calls
    if unrated:
        yield f"{counted(unrated, 'call')} could not be priced: the deck lacks a row."
    if not (calls["state"] == "blocked").any():
        return
    report = replayed.calls.filter(pl.col("state") == "blocked")
    counts = (
        report.group_by(pl.col("reason").cast(pl.String))
        .len()
        .sort("len", "reason", descending=[True, False])
    )
    for reason, number in counts.iter_rows():
        if reason in _MONEY_REASONS:
            yield f"{counted(number, 'call')} refused: {meaning(REASONS, reason)}."


_MONEY_REASONS: Final = (Refusal.NOT_LICENSED.code, Refusal.SPEND_CAP.code)
"""Reasons that stand in the way of money only."""


def _nothing(replayed: Replayed, seen: DaysSeen) -> str:
    """That nothing was paid, and who paid instead."""
    t = replayed.run.totals
    text = f"None of {counted(t.answered, 'answered call')} in {counted(seen.days, 'day')} took money"
    parts = [
        f"{number:,} {what}"
        for number, what in (
            (t.free_calls, "were free"),
            (t.pool_only_calls, "paid by included minutes"),
        )
        if number
    ]
    return f"{text}: {', '.join(parts)}." if parts else f"{text}."


def _would(replayed: Replayed, tenant: Tenant, catalogue: Catalogue) -> Iterator[str]:
    """What the tenant has that would take money, though no call did."""
    now_us = int(replayed.done.prepared.usage["start_us"].to_numpy().max())
    for reason in needs_credits(tenant, catalogue, now_us).reasons[:MOST_SAID]:
        yield f"Should it be used, though: {reason.says}"


# --- pools that are about to run over ---------------------------------------------------------------


class _Family(NamedTuple):
    """The months of a pool: its numbers in the run and its newest size."""

    name: str
    numbers: tuple[int, ...]
    size_s: int


def _about_to(replayed: Replayed, pools: Pools) -> tuple[str, ...]:
    """Shared pools that calls came beyond, and those that are expected to come near their end."""
    ran = list(_ran_over(pools.pools))
    soon = [text for family in _families(replayed, pools.pools) for text in _soon(replayed, family)]
    found = [*ran, *soon]
    if len(found) > MOST_SAID:
        found[MOST_SAID:] = [f"So it is with {counted(len(found) - MOST_SAID, 'more pool')}."]
    return tuple(found)


def _name(pool: PoolFound) -> str:
    return " ".join(part for part in (pool.plan, pool.kind, pool.owner) if part)


def _by_name(pools: Sequence[PoolFound]) -> Iterator[tuple[str, list[PoolFound]]]:
    """Each pool with its months."""
    for name, months in groupby(sorted(pools, key=lambda pool: (_name(pool), pool.month)), key=_name):
        yield name, list(months)


def _ran_over(pools: Sequence[PoolFound]) -> Iterator[str]:
    """In how many months calls came beyond a pool."""
    for name, months in _by_name(pools):
        over = [pool.month for pool in months if pool.beyond_calls]
        if over:
            of = counted(len(months), "month")
            yield f"{name} did not last in {len(over)} of {of}, the last time in {over[-1]}."


def _families(replayed: Replayed, pools: Sequence[PoolFound]) -> Iterator[_Family]:
    """Pools that were never full and of which much was used in some month."""
    keys = [key for _, key in replayed.done.loop.plan.pools]
    numbers = {(key.plan, key.kind, key.owner, month_name(key.month)): at for at, key in enumerate(keys)}
    for name, months in _by_name(pools):
        size_s = months[-1].size_s
        most_s = max(pool.used_s for pool in months)
        if size_s and 100 * most_s >= NEAR_PERCENT * size_s and not any(pool.beyond_calls for pool in months):
            asked = ((pool.plan, pool.kind, pool.owner, pool.month) for pool in months)
            yield _Family(name, tuple(numbers[key] for key in asked if key in numbers), size_s)


def _soon(replayed: Replayed, family: _Family) -> Iterator[str]:
    """What a pool is expected to be used in the next thirty days, where that may be more than it has."""
    days = _days_used(replayed, family.numbers)
    fitted = forecast.fit(days.used_s, days.first_day)
    if fitted is None or not fitted.freedom:
        return
    band = forecast.total(fitted, fitted.until_day, _MONTH_DAYS, CONFIDENCE)
    if band.high > family.size_s:
        percent = round_div(100 * band.expected, family.size_s, HALF_UP)
        if band.expected > family.size_s:
            yield (
                f"{family.name} is expected to be full within the next thirty days: calls are about to take "
                f"{percent} % of its minutes."
            )
        else:
            yield (
                f"{family.name} may be full within the next thirty days, though not as a rule: about "
                f"{percent} % of its minutes are expected to be used, and weeks differ."
            )


class _DaysUsed(NamedTuple):
    first_day: int
    used_s: list[int]


def _days_used(replayed: Replayed, numbers: Sequence[int]) -> _DaysUsed:
    """Seconds that calls took of some pools on each local day of the usage, by the starts of the calls."""
    usage = replayed.done.prepared.usage
    zone = replayed.run.tenant.time_zone
    starts = usage["start_us"].to_numpy()
    first, last = day_of(int(starts.min()), zone), day_of(int(starts.max()), zone)
    uses = pool_uses(replayed).filter(pl.col("pool").is_in(numbers))
    at = pl.from_epoch(pl.Series("at", starts[uses["row"].to_numpy()]), time_unit="us")
    day = at.dt.replace_time_zone("UTC").dt.convert_time_zone(zone).dt.date().dt.epoch("d").cast(pl.Int64)
    sums = uses.with_columns(day.alias("day")).group_by("day").agg(pl.col("seconds").sum())
    used = dict(sums.select("day", "seconds").iter_rows())
    return _DaysUsed(first, [used.get(each, 0) for each in range(first, last + 1)])
