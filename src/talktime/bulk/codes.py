"""Columns of few different values as small integers, several of them as one, and the different ones found.

What a rule says is asked once per different value and spread over the rows by index; rows are never looked at
one by one. All of it is exact: keys are integers, not hashes of anything.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

ROOM: Final = 2**62
"""Packed keys stay below this."""


class Coded(NamedTuple):
    """A column as integers from 0 to `size` - 1."""

    codes: Ints
    size: int


class Different(NamedTuple):
    """The different values of a column, in ascending order, and the place of each row's among them."""

    values: Ints
    at: Ints


def words_of(column: pl.Series) -> list[str]:
    """The different values of a Categorical column; the order is that of their physical numbers."""
    return numbers_and_words(column)[1]


def numbers_and_words(column: pl.Series) -> tuple[Ints, list[str]]:
    """The physical numbers in use in a Categorical column, ascending, and their words; null is left out."""
    if column.null_count():
        column = column.drop_nulls()
    physical = column.to_physical()
    if not column.len() or physical.min() == physical.max():
        one = column.head(1)
        return one.to_physical().to_numpy().astype(np.int64), one.cast(pl.String).to_list()
    numbers = physical.to_numpy()
    row = np.full(int(numbers.max()) + 1, -1, np.int64)
    row[numbers] = np.arange(len(numbers))  # a row of each word: any will do
    used = np.flatnonzero(row >= 0)
    return used, column.gather(row[used]).cast(pl.String).to_list()


def by_word(column: pl.Series, value_of: Callable[[str], int]) -> Ints:
    """An integer a row from its word: `value_of` is asked once per different word. No nulls."""
    numbers, words = numbers_and_words(column)
    return spread(column, numbers, [value_of(word) for word in words])


def spread(column: pl.Series, numbers: Ints, values: Sequence[int]) -> Ints:
    """`values[i]` where the row has the physical number `numbers[i]`."""
    table = np.zeros(int(numbers.max()) + 1 if len(numbers) else 1, np.int64)
    table[numbers] = values
    found: Ints = table[column.to_physical().to_numpy()]
    return found


def coded(column: pl.Series) -> tuple[Coded, list[str]]:
    """A Categorical column as codes and the word of each code."""
    numbers, words = numbers_and_words(column)
    if len(words) == 1:
        return Coded(np.zeros(column.len(), np.int64), 1), words
    return Coded(spread(column, numbers, range(len(words))), max(len(words), 1)), words


def pack(columns: Sequence[Coded]) -> tuple[Ints, Callable[[Ints], list[Ints]]]:
    """Several columns as one key a row, and the way back: keys -> the codes of each column.

    Raises OverflowError where the sizes leave no room in 62 bits.
    """
    room = 1
    for column in columns:
        room *= column.size
    if room >= ROOM:
        raise OverflowError(f"{len(columns)} columns have too many different values to be told apart at once")
    key = np.zeros(len(columns[0].codes), np.int64)
    for column in columns:
        if column.size > 1:  # else all codes are 0
            key *= column.size
            key += column.codes

    def unpack(keys: Ints) -> list[Ints]:
        found = []
        for column in reversed(columns):
            found.append(keys % column.size)
            keys = keys // column.size
        return found[::-1]

    return key, unpack


def different(key: Ints, find: Callable[[Ints], Different] | None = None) -> Different:
    """The different values of a column and where each row's stands; `find` is a faster way to the same."""
    if find is not None:
        return find(key)
    values, at = np.unique(key, return_inverse=True)
    return Different(values, at.astype(np.int64, copy=False))


def different_rows(
    columns: Sequence[Coded], find: Callable[[Ints], Different] | None = None
) -> tuple[list[Ints], Ints]:
    """The different combinations of some columns, column by column, and the place of each row's.

    Columns that leave no room together are combined step by step, what is found standing for what was there.
    """
    done: list[Coded] = []
    room = 1
    for column in columns:
        if room * column.size >= ROOM:
            done = [_combined(done, find)]
            room = done[0].size
        done.append(column)
        room *= column.size
    key, _ = pack(done)
    found = different(key, find)
    first = _first_rows(found.at, len(found.values))
    return [column.codes[first] for column in columns], found.at


def _combined(columns: Sequence[Coded], find: Callable[[Ints], Different] | None) -> Coded:
    found = different(pack(columns)[0], find)
    return Coded(found.at, max(len(found.values), 1))


def _first_rows(at: Ints, size: int) -> Ints:
    """A row of each different value: any will do, they are equal."""
    first = np.zeros(size, np.int64)
    first[at] = np.arange(len(at))
    return first


def words_at(words: Sequence[str], at: Any) -> pl.Series:
    """The words at these places as a Categorical column; -1 is the last word."""
    places = at if len(at) == 0 or at.min() >= 0 else np.where(at < 0, len(words) + at, at)
    if len(words) == 1:
        return pl.repeat(words[0], len(at), dtype=pl.String, eager=True).cast(pl.Categorical)
    return pl.Series(words, dtype=pl.String).cast(pl.Categorical).gather(places)
