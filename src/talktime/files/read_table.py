"""Delimited text -> batches of columns: the header, the delimiter, then blocks of rows.

A block that is as it should be goes through Arrow's parser at once; one that holds anything odd (a newline
in a field, a missing field, a NUL, wrong bytes) is read again row by row, so that only the odd rows are set
aside and every line number stays right.
"""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import chain
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv

from talktime.files.decode import Utf8Stream, repair
from talktime.files.expected import USAGE
from talktime.files.open import HEAD_BYTES
from talktime.files.records import Block, record_blocks
from talktime.files.usage import NotUsage
from talktime.files.usage_batch import (
    MAX_FIELD_BYTES,
    MAX_SHOWN,
    Batch,
    PartNotes,
    Table,
    as_stored,
    string_array,
)
from talktime.files.usage_formats import Recognised, UsageFormat, recognise, why_not

DELIMITERS: Final = ",\t;|"

PARSERS: Final = 2
"""So many blocks are parsed at a time; cutting text into fields takes longer than cleaning them."""

MAX_NO_TEXT_PERCENT: Final = 2
"""How much of a text may be control characters; of random bytes a tenth is."""

_NO_TEXT: Final = bytes(sorted({*range(32), 127} - {*b"\t\n\v\f\r\x1a"}))

MAX_LINES: Final = 50
"""A record over more lines than this is a quotation mark that was not closed."""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How the rows of a table are cut: the delimiter, how many columns, where ours stand."""

    delimiter: str
    width: int
    recognised: Recognised


def read_table(text: Utf8Stream, notes: PartNotes, chosen: UsageFormat | None) -> Table:
    """Delimited text as a table. Raises NotUsage where the first row is no header of usage."""
    blocks = record_blocks(text, notes)
    first = next(blocks, None)
    if first is None:
        if notes.rejected:  # so much without one end of a line
            raise NotUsage(f"{notes.source}: the file holds no table: {notes.rejected[0].reason}")
        raise USAGE.empty(notes.source)
    shape, rest = _header(first, notes.source, chosen)
    return Table(shape.recognised, _batches(chain([rest], blocks), shape, text, notes))


def _batches(blocks: Iterator[Block], shape: _Shape, text: Utf8Stream, notes: PartNotes) -> Iterator[Batch]:
    """The batches in order; while one is being cleaned, other threads parse the next."""
    with ThreadPoolExecutor(max_workers=PARSERS) as pool:
        ahead: deque[tuple[Block, Future[Batch | None]]] = deque()
        for block in blocks:
            ahead.append((block, pool.submit(_parsed, block, shape)))
            if len(ahead) > PARSERS:
                yield from _whole_batch(*ahead.popleft(), shape, notes)
        for block, parsed in ahead:
            yield from _whole_batch(block, parsed, shape, notes)
    notes.repaired = notes.repaired or text.repaired


def _whole_batch(
    block: Block, parsed: Future[Batch | None], shape: _Shape, notes: PartNotes
) -> Iterator[Batch]:
    batch = parsed.result() or _repaired(block, shape, notes)
    if batch.lines:
        yield batch


# --- the first row --------------------------------------------------------------------------------------


def _header(block: Block, source: str, chosen: UsageFormat | None) -> tuple[_Shape, Block]:
    """The shape of a table that begins with this block, and the block without its header."""
    start, told_delimiter = _start(block.data)
    delimiters = (chosen and chosen.delimiter) or told_delimiter or DELIMITERS
    found: list[tuple[_Shape, int]] = []
    rows: list[list[str]] = []
    for delimiter in delimiters:
        row, length = _first_row(block.data, start, delimiter)
        rows.append(row)
        recognised = recognise(row, chosen)
        if recognised is not None:
            found.append((_Shape(delimiter, len(row), recognised), length))
    if not found:
        row = max(rows, key=len)
        if _is_no_text(block.data[:HEAD_BYTES]):
            raise NotUsage(
                f"{source}: the file is no text and no table; export it again as CSV, JSON or Excel"
            )
        if not any(cell.strip() for cell in row):
            raise USAGE.empty(source)
        raise NotUsage(f"{source}: the file {why_not(row, chosen)}")
    shape, length = max(found, key=lambda pair: len(pair[0].recognised.positions))
    end = start + length if shape.recognised.header else start
    return shape, Block(block.first_line + block.data.count(b"\n", 0, end), block.data[end:])


def _is_no_text(head: bytes) -> bool:
    """Whether a file that begins so holds more signs that no text has than a slip would leave in it."""
    return len(head) - len(head.translate(None, _NO_TEXT)) > len(head) * MAX_NO_TEXT_PERCENT // 100  # down


def _start(data: bytes) -> tuple[int, str]:
    """Where the first row begins, after empty lines and a `sep=;` line of Excel, and what that line says."""
    told = ""
    at = 0
    while (end := data.find(b"\n", at)) >= 0:
        line = data[at:end].strip()
        if line.lower().startswith(b"sep=") and len(line) == 5:
            told = line[4:].decode("utf-8", errors="replace")
        elif line:
            break
        at = end + 1
    return at, told


def _first_row(data: bytes, start: int, delimiter: str) -> tuple[list[str], int]:
    """The cells of the record at `start`, and its length in bytes."""
    feed = _Feed(data[start : start + MAX_FIELD_BYTES].decode("utf-8", errors="replace").split("\n"))
    try:
        row = next(csv.reader(feed, delimiter=delimiter), [])
    except csv.Error:
        row = []
    at = start
    for _ in range(feed.next):
        at = data.find(b"\n", at) + 1
    return row, at - start


# --- blocks that are as they should be ------------------------------------------------------------------


def _parsed(block: Block, shape: _Shape) -> Batch | None:
    """The rows of a block by Arrow's parser, or None where something in it is odd."""
    rows = _lines_of(block.data)
    if rows is None:
        return None
    names = [str(at) for at in range(shape.width)]
    positions = shape.recognised.positions
    wanted = sorted(set(positions.values()))
    options = pyarrow.csv.ConvertOptions(
        column_types={str(at): pa.string() for at in wanted},
        include_columns=[str(at) for at in wanted],
        strings_can_be_null=False,
    )
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(block.data),
            pyarrow.csv.ReadOptions(use_threads=False, block_size=len(block.data) + 1, column_names=names),
            pyarrow.csv.ParseOptions(delimiter=shape.delimiter),
            options,
        )
    except pa.ArrowInvalid:
        return None
    if table.num_rows != rows:
        return None
    arrays = {at: table.column(str(at)).combine_chunks() for at in wanted}
    columns = {ours: as_stored(arrays[at], ours) for ours, at in positions.items()}
    return Batch(columns, range(block.first_line, block.first_line + rows), _BlockText(block.data))


def _lines_of(data: bytes) -> int | None:
    """How many lines a block has; None where it holds NUL or a line that is longer than a field may be."""
    if b"\0" in data:
        return None
    half = MAX_FIELD_BYTES // 2  # a longer line would fill one of these pieces wholly
    if all(data.find(b"\n", at, at + half) >= 0 for at in range(0, len(data) - half, half)):
        return data.count(b"\n")
    ends = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n"))
    if len(ends) == 0:
        return 0
    longest = max(int(ends[0]), int(np.diff(ends).max(initial=0)))
    return None if longest > MAX_FIELD_BYTES else len(ends)


class _BlockText:
    """The lines of a block, cut when the first one is asked for."""

    __slots__ = ("_data", "_lines")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._lines: list[bytes] | None = None

    def __call__(self, row: int) -> str:
        if self._lines is None:
            self._lines = self._data.split(b"\n")
        return self._lines[row][: 4 * MAX_SHOWN].decode("utf-8", errors="replace")


# --- blocks with something odd in them ------------------------------------------------------------------


def _repaired(block: Block, shape: _Shape, notes: PartNotes) -> Batch:
    """The same with wrong bytes replaced; row by row where that was not all."""
    data = repair(block.data)
    if data is not block.data:
        notes.repaired = True
        batch = _parsed(Block(block.first_line, data), shape)
        if batch is not None:
            return batch
    return _row_by_row(Block(block.first_line, data), shape, notes)


class _Feed:
    """Lines for csv.reader, which can be set back to a line; a record may take MAX_LINES of them."""

    def __init__(self, lines: list[str]) -> None:
        self.lines = lines
        self.start = self.next = 0

    def __iter__(self) -> _Feed:
        return self

    def __next__(self) -> str:
        if self.next >= len(self.lines) or self.next - self.start >= MAX_LINES:
            raise StopIteration
        self.next += 1
        return self.lines[self.next - 1] + "\n"


def _row_by_row(block: Block, shape: _Shape, notes: PartNotes) -> Batch:
    """The good rows of a block; the others are set aside, each with its own line."""
    feed = _Feed(block.data.decode("utf-8").split("\n")[:-1])
    reader = csv.reader(feed, delimiter=shape.delimiter)
    rows: list[list[str]] = []
    lines: list[int] = []
    while feed.next < len(feed.lines):
        feed.start = feed.next
        try:
            row = next(reader, [])
        except csv.Error as error:
            row, fault = [], f"the row cannot be cut into fields ({error}): mend it"
        else:
            if not any(cell.strip() for cell in row) and len(row) <= 1:
                continue
            fault = _unclosed(feed) or _fault(row, shape)
        if fault:
            feed.next = feed.start + 1  # what looked like one record may be many: only its first line is bad
            notes.set_aside(block.first_line + feed.start, fault, feed.lines[feed.start])
            continue
        rows.append(row)
        lines.append(block.first_line + feed.start)
    return Batch(_columns(rows, shape.recognised), lines, lambda at: shape.delimiter.join(rows[at]))


def _fault(row: Sequence[str], shape: _Shape) -> str:
    """Why a row cannot be used at all, or ""."""
    extra = row[shape.width :]
    if len(row) < shape.width or any(cell.strip() for cell in extra):
        return f"the row has {len(row)} fields where {shape.width} belong: mend it"
    if any("\0" in cell for cell in row):
        return "the row holds a NUL byte: export it again"
    if any(len(cell) > MAX_FIELD_BYTES for cell in row):
        return f"a field is longer than {MAX_FIELD_BYTES:,} characters: mend it"
    return ""


def _unclosed(feed: _Feed) -> str:
    """Why a record over several lines is none: it took all that it could get for want of a closing mark."""
    taken = feed.lines[feed.start : feed.next]
    if len(taken) > 1 and sum(line.count('"') for line in taken) % 2:
        return "a quotation mark in the row is never closed, or closed many lines below: mend it"
    return ""


def _columns(rows: list[list[str]], recognised: Recognised) -> dict[str, Any]:
    return {
        ours: as_stored(string_array([row[at] for row in rows]), ours)
        for ours, at in recognised.positions.items()
    }
