"""Typed columns of Parquet: the same table as CSV, JSON lines and Parquet of text, without a detour."""

import csv
import io
import json
import math
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from talktime.files import read_parquet as reading
from talktime.files.read_usage import read_usage
from talktime.files.typed_columns import typed_durations, typed_instants
from talktime.files.usage import UnusableFile, Usage
from talktime.files.usage_times import END_US, FIRST_US, duration_s, instants

HEADER = (
    "tenantId", "id", "startDateTime", "endDateTime", "duration", "callType", "userPrincipalName",
    "callerNumber", "calleeNumber", "inventoryType", "usageCountryCode", "destinationContext", "operator",
)  # fmt: skip
TEXTS = tuple(name for name in HEADER if name not in ("startDateTime", "endDateTime", "duration"))

Row = dict[str, Any]


def shown(cell: Any) -> str:
    """A cell as a CSV holds it."""
    if cell is None:
        return ""
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="microseconds") + ("" if cell.tzinfo else "Z")
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    return format(cell, "f") if isinstance(cell, Decimal) else str(cell)


def as_csv(rows: Sequence[Row]) -> bytes:
    """The rows as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([HEADER, *([shown(row[name]) for name in HEADER] for row in rows)])
    return out.getvalue().encode()


def as_lines(rows: Sequence[Row]) -> bytes:
    """The rows as JSON, one a line."""
    lines = ({name: shown(row[name]) or None for name in HEADER} for row in rows)
    return "\n".join(json.dumps(line) for line in lines).encode()


def as_parquet(rows: Sequence[Row], types: dict[str, pa.DataType], cell: Any = lambda cell: cell) -> bytes:
    """The rows as Parquet with columns of these types, else strings; row groups of three rows."""
    columns = {name: [cell(row[name]) for row in rows] for name in HEADER}
    table = pa.table(
        {name: pa.array(values, types.get(name, pa.string())) for name, values in columns.items()}
    )
    out = io.BytesIO()
    pq.write_table(table, out, row_group_size=3)
    return out.getvalue()


def usage_of(data: bytes) -> Usage:
    """What comes out of these bytes."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "usage")
        path.write_bytes(data)
        return read_usage([path])


def same(usage: Usage) -> tuple[list[tuple[Any, ...]], list[str]]:
    """What must not depend on the container: the calls, and why rows were set aside."""
    kept = usage.calls.select(pl.exclude("line", "file"))
    return kept.rows(), [one.reason for one in usage.rejected]


MOMENTS = st.one_of(
    st.none(),
    st.datetimes(datetime(1999, 12, 30), datetime(2101, 1, 2)),  # noqa: DTZ001 - the type has the zone
    st.sampled_from([datetime(1, 1, 1), datetime(2000, 1, 1), datetime(2100, 12, 31, 23, 59, 59, 999_999)]),  # noqa: DTZ001
)
WORDS = st.sampled_from([None, "", " ", "User", "toll-free", "Toll Free", " US", "gb ", "Domestic", "\u00e9"])
NUMBERS = st.one_of(
    st.none(),
    st.from_regex(r"\+[1-9][0-9]{5,12}\*{0,4}", fullmatch=True),
    st.sampled_from(
        ["", " +14255550100 ", "Reception", "1,4255E10", "+4.42072E+11", "007", "\u00a01", "4E10"]
    ),
)
DURATIONS = {
    "int64": (pa.int64(), st.integers(-2, 90_000)),
    "uint16": (pa.uint16(), st.integers(0, 65_535)),
    "float64": (
        pa.float64(),
        st.floats(0.001, 90_000).filter(lambda x: x.is_integer() or "e" not in repr(x)),
    ),
    "decimal": (
        pa.decimal128(9, 3),
        st.decimals(-2, 90_000, places=3).filter(lambda x: x == 0 or abs(x) >= 1),
    ),
}


@st.composite
def tables(draw: st.DrawFn) -> tuple[str, list[Row]]:
    """A name of a type of durations, and a few rows."""
    kind = draw(st.sampled_from(sorted(DURATIONS)))
    row = st.fixed_dictionaries(
        dict.fromkeys(TEXTS, WORDS)
        | {"id": st.uuids().map(str), "callerNumber": NUMBERS, "calleeNumber": NUMBERS}
        | {"startDateTime": MOMENTS, "endDateTime": MOMENTS}
        | {"duration": st.one_of(st.none(), DURATIONS[kind][1])}
    )
    return kind, draw(st.lists(row, min_size=1, max_size=7, unique_by=lambda row: str(row["id"])))


@given(tables())
def test_a_table_means_the_same_in_every_container(drawn: tuple[str, list[Row]]) -> None:
    kind, rows = drawn
    wanted = same(usage_of(as_csv(rows)))
    assert same(usage_of(as_lines(rows))) == wanted
    text = as_parquet(rows, {}, shown)
    assert same(usage_of(text)) == wanted
    zone = pa.timestamp("us", "UTC")
    types = {"startDateTime": zone, "endDateTime": zone, "duration": DURATIONS[kind][0]}
    usage = usage_of(as_parquet(rows, types))
    found, reasons = same(usage)
    assert found == wanted[0]
    # The sentence shows the cell as its container holds it; what is wrong must be the same.
    assert [reason.partition(": ")[0] for reason in reasons] == [
        reason.partition(": ")[0] for reason in wanted[1]
    ]
    words = {name: pa.dictionary(pa.int32(), pa.string()) for name in TEXTS}
    assert same(usage_of(as_parquet(rows, types | words))) == (found, reasons)


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
@given(st.lists(st.one_of(st.none(), st.integers(FIRST_US - 3, END_US + 3)), min_size=1, max_size=6))
@example([FIRST_US - 1, FIRST_US, END_US - 1, END_US, None])
@example([None])
def test_instants_of_every_unit(unit: str, zone: str | None, ats_us: list[int | None]) -> None:
    ticks_a_second = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    ticks = [None if at is None else at * ticks_a_second // 10**6 for at in ats_us]
    array = pa.array(ticks, pa.int64()).cast(pa.timestamp(unit, zone))
    column = instants(pl.Series(array))
    wanted = [None if tick is None else tick * 10**6 // ticks_a_second for tick in ticks]
    inside = [at if at is not None and FIRST_US <= at < END_US else None for at in wanted]
    assert column.values.to_list() == inside
    assert sorted(column.faults) == [
        row for row, at in enumerate(wanted) if at is not None and inside[row] is None
    ]
    assert all("is outside of the years 2000 to 2100" in fault for fault in column.faults.values())
    assert column.zoneless == (0 if zone else sum(at is not None for at in inside))


def test_digits_beyond_microseconds_are_cut() -> None:
    series = pl.Series([FIRST_US * 1000 + 1_999]).cast(pl.Datetime("ns"))
    read = typed_instants(series, FIRST_US, END_US)
    assert read is not None
    assert read.to_list() == [FIRST_US + 1]


@given(st.lists(st.one_of(st.floats(-10, 10**7), st.floats(), st.integers(0, 100).map(float)), max_size=6))
@example([0.5, 1.0, -0.0, -1.0, 1e-7, 1e15, math.inf, math.nan])
def test_a_float_is_rounded_up_as_its_text_would_be(values: list[float]) -> None:
    read = typed_durations(pl.Series(values, dtype=pl.Float64))
    assert read is not None
    for value, seconds in zip(values, read, strict=True):
        if seconds is not None:
            assert seconds == math.ceil(value)
            assert value.is_integer() or seconds == duration_s(repr(value))
        else:
            assert not 0.001 <= value <= 1_000_000


@given(st.decimals(-100, 10**7, places=4))
@example(Decimal("99999999999999.9999"))
def test_a_decimal_is_rounded_up(value: Decimal) -> None:
    read = typed_durations(pl.Series([value], dtype=pl.Decimal(18, 4)))
    assert read is not None
    assert read.to_list() == [math.ceil(value) if 0 <= value <= 1_000_000 else None]


START = datetime(2026, 3, 1, 9, tzinfo=UTC)
NOTHING: Row = dict.fromkeys(HEADER)
GOOD: Row = NOTHING | {
    "startDateTime": START,
    "endDateTime": START + timedelta(seconds=60),
    "callType": "user_out",
    "callerNumber": "+14255550100",
    "calleeNumber": "+442071838750",
}
TYPES = {
    "startDateTime": pa.timestamp("ms", "UTC"),
    "endDateTime": pa.timestamp("us"),
    "duration": pa.float64(),
}
BAD: list[tuple[Row, str]] = [
    ({"duration": -0.5}, "duration: '-0.5' is negative"),
    ({"duration": -1.0}, "duration: the duration is negative"),
    ({"duration": 1e-7}, "duration: '1e-7' is no number of seconds"),
    ({"duration": 90_000.0}, "duration: no call is longer than 86,400 seconds"),
    ({"duration": math.nan}, "duration: 'nan' is no number of seconds"),
    ({"startDateTime": None}, "startDateTime: there is no start time"),
    (
        {"startDateTime": datetime(1999, 12, 31, tzinfo=UTC)},
        "startDateTime: '1999-12-31 00:00:00.000000Z' is outside of the years 2000 to 2100",
    ),
    ({"startDateTime": datetime(1, 1, 1, tzinfo=UTC)}, "startDateTime: there is no start time"),
    ({"id": "a\0b"}, "the row holds a NUL byte: export it again"),
    ({"callerNumber": "a\0b"}, "the row holds a NUL byte: export it again"),
    ({"userPrincipalName": "a\0b"}, "the row holds a NUL byte: export it again"),
    ({"userPrincipalName": "x" * 70_000}, "userPrincipalName is too long: mend it"),
    ({"callerNumber": "x" * 70_000}, "callerNumber is too long: mend it"),
]


@pytest.mark.parametrize("by_arrow", [False, True])
def test_bad_rows_are_set_aside(monkeypatch: pytest.MonkeyPatch, *, by_arrow: bool) -> None:
    if by_arrow:
        monkeypatch.setattr(reading, "_is_for_polars", lambda *_: False)
    rows = [GOOD | {"id": "u0"}, *(GOOD | changes for changes, _ in BAD), NOTHING, GOOD]
    usage = usage_of(as_parquet(rows, TYPES))
    assert [(one.line, one.reason) for one in usage.rejected] == [
        (line, reason) for line, (_, reason) in enumerate(BAD, 2)
    ]
    assert usage.calls["line"].to_list() == [1, len(BAD) + 3]
    assert usage.calls["duration_s"].to_list() == [60, 60]
    assert usage.rejected[0].text.startswith(",,2026-03-01 09:00:00+00:00,2026-03-01 09:01:00,-0.5,user_out,")


def test_what_polars_cannot_read_is_read_by_arrow(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [GOOD | {"id": f"u{at}"} for at in range(10)]

    def broken(*how: Any) -> Any:
        yield from list(reading_by_polars(*how))[:2]
        raise pl.exceptions.ComputeError("not known here")

    reading_by_polars = reading._by_polars
    monkeypatch.setattr(reading, "ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(reading, "_by_polars", broken)
    usage = usage_of(as_parquet(rows, TYPES))
    assert usage.calls["id"].to_list() == [f"u{at}" for at in range(10)]
    assert usage.calls["line"].to_list() == list(range(1, 11))


def test_only_the_columns_that_are_used_are_read() -> None:
    rows = [GOOD | {"id": "u0"}]
    table = pq.read_table(io.BytesIO(as_parquet(rows, TYPES)))
    out = io.BytesIO()
    pq.write_table(table.append_column("odd", pa.array([[{"a": 1}]])), out)
    usage = usage_of(out.getvalue())
    assert usage.calls.height == 1
    assert usage.columns_unknown == ("odd",)


def test_a_column_of_a_type_without_text_is_named() -> None:
    table = pq.read_table(io.BytesIO(as_parquet([GOOD], TYPES))).drop(["callerNumber"])
    out = io.BytesIO()
    pq.write_table(table.append_column("callerNumber", pa.array([{"a": 1}])), out)
    with pytest.raises(UnusableFile, match=r"usage: column callerNumber holds struct<.*>; write it as text"):
        usage_of(out.getvalue())
