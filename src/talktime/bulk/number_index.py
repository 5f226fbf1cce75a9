"""One look-up for all tables of prefixes: the union of their prefixes, and who owns each in each table.

A table's longest prefix of a number is also a prefix of the union's longest one, so a number is looked up
once and each table is asked by index. For the compiled scan the union also stands as flat tables: five
digits at once, three more, and a trie for the rest (domain.md 3, rulings.md 9 and 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.lookup import find_many, keys_of
from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.prefix import NO_PREFIX, PrefixTable, prefix_table

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    Narrow = NDArray[np.int16] | NDArray[np.int32]

NO_STEM: Final = -1
"""No longer prefix begins with these digits: hidden digits after them decide nothing."""

NO_NODE: Final = -1
WALK: Final = -2
"""In `Flat.eight`: eight digits do not decide, walk the trie."""

MAX_BLOCKS: Final = 8_192
"""The most blocks of `Flat.eight`, 1,000 cells each; numbers of further ones walk the trie."""

_FIVE: Final = 10 ** (MAX_NUMBER_DIGITS - 5)
_EIGHT: Final = 10 ** (MAX_NUMBER_DIGITS - 8)


class Flat(NamedTuple):
    """The union of prefixes as arrays for the compiled scan.

    `five[first five digits]` is the longest prefix (or NO_PREFIX) where they decide, else -2 - block;
    `eight[1000 * block + next three digits]` is the longest prefix, or WALK. Nodes of the trie are the
    beginnings of prefixes, 0 the empty one: `child[10 * node + digit]` is a node or NO_NODE, `best[node]`
    the longest prefix of its digits, `stem[node]` the node where longer prefixes begin with it, else NO_STEM.
    """

    five: Narrow
    eight: Narrow
    child: NDArray[np.int32]
    best: NDArray[np.int32]
    stem: NDArray[np.int32]


@dataclass(frozen=True, eq=False)
class NumberIndex:
    """The union of several tables of prefixes; made by `number_index`.

    `owner[name][prefix of the union]` is the longest prefix of that table that the union's prefix begins
    with, or NO_PREFIX; one more cell at the end holds NO_PREFIX, so that index NO_PREFIX = -1 works.
    `codes` are the nodes of the trie, ascending: a 1 and the digits that lead there, read as an integer.
    """

    union: PrefixTable
    owner: Mapping[str, Ints]
    codes: Ints

    def find(self, keys: Ints, lengths: Ints) -> Ints:
        """The union's longest prefix of each key that its visible digits decide, or NO_PREFIX."""
        return find_many(self.union, keys, lengths)

    def owners_in(self, table: PrefixTable) -> Ints:
        """As a column of `owner`, of any table whose prefixes all stand in the union. Raises ValueError."""
        missing = set(table.prefixes) - self._prefixes
        if missing:
            raise ValueError(f"prefix {min(missing)} is not in the index; build the index with its table")
        return owners_of(self.union, table)

    def stems(self, keys: Ints, lengths: Ints) -> NDArray[np.int32]:
        """Which node of the trie visible digits end at; NO_STEM where no longer prefix begins with them."""
        powers = 10 ** np.arange(MAX_NUMBER_DIGITS + 1, dtype=np.int64)
        codes = powers[lengths] + keys // powers[MAX_NUMBER_DIGITS - lengths]
        at = np.minimum(np.searchsorted(self.codes, codes), len(self.codes) - 1)
        return np.where(self.codes[at] == codes, self._stem[at], np.int32(NO_STEM))

    def digits_of(self, stem: int) -> str:
        """The digits that lead to a node of the trie."""
        return str(self.codes[stem])[1:]

    @cached_property
    def flat(self) -> Flat:
        """The tables of the compiled scan; built when first asked for, within 0.1 s."""
        starts = np.asarray(self.union.starts, np.int64)
        ranges = np.count_nonzero(starts < 10**MAX_NUMBER_DIGITS)  # after 9... the last one holds no number
        five, eight = _decided(starts[:ranges], np.asarray(self.union.owners, np.int64)[:ranges])
        child = np.full(10 * len(self.codes), NO_NODE, np.int32)
        child[10 * self._parents + self.codes[1:] % 10] = np.arange(1, len(self.codes))
        digits = pl.Series(self.codes).cast(pl.String).str.slice(1)
        best = self.find(*keys_of(digits)).astype(np.int32)
        return Flat(five, eight, child, best, self._stem)

    @cached_property
    def _prefixes(self) -> frozenset[str]:
        return frozenset(self.union.prefixes)

    @cached_property
    def _parents(self) -> Ints:
        """The parent of each node but the first: a code without its last digit."""
        return np.searchsorted(self.codes, self.codes[1:] // 10)

    @cached_property
    def _stem(self) -> NDArray[np.int32]:
        stem = np.full(len(self.codes), NO_STEM, np.int32)
        stem[self._parents] = self._parents
        return stem


def number_index(tables: Mapping[str, PrefixTable]) -> NumberIndex:
    """The index of several named tables of prefixes; some or all may be empty."""
    union = prefix_table(sorted({prefix for table in tables.values() for prefix in table.prefixes}))
    owner = {name: owners_of(union, table) for name, table in tables.items()}
    return NumberIndex(union, owner, _codes(union))


def owners_of(union: PrefixTable, table: PrefixTable) -> Ints:
    """The table's longest prefix of each prefix of `union`; a last cell of NO_PREFIX (NumberIndex.owner)."""
    found = find_many(table, *keys_of(pl.Series(union.prefixes, dtype=pl.String)))
    return np.append(found, np.int64(NO_PREFIX))


def _codes(union: PrefixTable) -> Ints:
    keys, lengths = keys_of(pl.Series(union.prefixes, dtype=pl.String))
    codes = [np.ones(1, np.int64)]
    for length in range(1, int(lengths.max(initial=0)) + 1):
        begun = keys[lengths >= length] // 10 ** (MAX_NUMBER_DIGITS - length)
        codes.append(np.unique(begun) + 10**length)
    return np.concatenate(codes)


def _decided(starts: Ints, owners: Ints) -> tuple[Narrow, Narrow]:
    """`Flat.five` and `Flat.eight`: a cell is decided where no range starts within it."""
    cell = starts // _FIVE
    last = np.cumsum(np.bincount(cell, minlength=10**5)) - 1
    within = np.bincount(cell[starts % _FIVE != 0], minlength=10**5)
    # Where there are too many, those with the most ranges get a block, all others share one of WALK.
    undecided = np.argsort(-within, kind="stable")[: np.count_nonzero(within)]
    blocks = np.sort(undecided[:MAX_BLOCKS])
    block_of = np.full(10**5, len(blocks), np.int64)
    block_of[blocks] = np.arange(len(blocks))
    five = np.where(within > 0, -2 - block_of, owners[last])
    shared = np.full(1000, WALK, np.int64)
    eight = np.append(_blocks(starts, owners, blocks, block_of), shared)
    # What is stored are numbers of prefixes: there can be more of them than ranges.
    if max(int(owners.max(initial=0)), len(blocks)) < np.iinfo(np.int16).max - 2:
        return five.astype(np.int16), eight.astype(np.int16)
    return five.astype(np.int32), eight.astype(np.int32)


def _blocks(starts: Ints, owners: Ints, blocks: Ints, block_of: Ints) -> Ints:
    """The cells of each block: the next three digits after five."""
    inside = starts[block_of[starts // _FIVE] < len(blocks)]
    cell = 1000 * block_of[inside // _FIVE] + inside // _EIGHT % 1000
    counts = np.bincount(cell, minlength=1000 * len(blocks)).reshape(-1, 1000)
    before = np.searchsorted(starts, blocks * _FIVE)  # how many ranges start before the block
    last = np.cumsum(counts, axis=1) + before[:, None] - 1
    within = np.bincount(cell[inside % _EIGHT != 0], minlength=1000 * len(blocks))
    return np.where(within > 0, WALK, owners[last].ravel())
