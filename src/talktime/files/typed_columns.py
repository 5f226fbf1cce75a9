"""Columns of typed files (Parquet) -> integers, a whole column at a time, without a detour over text.

Only values out of the ordinary become the text that a CSV would hold: they are then read, or refused, as
text is, so that a table means the same in every container.
"""

from __future__ import annotations

from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

_EXACT_WHOLE: Final = 2**53
"""Up to here a number in floating point is the whole number that was meant."""

_LEAST_FRACTION: Final = 0.001
_MOST_FRACTION: Final = 1_000_000
"""Between these a fraction of seconds is rounded up by columns; others are written with an exponent."""

_A_SECOND: Final = {"ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
_US: Final = _A_SECOND["us"]


def as_text(values: Any) -> pl.Series:
    """A column of any type, as a batch holds it -> strings as a CSV would hold them, "" for null.

    Raises pyarrow.ArrowException for a type that has no text.
    """
    series = values if isinstance(values, pl.Series) else pl.Series(values)
    if series.dtype != pl.String:
        words = isinstance(series.dtype, pl.Categorical | pl.Enum | pl.Null)
        series = series.cast(pl.String) if words else pl.Series(series.name, arrow_text(series.to_arrow()))
    return series.fill_null("") if series.null_count() else series


def arrow_text(array: Any) -> Any:
    """An Arrow array of any type as strings; instants in ISO 8601, whole numbers without a point."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        array = pc.cast(array, pa.timestamp("us", kind.tz), safe=False)
    elif pa.types.is_floating(kind):
        array = _whole_if_it_is(array)
    return pc.cast(array, pa.string())


def _whole_if_it_is(array: Any) -> Any:
    """219.0 -> 219, so that a number that is an identifier or a telephone number stays its digits."""
    filled = pc.fill_null(array, 0.0)
    small = pc.all(pc.less_equal(pc.abs(filled), float(_EXACT_WHOLE))).as_py()
    if small is not False and pc.all(pc.equal(filled, pc.floor(filled))).as_py() is not False:
        return pc.cast(array, pa.int64())
    return array


def typed_instants(series: pl.Series, first_us: int, end_us: int) -> pl.Series | None:
    """Instants of type Datetime -> microseconds since 1970, cut (rulings.md 5); None for another type.

    Null in place of those that are not from `first_us` on and before `end_us`.
    """
    if not isinstance(series.dtype, pl.Datetime):
        return None
    second = _A_SECOND[series.dtype.time_unit]
    ticks = series.to_physical()
    inside = (ticks >= first_us * second // _US) & (ticks < end_us * second // _US)
    if not inside.all():  # nulls aside
        ticks = ticks.zip_with(inside.fill_null(False), pl.Series([None], dtype=pl.Int64))
    if second > _US:
        return ticks // (second // _US)  # down: what is beyond microseconds is cut
    return ticks * (_US // second) if second < _US else ticks


def typed_epochs(series: pl.Series, us: int, first_us: int, end_us: int) -> pl.Series | None:
    """Integers since 1970 in units of so many microseconds, as `typed_instants`; None for another type."""
    if not series.dtype.is_integer():
        return None
    numbers = series.cast(pl.Int64, strict=False)
    inside = (numbers >= first_us // us) & (numbers < end_us // us)
    if not inside.all():
        numbers = numbers.zip_with(inside.fill_null(False), pl.Series([None], dtype=pl.Int64))
    return numbers * us if us > 1 else numbers


def typed_durations(series: pl.Series) -> pl.Series | None:
    """Numbers of seconds, a fraction rounded up (rulings.md 5) -> Int64; None for what is no number.

    Null in place of those that are to be read as text: they are negative with a fraction, or enormous.
    """
    if series.dtype.is_integer():
        return series.cast(pl.Int64, strict=False)
    if series.dtype.is_float():
        up = series.ceil()
        whole = (up == series) & (series.abs() <= _EXACT_WHOLE)
        plain = whole | ((series >= _LEAST_FRACTION) & (series <= _MOST_FRACTION))
        return up.zip_with(plain.fill_null(False), pl.Series([None], dtype=series.dtype)).cast(pl.Int64)
    if series.dtype.is_decimal():
        array = series.to_arrow()
        wide = pc.cast(array, pa.decimal128(38, array.type.scale))  # else the next whole number may not fit
        plain = pc.and_(pc.greater_equal(wide, 0), pc.less_equal(wide, _MOST_FRACTION))
        up = pc.ceil(pc.if_else(plain, wide, pa.scalar(None, wide.type)))
        return pl.Series(series.name, pc.cast(up, pa.int64()))
    return None
