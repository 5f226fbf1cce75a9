"""The bytes of a deck's file as text: gzip, zip and workbooks opened, encodings told apart by content.

What holds no text at all (a picture, a folder, an empty file, an archive of several decks) is refused in one
sentence. Nothing is expanded beyond MAX_BYTES.
"""

import gzip
import io
import lzma
import re
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Final

from talktime.files.usage import UnusableFile

MAX_BYTES: Final = 256 * 1024 * 1024
"""The most bytes that a deck may have, expanded; a deck of a million rows has about 80 MB."""

_GZIP: Final = b"\x1f\x8b"
_ZIP: Final = b"PK\x03\x04"
_MAX_LAYERS: Final = 3  # zip or xlsx inside gzip is in use, more is an attempt at something
_OTHERS: Final = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF8": "a picture",
    b"%PDF": "a PDF document",
    b"PAR1": "a Parquet file",
    b"SQLite format 3": "a database",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook (.xls)",
}
# What zipfile and its decompressors raise where the bytes are not what they should be.
_DAMAGE: Final = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError, OSError, RuntimeError, ValueError,
    IndexError, OverflowError,
)  # fmt: skip
_BOMS: Final = {b"\xef\xbb\xbf": "utf-8-sig", b"\xff\xfe": "utf-16", b"\xfe\xff": "utf-16"}
_CONTROLS: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x19\x1b-\x1f]")


def read_text(path: Path) -> str:
    """The text of a file. Raises UnusableFile where there is none to be had."""
    data = _expanded(_bytes(path), path)
    text = _workbook_text(data, path) if _is_workbook(data) else _decoded(data, path)
    if not text.strip():
        raise UnusableFile(f"{path} is empty; give a rate deck with a column prefix and a price")
    return text


def _bytes(path: Path) -> bytes:
    if path.is_dir():
        raise UnusableFile(f"{path} is a folder; name the file of the deck")
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise UnusableFile(f"there is no file {path}; check the name") from None
    except PermissionError:
        raise UnusableFile(f"{path} may not be read; give yourself the right to read it") from None
    except OSError as error:
        raise UnusableFile(f"{path} cannot be read: {error.strerror}") from None
    return _within_limit(data, path)


def _within_limit(data: bytes, path: Path) -> bytes:
    if len(data) > MAX_BYTES:
        raise UnusableFile(f"{path} has more than {MAX_BYTES:,} bytes; split the deck")
    return data


def _expanded(data: bytes, path: Path) -> bytes:
    for _ in range(_MAX_LAYERS):
        if data.startswith(_GZIP):
            data = _gunzipped(data, path)
        elif data.startswith(_ZIP) and not _is_workbook(data):
            data = _unzipped(data, path)
        else:
            return data
    raise UnusableFile(f"{path} is an archive inside an archive; unpack it first")


def _gunzipped(data: bytes, path: Path) -> bytes:
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return _within_limit(file.read(MAX_BYTES + 1), path)
    except (EOFError, OSError, zlib.error):
        raise UnusableFile(f"{path} is a damaged gzip file; fetch it again") from None


def _unzipped(data: bytes, path: Path) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [info for info in archive.infolist() if _is_deck_member(info)]
            if len(members) != 1:
                raise UnusableFile(f"{path} holds {len(members)} files; give an archive with one deck in it")
            with archive.open(members[0]) as file:
                return _within_limit(file.read(MAX_BYTES + 1), path)
    except _DAMAGE:
        raise UnusableFile(f"{path} is a damaged or locked zip file; unpack it and give the deck") from None


def _is_deck_member(info: zipfile.ZipInfo) -> bool:
    parts = Path(info.filename).parts
    return not info.is_dir() and not any(part.startswith((".", "__MACOSX")) for part in parts)


def _is_workbook(data: bytes) -> bool:
    if not data.startswith(_ZIP):
        return False
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return "xl/workbook.xml" in archive.namelist()
    except _DAMAGE:
        return False


def _workbook_text(data: bytes, path: Path) -> str:
    """The first sheet as TAB-separated lines, so that a row's line is its number in the sheet."""
    import fastexcel

    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
                raise UnusableFile(f"{path} has more than {MAX_BYTES:,} bytes inside; split the deck")
        sheet = fastexcel.read_excel(data).load_sheet(0, header_row=None, skip_rows=0, dtypes="string")
    except (fastexcel.FastExcelError, *_DAMAGE) as error:
        raise UnusableFile(f"{path} is a damaged workbook ({error}); save the deck as CSV") from None
    columns = [column.to_pylist() for column in sheet.to_arrow().columns]
    return "\n".join("\t".join(_one_line(cell) for cell in row) for row in zip(*columns, strict=True))


def _one_line(cell: str | None) -> str:
    return " ".join(cell.split()) if cell else ""


def _decoded(data: bytes, path: Path) -> str:
    for magic, what in _OTHERS.items():
        if data.startswith(magic):
            raise UnusableFile(f"{path} is {what}, no rate deck; give a table with prefixes and prices")
    for encoding in _encodings(data):
        try:
            text = data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if _is_text(text):
            return text
    raise UnusableFile(f"{path} holds no text; save the deck as CSV in UTF-8")


def _encodings(data: bytes) -> tuple[str, ...]:
    """Encodings to try, likeliest first. UTF-16 without a mark shows by a zero in every other byte."""
    for bom, encoding in _BOMS.items():
        if data.startswith(bom):
            return (encoding,)
    start = data[:4096]
    if start[1::2].count(0) * 2 > len(start) // 2:
        return ("utf-16-le",)
    if start[0::2].count(0) * 2 > len(start) // 2:
        return ("utf-16-be",)
    return ("utf-8", "cp1252")


def _is_text(text: str) -> bool:
    """Whether control characters are rare; a stray NUL costs its row, not the file."""
    start = text[:65_536]
    return len(_CONTROLS.findall(start)) * 100 <= len(start)
