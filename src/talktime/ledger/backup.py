"""Backup and restore of a ledger in a file of SQLite: whole, of one instant, checked before it counts.

The system may go on during a backup. A restore never destroys anything: the ledger that it replaces stays
beside it under another name.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

from talktime.ledger.database import DatabaseError, DatabaseUrl, check_current, connect_sqlite, revision
from talktime.ledger.new_file import new_file
from talktime.ledger.verify import Verified, verify


class BackupError(DatabaseError):
    """A backup or a restore that was not done: one sentence says why and what to do."""


@dataclass(frozen=True, slots=True)
class Copied:
    """A ledger that was copied to `path`, what `verify` found in it, and where the replaced one lies."""

    path: Path
    verified: Verified
    replaced: Path | None = None


def backup(url: DatabaseUrl, target: Path) -> Copied:
    """Copies a ledger, in use or not, into a new file that needs no other one beside it.

    A ledger with differences is copied all the same. Raises DatabaseError.
    """
    _need_sqlite(url, "back it up")
    check_current(url)
    with _reporting(f"the backup {target} was not made"), closing(connect_sqlite(url.path)) as source:
        with new_file(target) as part:
            verified = _copy(source, part, url.path)
        return Copied(target, verified)


def restore(url: DatabaseUrl, source: Path, *, now_us: int, force: bool = False) -> Copied:
    """Puts a backup in the place of the ledger. `force` replaces one that is there; `now_us` names that.

    Raises DatabaseError for what is no ledger of this Talktime, and for a ledger that is in use.
    """
    _need_sqlite(url, "restore it")
    target = url.path
    if target.exists() and not force:
        raise BackupError(f"there is a ledger at {target} already; --force replaces it and keeps it aside")
    if not source.is_file():
        raise BackupError(f"there is no backup at {source}")
    if target.exists() and target.samefile(source):
        raise BackupError(f"{source} is the ledger itself; name a backup of it")
    with _reporting(f"{source} was not restored"), closing(_reading(source)) as connection:
        target.parent.mkdir(parents=True, exist_ok=True)
        with new_file(target, makes_room=True) as part:
            verified = _copy(connection, part, source)
            replaced = _set_aside(target, now_us)
    return Copied(target, verified, replaced)


def _copy(source: sqlite3.Connection, part: Path, name: Path) -> Verified:
    """Copies all pages in one read, so no writer makes it begin again; then looks at every one of them."""
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        source.backup(copy)
        (found,) = copy.execute("pragma integrity_check(1)").fetchone()
        if found != "ok":
            raise BackupError(f"{name} is damaged ({' '.join(found.split())}); no copy of it was kept")
    url = DatabaseUrl("sqlite", str(part))
    current, head = revision(url)
    if current is None:
        raise BackupError(f"{name} is no ledger")
    if current != head:
        raise BackupError(
            f"the schema of {name} is at step {current}, this Talktime needs {head};"
            " restore it with the Talktime that made it, then run `talktime db upgrade`"
        )
    verified = verify(url)
    with closing(sqlite3.connect(part, isolation_level=None)) as copy:
        copy.execute("pragma journal_mode = delete")  # one file, readable from a disk that cannot be written
    return verified


def _reading(path: Path) -> sqlite3.Connection:
    """A connection that leaves the backup as it is."""
    return sqlite3.connect(f"file:{quote(str(path.absolute()))}?mode=ro", uri=True, isolation_level=None)


def _set_aside(target: Path, now_us: int) -> Path | None:
    """Renames a ledger that nobody uses; its log goes with it, or it would be played into the new one."""
    if target.exists():
        _close_down(target)
    at = datetime.fromtimestamp(now_us // 1_000_000, UTC)
    aside = target.with_name(f"{target.name}.replaced-{at:%Y%m%dT%H%M%SZ}")
    if aside.exists():
        raise BackupError(f"{aside} exists already; try again in a second")
    replaced = None
    for ending in ("-wal", "-shm", ""):
        path = target.with_name(target.name + ending)
        if path.exists():
            replaced = path.rename(aside.with_name(aside.name + ending))
    return replaced


def _close_down(target: Path) -> None:
    """Folds the log of the ledger into its file, which works only while no one else has it open."""
    with closing(sqlite3.connect(target, timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("pragma journal_mode = delete")
        except sqlite3.OperationalError as error:
            raise BackupError(f"the ledger at {target} is in use ({error}); stop Talktime first") from error
        except sqlite3.DatabaseError:
            return  # it is damaged, which may be why it is replaced


def _need_sqlite(url: DatabaseUrl, what: str) -> None:
    if url.kind == "postgresql":
        raise BackupError(
            f"the ledger is on PostgreSQL; {what} with its own tools, pg_basebackup or pg_dump"
            " and pg_restore, then run `talktime verify`"
        )


@contextmanager
def _reporting(what: str) -> Iterator[None]:
    """Turns what the disk and SQLite raise into one sentence."""
    try:
        yield
    except FileExistsError as error:
        raise BackupError(f"{what}: {error}") from error
    except OSError as error:
        raise BackupError(f"{what}: {error.strerror or error}") from error
    except sqlite3.Error as error:
        raise BackupError(f"{what}: {' '.join(str(error).split())}") from error
