"""Columns of numbers -> their longest prefixes, ten million in a fraction of a second.

A number that is written as `+` and digits, with stars for hidden ones, needs no parsing: its digits are
looked up where they stand in the column's memory. What is written otherwise is left to `core.numbers`. Two
ways, equal row for row: a compiled loop for long columns, Polars and numpy for short ones (rulings.md 9).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
import polars as pl

from talktime.bulk.compiled import compiled as machine_code
from talktime.bulk.lookup import keys_of
from talktime.bulk.number_index import NO_STEM, Flat, NumberIndex
from talktime.core.limits import MAX_NUMBER_DIGITS
from talktime.core.prefix import NO_PREFIX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Ints = NDArray[np.int64]

WRITTEN: Final = rf"^\+[1-9][0-9*]{{0,{MAX_NUMBER_DIGITS - 1}}}$"
"""What `core.numbers.parse_number` takes unchanged as an international number, wherever it is dialled."""

SLICE_ROWS: Final = 65_536
"""Rows whose text is laid out for the loop at a time: what a slice needs stays in the processor's cache."""

_PLUS: Final = ord("+")
_STAR: Final = ord("*")
_ZERO: Final = ord("0")
_NINE: Final = ord("9")
# Places in the text count without a sign: the compiled loop then needs no look at what is below zero.
_ONE: Final = np.uint64(1)
_FIVE: Final = np.uint64(5)
_EIGHT: Final = np.uint64(8)
_LONGEST: Final = np.uint64(1 + MAX_NUMBER_DIGITS)


class Scanned(NamedTuple):
    """What the digits of each row decide, one value a row.

    `prefix`: the longest prefix of the index's union that the visible digits decide, or NO_PREFIX. `hidden`:
    how many digits are hidden. `stem`: for numbers with hidden digits the node of the index's trie that the
    visible ones end at, NO_STEM where the hidden ones decide nothing, and in all other rows. `odd`: only
    `core.numbers.parse_number` can read the row; it has no prefix here.
    """

    prefix: NDArray[np.int32]
    hidden: NDArray[np.int8]
    stem: NDArray[np.int32]
    odd: NDArray[np.bool_]

    def part(self, first: int, last: int) -> Scanned:
        """Rows [first, last), in the same memory."""
        at = slice(first, last)
        return Scanned(self.prefix[at], self.hidden[at], self.stem[at], self.odd[at])


class Buffers(NamedTuple):
    """A column of text in memory: row i is data[offsets[i] : offsets[i + 1]]."""

    data: NDArray[np.uint8]
    offsets: NDArray[np.uint64]


def scan(texts: pl.Series, index: NumberIndex, *, compiled: bool, threads: int = 1) -> Scanned:
    """Looks up a String column of numbers; a null counts as "", which has no prefix and is not odd.

    `compiled`: by the compiled loop, on so many `threads`; else by columns, on one. Raises TypeError where
    the column holds no strings.
    """
    if texts.dtype != pl.String:
        raise TypeError(f"column {texts.name!r} holds {texts.dtype}; cast it to String before it is scanned")
    texts = texts.fill_null("") if texts.null_count() else texts
    return _by_loop(texts, index, threads) if compiled else _by_columns(texts, index)


def hidden_keys(stem: NDArray[np.int32], hidden: NDArray[np.int8]) -> tuple[Ints, Ints]:
    """The rows whose hidden digits could decide something, and a key for each; columns as in `Scanned`.

    Rows with one key have the same visible digits and as many hidden ones; `hidden_of` tells them. In all
    other rows each table of the index has one possible prefix: the one that the visible digits decide.
    """
    rows = np.flatnonzero(stem != NO_STEM)
    return rows, stem[rows].astype(np.int64) * (MAX_NUMBER_DIGITS + 1) + hidden[rows]


def hidden_of(index: NumberIndex, key: int) -> tuple[str, int]:
    """The visible digits and how many are hidden: what `PrefixTable.possible` asks for."""
    stem, hidden = divmod(key, MAX_NUMBER_DIGITS + 1)
    return index.digits_of(stem), hidden


def _by_columns(texts: pl.Series, index: NumberIndex) -> Scanned:
    plain = texts.str.contains(WRITTEN)
    rows = plain.arg_true()
    written = texts.gather(rows)
    visible = visible_digits(written)
    keys, lengths = keys_of(visible)
    hidden = written.str.len_bytes().to_numpy() - 1 - lengths
    found = unread(len(texts))
    at = rows.to_numpy()
    found.prefix[at] = index.find(keys, lengths)
    found.hidden[at] = hidden
    masked = np.flatnonzero(hidden)
    found.stem[at[masked]] = index.stems(keys[masked], lengths[masked])
    found.odd[:] = ~(plain | (texts == "")).to_numpy()
    return found


def visible_digits(written: pl.Series) -> pl.Series:
    """The digits before the first star of numbers in normal form; what other text gives says nothing."""
    starred = written.str.contains("*", literal=True).arg_true()
    visible = written.str.slice(1)
    return (
        visible.scatter(starred, visible.gather(starred).str.extract(r"^([0-9]*)"))
        if len(starred)
        else visible
    )


def _by_loop(texts: pl.Series, index: NumberIndex, threads: int) -> Scanned:
    plain, rest = machine_code(scan_plain), machine_code(scan_rest)
    found, flat = unread(len(texts)), index.flat

    def look(first: int) -> None:
        part = found.part(first, min(first + SLICE_ROWS, len(texts)))
        buffers = buffers_of(texts.slice(first, len(part.odd)))
        plain(buffers, flat, part)
        rest(buffers, flat, part)

    slices = range(0, len(texts), SLICE_ROWS)
    if threads == 1 or len(slices) <= 1:
        for first in slices:
            look(first)
        return found
    with ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(look, slices):
            pass
    return found


def unread(rows: int) -> Scanned:
    """All rows still to be read."""
    return Scanned(
        np.full(rows, NO_PREFIX, np.int32),
        np.zeros(rows, np.int8),
        np.full(rows, NO_STEM, np.int32),
        np.ones(rows, np.bool_),
    )


def buffers_of(texts: pl.Series) -> Buffers:
    """The text of a column without nulls in one piece of memory, read-only."""
    array = texts.to_arrow(compat_level=pl.CompatLevel.oldest())
    _, offsets, data = array.buffers()
    # A column of empty strings only may come without data; `frombuffer` takes at least one byte.
    held = data if data is not None and data.size else b"\0"
    return Buffers(
        np.frombuffer(held, np.uint8),
        np.frombuffer(offsets, np.uint64)[array.offset : array.offset + len(array) + 1],
    )


def scan_plain(buffers: Buffers, flat: Flat, found: Scanned) -> None:
    """Reads the numbers whose first eight digits are visible and decide; the others stay odd.

    All stands in the one loop: calling a function with arrays costs more than the look-up.
    """
    data, offsets = buffers.data, buffers.offsets
    five, eight = flat.five, flat.eight
    prefix, hidden, odd = found.prefix, found.hidden, found.odd
    for row in range(len(odd)):
        plus = offsets[row]
        first, end = plus + _ONE, offsets[row + 1]
        if end - plus <= _EIGHT or end - plus > _LONGEST or data[plus] != _PLUS:
            continue
        bad = np.int64(0)  # becomes negative with a character that is no digit
        head = np.int64(0)
        for at in range(first, first + _FIVE):
            digit = np.int64(data[at]) - _ZERO
            bad |= digit | (9 - digit)
            head = head * 10 + digit
        tail = np.int64(0)
        for at in range(first + _FIVE, first + _EIGHT):
            digit = np.int64(data[at]) - _ZERO
            bad |= digit | (9 - digit)
            tail = tail * 10 + digit
        at = first + _EIGHT
        while at < end and _ZERO <= data[at] <= _NINE:
            at += _ONE
        stars = end - at
        while at < end and (data[at] == _STAR or _ZERO <= data[at] <= _NINE):
            at += _ONE
        if bad < 0 or head < 10_000 or at < end:
            continue
        owner = np.int64(five[np.uint64(head)])
        if owner < NO_PREFIX:
            owner = np.int64(eight[np.uint64((-2 - owner) * 1000 + tail)])
        if owner >= NO_PREFIX:
            prefix[row] = owner
            hidden[row] = stars
            odd[row] = False


def scan_rest(buffers: Buffers, flat: Flat, found: Scanned) -> None:
    """Reads what `scan_plain` left, digit by digit through the trie: short, long prefixes, hidden early."""
    data, offsets = buffers.data, buffers.offsets
    child, best, stem = flat.child, flat.best, flat.stem
    for row in range(len(found.odd)):
        if not found.odd[row]:
            continue
        plus, end = offsets[row], offsets[row + 1]
        if plus == end:
            found.odd[row] = False
            continue
        at = plus + _ONE
        if end - plus > _LONGEST or at == end or data[plus] != _PLUS or data[at] == _ZERO:
            continue
        node, owner = np.int64(0), np.int64(NO_PREFIX)
        while at < end and _ZERO <= data[at] <= _NINE:
            if node >= 0:
                node = np.int64(child[node * 10 + np.int64(data[at]) - _ZERO])
                owner = np.int64(best[node]) if node >= 0 else owner
            at += _ONE
        if at == plus + _ONE:
            continue
        stars = end - at
        while at < end and (data[at] == _STAR or _ZERO <= data[at] <= _NINE):
            at += _ONE
        if at == end:
            found.odd[row] = False
            found.prefix[row] = owner
            found.hidden[row] = stars
            found.stem[row] = stem[node] if stars > 0 and node >= 0 else NO_STEM
