"""A run over many tenants as tables: one row a tenant with its figures and its document.

The row's document is what a report of that tenant alone would carry, so that its calls can be explained.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from talktime.files.exact_decimals import to_decimals
from talktime.files.replace_file import replaced
from talktime.insight.run_document import document_of

if TYPE_CHECKING:
    from talktime.bulk.result import BookRun, Run

MONEY: Final = (
    "amount",
    "credits",
    "post_usage",
    "overdraft",
    "opening_balance",
    "funded",
    "recharged",
    "forfeited",
    "closing_balance",
)
COUNTS: Final = (
    "calls",
    "answered",
    "blocked_calls",
    "unrated_calls",
    "duplicate_rows",
    "billed_s",
    "pool_s",
    "paid_s",
    "blocked_s",
    "recharges",
)


def tenants_path(calls: Path) -> Path:
    """Where the tenants of a report of calls stand: `month.parquet` -> `month.tenants.parquet`."""
    return calls.with_name(f"{calls.stem}.tenants.parquet")


def tenants_frame(run: BookRun, options: Mapping[str, Any], rated_at_us: int) -> pl.DataFrame:
    """One row a tenant: id, name, counts, seconds, money as decimals, when money ran out, its document."""
    rows = run.tenants
    columns: dict[str, pl.Series] = {
        "tenant": pl.Series([row.tenant.id for row in rows], dtype=pl.String),
        "name": pl.Series([row.tenant.name for row in rows], dtype=pl.String),
        "currency": pl.Series([row.tenant.currency for row in rows], dtype=pl.String),
    }
    for name in COUNTS:
        shown = f"{name.removesuffix('_s')}_seconds" if name.endswith("_s") else name
        columns[shown] = pl.Series([getattr(row.totals, name) for row in rows], dtype=pl.Int64)
    for name in MONEY:
        micros = pl.Series([getattr(row.totals, name) for row in rows], dtype=pl.Int64)
        columns[name] = to_decimals(micros, 6)
    ran_out = pl.Series([row.totals.money_ran_out_at_us for row in rows], dtype=pl.Int64)
    columns["money_ran_out_at"] = pl.from_epoch(ran_out, time_unit="us").dt.replace_time_zone("UTC")
    columns["document"] = pl.Series([_document(row, options, rated_at_us) for row in rows], dtype=pl.String)
    return pl.DataFrame(columns)


def _document(run: Run, options: Mapping[str, Any], rated_at_us: int) -> str:
    return msgspec.json.encode(document_of(run, dict(options), rated_at_us).as_json()).decode()


def write_tenants(path: Path, tenants: pl.DataFrame) -> None:
    """Writes the rows of `tenants_frame`. Raises ReportError."""
    with replaced(path) as half:
        tenants.write_parquet(half, compression="zstd", compression_level=1)
