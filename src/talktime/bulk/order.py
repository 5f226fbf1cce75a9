"""Rows in settlement order, each call once: by tenant, end, and identity by its bytes (rulings.md 1, 5).

Text is compared only where it has to be: identities where their hashes are equal, and in the order of calls
only where two of a tenant end at one instant.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.codes import ROOM

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Flags = NDArray[np.bool_]


class Ordered(NamedTuple):
    """Places of rows in settlement order without those that were seen before, and which those are."""

    at: Ints
    repeated: Ints


def in_order(tenant: Ints, end_us: Ints, ids: pl.Series) -> Ordered:
    """The order in which rows are settled; of rows of a tenant with one identity the first stays."""
    repeated = repeated_rows(tenant, ids)
    if not len(repeated):
        return Ordered(settlement_order(tenant, end_us, ids), repeated)
    kept = np.ones(len(tenant), np.bool_)
    kept[repeated] = False
    rows = np.flatnonzero(kept)
    order = settlement_order(tenant[rows], end_us[rows], ids.gather(rows))
    return Ordered(rows[order], repeated)


def repeated_rows(tenant: Ints, ids: pl.Series) -> Ints:
    """The rows whose tenant and identity stand in an earlier row, ascending."""
    hashes = ids.hash().to_numpy()
    ordered = np.sort(hashes)
    twice = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(twice):
        return np.zeros(0, np.int64)
    rows = np.flatnonzero(pl.Series(hashes).is_in(pl.Series(twice).implode()).to_numpy())
    doubtful = pl.DataFrame({"tenant": tenant[rows], "id": ids.gather(rows)})
    return rows[_later(doubtful)]


def _later(rows: pl.DataFrame) -> Flags:
    """Rows that equal an earlier one."""
    first = rows.select(pl.struct(pl.all()).is_first_distinct().alias("first"))["first"]
    return ~first.to_numpy()


def settlement_order(tenant: Ints, end_us: Ints, ids: pl.Series) -> Ints:
    """Places of rows by tenant, end and identity."""
    if not len(tenant):
        return np.zeros(0, np.int64)
    low = int(end_us.min())
    span = int(end_us.max()) - low + 1
    if (int(tenant.max()) + 1) * span >= ROOM:
        frame = pl.DataFrame({"tenant": tenant, "end": end_us, "id": ids}).with_row_index("at")
        return frame.sort("tenant", "end", "id", "at")["at"].to_numpy().astype(np.int64)
    key = tenant * span + (end_us - low)
    if (key[1:] > key[:-1]).all():
        return np.arange(len(key))
    at = pl.Series(key).arg_sort().to_numpy().astype(np.int64)
    ordered = key[at]
    same = ordered[1:] == ordered[:-1]
    if same.any():
        tied = np.flatnonzero(np.append(same, False) | np.append(False, same))
        frame = pl.DataFrame({"key": ordered[tied], "id": ids.gather(at[tied]), "at": at[tied]})
        at[tied] = frame.sort("key", "id", "at")["at"].to_numpy()
    return at
