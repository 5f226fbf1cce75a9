"""What a report is made of, whatever file it becomes: the calls, some tables, and a document about the run.

The floors above fill it in; `files.write_calls` and `files.write_workbook` know how to write it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from talktime.files.call_columns import CALL_COLUMNS, NAMES, Kind

if TYPE_CHECKING:
    import polars as pl

SAMPLE_PRICES: Final = "sample prices"
"""The words by which each report says that its deck is made up."""

INSTANT_FORMAT: Final = "%Y-%m-%dT%H:%M:%S%.fZ"
"""ISO 8601 with Z, a fraction only where there is one; in the words of the column library."""

DOCUMENT_KEY: Final = "talktime"
"""Where a Parquet report keeps its document, among the metadata of the file."""


class ReportError(Exception):
    """A report cannot be written. The message is one sentence: which file, why, what to do."""


class Minutes(NamedTuple):
    """Seconds that a table shows as minutes."""

    seconds: int


class Value(NamedTuple):
    """A cell that is of another kind than its column."""

    kind: Kind
    value: Any


class Heading(NamedTuple):
    """A column of a table."""

    name: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under headings. Cells are of the heading's kind (money in micros), Minutes, Value or None."""

    title: str
    headings: tuple[Heading, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Sheet:
    """A sheet of a workbook: tables, one below the other. Cells of `notes` stand above them."""

    name: str
    tables: tuple[Table, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a report shows. `calls` has the columns of `files.call_columns`.

    `document` is plain JSON and goes into Parquet; `sheets` makes the other sheets of a workbook (the first
    stands before the calls) when a writer shows them; `sample` says that the prices are made up.
    """

    calls: pl.DataFrame
    currency: str
    sample: bool
    document: Mapping[str, Any]
    sheets: Callable[[], tuple[Sheet, ...]]


def shown_calls(report: Report) -> pl.DataFrame:
    """The calls of a report as `shown`."""
    return shown(report.calls, sample=report.sample)


def shown(calls: pl.DataFrame, *, sample: bool) -> pl.DataFrame:
    """Calls as every report shows them: columns in order, made-up prices marked with the deck's name.

    Raises ReportError where a number is too large for the decimals of a report.
    """
    import polars as pl

    from talktime.files.exact_decimals import LARGEST, PLACES

    calls = calls.select(NAMES)
    for column in CALL_COLUMNS:
        if column.kind in PLACES:
            low, high = calls[column.name].min(), calls[column.name].max()
            if any(isinstance(end, int) and abs(end) > LARGEST for end in (low, high)):
                raise ReportError(
                    f"column {column.name!r} holds a number of more than 18 digits; nothing was written"
                )
    if not sample:
        return calls
    decks = calls["deck"].unique().cast(pl.String).to_list()
    marked = {deck: f"{deck} ({SAMPLE_PRICES})" for deck in decks if deck and SAMPLE_PRICES not in deck}
    return calls.with_columns(pl.col("deck").cast(pl.String).replace(marked).cast(pl.Categorical))
