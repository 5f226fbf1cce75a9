"""Charged calls as files: CSV for any program, Parquet for the next run, Excel for people.

Every writer takes a `files.report.Report`, writes in slices, and replaces the file only when the new one is
complete. Money and prices are exact decimals in all of them (interfaces.md, Output of `talktime rate`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import polars as pl

from talktime.files.call_columns import CALL_COLUMNS, Column, Kind
from talktime.files.exact_decimals import PLACES, decimals_of, plain_text_of
from talktime.files.replace_file import replaced, unwritable
from talktime.files.report import DOCUMENT_KEY, INSTANT_FORMAT, ReportError, shown_calls

if TYPE_CHECKING:
    from talktime.files.report import Report

ROWS_A_GROUP: Final = 100_000
"""Rows of a row group: what a reader of a Parquet report holds in memory at least."""

ACTIVE_CONTENT: Final = r"^(?:[=@\t\r\n\uFF1D\uFF20\uFF0B\uFF0D]|[+-]\D|[+-][\d .()*/-]*[^\d .()*/-])"
"""Text that a spreadsheet would take for a formula, also with the wide signs of Asian keyboards.

Numbers such as +44 20 7183** are none and stay readable.
"""

_OS_ERROR: Final = re.compile(r"([^:]+?)\s*\(os error \d+\)")
_FOOTER_ERROR: Final = "transport error"
"""What the column library says where the end of a Parquet file cannot be written: not why."""


def write_report(path: Path, report: Report) -> None:
    """Writes a report in the format that the name ends with. Raises ReportError."""
    writer(path)(path, report)


def writer(path: Path) -> Callable[[Path, Report], None]:
    """The writer for a file name; raises ReportError for an ending that no writer has.

    Asking first saves the work of a run whose report could not be written.
    """
    try:
        return WRITERS[path.suffix.lower()]
    except KeyError:
        endings = ", ".join(WRITERS)
        raise ReportError(f"{path}: the name of a report ends with one of {endings}") from None


def write_csv(path: Path, report: Report) -> None:
    """UTF-8 with a header; decimals plain, instants ISO 8601 with Z, absent values empty.

    Text that a spreadsheet would run as a formula gets an apostrophe in front. Raises ReportError.
    """
    calls = shown_calls(report)
    with replaced(path) as half, disk_errors_told(path):
        csv_cells(calls).sink_csv(half)


def csv_cells(calls: pl.DataFrame) -> pl.LazyFrame:
    """Shown calls as the text of a CSV file."""
    return calls.lazy().select([_csv_cell(column, calls) for column in CALL_COLUMNS])


def parquet_cells(calls: pl.DataFrame) -> pl.LazyFrame:
    """Shown calls as the columns of a Parquet file."""
    return calls.lazy().with_columns(
        [decimals_of(c.name, PLACES[c.kind]) for c in CALL_COLUMNS if c.kind in PLACES]
    )


def write_parquet(path: Path, report: Report) -> None:
    """Typed columns, compressed by zstd; the report's document is metadata. Raises ReportError."""
    with replaced(path) as half, disk_errors_told(path):
        sink_parquet(half, parquet_cells(shown_calls(report)), report.document)


def sink_parquet(half: Path, cells: pl.LazyFrame, document: Mapping[str, Any]) -> None:
    """Writes the columns of a Parquet report with its document as metadata."""
    cells.sink_parquet(
        half,
        compression="zstd",
        compression_level=1,
        row_group_size=ROWS_A_GROUP,
        metadata={DOCUMENT_KEY: msgspec.json.encode(document).decode()},
    )


def write_xlsx(path: Path, report: Report) -> None:
    """As `write_workbook.write_xlsx`; its library is loaded when a workbook is wanted."""
    from talktime.files import write_workbook

    write_workbook.write_xlsx(path, report)


WRITERS: Final = {".xlsx": write_xlsx, ".csv": write_csv, ".parquet": write_parquet}
"""Endings of file names and who writes them."""


def _csv_cell(column: Column, calls: pl.DataFrame) -> pl.Expr:
    cell = pl.col(column.name)
    if column.kind in PLACES:
        return plain_text_of(column.name, PLACES[column.kind])
    if column.kind is Kind.INSTANT:
        return cell.dt.to_string(INSTANT_FORMAT)
    if column.kind in (Kind.TEXT, Kind.WORD):
        if _has_active_content(calls[column.name]):
            cell = _guarded(cell.cast(pl.String))
        # An empty text would be written as "", a null as nothing.
        return pl.when(cell != "").then(cell).alias(column.name)
    return cell


def _has_active_content(texts: pl.Series) -> bool:
    if texts.dtype == pl.Categorical:
        texts = texts.unique().cast(pl.String)
    return bool(texts.str.contains(ACTIVE_CONTENT).any())


def _guarded(text: pl.Expr) -> pl.Expr:
    return pl.when(text.str.contains(ACTIVE_CONTENT)).then(pl.lit("'") + text).otherwise(text)


@contextmanager
def disk_errors_told(path: Path) -> Iterator[None]:
    """What the column library says of a full disk becomes the sentence of a ReportError."""
    try:
        yield
    except (OSError, pl.exceptions.ComputeError) as error:
        found = _OS_ERROR.search(str(error))
        if found is None and _FOOTER_ERROR not in str(error):
            raise
        why = "the disk took no more" if found is None else found[1].strip()
        raise ReportError(unwritable(path, why)) from error
