"""Decisions back at their rows: the report columns of a part, its file, and what it adds to each tenant.

A part holds calls of many tenants, so the sums of a tenant come from many parts; they are added up by the
functions of the local engine and must fulfil the same identities (rulings.md 4).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from talktime.bulk.assemble import Decided, calls_frame
from talktime.bulk.books import Book
from talktime.bulk.charge_rows import TenantCharged
from talktime.bulk.order import settlement_order
from talktime.bulk.prepare import by_tenant, prepare
from talktime.bulk.result import Totals
from talktime.bulk.spark.job import Job, as_read, layout, one_table, setting_for, unpacked
from talktime.bulk.spark.tenants import TEXTS
from talktime.bulk.totals import reconcile, sum_of, totals_of, totals_without_calls
from talktime.files.identity import with_ids
from talktime.files.replace_file import replaced
from talktime.files.report import shown
from talktime.files.write_calls import disk_errors_told, parquet_cells, sink_parquet

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from talktime.bulk.spark.job import Output

SUMS: Final = layout({"tenant": "long", "totals": "binary", "book": "binary"})
"""What a part adds to a tenant, or all parts together; the book stands in one row of a tenant."""


_NOTHING_TOLD: Final = pl.DataFrame(schema={"row": pl.Int64, "tenant": pl.Int64, "book": pl.Binary})
"""Decisions on a part of which every row was there before."""


def assemble_part(job: Job, usage: pa.Table, decisions: pa.Table) -> pa.Table:
    """Writes the calls of a part and gives its sums; `usage` without a decision was there before.

    Raises ReportError where the file cannot be written.
    """
    setting = setting_for(job)
    told = unpacked(decisions).sort("row") if len(decisions) else _NOTHING_TOLD
    rows = with_ids(as_read(unpacked(usage)))
    tenant = by_tenant(rows["tenant"], setting)
    place, found = _places(rows["row"].to_numpy(), told["row"].to_numpy())
    again = np.bincount(tenant[~found], minlength=len(setting.customers.all))
    books = _books(told)
    if not found.any():
        return _sums([], again, books)
    at = np.flatnonzero(found)
    at = at[settlement_order(tenant[at], rows["end_us"].to_numpy()[at], rows["id"].gather(at))]
    prepared = prepare(rows[at], setting)
    calls = calls_frame(prepared, _decided(told[place[at]]), setting, has_wallet=True)
    if job.output is not None:
        _write(calls, job.output, int(rows["part"][0]))
    numbers = prepared.tenant[np.flatnonzero(np.diff(prepared.tenant, prepend=-1))].tolist()
    nothing = [Book(number, 0, 0, (), (), ()) for number in numbers]
    totals = totals_of(calls, nothing, has_wallet=True)
    return _sums(list(zip(numbers, totals, strict=True)), again, books)


def _places(rows: NDArray[np.int64], told: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Where the decision on each row stands, and whether there is one; `told` ascends."""
    if not len(told):
        return np.zeros(len(rows), np.int64), np.zeros(len(rows), np.bool_)
    place = np.minimum(np.searchsorted(told, rows), len(told) - 1)
    return place, told[place] == rows


def _decided(told: pl.DataFrame) -> Decided:
    columns: dict[str, Any] = {
        name: told[name] if name in TEXTS else told[name].to_numpy() for name in Decided._fields
    }
    return Decided(**columns)


def _books(told: pl.DataFrame) -> dict[int, bytes]:
    """The books among the decisions."""
    return dict(told.filter(pl.col("book").is_not_null()).select("tenant", "book").iter_rows())


def _sums(
    totals: Sequence[tuple[int, Totals]], again: NDArray[np.int64], books: dict[int, bytes]
) -> pa.Table:
    """One row a tenant; `again` are its rows that were there before."""
    of = dict(totals)
    numbers = sorted({*of, *np.flatnonzero(again).tolist()})
    sums = [
        replace(of.get(number) or _nothing(number), duplicate_rows=int(again[number])) for number in numbers
    ]
    return _table(
        numbers, [msgspec.json.encode(one) for one in sums], [books.get(number) for number in numbers]
    )


def _nothing(number: int) -> Totals:
    return totals_without_calls(Book(number, 0, 0, (), (), ()), has_wallet=True)


def _table(numbers: list[int], totals: list[bytes], books: list[bytes | None]) -> pa.Table:
    columns = [pa.array(numbers, pa.int64()), pa.array(totals, pa.binary()), pa.array(books, pa.binary())]
    return pa.Table.from_arrays(columns, schema=SUMS.arrow)


def _write(calls: pl.DataFrame, output: Output, part: int) -> None:
    """Writes the calls of a part to a file of their own, as the driver asked for them."""
    path = Path(output.folder) / part_name(part, packed=output.document is None)
    with replaced(path) as half, disk_errors_told(path):
        if output.document is None:
            calls.write_ipc(half, compression="lz4")
        else:
            sink_parquet(half, parquet_cells(shown(calls, sample=output.sample)), output.document)


def part_name(part: int, *, packed: bool) -> str:
    """The name of a part's file; they are read in the order of their names."""
    return f"part-{part:05}.{'arrow' if packed else 'parquet'}"


# --- all parts together --------------------------------------------------------------------------


def add_up(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The sums of whole tenants from those of the parts."""
    sums: dict[int, list[Totals]] = {}
    books: dict[int, bytes] = {}
    for row in one_table(batches, SUMS).to_pylist():
        number = row["tenant"]
        sums.setdefault(number, []).append(msgspec.json.decode(row["totals"], type=Totals))
        if row["book"] is not None:
            books[number] = row["book"]
    whole = [msgspec.json.encode(sum_of(parts)) for parts in sums.values()]
    yield from _table(list(sums), whole, [books.get(number) for number in sums]).to_batches()


def tenants_of(rows: Iterable[tuple[int, bytes, bytes]]) -> list[TenantCharged]:
    """The tenants of the run in the order of their numbers. Raises DoesNotReconcile."""
    found = []
    for number, sums, document in sorted(rows):
        book = msgspec.json.decode(document, type=Book)
        calls = msgspec.json.decode(sums, type=Totals)
        totals = sum_of([calls, totals_without_calls(book, has_wallet=True)])
        reconcile(totals, book.lots, book.pools)
        found.append(TenantCharged(number, book, totals))
    return found
