"""Usage that names tenants, charged to one: its rows are kept, those of others set aside with the reason."""

from dataclasses import replace

import polars as pl

from talktime.files.usage import Rejected, Usage

MOST_NAMED = 100_000
"""Rows set aside that are named one by one; all of them are counted."""


def named_tenants(usage: Usage) -> list[str]:
    """The tenants that the rows name, sorted; rows without one name none."""
    return sorted(name for name in usage.calls["tenant"].unique().cast(pl.String) if name)


def of_tenant(usage: Usage, tenant: str) -> Usage:
    """The rows of a tenant, in any letter case, and those that name none; the others are rejected rows."""
    kept = pl.col("tenant").cast(pl.String).str.to_lowercase().is_in(["", tenant.lower()])
    others = usage.calls.filter(~kept)
    named = tuple(
        Rejected(source, line, f"the call is of tenant {name!r}, not of {tenant!r}")
        for source, line, name in others.head(MOST_NAMED).select("source", "line", "tenant").iter_rows()
    )
    return replace(
        usage,
        calls=usage.calls.filter(kept),
        rejected=usage.rejected + named,
        rejected_rows=usage.rejected_rows + others.height,
        warnings=(*usage.warnings, f"{others.height:,} rows are calls of other tenants and were set aside"),
    )
