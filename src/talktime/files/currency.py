"""A file that mixes currencies: keeping the rows of one, setting the others aside with the reason."""

from dataclasses import replace

import polars as pl

from talktime.files.usage import Rejected, Usage

MOST_NAMED = 100_000
"""Rows set aside that are named one by one; all of them are counted."""


def of_currency(usage: Usage, currency: str) -> Usage:
    """The usage with the rows of one currency and those that name none; the others are rejected rows."""
    kept = pl.col("vendor_currency").cast(pl.String).is_in(["", currency])
    others = usage.calls.filter(~kept)
    named = tuple(
        Rejected(source, line, f"the currency is {code}, not the chosen {currency}")
        for source, line, code in others.head(MOST_NAMED)
        .select("source", "line", "vendor_currency")
        .iter_rows()
    )
    return replace(
        usage,
        calls=usage.calls.filter(kept),
        rejected=usage.rejected + named,
        rejected_rows=usage.rejected_rows + others.height,
    )
