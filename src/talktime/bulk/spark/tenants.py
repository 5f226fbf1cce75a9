"""From rows spread evenly over the machine to whole tenants: narrow integers go there, decisions come back.

Recognising, classifying and pricing is done where the rows lie; only what settlement needs of a call is
carried to its tenant, so that a tenant with half of all calls is no burden (rulings.md 38).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import numpy as np
import polars as pl

from talktime.bulk.assemble import decided
from talktime.bulk.books import books_of
from talktime.bulk.loop_input import Narrow, loop_of, narrow_of
from talktime.bulk.order import in_order, repeated_rows
from talktime.bulk.prepare import by_tenant, prepare
from talktime.bulk.room import check_room
from talktime.bulk.settle import settle_all
from talktime.bulk.spark.job import Job, as_read, packed, setting_for, unpacked
from talktime.files.identity import with_ids

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

TEXTS: Final = ("lots", "pool")

BUCKET_ROWS: Final = 250_000
"""About how many calls are settled at once: a large tenant alone, small ones together."""


def buckets_of(rows: NDArray[np.int64], workers: int) -> NDArray[np.int64]:
    """The bucket of each tenant, from the number of its rows: whole tenants, each in one bucket."""
    full = max(1, min(BUCKET_ROWS, int(rows.sum()) // (2 * workers)))
    buckets = np.zeros(len(rows), np.int64)
    bucket = held = 0
    for tenant in np.argsort(-rows, kind="stable").tolist():
        if held and held + rows[tenant] > full:
            bucket, held = bucket + 1, 0
        buckets[tenant] = bucket
        held += int(rows[tenant])
    return buckets


def narrow_rows(job: Job, buckets: NDArray[np.int64], table: pa.Table) -> pa.Table:
    """The rows of a part -> what their tenants need of them, by bucket; repeated rows are left out."""
    setting = setting_for(job)
    rows = with_ids(as_read(unpacked(table)))
    again = repeated_rows(by_tenant(rows["tenant"], setting), rows["id"])
    if len(again):
        kept = np.ones(rows.height, np.bool_)
        kept[again] = False
        rows = rows.filter(pl.Series(kept))
    narrow = narrow_of(prepare(rows, setting))
    found = rows.select("part", "row", "file", "line", "id").with_columns(
        pl.Series("bucket", buckets[narrow.tenant]),
        *(pl.Series(name, column, pl.Int64) for name, column in narrow._asdict().items()),
    )
    return packed(found, "bucket")


def settle_tenants(job: Job, table: pa.Table) -> pa.Table:
    """Settles all calls of some tenants, by the loop of every engine; decisions by part.

    The first row of each tenant brings its book (`bulk.books.Book` as JSON).

    Raises RefusedRun where the money could leave 64 bits.
    """
    setting, options = setting_for(job), job.given.value.options
    rows = as_read(unpacked(table))
    order = in_order(rows["tenant"].to_numpy(), rows["end_us"].to_numpy(), rows["id"])
    rows = rows[order.at]
    narrow = Narrow(*(rows[name].to_numpy() for name in Narrow._fields))
    check_room(narrow, setting)
    loop = loop_of(narrow, setting, options)
    settled = settle_all(loop.month, compiled=setting.compiled, threads=1)
    books = books_of(loop, settled)
    columns = decided(loop, settled, books)._asdict()
    documents: list[bytes | None] = [None] * rows.height
    for first, book in zip(loop.first_row.tolist(), books, strict=False):
        documents[first] = msgspec.json.encode(book)
    found = rows.select("part", "row", "tenant").with_columns(
        *(pl.Series(name, column) for name, column in columns.items()),
        pl.Series("book", documents, pl.Binary),
    )
    return packed(found, "part")
