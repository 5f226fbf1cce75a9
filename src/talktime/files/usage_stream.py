"""Usage files as a stream of tables: every format of formats.md, in memory that does not grow with the files.

Before the first table is given out, every file is opened and recognised, so that a wrong one among many
is told at once. Then files are read one after the other, in batches; bad rows are set aside with their line.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

import polars as pl

from talktime.files.clean import Cleaner
from talktime.files.column_map import chosen_format
from talktime.files.decode import Utf8Stream
from talktime.files.expected import USAGE
from talktime.files.open import Kind, Meter, Part, open_parts
from talktime.files.read_json import read_json
from talktime.files.read_parquet import read_parquet
from talktime.files.read_sheet import read_excel
from talktime.files.read_table import read_table
from talktime.files.usage import NotUsage, Rejected, UnusableFile, Usage, usage_schema
from talktime.files.usage_batch import MAX_KEPT, PartNotes, Table
from talktime.files.usage_formats import Recognised, UsageFormat
from talktime.files.usage_paths import usage_paths

ROWS_AT_LEAST: Final = 250_000
"""A frame has so many rows, but for the last one; none has more than this and one batch of a reader."""

NAMED_AT_MOST: Final = 5
"""So many files that are no usage are named, with what is wrong in each."""


def usage_stream(
    paths: Sequence[Path],
    *,
    map_file: Path | None = None,
    columns: Mapping[str, str] | None = None,
    preset: str | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> UsageStream:
    """The calls of some files, folders and patterns, in that order, as a stream; arguments as `read_usage`.

    Raises UnusableFile: a name that stands for no file; a wrong map.
    """
    chosen = chosen_format(map_file, columns, preset)
    return UsageStream(usage_paths(paths), chosen, progress)


class UsageStream:
    """Frames with the columns of `usage_schema`, about 250,000 to 1,250,000 rows each; to be read once.

    Rows come in the order of `file` and `line`, but for those whose date was read late, by the order that
    other rows of their file showed: they come at the end of it, and `late_files` names it. Ids are "" where
    the file has none (`files.identity` gives them); rows that occur twice occur twice.

    Iterating raises UnusableFile, before the first frame for every file that is none, no usage, locked or
    damaged at its beginning; later for one that is damaged further down. Members of an archive that are no
    usage are passed over with a warning while another one is.
    """

    def __init__(
        self, files: Sequence[Path], chosen: UsageFormat | None, progress: Callable[[int, int], None] | None
    ) -> None:
        self._files = list(zip(files, sources_of(files), strict=True))
        self._chosen = chosen
        self._meter = Meter(sum(_size_bytes(path) for path in files), progress)
        self._reading = Reading(chosen)
        self._frames = self._read()
        self._is_read = False

    def __iter__(self) -> Iterator[pl.DataFrame]:
        """The frames that have not been given out."""
        return self._frames

    @property
    def late_files(self) -> frozenset[int]:
        """The numbers of files whose last rows stand further up in the file."""
        return frozenset(self._reading.late_files)

    def notes(self) -> Usage:
        """All but the rows, once the stream is exhausted. Raises RuntimeError before."""
        if not self._is_read:
            raise RuntimeError("the notes of a stream of usage are complete when all of its frames are read")
        return self._reading.notes()

    def _read(self) -> Iterator[pl.DataFrame]:
        if len(self._files) > 1:
            check_files(self._files, self._chosen)
        waiting: list[pl.DataFrame] = []
        for path, source in self._files:
            for frame in self._reading.read(open_parts(path, source, self._meter, USAGE)):
                waiting.append(frame)
                if sum(one.height for one in waiting) >= ROWS_AT_LEAST:
                    yield pl.concat(waiting)
                    waiting.clear()
        if waiting:
            yield pl.concat(waiting)
        self._is_read = True


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # whoever opens it says what is wrong


def sources_of(files: Sequence[Path]) -> list[str]:
    """The name of each file, with marks for bytes that are no text; its path where two have the same name."""
    times = Counter(path.name for path in files)
    names = [path.name if times[path.name] == 1 else str(path) for path in files]
    return [os.fsencode(name).decode("utf-8", errors="replace") for name in names]


# --- before anything is read -----------------------------------------------------------------------------


def check_files(files: Sequence[tuple[Path, str]], chosen: UsageFormat | None) -> None:
    """Opens and recognises each file. Raises UnusableFile: which ones cannot be used, and why."""
    faults = [fault for path, source in files if (fault := _fault(path, source, chosen)) is not None]
    if len(faults) == 1:
        raise faults[0]
    if faults:
        named = "; ".join(str(fault) for fault in faults[:NAMED_AT_MOST])
        more = len(faults) - NAMED_AT_MOST
        rest = f"; and {more:,} more" if more > 0 else ""
        raise UnusableFile(f"{len(faults):,} of {len(files):,} files cannot be used: {named}{rest}")


def _fault(path: Path, source: str, chosen: UsageFormat | None) -> UnusableFile | None:
    """Why a file cannot be used, as far as its beginning says; one part that is usage is enough."""
    first: NotUsage | None = None
    try:
        with closing(open_parts(path, source, Meter(0, None), USAGE)) as parts:
            for part in parts:
                try:
                    _table(part, PartNotes(source), chosen)
                except NotUsage as fault:
                    first = first or fault
                else:
                    return None
    except UnusableFile as fault:
        return fault
    return first


def _table(part: Part, notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """A part as a table, by the reader of its kind."""
    if part.fault is not None:
        raise part.fault
    if part.file is not None and part.kind is Kind.EXCEL:
        return read_excel(part.file, notes, chosen)
    if part.file is not None and part.kind is Kind.PARQUET:
        return read_parquet(part.file, notes, chosen, path=part.path, told=part.told)
    if part.stream is None:
        raise UnusableFile(f"{part.source}: {part.kind.value} is not read here; unpack it first")
    text = Utf8Stream(part.stream)
    reader = read_json if text.first_sign and text.first_sign in "{[" else read_table
    return reader(text, notes, chosen)


# --- reading ---------------------------------------------------------------------------------------------


class Reading:
    """What has been said so far of the parts that were read."""

    def __init__(self, chosen: UsageFormat | None) -> None:
        self.chosen = chosen
        self.parts = 0
        self.late_files: set[int] = set()
        self.recognised: list[str] = []
        self.formats: list[str] = []
        self.rejected: list[Rejected] = []
        self.rejected_rows = 0
        self.unknown: list[str] = []
        self.warnings: list[str] = []

    def read(self, parts: Generator[Part]) -> Iterator[pl.DataFrame]:
        """All parts of one file; of those that are no usage the first is raised if there is no other."""
        faults: list[NotUsage] = []
        before = len(self.recognised)
        with closing(parts):
            for part in parts:
                notes = PartNotes(part.source, room=MAX_KEPT - len(self.rejected))
                try:
                    table = _table(part, notes, self.chosen)
                except NotUsage as fault:
                    faults.append(fault)
                else:
                    yield from self.read_table(table, notes)
        if faults and len(self.recognised) == before:
            raise faults[0]
        self.warnings += [f"{fault}; it was passed over" for fault in faults]

    def read_table(self, table: Table, notes: PartNotes) -> Iterator[pl.DataFrame]:
        """The calls of a part, batch by batch."""
        number = pl.lit(self.parts, pl.Int64).alias("file")
        cleaner = Cleaner(table.recognised, notes)
        rows = 0
        for batch in table.batches:
            frame = cleaner.clean(batch)
            rows += frame.height
            if frame.height:
                yield frame.with_columns(number)
        for frame in cleaner.decided():
            self.late_files.add(self.parts)
            rows += frame.height
            yield frame.with_columns(number)
        self.parts += 1
        self.note(table.recognised, notes, rows)

    def note(self, recognised: Recognised, notes: PartNotes, rows: int) -> None:
        """What is to be said of a part that has been read."""
        form = recognised.format
        self.recognised.append(f"{notes.source}: {form.title}, {rows:,} row{'s' * (rows != 1)}")
        self.formats += [form.name] if form.name not in self.formats else []
        self.unknown += [name for name in recognised.unknown if name not in self.unknown]
        self.rejected += sorted(notes.rejected, key=lambda one: one.line)
        self.rejected_rows += notes.rejected_rows
        self.warnings += [f"{notes.source}: {text}" for text in _warnings(recognised, notes, rows)]

    def notes(self) -> Usage:
        """All that was said, as usage without rows."""
        return Usage(
            calls=pl.DataFrame(schema=usage_schema()),
            formats=tuple(self.formats),
            rejected=tuple(self.rejected),
            rejected_rows=self.rejected_rows,
            columns_unknown=tuple(self.unknown),
            warnings=tuple(self.warnings),
            recognised=tuple(self.recognised),
        )


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
