"""Longest prefixes of whole columns of numbers: `PrefixTable.find` for arrays.

The same table and the same walk up to the parents that the visible digits decide; a test holds both ways
against each other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.prefix import NO_PREFIX, PrefixTable

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]


def keys_of(digits: pl.Series) -> tuple[Ints, Ints]:
    """15-digit keys and numbers of visible digits of a column of digit strings; "" has key 0, length 0."""
    cut = digits.str.slice(0, MAX_NUMBER_DIGITS)
    keys = cut.str.pad_end(MAX_NUMBER_DIGITS, "0").cast(pl.Int64)
    return keys.to_numpy(), cut.str.len_bytes().cast(pl.Int64).to_numpy()


def find_many(table: PrefixTable, keys: Ints, lengths: Ints) -> Ints:
    """The number of the longest prefix of each key that its visible digits decide, or NO_PREFIX."""
    starts = np.asarray(table.starts, np.int64)
    owners = np.asarray(table.owners, np.int64)
    if not table.prefixes:
        return np.full(len(keys), NO_PREFIX, np.int64)
    prefix_lengths = np.asarray(table.lengths, np.int64)
    parents = np.asarray(table.parents, np.int64)
    found: Ints = owners[np.searchsorted(starts, keys, side="right") - 1]
    found[lengths == 0] = NO_PREFIX
    too_long = np.flatnonzero((found != NO_PREFIX) & (prefix_lengths[found] > lengths))
    while len(too_long):
        found[too_long] = parents[found[too_long]]
        still = found[too_long]
        too_long = too_long[(still != NO_PREFIX) & (prefix_lengths[still] > lengths[too_long])]
    return found
