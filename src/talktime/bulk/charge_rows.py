"""Charges rows of usage of any number of tenants: prepare, settle, assemble, add up, reconcile.

The rows hold all calls of their tenants; that is all the callers have to see to. What comes back has been
checked against itself, tenant by tenant (rulings.md 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from talktime.bulk.assemble import calls_frame, decided
from talktime.bulk.books import Book, books_of
from talktime.bulk.loop_input import loop_of, narrow_of
from talktime.bulk.order import in_order
from talktime.bulk.prepare import by_tenant, prepare
from talktime.bulk.result import Totals
from talktime.bulk.room import check_room
from talktime.bulk.settle import settle_all
from talktime.bulk.stages import Stages
from talktime.bulk.totals import reconcile, totals_of
from talktime.files.identity import with_ids

if TYPE_CHECKING:
    import polars as pl
    from numpy.typing import NDArray

    from talktime.bulk.options import Options
    from talktime.bulk.setting import Setting


@dataclass(frozen=True, slots=True)
class TenantCharged:
    """A tenant after the run: its number in the run, lots, pools and movements, and its totals."""

    number: int
    book: Book
    totals: Totals


@dataclass(frozen=True, slots=True)
class Charged:
    """Rows with the columns of `files.call_columns`, by tenant in settlement order, and the tenants."""

    calls: pl.DataFrame
    tenants: tuple[TenantCharged, ...]


def charge_rows(
    rows: pl.DataFrame,
    setting: Setting,
    options: Options,
    *,
    has_wallet: bool,
    progress: Callable[[int], None] | None = None,
    stages: Stages | None = None,
) -> Charged:
    """Charges all rows of some tenants; there is at least one row, and each names a tenant of the setting.

    Rows stand in the order in which they were read; a row that was there before is dropped and counted.
    `progress` is told how many rows are settled. Raises RefusedRun where the money could leave 64 bits.
    """
    stages = stages or Stages()
    measured = stages.measured
    with measured("order", rows.height):
        rows = with_ids(rows)
        tenant = by_tenant(rows["tenant"], setting)
        order = in_order(tenant, rows["end_us"].to_numpy(), rows["id"])
        duplicates = np.bincount(tenant[order.repeated], minlength=len(setting.customers.all))
        rows = rows[order.at]
    with measured("prepare", rows.height):
        prepared = prepare(rows, setting, stages)
        del rows
    with measured("wallets", len(prepared.tenant)):
        narrow = narrow_of(prepared)
        check_room(narrow, setting)
        loop = loop_of(narrow, setting, options)
    with measured("charge", len(prepared.tenant)):
        settled = settle_all(
            loop.month, compiled=setting.compiled, threads=setting.threads, progress=progress
        )
    with measured("assemble", len(prepared.tenant)):
        books = books_of(loop, settled)
        calls = calls_frame(prepared, decided(loop, settled, books), setting, has_wallet=has_wallet)
    with measured("add up", calls.height):
        return Charged(calls, _tenants(calls, books, duplicates, has_wallet=has_wallet))


def _tenants(
    calls: pl.DataFrame, books: Sequence[Book], duplicates: NDArray[np.int64], *, has_wallet: bool
) -> tuple[TenantCharged, ...]:
    """Each tenant with its totals; raises DoesNotReconcile."""
    found = []
    for book, totals in zip(books, totals_of(calls, books, has_wallet=has_wallet), strict=True):
        reconcile(totals, book.lots, book.pools)
        again = int(duplicates[book.number])
        found.append(TenantCharged(book.number, book, replace(totals, duplicate_rows=again)))
    return tuple(found)
