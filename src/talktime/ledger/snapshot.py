"""The whole ledger at one instant, as streams in the order of tenants, while the system goes on.

Each table is read once, in an order that lets all of them be merged, so memory does not grow with the
ledger. On SQLite the read keeps the write-ahead log from shrinking until it ends.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar

import psycopg

from talktime.ledger.database import DatabaseError, DatabaseUrl, check_current, connect_sqlite
from talktime.ledger.records import Entry

FETCHED_ROWS: Final = 2_000
"""Rows of a stream that are in memory at a time on PostgreSQL."""

# Tenants are merged in the order of their code points. An index in another order cannot give that one, so
# there the database sorts, on disk.
_ORDER_QUERY: Final = """
select (to_jsonb(d) ->> 'datlocprovider' = 'b'
        or coalesce(to_jsonb(d) ->> 'datlocprovider', 'c') = 'c' and d.datcollate in ('C', 'POSIX'))
from pg_database d where d.datname = current_database()
"""


class WalletRow(NamedTuple):
    """Totals of a tenant as they are stored."""

    tenant: str
    balance: int
    overdraft: int
    reserved: int
    next_lot: int
    number: int
    charge: int
    head: bytes
    last_us: int
    next_expiry_us: int
    lots: str
    standing: str


class LotRow(NamedTuple):
    """The facts of a purchase."""

    tenant: str
    lot: int
    bought_us: int
    expires_us: int
    amount: int
    reference: str


class PaymentRow(NamedTuple):
    """A payment as it is stored, without its instants."""

    tenant: str
    payment: str
    kind: str
    state: str
    amount: int
    gateway: str
    gateway_payment: str
    body: str


class PaperRow(NamedTuple):
    """That there is a paper."""

    tenant: str
    kind: str
    key: str


class ChargeRow(NamedTuple):
    """A charge, without what `verify` does not look at."""

    tenant: str
    number: int
    call_id: str
    at_us: int
    billed_s: int
    pool_s: int
    paid_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int
    corrects: int
    body: str


class CounterRow(NamedTuple):
    """A pool, a cap, or a count of open calls."""

    tenant: str
    counter: str
    period: int
    used: int
    reserved: int


class SessionColumns(NamedTuple):
    """A session as it is stored."""

    tenant: str
    charge: int
    call_id: str
    state: int
    reserved: int
    body: str


class ImportedColumns(NamedTuple):
    """A booked row of a rated file as it is stored."""

    tenant: str
    charge: int
    identity: str
    call_id: str


class EntryRow(NamedTuple):
    """An entry and whose it is."""

    tenant: str
    entry: Entry


class _OfTenant(Protocol):
    """A row that belongs to a tenant."""

    @property
    def tenant(self) -> str: ...


_Row = TypeVar("_Row", bound=_OfTenant)
Query = Callable[[str], Iterator[tuple[Any, ...]]]
"""Runs a query whose rows come one after the other."""


class Stream(Generic[_Row]):
    """Rows in the order of tenants, of which one can be seen ahead. Nothing is read before it is asked."""

    def __init__(self, rows: Iterator[_Row]) -> None:
        self._rows = rows
        self._ahead: _Row | None = None

    @property
    def ahead(self) -> _Row | None:
        """The next row; None at the end."""
        if self._ahead is None:
            self._ahead = next(self._rows, None)
        return self._ahead

    def take(self) -> _Row | None:
        """The next row, and on to the one after it; None at the end."""
        row, self._ahead = self.ahead, None
        return row

    def of(self, tenant: str) -> Iterator[_Row]:
        """The next rows of a tenant; who stops early finds the rest here again."""
        while (row := self.ahead) is not None and row.tenant == tenant:
            self.take()
            yield row


class Snapshot:
    """The tables of the ledger as streams.

    Sessions and rows of rated files come in the order of the charges that they name.
    """

    def __init__(self, query: Query, order: str) -> None:
        self._query = query
        self._order = order
        self.wallets = Stream(self._read(WalletRow, WalletRow._fields, "wallets"))
        self.lots = Stream(self._read(LotRow, LotRow._fields, "lots", "lot"))
        self.entries = Stream(self._read(_entry, ("tenant", *Entry._fields), "journal", "number"))
        self.charges = Stream(self._read(ChargeRow, ChargeRow._fields, "charges", "number"))
        self.counters = Stream(self._read(CounterRow, CounterRow._fields, "counters", "counter", "period"))
        self.sessions = Stream(
            self._read(SessionColumns, SessionColumns._fields, "sessions", "charge", "call_id")
        )
        self.imported = Stream(
            self._read(ImportedColumns, ImportedColumns._fields, "imported", "charge", "identity")
        )
        self.payments = Stream(self._read(PaymentRow, PaymentRow._fields, "payments", "payment"))
        self.papers = Stream(self._read(PaperRow, PaperRow._fields, "papers", "kind", "key"))

    def tenants(self) -> Iterator[str]:
        """Everybody who has a row anywhere, in order; whoever asks for the next has read all of the last."""
        streams: tuple[Stream[Any], ...] = (
            self.wallets,
            self.lots,
            self.entries,
            self.charges,
            self.counters,
            self.sessions,
            self.imported,
            self.payments,
            self.papers,
        )
        while waiting := [row.tenant for stream in streams if (row := stream.ahead) is not None]:
            yield min(waiting)

    def _read(
        self, row: Callable[..., _Row], columns: Iterable[str], table: str, *then: str
    ) -> Iterator[_Row]:
        order = ", ".join([f"tenant{self._order}", *then])
        for values in self._query(f"select {', '.join(columns)} from {table} order by {order}"):
            yield row(*values)


def _entry(tenant: str, *values: Any) -> EntryRow:
    return EntryRow(tenant, Entry._make(values))


@contextmanager
def open_snapshot(url: DatabaseUrl) -> Iterator[Snapshot]:
    """Reads the ledger at one instant. Raises DatabaseError where it is none, or has another schema."""
    check_current(url)
    try:
        if url.kind == "sqlite":
            with _sqlite(url) as snapshot:
                yield snapshot
        else:
            with _postgres(url) as snapshot:
                yield snapshot
    except (sqlite3.Error, psycopg.Error) as error:
        raise DatabaseError(f"the database {url} cannot be read: {' '.join(str(error).split())}") from error


@contextmanager
def _sqlite(url: DatabaseUrl) -> Iterator[Snapshot]:
    connection = connect_sqlite(url.path)
    try:
        connection.execute("pragma query_only = on")
        connection.execute("pragma temp_store = file")  # what has to be sorted may be larger than memory
        connection.execute("begin")
        yield Snapshot(connection.execute, "")
    finally:
        connection.close()


@contextmanager
def _postgres(url: DatabaseUrl) -> Iterator[Snapshot]:
    with psycopg.connect(url.place) as connection:
        connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        connection.read_only = True
        connection.execute("set local cursor_tuple_fraction = 1.0")  # all rows are wanted, not the first
        found = connection.execute(_ORDER_QUERY).fetchone()
        numbers = itertools.count(1)

        with ExitStack() as cursors:

            def query(statement: str) -> Iterator[tuple[Any, ...]]:
                cursor = cursors.enter_context(connection.cursor(name=f"verify_{next(numbers)}"))
                cursor.itersize = FETCHED_ROWS
                return iter(cursor.execute(statement.encode()))

            yield Snapshot(query, "" if found and found[0] else ' collate "C"')
