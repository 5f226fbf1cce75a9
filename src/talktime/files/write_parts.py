"""Charged calls that come part by part as one file: what is written never stands in memory as a whole.

Parquet and CSV look as those of `files.write_calls`; the file appears when the last part is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import polars as pl
from polars.io.plugins import register_io_source

from talktime.files.replace_file import replaced
from talktime.files.report import ReportError, shown
from talktime.files.write_calls import csv_cells, disk_errors_told, parquet_cells, sink_parquet

Parts = Iterable[pl.DataFrame]


def write_parts(path: Path, parts: Parts, document: Mapping[str, Any], *, sample: bool) -> None:
    """Writes parts of calls (`files.call_columns`) in their order, in the format that the name ends with.

    `document` goes into Parquet; `sample` marks made-up prices. Raises ReportError, and what `parts` raises.
    """
    part_writer(path)(path, parts, document, sample)


def part_writer(path: Path) -> Callable[[Path, Parts, Mapping[str, Any], bool], None]:
    """The writer for a file name; raises ReportError for an ending that no writer has."""
    try:
        return PART_WRITERS[path.suffix.lower()]
    except KeyError:
        endings = " or ".join(PART_WRITERS)
        raise ReportError(f"{path}: the calls of many tenants are written to {endings}") from None


def _write_parquet(path: Path, parts: Parts, document: Mapping[str, Any], sample: bool) -> None:
    with replaced(path) as half, disk_errors_told(path):
        cells = (parquet_cells(shown(calls, sample=sample)).collect() for calls in parts)
        sink_parquet(half, _lazy(cells), document)


def _write_csv(path: Path, parts: Parts, _document: Mapping[str, Any], sample: bool) -> None:
    with replaced(path) as half, disk_errors_told(path):
        cells = (csv_cells(shown(calls, sample=sample)).collect() for calls in parts)
        _lazy(cells).sink_csv(half)


PART_WRITERS: Final = {".parquet": _write_parquet, ".csv": _write_csv}
"""Endings of file names and who writes them."""


def _lazy(frames: Iterator[pl.DataFrame]) -> pl.LazyFrame:
    """Frames that are made while they are written; the first, at once, has the columns of all."""
    first = next(frames)

    def source(
        columns: list[str] | None, predicate: pl.Expr | None, rows: int | None, _size: int | None
    ) -> Iterator[pl.DataFrame]:
        assert columns is None or columns == first.columns
        assert predicate is None
        assert rows is None
        yield first
        yield from frames

    return register_io_source(source, schema=first.schema, is_pure=False)
