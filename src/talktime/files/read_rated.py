"""Rated files read back for booking: the report of `talktime rate`, as Parquet or CSV, a part at a time.

Memory holds one part. Every part has the same columns with integers for money, prices and instants; a file
that is no such report, or is damaged, is refused by one sentence (rulings.md 1, 3).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final, NamedTuple

import msgspec
import polars as pl
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from talktime.files.call_columns import CALL_COLUMNS, Kind
from talktime.files.exact_decimals import PLACES, PRECISION, to_integers
from talktime.files.report import DOCUMENT_KEY, INSTANT_FORMAT, SAMPLE_PRICES
from talktime.files.usage import UnusableFile
from talktime.files.write_calls import ACTIVE_CONTENT

TENANT: Final = "tenant"
"""The column that says whose call it is; reports of older programs have none."""

SAMPLE: Final = "is_sample"
"""Added to each part: whether a row was priced by made-up prices."""

UNSTATED: Final = "default"
"""What stands there where a run was made without any tenant: it names nobody."""

NEEDED: Final = (
    "id",
    "start",
    "user",
    "category",
    "caller",
    "callee",
    "duration_seconds",
    "billed_seconds",
    "pool_seconds",
    "prefix",
    "price_per_minute",
    "connection_fee",
    "amount",
    "currency",
    "state",
    "deck",
    "credits",
    "post_usage",
    "overdraft",
    "first_price_per_minute",
    "first_seconds",
    "step_seconds",
    "increments",
    "rounding",
    "rule",
    "flags",
    "service_number",
    "location",
    "call_type",
    "direction",
    "number_type",
    "scope",
    "call_id",
    "user_id",
    "source",
    "line",
)
"""Columns of a report that booking a call asks for."""

ROWS_A_PART: Final = 50_000
"""Rows in memory at a time."""

_BLOCK_BYTES: Final = 16 * 2**20
_EXACT: Final = r"^-?\d{1,12}(?:\.\d{0,9})?$"
_KINDS: Final = {column.name: column.kind for column in CALL_COLUMNS} | {TENANT: Kind.WORD}
_HOW: Final = "rate the usage first: talktime rate USAGE --out rated.parquet"


class Part(NamedTuple):
    """Some rows of a rated file in its order, and how much of the file (rows or bytes) is behind them.

    Texts are strings, "" where there is none; instants us, money micros, prices nanos, seconds: Int64.
    """

    calls: pl.DataFrame
    done: int
    total: int


class _Tenant(msgspec.Struct):
    id: str
    stated: bool


class _Document(msgspec.Struct):
    """What booking asks of the document of a run; one over many tenants names none."""

    tenant: _Tenant | None = None


@dataclass(frozen=True, slots=True)
class RatedFile:
    """A report on disk. `tenant` is the one that its run was made for, "" where it does not say.

    `nobody`: what its column `tenant` holds where nobody is meant.
    """

    path: Path
    tenant: str
    nobody: str
    columns: tuple[str, ...]
    stamp: tuple[int, int]

    def parts(self) -> Iterator[Part]:
        """The rows from the first to the last.

        Raises UnusableFile where the file is damaged, or is not the one that was opened: what was looked at
        is what is booked.
        """
        if _stamp(self.path) != self.stamp:
            raise UnusableFile(f"{self.path} was changed while it was read; start again")
        read = _csv_parts if _is_csv(self.path) else _parquet_parts
        with _damage_told(self.path):
            for part in read(self.path, self.columns):
                yield part._replace(calls=self._inside(part.calls))

    def _inside(self, calls: pl.DataFrame) -> pl.DataFrame:
        """With a tenant, or "", in each row; the mark of made-up prices in a column of its own."""
        mark, deck = f" ({SAMPLE_PRICES})", pl.col("deck")
        calls = calls.with_columns(deck.str.strip_suffix(mark), deck.str.ends_with(mark).alias(SAMPLE))
        if TENANT not in calls.columns:
            return calls.with_columns(pl.lit("").alias(TENANT))
        return calls.with_columns(pl.col(TENANT).replace(self.nobody, ""))


def open_rated(path: Path, match: str = "call_id") -> RatedFile:
    """Recognises a report; `match` is a text column that is read too. Raises UnusableFile."""
    if path.suffix.lower() not in (".parquet", ".csv"):
        raise UnusableFile(f"{path}: only .parquet and .csv reports can be booked; {_HOW}")
    if match not in _KINDS or _KINDS[match] not in (Kind.TEXT, Kind.WORD):
        raise UnusableFile(f"--match {match}: no text column of a report; the usual one is call_id")
    try:
        with _damage_told(path):
            return _opened_csv(path, match) if _is_csv(path) else _opened_parquet(path, match)
    except FileNotFoundError:
        raise UnusableFile(f"{path} does not exist; {_HOW}") from None
    except PermissionError:
        raise UnusableFile(f"{path} may not be read; give yourself the right to read it") from None
    except IsADirectoryError:
        raise UnusableFile(f"{path} is a folder; name one report") from None


def _stamp(path: Path) -> tuple[int, int]:
    """What a file is known by: its size and when it was written."""
    told = path.stat()
    return told.st_size, told.st_mtime_ns


def _is_csv(path: Path) -> bool:
    return path.suffix.lower() == ".csv"


def _chosen(path: Path, present: Sequence[str], match: str) -> tuple[str, ...]:
    """The columns to read. Raises UnusableFile where the file is no report."""
    absent = [name for name in dict.fromkeys((*NEEDED, match)) if name not in present]
    if absent:
        raise UnusableFile(f"{path} is no report of calls (no column {absent[0]!r}); {_HOW}")
    own = (TENANT,) if TENANT in present else ()
    return tuple(dict.fromkeys((*own, *NEEDED, match)))


@contextmanager
def _damage_told(path: Path) -> Iterator[None]:
    """What the column libraries say of a damaged file becomes one sentence."""
    try:
        yield
    except (FileNotFoundError, PermissionError, IsADirectoryError):
        raise
    except (OSError, pa.ArrowException, pl.exceptions.PolarsError, UnicodeDecodeError) as error:
        raise UnusableFile(f"{path} is damaged or no report of calls; {_HOW}") from error


# --- Parquet ---------------------------------------------------------------------------------------


def _opened_parquet(path: Path, match: str) -> RatedFile:
    found = pq.read_metadata(path)
    schema = found.schema.to_arrow_schema()
    columns = _chosen(path, schema.names, match)
    text = (found.metadata or {}).get(DOCUMENT_KEY.encode())
    if text is None:
        raise UnusableFile(f"{path} is a Parquet file but no report; {_HOW}")
    for name in columns:
        if not _fits(schema.field(name).type, _KINDS[name]):
            raise UnusableFile(
                f"{path}: column {name!r} is {schema.field(name).type}, which no report has; {_HOW}"
            )
    try:
        tenant = msgspec.json.decode(text, type=_Document).tenant
    except msgspec.MsgspecError:
        raise UnusableFile(f"{path}: the description of the run is damaged; {_HOW}") from None
    if tenant is None or tenant.stated:
        return RatedFile(path, "" if tenant is None else tenant.id, "", columns, _stamp(path))
    return RatedFile(path, "", tenant.id, columns, _stamp(path))


def _fits(found: pa.DataType, kind: Kind) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    if kind in PLACES:
        return bool(found == pa.decimal128(PRECISION, PLACES[kind]))
    if kind is Kind.INSTANT:
        return bool(found == pa.timestamp("us", "UTC"))
    if kind in (Kind.SECONDS, Kind.COUNT):
        return bool(pa.types.is_int64(found))
    return bool(
        pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    )


def _parquet_parts(path: Path, columns: Sequence[str]) -> Iterator[Part]:
    with pq.ParquetFile(path) as file:
        done, total = 0, file.metadata.num_rows
        for batch in file.iter_batches(ROWS_A_PART, columns=list(columns)):
            frame = pl.from_arrow(batch)
            assert isinstance(frame, pl.DataFrame)
            done += frame.height
            yield Part(pl.DataFrame([_typed(frame[name]) for name in columns]), done, total)


def _typed(values: pl.Series) -> pl.Series:
    kind = _KINDS[values.name]
    if kind in PLACES:
        return to_integers(values)
    if kind is Kind.INSTANT:
        return values.dt.epoch("us")
    return values if kind in (Kind.SECONDS, Kind.COUNT) else values.cast(pl.String).fill_null("")


# --- CSV -------------------------------------------------------------------------------------------


def _opened_csv(path: Path, match: str) -> RatedFile:
    with path.open("rb") as file:
        columns = _chosen(path, _csv(file, None).schema.names, match)
    return RatedFile(path, "", UNSTATED, columns, _stamp(path))


def _csv(file: IO[bytes], columns: Sequence[str] | None) -> pa_csv.CSVStreamingReader:
    """A reader that takes every cell as text."""
    texts = None if columns is None else dict.fromkeys(columns, pa.string())
    return pa_csv.open_csv(
        file,
        read_options=pa_csv.ReadOptions(block_size=_BLOCK_BYTES),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types=texts, include_columns=columns, strings_can_be_null=False
        ),
    )


def _csv_parts(path: Path, columns: Sequence[str]) -> Iterator[Part]:
    total, row = path.stat().st_size, 1
    with path.open("rb") as file:
        for batch in _csv(file, columns):
            texts = pl.from_arrow(batch)
            assert isinstance(texts, pl.DataFrame)
            for texts_of_part in texts.iter_slices(ROWS_A_PART):
                read = [_read(path, texts_of_part[name], row) for name in columns]
                row += texts_of_part.height
                yield Part(pl.DataFrame(read), min(file.tell(), total), total)


def _read(path: Path, texts: pl.Series, first_row: int) -> pl.Series:
    """The values of a column. Raises UnusableFile with the row and the cell that is none."""
    kind = _KINDS[texts.name]
    if kind in (Kind.TEXT, Kind.WORD):
        return _without_guard(texts)
    filled = texts.set(texts == "", None)
    values = _values(filled, kind)
    wrong = (values.is_null() & filled.is_not_null()).arg_max()
    if wrong is not None and filled[wrong] is not None and values[wrong] is None:
        cell: Any = filled[wrong]
        raise UnusableFile(
            f"{path}: row {first_row + wrong}, column {texts.name!r}: {cell!r} is not of this column's kind; "
            f"{_HOW}"
        )
    return values.alias(texts.name)


def _values(texts: pl.Series, kind: Kind) -> pl.Series:
    if kind is Kind.INSTANT:
        instants = texts.str.to_datetime(INSTANT_FORMAT, time_unit="us", time_zone="UTC", strict=False)
        return instants.dt.epoch("us")
    if kind in PLACES:
        return _scaled(texts, PLACES[kind])
    return texts.cast(pl.Int64, strict=False)


def _scaled(texts: pl.Series, places: int) -> pl.Series:
    """Plain decimals -> integers, digit by digit; null where a text is none or is finer than `places`."""
    cell = pl.col("text")
    decimals = cell.str.extract(r"\.(\d*)$", 1).fill_null("").str.strip_chars_end("0")
    digits = cell.str.extract(r"^(-?\d+)", 1) + decimals.str.pad_end(places, "0")
    fits = cell.str.contains(_EXACT) & (decimals.str.len_bytes() <= places)
    return (
        texts.alias("text")
        .to_frame()
        .select(pl.when(fits).then(digits).cast(pl.Int64, strict=False).alias("text"))
        .to_series()
    )


def _without_guard(texts: pl.Series) -> pl.Series:
    """Without the apostrophe that keeps a spreadsheet from running a text."""
    text, bare = pl.col(texts.name), pl.col(texts.name).str.slice(1)
    is_guarded = text.str.starts_with("'") & bare.str.contains(ACTIVE_CONTENT)
    shown = pl.when(is_guarded).then(bare).otherwise(text)
    return texts.to_frame().select(shown.alias(texts.name)).to_series()
