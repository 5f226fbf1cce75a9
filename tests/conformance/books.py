"""Months of several tenants that are charged in one run: one deck, one set of options, calls side by side.

Each tenant is drawn like a month of its own; on top come calls that end in one second with another, so that
order, recharges and pools are decided among them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any, NamedTuple

import polars as pl
from hypothesis import strategies as st

from talktime.accounts.tenant import Guards, Tenant
from talktime.files.usage import Usage
from tests.conformance.months import Month, Row, months
from tests.conformance.product import tenant_of, usage_table

LEAST, MOST = 2, 3
"""Tenants of a run."""


class Book(NamedTuple):
    """The tenants of a run, each with its month; all have one deck and the same options.

    `barred` are prefixes of numbers that each of them bars; the oracle knows nothing of these.
    """

    months: list[Month]
    barred: list[tuple[str, ...]]

    @property
    def any(self) -> Month:
        """A month with what is common to all."""
        return self.months[0]

    @property
    def tenants(self) -> list[Tenant]:
        """The tenants as the product takes them."""
        return [
            replace(
                tenant_of(month.tenant or {}),
                id=f"tenant-{at}",
                name=f"tenant-{at}",
                guards=Guards(barred_prefixes=barred),
            )
            for at, (month, barred) in enumerate(zip(self.months, self.barred, strict=True))
        ]


@st.composite
def books(draw: st.DrawFn, plain: bool = False, barring: bool = False) -> Book:
    """A few tenants; identities of their calls may be the same. `barring`: some of them bar numbers."""
    drawn = [draw(months(plain).filter(lambda month: month.tenant is not None)) for _ in range(MOST)]
    drawn = drawn[: draw(st.integers(LEAST, MOST))]
    common = drawn[0]
    same: dict[str, Any] = {
        name: getattr(common, name)
        for name in ("deck", "rounding", "increments", "balance", "recharge", "treat_as")
    }
    bars = st.lists(st.sampled_from(["44", "4420", "33", "1604", "1"]), max_size=2, unique=True)
    return Book(
        [month._replace(rows=draw(_with_twins(month.rows)), **same) for month in drawn],
        [tuple(draw(bars)) if barring else () for _ in drawn],
    )


@st.composite
def _with_twins(draw: st.DrawFn, rows: list[Row]) -> list[Row]:
    """Some calls once more: to end at the same instant, or a second later."""
    found = list(rows)
    for row in rows:
        kind = draw(st.integers(0, 5))
        if kind == 0:
            found.append(row | {"id": f"{row['id']}-twin"})
        elif kind == 1:
            found.append(row | {"id": f"0-{row['id']}", "start": row["start"] + timedelta(seconds=1)})
    return found


def rows_of_all(book: Book) -> list[pl.DataFrame]:
    """The rows of each tenant, naming it; lines as in a file of its own."""
    return [
        named(usage_table(month.rows), tenant.id).calls
        for month, tenant in zip(book.months, book.tenants, strict=True)
    ]


def named(usage: Usage, tenant: str) -> Usage:
    """The usage with a tenant in each row."""
    return replace(
        usage, calls=usage.calls.with_columns(pl.lit(tenant, dtype=pl.Categorical()).alias("tenant"))
    )
