"""Databases for `bench_live.py`: new ones, copies, their size, and tenants in any number.

Tenants are not made by the engine one by one: it makes one, and starts a call for it; the rows of it are then
copied in bulk by the database itself, with another name in each text. The chain of hashes does not hold the
name, so `talktime verify` finds nothing wrong in such a ledger.

The tenants that the load plays are t000000, t000001 ...; where there are more than PLAYED, the others stand
between them in the order of the keys, so that neighbours in time are not neighbours on the disk.
"""

import asyncio
import itertools
import os
import shutil
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Protocol

import msgspec
import psycopg
import sqlalchemy as sa
from psycopg import sql

from bench.load import Bodies, Plan
from talktime.accounts.documents import tenant_text, text_of, user_key
from talktime.accounts.tenant import Licence, Tenant, User
from talktime.catalog.load import load_catalogue
from talktime.doors.http.wire import item_operation
from talktime.files.decks.sample import default_deck
from talktime.ledger.commands import NewTenant, OpenLot
from talktime.ledger.database import connect_sqlite, open_url, upgrade
from talktime.ledger.decks import ALL_TENANTS, Binding, Decks
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.records import Document
from talktime.ledger.schema import GLOBAL_TABLES, Kind, metadata
from talktime.ledger.sqlite_store import SqliteStore
from talktime.live.answers import Allowed
from talktime.live.desk import Desk
from talktime.live.rates import RateBooks
from tests.postgres_servers import Server

FIRST = "t000000"
PLAYED = 50_000
DAY_US = 86_400_000_000
CREDITS_MICROS = 10**13

# A server for tests writes a checkpoint every 64 MB; one that is measured has room.
POSTGRES_OPTIONS = ("shared_buffers=256MB", "min_wal_size=256MB", "max_wal_size=2GB")

Connection = sqlite3.Connection | psycopg.Connection[Any]


class Keeper(Protocol):
    """Keeps databases of one kind; they are named by their URLs."""

    name: str
    kind: Kind

    def new(self) -> str:
        """An empty ledger."""

    def copy(self, url: str) -> str:
        """A copy of one that nobody uses."""

    def drop(self, url: str) -> None:
        """Removes it."""

    def connect(self, url: str) -> Connection:
        """A connection on which each statement commits by itself."""

    def settle(self, url: str) -> None:
        """After many rows: what the database would otherwise do about them later."""

    def size_bytes(self, url: str) -> int:
        """What the tables and indexes take on the disk, the log folded in."""


class SqliteKeeper:
    """Files in a folder."""

    name = "SQLite"
    kind: Kind = "sqlite"

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._numbers = itertools.count(1)

    def _path(self, url: str) -> Path:
        return open_url(url).path

    def _next(self) -> str:
        return f"sqlite:///{self._folder / f'{next(self._numbers)}.db'}"

    def new(self) -> str:
        url = self._next()
        upgrade(open_url(url))
        return url

    def copy(self, url: str) -> str:
        self.size_bytes(url)
        copied = self._next()
        shutil.copyfile(self._path(url), self._path(copied))
        _sync(self._path(copied))
        return copied

    def drop(self, url: str) -> None:
        for ending in ("", "-wal", "-shm"):
            Path(f"{self._path(url)}{ending}").unlink(missing_ok=True)

    def connect(self, url: str) -> sqlite3.Connection:
        return connect_sqlite(self._path(url))

    def settle(self, url: str) -> None:
        self.size_bytes(url)
        _sync(self._path(url))

    def size_bytes(self, url: str) -> int:
        with closing(self.connect(url)) as db:
            db.execute("pragma wal_checkpoint(truncate)")
        return self._path(url).stat().st_size


class PostgresKeeper:
    """Databases of one server."""

    name = "PostgreSQL"
    kind: Kind = "postgresql"

    def __init__(self, server: Server) -> None:
        self._server = server
        self._names = (f"bench_{number}" for number in itertools.count(1))

    def _create(self, template: str) -> str:
        name = next(self._names)
        statement = "create database {} template {} strategy file_copy"
        self._server.execute(sql.SQL(statement).format(sql.Identifier(name), sql.Identifier(template)))
        return self._server.url(name)

    def new(self) -> str:
        url = self._create("template1")
        upgrade(open_url(url))
        return url

    def copy(self, url: str) -> str:
        return self._create(_database(url))

    def drop(self, url: str) -> None:
        name = sql.Identifier(_database(url))
        self._server.execute(sql.SQL("drop database {} with (force)").format(name))

    def connect(self, url: str) -> psycopg.Connection[Any]:
        return psycopg.connect(open_url(url).place, autocommit=True)

    def settle(self, url: str) -> None:
        with self.connect(url) as db:
            db.execute("vacuum (analyze)")
            db.execute("checkpoint")

    def size_bytes(self, url: str) -> int:
        with self.connect(url) as db:
            found = db.execute(
                "select sum(pg_total_relation_size(oid))::bigint from pg_class"
                " where relkind = 'r' and relnamespace = 'public'::regnamespace"
            ).fetchone()
        assert found is not None
        return int(found[0])


def _database(url: str) -> str:
    return url.partition("?")[0].rpartition("/")[2]


def _sync(path: Path) -> None:
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)


@contextmanager
def copied(keeper: Keeper, url: str) -> Iterator[str]:
    """A copy that ends with the block."""
    copy = keeper.copy(url)
    try:
        yield copy
    finally:
        keeper.drop(copy)


def count(keeper: Keeper, url: str, table: str) -> int:
    """Rows of a table."""
    with closing(keeper.connect(url)) as db:
        found = db.execute(f"select count(*) from {table}").fetchone()
    assert found is not None
    return int(found[0])


# --- tenants ------------------------------------------------------------------------------------------


def desk_on(url: str) -> Desk:
    """Live charging in this process."""
    where = open_url(url)
    rates = RateBooks(source=Decks(where))
    rates.refresh()
    store = SqliteStore(where.path) if where.kind == "sqlite" else PostgresStore(where)
    return Desk(store, load_catalogue(), rates=rates)


def prepared(keeper: Keeper, tenants: int, open_calls: int = 0) -> str:
    """A ledger with so many tenants, of which the first and evenly spread others have a call in progress."""
    url = keeper.new()
    _bind_deck(url)
    asyncio.run(_make_first(url))
    with closing(keeper.connect(url)) as db:
        tables = _tables(keeper.kind)
        _take(db, tables, "plain")
        if open_calls:
            asyncio.run(_start_call(url))
            db.execute(f"update sessions set due_us = due_us + {DAY_US}")  # no sweep while we measure
            _take(db, tables, "calling")
        _fill(db, tables, list(_names(tenants, open_calls)))
    keeper.settle(url)
    return url


def _names(tenants: int, open_calls: int) -> Iterator[tuple[str, str]]:
    """(name, whose rows it gets a copy of) of all tenants but the first."""
    every = max(1, tenants // PLAYED)
    width = len(str(every))
    for number in range(1, tenants):
        place, between = divmod(number, every)
        name = f"t{place:06d}" + (f"-{between:0{width}d}" if between else "")
        calls = number * open_calls // tenants > (number - 1) * open_calls // tenants
        yield name, "calling" if calls else "plain"


def _bind_deck(url: str) -> None:
    decks, deck, now_us = Decks(open_url(url)), default_deck(), time.time_ns() // 1_000
    decks.add(deck, now_us)
    if not decks.bindings(ALL_TENANTS):
        decks.bind_all(Binding(deck.currency, 0, deck.version), "bench", now_us)


async def _make_first(url: str) -> None:
    now_us = time.time_ns() // 1_000
    tenant = Tenant(FIRST, FIRST, "US", "USD")
    user = User(f"u@{FIRST}.example", location="US", licences=(Licence("MCOPSTNC"),))
    documents = [
        Document("tenants", "", tenant_text(tenant)),
        Document("users", user_key(user), text_of(user)),
    ]
    lot = OpenLot(CREDITS_MICROS, now_us - DAY_US, now_us + 300 * DAY_US, "manual", "")
    desk = desk_on(url)
    await desk.start(rounds=False)
    try:
        await desk.engine.submit(NewTenant(FIRST, "USD", "UTC", documents, [lot]))
    finally:
        await desk.stop()


async def _start_call(url: str) -> None:
    body = Bodies(Plan()).operation(f"held-{FIRST}".encode(), 0, "start")
    desk = desk_on(url)
    await desk.start(rounds=False)
    try:
        answer = await desk.submit(item_operation(msgspec.Raw(body)))
    finally:
        await desk.stop()
    if not isinstance(answer, Allowed):
        raise SystemExit(f"The call that is to be copied was not let in: {answer}.")


def _tables(kind: Kind) -> list[sa.Table]:
    return [table for name, table in metadata(kind).tables.items() if name not in GLOBAL_TABLES]


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    """Without the numbers that the database gives."""
    return [column for column in table.columns if column.name != "id"]


def _take(db: Connection, tables: Sequence[sa.Table], seed: str) -> None:
    """Keeps the rows of the first tenant as they are now."""
    for table in tables:
        names = ", ".join(column.name for column in _columns(table))
        taken = f"select {names} from {table.name} where tenant = '{FIRST}'"
        db.execute(f"create temporary table {seed}_{table.name} as {taken}")


def _fill(db: Connection, tables: Sequence[sa.Table], names: Sequence[tuple[str, str]]) -> None:
    """Copies the rows that were kept for each name."""
    db.execute("create temporary table names (tenant text, seed text)")
    if isinstance(db, sqlite3.Connection):
        db.execute("pragma journal_mode = delete")  # who opens it next turns the log on again
        db.execute("pragma synchronous = off")
        db.execute("begin")
        db.executemany("insert into names values (?, ?)", names)
    else:
        db.execute("begin")
        with db.cursor() as cursor, cursor.copy("copy names from stdin") as copy:
            for name in names:
                copy.write_row(name)
    for table in tables:
        for seed in sorted({seed for _, seed in names}):
            db.execute(_copy_statement(table, seed))
    db.execute("commit")


def _copy_statement(table: sa.Table, seed: str) -> str:
    """Every text gets the new name where the first tenant's stood."""
    columns = _columns(table)
    values = [
        f"replace(s.{column.name}, '{FIRST}', n.tenant)"
        if isinstance(column.type, sa.Text)
        else f"s.{column.name}"
        for column in columns
    ]
    return (
        f"insert into {table.name} ({', '.join(column.name for column in columns)})"
        f" select {', '.join(values)} from names n cross join {seed}_{table.name} s where n.seed = '{seed}'"
    )
