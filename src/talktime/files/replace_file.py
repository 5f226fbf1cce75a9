"""A file appears whole or not at all: it is written beside its place and moved there when it is complete.

Whatever goes wrong in between (a full disk, an interrupt), the half file is removed and what stood there
before stays as it was.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from talktime.files.report import ReportError


@contextmanager
def replaced(path: Path) -> Iterator[Path]:
    """Yields the place to write to; afterwards the file stands at `path`, durably.

    Raises ReportError (one sentence) where the folder or the disk does not let it.
    """
    place = Path(os.path.realpath(path))
    if place.is_dir():
        raise ReportError(f"{path} is a folder; name a file such as {path / 'report.xlsx'}")
    half = place.with_name(f".{place.name[:180]}.{secrets.token_hex(4)}.part")
    try:
        try:  # before the file is there: an interrupt may come right after it was made
            _create(half, like=place)
            yield half
            _sync(half)
            half.replace(place)
        finally:
            half.unlink(missing_ok=True)
        _sync_folder(place.parent)
    except OSError as error:
        raise ReportError(unwritable(path, error.strerror or str(error))) from error


def unwritable(path: Path, why: str) -> str:
    """The sentence for a report that could not be written."""
    return (
        f"{path} could not be written: {why}; no report was left behind, what stood there before is unchanged"
    )


def _create(half: Path, like: Path) -> None:
    """An empty file with the rights of the file that it will replace, else those of any new file."""
    os.close(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666))
    if like.exists():
        half.chmod(like.stat().st_mode & 0o777)


def _sync(half: Path) -> None:
    """Waits until the content is on the disk."""
    with half.open("rb+") as file:
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Waits until the new name is on the disk; only POSIX lets a folder be opened for that."""
    if os.name == "posix":
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
