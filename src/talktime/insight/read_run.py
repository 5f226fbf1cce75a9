"""A run read back from its Parquet report: the document about it, and its calls as the program has them.

Single calls are found without reading the whole file. A Parquet file that is no report is refused by one
sentence.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from talktime.files.call_columns import CALL_COLUMNS, NAMES, Kind
from talktime.files.exact_decimals import PLACES, to_integers
from talktime.files.report import DOCUMENT_KEY, SAMPLE_PRICES
from talktime.files.usage import UnusableFile
from talktime.insight.run_document import LAYOUT, BookDocument, RunDocument

LISTED: Final = 20
"""Calls that are listed where several match."""


class _Layout(msgspec.Struct):
    """The part of a document that every version of it has."""

    layout: int
    tenants: str = ""


@dataclass(frozen=True, slots=True)
class Matches:
    """Calls that a word names: the first of them, and how many there are."""

    calls: tuple[dict[str, Any], ...]
    total: int


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A report on disk. Calls are read when they are asked for."""

    path: Path
    document: RunDocument | BookDocument

    def document_for(self, row: dict[str, Any]) -> RunDocument:
        """The document of a call's run: the report's own, of many tenants that of the call's.

        Raises UnusableFile where the file of the tenants is absent or damaged.
        """
        if isinstance(self.document, RunDocument):
            return self.document
        path = self.path.with_name(self.document.tenants)
        found = _of_tenant(path, row["tenant"])
        if found.rated_at_us != self.document.rated_at_us:
            raise UnusableFile(f"{path} belongs to another run than {self.path}; rate the files again")
        return found

    def calls(self) -> pl.DataFrame:
        """All calls, as `bulk.result.Run.calls` has them: integers for money and prices.

        Raises UnusableFile where the file is damaged.
        """
        with _damage_told(self.path):
            return inside(pl.read_parquet(self.path, columns=list(NAMES)))

    def find(self, name: str, tenant: str = "") -> Matches:
        """The calls with this id, else with this call id, else those of which either begins so; of a tenant.

        Raises UnusableFile where the file is damaged.
        """
        word = name.strip()
        if not word:
            return Matches((), 0)
        scan = pl.scan_parquet(self.path).select(NAMES)
        if tenant:
            scan = scan.filter(pl.col("tenant") == tenant)
        begins = pl.col("id").str.starts_with(word) | pl.col("call_id").str.starts_with(word)
        for matching in (pl.col("id") == word, pl.col("call_id") == word, begins):
            with _damage_told(self.path):
                found = scan.filter(matching).collect()
            if found.height:
                return Matches(tuple(call_rows(inside(found.head(LISTED)))), found.height)
        return Matches((), 0)


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """What the column library says of a damaged file becomes one sentence."""
    try:
        yield
    except (OSError, pl.exceptions.PolarsError) as error:
        raise UnusableFile(f"{path} is damaged; rate the files again") from error


def read_run(path: Path) -> SavedRun:
    """Reads a Parquet report, one file or a folder of parts, whose documents are all the same.

    Raises UnusableFile where it is none, or one of a later layout.
    """
    try:
        first = min(path.glob("*.parquet"), default=path) if path.is_dir() else path
        metadata = pq.read_metadata(first).metadata or {}
    except FileNotFoundError:
        raise UnusableFile(f"{path} does not exist; name a report written by `talktime rate --out`") from None
    except PermissionError:
        raise UnusableFile(f"{path} may not be read; give yourself the right to read it") from None
    except (OSError, pa.ArrowInvalid):
        raise UnusableFile(
            f"{path} is no Parquet file; `talktime rate --out run.parquet` writes one"
        ) from None
    text = metadata.get(DOCUMENT_KEY.encode())
    if text is None:
        raise UnusableFile(
            f"{path} is a Parquet file but no report; `talktime rate --out run.parquet` writes one"
        )
    return SavedRun(path, _document(path, text))


def inside(calls: pl.DataFrame) -> pl.DataFrame:
    """Calls as a report has them -> as the program has them (`files.call_columns.Kind`)."""
    deck = pl.col("deck").cast(pl.String).str.strip_suffix(f" ({SAMPLE_PRICES})")
    calls = calls.with_columns(deck)
    columns = []
    for column in CALL_COLUMNS:
        values = calls[column.name]
        if column.kind in PLACES:
            values = to_integers(values)
        elif column.kind is Kind.WORD:
            values = values.cast(pl.Categorical)
        columns.append(values)
    return pl.DataFrame(columns)


def call_rows(calls: pl.DataFrame) -> list[dict[str, Any]]:
    """Calls as dicts: text, integers, instants in microseconds, None where there is nothing."""
    instants = [pl.col(c.name).dt.epoch("us") for c in CALL_COLUMNS if c.kind is Kind.INSTANT]
    words = [pl.col(c.name).cast(pl.String) for c in CALL_COLUMNS if c.kind is Kind.WORD]
    return calls.with_columns(*instants, *words).rows(named=True)


def _of_tenant(path: Path, tenant: str) -> RunDocument:
    """A tenant's document from the file of a run's tenants."""
    if not path.exists():
        raise UnusableFile(
            f"{path} is missing; it belongs to the report: put it back, or rate the files again"
        )
    with _damage_told(path):
        found = pl.scan_parquet(path).filter(pl.col("tenant") == tenant).select("document").collect()
    if not found.height:
        raise UnusableFile(f"{path} does not name tenant {tenant!r}; rate the files again")
    document = _document(path, found["document"][0].encode())
    assert isinstance(document, RunDocument)
    return document


def _document(path: Path, text: bytes) -> RunDocument | BookDocument:
    try:
        layout = msgspec.json.decode(text, type=_Layout).layout
        if layout > LAYOUT:
            raise UnusableFile(f"{path} was written by a later Talktime (layout {layout}); update to read it")
        if msgspec.json.decode(text, type=_Layout).tenants:
            return msgspec.json.decode(text, type=BookDocument)
        return msgspec.json.decode(text, type=RunDocument)
    except (msgspec.DecodeError, msgspec.ValidationError):
        raise UnusableFile(f"{path}: the description of the run is damaged; rate the files again") from None
