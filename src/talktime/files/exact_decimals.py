"""Integers of the program <-> decimals of a report, whole columns at a time and exact.

An int64 is laid into the low half of a 128-bit decimal, its sign into the high half; no value is divided,
multiplied or made a float on the way (domain.md 2).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import polars as pl
import pyarrow as pa

from talktime.core.money import MICROS_PLACES, NANOS_PLACES
from talktime.files.call_columns import Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

PRECISION: Final = 18
"""Digits of a decimal in a report, as `decimal(18, 6)` and `decimal(18, 9)`."""

LARGEST: Final = 10**PRECISION - 1
"""The largest integer that such a decimal holds."""

PLACES: Final = {Kind.MONEY: MICROS_PLACES, Kind.PRICE: NANOS_PLACES}
"""Decimal places of the kinds of columns that are decimals in a report."""

_LARGEST_NUMBER: Final = 10**15
"""Below this, an integer has at most 15 digits: a spreadsheet's number keeps them all."""


def to_decimals(integers: pl.Series, places: int) -> pl.Series:
    """Int64 scaled by 10**places -> Decimal(18, places); null stays null. The caller checked the bounds."""
    values = integers.fill_null(0).to_numpy()
    halves = np.empty((len(values), 2), "<i8")
    halves[:, 0] = values
    halves[:, 1] = values >> 63
    kind = pa.decimal128(PRECISION, places)
    decimals = pl.Series(
        integers.name, pa.Array.from_buffers(kind, len(values), [None, pa.py_buffer(halves)]), strict=True
    )
    return decimals.set(integers.is_null(), None) if integers.null_count() else decimals


def to_integers(decimals: pl.Series) -> pl.Series:
    """Decimal(18, places) -> Int64 scaled by 10**places; the inverse of `to_decimals`."""
    array = decimals.fill_null(0).to_arrow()
    halves: NDArray[np.int64] = np.frombuffer(array.buffers()[1], "<i8")
    low = halves[2 * array.offset : 2 * (array.offset + len(array)) : 2]
    integers = pl.Series(decimals.name, low, dtype=pl.Int64)
    return integers.set(decimals.is_null(), None) if decimals.null_count() else integers


def decimals_of(column: str, places: int) -> pl.Expr:
    """`to_decimals` as an expression that a streaming query can use."""
    return pl.col(column).map_batches(
        lambda integers: to_decimals(integers, places),
        return_dtype=pl.Decimal(PRECISION, places),
        is_elementwise=True,
    )


def plain_text_of(column: str, places: int) -> pl.Expr:
    """Decimals as plain text without trailing zeros (0.075, 12, -3.5), as `core.money.format_decimal`."""
    return decimals_of(column, places).cast(pl.String).str.strip_chars_end("0").str.strip_chars_end(".")


def fits_a_number(integers: pl.Expr) -> pl.Expr:
    """Whether a spreadsheet's number, which keeps 15 significant digits, shows the integer exactly."""
    digits = integers.abs().cast(pl.String).str.strip_chars_end("0").str.len_bytes()
    return (integers.abs() < _LARGEST_NUMBER) | (digits <= 15)
