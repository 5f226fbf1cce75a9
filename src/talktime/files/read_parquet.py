"""Parquet files -> batches of typed columns, as they stand in the file.

Only the columns that somebody needs are read, some row groups at a time. Polars reads them where it can;
what it cannot is read by Arrow, which knows more kinds of files and says better what is damaged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import IO, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from talktime.files.open import Budget
from talktime.files.typed_columns import arrow_text
from talktime.files.usage import NotUsage, UnusableFile
from talktime.files.usage_batch import Batch, PartNotes, Table
from talktime.files.usage_formats import Recognised, UsageFormat, recognise, why_not
from talktime.files.workbook import first_line

ROWS_AT_A_TIME: Final = 1_000_000
"""So many rows are one batch when polars reads."""

ARROW_ROWS_AT_A_TIME: Final = 262_144
"""And so many when Arrow does."""

_TYPED: Final = (
    pa.types.is_string, pa.types.is_large_string, pa.types.is_null, pa.types.is_boolean, pa.types.is_integer,
    pa.types.is_float32, pa.types.is_float64, pa.types.is_timestamp, pa.types.is_date32,
)  # fmt: skip
"""Types that are taken as they are; all others are made text by Arrow."""


def read_parquet(
    file: IO[bytes],
    notes: PartNotes,
    chosen: UsageFormat | None,
    *,
    path: Path | None = None,
    told: Callable[[float], None] | None = None,
) -> Table:
    """A Parquet file as a table. Raises NotUsage where its columns are none of usage, UnusableFile.

    `path` names the same file where it stands alone on a disk; `told` hears which share of it has been read.
    """
    size_bytes = file.seek(0, 2)
    file.seek(0)
    try:
        parquet = pq.ParquetFile(file)
        metadata = parquet.metadata
        groups = [metadata.row_group(at) for at in range(metadata.num_row_groups)]
        schema = parquet.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(notes.source, error) from error
    Budget(size_bytes).spend(sum(group.total_byte_size for group in groups), notes.source)
    recognised = recognise(schema.names, chosen)
    if recognised is None or not recognised.header:
        raise NotUsage(f"{notes.source}: the file {why_not(schema.names, chosen)}")
    frames = _frames(parquet, recognised, notes.source, path)
    return Table(recognised, _batches(frames, recognised, metadata.num_rows, told))


def _batches(
    frames: Iterator[pl.DataFrame], recognised: Recognised, rows: int, told: Callable[[float], None] | None
) -> Iterator[Batch]:
    """Batches out of frames whose columns are named by their place in the file."""
    line = 1
    for frame in frames:
        columns = {ours: frame[str(at)] for ours, at in recognised.positions.items()}
        yield Batch(columns, range(line, line + frame.height), partial(_shown, frame))
        line += frame.height
        if told is not None:
            told(line / (rows + 1))


def _shown(frame: pl.DataFrame, row: int) -> str:
    """A row as a line of CSV would show it, with nothing in the place of columns that nobody needs."""
    cells = {int(name): cell for name, cell in frame.row(row, named=True).items()}
    shown = (cells.get(at) for at in range(max(cells, default=0) + 1))
    return ",".join("" if cell is None else str(cell) for cell in shown)


# --- the two ways of reading -----------------------------------------------------------------------------


def _frames(parquet: Any, recognised: Recognised, source: str, path: Path | None) -> Iterator[pl.DataFrame]:
    """The needed columns, named by their place, some rows at a time."""
    schema, metadata = parquet.schema_arrow, parquet.metadata
    groups = [metadata.row_group(at).num_rows for at in range(metadata.num_row_groups)]
    rows = sum(groups)
    wanted = {schema.names[at]: at for at in sorted(set(recognised.positions.values()))}
    done = 0
    if path is not None and _is_for_polars(schema, wanted, path):
        try:
            for frame in _by_polars(path, wanted, groups):
                done += frame.height
                yield frame
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError):
            pass  # the rest is for Arrow: it reads it, or says what is wrong with it
    if done < rows or not rows:
        yield from _by_arrow(parquet, wanted, source, done)


def _is_for_polars(schema: Any, wanted: dict[str, int], path: Path) -> bool:
    """Whether polars can be told the file and its columns, and makes of them what Arrow would."""
    if len(set(schema.names)) < len(schema.names) or not str(path).isprintable():
        return False
    return all(_is_typed(schema.field(name).type) for name in wanted)


def _is_typed(kind: Any) -> bool:
    if pa.types.is_dictionary(kind):
        return bool(pa.types.is_string(kind.value_type) or pa.types.is_large_string(kind.value_type))
    if pa.types.is_decimal128(kind):
        return bool(kind.scale >= 0)
    return any(is_it(kind) for is_it in _TYPED)


def _by_polars(path: Path, wanted: dict[str, int], groups: list[int]) -> Iterator[pl.DataFrame]:
    """Some row groups at a time, of so many rows each; while one frame is used, the next is read."""
    scan = pl.scan_parquet(path, glob=False, hive_partitioning=False)
    query = scan.select(pl.col(name).alias(str(at)) for name, at in wanted.items())
    with ThreadPoolExecutor(max_workers=1) as pool:
        ahead: Future[pl.DataFrame] | None = None
        for first, rows in _ranges(groups):
            before, ahead = ahead, pool.submit(query.slice(first, rows).collect)
            if before is not None:
                yield from before.result().iter_slices(ROWS_AT_A_TIME)
        if ahead is not None:
            yield from ahead.result().iter_slices(ROWS_AT_A_TIME)


def _ranges(groups: list[int]) -> Iterator[tuple[int, int]]:
    """First row and number of rows of neighbouring row groups that make about a batch."""
    first = rows = 0
    for height in groups:
        if rows and rows + height > ROWS_AT_A_TIME:
            yield first, rows
            first, rows = first + rows, 0
        rows += height
    if rows:
        yield first, rows


def _by_arrow(parquet: Any, wanted: dict[str, int], source: str, skip: int) -> Iterator[pl.DataFrame]:
    """The rows behind the first `skip`."""
    try:
        for piece in parquet.iter_batches(ARROW_ROWS_AT_A_TIME, columns=list(wanted)):
            left, skip = piece.slice(skip), max(skip - piece.num_rows, 0)
            if not left.num_rows:
                continue
            left.validate(full=True)  # a file with a broken text would fail later, row by row
            columns = {str(at): _as_polars(left.column(name), name, source) for name, at in wanted.items()}
            yield pl.DataFrame(columns)
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise damaged(source, error) from error


def _as_polars(array: Any, name: str, source: str) -> pl.Series:
    if not _is_typed(array.type):
        try:
            array = arrow_text(array)
        except pa.ArrowException as error:
            raise UnusableFile(f"{source}: column {name} holds {array.type}; write it as text") from error
    return pl.Series(array)


def damaged(source: str, error: Exception) -> UnusableFile:
    """The sentence for a Parquet file that cannot be read."""
    return UnusableFile(f"{source}: the Parquet file is damaged ({first_line(error)}); write it again")
