"""Users and their licences as a CSV file that people keep: bytes -> rows, each with its line.

The header names the columns in any letter case and order; a column that is absent leaves what users have.
Lists (licences, numbers, policies) are separated by ; or | within a cell. What is wrong is told by line.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any, Final

from talktime.accounts.toml_table import did_you_mean, shown

COLUMNS: Final = (
    "upn",
    "id",
    "name",
    "location",
    "licences",
    "numbers",
    "cost_centre",
    "cap_per_month",
    "policies",
)
"""What a file may say of a user; `upn` it has to (interfaces.md, The tenant file)."""

LISTS: Final = frozenset({"licences", "numbers", "policies"})

MAX_ROWS: Final = 100_000
MAX_BYTES: Final = 64 * 2**20
MAX_CELL: Final = 10_000
MAX_TOLD: Final = 1_000
"""So many faults of one file are told; whoever mends them sees the rest."""

_OTHER_NAMES: Final = {
    "user_principal_name": "upn",
    "userprincipalname": "upn",
    "object_id": "id",
    "display_name": "name",
    "displayname": "name",
    "usage_location": "location",
    "usagelocation": "location",
    "licenses": "licences",
    "phone_numbers": "numbers",
    "cost_center": "cost_centre",
}
_SEPARATORS: Final = (",", ";", "\t")
_WITHIN: Final = re.compile(r"[;|]")
_GUARDED: Final = re.compile(r"'(?=[=+@-])")
"""The quote that programs put before a cell that a sheet would take for a formula."""


class PeopleFaults(ValueError):  # noqa: N818 - what is wrong, not an accident
    """A file that cannot be used. `faults`: a sentence each, in the order of the lines."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults[:MAX_TOLD])
        super().__init__("; ".join(self.faults[:5]))


@dataclass(frozen=True, slots=True)
class Row:
    """A row: the line on which it begins, and what it says, with the keys of the tenant file's `users`.

    An empty cell is "" or an empty list: it takes away what the user has.
    """

    line: int
    says: dict[str, Any]


def read_people(content: bytes) -> tuple[Row, ...]:
    """The rows of a file. Raises PeopleFaults with everything that is wrong with its form."""
    lines = _lines(_text(content))
    header = next(lines, None)
    if header is None:
        raise PeopleFaults([f"the file is empty; begin with a line that names columns: {', '.join(COLUMNS)}"])
    columns = _columns(header[1])
    rows: list[Row] = []
    faults: list[str] = []
    for line, cells in lines:
        if len(rows) >= MAX_ROWS:
            raise PeopleFaults([f"line {line}: more than {MAX_ROWS:,} users; split the file"])
        fault = _row_fault(cells, columns)
        if fault:
            faults.append(f"line {line}: {fault}")
        else:
            rows.append(Row(line, dict(zip(columns, map(_value, columns, cells), strict=True))))
    if faults:
        raise PeopleFaults(faults)
    return tuple(rows)


def _text(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise PeopleFaults([f"the file is larger than {MAX_BYTES // 2**20} MB; split it"])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PeopleFaults([f"line {line}: is not UTF-8; save the file as CSV UTF-8"]) from None


def _lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of each row that is not blank."""
    first = text.lstrip("\r\n").partition("\n")[0]
    separator = max(_SEPARATORS, key=first.count)
    reader = csv.reader(StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader, None)
        except csv.Error as error:
            raise PeopleFaults([f"line {line}: is not CSV: {error}"]) from None
        if cells is None:
            return
        if any(cell.strip() for cell in cells):
            yield line, cells


def _columns(header: Iterable[str]) -> tuple[str, ...]:
    """The columns by their names here."""
    columns: list[str] = []
    faults = []
    for position, written in enumerate(header, 1):
        word = re.sub(r"[\s_-]+", "_", written.strip().lower())
        column = _OTHER_NAMES.get(word, word)
        if column not in COLUMNS:
            hint = did_you_mean(word, COLUMNS) or f"; known are {', '.join(COLUMNS)}"
            faults.append(f"line 1: column {position}: unknown column {shown(written)}{hint}")
        elif column in columns:
            faults.append(f"line 1: column {position}: {column} stands twice")
        columns.append(column)
    if "upn" not in columns and not faults:
        faults.append("line 1: the column upn is missing; it says whose row it is")
    if faults:
        raise PeopleFaults(faults)
    return tuple(columns)


def _row_fault(cells: Sequence[str], columns: Sequence[str]) -> str:
    """What is wrong with the form of a row: half a sentence, or ""."""
    if len(cells) != len(columns):
        return f"has {len(cells)} cells where the header has {len(columns)}"
    for column, cell in zip(columns, cells, strict=True):
        if len(cell) > MAX_CELL:
            return f"{column} has {len(cell):,} characters; at most {MAX_CELL:,} are read"
        if "\0" in cell:
            return f"{column} holds a zero byte"
    if not cells[columns.index("upn")].strip():
        return "upn is empty"
    return ""


def _value(column: str, cell: str) -> str | list[str]:
    text = _GUARDED.sub("", cell.strip(), count=1) if cell[:1] == "'" else cell.strip()
    if column not in LISTS:
        return text
    words = (word.strip() for word in _WITHIN.split(text))
    return list(dict.fromkeys(word for word in words if word))
