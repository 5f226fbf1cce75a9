"""Checkpoints: the heads of all hash chains of one instant, in a file that lies elsewhere.

Who rewrites a journal as a whole can make its chain fit again; an older head that is missing in it tells
(rulings.md 34). A file is one JSON value a line: a heading, [tenant, number, head] in order, how many.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Final

import msgspec

from talktime.ledger.database import DatabaseUrl
from talktime.ledger.new_file import new_file
from talktime.ledger.rebuild import Mark
from talktime.ledger.snapshot import open_snapshot

PATTERN: Final = "heads-*.jsonl"
_READ_BYTES: Final = 8_192


class Heading(msgspec.Struct, frozen=True):
    """The first line."""

    talktime: str
    at: str


class Ending(msgspec.Struct, frozen=True):
    """The last line: a file without it is half a file."""

    tenants: int


_HEADS: Final = "heads"
_heading: Final = msgspec.json.Decoder(Heading)
_ending: Final = msgspec.json.Decoder(Ending)
_line: Final = msgspec.json.Decoder(tuple[str, int, str])
_encode: Final = msgspec.json.Encoder().encode


class CheckpointError(Exception):
    """A checkpoint that cannot be used: one sentence says which and why."""


def checkpoint(url: DatabaseUrl, folder: Path, now_us: int) -> Path:
    """Writes the heads of all chains to a new file, named after the instant (UTC). Returns its path.

    Raises DatabaseError where the ledger cannot be read, CheckpointError where the file cannot be written.
    """
    at = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    target = folder / f"heads-{at:%Y%m%dT%H%M%SZ}.jsonl"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with new_file(target) as part, part.open("wb") as file, open_snapshot(url) as snapshot:
            file.write(_encode(Heading(_HEADS, at.isoformat())) + b"\n")
            tenants = 0
            while (wallet := snapshot.wallets.take()) is not None:
                file.write(_encode((wallet.tenant, wallet.number, wallet.head.hex())) + b"\n")
                tenants += 1
            file.write(_encode(Ending(tenants)) + b"\n")
    except OSError as error:
        raise CheckpointError(
            f"the checkpoint {target} cannot be written: {error.strerror or error}"
        ) from error
    return target


def own_folder(state: Path, url: DatabaseUrl) -> Path:
    """Where the daily checkpoints of a ledger are kept: a folder of its own in the state folder.

    A state folder may see several ledgers, and heads of another would look like a journal that was rewritten.
    """
    place = str(url.path.absolute()) if url.kind == "sqlite" else str(url)
    return state / "checkpoints" / hashlib.sha256(place.encode()).hexdigest()[:12]


def checkpoints_of_day(folder: Path, day: date) -> list[Path]:
    """The checkpoints of one day (UTC), the oldest first; empty where there is none, or no folder."""
    return sorted(folder.glob(f"heads-{day:%Y%m%d}T*.jsonl"))


def checkpoint_files(folder: Path) -> list[Path]:
    """The checkpoints in a folder, the oldest first. Raises CheckpointError where there is none."""
    found = sorted(folder.glob(PATTERN)) if folder.is_dir() else []
    if not found:
        raise CheckpointError(f"{folder} holds no checkpoint; `talktime db checkpoint` writes one")
    return found


def marks_of(files: Sequence[Path]) -> Iterator[Mark]:
    """All heads of these files in the order of tenants. Raises CheckpointError on the way."""
    return heapq.merge(*[_marks(path) for path in files], key=lambda mark: mark.tenant)


def _marks(path: Path) -> Iterator[Mark]:
    lines = _lines(path)
    before, ahead, count = "", next(lines, b""), 0
    try:
        if _heading.decode(ahead).talktime != _HEADS:
            raise _unusable(path)
        ahead = next(lines, b"")
        for line in lines:
            tenant, number, head = _line.decode(ahead)
            if count and tenant <= before:
                raise _unusable(path)
            yield Mark(tenant, number, bytes.fromhex(head), path.name)
            before, ahead, count = tenant, line, count + 1
        if _ending.decode(ahead).tenants != count:
            raise _unusable(path)
    except (msgspec.MsgspecError, ValueError) as error:
        raise _unusable(path) from error


def _lines(path: Path) -> Iterator[bytes]:
    """Lines of a file that is open only while it reads on, since there may be thousands of files."""
    offset = 0
    while True:
        try:
            with path.open("rb") as file:
                file.seek(offset)
                lines = file.readlines(_READ_BYTES)
                offset = file.tell()
        except OSError as error:
            raise CheckpointError(f"{path} cannot be read: {error.strerror or error}") from error
        if not lines:
            return
        yield from lines


def _unusable(path: Path) -> CheckpointError:
    return CheckpointError(
        f"{path} is no whole checkpoint, or was changed; take it away or fetch another copy"
    )
