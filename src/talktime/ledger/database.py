"""Opening a database for the ledger: which one, is its schema the right one, does it keep what it commits.

A database is named by a URL, brought to the newest schema by `upgrade`, and used only after `check_current`
and `check_durability` had nothing to say. What goes wrong is a DatabaseError: one sentence for the operator.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from talktime.ledger.schema import Kind

# A number that nobody else uses for an advisory lock on PostgreSQL: "talktime" in ASCII.
UPGRADE_LOCK = 0x74616C6B74696D65
BUSY_TIMEOUT_MS = 10_000
CONNECT_TIMEOUT_S = 10
"""A server that takes a connection and says nothing is away; the URL may say otherwise."""

# What `check_postgres_settings` judges; a text, so that asynchronous connections can ask too.
POSTGRES_SETTINGS_QUERY = (
    "select name, setting from pg_settings where name in ('fsync', 'full_page_writes', 'synchronous_commit')"
)
# Alembic keeps its running step in a global place.
_ALEMBIC = threading.Lock()
_SAFE_POSTGRES = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
}
_SECRET = ("password", "sslpassword", "oauth_client_secret")
_SQLITE_SYNCHRONOUS = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


class DatabaseError(Exception):
    """A database that cannot be used as it is: one sentence says what, where and what to do."""


class DurabilityError(DatabaseError):
    """The database may forget what it has committed; its settings have to change first."""


class SchemaError(DatabaseError):
    """The schema is older or newer than this Talktime."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """Where a database is: `place` is a file's path (sqlite) or a libpq connection string (postgresql)."""

    kind: Kind
    place: str = field(repr=False)

    @property
    def path(self) -> Path:
        """The file of a SQLite database."""
        return Path(self.place)

    def __str__(self) -> str:
        """For messages: without the password."""
        if self.kind == "sqlite":
            return f"sqlite:///{self.place}"
        shown = {key: value for key, value in conninfo_to_dict(self.place).items() if key not in _SECRET}
        return f"postgresql ({make_conninfo('', **shown)})"


class Revision(NamedTuple):
    """The step of the schema that a database stands at (None: empty), and the newest one."""

    current: str | None
    head: str


def open_url(url: str) -> DatabaseUrl:
    """Reads `sqlite:///ledger.db` (`sqlite:////` for an absolute path) or `postgresql://...` (interfaces.md).

    Of several hosts the one that takes writes is wanted, unless the URL says otherwise. Raises DatabaseError.
    """
    if url.startswith("sqlite:"):
        return DatabaseUrl("sqlite", _sqlite_place(url))
    if url.startswith("postgresql://"):
        return DatabaseUrl("postgresql", _postgres_place(url))
    raise DatabaseError(
        f"the database {_scheme(url)} is none that Talktime knows;"
        " write sqlite:///path/of/ledger.db or postgresql://user@host/name"
    )


def _scheme(url: str) -> str:
    """What may be shown of a URL that could hold a password."""
    scheme, found, _rest = url.partition(":")
    return f"{scheme}:..." if found else repr(url)


def _sqlite_place(url: str) -> str:
    place = url.removeprefix("sqlite:///")
    if place == url or place in ("", ":memory:") or "?" in place:
        raise DatabaseError(
            f"the database {url} names no file; write sqlite:///path/of/ledger.db, without options,"
            " and one slash more for an absolute path"
        )
    return place


def _postgres_place(url: str) -> str:
    try:
        parts = conninfo_to_dict(url)
    except psycopg.ProgrammingError:
        raise DatabaseError(
            "the database URL postgresql:... cannot be read; write postgresql://user@host/name"
            " and a percent sign with two digits for each special character, as in %40 for @"
        ) from None  # libpq quotes what it could not read, which may be the password
    if "," in f"{parts.get('host', '')}{parts.get('hostaddr', '')}":
        parts.setdefault("target_session_attrs", "read-write")
    parts.setdefault("connect_timeout", str(CONNECT_TIMEOUT_S))
    return make_conninfo("", **parts)


# --- connections -----------------------------------------------------------------------------------


def connect_sqlite(path: Path | str) -> sqlite3.Connection:
    """A connection that begins no transaction by itself (isolation_level None), in WAL mode, durable.

    It may move between threads, but whoever shares it has to order its use. Raises DatabaseError where the
    file does not exist (`upgrade` makes it) or is no database.
    """
    if sqlite3.sqlite_version_info < (3, 37):
        raise DatabaseError(f"SQLite {sqlite3.sqlite_version} is too old; Talktime needs 3.37 or newer")
    if not Path(path).is_file():
        raise DatabaseError(f"there is no database at {path}; make it with `talktime db upgrade`")
    try:
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    except sqlite3.Error as error:
        raise _unusable(f"sqlite:///{path}", error) from error
    try:
        _set_pragmas(connection)
    except sqlite3.Error as error:
        connection.close()
        raise _unusable(f"sqlite:///{path}", error) from error
    return connection


def _set_pragmas(connection: sqlite3.Connection) -> None:
    connection.execute(f"pragma busy_timeout = {BUSY_TIMEOUT_MS}")
    _set_wal(connection)
    connection.execute("pragma synchronous = full")
    connection.execute("pragma wal_autocheckpoint = 4000")  # pages: 16 MB between two checkpoints
    connection.execute("pragma cache_size = -65536")  # KiB
    connection.execute("pragma mmap_size = 0")  # a fault of the disk is an error then, not a dead process
    connection.execute("pragma temp_store = memory")
    connection.execute("pragma foreign_keys = on")


def _set_wal(connection: sqlite3.Connection) -> None:
    """The change to WAL does not wait for others as a statement does, so it is tried again for as long."""
    give_up_s = time.monotonic() + BUSY_TIMEOUT_MS / 1000
    while True:
        try:
            connection.execute("pragma journal_mode = wal")
        except sqlite3.OperationalError as error:
            busy = error.sqlite_errorcode & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
            if not busy or time.monotonic() > give_up_s:
                raise
            time.sleep(0.02)
        else:
            return


def _unusable(place: str, error: Exception) -> DatabaseError:
    return DatabaseError(f"the database {place} cannot be used: {' '.join(str(error).split())}")


def open_engine(url: DatabaseUrl) -> sa.Engine:
    """For queries by SQLAlchemy Core: a connection of its own for each block, in one transaction.

    On SQLite a transaction begins by reading; what changes the ledger goes through the engine's commands.
    """
    return _engine(url, "begin")


def _engine(url: DatabaseUrl, begin: str) -> sa.Engine:
    if url.kind == "sqlite":
        engine = sa.create_engine(
            "sqlite://", creator=lambda: connect_sqlite(url.path), poolclass=sa.NullPool
        )

        def begin_transaction(connection: sa.Connection) -> None:
            connection.exec_driver_sql(begin)

        sa.event.listen(engine, "begin", begin_transaction)
        return engine
    return sa.create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url.place), poolclass=sa.NullPool
    )


# --- the schema ------------------------------------------------------------------------------------


def upgrade(url: DatabaseUrl) -> None:
    """Brings the schema to the newest step in one transaction; makes the file and its folder on SQLite.

    Of several processes that do it at once, one works and the others find it done. Raises DatabaseError.
    """
    if url.kind == "sqlite":
        _make_file(url.path)
    with _reporting(url), _engine(url, "begin immediate").begin() as connection:
        if url.kind == "postgresql":
            connection.exec_driver_sql(f"select pg_advisory_xact_lock({UPGRADE_LOCK})")
        config = _config()
        config.attributes["connection"] = connection
        with _ALEMBIC:
            command.upgrade(config, "head")


def _make_file(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)  # it names who called whom; SQLite gives its other files the same rights
    except OSError as error:
        raise DatabaseError(f"the database {path} cannot be made: {error.strerror or error}") from error


def revision(url: DatabaseUrl) -> Revision:
    """Which step the database stands at, and the newest one. Raises DatabaseError where nobody answers."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise DatabaseError("the package holds no steps of the schema; install it again")
    if url.kind == "sqlite" and not url.path.is_file():
        return Revision(None, head)
    with _reporting(url), _engine(url, "begin").connect() as connection:
        return Revision(MigrationContext.configure(connection).get_current_revision(), head)


def check_current(url: DatabaseUrl) -> None:
    """Raises SchemaError unless the schema is the one of this Talktime; says how to get there."""
    current, head = revision(url)
    if current == head:
        return
    if current is None:
        raise SchemaError(f"the database {url} is empty; run `talktime db upgrade`")
    if current in _known_steps():
        raise SchemaError(
            f"the schema of the database {url} is at step {current}, this Talktime needs {head};"
            " run `talktime db upgrade`"
        )
    raise SchemaError(_newer(url))


def _newer(url: DatabaseUrl) -> str:
    return (
        f"the database {url} was made by a newer Talktime; install that one,"
        " since `talktime db upgrade` cannot go back"
    )


def _known_steps() -> set[str]:
    return {step.revision for step in ScriptDirectory.from_config(_config()).walk_revisions()}


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "talktime.ledger:migrations")
    return config


@contextmanager
def _reporting(url: DatabaseUrl) -> Iterator[None]:
    """Turns what drivers raise into one sentence."""
    try:
        yield
    except CommandError as error:  # the step that the database stands at is none of ours
        raise SchemaError(_newer(url)) from error
    except sa.exc.DBAPIError as error:
        raise _unusable(str(url), error.orig or error) from error
    except (psycopg.Error, sqlite3.Error) as error:
        raise _unusable(str(url), error) from error


# --- does it keep what it commits? -----------------------------------------------------------------


def check_durability(connection: sqlite3.Connection | psycopg.Connection[Any]) -> None:
    """Reads the settings of this very connection back (rulings.md 35); raises DurabilityError."""
    if isinstance(connection, sqlite3.Connection):
        (mode,) = connection.execute("pragma journal_mode").fetchone()
        (synchronous,) = connection.execute("pragma synchronous").fetchone()
        check_sqlite_settings(mode, synchronous)
    else:
        with connection.cursor(row_factory=psycopg.rows.tuple_row) as cursor:
            check_postgres_settings(dict(cursor.execute(POSTGRES_SETTINGS_QUERY).fetchall()))


def check_keeps(url: DatabaseUrl) -> None:
    """Asks a database that exists, before anything is served on it. Raises DurabilityError, DatabaseError."""
    with _reporting(url):
        connection = connect_sqlite(url.path) if url.kind == "sqlite" else psycopg.connect(url.place)
        with closing(connection):
            check_durability(connection)


def check_sqlite_settings(journal_mode: str, synchronous: int) -> None:
    """WAL, and every commit synced: `synchronous` 2 (FULL) or 3 (EXTRA). Raises DurabilityError."""
    if journal_mode != "wal":
        raise DurabilityError(
            f"SQLite's journal_mode is {journal_mode}, not wal; put the database on a disk of this machine"
        )
    if synchronous not in (2, 3):
        word = _SQLITE_SYNCHRONOUS.get(synchronous, synchronous)
        raise DurabilityError(
            f"SQLite's synchronous is {word}, so a power cut may undo a charge; it has to be FULL or EXTRA"
        )


def check_postgres_settings(settings: Mapping[str, str]) -> None:
    """Judges name and value of each row of POSTGRES_SETTINGS_QUERY. Raises DurabilityError.

    `local` and `remote_write` are refused even without a standby: they would lose commits once there is one.
    """
    for name, safe in _SAFE_POSTGRES.items():
        value = settings.get(name, "not shown")
        if value not in safe:
            raise DurabilityError(
                f"PostgreSQL's {name} is {value}, so a committed charge may be lost;"
                f" set it to {' or '.join(safe)}"
            )
