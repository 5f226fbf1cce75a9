"""Instants and durations as files write them -> integers, a whole column at a time.

Columns written as Graph and the exports write them are read by Arrow at once; whatever else stands in a
column is read value by value by `instant_us` and `duration_s`, which say what is wrong with it.
"""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from talktime.core.limits import US_PER_S
from talktime.files.instants import parse_instant
from talktime.files.typed_columns import as_text, typed_durations, typed_epochs, typed_instants

FIRST_YEAR: Final = 2000
LAST_YEAR: Final = 2100

FIRST_US: Final = int(datetime(FIRST_YEAR, 1, 1, tzinfo=UTC).timestamp()) * US_PER_S
END_US: Final = int(datetime(LAST_YEAR + 1, 1, 1, tzinfo=UTC).timestamp()) * US_PER_S
"""Instants of calls are from FIRST_US on and before END_US; others are impossible."""

NO_TIMES: Final = ("0001-01-01", "0000-00-00")
"""How Graph (formats.md) and databases of switches begin a time that there is none of."""

_TIME: Final = r"(\d\d?):(\d\d)(?::(\d\d)(?:[.,](\d+))?)? ?"
_YEAR_FIRST: Final = re.compile(
    rf"(\d{{4}})[-/](\d\d?)[-/](\d\d?)[Tt ]+{_TIME}(Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)?",
    re.ASCII | re.IGNORECASE,
)
_YEAR_LAST: Final = re.compile(
    rf"(\d\d?)([-/.])(\d\d?)\2(\d{{4}})[Tt, ]+{_TIME}([AP]M)?", re.ASCII | re.IGNORECASE
)
_DATE_ALONE: Final = re.compile(r"\d{4}[-/]\d\d?[-/]\d\d?|\d\d?([-/.])\d\d?\1\d{4}", re.ASCII)
_SECONDS: Final = re.compile(r"\+?(\d+)(?:\.(\d*))?", re.ASCII)
_CLOCK: Final = re.compile(r"(?:1899-12-3[01] )?(\d+):([0-5]\d):([0-5]\d)(?:\.(\d+))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Column:
    """Integers where a column's text could be read, null elsewhere; `faults`: row -> what is wrong there.

    `zoneless` counts instants that named no zone. An empty text is null and no fault. `two_days` are the rows
    whose fault is a date without an order, `orders` the orders that other rows of the column show.
    """

    values: pl.Series
    faults: dict[int, str] = field(default_factory=dict)
    zoneless: int = 0
    two_days: frozenset[int] = frozenset()
    orders: frozenset[str] = frozenset()


class TwoDaysError(ValueError):
    """A date that may be two days while nobody says in which order it is written."""


# --- instants --------------------------------------------------------------------------------------------


def instants(values: Any, times: str = "text", date_order: str = "", time_zone: str = "") -> Column:
    """A column of a batch -> microseconds since 1970; fractions beyond them are cut (rulings.md 5).

    `values` is an Arrow array of strings, or a polars Series of strings, instants or numbers.
    """
    if not isinstance(values, pl.Series):
        return _instants_of_text(values, times, date_order, time_zone)
    zoneless = isinstance(values.dtype, pl.Datetime) and values.dtype.time_zone is None
    read = None
    if times != "text":
        read = typed_epochs(values, _UNIT_US[times], FIRST_US, END_US)
    elif not (zoneless and time_zone):
        read = typed_instants(values, FIRST_US, END_US)
    if read is None:
        return _instants_of_text(as_text(values).to_arrow(), times, date_order, time_zone)
    count = read.len() - read.null_count() if zoneless else 0
    return _with_odd_rows(
        Column(read, zoneless=count),
        values,
        lambda texts: _instants_of_text(texts, times, date_order, time_zone),
    )


def _with_odd_rows(read: Column, values: pl.Series, read_text: Callable[[Any], Column]) -> Column:
    """A typed column with the rows that could not be read by columns read as text."""
    if read.values.null_count() == values.null_count():
        return read
    rows = (read.values.is_null() & values.is_not_null()).arg_true()
    odd = read_text(as_text(values.gather(rows)).to_arrow())
    return Column(
        read.values.scatter(rows, odd.values.cast(pl.Int64)),
        {rows[at]: fault for at, fault in odd.faults.items()},
        read.zoneless + odd.zoneless,
    )


def _instants_of_text(texts: Any, times: str, date_order: str, time_zone: str) -> Column:
    if times == "text" and (plain := _by_arrow(texts, time_zone)) is not None:
        return plain
    texts = pc.utf8_trim_whitespace(texts)
    absent = pc.equal(texts, "")
    for none in NO_TIMES:
        absent = pc.or_(absent, pc.starts_with(texts, none))
    texts = pc.if_else(absent, pa.scalar(None, pa.string()), texts)
    if times != "text":
        return _epochs(texts, _UNIT_US[times])
    fast = _by_arrow(texts, time_zone)
    return _one_by_one(texts, date_order, time_zone) if fast is None else fast


def _by_arrow(texts: Any, time_zone: str) -> Column | None:
    """The column if all of it is ISO 8601, all with a zone or all without."""
    if pc.all(pc.equal(pc.utf8_slice_codeunits(texts, 13, 14), ":")).as_py() is False:
        return None  # Arrow takes a date or an hour alone, too
    for zone in ("UTC", None):
        try:
            found = pc.cast(texts, pa.timestamp("ns", zone))
        except pa.ArrowInvalid:
            continue
        if zone is None and time_zone:
            return None
        values = pl.Series(values=found.cast(pa.int64())) // 1000  # down: what is beyond microseconds is cut
        if ((values < FIRST_US) | (values >= END_US)).any():
            return None
        return Column(values, zoneless=0 if zone else values.len() - values.null_count())
    return None


def _epochs(texts: Any, us: int) -> Column:
    """Numbers since 1970, in units of so many microseconds; a fraction counts."""
    series = pl.Series(values=texts)
    values = series.cast(pl.Int64, strict=False)
    doubtful = (values < FIRST_US // us) | (values >= END_US // us)
    if values.null_count() == series.null_count() and not doubtful.any():
        return Column(values * us)
    found: dict[int, int | None] = {}
    faults: dict[int, str] = {}
    for row in (values.is_null() & series.is_not_null() | doubtful.fill_null(False)).arg_true().to_list():
        found[row] = _epoch_us(series[row], us)
        if found[row] is None:
            faults[row] = f"{series[row]!r} is no number of {_UNIT[us]} since 1970"
    values = values.scatter(list(found), [None] * len(found)) * us
    return Column(values.scatter(list(found), pl.Series(found.values(), dtype=pl.Int64)), faults)


def _epoch_us(text: str, us: int) -> int | None:
    match = re.fullmatch(r"(\d{1,17})(?:\.(\d*))?", text, re.ASCII)
    if match is None:
        return None
    fraction = (match[2] or "").ljust(6, "0")[:6]
    at_us = int(match[1]) * us + int(fraction) * us // US_PER_S  # down: less than a microsecond is cut
    return at_us if FIRST_US <= at_us < END_US else None


_UNIT: Final = {1: "microseconds", US_PER_S: "seconds"}
_UNIT_US: Final = {"epoch_us": 1, "epoch_s": US_PER_S}


def _one_by_one(texts: Any, date_order: str, time_zone: str) -> Column:
    values: list[int | None] = []
    faults: dict[int, str] = {}
    two_days: set[int] = set()
    zoneless = 0
    for row, text in enumerate(texts.to_pylist()):
        found = None
        if text is not None:
            try:
                found, named = instant_us(text, date_order, time_zone)
                zoneless += not named
            except ValueError as error:
                faults[row] = str(error)
                two_days |= {row} if isinstance(error, TwoDaysError) else set()
        values.append(found)
    read = pl.Series(values, dtype=pl.Int64)
    orders = frozenset() if date_order else _orders(pl.Series(values=texts).filter(read.is_not_null()))
    return Column(read, faults, zoneless, frozenset(two_days), orders)


def _orders(texts: pl.Series) -> frozenset[str]:
    """The orders that dates which can be read only in one way are written in."""
    first, second = (
        texts.str.extract(r"^(\d\d?)[-/](\d\d?)[-/]\d{4}\D", group).cast(pl.Int64) for group in (1, 2)
    )
    shown = {"dmy": (first > 12).any(), "mdy": (second > 12).any()}
    return frozenset(order for order, is_shown in shown.items() if is_shown)


def instant_us(text: str, date_order: str = "", time_zone: str = "") -> tuple[int, bool]:
    """One instant, and whether it (or `time_zone`) names a zone; without one it is UTC.

    Takes ISO 8601, `2026/1/31 9:05`, `31.1.2026 9:05`, `1/31/2026 9:05:00 PM`. A date that may be read in two
    ways needs `date_order`. Raises ValueError: the sentence for the row.
    """
    written = text.strip()
    year_first = _YEAR_FIRST.fullmatch(written)
    year_last = _YEAR_LAST.fullmatch(written)
    if year_first is not None:
        year, month, day, hour, minute, second, fraction, zone = year_first.groups()
        half = ""
    elif year_last is not None:
        month, day = _month_and_day(year_last, text, date_order)
        year, hour, minute, second, fraction, half = year_last.groups()[3:]
        zone = ""
    elif _DATE_ALONE.fullmatch(written):
        raise ValueError(f"{text!r} is a day without a time")
    else:
        raise ValueError(f"{text!r} is no time such as 2026-01-31T09:05:00Z")
    hour = _hour_of_24(int(hour), (half or "").upper(), text)
    zone = "Z" if (zone or "").upper() in ("UTC", "GMT") else (zone or "")
    iso = f"{year}-{month:0>2}-{day:0>2}T{hour:02}:{minute}:{second or '00'}.{fraction or '0'}{zone}"
    try:
        at_us = parse_instant(iso)
    except ValueError:
        raise ValueError(f"{text!r} is no day or time that exists") from None
    if not zone and time_zone:
        at_us = _local_us(at_us, time_zone)
    if not FIRST_US <= at_us < END_US:
        raise ValueError(f"{text!r} is outside of the years {FIRST_YEAR} to {LAST_YEAR}")
    return at_us, bool(zone or time_zone)


def _month_and_day(match: re.Match[str], text: str, date_order: str) -> tuple[str, str]:
    """Which of the two small numbers is the month: told, shown by a point, or by one that is over 12."""
    first, second = match[1], match[3]
    if match[2] == "." or date_order == "dmy":
        return second, first
    if date_order == "mdy" or int(second) > 12 or first == second:
        return first, second
    if int(first) > 12:
        return second, first
    raise TwoDaysError(f"{text!r} may be two days: set date_order to dmy or mdy in a column map")


def _hour_of_24(hour: int, half: str, text: str) -> int:
    if not half:
        return hour
    if not 1 <= hour <= 12:
        raise ValueError(f"{text!r} is no day or time that exists")
    return hour % 12 + (12 if half.startswith("P") else 0)


def _local_us(wall_us: int, time_zone: str) -> int:
    """A wall clock's time in a zone: of two the earlier; one that is skipped is read with the offset before.

    Source: rulings.md 16, docs/decisions/0003.
    """
    wall = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=wall_us)
    offset = wall.replace(tzinfo=_zone(time_zone), fold=0).utcoffset() or timedelta(0)
    return wall_us - offset // timedelta(microseconds=1)


@lru_cache(maxsize=8)
def _zone(name: str) -> zoneinfo.ZoneInfo:
    return zoneinfo.ZoneInfo(name)


# --- durations -------------------------------------------------------------------------------------------


def durations(values: Any) -> Column:
    """A column of a batch -> whole seconds, a fraction rounded up (rulings.md 5); unbounded.

    `values` is an Arrow array of strings, or a polars Series of strings or numbers.
    """
    if not isinstance(values, pl.Series):
        return _durations_of_text(values)
    read = typed_durations(values)
    if read is None:
        return _durations_of_text(as_text(values).to_arrow())
    return _with_odd_rows(Column(read), values, _durations_of_text)


def _durations_of_text(texts: Any) -> Column:
    plain = pl.Series(values=texts).cast(pl.Int64, strict=False)
    if not plain.null_count():
        return Column(plain)
    texts = pc.utf8_trim_whitespace(texts)
    series = pl.Series(values=pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.string()), texts))
    values = series.cast(pl.Int64, strict=False)
    other = (values.is_null() & series.is_not_null()).arg_true().to_list()
    faults: dict[int, str] = {}
    read: dict[int, int] = {}
    for row in other:
        try:
            read[row] = duration_s(series[row])
        except ValueError as error:
            faults[row] = str(error)
    if read:
        values = values.scatter(list(read), list(read.values()))
    return Column(values, faults)


def duration_s(text: str) -> int:
    """`219`, `218.2`, `0:03:39` -> 219, a fraction rounded up. Raises ValueError: why it is none."""
    written = text.strip()
    if written.startswith("-") and _SECONDS.fullmatch(written[1:]):
        if set(written) & set("123456789"):
            raise ValueError(f"{text!r} is negative")
        return 0
    plain = _SECONDS.fullmatch(written)
    clock = _CLOCK.fullmatch(written)
    if plain is not None:
        whole, fraction = int(plain[1][:18]), plain[2]
    elif clock is not None:
        whole = int(clock[1][:9]) * 3600 + int(clock[2]) * 60 + int(clock[3])
        fraction = clock[4]
    else:
        raise ValueError(f"{text!r} is no number of seconds")
    return whole + bool((fraction or "").strip("0"))
