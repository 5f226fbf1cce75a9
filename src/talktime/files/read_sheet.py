"""Excel workbooks and Parquet files -> batches of text columns.

Every cell becomes the text that a CSV of the same table would hold: instants in ISO 8601, whole numbers
without a point. A workbook gives its first sheet that has the header of a usage file.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import IO, Any, Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from talktime.files.open import Budget
from talktime.files.usage import NotUsage, UnusableFile
from talktime.files.usage_batch import FEW_VALUES, Batch, PartNotes, Table
from talktime.files.usage_formats import Recognised, UsageFormat, recognise, why_not
from talktime.files.workbook import first_line, sheets

ROWS_AT_A_TIME: Final = 65_536

HEADER_ROWS: Final = 20
"""How far down in a sheet the header may stand."""

_EXACT_WHOLE: Final = 2**53
"""Up to here a number in floating point is the whole number that was meant."""


# --- Excel -----------------------------------------------------------------------------------------------


def read_excel(file: IO[bytes], notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """The first sheet of a workbook that holds usage. Raises NotUsage where none does, UnusableFile."""
    reason = ""
    for sheet in sheets(file.read(), notes.source):
        for at, row in enumerate(_rows(sheet.slice(0, HEADER_ROWS))):
            recognised = recognise(row, chosen)
            if recognised is not None:
                first = at + 1 if recognised.header else at
                return Table(recognised, _batches([sheet.slice(first)], recognised, first + 1, notes))
            if any(row) and not reason:
                reason = why_not(row, chosen)
    if not reason:
        raise NotUsage(f"{notes.source}: the workbook is empty; export it again")
    raise NotUsage(f"{notes.source}: the file {reason}")


def _rows(table: Any) -> Iterator[list[str]]:
    columns = [column.to_pylist() for column in table.columns]
    return ([(cell or "").strip() for cell in row] for row in zip(*columns, strict=True))


# --- Parquet ---------------------------------------------------------------------------------------------


def read_parquet(file: IO[bytes], notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """A Parquet file as a table. Raises NotUsage where its columns are none of usage, UnusableFile."""
    size_bytes = file.seek(0, 2)
    file.seek(0)
    try:
        parquet = pq.ParquetFile(file)
        metadata = parquet.metadata
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        names = parquet.schema_arrow.names
    except (pa.ArrowException, OSError, ValueError) as error:
        raise _damaged(notes.source, error) from error
    Budget(size_bytes).spend(sum(group.total_byte_size for group in groups), notes.source)
    recognised = recognise(names, chosen)
    if recognised is None or not recognised.header:
        raise NotUsage(f"{notes.source}: the file {why_not(names, chosen)}")
    return Table(recognised, _batches(_pieces(parquet, recognised, notes.source), recognised, 1, notes))


def _pieces(parquet: Any, recognised: Recognised, source: str) -> Iterator[Any]:
    """The rows, with null columns in the place of those that nobody needs."""
    width = len(parquet.schema_arrow.names)
    wanted = sorted(set(recognised.positions.values()))
    names = [parquet.schema_arrow.names[at] for at in wanted]
    try:
        for piece in parquet.iter_batches(ROWS_AT_A_TIME, columns=names):
            piece.validate(full=True)  # a file with a broken text would fail later, row by row
            found = dict(zip(wanted, (piece.column(name) for name in names), strict=True))
            empty = pa.nulls(piece.num_rows)
            yield pa.table([found.get(at, empty) for at in range(width)], [str(at) for at in range(width)])
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise _damaged(source, error) from error


def _damaged(source: str, error: Exception) -> UnusableFile:
    return UnusableFile(f"{source}: the Parquet file is damaged ({first_line(error)}); write it again")


# --- both ------------------------------------------------------------------------------------------------


def _batches(
    pieces: Sequence[Any] | Iterator[Any], recognised: Recognised, first_line: int, notes: PartNotes
) -> Iterator[Batch]:
    """Batches out of tables whose columns stand as in the header; NULs cost their row."""
    line = first_line
    for whole in pieces:
        for start in range(0, whole.num_rows, ROWS_AT_A_TIME):
            piece = whole.slice(start, ROWS_AT_A_TIME)
            columns = {
                ours: _text(piece.column(at), recognised.names[ours], notes.source)
                for ours, at in recognised.positions.items()
            }
            lines = range(line, line + piece.num_rows)
            line += piece.num_rows
            kept = _sound(columns, lines, piece, notes)
            yield _batch(columns, lines, piece, kept)


def _text(column: Any, name: str, source: str) -> Any:
    """A column of any type as strings without nulls."""
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    kind = array.type
    try:
        if pa.types.is_timestamp(kind):
            array = pc.cast(array, pa.timestamp("us", kind.tz), safe=False)
        elif pa.types.is_floating(kind):
            array = _whole_if_it_is(array)
        return pc.cast(array, pa.string()).fill_null("")
    except pa.ArrowException as error:
        raise UnusableFile(f"{source}: column {name} holds {kind}; write it as text") from error


def _whole_if_it_is(array: Any) -> Any:
    """219.0 -> 219, so that a number that is an identifier or a telephone number stays its digits."""
    filled = pc.fill_null(array, 0.0)
    small = pc.all(pc.less_equal(pc.abs(filled), float(_EXACT_WHOLE))).as_py()
    if small is not False and pc.all(pc.equal(filled, pc.floor(filled))).as_py() is not False:
        return pc.cast(array, pa.int64())
    return array


def _sound(columns: dict[str, Any], lines: range, piece: Any, notes: PartNotes) -> list[int] | None:
    """The rows that stay, None for all: rows with a NUL are set aside, empty ones passed over."""
    filled, bad = pa.scalar(False), pa.scalar(False)
    for column in columns.values():
        filled = pc.or_(filled, pc.not_equal(column, ""))
        bad = pc.or_(bad, pc.match_substring(column, "\0"))
    for row in pc.indices_nonzero(bad).to_pylist():
        notes.set_aside(lines[row], "the row holds a NUL byte: export it again", _shown(piece, row))
    kept: list[int] = pc.indices_nonzero(pc.and_not(filled, bad)).to_pylist()
    return None if len(kept) == len(lines) else kept


def _batch(columns: dict[str, Any], lines: range, piece: Any, kept: list[int] | None) -> Batch:
    if kept is not None:
        columns = {ours: column.take(pa.array(kept, pa.int64())) for ours, column in columns.items()}
        piece = piece.take(pa.array(kept, pa.int64()))
    return Batch(
        {
            ours: column.dictionary_encode() if ours in FEW_VALUES else column
            for ours, column in columns.items()
        },
        lines if kept is None else [lines[row] for row in kept],
        partial(_shown, piece),
    )


def _shown(piece: Any, row: int) -> str:
    """A row as a line of CSV would show it."""
    cells = (column[row].as_py() for column in piece.columns)
    return ",".join("" if cell is None else str(cell) for cell in cells)
