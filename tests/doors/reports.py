"""Reports read by other code than ours: pyarrow, csv, fastexcel, Decimal.

None of the modules of the program stands between these readers and the bytes, so that they can contradict it.
"""

import csv
import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fastexcel
import pyarrow.parquet as pq

Row = dict[str, Any]

MONEY: Final = ("amount", "connection_fee", "balance_after", "credits", "post_usage", "overdraft", "recharge")
PRICES: Final = ("price_per_minute", "first_price_per_minute")
SECONDS: Final = (
    "duration_seconds billed_seconds pool_seconds paid_seconds free_seconds unrated_seconds blocked_seconds "
    "first_seconds step_seconds pool_left_seconds line"
).split()


def parquet_rows(path: Path) -> list[Row]:
    """The calls of a Parquet report: Decimal, int, datetime, text, None."""
    rows: list[Row] = pq.read_table(path).to_pylist()
    return [{name: _nothing_for_empty(value) for name, value in row.items()} for row in rows]


def parquet_document(path: Path) -> dict[str, Any]:
    """What a Parquet report says of its run."""
    document = json.loads(pq.read_metadata(path).metadata[b"talktime"])
    assert isinstance(document, dict)
    return document


def csv_rows(path: Path) -> list[Row]:
    """The calls of a CSV report, in the same types."""
    with path.open(encoding="utf-8", newline="") as file:
        return [{name: _typed(name, text) for name, text in row.items()} for row in csv.DictReader(file)]


def excel_rows(path: Path) -> list[Row]:
    """The calls of a workbook, in the same types; a spreadsheet's instants are good to a millisecond."""
    sheet = fastexcel.read_excel(str(path)).load_sheet("calls", dtypes="string").to_arrow().to_pylist()
    return [{name: _typed(name, text) for name, text in row.items()} for row in sheet]


def excel_table(path: Path, sheet: str, title: str) -> list[list[Any]]:
    """The cells below a heading of a sheet, until an empty row."""
    loaded = fastexcel.read_excel(str(path)).load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string")
    lines = [list(line) for line in zip(*(c.to_pylist() for c in loaded.to_arrow().columns), strict=True)]
    begin = next(at for at, line in enumerate(lines) if line[0] == title)
    end = next((at for at in range(begin, len(lines)) if lines[at][0] is None), len(lines))
    return lines[begin + 1 : end]


def _nothing_for_empty(value: Any) -> Any:
    return None if value == "" else value


def _typed(name: str, text: str | None) -> Any:
    if not text:
        return None
    if name in MONEY or name in PRICES:
        return Decimal(text)
    if name in SECONDS:
        return int(text)
    if name in ("start", "end"):
        at = datetime.fromisoformat(text)
        return at if at.tzinfo else at.replace(tzinfo=UTC)
    return text
