"""Sums of a run and the identities that they must fulfil, checked on every run (rulings.md 4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from talktime.bulk.books import ORIGINS
from talktime.bulk.result import CategoryTotal, Totals
from talktime.bulk.state import OPENING, RECHARGE

if TYPE_CHECKING:
    from talktime.bulk.result import LotUse, Movement, PoolUse
    from talktime.bulk.wallet import Wallet
    from talktime.files.usage import Usage


class DoesNotReconcile(AssertionError):  # noqa: N818 - a fault of the program, told by name
    """Sums of a run disagree with each other: a fault of the program; nothing may be reported."""


def totals_of(
    calls: pl.DataFrame,
    usage: Usage,
    lots: tuple[LotUse, ...],
    movements: tuple[Movement, ...],
    wallet: Wallet,
    *,
    has_wallet: bool,
) -> Totals:
    """Adds up the rows, category by category, and the wallet."""
    sums = calls.select(
        answered=(pl.col("state") != "not_answered").sum(),
        free=pl.col("state").is_in(["free", "carried_by_operator"]).sum(),
        pool_only=((pl.col("state") == "charged") & (pl.col("paid_seconds") == 0)).sum(),
        paid=((pl.col("state") == "charged") & (pl.col("paid_seconds") > 0)).sum(),
        unrated=(pl.col("state") == "unrated").sum(),
        blocked=(pl.col("state") == "blocked").sum(),
        **{f"sum_{name}": pl.col(name).sum() for name in _SUMMED},
    ).row(0, named=True)
    repaid = sum(m.amount for m in movements if m.kind == "repaid")
    recharged = [lot.amount for lot in lots if lot.origin == ORIGINS[RECHARGE]]
    wallets = wallet.wallets
    return Totals(
        calls=calls.height,
        answered=sums["answered"],
        not_answered=calls.height - sums["answered"],
        free_calls=sums["free"],
        pool_only_calls=sums["pool_only"],
        paid_calls=sums["paid"],
        unrated_calls=sums["unrated"],
        blocked_calls=sums["blocked"],
        billed_s=sums["sum_billed_seconds"],
        free_s=sums["sum_free_seconds"],
        pool_s=sums["sum_pool_seconds"],
        paid_s=sums["sum_paid_seconds"],
        unrated_s=sums["sum_unrated_seconds"],
        blocked_s=sums["sum_blocked_seconds"],
        amount=sums["sum_amount"],
        credits=sums["sum_credits"] + repaid,
        post_usage=sums["sum_post_usage"],
        overdraft=sums["sum_overdraft"] - repaid,
        overdraft_repaid=repaid,
        rejected_rows=usage.rejected_rows,
        duplicate_rows=usage.duplicate_rows,
        opening_balance=wallet.opening if has_wallet else None,
        funded=sum(lot.amount for lot in lots if lot.origin != ORIGINS[OPENING]) if has_wallet else None,
        forfeited=sum(lot.forfeited for lot in lots) if has_wallet else None,
        closing_balance=wallets.balance[0] if has_wallet else None,
        recharges=len(recharged) if has_wallet else None,
        recharged=sum(recharged) if has_wallet else None,
        money_ran_out_at_us=_ran_out(calls) if has_wallet else None,
        by_category=_by_category(calls),
    )


_SUMMED = (
    "billed_seconds",
    "free_seconds",
    "pool_seconds",
    "paid_seconds",
    "unrated_seconds",
    "blocked_seconds",
    "amount",
    "credits",
    "post_usage",
    "overdraft",
)


def _ran_out(calls: pl.DataFrame) -> int | None:
    """The end of the first call that took the balance from above zero to zero or below."""
    before = pl.col("balance_after") + pl.col("credits") + pl.col("overdraft")
    money = calls.select("end", "balance_after", "credits", "overdraft")
    rows = money.filter((before > 0) & (pl.col("balance_after") <= 0))
    return rows["end"].to_physical()[0] if rows.height else None


def _by_category(calls: pl.DataFrame) -> dict[str, CategoryTotal]:
    grouped = (
        calls.lazy()
        .group_by("category", maintain_order=True)
        .agg(pl.len(), pl.col("billed_seconds").sum(), pl.col("amount").sum())
        .with_columns(pl.col("category").cast(pl.String))
        .sort("amount", "billed_seconds", "category", descending=[True, True, False])
        .collect()
    )
    return {
        name: CategoryTotal(calls, billed_s, amount) for name, calls, billed_s, amount in grouped.iter_rows()
    }


def reconcile(t: Totals, lots: tuple[LotUse, ...], pools: tuple[PoolUse, ...]) -> None:
    """Raises DoesNotReconcile naming what does not hold: rulings.md 4, and the sums of lots and pools."""
    checks = {
        "calls = answered + not answered": t.calls - t.answered - t.not_answered,
        "answered = free + pool only + paid + unrated + blocked": t.answered
        - (t.free_calls + t.pool_only_calls + t.paid_calls + t.unrated_calls + t.blocked_calls),
        "billed = free + pool + paid + unrated seconds": t.billed_s
        - (t.free_s + t.pool_s + t.paid_s + t.unrated_s),
        "amount = credits + post-usage + overdraft": t.amount - (t.credits + t.post_usage + t.overdraft),
        "pool seconds = use of the pools": t.pool_s - sum(pool.used_s for pool in pools),
        "amount = sum of the categories": t.amount - sum(c.amount for c in t.by_category.values()),
    }
    if t.opening_balance is not None:
        opening, funded = t.opening_balance, t.funded or 0
        left = t.credits + (t.forfeited or 0) + (t.closing_balance or 0) + t.overdraft
        checks["lots drawn = credits"] = sum(lot.drawn for lot in lots) - t.credits
        checks["lots left = closing + overdraft owed"] = (
            sum(lot.left for lot in lots) - (t.closing_balance or 0) - t.overdraft
        )
        checks["opening + funded = credits + forfeited + closing + overdraft owed"] = opening + funded - left
    for identity, difference in checks.items():
        if difference:
            raise DoesNotReconcile(f"the run does not reconcile: {identity} differs by {difference}")
