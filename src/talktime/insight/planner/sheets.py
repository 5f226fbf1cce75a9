"""Sheets of a workbook: tables one below the other, with charts out of their own cells.

Money and minutes are numbers that a spreadsheet shows exactly, else text; text is text, never a formula or
a link. Values are integers as everywhere; the kind of a column says what they count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, Final, NamedTuple

import xlsxwriter
from xlsxwriter.exceptions import FileCreateError

from talktime.core.limits import US_PER_S
from talktime.core.money import MICROS_PLACES, format_decimal, format_minutes
from talktime.files.replace_file import replaced
from talktime.files.report import SAMPLE_PRICES
from talktime.files.sheet_rows import DAYS_TO_1970, cell_text

SAMPLE_SAID: Final = f"{SAMPLE_PRICES.capitalize()}: they are invented, and nobody's offer."
_SIGNIFICANT_DIGITS: Final = 15
_DAY_S: Final = 86_400
_NARROWEST: Final = 12
_WIDEST: Final = 60
_NOTE_WIDTH: Final = 110
_CHART: Final = {"width": 860, "height": 340}
_CHART_ROWS: Final = 18
"""Rows that a chart covers; a row is 20 pixels high."""


class Kind(Enum):
    """What the values of a column are."""

    TEXT = "text"
    COUNT = "count"
    MONEY = "micros"
    MINUTES = "seconds, shown as minutes"
    PERCENT = "hundredths of a percent"
    INSTANT = "microseconds since 1970"
    FLAG = "yes or no"


class Value(NamedTuple):
    """A cell of another kind than its column."""

    kind: Kind
    value: int | str | None


class Heading(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind


Cell = int | str | bool | Value | None


class Placed(NamedTuple):
    """Where a table stands: its sheet, the row of its headings, its first row and its last (from 0)."""

    sheet: str
    head: int
    first: int
    last: int


class Chart(NamedTuple):
    """A picture of some columns of a table, against its first column; `kind` column or line."""

    title: str
    kind: str
    columns: Sequence[int]
    stacked: bool = False
    by_rows: bool = False
    """A series is a row of the table and not a column: then `columns` are what they run over."""


@contextmanager
def workbook(path: Path, currency: str, *, sample: bool) -> Iterator[Book]:
    """Yields a workbook to fill; afterwards the file stands there, whole or not at all.

    Raises ReportError where the folder or the disk does not let it.
    """
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    with replaced(path) as half:
        made = xlsxwriter.Workbook(str(half), options)
        if sample:
            made.set_properties({"comments": SAMPLE_PRICES})
        yield Book(made, currency)
        try:
            made.close()
        except FileCreateError as error:
            raise OSError(*error.args[0].args) from None


class Book:
    """A workbook with the looks of its cells."""

    def __init__(self, made: Any, currency: str) -> None:
        unit = f'" {currency}"' if re.fullmatch("[A-Za-z]{1,8}", currency) else ""
        self.made = made
        self.looks = {
            Kind.COUNT: made.add_format({"num_format": "#,##0"}),
            Kind.MONEY: made.add_format({"num_format": f"#,##0.00####{unit}"}),
            Kind.MINUTES: made.add_format({"num_format": "#,##0.0#"}),
            Kind.PERCENT: made.add_format({"num_format": '0.00" %"'}),
            Kind.INSTANT: made.add_format({"num_format": 'yyyy-mm-dd hh:mm:ss "UTC"', "align": "left"}),
            "heading": made.add_format({"bold": True, "bottom": 1, "bg_color": "#E8EDF2", "text_wrap": True}),
            "title": made.add_format({"bold": True, "font_size": 13}),
            "note": made.add_format({"text_wrap": True, "valign": "top"}),
            "warning": made.add_format({"bold": True, "font_color": "#9C2A00"}),
        }

    def page(self, name: str) -> Page:
        """A new sheet behind the others; names differ, and are at most 31 characters."""
        return Page(self, name)


class Page:
    """A sheet that is filled from top to bottom."""

    def __init__(self, book: Book, name: str) -> None:
        self._book, self._name = book, name
        self._sheet = book.made.add_worksheet(name)
        self._sheet.set_landscape()
        self._sheet.fit_to_pages(1, 0)
        self._row = 0
        self._widths: dict[int, int] = {}

    def title(self, text: str) -> None:
        """A heading above what follows."""
        self._sheet.write_string(self._row, 0, cell_text(text), self._book.looks["title"])
        self._row += 1

    def notes(self, texts: Sequence[str], *, warning: bool = False) -> None:
        """Sentences, a row each, over the width of the sheet."""
        look = self._book.looks["warning" if warning else "note"]
        for text in texts:
            lines = -(-len(text) // _NOTE_WIDTH)  # rounded up
            self._sheet.merge_range(self._row, 0, self._row, 7, "", look)
            self._sheet.write_string(self._row, 0, cell_text(text), look)
            self._sheet.set_row(self._row, 15 * max(lines, 1))
            self._row += 1
        self._row += bool(texts)

    def table(
        self, headings: Sequence[Heading], rows: Sequence[Sequence[Cell]], *, chart: Chart | None = None
    ) -> Placed:
        """A table, and below it a picture of it. A table on the first row has its headings frozen."""
        head = self._row
        for at, heading in enumerate(headings):
            self._sheet.write_string(head, at, cell_text(heading.name), self._book.looks["heading"])
            self._widen(at, len(heading.name) + 2)
        for number, cells in enumerate(rows, head + 1):
            for at, (heading, cell) in enumerate(zip(headings, cells, strict=True)):
                self._put(number, at, *(cell if isinstance(cell, Value) else (heading.kind, cell)))
        if head == 0:
            self._sheet.freeze_panes(1, 1)
            if rows and len(headings) > 2:
                self._sheet.autofilter(0, 0, len(rows), len(headings) - 1)
        placed = Placed(self._name, head, head + 1, head + len(rows))
        self._row = placed.last + 2
        if chart is not None and rows:
            self._chart(placed, chart)
        self._fit()
        return placed

    def _put(self, row: int, at: int, kind: Kind, value: Any) -> None:
        """Writes a cell; nothing where there is nothing."""
        if value is None or value == "":
            return
        if kind is Kind.TEXT:
            text = cell_text(str(value))
            self._widen(at, len(text) + 1)
            self._sheet.write_string(row, at, text)
        elif kind is Kind.FLAG:
            self._sheet.write_boolean(row, at, bool(value))
        elif kind is Kind.INSTANT:
            self._widen(at, 24)
            days = DAYS_TO_1970 + Decimal(value // US_PER_S) / _DAY_S  # cut to whole seconds
            self._sheet.write_number(row, at, days, self._book.looks[kind])
        else:
            self._number(row, at, kind, value)

    def _number(self, row: int, at: int, kind: Kind, value: int) -> None:
        text = _digits(kind, value)
        self._widen(at, len(text) + (12 if kind is Kind.MONEY else 4))
        if len(text.strip("-0.").replace(".", "")) > _SIGNIFICANT_DIGITS:
            self._sheet.write_string(row, at, text, self._book.looks[kind])
        else:
            self._sheet.write_number(row, at, Decimal(text), self._book.looks[kind])

    def _chart(self, placed: Placed, chart: Chart) -> None:
        options: dict[str, str] = {"type": chart.kind}
        if chart.stacked:
            options["subtype"] = "stacked"
        made = self._book.made.add_chart(options)
        for series in _by_rows(placed, chart) if chart.by_rows else _by_columns(placed, chart):
            made.add_series(series)
        made.set_title({"name": chart.title, "name_font": {"size": 12}})
        made.set_legend({"position": "bottom"})
        made.set_size(_CHART)
        if chart.kind == "line":
            made.set_x_axis({"label_position": "low"})
        self._sheet.insert_chart(self._row, 0, made)
        self._row += _CHART_ROWS

    def _widen(self, at: int, width: int) -> None:
        self._widths[at] = min(max(self._widths.get(at, _NARROWEST), width), _WIDEST)

    def _fit(self) -> None:
        for at, width in self._widths.items():
            self._sheet.set_column(at, at, width)


def _digits(kind: Kind, value: int) -> str:
    """A number as decimal text: exact, but for minutes, which are rounded half up to 6 decimals."""
    if kind is Kind.MONEY:
        return format_decimal(value, MICROS_PLACES)
    if kind is Kind.PERCENT:
        return format_decimal(value, 2)
    if kind is Kind.MINUTES:
        return f"{'-' if value < 0 else ''}{format_minutes(abs(value))}"
    return str(value)


def _by_columns(placed: Placed, chart: Chart) -> Iterator[dict[str, Any]]:
    """A series for each column; the first column says what they run over."""
    for at in chart.columns:
        yield {
            "name": [placed.sheet, placed.head, at],
            "categories": [placed.sheet, placed.first, 0, placed.last, 0],
            "values": [placed.sheet, placed.first, at, placed.last, at],
        }


def _by_rows(placed: Placed, chart: Chart) -> Iterator[dict[str, Any]]:
    """A series for each row, over neighbouring columns."""
    first, last = chart.columns[0], chart.columns[-1]
    for row in range(placed.first, placed.last + 1):
        yield {
            "name": [placed.sheet, row, 0],
            "categories": [placed.sheet, placed.head, first, placed.head, last],
            "values": [placed.sheet, row, first, row, last],
        }
