"""Charges rows of usage of any number of tenants: prepare, settle, assemble, add up, reconcile.

The rows hold all calls of their tenants; that is all the callers have to see to. What comes back has been
checked against itself, tenant by tenant (rulings.md 4).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

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

    from talktime.bulk.loop_input import Loop
    from talktime.bulk.options import Options
    from talktime.bulk.prepare import Prepared
    from talktime.bulk.setting import Setting
    from talktime.bulk.settle import Settled


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


class SettledRows(NamedTuple):
    """Rows that were prepared and settled, one value each in their order, and the tenants' books."""

    prepared: Prepared
    loop: Loop
    settled: Settled
    books: list[Book]


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
    with stages.measured("order", rows.height):
        rows, repeated = ordered(rows, setting)
    done = settled(rows, setting, options, progress=progress, stages=stages)
    del rows
    with stages.measured("assemble", len(done.prepared.tenant)):
        decisions = decided(done.loop, done.settled, done.books)
        calls = calls_frame(done.prepared, decisions, setting, has_wallet=has_wallet)
    with stages.measured("add up", calls.height):
        return Charged(calls, _tenants(calls, done.books, repeated, has_wallet=has_wallet))


def ordered(rows: pl.DataFrame, setting: Setting) -> tuple[pl.DataFrame, NDArray[np.int64]]:
    """Rows with their identities in settlement order, each call once; how many each tenant had twice."""
    rows = with_ids(rows)
    tenant = by_tenant(rows["tenant"], setting)
    order = in_order(tenant, rows["end_us"].to_numpy(), rows["id"])
    return rows[order.at], np.bincount(tenant[order.repeated], minlength=len(setting.customers.all))


def settled(
    rows: pl.DataFrame,
    setting: Setting,
    options: Options,
    *,
    prepared: Prepared | None = None,
    progress: Callable[[int], None] | None = None,
    stages: Stages | None = None,
) -> SettledRows:
    """Prepares and settles rows that are `ordered`; there is at least one. Raises as `charge_rows`.

    `prepared`: these rows, where they were prepared with the setting or its like (`with_customers`) before.
    """
    stages = stages or Stages()
    if prepared is None:
        with stages.measured("prepare", rows.height):
            prepared = prepare(rows, setting, stages)
    with stages.measured("wallets", rows.height):
        narrow = narrow_of(prepared)
        check_room(narrow, setting)
        loop = loop_of(narrow, setting, options)
    with stages.measured("charge", rows.height):
        done = settle_all(loop.month, compiled=setting.compiled, threads=setting.threads, progress=progress)
    return SettledRows(prepared, loop, done, books_of(loop, done))


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
