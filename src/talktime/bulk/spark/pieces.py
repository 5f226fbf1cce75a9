"""Usage files cut into pieces that tasks read side by side, and what is to be said of them put together.

A piece is a file, or some row groups of a Parquet file. They are read by the readers of `files`; rows and
notes are the same as if one reader had read everything (rulings.md 1).
"""

from __future__ import annotations

import io
import pickle
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from talktime.bulk.many import Aside, Charging
from talktime.bulk.parts import Parts
from talktime.bulk.prepare import by_tenant
from talktime.bulk.spark.job import Job, Piece, layout, packed, setting_for
from talktime.files.expected import USAGE as EXPECTED
from talktime.files.open import Meter, open_parts
from talktime.files.read_parquet import damaged, read_parquet
from talktime.files.usage_batch import MAX_KEPT, PartNotes
from talktime.files.usage_formats import Recognised, UsageFormat, recognise
from talktime.files.usage_stream import Reading, check_files, sources_of

if TYPE_CHECKING:
    from talktime.files.usage import Usage

ROWS_A_PIECE: Final = 500_000
"""About how many rows of a Parquet file one task reads."""

MEMBERS: Final = 2**20
"""More files than an archive may hold: numbers of its members follow the number of the file."""

ROWS: Final = 2**36
"""More rows than a piece may hold: numbers of rows follow the number of the piece."""

READ = layout({"key": "long", "packed": "binary", "note": "binary"})
"""What reading gives: usage by part (`job.PACKED`), and behind each piece one row with only a note."""


class Told(NamedTuple):
    """What reading says of a part of a file."""

    recognised: Recognised
    notes: PartNotes
    rows: int


class Note(NamedTuple):
    """What reading a piece gave beside its rows. `tenants` are rows by the number of the tenant."""

    piece: int
    parts: tuple[Told, ...]
    passed: tuple[str, ...]
    late: bool
    aside: Aside
    currencies: frozenset[str]
    tenants: dict[int, int]


# --- what to read --------------------------------------------------------------------------------


def pieces_of(paths: Sequence[Path], chosen: UsageFormat | None) -> tuple[Piece, ...]:
    """Who reads what. Raises UnusableFile naming every file that is none of usage, before any is read."""
    files = list(zip(paths, sources_of(paths), strict=True))
    check_files(files, chosen)
    found: list[Piece] = []
    for file, (path, source) in enumerate(files):
        for first, after, lines in _cuts(path, chosen):
            found.append(Piece(len(found), file, str(path.absolute()), source, first, after, lines))
    return tuple(found)


def _cuts(path: Path, chosen: UsageFormat | None) -> list[tuple[int, int, int]]:
    """Row groups that make a piece, and the rows before them; (0, 0, 0): the whole file at once."""
    with path.open("rb") as file:
        if file.read(4) != b"PAR1":
            return [(0, 0, 0)]
        parquet = pq.ParquetFile(file)
        heights = [parquet.metadata.row_group(at).num_rows for at in range(parquet.metadata.num_row_groups)]
        if sum(heights) <= ROWS_A_PIECE or not _says_its_instants(parquet.schema_arrow, chosen):
            return [(0, 0, 0)]
    cuts, first, lines, rows = [], 0, 0, 0
    for group, height in enumerate(heights):
        if rows and rows + height > ROWS_A_PIECE:
            cuts.append((first, group, lines))
            first, lines, rows = group, lines + rows, 0
        rows += height
    return [*cuts, (first, len(heights), lines)]


def _says_its_instants(schema: Any, chosen: UsageFormat | None) -> bool:
    """Whether no row needs the others: a date written as text may be two days until others show its order."""
    recognised = recognise(schema.names, chosen)
    if recognised is None:
        return False
    at = [
        recognised.positions[name] for name in ("start", "start_else", "end") if name in recognised.positions
    ]
    kinds = [schema.field(place).type for place in at]
    return all(pa.types.is_timestamp(kind) or pa.types.is_integer(kind) for kind in kinds)


# --- reading, in a task --------------------------------------------------------------------------


class _NotedReading(Reading):
    """Reading that keeps what is said of each part, for who puts the pieces together."""

    def __init__(self, chosen: UsageFormat | None) -> None:
        super().__init__(chosen)
        self.told: list[Told] = []
        self.said = 0

    def note(self, recognised: Recognised, notes: PartNotes, rows: int) -> None:
        super().note(recognised, notes, rows)
        self.told.append(Told(recognised, notes, rows))
        self.said = len(self.warnings)


def read_pieces(job: Job, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Reads the pieces whose numbers come in. Raises what the readers raise."""
    for batch in batches:
        for number in batch.column("id").to_pylist():
            yield from _read_piece(job, job.given.value.pieces[number])


def _read_piece(job: Job, piece: Piece) -> Iterator[pa.RecordBatch]:
    given, setting = job.given.value, setting_for(job)
    reading = _NotedReading(given.chosen)
    charging = Charging(setting, given.options, Parts(1))
    tenants: Counter[int] = Counter()
    row = piece.number * ROWS
    for frame in _frames(piece, reading):
        kept = charging.kept(frame, job.currency)
        if not kept.height:
            continue
        for tenant, rows in zip(
            *np.unique(by_tenant(kept["tenant"], setting), return_counts=True), strict=True
        ):
            tenants[int(tenant)] += int(rows)
        kept = kept.with_columns(
            pl.col("file") + piece.file * MEMBERS,
            pl.int_range(row, row + kept.height).alias("row"),
            part_of_row(job.parts).alias("part"),
        )
        row += kept.height
        table = packed(kept, "part")
        yield from table.append_column("note", pa.nulls(len(table), pa.binary())).to_batches()
    note = Note(
        piece.number,
        tuple(reading.told),
        tuple(reading.warnings[reading.said :]),
        bool(reading.late_files),
        charging.aside,
        frozenset(charging.currencies),
        dict(tenants),
    )
    yield _note_row(note)


def part_of_row(parts: int) -> pl.Expr:
    """The part of a row of usage: the same for all rows that may be one call, else evenly spread.

    Equal rows without an identity have equal starts and durations: they meet, and are told apart there.
    """
    unnamed = pl.concat_str("start_us", "duration_s", separator=" ")
    identity = pl.when(pl.col("id") != "").then("id").otherwise(unnamed)
    words = pl.concat_str(pl.col("tenant").cast(pl.String), identity, separator=" ")
    return (words.hash() % parts).cast(pl.Int64)


def _frames(piece: Piece, reading: _NotedReading) -> Iterator[pl.DataFrame]:
    """The usage of a piece, with the lines of its file."""
    if not piece.after:
        yield from reading.read(open_parts(Path(piece.path), piece.source, Meter(0, None), EXPECTED))
        return
    notes = PartNotes(piece.source)
    table = read_parquet(_row_groups(piece), notes, reading.chosen)
    for frame in reading.read_table(table, notes):
        yield frame.with_columns(pl.col("line") + piece.lines)
    notes.rejected = [replace(one, line=one.line + piece.lines) for one in notes.rejected]


def _row_groups(piece: Piece) -> io.BytesIO:
    """Some row groups as a Parquet file of their own."""
    held = io.BytesIO()
    try:
        parquet = pq.ParquetFile(piece.path)
        with pq.ParquetWriter(held, parquet.schema_arrow, compression="none") as writer:
            writer.write_table(parquet.read_row_groups(range(piece.first, piece.after)))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise damaged(piece.source, error) from error
    return held


def _note_row(note: Note) -> pa.RecordBatch:
    columns = [pa.nulls(1, kind) for kind in READ.arrow.types]
    columns[READ.arrow.get_field_index("note")] = pa.array([pickle.dumps(note)], pa.binary())
    return pa.RecordBatch.from_arrays(columns, schema=READ.arrow)


# --- what was said, on the driver ----------------------------------------------------------------


def put_together(pieces: Sequence[Piece], notes: Sequence[Note], chosen: UsageFormat | None) -> Usage:
    """What one reader would have said of all files."""
    reading = Reading(chosen)
    of_file: dict[int, list[Note]] = {}
    for note in sorted(notes):
        of_file.setdefault(pieces[note.piece].file, []).append(note)
    for several in of_file.values():
        parts = several[0].parts if len(several) == 1 else (_as_one([note.parts[0] for note in several]),)
        for told in parts:
            told.notes.rejected = told.notes.rejected[: MAX_KEPT - len(reading.rejected)]
            reading.note(*told)
        reading.warnings += [text for note in several for text in note.passed]
    return reading.notes()


def _as_one(parts: Sequence[Told]) -> Told:
    """What was said of the row groups of a file, as of the file."""
    first, *others = parts
    notes = first.notes
    for told in others:
        other = told.notes
        notes.rejected += other.rejected
        notes.rejected_rows += other.rejected_rows
        notes.repaired |= other.repaired
        notes.zoneless_rows += other.zoneless_rows
        notes.end_disagrees_rows += other.end_disagrees_rows
    return Told(first.recognised, notes, sum(told.rows for told in parts))


def aside_of(notes: Sequence[Note]) -> Aside:
    """The rows that all tasks set aside."""
    whole = Aside()
    for note in sorted(notes):
        whole.rows += note.aside.rows
        whole.other_rows += note.aside.other_rows
        for tenant, rows in note.aside.tenants.items():
            whole.tenants[tenant] = whole.tenants.get(tenant, 0) + rows
        whole.kept += note.aside.kept[: MAX_KEPT - len(whole.kept)]
    return whole
