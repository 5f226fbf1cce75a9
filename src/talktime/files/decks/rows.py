"""The lines of a deck -> rows, each with its line; what cannot be read is set aside with the reason.

Cells repeat (prices, types, increments), so each distinct text is read once.
"""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, NamedTuple

from talktime.core.deck import MINUTES_A_DAY, RateRow
from talktime.files.decks import cells
from talktime.files.decks.decimals import DecimalStyle, style_of
from talktime.files.decks.findings import WHOLE_FILE, Finding, row_rejected, warning
from talktime.files.decks.recognise import Layout, split_line
from talktime.files.instants import parse_instant

_NUMBERS: Final = ("price_per_minute", "first_price_per_minute", "connection_fee")
MAX_LINE: Final = 65_536
"""The most characters of a row."""

# A name in quotation marks may hold line ends; one that is never closed must not eat the deck.
_MAX_LINES_A_ROW: Final = 5

Parse = Callable[[str], Any]


class Line(NamedTuple):
    """A row's cells with the number of its first line, or why it has none."""

    number: int
    cells: list[str]
    fault: str = ""


def table_of(lines: Sequence[str], layout: Layout) -> list[Line]:
    """The rows below the header, padded to its columns. Blank lines and comments are no rows."""
    return list(_lines(lines, layout))


def _lines(lines: Sequence[str], layout: Layout) -> Iterator[Line]:
    width, index = len(layout.columns), layout.body
    while index < len(lines):
        line, start = lines[index], index
        index += 1
        if not line.strip(f"{layout.delimiter} \t\r\f\x1a") or line.startswith("#"):
            continue
        if "\0" in line or len(line) > MAX_LINE:
            yield Line(start + 1, [], f"the line holds NUL bytes or more than {MAX_LINE:,} characters")
        elif '"' not in line:
            yield _fitted(start + 1, line.split(layout.delimiter), width)
        else:
            parts, index = _quoted(lines, start, layout.delimiter)
            open_quote = Line(start + 1, [], "a quotation mark is not closed")
            yield _fitted(start + 1, parts, width) if parts else open_quote


def _quoted(lines: Sequence[str], start: int, delimiter: str) -> tuple[list[str] | None, int]:
    """The cells of a line with quotation marks and the index after it; it may go on for a few lines."""
    for end in range(start + 1, min(start + _MAX_LINES_A_ROW, len(lines)) + 1):
        try:
            return split_line("\n".join(lines[start:end]), delimiter), end
        except csv.Error:
            continue
    return None, start + 1


def _fitted(number: int, parts: list[str], width: int) -> Line:
    if len(parts) == width:
        return Line(number, parts)
    if len(parts) > width:
        if any(part.strip() for part in parts[width:]):
            fault = (
                f"the row has {len(parts)} cells instead of {width}; put cells with commas in quotation marks"
            )
            return Line(number, [], fault)
        del parts[width:]
    return Line(number, parts + [""] * (width - len(parts)))


def currencies_of(table: Sequence[Line], layout: Layout) -> dict[str, int]:
    """What rows say in the column of the currency, upper case, each with the line where it first stands."""
    found: dict[str, int] = {}
    if "currency" in layout.columns:
        at = layout.columns.index("currency")
        for line in table:
            if line.cells and (text := line.cells[at].strip()):
                found.setdefault(text.upper(), line.number)
    return found


def read_rows(
    table: Sequence[Line], layout: Layout, defaults: Mapping[str, object]
) -> tuple[list[RateRow], list[Finding]]:
    """The rows of a deck and what is wrong with others. `defaults`: fields for rows that leave them empty."""
    reader = _RowReader(_parsers(layout, _style(table, layout)), dict(defaults))
    rows: list[RateRow] = []
    findings: list[Finding] = []
    rewritten: list[int] = []
    at = layout.columns.index("prefix")
    for line in table:
        try:
            row = reader.row(line)
        except ValueError as error:
            findings.append(row_rejected(line.number, str(error)))
            continue
        rows.append(row)
        if line.cells[at] != row.prefix and line.cells[at].strip().removeprefix("+") != row.prefix:
            rewritten.append(line.number)
    if rewritten:
        text = f"{len(rewritten)} prefixes are written with 00, blanks or dashes; their digits were taken"
        findings.append(warning(rewritten[0], text))
    if layout.unknown:
        text = f"columns that are not known are left out: {', '.join(layout.unknown)}"
        findings.append(warning(WHOLE_FILE, text))
    return rows, findings


def _style(table: Sequence[Line], layout: Layout) -> DecimalStyle:
    places = [layout.columns.index(name) for name in _NUMBERS if name in layout.columns]
    numbers = {line.cells[at] for line in table if line.cells for at in places}
    return style_of(numbers, layout.delimiter)


def _parsers(layout: Layout, style: DecimalStyle) -> list[tuple[int, str, str, Parse]]:
    """(cell, column, field of RateRow, parser) of each column that is ours, the prefix first."""

    def decimal(parse: Callable[[str], int]) -> Parse:
        return lambda text: parse(style.plain(text))

    known: dict[str, tuple[str, Parse]] = {
        "name": ("name", cells.parse_label),
        "type": ("type", cells.parse_type),
        "country": ("country", cells.parse_country),
        "origin_country": ("origin_country", cells.parse_origin_country),
        "category": ("category", cells.parse_word),
        "direction": ("direction", cells.parse_direction),
        "number_type": ("number_type", cells.parse_word),
        "price_per_minute": ("price_nanos", decimal(cells.parse_price)),
        "first_price_per_minute": ("first_price_nanos", decimal(cells.parse_price)),
        "connection_fee": ("fee_micros", decimal(cells.parse_fee)),
        "first_seconds": ("first_s", cells.parse_first_seconds),
        "step_seconds": ("step_s", cells.parse_step_seconds),
        "valid_from": ("valid_from_us", parse_instant),
        "valid_until": ("valid_until_us", parse_instant),
        "weekdays": ("weekdays", cells.parse_weekdays),
        "from_time": ("from_min", cells.parse_time),
        "to_time": ("to_min", cells.parse_time),
        "timezone": ("time_zone", cells.parse_time_zone),
    }
    at = layout.columns.index("prefix")
    return [(at, "prefix", "prefix", cells.parse_prefix)] + [
        (place, column, known[column][0], cache(known[column][1]))
        for place, column in enumerate(layout.columns)
        if column in known
    ]


@dataclass(frozen=True, slots=True)
class _RowReader:
    """Reads the cells of one row after the other."""

    parsers: list[tuple[int, str, str, Parse]]
    defaults: dict[str, Any]

    def row(self, line: Line) -> RateRow:
        """Raises ValueError: which cell, what is wrong."""
        if line.fault:
            raise ValueError(line.fault)
        fields = self.defaults.copy()
        parts = line.cells
        for at, column, field, parse in self.parsers:
            text = parts[at].strip()
            if text or column == "prefix":
                try:
                    fields[field] = parse(text)
                except ValueError as error:
                    raise ValueError(str(error) if column == "prefix" else f"{column} {error}") from None
        if "price_nanos" not in fields:
            raise ValueError("the price is missing")
        fields.setdefault("first_price_nanos", fields["price_nanos"])
        return _checked(RateRow(line=line.number, **_window(fields)))


def _window(fields: dict[str, Any]) -> dict[str, Any]:
    """A window that ends at 00:00 ends with the day: one way to write it, so that versions agree."""
    if fields.get("to_min") == 0 and fields.get("from_min", 0) != 0:
        fields["to_min"] = MINUTES_A_DAY
    return fields


def _checked(row: RateRow) -> RateRow:
    if row.from_min in (row.to_min, MINUTES_A_DAY):
        raise ValueError("from_time and to_time leave no time between them; a whole day is 00:00 to 24:00")
    if row.valid_until_us <= row.valid_from_us:
        raise ValueError("valid_until is not after valid_from; it is the first instant without the row")
    return row
