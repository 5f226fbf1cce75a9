"""What usage would have cost: charged as the tenant is set up now, and again as each scenario says.

Each run is the one of `talktime rate`; here its figures are put side by side, with the differences to today's
settings. The usage is read and put in order once (`bulk.replay`). Nothing of the ledger is read or changed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from typing import TYPE_CHECKING, Final

from talktime.accounts.calendar import day_of
from talktime.bulk.replay import Replay
from talktime.catalog.model import SCOPE_USER
from talktime.insight.balance import balance_by_day
from talktime.insight.scenario import TODAY, Scenario, options_of, tried
from talktime.insight.spend import NotReconciledError
from talktime.insight.what_if_figures import (
    COMPARED,
    CategoryFigures,
    Compared,
    DayFigures,
    Difference,
    Figures,
    PoolFigures,
    RechargeFigures,
)

if TYPE_CHECKING:
    from talktime.accounts.tenant import Tenant
    from talktime.bulk.result import PoolUse, Run
    from talktime.catalog.model import Catalogue
    from talktime.core.deck import Deck
    from talktime.files.usage import Usage

MOST_RECHARGES: Final = 1_000
"""Recharges that are told one by one; all are counted."""

MOST_WARNINGS: Final = 20

_EPOCH: Final = date(1970, 1, 1)


def compare(
    usage: Usage,
    tenant: Tenant,
    catalogue: Catalogue,
    tries: Sequence[tuple[Scenario, Deck]],
    opening: int | None,
    told: Callable[[int, int], None],
) -> Compared:
    """Charges usage once for each try, of which the first is TODAY.

    `opening`: the balance of now in micros, None for what the tenant's purchases say.

    `told(rows done, rows in all)` is called on the way. Raises RefusedRun where a deck does not fit, and
    NotReconciledError where figures disagree: then nothing is told.
    """
    replay = Replay(usage, tenant, catalogue, tries[0][1])
    return compare_replayed(replay, tenant, catalogue, tries, opening, told)


def compare_replayed(
    replay: Replay,
    tenant: Tenant,
    catalogue: Catalogue,
    tries: Sequence[tuple[Scenario, Deck]],
    opening: int | None,
    told: Callable[[int, int], None],
) -> Compared:
    """As `compare`, of usage that is read and in order already."""
    height, runs = replay.height, len(tries)
    found: list[Figures] = []
    counts: tuple[int, int] = (0, 0)
    for at, (scenario, deck) in enumerate(tries):
        before = at * height
        run = replay.run(
            tried(tenant, scenario, catalogue),
            catalogue,
            deck,
            options_of(scenario, opening),
            progress=lambda done, before=before: told(before + done, runs * height),  # type: ignore[misc]
        ).run
        counts = run.totals.rejected_rows, run.totals.duplicate_rows
        found.append(figures_of(scenario.name, run, catalogue))
        told(before + height, runs * height)
    starts, ends = replay.rows["start_us"], replay.rows["end_us"]
    today = found[0]
    assert today.name == TODAY.name, "the first try is the tenant as it is"
    return Compared(
        currency=tenant.currency,
        time_zone=tenant.time_zone,
        rows=height + replay.duplicates,
        rejected_rows=counts[0],
        duplicate_rows=counts[1],
        from_us=_int(starts.min()),
        until_us=_int(ends.max()),
        figures=tuple(found),
        differences=tuple(difference(one, today) for one in found[1:]),
    )


def figures_of(name: str, run: Run, catalogue: Catalogue) -> Figures:
    """The figures of a run over a tenant with a wallet. Raises NotReconciledError."""
    t = run.totals
    recharges = tuple(
        RechargeFigures(one.at_us, one.amount, one.balance_after)
        for one in run.movements
        if one.kind == "recharge"
    )
    days = tuple(DayFigures(one.day.isoformat(), one.balance, one.lowest) for one in balance_by_day(run))
    figures = Figures(
        name=name,
        deck=run.deck.name,
        deck_version=run.deck.version,
        sample=run.deck.sample,
        calls=t.calls,
        answered=t.answered,
        free_calls=t.free_calls,
        pool_only_calls=t.pool_only_calls,
        paid_calls=t.paid_calls,
        unrated_calls=t.unrated_calls,
        blocked_calls=t.blocked_calls,
        billed_s=t.billed_s,
        pool_s=t.pool_s,
        paid_s=t.paid_s,
        unrated_s=t.unrated_s,
        blocked_s=t.blocked_s,
        amount=t.amount,
        credits=t.credits,
        post_usage=t.post_usage,
        overdraft=t.overdraft,
        opening_balance=t.opening_balance or 0,
        closing_balance=t.closing_balance or 0,
        lowest_balance=min((one.lowest for one in days), default=t.closing_balance or 0),
        forfeited=t.forfeited or 0,
        recharges=t.recharges or 0,
        recharged=t.recharged or 0,
        recharged_at=recharges[:MOST_RECHARGES],
        ran_out_us=t.money_ran_out_at_us,
        ran_out_day=_day(t.money_ran_out_at_us, run.tenant.time_zone),
        categories=tuple(
            CategoryFigures(category, of.calls, of.billed_s, of.amount)
            for category, of in t.by_category.items()
        ),
        pools=pools_together(run.pools, catalogue),
        days=days,
        warnings=tuple(dict.fromkeys((*run.usage.warnings, *run.warnings)))[:MOST_WARNINGS],
    )
    _reconcile(figures, sum(one.amount for one in recharges))
    return figures


def pools_together(pools: Sequence[PoolUse], catalogue: Catalogue) -> tuple[PoolFigures, ...]:
    """Pools as figures, those of single users of a plan added up month by month."""
    found: dict[tuple[str, str, str, str, bool], PoolFigures] = {}
    for pool in pools:
        by_user = catalogue.plans[pool.plan].scope == SCOPE_USER
        key = (pool.month, pool.plan, pool.kind, "" if by_user else pool.owner, by_user)
        was = found.get(key) or PoolFigures(pool.plan, pool.kind, pool.month, key[3], by_user, 0, 0, 0, 0)
        found[key] = PoolFigures(
            *(was.plan, was.kind, was.month, was.owner, was.by_user),
            pools=was.pools + 1,
            full=was.full + (pool.at_100_us is not None),
            size_s=None if was.size_s is None or pool.size_s is None else was.size_s + pool.size_s,
            used_s=was.used_s + pool.used_s,
        )
    return tuple(found[key] for key in sorted(found))


def difference(one: Figures, today: Figures) -> Difference:
    """What is other than today."""
    was = {category.name: category.amount for category in today.categories}
    now = {category.name: category.amount for category in one.categories}
    return Difference(
        one.name,
        {name: getattr(one, name) - getattr(today, name) for name in COMPARED},
        {name: now.get(name, 0) - was.get(name, 0) for name in dict.fromkeys((*now, *was))},
    )


def _reconcile(told: Figures, recharged: int) -> None:
    """What is added up twice has to be the same (the run itself was checked: `bulk.totals.reconcile`)."""
    checks = {
        "amount = sum of the categories": told.amount - sum(one.amount for one in told.categories),
        "amount = credits + post-usage + overdraft": told.amount
        - (told.credits + told.post_usage + told.overdraft),
        "included time = use of the pools": told.pool_s - sum(one.used_s for one in told.pools),
        "recharged = sum of the recharges": told.recharged - recharged,
        "the last day ends with the closing balance": told.days[-1].balance - told.closing_balance
        if told.days
        else 0,
    }
    for identity, off in checks.items():
        if off:
            raise NotReconciledError(f"scenario {told.name!r} does not reconcile: {identity} is off by {off}")


def _day(at_us: int | None, time_zone: str) -> str:
    return "" if at_us is None else (_EPOCH + timedelta(days=day_of(at_us, time_zone))).isoformat()


def _int(value: object) -> int:
    assert isinstance(value, int), "a run has at least one call"
    return value
