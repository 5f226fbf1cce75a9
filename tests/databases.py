"""Databases for tests: a migrated one for each test, in a file of SQLite and on a real PostgreSQL.

Each test process starts one server of its own when the first test asks for it. Where PostgreSQL cannot run,
its tests are skipped by name.
"""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from talktime.ledger.database import open_url, upgrade
from tests.postgres_servers import Folder, PostgresPair, Server, UnavailableError, running_pair

_numbers = itertools.count(1)


SWEEP = """
do $$
declare
    name text;
    filled boolean;
begin
    perform pg_terminate_backend(pid, 5000) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid();
    for name in select relname from pg_class
        where relnamespace = 'public'::regnamespace and relkind = 'r' and relname <> 'alembic_version'
    loop
        execute format('select exists (select 1 from %I)', name) into filled;
        if filled then
            execute format('truncate %I cascade', name);
        end if;
    end loop;
    for name in select sequencename from pg_sequences where last_value is not null
    loop
        execute format('alter sequence %I restart', name);
    end loop;
end $$
"""

SHAPE = """
select md5(string_agg(line, chr(10) order by line)) from (
    select concat_ws(' ', 'relation', relname, relkind, reloptions, relpersistence) from pg_class
        where relnamespace = 'public'::regnamespace
    union all select concat_ws(' ', 'column', attrelid::regclass, attnum, attname, atttypid, attnotnull)
        from pg_attribute join pg_class on pg_class.oid = attrelid
        where relnamespace = 'public'::regnamespace and relkind in ('r', 'p')
    union all select concat_ws(' ', 'constraint', conname, pg_get_constraintdef(oid)) from pg_constraint
        where connamespace = 'public'::regnamespace
    union all select concat_ws(' ', 'trigger', tgname, tgrelid::regclass, tgenabled) from pg_trigger
    union all select concat_ws(' ', 'function', proname, prosrc) from pg_proc
        where pronamespace = 'public'::regnamespace
    union all select concat_ws(' ', 'setting', setconfig) from pg_db_role_setting
        join pg_database on pg_database.oid = setdatabase where datname = current_database()
    union all select concat_ws(' ', 'step', version_num) from alembic_version
) as lines(line)
"""
"""What tells a database from the template, but for rows."""


@dataclass(frozen=True)
class _Shared:
    """The server of this test process; `shape` is that of the migrated database, `swept` are as new."""

    server: Server
    shape: str
    swept: list[str]


@cache
def _shared_or_reason() -> _Shared | str:
    """The server of this test process, with a migrated database to copy; or why there is none."""
    try:
        server = Server(Folder(), "a", 5001)
        server.initialise()
        server.start()
    except (UnavailableError, OSError) as error:
        return str(error)
    server.execute(sql.SQL("create database migrated"))
    upgrade(open_url(server.url("migrated")))
    with server.connect("migrated") as connection:
        shape = _shape(connection)
    server.execute(sql.SQL("alter database migrated with allow_connections false is_template true"))
    return _Shared(server, shape, [])


def _shared(who: str) -> _Shared:
    found = _shared_or_reason()
    if isinstance(found, str):
        pytest.skip(f"{who} needs PostgreSQL, which cannot run here: {found}")
    return found


def postgres_server(who: str) -> Server:
    """The server that all tests of this process share; `who` is skipped where it cannot run."""
    return _shared(who).server


@contextmanager
def fresh_postgres(who: str, migrated: bool = True) -> Iterator[str]:
    """The URL of a database that is as new, migrated or empty; nobody is connected to it afterwards.

    A migrated one is swept and used again under another name: that takes a tenth of the time of a new one.
    One whose schema or settings a test has changed is dropped.
    """
    shared = _shared(who)
    server, database = shared.server, f"t_{next(_numbers)}"
    if not (migrated and _used_again(shared, database)):
        _create(server, database, "migrated" if migrated else "template1")
    try:
        yield server.url(database)
    finally:
        if migrated and _sweep(shared, database):
            shared.swept.append(database)
        else:
            _drop(server, database)


def _create(server: Server, database: str, template: str) -> None:
    # Copying files costs a quarter of what copying by the log does.
    statement = sql.SQL("create database {} template {} strategy file_copy")
    server.execute(statement.format(sql.Identifier(database), sql.Identifier(template)))


def _drop(server: Server, database: str) -> None:
    server.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(database)))


def _used_again(shared: _Shared, database: str) -> bool:
    """Gives a swept database a new name, so that whoever knows the old one cannot come back."""
    while shared.swept:
        old = shared.swept.pop()
        rename = sql.SQL("alter database {} rename to {}")
        try:
            shared.server.execute(rename.format(sql.Identifier(old), sql.Identifier(database)))
        except psycopg.errors.ObjectInUse:
            _drop(shared.server, old)  # somebody has come back already
        else:
            return True
    return False


def _sweep(shared: _Shared, database: str) -> bool:
    """Ends all that others do there and empties it; False where it is no more what it was."""
    with shared.server.connect(database) as connection:
        connection.execute(SWEEP)
        return _shape(connection) == shared.shape


def _shape(connection: psycopg.Connection[Any]) -> str:
    row = connection.execute(SHAPE).fetchone()
    assert row is not None
    return str(row[0])


@cache
def _migrated_file() -> bytes:
    with tempfile.TemporaryDirectory(prefix="tt-") as folder:
        path = Path(folder) / "migrated.db"
        upgrade(open_url(f"sqlite:///{path}"))
        return path.read_bytes()


def fresh_sqlite(folder: Path) -> str:
    """The URL of a migrated database in a file of its own in `folder`."""
    path = folder / f"t_{next(_numbers)}.db"
    path.write_bytes(_migrated_file())
    return f"sqlite:///{path}"


@pytest.fixture
def sqlite_database(tmp_path: Path) -> str:
    """The URL of a migrated SQLite database."""
    return fresh_sqlite(tmp_path)


@pytest.fixture
def postgres_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database."""
    with fresh_postgres(request.node.name) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a migrated database; the test runs once on each kind."""
    if request.param == "sqlite":
        yield fresh_sqlite(tmp_path)
    else:
        with fresh_postgres(request.node.name) as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database without any table (on SQLite: without a file); once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new' / 'ledger.db'}"
    else:
        with fresh_postgres(request.node.name, migrated=False) as url:
            yield url


@pytest.fixture
def postgres_pair(request: pytest.FixtureRequest) -> Iterator[PostgresPair]:
    """A primary and its synchronous standby, for this test alone (about two seconds)."""
    postgres_server(request.node.name)
    with running_pair() as pair:
        yield pair
