"""A provider's book: many tenants at once, from a folder of tenant files or from JSON lines.

One tenant a file (TOML) or a line (JSON with the very keys of the tenant file, packed or not); told apart by
content. A book is taken as a whole or refused, naming its wrong tenants by file and line.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec

from talktime.accounts.tenant import Tenant
from talktime.accounts.tenant_file import (
    KnownLicences,
    TenantFaults,
    TenantFileError,
    read_tenant,
    tenant_of_table,
)
from talktime.accounts.toml_table import WrittenFloat, shown
from talktime.catalog.model import Catalogue
from talktime.files.decode import Utf8Stream
from talktime.files.expected import Expected
from talktime.files.open import Kind, Meter, Readable, open_parts
from talktime.files.usage import UnusableFile

SHOWN_FAULTS: Final = 5
"""How many wrong tenants of a book are named; the rest are counted."""

_BLOCK_BYTES: Final = 2**20
_BOOK: Final = Expected(
    "tenant file", "give a tenant file, a folder of them, or JSON lines with a tenant each"
)


class TenantBookError(TenantFileError):
    """A book that cannot be used. `faults`: a sentence for each wrong tenant, in the book's order."""

    def __init__(self, path: Path, faults: Sequence[str]) -> None:
        super().__init__(path, faults)
        lines = faults[0]
        if len(faults) > 1:
            named = "\n  ".join(faults[:SHOWN_FAULTS])
            more = len(faults) - SHOWN_FAULTS
            lines = f"{len(faults):,} tenants cannot be used:\n  {named}"
            lines += f"\n  and {more:,} more" if more > 0 else ""
        self.args = (f"{path}: {lines}",)


class _Entry(NamedTuple):
    """A tenant, or None with what is wrong; `where` it stands, as a sentence says it."""

    where: str
    tenant: Tenant | None
    fault: str = ""


def read_tenants(path: Path, catalogue: Catalogue) -> tuple[Tenant, ...]:
    """The tenants of a tenant file, of a folder's files `*.toml`, or of JSON lines, sorted by id.

    JSON lines hold one object a line with the keys of the tenant file (interfaces.md, The tenant file);
    amounts are decimal strings, blank lines are skipped, gzip and zip are unpacked.
    Raises TenantFileError for a single TOML file, TenantBookError (which is one) for all else: wrong tenants,
    two of one id, no tenant at all.
    """
    try:
        with _no_collections():
            if path.is_dir():
                return _checked(path, _of_folder(path, catalogue))
            if _has_lines(path):
                return _checked(path, _of_lines(path, catalogue))
            return (read_tenant(path, catalogue),)
    except UnusableFile as error:
        raise TenantBookError(path, [str(error).removeprefix(f"{path}: ")]) from None


@contextmanager
def _no_collections() -> Iterator[None]:
    """Without garbage collections: each would visit the millions of objects that come, and none goes."""
    were_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if were_on:
            gc.enable()


def _checked(path: Path, entries: Iterator[_Entry]) -> tuple[Tenant, ...]:
    """The tenants of the entries; wrong ones, and second ones of an id, refuse the book."""
    tenants: list[Tenant] = []
    places: dict[str, str] = {}
    faults: list[str] = []
    for where, tenant, fault in entries:
        if tenant is None:
            faults.append(f"{where}: {fault}")
        elif tenant.id.lower() in places:
            faults.append(
                f"{where}: tenant {shown(tenant.id)} stands in {places[tenant.id.lower()]} already; keep one"
            )
        else:
            places[tenant.id.lower()] = where
            tenants.append(tenant)
    if faults:
        raise TenantBookError(path, faults)
    if not tenants:
        raise TenantBookError(path, [f"there is no tenant in it; {_BOOK.advice}"])
    return tuple(sorted(tenants, key=lambda tenant: tenant.id))


def _entry(where: str, read: Callable[[], Tenant]) -> _Entry:
    """What reading gives: of a wrong tenant its first fault, and how many more it has."""
    try:
        return _Entry(where, read())
    except (TenantFaults, TenantFileError) as error:
        more = len(error.faults) - 1
        return _Entry(where, None, error.faults[0] + (f" (and {more:,} more in this tenant)" if more else ""))


# --- a folder --------------------------------------------------------------------------------------------


def _of_folder(folder: Path, catalogue: Catalogue) -> Iterator[_Entry]:
    """One tenant a file, in order of their names; hidden files are left out."""
    try:
        found = sorted(path for path in folder.iterdir() if _is_tenant_file(path))
    except OSError as error:
        raise TenantBookError(
            folder, [f"cannot be looked into ({error.strerror}); check its rights"]
        ) from None
    for path in found:
        yield _entry(path.name, lambda path=path: read_tenant(path, catalogue))  # type: ignore[misc]


def _is_tenant_file(path: Path) -> bool:
    return path.suffix.lower() == ".toml" and not path.name.startswith(".")


# --- JSON lines ------------------------------------------------------------------------------------------


def _has_lines(path: Path) -> bool:
    """Whether a file holds JSON lines: TOML cannot begin with a brace, and comes as it is.

    Raises UnusableFile for what is no text.
    """
    parts = open_parts(path, str(path), Meter(0, None), _BOOK)  # what holds the file open
    part = next(parts)
    if part.fault is not None:
        raise part.fault
    if part.kind is not Kind.TEXT or part.stream is None:
        raise _BOOK.other(part.source, f"a {part.kind.value} file")
    begins_an_object = Utf8Stream(part.stream).first_sign == "{"
    if not begins_an_object and part.file is None:
        raise UnusableFile(f"{part.source}: what is packed is no JSON lines; unpack it first")
    return begins_an_object


class _Reading(NamedTuple):
    """What the lines of a book are read with."""

    decoder: msgspec.json.Decoder[dict[str, Any]]
    catalogue: Catalogue
    known: KnownLicences


def _of_lines(path: Path, catalogue: Catalogue) -> Iterator[_Entry]:
    decoder = msgspec.json.Decoder(dict[str, Any], float_hook=WrittenFloat)
    reading = _Reading(decoder, catalogue, {})
    parts = open_parts(path, str(path), Meter(0, None), _BOOK)
    part = next(parts)
    if part.stream is not None:
        for line, text in enumerate(_lines(Utf8Stream(part.stream)), 1):
            if text.strip():
                yield _of_line(f"line {line}", text, reading)
    if next(parts, None) is not None:
        raise UnusableFile(f"{path}: it holds more than one file; give an archive with one in it")


def _of_line(where: str, text: bytes, reading: _Reading) -> _Entry:
    try:
        tables = reading.decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        fault = f"is not one JSON object ({error}); write one tenant a line, as {_EXAMPLE}"
        return _Entry(where, None, fault)
    entry = _entry(where, lambda: tenant_of_table(tables, reading.catalogue, reading.known))
    own = tables.get("tenant")
    name = own.get("id") if isinstance(own, dict) else None
    return entry._replace(where=f"{where}, tenant {shown(name)}") if entry.fault and name else entry


_EXAMPLE: Final = '{"tenant": {"id": "contoso", "country": "US", "currency": "USD"}, "users": [...]}'


def _lines(stream: Readable) -> Iterator[bytes]:
    """The lines of a stream, the last one whether it ends or not."""
    rest: list[bytes] = []
    while block := stream.read(_BLOCK_BYTES):
        first, *others = block.split(b"\n")
        rest.append(first)
        for other in others:
            yield b"".join(rest)
            rest = [other]
    yield b"".join(rest)
