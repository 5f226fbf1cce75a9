"""The text of a deck's file: one table, from whatever container and encoding it came in.

files.open and files.decode tell those by content, as for usage. A deck's own are its size, that an archive
holds one and no more, that a workbook's first sheet is meant, and the encoding of old Windows programs.
"""

from __future__ import annotations

import re
from typing import IO, TYPE_CHECKING, Final

from talktime.files.decode import Utf8Stream
from talktime.files.expected import Expected
from talktime.files.open import Kind, Meter, Part, Readable, open_parts
from talktime.files.usage import UnusableFile

if TYPE_CHECKING:
    from pathlib import Path

MAX_BYTES: Final = 256 * 1024 * 1024
"""The most bytes that a deck may have, unpacked; a deck of a million rows has about 80 MB."""

DECK: Final = Expected("rate deck", "give a rate deck with a column prefix and a price")
"""What readers of decks expect."""

_BLOCK_BYTES: Final = 2**20
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


def read_text(path: Path) -> str:
    """The text of a file. Raises UnusableFile where there is none to be had."""
    parts = open_parts(path, str(path), Meter(0, None), DECK)
    part = next(parts)
    text = "" if part.fault else _text(part)
    if next(parts, None) is not None:
        raise UnusableFile(f"{path}: it holds more than one file; give an archive with one deck in it")
    if part.fault:
        raise part.fault
    if not text.strip():
        raise DECK.empty(part.source)
    return text


def _text(part: Part) -> str:
    if part.kind is Kind.EXCEL and part.file is not None:
        return _first_sheet(part.file, part)
    if part.kind is Kind.TEXT and part.stream is not None:
        return _decoded(part.stream, part.source)
    raise DECK.other(part.source, f"a {part.kind.value} file")


def _first_sheet(file: IO[bytes], part: Part) -> str:
    """The first sheet as TAB-separated lines, so that a row's line is its number in the sheet."""
    from talktime.files.workbook import sheets

    _within_limit(part.unpacked_bytes, part.source)
    sheet = next(sheets(file.read(), part.source), None)
    columns = [column.to_pylist() for column in sheet.columns] if sheet is not None else []
    return "\n".join("\t".join(_one_line(cell) for cell in row) for row in zip(*columns, strict=True))


def _one_line(cell: str | None) -> str:
    return " ".join(cell.split()) if cell else ""


def _within_limit(size_bytes: int, source: str) -> None:
    if size_bytes > MAX_BYTES:
        raise UnusableFile(f"{source}: it has more than {MAX_BYTES:,} bytes; split the deck")


def _decoded(stream: Readable, source: str) -> str:
    data = _all_bytes(Utf8Stream(stream), source)
    for encoding in ("utf-8", "cp1252"):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_text(text):
            return text
    raise UnusableFile(f"{source}: it holds no text; save the deck as CSV in UTF-8")


def _all_bytes(stream: Readable, source: str) -> bytes:
    blocks, size_bytes = [], 0
    while block := stream.read(_BLOCK_BYTES):
        blocks.append(block)
        size_bytes += len(block)
        _within_limit(size_bytes, source)
    return b"".join(blocks)


def _is_text(text: str) -> bool:
    """Whether control characters are rare; a stray NUL costs its row, not the file."""
    start = text[:65_536]
    return len(_CONTROLS.findall(start)) * 100 <= len(start)
