"""Which format a deck's file has, told from its first lines: delimiter, columns, settings, first row.

Microsoft's price file and ours have a header; TransNexus decks are TAB-separated without one; other tables
count if their header names a prefix and a price (formats.md, Rate decks).
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from talktime.files.usage import UnusableFile

COLUMNS: Final = (
    "prefix",
    "name",
    "type",
    "country",
    "origin_country",
    "category",
    "direction",
    "number_type",
    "price_per_minute",
    "first_price_per_minute",
    "connection_fee",
    "first_seconds",
    "step_seconds",
    "valid_from",
    "valid_until",
    "weekdays",
    "from_time",
    "to_time",
    "timezone",
    "currency",
)
"""The columns of our format, in the order in which it is written."""

MICROSOFT: Final = "microsoft"
TRANSNEXUS: Final = "transnexus"
TALKTIME: Final = "talktime"
TABLE: Final = "table"

FORMATS: Final = {
    MICROSOFT: "Microsoft's telephony price file",
    TRANSNEXUS: "TransNexus, TAB-separated without a header",
    TALKTIME: "Talktime deck",
    TABLE: "a table with a header",
}
"""The formats and what people call them."""

_MICROSOFT_HEADER: Final = ("destination name", "destination type", "country", "prefix", "price / min")
_ALIASES: Final = {
    "destination name": "name",
    "destination": "name",
    "description": "name",
    "destination type": "type",
    "code": "prefix",
    "dial code": "prefix",
    "dialcode": "prefix",
    "destination prefix": "prefix",
    "price / min": "price_per_minute",
    "price/min": "price_per_minute",
    "price": "price_per_minute",
    "rate": "price_per_minute",
    "rate per minute": "price_per_minute",
    "time zone": "timezone",
}
_DELIMITERS: Final = (",", "\t", ";", "|")
_SETTING: Final = re.compile(r"#+\s*([A-Za-z_]+)\s*=\s*(.*)")
_LIKE_PREFIX: Final = re.compile(r"['+]?[0-9][0-9 .,()-]*(?:[Ee]\+?[0-9]+)?")
_LIKE_PRICE: Final = re.compile(r"-?[0-9.,][0-9 .,'\u00a0\u202f]*(?:[Ee]-?[0-9]+)?")
_LINES_LOOKED_AT: Final = 20
_USAGE_WORDS: Final = ("duration", "call id", "caller", "callee", "usageid")


@dataclass(frozen=True, slots=True)
class Setting:
    """A comment line `# key = value` before the header; the key in lower case."""

    line: int
    key: str
    value: str


@dataclass(frozen=True, slots=True)
class Layout:
    """How to read a deck's lines.

    `columns` has the name in COLUMNS for each cell of a row, "" for a column that is not ours; `unknown` are
    the headings of those; `body` is the index of the first line after the header.
    """

    format: str
    delimiter: str
    columns: tuple[str, ...]
    unknown: tuple[str, ...]
    body: int
    settings: tuple[Setting, ...]


def recognise(lines: Sequence[str], where: str) -> Layout:
    """The layout of a deck. Raises UnusableFile, naming `where`, if it is none."""
    settings: list[Setting] = []
    for index, line in enumerate(lines):
        bare = line.strip()
        if bare.startswith(("#", '"#')):
            settings.extend(_setting(index + 1, bare))
        elif bare:
            return _layout(lines, index, tuple(settings), where)
    raise UnusableFile(f"{where} has no header and no rows; give the columns prefix and price_per_minute")


def split_line(line: str, delimiter: str) -> list[str]:
    """The cells of a line. Raises csv.Error where a quotation mark is not closed."""
    if '"' not in line:
        return line.split(delimiter)
    return next(csv.reader([line], delimiter=delimiter, strict=True), [])


def _setting(line: int, text: str) -> Iterator[Setting]:
    # a spreadsheet that saved the file put delimiters behind the line, and quotation marks around it
    bare = text.rstrip(",;|\t ")
    if bare.startswith('"'):
        bare = bare[1:].removesuffix('"').replace('""', '"')
    match = _SETTING.match(bare)
    if match:
        yield Setting(line, match[1].lower(), match[2].strip())


def _layout(lines: Sequence[str], index: int, settings: tuple[Setting, ...], where: str) -> Layout:
    named = max((_headings(lines[index], delimiter) for delimiter in _DELIMITERS), key=_columns_known)
    columns = tuple(_column(heading) for heading in named[1])
    if "prefix" in columns and "price_per_minute" in columns:
        _refuse_doubles(columns, named[1], where)
        unknown = tuple(h for h, column in zip(named[1], columns, strict=True) if h and not column)
        return Layout(_format(named[1]), named[0], columns, unknown, index + 1, settings)
    if _is_transnexus(lines[index:]):
        return Layout(TRANSNEXUS, "\t", ("prefix", "price_per_minute", "name"), (), index, settings)
    raise UnusableFile(_no_deck(lines[index], columns, named[1], where))


def _headings(line: str, delimiter: str) -> tuple[str, tuple[str, ...]]:
    try:
        cells = split_line(line, delimiter)
    except csv.Error:
        cells = []
    return delimiter, tuple(" ".join(cell.lower().split()) for cell in cells)


def _columns_known(named: tuple[str, tuple[str, ...]]) -> int:
    return sum(1 for heading in named[1] if _column(heading))


def _column(heading: str) -> str:
    ours = heading.replace(" ", "_")
    return ours if ours in COLUMNS else _ALIASES.get(heading, "")


def _format(headings: tuple[str, ...]) -> str:
    if headings == _MICROSOFT_HEADER:
        return MICROSOFT
    return TALKTIME if any(heading.replace(" ", "_") == "price_per_minute" for heading in headings) else TABLE


def _refuse_doubles(columns: tuple[str, ...], headings: tuple[str, ...], where: str) -> None:
    for column in COLUMNS:
        if columns.count(column) > 1:
            same = [repr(h) for h, c in zip(headings, columns, strict=True) if c == column]
            raise UnusableFile(f"{where}: the columns {' and '.join(same)} both say {column}; keep one")


def _is_transnexus(lines: Sequence[str]) -> bool:
    """Whether most of the first rows are a prefix, a TAB and a price."""
    looked_at = [line for line in lines[:_LINES_LOOKED_AT] if line.strip()]
    alike = 0
    for line in looked_at:
        prefix, tab, rest = line.partition("\t")
        price = rest.partition("\t")[0]
        if tab and _LIKE_PREFIX.fullmatch(prefix.strip()) and _LIKE_PRICE.fullmatch(price.strip()):
            alike += 1
    return alike * 2 > len(looked_at)


def _no_deck(line: str, columns: tuple[str, ...], headings: tuple[str, ...], where: str) -> str:
    if line.lstrip().startswith(("{", "[")):
        return f"{where} holds JSON, no rate deck; give a table with prefixes and prices"
    if any(word in heading for word in _USAGE_WORDS for heading in headings):
        return f"{where} looks like usage, not like a rate deck; give it to `talktime rate` instead"
    known = [column for column in columns if column]
    if len(known) > 1 or "prefix" in known:
        missing = "price_per_minute" if "prefix" in known else "prefix"
        return f"{where} has no column {missing}; its columns are {', '.join(headings)}"
    return f"{where} is no rate deck: its first line is no header with prefix and price_per_minute"
