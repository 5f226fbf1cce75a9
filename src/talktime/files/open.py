"""Opening what users bring: plain files, gzip, zip archives, and what is inside, told by content.

A path gives one or more parts, each a stream of bytes with a kind (text, Parquet, Excel). Everything else is
refused by one sentence; what expands beyond all measure is refused as a bomb while it is being read.
"""

from __future__ import annotations

import copy
import gzip
import lzma
import stat
import struct
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Final, Protocol

from talktime.files.far_cells import far_cell
from talktime.files.usage import NotUsage, UnusableFile

if TYPE_CHECKING:
    from pathlib import Path

    from talktime.files.expected import Expected

HEAD_BYTES: Final = 4096
"""How much of a file is looked at to tell its kind."""

MAX_EXPANSION: Final = 200
"""How many times its packed size a file may grow; usage files grow 5 to 20 times."""

FREE_EXPANSION_BYTES: Final = 2**30
"""Up to this size any expansion is taken."""

MAX_MEMBERS: Final = 10_000
"""The most files that an archive may hold."""

IN_MEMORY_BYTES: Final = 16 * 2**20
"""Packed Parquet and Excel files up to this size are unpacked in memory, larger ones on disk."""

_WORKBOOK_MEMBERS: Final = ("xl/workbook.xml", "xl/workbook.bin")
_OFFICE_MEMBERS: Final = ("word/document.xml", "ppt/presentation.xml", "content.xml")

IGNORED_MEMBERS: Final = ("parameters.json",)
"""Members of exports that hold no usage (formats.md)."""


class Kind(Enum):
    """What the bytes of a part are."""

    TEXT = "text"
    PARQUET = "Parquet"
    EXCEL = "Excel"
    GZIP = "gzip"
    ZIP = "zip"


_KINDS: Final[Mapping[bytes, Kind]] = {
    b"\x1f\x8b": Kind.GZIP,
    b"PK\x03\x04": Kind.ZIP,
    b"PK\x05\x06": Kind.ZIP,
    b"PAR1": Kind.PARQUET,
}

_REFUSED: Final[Mapping[bytes, str]] = {
    b"\x89PNG": "a picture (PNG)",
    b"\xff\xd8\xff": "a picture (JPEG)",
    b"GIF8": "a picture (GIF)",
    b"II*\x00": "a picture (TIFF)",
    b"MM\x00*": "a picture (TIFF)",
    b"RIFF": "a sound, film or picture (RIFF)",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Office document (.xls, .doc); save it as .xlsx or .csv",
    b"{\\rtf": "a text document (RTF)",
    b"BZh": "compressed by bzip2; unpack it first",
    b"\xfd7zXZ": "compressed by xz; unpack it first",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; unpack it first",
    b"7z\xbc\xaf": "a 7z archive; unpack it first",
    b"Rar!": "a RAR archive; unpack it first",
    b"SQLite format 3": "an SQLite database",
    b"\x7fELF": "a program",
    b"MZ": "a program",
    b"ARROW1": "an Arrow file; save it as Parquet",
}

_MARKUP: Final[Mapping[bytes, str]] = {
    b"<!doctype": "a web page",
    b"<html": "a web page",
    b"<?xml": "an XML document",
}

_BOMB: Final = (
    f"grows to more than {MAX_EXPANSION} times its size when unpacked; if it is no attack, unpack it first"
)


class Readable(Protocol):
    """A stream of bytes: `read(n)` gives at most n, b"" at the end. Raises UnusableFile."""

    def read(self, size: int, /) -> bytes:
        """The next bytes."""
        ...


@dataclass(frozen=True, slots=True)
class Part:
    """One file to be read: text by its `stream` of bytes, Parquet and Excel by a seekable `file`.

    A member of an archive that is something else has neither; `fault` says what it is. `unpacked_bytes` is
    what an Excel workbook holds, unpacked. `path` is there if the part is a whole file of its own; `told`
    takes the share of it that has been read by another way than through `stream`.
    """

    source: str
    kind: Kind
    stream: Readable | None = None
    file: IO[bytes] | None = None
    fault: NotUsage | None = None
    unpacked_bytes: int = 0
    path: Path | None = None
    told: Callable[[float], None] | None = None


class Meter:
    """Counts the bytes read from disk over all files and tells `progress(done, total)`."""

    def __init__(self, total_bytes: int, progress: Callable[[int, int], None] | None) -> None:
        self._total_bytes = total_bytes
        self._before_bytes = 0
        self._progress = progress

    def at(self, position_bytes: int) -> None:
        """The current file has been read up to here."""
        if self._progress is not None:
            self._progress(min(self._before_bytes + position_bytes, self._total_bytes), self._total_bytes)

    def file_done(self, size_bytes: int) -> None:
        """The current file is read; the next begins."""
        self._before_bytes += size_bytes
        self.at(0)


class Budget:
    """How many bytes may still come out of a file of this packed size."""

    def __init__(self, packed_bytes: int) -> None:
        self.left_bytes = max(FREE_EXPANSION_BYTES, packed_bytes * MAX_EXPANSION)

    def spend(self, bytes_: int, source: str) -> None:
        """So many have come out, or will. Raises UnusableFile for a bomb."""
        self.left_bytes -= bytes_
        if self.left_bytes < 0:
            raise UnusableFile(f"{source}: {_BOMB}")


@dataclass(frozen=True, slots=True)
class _Opening:
    """What holds for all that comes out of one file."""

    expected: Expected
    budget: Budget
    told: Callable[[], None]


class _Guarded:
    """A stream whose faults are sentences, and whose size is held against what it was unpacked from."""

    def __init__(self, raw: Readable, source: str, opening: _Opening) -> None:
        self._raw, self._source, self._opening = raw, source, opening

    def read(self, size: int, /) -> bytes:
        with _in_words(self._source):
            block = self._raw.read(size)
        self._opening.budget.spend(len(block), self._source)
        self._opening.told()
        return block


# What zipfile and its decompressors raise where the bytes are not what they should be.
_DAMAGE: Final = (
    zlib.error, lzma.LZMAError, gzip.BadGzipFile, zipfile.BadZipFile, struct.error, ValueError, IndexError,
    OverflowError,
)  # fmt: skip

_FAULTS: Final[Sequence[tuple[type[Exception] | tuple[type[Exception], ...], str]]] = (
    (EOFError, "the file is cut off in the middle; fetch it again"),
    (_DAMAGE, "the file is damaged ({}); fetch it again"),
    (NotImplementedError, "it is packed in a way not known here; unpack it first"),
    (PermissionError, "no permission to read it; change its rights"),
    (FileNotFoundError, "there is no such file; check the name"),
    (IsADirectoryError, "it is a folder; name the files in it"),
    (OSError, "cannot be read ({}); try again"),  # the last: most of those above are OSErrors too
)


@contextmanager
def _in_words(source: str) -> Iterator[None]:
    """Turns what reading and unpacking raise into one sentence."""
    try:
        yield
    except (EOFError, *_DAMAGE, NotImplementedError, OSError) as error:
        words = next(words for kinds, words in _FAULTS if isinstance(error, kinds))
        what = (isinstance(error, OSError) and error.strerror) or error
        raise UnusableFile(f"{source}: {words.format(what)}") from error


def kind_of(head: bytes, source: str, expected: Expected) -> Kind:
    """The kind of a file that begins with these bytes. Raises NotUsage for a picture, a PDF, ..."""
    if not head:
        raise expected.empty(source)
    for magic, kind in _KINDS.items():
        if head.startswith(magic):
            return kind
    start = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    found = [what for magic, what in _REFUSED.items() if head.startswith(magic)]
    found += [what for magic, what in _MARKUP.items() if start.startswith(magic)]
    if found:
        raise expected.other(source, found[0])
    return Kind.TEXT


def open_parts(path: Path, source: str, meter: Meter, expected: Expected) -> Generator[Part]:
    """The parts of one file, one at a time: read a part before asking for the next.

    `source` names the file in sentences, `expected` says what should be in it. Raises UnusableFile: empty, no
    permission, cut off, damaged, an archive in an archive, a bomb, or none of the kinds known.
    """
    with _in_words(source):
        status = path.stat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            raise UnusableFile(f"{source}: it is no file but a pipe or device; save it as a file first")
        size_bytes = status.st_size
        raw = path.open("rb")
    with raw:
        opening = _Opening(expected, Budget(size_bytes), lambda: meter.at(raw.tell()))
        stream = _Guarded(raw, source, opening)
        kind = kind_of(first_bytes(stream), source, expected)
        raw.seek(0)
        if kind is Kind.GZIP:
            yield from _gzip_parts(raw, source, opening)
        elif kind is Kind.ZIP:
            yield from _zip_parts(raw, source, opening)
        else:
            yield Part(
                source, kind, stream, raw, path=path, told=lambda share: meter.at(int(share * size_bytes))
            )
    meter.file_done(size_bytes)


def first_bytes(stream: Readable) -> bytes:
    """The first HEAD_BYTES of a stream, also of one that gives few at a time; less where it is shorter."""
    head = b""
    while len(head) < HEAD_BYTES and (block := stream.read(HEAD_BYTES - len(head))):
        head += block
    return head


class _Rest:
    """A stream that begins with bytes already taken from it."""

    def __init__(self, head: bytes, stream: Readable) -> None:
        self._head, self._stream = head, stream

    def read(self, size: int, /) -> bytes:
        if not self._head:
            return self._stream.read(size)
        block, self._head = self._head[:size], self._head[size:]
        return block


def _gzip_parts(raw: IO[bytes], source: str, opening: _Opening) -> Iterator[Part]:
    with gzip.GzipFile(fileobj=raw) as packed:
        stream = _Guarded(packed, source, opening)
        head = first_bytes(stream)
        kind = kind_of(head, source, opening.expected)
        if kind is Kind.GZIP:
            raise UnusableFile(f"{source}: it is compressed twice; unpack it first")
        if kind is Kind.TEXT:
            yield Part(source, kind, _Rest(head, stream))
            return
        with _unpacked(_Rest(head, stream)) as file:
            if kind is Kind.ZIP:
                yield from _zip_parts(file, source, opening)
            else:
                yield Part(source, kind, file=file)


@contextmanager
def _unpacked(stream: Readable) -> Iterator[IO[bytes]]:
    """The whole stream as a seekable file, beyond a size on disk."""
    with tempfile.SpooledTemporaryFile(IN_MEMORY_BYTES) as file:
        while block := stream.read(2**20):
            file.write(block)
        file.seek(0)
        yield file


def _zip_parts(file: IO[bytes], source: str, opening: _Opening) -> Iterator[Part]:
    """The members of an archive that may be of use; an Excel workbook is itself the one part."""
    with _in_words(source):
        archive = zipfile.ZipFile(file)
    with archive:
        members = _members(archive, source)
        if _is_workbook(members, source, opening.expected):
            yield _workbook_part(archive, file, source, members, opening.budget)
            return
        wanted = [member for member in members if not _ignored(member.filename)]
        if not wanted:
            raise opening.expected.no_member(source)
        for member in wanted:
            yield from _member_part(archive, member, source, opening)


def _members(archive: zipfile.ZipFile, source: str) -> list[zipfile.ZipInfo]:
    members = [member for member in archive.infolist() if not member.is_dir()]
    if len(members) > MAX_MEMBERS:
        raise UnusableFile(f"{source}: it holds more than {MAX_MEMBERS:,} files; unpack it first")
    return members


def _is_workbook(members: Sequence[zipfile.ZipInfo], source: str, expected: Expected) -> bool:
    names = {member.filename for member in members}
    if not names.isdisjoint(_OFFICE_MEMBERS):
        what = f"an office document, not a {expected.name}; save it as .xlsx or .csv"
        raise UnusableFile(f"{source}: this is {what}")
    return not names.isdisjoint(_WORKBOOK_MEMBERS)


def _ignored(name: str) -> bool:
    parts = PurePosixPath(name).parts
    if not parts or "__MACOSX" in parts:
        return True
    return parts[-1].startswith(".") or parts[-1].casefold() in IGNORED_MEMBERS


def _workbook_part(
    archive: zipfile.ZipFile, file: IO[bytes], source: str, members: Sequence[zipfile.ZipInfo], budget: Budget
) -> Part:
    """Unpacks a workbook once, into nothing: the library that reads it would do so without any limit."""
    before_bytes = budget.left_bytes
    for member in members:
        far = far_cell(_unpacked_blocks(archive, member, source, budget))
        if far:
            raise UnusableFile(
                f"{source}: it has a cell {far} far from all others; delete it, or save as CSV"
            )
    file.seek(0)
    return Part(source, Kind.EXCEL, file=file, unpacked_bytes=before_bytes - budget.left_bytes)


def _unpacked_blocks(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str, budget: Budget
) -> Iterator[bytes]:
    honest = copy.copy(member)
    honest.file_size = 2**62  # else the reading stops where the member says that it ends
    with _in_words(source), archive.open(honest) as packed:
        while block := packed.read(2**20):
            budget.spend(len(block), source)
            yield block


def _member_part(
    archive: zipfile.ZipFile, member: zipfile.ZipInfo, source: str, opening: _Opening
) -> Iterator[Part]:
    inner = f"{source}/{member.filename}"
    if member.flag_bits & 1:
        raise UnusableFile(f"{inner}: it is locked by a password; unpack it first")
    with _in_words(inner):
        packed = archive.open(member)
    with packed:
        stream = _Guarded(packed, inner, opening)
        head = first_bytes(stream)
        try:
            kind = kind_of(head, inner, opening.expected)
        except NotUsage as fault:
            yield Part(inner, Kind.TEXT, fault=fault)
            return
        if kind is Kind.TEXT:
            yield Part(inner, kind, _Rest(head, stream))
            return
        if kind is Kind.GZIP:
            raise _nested(inner)
        with _unpacked(_Rest(head, stream)) as file:
            if kind is Kind.ZIP:
                yield _nested_workbook(file, inner, opening)
            else:
                yield Part(inner, kind, file=file)


def _nested(source: str) -> UnusableFile:
    return UnusableFile(f"{source}: an archive in an archive; unpack it first")


def _nested_workbook(file: IO[bytes], source: str, opening: _Opening) -> Part:
    """A workbook in an archive is taken; an archive in an archive is not."""
    with _in_words(source), zipfile.ZipFile(file) as archive:
        members = _members(archive, source)
        if not _is_workbook(members, source, opening.expected):
            raise _nested(source)
        return _workbook_part(archive, file, source, members, opening.budget)
