"""Workbooks and Parquet files give the text that a CSV of them would hold."""

import datetime
import io
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from talktime.files import open as opening
from talktime.files import read_parquet
from talktime.files import read_sheet as reading
from talktime.files.usage import NotUsage, UnusableFile
from tests.files.usage_samples import CALL, CALLING_PLANS_25, call, read, reasons, rows

HEADER = ["Start time", "Duration", "Call Direction", "From", "To", "User"]
START = datetime.datetime(2026, 3, 1, 9, 0, 0, 250_000)  # noqa: DTZ001 - cells of a sheet know no zone


def workbook(*sheets: Sequence[Any], name: str = "calls") -> bytes:
    """A workbook with these rows; datetimes become dates of Excel."""
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        date = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        for number, lines in enumerate(sheets):
            sheet = book.add_worksheet(f"{name} {number}")
            for row, line in enumerate(lines):
                for column, cell in enumerate(line):
                    if isinstance(cell, datetime.datetime):
                        sheet.write_datetime(row, column, cell, date)
                    else:
                        sheet.write(row, column, cell)
    return out.getvalue()


def parquet(columns: dict[str, Any]) -> bytes:
    """A Parquet file with these columns."""
    out = io.BytesIO()
    pq.write_table(pa.table(columns), out)
    return out.getvalue()


def test_cells_of_every_type(tmp_path: Path) -> None:
    lines = [
        HEADER,
        [START, 61, "Outbound", 14255550100, "+442071838750", "Ana"],
        [START, 60.5, "Inbound", 1, 2, True],
    ]
    usage = read(tmp_path, workbook(lines), "usage.xlsx")
    first, second = rows(usage)
    assert (first["start_us"], first["duration_s"], first["line"]) == (1_772_355_600_250_000, 61, 2)
    assert (first["caller"], first["callee"]) == ("14255550100", "+442071838750")
    assert (second["duration_s"], second["user_name"]) == (61, "true")


def test_a_duration_on_the_clock(tmp_path: Path) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, HEADER)
        sheet.write_row(1, 0, ["2026-03-01 09:00:00", None, "Outbound", "1", "2"])
        sheet.write_datetime(1, 1, datetime.time(0, 3, 39), book.add_format({"num_format": "hh:mm:ss"}))
    assert rows(read(tmp_path, out.getvalue()))[0]["duration_s"] == 219


def test_lines_are_those_of_the_sheet(tmp_path: Path) -> None:
    good = [START, 61, "Outbound", "1", "2", "Ana"]
    lines: list[Any] = [
        [],
        ["Usage of March"],
        [],
        HEADER,
        good,
        [],
        [START, -1, "Outbound", "1", "2"],
        good,
    ]
    usage = read(tmp_path, workbook(lines))
    assert usage.calls["line"].to_list() == [5, 8]
    assert reasons(usage) == [(7, "Duration: the duration is negative")]
    assert usage.rejected[0].text == "2026-03-01 09:00:00.250,-1,Outbound,1,2,"


def test_the_first_sheet_with_usage_is_taken(tmp_path: Path) -> None:
    good = [HEADER, [START, 61, "Outbound", "1", "2", "Ana"]]
    assert read(tmp_path, workbook([], [["Summary"], ["x", 1]], good, good)).calls.height == 1


def test_workbooks_without_usage(tmp_path: Path) -> None:
    with pytest.raises(NotUsage, match="the workbook is empty; export it again"):
        read(tmp_path, workbook([], []))
    with pytest.raises(NotUsage, match="has no header of a usage file"):
        read(tmp_path, workbook([["a", "b"], [1, 2]]))
    with pytest.raises(NotUsage, match="has no column 'Callee Number'"):
        read(tmp_path, workbook([[name for name in HEADER if name != "To"]]))


def test_a_broken_workbook(tmp_path: Path) -> None:
    data = workbook([HEADER]).replace(b"xl/worksheets/sheet1.xml", b"xl/worksheets/sheet9.xml")
    with pytest.raises(UnusableFile, match=r"the workbook is (damaged|empty)"):
        read(tmp_path, data)


TYPED = {
    "Start time": pa.array([START], pa.timestamp("ns", "UTC")),
    "Duration": pa.array([61.0], pa.float64()),
    "Call Direction": pa.array(["Outbound"]).dictionary_encode(),
    "From": pa.array([14255550100], pa.int64()),
    "To": pa.array(["+442071838750"], pa.large_string()),
    "User": pa.array([None], pa.string()),
}


@pytest.mark.parametrize(
    ("column", "array", "name", "found"),
    [
        ("Start time", pa.array([START], pa.timestamp("us")), "start_us", 1_772_355_600_250_000),
        (
            "Start time",
            pa.array([START], pa.timestamp("ms", "Europe/Berlin")),
            "start_us",
            1_772_355_600_250_000,
        ),
        ("Start time", pa.array(["2026-03-01 09:00:00"]), "start_us", 1_772_355_600_000_000),
        ("Duration", pa.array([60.5]), "duration_s", 61),
        ("Duration", pa.array([61], pa.int16()), "duration_s", 61),
        ("Duration", pa.array([Decimal("60.50")]), "duration_s", 61),
        ("Duration", pa.array(["61"]), "duration_s", 61),
        ("From", pa.array([14255550100.0]), "caller", "14255550100"),
        ("From", pa.array([b"1001"], pa.binary()), "caller", "1001"),
        ("User", pa.array([True]), "user_name", "true"),
    ],
)
def test_columns_of_every_type(tmp_path: Path, column: str, array: Any, name: str, found: object) -> None:
    (row,) = rows(read(tmp_path, parquet(TYPED | {column: array})))
    assert row["callee"] == "+442071838750"
    assert row["line"] == 1
    assert row[name] == found


def test_zones_of_parquet_are_known(tmp_path: Path) -> None:
    assert read(tmp_path, parquet(TYPED)).warnings == ()
    local = parquet(TYPED | {"Start time": pa.array([START], pa.timestamp("us"))})
    assert read(tmp_path, local).warnings == ("usage.csv: the times name no zone and were read as UTC",)


def test_a_column_that_is_no_text_is_named(tmp_path: Path) -> None:
    with pytest.raises(UnusableFile, match=r"column From holds list<.*>; write it as text"):
        read(tmp_path, parquet(TYPED | {"From": pa.array([["1"]])}))


def test_rows_beyond_one_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "ROWS_AT_A_TIME", 3)
    monkeypatch.setattr(read_parquet, "ROWS_AT_A_TIME", 3)
    calls = [call(UsageId=f"u{at}", UPN="a\0b" if at == 4 else "ana") for at in range(10)]
    columns = {name: [one.get(name, "") for one in calls] for name in CALLING_PLANS_25}
    for content in (parquet(columns), workbook([CALLING_PLANS_25, *zip(*columns.values(), strict=True)])):
        usage = read(tmp_path, content)
        first = usage.calls["line"].to_list()[0]
        assert usage.calls["id"].to_list() == [f"u{at}" for at in range(10) if at != 4]
        assert [line - first for line in usage.calls["line"]] == [0, 1, 2, 3, 5, 6, 7, 8, 9]
        assert reasons(usage) == [(first + 4, "the row holds a NUL byte: export it again")]


def test_broken_parquet(tmp_path: Path) -> None:
    data = parquet({name: [CALL.get(name, "")] for name in CALLING_PLANS_25})
    for broken in (
        data[:-10],
        data[:40],
        b"PAR1" + bytes(100) + b"PAR1",
        data[:30] + b"\xff" * 20 + data[50:],
    ):
        with pytest.raises(UnusableFile, match="the Parquet file is damaged"):
            read(tmp_path, broken)


def test_parquet_of_something_else(tmp_path: Path) -> None:
    with pytest.raises(NotUsage, match="has no header of a usage file"):
        read(tmp_path, parquet({"a": [1]}))


def test_a_bomb_of_parquet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "FREE_EXPANSION_BYTES", 2**20)
    out = io.BytesIO()
    many = pl.DataFrame({name: ["x" * 1000] for name in CALLING_PLANS_25}).select(
        pl.all().repeat_by(9000).explode()
    )
    pq.write_table(many.to_arrow(), out, use_dictionary=False, compression="zstd")
    with pytest.raises(UnusableFile, match="grows to more than 200 times its size when unpacked"):
        read(tmp_path, out.getvalue())
