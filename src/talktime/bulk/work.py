"""A work folder: what a long run has done so far, so that one that was stopped goes on from there.

It holds the split usage, and of each finished part its charged calls and its tenants. A part counts as
finished when its summary stands in its place; what else a killed process left is written anew
(rulings.md 38).
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from talktime.bulk.charge_rows import Charged, TenantCharged
from talktime.bulk.parts import check_rows, damage_told, disk_faults_told, synced
from talktime.files.replace_file import replaced
from talktime.files.report import ReportError
from talktime.files.usage import Rejected

LAYOUT: Final = 1

_CLAIM: Final = "run.json"
"""What says whose folder it is."""

_LOCK: Final = "lock"
_OURS: Final = (_LOCK, _CLAIM)


class Split(msgspec.Struct, frozen=True):
    """What reading the usage gave, once all of it is split: rows a part, and the notes of the reader."""

    rows: tuple[int, ...]
    formats: tuple[str, ...]
    rejected: tuple[Rejected, ...]
    rejected_rows: int
    columns_unknown: tuple[str, ...]
    warnings: tuple[str, ...]
    recognised: tuple[str, ...]
    currencies: tuple[str, ...]
    in_order: bool


class _Key(msgspec.Struct):
    layout: int
    key: str


class Work:
    """A folder for one run, named by a key over all that the run is made of."""

    def __init__(self, folder: Path, key: str) -> None:
        self.folder, self.key = folder, key
        # Made before there are threads: two that work out one type at once crash the interpreter.
        self._tenants: Any = msgspec.json.Decoder(tuple[TenantCharged, ...])

    @property
    def usage(self) -> Path:
        """Where the split usage stands."""
        return self.folder / "usage"

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Holds the folder for this process; makes it if it is not there.

        Raises ReportError where it is another run's, is in use, or cannot be made.
        """
        with disk_faults_told(self.folder):
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not any((self.folder / name).exists() for name in _OURS):
                self._check_empty()
            self.folder.chmod(0o700)  # names and numbers of people
            lock = os.open(self.folder / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                raise ReportError(
                    f"{self.folder}: another run is working here; wait for it or name another folder"
                ) from None
            self._claim()
            yield
        finally:
            os.close(lock)

    def _claim(self) -> None:
        known = self._read(_CLAIM, msgspec.json.Decoder(_Key))
        if known is None:
            self._check_empty()
            self._write(_CLAIM, _Key(LAYOUT, self.key))
        elif (known.layout, known.key) != (LAYOUT, self.key):
            if not (self.folder / "split.json").exists():  # of that run nothing counts
                self._clear()
                self._write(_CLAIM, _Key(LAYOUT, self.key))
                return
            raise ReportError(
                f"{self.folder} holds a run of other files or settings, or of another Talktime; finish that, "
                "name another folder, or remove it"
            )

    def _check_empty(self) -> None:
        """Refuses a folder that is not ours. A run that was killed as it claimed one left half a file."""
        others = sorted(path.name for path in self.folder.iterdir() if path.name != _LOCK)
        others = [name for name in others if not name.startswith(f".{_CLAIM}.")]
        if others:
            raise ReportError(
                f"{self.folder} holds other files ({others[0]}); name an empty folder, or a new one"
            )

    def split(self) -> Split | None:
        """The finished split, or None; what an unfinished one left is removed."""
        found: Split | None = self._read("split.json", msgspec.json.Decoder(Split))
        if found is None:
            self._clear()
        return found

    def keep_split(self, split: Split) -> None:
        """From here on the usage need not be read again."""
        synced(self.usage)
        self._write("split.json", split)

    def finished(self, part: int) -> tuple[TenantCharged, ...] | None:
        """The tenants of a part if it is finished."""
        found: tuple[TenantCharged, ...] | None = self._read(f"{part:03}.json", self._tenants)
        return found

    def keep(self, part: int, charged: Charged) -> None:
        """Keeps a part: its calls first, then the summary that makes it count."""
        path = self.folder / f"{part:03}.arrow"
        with disk_faults_told(path), replaced(path) as half:
            charged.calls.write_ipc(half, compression="lz4")
        self._write(f"{part:03}.json", charged.tenants)

    def calls(self, part: int) -> pl.DataFrame:
        """The charged calls of a finished part."""
        path = self.folder / f"{part:03}.arrow"
        with damage_told(path):
            calls = pl.read_ipc(path)
        kept = sum(tenant.totals.calls for tenant in self.finished(part) or ())
        check_rows(path, calls.height, kept)
        return calls

    def remove(self) -> None:
        """Takes the folder away: the run is done.

        What counts as finished goes first, whose folder it is last: a kill in between leaves nothing that
        would mislead the next run.
        """
        (self.folder / "split.json").unlink(missing_ok=True)
        self._clear()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _clear(self) -> None:
        """Removes all but whose folder it is: without a finished split nothing in it counts."""
        for path in self.folder.glob("[0-9]*.json"):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.usage, ignore_errors=True)
        for path in self.folder.iterdir():
            if path.name not in _OURS and path.is_file():
                path.unlink(missing_ok=True)

    def _read(self, name: str, decoder: Any) -> Any:
        path = self.folder / name
        with damage_told(path):
            return decoder.decode(path.read_bytes()) if path.exists() else None

    def _write(self, name: str, value: Any) -> None:
        path = self.folder / name
        with disk_faults_told(path), replaced(path) as half:
            half.write_bytes(msgspec.json.encode(value))
