"""Excel workbooks -> batches of text columns.

Every cell becomes the text that a CSV of the same table would hold: instants in ISO 8601, whole numbers
without a point. A workbook gives its first sheet that has the header of a usage file.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import IO, Any, Final

from talktime.files.usage import NotUsage
from talktime.files.usage_batch import Batch, PartNotes, Table, as_stored
from talktime.files.usage_formats import Recognised, UsageFormat, recognise, why_not
from talktime.files.workbook import sheets

ROWS_AT_A_TIME: Final = 65_536

HEADER_ROWS: Final = 20
"""How far down in a sheet the header may stand."""


def read_excel(file: IO[bytes], notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """The first sheet of a workbook that holds usage. Raises NotUsage where none does, UnusableFile."""
    reason = ""
    for sheet in sheets(file.read(), notes.source):
        for at, row in enumerate(_rows(sheet.slice(0, HEADER_ROWS))):
            recognised = recognise(row, chosen)
            if recognised is not None:
                first = at + 1 if recognised.header else at
                return Table(recognised, _batches(sheet.slice(first), recognised, first + 1))
            if any(row) and not reason:
                reason = why_not(row, chosen)
    if not reason:
        raise NotUsage(f"{notes.source}: the workbook is empty; export it again")
    raise NotUsage(f"{notes.source}: the file {reason}")


def _rows(table: Any) -> Iterator[list[str]]:
    columns = [column.to_pylist() for column in table.columns]
    return ([(cell or "").strip() for cell in row] for row in zip(*columns, strict=True))


def _batches(sheet: Any, recognised: Recognised, first_line: int) -> Iterator[Batch]:
    """Batches out of the rows below the header, the first of them on this line."""
    for start in range(0, sheet.num_rows, ROWS_AT_A_TIME):
        piece = sheet.slice(start, ROWS_AT_A_TIME)
        columns = {
            ours: as_stored(piece.column(at).cast("string").fill_null(""), ours)
            for ours, at in recognised.positions.items()
        }
        line = first_line + start
        yield Batch(columns, range(line, line + piece.num_rows), partial(_shown, piece))


def _shown(piece: Any, row: int) -> str:
    """A row as a line of CSV would show it."""
    return ",".join(column[row].as_py() or "" for column in piece.columns)
