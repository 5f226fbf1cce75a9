"""Databases for tests: a migrated one for each test, in a file of SQLite and on a real PostgreSQL.

Each test process starts one server of its own when the first test asks for it. Where PostgreSQL cannot run,
its tests are skipped by name.
"""

import itertools
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import pytest
from psycopg import sql

from talktime.ledger.database import open_url, upgrade
from tests.postgres_servers import Folder, PostgresPair, Server, UnavailableError, running_pair

_numbers = itertools.count(1)


@cache
def _server_or_reason() -> Server | str:
    """The server of this test process, with a migrated database to copy; or why there is none."""
    try:
        server = Server(Folder(), "a", 5001)
        server.initialise()
        server.start()
    except (UnavailableError, OSError) as error:
        return str(error)
    server.execute(sql.SQL("create database migrated"))
    upgrade(open_url(server.url("migrated")))
    server.execute(sql.SQL("alter database migrated with allow_connections false is_template true"))
    return server


def postgres_server(who: str) -> Server:
    """The server that all tests of this process share; `who` is skipped where it cannot run."""
    server = _server_or_reason()
    if isinstance(server, str):
        pytest.skip(f"{who} needs PostgreSQL, which cannot run here: {server}")
    return server


@contextmanager
def fresh_postgres(who: str, migrated: bool = True) -> Iterator[str]:
    """The URL of a database that nobody has used, migrated or empty; it is dropped afterwards."""
    server = postgres_server(who)
    database = f"t_{next(_numbers)}"
    name = sql.Identifier(database)
    template = sql.Identifier("migrated" if migrated else "template1")
    server.execute(sql.SQL("create database {} template {}").format(name, template))
    try:
        yield server.url(database)
    finally:
        server.execute(sql.SQL("drop database {} with (force)").format(name))


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
