"""Usage split by tenant into parts that fit into memory: kept there if all of it does, else on disk.

All calls of a tenant lie in one part, in the order in which they were read, so a part can be charged by
itself and is what a stopped run goes on from (rulings.md 38).
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from talktime.bulk.codes import numbers_and_words, spread
from talktime.bulk.options import RefusedRun
from talktime.files.report import ReportError
from talktime.files.usage import usage_schema

ROWS_A_PART: Final = 700_000
"""About how many calls a part holds: enough to work by columns, few enough to work on two parts at once."""

MOST_PARTS: Final = 512

SHORTEST_ROW_BYTES: Final = 90
LONGEST_ROW_BYTES: Final = 1_000
"""What a call takes in a file of text, between few columns and JSON with all of them."""

PACKED: Final = frozenset({".gz", ".zip", ".zst", ".bz2", ".xz"})

ROWS_IN_MEMORY: Final = 15_000_000
"""Rows that wait for their turn are kept in memory up to here, on disk beyond."""


MEMORY_A_ROW: Final = 1_200
"""Bytes that a call takes at most while its part is charged."""


def about_rows(files: Iterable[Path]) -> tuple[int, int]:
    """How many rows stand in files at least and at most: Parquet says it, others have a size only."""
    least = most = 0
    for path in files:
        exact = _rows_of_parquet(path)
        size = path.stat().st_size if path.exists() else 0
        packed = 10 if path.suffix.lower() in PACKED else 1
        least += size // LONGEST_ROW_BYTES if exact is None else exact
        most += packed * size // SHORTEST_ROW_BYTES if exact is None else exact
    return least, most


def _rows_of_parquet(path: Path) -> int | None:
    if path.suffix.lower() != ".parquet":
        return None
    try:
        rows: int = pq.read_metadata(path).num_rows
    except (OSError, pa.ArrowException):
        return None  # whoever reads it says what is wrong
    return rows


def check_memory(rows: int) -> None:
    """Raises RefusedRun where so many calls, all of a part, have no room in this machine."""
    if not hasattr(os, "sysconf"):
        return  # who cannot be asked is believed to have room
    there = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if rows * MEMORY_A_ROW > there:
        needed = rows * MEMORY_A_ROW
        raise RefusedRun(
            f"{rows:,} calls that have to be charged together need about {needed // 10**9:,} GB and this "
            f"machine has {there // 10**9:,}; rate them month by month, or take a larger machine"
        )


def part_count(rows: int, tenants: int) -> int:
    """How many parts so many rows are split into."""
    return max(1, min(MOST_PARTS, tenants, -(-rows // ROWS_A_PART)))


def part_of(tenant: str, parts: int) -> int:
    """The part that a tenant's calls are in: the same in every process and run, in any letter case."""
    return zlib.crc32(tenant.lower().encode()) % parts


class Piece(NamedTuple):
    """Some rows without the columns that have one value in all of them, and these values by column."""

    rows: pl.DataFrame
    same: dict[str, Any]

    def whole(self) -> pl.DataFrame:
        """All columns, in the order of `usage_schema`."""
        schema = usage_schema()
        values = [pl.lit(value, dtype=schema[name]).alias(name) for name, value in self.same.items()]
        return self.rows.with_columns(values).select(list(schema))


def piece_of(frame: pl.DataFrame) -> Piece:
    """Takes out what is the same in all rows: most files fill a few of the columns."""
    same = {}
    for name, kind in frame.schema.items():
        if kind in (pl.Categorical, pl.Boolean) and frame.height and name != "tenant":
            column = frame[name].to_physical()
            if column.null_count() == 0 and column.min() == column.max():
                same[name] = frame[name].head(1).cast(pl.String if kind == pl.Categorical else kind)[0]
    return Piece(frame.drop(same), same)


@dataclass(slots=True)
class Parts:
    """Rows of usage by part; they stand in `folder` where one is given, else in memory."""

    count: int
    folder: Path | None = None
    rows: list[int] = field(init=False)
    _held: list[list[Piece]] = field(init=False, repr=False)
    _files: int = 0

    def __post_init__(self) -> None:
        self.rows = [0] * self.count
        self._held = [[] for _ in range(self.count)]

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows that were read after all rows before them. Raises ReportError where the disk is full."""
        for number, piece in self._pieces(piece_of(frame)):
            self.rows[number] += piece.rows.height
            if self.folder is None:
                self._held[number].append(piece)
                continue
            folder = self.folder / f"{number:03}"
            with disk_faults_told(folder):
                folder.mkdir(parents=True, exist_ok=True)
                piece.rows.write_ipc(folder / f"{self._files:06}.arrow", compression="lz4")
                (folder / f"{self._files:06}.json").write_bytes(msgspec.json.encode(piece.same))
        self._files += 1

    def _pieces(self, whole: Piece) -> Iterator[tuple[int, Piece]]:
        if self.count == 1:
            yield 0, whole
            return
        frame = whole.rows
        places, words = numbers_and_words(frame["tenant"])
        part = spread(frame["tenant"], places, [part_of(word, self.count) for word in words])
        pieces = frame.with_columns(pl.Series("_part", part)).partition_by(
            "_part", as_dict=True, include_key=False, maintain_order=True
        )
        for (number,), rows in pieces.items():
            yield int(number), Piece(rows, whole.same)

    def take(self, number: int) -> pl.DataFrame:
        """The rows of a part in the order in which they were read; memory lets go of them."""
        pieces, self._held[number] = self._held[number], []
        if self.folder is not None:
            folder = self.folder / f"{number:03}"
            with damage_told(folder):
                pieces = [
                    Piece(pl.read_ipc(path), msgspec.json.decode(path.with_suffix(".json").read_bytes()))
                    for path in sorted(folder.iterdir())
                    if path.suffix == ".arrow"
                ]
        check_rows(self.folder or Path(), sum(piece.rows.height for piece in pieces), self.rows[number])
        same = pieces[0].same
        if any(piece.same != same for piece in pieces):
            return pl.concat([piece.whole() for piece in pieces]).rechunk()
        return Piece(pl.concat([piece.rows for piece in pieces]).rechunk(), same).whole()

    def drop(self, number: int) -> None:
        """Removes a part from the disk."""
        if self.folder is not None:
            shutil.rmtree(self.folder / f"{number:03}", ignore_errors=True)


def check_rows(path: Path, found: int, expected: int) -> None:
    """Raises ReportError where rows that were kept are not there any more."""
    if found != expected:
        raise ReportError(
            f"{path} is damaged ({found:,} of {expected:,} rows are there); remove the folder and start the "
            "run again"
        )


def synced(folder: Path) -> None:
    """Waits until all files below a folder, and their names, are on the disk."""
    for below, _, names in os.walk(folder):
        for name in (*names, ""):
            descriptor = os.open(Path(below, name), os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """A file of a work folder that cannot be read becomes one sentence."""
    try:
        yield
    except (OSError, msgspec.DecodeError, pl.exceptions.PolarsError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise ReportError(
            f"{path} is damaged ({why}); remove the folder and start the run again"
        ) from problem


@contextmanager
def disk_faults_told(path: Path) -> Iterator[None]:
    """A full or failing disk becomes one sentence."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as problem:
        why = getattr(problem, "strerror", None) or str(problem)
        raise ReportError(
            f"{path}: {why}; the run needs this room for what waits to be charged: make room, or "
            "name another folder with --work"
        ) from problem
