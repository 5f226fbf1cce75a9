"""Sums of a run and the identities that they must fulfil, checked on every run (rulings.md 4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import polars as pl

from talktime.bulk.books import ORIGINS
from talktime.bulk.codes import numbers_and_words, spread
from talktime.bulk.result import CategoryTotal, Totals
from talktime.bulk.state import OPENING, RECHARGE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.books import Book
    from talktime.bulk.result import LotUse, PoolUse


class DoesNotReconcile(AssertionError):  # noqa: N818 - a fault of the program, told by name
    """Sums of a run disagree with each other: a fault of the program; nothing may be reported."""


_SUMMED: Final = (
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


def totals_of(calls: pl.DataFrame, books: Sequence[Book], *, has_wallet: bool) -> list[Totals]:
    """Adds up each tenant's rows, category by category, and its wallet; rows stand by tenant, as the books.

    Rejected and duplicate rows are 0: who read the files knows them.
    """
    sums = _sums(calls)
    categories = _by_category(calls)
    ran_out = _ran_out(calls) if has_wallet else {}
    return [
        _totals(row, book, categories[row["tenant"]], ran_out.get(row["tenant"]), has_wallet=has_wallet)
        for row, book in zip(sums, books, strict=True)
    ]


def totals_without_calls(book: Book, *, has_wallet: bool) -> Totals:
    """What a book adds to the totals of its tenant; `sum_of` puts it to those of the calls."""
    counts = ("calls", "answered", "free", "pool_only", "paid", "unrated", "blocked")
    nothing = dict.fromkeys((*counts, *(f"sum_{name}" for name in _SUMMED)), 0)
    return _totals(nothing, book, {}, None, has_wallet=has_wallet)


def _totals(
    sums: dict[str, Any],
    book: Book,
    by_category: dict[str, CategoryTotal],
    ran_out_us: int | None,
    *,
    has_wallet: bool,
) -> Totals:
    repaid = sum(m.amount for m in book.movements if m.kind == "repaid")
    recharged = [lot.amount for lot in book.lots if lot.origin == ORIGINS[RECHARGE]]
    bought = sum(lot.amount for lot in book.lots if lot.origin != ORIGINS[OPENING])
    return Totals(
        calls=sums["calls"],
        answered=sums["answered"],
        not_answered=sums["calls"] - sums["answered"],
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
        rejected_rows=0,
        duplicate_rows=0,
        opening_balance=book.opening if has_wallet else None,
        funded=bought if has_wallet else None,
        forfeited=sum(lot.forfeited for lot in book.lots) if has_wallet else None,
        closing_balance=book.closing if has_wallet else None,
        recharges=len(recharged) if has_wallet else None,
        recharged=sum(recharged) if has_wallet else None,
        money_ran_out_at_us=ran_out_us,
        by_category=by_category,
    )


def _sums(calls: pl.DataFrame) -> list[dict[str, Any]]:
    """One row a tenant, in the order of the rows; the rows of a tenant stand together."""
    numbers = calls["tenant"].to_physical().to_numpy()
    first = np.flatnonzero(np.diff(numbers.astype(np.int64), prepend=-1))
    places, states = numbers_and_words(calls["state"])

    def state(*words: str) -> NDArray[np.bool_]:
        holds: NDArray[np.bool_] = spread(calls["state"], places, [word in words for word in states]) == 1
        return holds

    charged = state("charged")
    paid = calls["paid_seconds"].to_numpy() > 0
    counted = {
        "calls": np.ones(calls.height, np.bool_),
        "answered": ~state("not_answered"),
        "free": state("free", "carried_by_operator"),
        "pool_only": charged & ~paid,
        "paid": charged & paid,
        "unrated": state("unrated"),
        "blocked": state("blocked"),
    }
    columns = {name: flags.astype(np.int64) for name, flags in counted.items()}
    columns |= {f"sum_{name}": calls[name].to_numpy() for name in _SUMMED}
    sums = {name: np.add.reduceat(column, first).tolist() for name, column in columns.items()}
    sums["tenant"] = calls["tenant"].gather(first).cast(pl.String).to_list()
    return [dict(zip(sums, row, strict=True)) for row in zip(*sums.values(), strict=True)]


def _ran_out(calls: pl.DataFrame) -> dict[str, int]:
    """The end of the first call of each tenant that took its balance from above zero to zero or below."""
    before = pl.col("balance_after") + pl.col("credits") + pl.col("overdraft")
    first = (
        calls.lazy()
        .filter((before > 0) & (pl.col("balance_after") <= 0))
        .group_by("tenant", maintain_order=True)
        .agg(pl.col("end").first().dt.epoch("us"))
        .with_columns(pl.col("tenant").cast(pl.String))
        .collect()
    )
    return dict(first.iter_rows())


def _by_category(calls: pl.DataFrame) -> dict[str, dict[str, CategoryTotal]]:
    grouped = (
        calls.lazy()
        .group_by("tenant", "category", maintain_order=True)
        .agg(pl.len(), pl.col("billed_seconds").sum(), pl.col("amount").sum())
        .with_columns(pl.col("tenant", "category").cast(pl.String))
        .sort("tenant", "amount", "billed_seconds", "category", descending=[False, True, True, False])
        .collect()
    )
    found: dict[str, dict[str, CategoryTotal]] = {}
    for tenant, name, number, billed_s, amount in grouped.iter_rows():
        found.setdefault(tenant, {})[name] = CategoryTotal(number, billed_s, amount)
    return found


def sum_of(parts: Iterable[Totals]) -> Totals:
    """The totals of several tenants together; where money ran out, the earliest instant."""
    parts = list(parts)
    first, *others = parts
    values = {field.name: getattr(first, field.name) for field in fields(Totals)}
    for part in others:
        for name, value in values.items():
            other = getattr(part, name)
            if name == "by_category":
                values[name] = _merged(value, other)
            elif name == "money_ran_out_at_us":
                values[name] = min((at for at in (value, other) if at is not None), default=None)
            else:
                values[name] = None if value is None else value + other
    categories = values["by_category"].items()
    ordered = sorted(categories, key=lambda each: (-each[1].amount, -each[1].billed_s, each[0]))
    return replace(first, **values | {"by_category": dict(ordered)})


def _merged(one: dict[str, CategoryTotal], other: dict[str, CategoryTotal]) -> dict[str, CategoryTotal]:
    both = dict(one)
    for name, total in other.items():
        was = both.get(name, CategoryTotal(0, 0, 0))
        both[name] = CategoryTotal(
            was.calls + total.calls, was.billed_s + total.billed_s, was.amount + total.amount
        )
    return both


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
