"""Usage split by tenant into parts that fit into memory: kept there if all of it does, else on disk.

All calls of a tenant lie in one part, in the order in which they were read, so a part can be charged by
itself and is what a stopped run goes on from (rulings.md 38).
"""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import polars as pl

from talktime.bulk.codes import numbers_and_words, spread
from talktime.files.report import ReportError

ROWS_A_PART: Final = 700_000
"""About how many calls a part holds: enough to work by columns, few enough to work on two parts at once."""

MOST_PARTS: Final = 512

BYTES_A_ROW: Final = {".parquet": 55, ".gz": 30, ".zip": 30, ".zst": 30}
"""About what a call takes in a file, by the ending of its name; in plain text MOST_BYTES_A_ROW."""

MOST_BYTES_A_ROW: Final = 220

ROWS_IN_MEMORY: Final = 15_000_000
"""Rows that wait for their turn are kept in memory up to here, on disk beyond."""


def about_rows(files: Iterable[tuple[Path, int]]) -> int:
    """About how many rows stand in files of so many bytes."""
    return sum(size // BYTES_A_ROW.get(path.suffix.lower(), MOST_BYTES_A_ROW) for path, size in files)


def part_count(rows: int, tenants: int) -> int:
    """How many parts so many rows are split into."""
    return max(1, min(MOST_PARTS, tenants, -(-rows // ROWS_A_PART)))


def part_of(tenant: str, parts: int) -> int:
    """The part that a tenant's calls are in: the same in every process and run."""
    return zlib.crc32(tenant.encode()) % parts


@dataclass(slots=True)
class Parts:
    """Rows of usage by part; they stand in `folder` where one is given, else in memory."""

    count: int
    folder: Path | None = None
    rows: list[int] = field(init=False)
    _held: list[list[pl.DataFrame]] = field(init=False, repr=False)
    _files: int = 0

    def __post_init__(self) -> None:
        self.rows = [0] * self.count
        self._held = [[] for _ in range(self.count)]

    def add(self, frame: pl.DataFrame) -> None:
        """Adds rows that were read after all rows before them. Raises ReportError where the disk is full."""
        for number, piece in self._pieces(frame):
            self.rows[number] += piece.height
            if self.folder is None:
                self._held[number].append(piece)
                continue
            folder = self.folder / f"{number:03}"
            with disk_faults_told(folder):
                folder.mkdir(parents=True, exist_ok=True)
                piece.write_ipc(folder / f"{self._files:06}.arrow", compression="lz4")
        self._files += 1

    def _pieces(self, frame: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
        if self.count == 1:
            yield 0, frame
            return
        places, words = numbers_and_words(frame["tenant"])
        part = spread(frame["tenant"], places, [part_of(word, self.count) for word in words])
        pieces = frame.with_columns(pl.Series("_part", part)).partition_by(
            "_part", as_dict=True, include_key=False, maintain_order=True
        )
        for (number,), piece in pieces.items():
            yield int(number), piece

    def take(self, number: int) -> pl.DataFrame:
        """The rows of a part in the order in which they were read; memory lets go of them."""
        pieces, self._held[number] = self._held[number], []
        if self.folder is not None:
            folder = self.folder / f"{number:03}"
            with disk_faults_told(folder):
                pieces = [pl.read_ipc(path) for path in sorted(folder.glob("*.arrow"))]
        return pl.concat(pieces)

    def drop(self, number: int) -> None:
        """Removes a part from the disk."""
        if self.folder is not None:
            shutil.rmtree(self.folder / f"{number:03}", ignore_errors=True)


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
