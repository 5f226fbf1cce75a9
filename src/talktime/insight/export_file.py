"""Tables of an export as files: CSV for any program, Parquet with types, Excel for people.

Rows are written as they come, so memory does not grow with the file; the file appears whole or not at all.
Money and prices are exact decimals in all of them.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
import pyarrow.parquet as pq
import xlsxwriter

from talktime.core.limits import US_PER_S
from talktime.core.money import MICROS_PLACES, NANOS_PLACES, format_decimal
from talktime.files.call_columns import Kind
from talktime.files.instants import format_instant
from talktime.files.replace_file import replaced
from talktime.files.sheet_rows import DAYS_TO_1970, cell_text
from talktime.files.write_calls import ACTIVE_CONTENT

if TYPE_CHECKING:
    from talktime.files.call_columns import Column
    from talktime.insight.export_table import Cell, Table

ROWS_A_SHEET: Final = 1_000_000
"""A sheet of Excel ends at 1,048,576 rows; what is more goes to the next one."""

_ROWS_A_GROUP: Final = 50_000
_SIGNIFICANT_DIGITS: Final = 15
_PLACES: Final = {Kind.MONEY: MICROS_PLACES, Kind.PRICE: NANOS_PLACES}
_DAY_S: Final = 86_400
_WIDTHS: Final = {Kind.TEXT: 20, Kind.INSTANT: 22}
_WIDTH: Final = 15
_active: Final = re.compile(ACTIVE_CONTENT)

Rows = Iterator[tuple["Cell", ...]]


def write_table(path: Path, form: str, table: Table) -> int:
    """Writes a table as csv, parquet or xlsx; how many rows. Raises ReportError, KeyError for a format."""
    write: Callable[[Path, Table], int] = {"csv": _csv, "parquet": _parquet, "xlsx": _xlsx}[form]
    with replaced(path) as half:
        return write(half, table)


def _csv(path: Path, table: Table) -> int:
    """UTF-8 with a header; text that a spreadsheet would run as a formula gets an apostrophe in front."""
    cells = [_text_cell(column) for column in table.columns]
    written = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\r\n")
        writer.writerow([column.name for column in table.columns])
        for row in table.rows:
            writer.writerow([cell(value) for cell, value in zip(cells, row, strict=True)])
            written += 1
    return written


def _text_cell(column: Column) -> Callable[[Any], str]:
    if column.kind in _PLACES:
        places = _PLACES[column.kind]
        shown = lru_cache(maxsize=10_000)(lambda value: format_decimal(value, places))  # few are different
        return lambda value: "" if value is None else shown(value)
    if column.kind is Kind.INSTANT:
        return lambda value: "" if value is None else format_instant(value)
    if column.kind is Kind.FLAG:
        return lambda value: "true" if value else "false"
    if column.kind is Kind.TEXT:
        return lambda value: f"'{value}" if _active.match(value) else value
    return lambda value: "" if value is None else str(value)


def _parquet(path: Path, table: Table) -> int:
    schema = pa.schema([pa.field(column.name, _type(column.kind)) for column in table.columns])
    written = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        while rows := list(islice(table.rows, _ROWS_A_GROUP)):
            columns = [
                pa.array([_typed(value, column.kind) for value in values], field.type)
                for column, field, values in zip(table.columns, schema, zip(*rows, strict=True), strict=True)
            ]
            writer.write_batch(pa.record_batch(columns, schema=schema))
            written += len(rows)
    return written


def _type(kind: Kind) -> Any:
    if kind in _PLACES:
        return pa.decimal128(38, _PLACES[kind])
    return {Kind.TEXT: pa.string(), Kind.INSTANT: pa.timestamp("us", tz="UTC"), Kind.FLAG: pa.bool_()}.get(
        kind, pa.int64()
    )


def _typed(value: Any, kind: Kind) -> Any:
    if value is None or kind not in _PLACES:
        return value
    return Decimal(value).scaleb(-_PLACES[kind])


def _xlsx(path: Path, table: Table) -> int:
    """Text is text, never a formula or a link; money a number where a spreadsheet's 15 digits hold it."""
    book = xlsxwriter.Workbook(str(path), {"constant_memory": True, "strings_to_urls": False})
    bold = book.add_format({"bold": True})
    write = [_sheet_cell(column, book) for column in table.columns]
    written = 0
    try:
        while True:
            name = "export" if not written else f"export {written // ROWS_A_SHEET + 1}"  # rounded down
            sheet = book.add_worksheet(name)
            sheet.freeze_panes(1, 0)
            for at, column in enumerate(table.columns):
                sheet.set_column(at, at, _WIDTHS.get(column.kind, _WIDTH))
                sheet.write_string(0, at, column.name, bold)
            here = 0
            for row in islice(table.rows, ROWS_A_SHEET):
                here += 1
                for at, value in enumerate(row):
                    if value is not None and value != "":
                        write[at](sheet, here, at, value)
            written += here
            if here < ROWS_A_SHEET:
                return written
    finally:
        book.close()


def _sheet_cell(column: Column, book: Any) -> Callable[[Any, int, int, Any], None]:
    if column.kind in _PLACES:
        return _money_cell(_PLACES[column.kind], book)
    if column.kind is Kind.INSTANT:
        shown = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        return lambda sheet, row, at, value: sheet.write_number(row, at, _serial(value), shown)
    if column.kind is Kind.FLAG:
        return lambda sheet, row, at, value: sheet.write_boolean(row, at, value)
    if column.kind is Kind.TEXT:
        return lambda sheet, row, at, value: sheet.write_string(row, at, cell_text(value))
    return lambda sheet, row, at, value: sheet.write_number(row, at, value)


def _money_cell(places: int, book: Any) -> Callable[[Any, int, int, Any], None]:
    shown = book.add_format({"num_format": "0.00####"})

    def write(sheet: Any, row: int, at: int, value: int) -> None:
        text = format_decimal(value, places)
        if len(text.strip("-0.").replace(".", "")) > _SIGNIFICANT_DIGITS:
            sheet.write_string(row, at, text)
        else:
            sheet.write_number(row, at, Decimal(text), shown)

    return write


def _serial(at_us: int) -> Decimal:
    """An instant as a spreadsheet counts days, cut to whole seconds."""
    return DAYS_TO_1970 + Decimal(at_us // US_PER_S) / _DAY_S
