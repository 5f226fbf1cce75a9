"""A new file that is there as a whole or not at all, survives a power cut, and never replaces another."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def new_file(target: Path, *, makes_room: bool = False) -> Iterator[Path]:
    """Gives a temporary file beside `target`; at the end of the block it becomes `target`, synced.

    Raises FileExistsError where `target` exists, before the block (unless that `makes_room`) or after it, and
    other OSErrors. Only the owner may read it: it tells who called whom.
    """
    if target.exists() and not makes_room:
        raise FileExistsError(f"{target} exists already")
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
    try:
        yield part
        sync(part)
        _rename(part, target)
        sync(target.parent)
    finally:
        for ending in ("", "-wal", "-shm", "-journal"):
            part.with_name(part.name + ending).unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Waits until the disk has a file, or the names in a folder."""
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _rename(part: Path, target: Path) -> None:
    """Fails where the name was taken meanwhile, which a plain renaming would not."""
    try:
        target.hardlink_to(part)
    except FileExistsError:
        raise FileExistsError(f"{target} exists already") from None
    except OSError:  # a disk without second names
        if target.exists():
            raise FileExistsError(f"{target} exists already") from None
        part.rename(target)
