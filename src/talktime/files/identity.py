"""The identity of a row that brings none: the hash of its content (rulings.md 1).

Equal rows of one file are told apart by their ordinal among themselves, so reading the file again gives the
same identities, and a row in another file is recognised as the same call.
"""

from __future__ import annotations

import hashlib
from typing import Final

import polars as pl

_NUMBER_SIGNS: Final = r"[\s.\-()/]"
"""What stands in telephone numbers and is none of their digits (rulings.md 9)."""

_SEPARATOR: Final = "\x1f"


def with_ids(calls: pl.DataFrame) -> pl.DataFrame:
    """Gives rows of the usage table without an id the hash of their content (rulings.md 1).

    SHA-256 of start, duration, both numbers, user and call type, and of the ordinal, by line, among equal
    rows of the same file and tenant. So it may be given any part of the rows that has all equal rows of a
    file and tenant, in any order: their ids do not depend on the others.
    """
    nameless = calls["id"] == ""
    if not nameless.any():
        return calls
    numbers = [
        pl.col(name).str.replace_all(_NUMBER_SIGNS, "").str.to_lowercase() for name in ("caller", "callee")
    ]
    people = [pl.col(name).cast(pl.String) for name in ("user_id", "upn", "user_name")]
    user = pl.coalesce(*(pl.when(name != "").then(name) for name in people), pl.lit("")).str.to_lowercase()
    content = pl.concat_str(
        "start_us", "duration_s", *numbers, user, pl.col("call_type").cast(pl.String), separator=_SEPARATOR
    )
    keys = calls.filter(nameless).select("file", "tenant", "line", content=content)
    ordinal = pl.col("line").rank("ordinal").over("file", "tenant", "content") - 1
    hashes = [
        hashlib.sha256(f"{content}{_SEPARATOR}{ordinal}".encode()).hexdigest()
        for content, ordinal in keys.select("content", ordinal=ordinal).iter_rows()
    ]
    return calls.with_columns(calls["id"].scatter(nameless.arg_true(), hashes))


def first_of_each(calls: pl.DataFrame) -> pl.DataFrame:
    """The rows whose identity (tenant, id) no row before them has (rulings.md 1)."""
    tenants = calls["tenant"]
    if tenants.len() == 0 or (tenants == tenants[0]).all():
        first = calls["id"].is_first_distinct()
    else:
        first = calls.select(pl.struct("tenant", "id").is_first_distinct().alias("first"))["first"]
    return calls if first.all() else calls.filter(first)
