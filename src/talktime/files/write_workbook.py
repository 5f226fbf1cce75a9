"""A report as an Excel workbook: summary, calls, and the tables behind them.

XlsxWriter makes the workbook with all but the rows of the calls; those are streamed into it afterwards as
XML made by columns, since cell by cell 200,000 calls take two minutes.
"""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import xlsxwriter
from xlsxwriter.utility import xl_col_to_name

from talktime.core.limits import US_PER_S
from talktime.core.money import format_decimal, format_minutes
from talktime.files.call_columns import CALL_COLUMNS, Kind
from talktime.files.exact_decimals import PLACES
from talktime.files.instants import format_instant
from talktime.files.replace_file import replaced
from talktime.files.report import SAMPLE_PRICES, Minutes, Value, shown_calls
from talktime.files.sheet_rows import DAYS_TO_1970, FIRST_DATE_US, MOST_CHARACTERS, Placed, rows_xml

if TYPE_CHECKING:
    import polars as pl

    from talktime.files.report import Report, Sheet, Table

ROWS_A_SHEET: Final = 1_000_000
"""Calls on one sheet; a sheet ends at 1,048,576 rows."""

CALLS: Final = "calls"

_ROWS_A_SLICE: Final = 4_096
_COMPRESSION: Final = 4
_ROWS_OF_A_LARGE_FILE: Final = 300_000
_SIGNIFICANT_DIGITS: Final = 15
_WIDEST: Final = 60
_WIDTHS: Final = {Kind.TEXT: 24, Kind.INSTANT: 24, Kind.MONEY: 18, Kind.PRICE: 18}
_WIDTH: Final = 15


def write_xlsx(path: Path, report: Report) -> None:
    """Sheets summary, calls (calls 2, ... beyond a million rows), then the report's others.

    Money is a number where a spreadsheet's 15 digits hold it, else text; instants are dates in UTC; text is
    text, never a formula or a link. Raises ReportError.
    """
    calls = shown_calls(report)
    parts = list(calls.iter_slices(ROWS_A_SHEET)) if calls.height else [calls]
    rowless = _rowless(report, [part.height for part in parts])
    # Old programs cannot open 64-bit members, so only what may need them gets them.
    large = calls.height > _ROWS_OF_A_LARGE_FILE
    with (
        replaced(path) as half,
        zipfile.ZipFile(rowless) as made,
        zipfile.ZipFile(half, "w", zipfile.ZIP_DEFLATED, compresslevel=_COMPRESSION) as workbook,
    ):
        sheets = {f"xl/worksheets/sheet{number}.xml": part for number, part in enumerate(parts, 2)}
        for name in made.namelist():
            with workbook.open(name, "w", force_zip64=large and name in sheets) as member:
                if name in sheets:
                    for piece in _with_rows(made.read(name).decode(), sheets[name]):
                        member.write(piece.encode())
                else:
                    member.write(made.read(name))


def _with_rows(sheet_xml: str, calls: pl.DataFrame) -> Iterator[str]:
    """The XML of a sheet with the rows of these calls behind its header."""
    last = xl_col_to_name(len(CALL_COLUMNS) - 1)
    sheet_xml = re.sub(
        r'<dimension ref="[^"]*"/>', f'<dimension ref="A1:{last}{calls.height + 1}"/>', sheet_xml
    )
    head, closing, tail = sheet_xml.partition("</sheetData>")
    styles = _styles(head)
    columns = [
        Placed(column, xl_col_to_name(index), styles.get(index, ""))
        for index, column in enumerate(CALL_COLUMNS)
    ]
    yield head
    row = 2
    for part in calls.iter_slices(_ROWS_A_SLICE):
        yield rows_xml(part, columns, row)
        row += part.height
    yield closing + tail


def _styles(head: str) -> dict[int, str]:
    """Index of a column -> number of its style, from the `<col>` elements of a sheet."""
    styles = {}
    for element in re.findall(r"<col [^>]*>", head):
        attributes = dict(re.findall(r'(\w+)="([^"]*)"', element))
        for index in range(int(attributes["min"]) - 1, int(attributes["max"])):
            styles[index] = attributes.get("style", "")
    return styles


def _rowless(report: Report, heights: Sequence[int]) -> BytesIO:
    """The workbook without the rows of its calls."""
    file = BytesIO()
    options = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    with xlsxwriter.Workbook(file, options) as book:
        if report.sample:
            book.set_properties({"comments": SAMPLE_PRICES})
        looks = _looks(book, report.currency)
        before, *behind = report.sheets()
        _add_sheet(book, looks, before)
        for number, height in enumerate(heights, 1):
            _add_calls(book, looks, CALLS if number == 1 else f"{CALLS} {number}", height)
        for sheet in behind:
            _add_sheet(book, looks, sheet)
    file.seek(0)
    return file


def _looks(book: Any, currency: str) -> dict[Kind | str, Any]:
    """The cell formats of a workbook, by kind of value and by name."""
    unit = f'" {currency}"' if re.fullmatch("[A-Za-z]{1,8}", currency) else ""
    return {
        Kind.INSTANT: book.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss "UTC"', "align": "left"}),
        Kind.MONEY: book.add_format({"num_format": f"#,##0.00####{unit}"}),
        Kind.PRICE: book.add_format({"num_format": f"#,##0.00#######{unit}"}),
        Kind.SECONDS: book.add_format({"num_format": "#,##0"}),
        Kind.COUNT: book.add_format({"num_format": "#,##0"}),
        "minutes": book.add_format({"num_format": "#,##0.0#"}),
        "heading": book.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EDF2"}),
        "title": book.add_format({"bold": True, "font_size": 13}),
        "note": book.add_format({"bold": True, "font_color": "#9C2A00"}),
    }


def _add_calls(book: Any, looks: Mapping[Kind | str, Any], name: str, height: int) -> None:
    """A sheet of calls: header, widths, filter, and what each column means as a tip on its header."""
    sheet = book.add_worksheet(name)
    for index, column in enumerate(CALL_COLUMNS):
        width = max(_WIDTHS.get(column.kind, _WIDTH), len(column.name) + 4)
        sheet.set_column(index, index, width, looks.get(column.kind))
        sheet.write_string(0, index, column.name, looks["heading"])
        tip = {"validate": "any", "input_title": column.name[:32], "input_message": column.what[:255]}
        sheet.data_validation(0, index, 0, index, tip)
    sheet.freeze_panes(1, 0)
    sheet.autofilter(0, 0, height, len(CALL_COLUMNS) - 1)
    # Prefixes and line references are text on purpose.
    sheet.ignore_errors({"number_stored_as_text": f"A1:{xl_col_to_name(len(CALL_COLUMNS) - 1)}{height + 1}"})


def _add_sheet(book: Any, looks: Mapping[Kind | str, Any], shown: Sheet) -> None:
    """A sheet of tables. A table alone has its header frozen; several have titles and blank rows between."""
    sheet = book.add_worksheet(shown.name)
    sheet.set_landscape()
    sheet.fit_to_pages(1, 0)
    alone = len(shown.tables) == 1 and not shown.notes
    row = 0
    for note in shown.notes:
        sheet.write_string(row, 0, note, looks["note"])
        row += 1
    row += 1 if shown.notes else 0
    for table in shown.tables:
        if not alone:
            sheet.write_string(row, 0, table.title, looks["title"])
            row += 1
        filtered = table.rows and table is shown.tables[-1] and len(table.headings) > 2
        if filtered:
            sheet.autofilter(row, 0, row + len(table.rows), len(table.headings) - 1)
        row = _add_table(sheet, looks, table, row) + 1
    if alone:
        sheet.freeze_panes(1, 0)
    for index, width in enumerate(_widths(shown.tables)):
        sheet.set_column(index, index, width)


def _add_table(sheet: Any, looks: Mapping[Kind | str, Any], table: Table, row: int) -> int:
    """Writes a table from a row on; returns the row behind it."""
    for index, heading in enumerate(table.headings):
        sheet.write_string(row, index, heading.name, looks["heading"])
    for cells in table.rows:
        row += 1
        for index, (heading, cell) in enumerate(zip(table.headings, cells, strict=True)):
            _put(sheet, looks, row, index, *(cell if isinstance(cell, Value) else (heading.kind, cell)))
    return row + 1


def _put(sheet: Any, looks: Mapping[Kind | str, Any], row: int, index: int, kind: Kind, value: Any) -> None:
    """Writes a cell; nothing where there is nothing."""
    look = looks.get(kind)
    if value is None or value == "":
        return
    if isinstance(value, Minutes):
        sheet.write_number(row, index, Decimal(format_minutes(value.seconds)), looks["minutes"])
    elif kind in PLACES:
        decimal = Decimal(format_decimal(value, PLACES[kind]))
        if len(decimal.normalize().as_tuple().digits) > _SIGNIFICANT_DIGITS:
            sheet.write_string(row, index, str(decimal), look)
        else:
            sheet.write_number(row, index, decimal, look)
    elif kind is Kind.INSTANT and value >= FIRST_DATE_US:
        # A date of a spreadsheet is a number of days; no money, so it may be a float.
        sheet.write_number(row, index, value / (86_400 * US_PER_S) + DAYS_TO_1970, look)
    elif kind is Kind.INSTANT:
        sheet.write_string(row, index, format_instant(value))
    elif kind in (Kind.SECONDS, Kind.COUNT):
        sheet.write_number(row, index, value, look)
    elif kind is Kind.FLAG:
        sheet.write_boolean(row, index, value)
    else:
        sheet.write_string(row, index, value.encode("utf-8", "replace").decode()[:MOST_CHARACTERS])


def _widths(tables: Sequence[Table]) -> list[int]:
    """Widths that show the cells of all tables of a sheet, within reason."""
    widths: list[int] = []
    for table in tables:
        for index, heading in enumerate(table.headings):
            longest = max((len(row[index]) for row in table.rows if isinstance(row[index], str)), default=0)
            width = max(longest, len(heading.name) + 3, _WIDTHS.get(heading.kind, 0) if longest == 0 else 0)
            widths += [0] * (index + 1 - len(widths))
            widths[index] = min(max(widths[index], width + 1), _WIDEST)
    return widths
