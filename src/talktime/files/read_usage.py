"""Usage files -> one usage table: every format of formats.md, recognised by content, read as a stream.

Files are read one after the other, each in blocks; bad rows are set aside with line and reason, rows that
were seen before are dropped by their identity and counted.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final

import polars as pl

from talktime.files.clean import clean, decided
from talktime.files.column_map import chosen_format
from talktime.files.decode import Utf8Stream
from talktime.files.expected import USAGE
from talktime.files.open import Kind, Meter, Part, open_parts
from talktime.files.read_json import read_json
from talktime.files.read_sheet import read_excel, read_parquet
from talktime.files.read_table import read_table
from talktime.files.usage import NotUsage, Rejected, UnusableFile, Usage, usage_schema
from talktime.files.usage_batch import MAX_KEPT, PartNotes, Table
from talktime.files.usage_formats import Recognised, UsageFormat
from talktime.files.usage_paths import usage_paths

_NUMBER_SIGNS: Final = r"[\s.\-()/]"
"""What stands in telephone numbers and is none of their digits (rulings.md 9)."""

_SEPARATOR: Final = "\x1f"


def read_usage(
    paths: Sequence[Path],
    *,
    map_file: Path | None = None,
    columns: Mapping[str, str] | None = None,
    preset: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Usage:
    """All calls of some files, folders and patterns, in that order.

    `preset` names a format instead of recognising it; `map_file` and `columns` (our column -> its name in the
    file) make one (files.column_map). `progress(bytes_done, bytes_total)` is told as files are read.

    Raises UnusableFile: a file that is none, no usage, damaged or locked; a wrong map. Members of an archive
    that are no usage are passed over with a warning while another one is.
    """
    chosen = chosen_format(map_file, columns, preset)
    files = usage_paths(paths)
    reading = _Reading(chosen)
    meter = Meter(sum(_size_bytes(path) for path in files), progress)
    for path, source in zip(files, _sources(files), strict=True):
        reading.read(open_parts(path, source, meter, USAGE))
    return reading.usage()


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # whoever opens it says what is wrong


def _sources(files: Sequence[Path]) -> list[str]:
    """The name of each file, with marks for bytes that are no text; its path where two have the same name."""
    times = Counter(path.name for path in files)
    names = [path.name if times[path.name] == 1 else str(path) for path in files]
    return [os.fsencode(name).decode("utf-8", errors="replace") for name in names]


class _Reading:
    """What has been read so far."""

    def __init__(self, chosen: UsageFormat | None) -> None:
        self.chosen = chosen
        self.frames: list[pl.DataFrame] = []
        self.recognised: list[str] = []
        self.formats: list[str] = []
        self.rejected: list[Rejected] = []
        self.rejected_rows = 0
        self.unknown: list[str] = []
        self.warnings: list[str] = []

    def read(self, parts: Iterator[Part]) -> None:
        """All parts of one file; of those that are no usage the first is raised if there is no other."""
        faults: list[NotUsage] = []
        before = len(self.recognised)
        for part in parts:
            try:
                self.read_part(part)
            except NotUsage as fault:
                faults.append(fault)
        if faults and len(self.recognised) == before:
            raise faults[0]
        self.warnings += [f"{fault}; it was passed over" for fault in faults]

    def read_part(self, part: Part) -> None:
        notes = PartNotes(part.source, room=MAX_KEPT - len(self.rejected))
        table = _table(part, notes, self.chosen)
        frames = [clean(batch, table.recognised, notes) for batch in table.batches]
        late = decided(table.recognised, notes)
        calls = pl.concat([*frames, *late]) if frames else pl.DataFrame(schema=usage_schema())
        frame = with_ids(calls.sort("line", maintain_order=True) if late else calls)
        if frame.height:
            self.frames.append(frame)
        self.note(table.recognised, notes, frame.height)

    def note(self, recognised: Recognised, notes: PartNotes, rows: int) -> None:
        """What is to be said of a part that has been read."""
        form = recognised.format
        self.recognised.append(f"{notes.source}: {form.title}, {rows:,} row{'s' * (rows != 1)}")
        self.formats += [form.name] if form.name not in self.formats else []
        self.unknown += [name for name in recognised.unknown if name not in self.unknown]
        self.rejected += sorted(notes.rejected, key=lambda one: one.line)
        self.rejected_rows += notes.rejected_rows
        self.warnings += [f"{notes.source}: {text}" for text in _warnings(recognised, notes, rows)]

    def usage(self) -> Usage:
        """The table of all files without the rows that had been seen before."""
        calls = pl.concat(self.frames) if self.frames else pl.DataFrame(schema=usage_schema())
        self.frames.clear()
        first = calls["id"].is_first_distinct()
        rows = calls.height
        if not first.all():
            calls = calls.filter(first)
        return Usage(
            calls=calls,
            formats=tuple(self.formats),
            rejected=tuple(self.rejected),
            rejected_rows=self.rejected_rows,
            duplicate_rows=rows - calls.height,
            columns_unknown=tuple(self.unknown),
            warnings=tuple(self.warnings),
            recognised=tuple(self.recognised),
        )


def _table(part: Part, notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """A part as a table, by the reader of its kind."""
    if part.fault is not None:
        raise part.fault
    if part.file is not None and part.kind is Kind.EXCEL:
        return read_excel(part.file, notes, chosen)
    if part.file is not None and part.kind is Kind.PARQUET:
        return read_parquet(part.file, notes, chosen)
    if part.stream is None:
        raise UnusableFile(f"{part.source}: {part.kind.value} is not read here; unpack it first")
    text = Utf8Stream(part.stream)
    reader = read_json if text.first_sign and text.first_sign in "{[" else read_table
    return reader(text, notes, chosen)


def _warnings(recognised: Recognised, notes: PartNotes, rows: int) -> Iterable[str]:
    if not rows:
        yield "the file holds no row that can be used"
    if notes.decided_rows:
        order = "day/month" if "dmy" in notes.orders else "month/day"
        many = f"{notes.decided_rows:,} row{'s' * (notes.decided_rows != 1)}"
        yield (
            f"in {many} the date may be two days and was read as {order}, as other rows show; "
            "set date_order in a column map if that is wrong"
        )
    if notes.zoneless_rows:
        yield "the times name no zone and were read as UTC"
    if notes.end_disagrees_rows:
        many = "1 row" if notes.end_disagrees_rows == 1 else f"{notes.end_disagrees_rows:,} rows"
        yield f"in {many} the end is more than 2 s off start + duration"
    if notes.repaired:
        yield "bytes that are no text were replaced by \ufffd"
    if recognised.unknown:
        yield f"columns that are not known were left out: {', '.join(recognised.unknown)}"


def with_ids(calls: pl.DataFrame) -> pl.DataFrame:
    """Gives rows without an id the hash of their content (rulings.md 1).

    SHA-256 of start, duration, both numbers, user and call type, and of the ordinal among equal rows of the
    file: read again, the same file gives the same identities.
    """
    nameless = calls["id"] == ""
    if not nameless.any():
        return calls
    texts = ("caller", "callee")
    numbers = [pl.col(name).str.replace_all(_NUMBER_SIGNS, "").str.to_lowercase() for name in texts]
    users = [pl.when(pl.col(name) != "").then(name) for name in ("user_id", "upn", "user_name")]
    user = pl.coalesce(*users, pl.lit("")).str.to_lowercase()
    content = pl.concat_str(
        "start_us", "duration_s", *numbers, user, pl.col("call_type").cast(pl.String), separator=_SEPARATOR
    )
    keys = calls.filter(nameless).select(content=content)
    keys = keys.with_columns(ordinal=pl.int_range(pl.len()).over("content"))
    hashes = [
        hashlib.sha256(f"{content}{_SEPARATOR}{ordinal}".encode()).hexdigest()
        for content, ordinal in keys.iter_rows()
    ]
    return calls.with_columns(calls["id"].scatter(nameless.arg_true(), hashes))
