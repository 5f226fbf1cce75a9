"""The store on SQLite: one file, one writer at a time, every commit synced before it returns.

The hot path is driver SQL on the engine's own thread: a hand-over to another thread costs as much as the work
(feasibility.md 6). A second process is safe: the file's lock makes the order, `data_version` tells when it
wrote, and versions of wallets tell what (rulings.md 33, 35).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from talktime.core.limits import NEVER_US
from talktime.ledger import rows
from talktime.ledger.book import Book
from talktime.ledger.database import (
    DatabaseUrl,
    check_current,
    check_durability,
    connect_sqlite,
)
from talktime.ledger.records import (
    Change,
    Charge,
    Counter,
    Entry,
    ImportedRow,
    NewLot,
    Notice,
    Paper,
    Payment,
    SessionRow,
)
from talktime.ledger.schema import HOURS_FROM
from talktime.ledger.store import (
    Call,
    Documents,
    Duplicate,
    Loaded,
    Opening,
    PaperKey,
    PaymentKey,
    RowKey,
    StoreAway,
    StoreBusy,
    UnknownOutcome,
)

_MAX_VERIFIED: Final = 100_000
_WALLETS: Final = (
    f"select {', '.join(rows.WALLET_COLUMNS)} from wallets where tenant in (select value from json_each(?))"
)


def _insert(table: str, *columns: str) -> str:
    return f"insert into {table} ({', '.join(columns)}) values ({', '.join('?' * len(columns))})"


_INSERT_WALLET: Final = _insert("wallets", *rows.WALLET_COLUMNS)
_UPDATE_WALLET: Final = (
    f"update wallets set {', '.join(f'{name} = ?' for name in rows.WALLET_COLUMNS[1:])} where tenant = ?"
)
_SESSION: Final = (
    f"select id, {', '.join(rows.SESSION_COLUMNS)} from sessions where tenant = ? and call_id = ?"
)
_INSERT_SESSION: Final = _insert(
    "sessions", "tenant", "call_id", "state", "due_us", "reserved", "charge", "body"
)
_UPDATE_SESSION: Final = (
    "update sessions set state = ?, due_us = ?, reserved = ?, charge = ?, body = ? where id = ?"
)
_IMPORTED: Final = "select identity, call_id, charge from imported where tenant = ? and identity = ?"
_INSERT_IMPORTED: Final = _insert("imported", "tenant", *ImportedRow._fields)
_UPDATE_IMPORTED: Final = "update imported set charge = ? where tenant = ? and identity = ?"
_INSERT_ENTRY: Final = _insert("journal", "tenant", *Entry._fields)
_INSERT_CHARGE: Final = _insert("charges", "tenant", *Charge._fields)
_DROP_HOURS: Final = f"delete from counters where period >= {HOURS_FROM} and period < ? and reserved = 0"
_INSERT_LOT: Final = _insert("lots", "tenant", *NewLot._fields)
_INSERT_NOTICE: Final = _insert("outbox", "tenant", *Notice._fields)
_INSERT_CHANGE: Final = _insert("audit", "tenant", *Change._fields)
_COUNTER: Final = (
    _insert("counters", "tenant", "counter", "period", "used", "reserved")
    + " on conflict do update set used = excluded.used, reserved = excluded.reserved"
)
_PAYMENT: Final = f"select {', '.join(Payment._fields)} from payments where tenant = ? and payment = ?"
_PUT_PAYMENT: Final = (
    _insert("payments", "tenant", *Payment._fields)
    + " on conflict (tenant, payment) do update set state = excluded.state, due_us = excluded.due_us,"
    " amount = excluded.amount, gateway = excluded.gateway, gateway_payment = excluded.gateway_payment,"
    " body = excluded.body"
)
_PAPER: Final = "select kind, key, at_us, document from papers where tenant = ? and kind = ? and key = ?"
_PUT_PAPER: Final = (
    _insert("papers", "tenant", *Paper._fields)
    + " on conflict (tenant, kind, key) do update set at_us = excluded.at_us, document = excluded.document"
)
_DROP_PAPER: Final = "delete from papers where tenant = ? and kind = ? and key = ?"
_COUNT_DAY: Final = (
    _insert("days", "tenant", "day", "paid", "calls")
    + " on conflict (tenant, day) do update set paid = paid + excluded.paid, calls = calls + excluded.calls"
)
_TWICE: Final = (sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY)
_KEY_OF: Final = {"users": "user_key", "service_numbers": "number"}


class SqliteStore:
    """Implements `ledger.store.Store` on one SQLite file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._data_version = -1
        self._verified: set[str] = set()

    @property
    def _db(self) -> sqlite3.Connection:
        if self._connection is None:
            raise StoreAway(f"{self._path} is not open")
        return self._connection

    async def open(self) -> None:
        """Connects. Raises DurabilityError where a commit could be lost."""
        check_current(DatabaseUrl("sqlite", str(self._path)))
        self._connection = connect_sqlite(self._path)
        check_durability(self._connection)

    async def close(self) -> None:
        """Ends the connection; the write-ahead log is folded into the file."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    async def begin(self, tenants: Sequence[str], calls: Sequence[Call], *, wait: bool) -> Opening:
        """Takes the file's write lock. There is no busy tenant: whoever writes holds all of them."""
        del wait
        db = self._db
        try:
            db.execute("begin immediate")
        except sqlite3.OperationalError as error:
            raise StoreBusy(f"{self._path}: {error}") from error
        (data_version,) = db.execute("pragma data_version").fetchone()
        if data_version != self._data_version or len(self._verified) > _MAX_VERIFIED:
            self._data_version = data_version
            self._verified.clear()
        unverified = [tenant for tenant in tenants if tenant not in self._verified]
        versions = {}
        if unverified:
            versions = dict.fromkeys(unverified, -1) | dict(
                db.execute(
                    "select tenant, version from wallets where tenant in (select value from json_each(?))",
                    (_json(unverified),),
                )
            )
            self._verified.update(unverified)
        return Opening(versions, frozenset(), self._sessions(calls))

    async def load(self, books: Sequence[str], documents: Sequence[str], calls: Sequence[Call]) -> Loaded:
        """Reads what is not in memory."""
        loaded = Loaded(sessions=self._sessions(calls))
        db = self._db
        if books:
            asked = _json(books)
            for row in db.execute(_WALLETS, (asked,)):
                book = rows.book_of(row)
                book.loaded_from = rows.early_month(book.last_us)
                loaded.books[book.tenant] = book
            for tenant, counter, period, used, reserved in db.execute(
                "select tenant, counter, period, used, reserved from counters "
                "where tenant in (select value from json_each(?))",
                (asked,),
            ):
                book = loaded.books[tenant]
                if period >= book.loaded_from or not period:
                    book.counters[counter, period] = Counter(used, reserved)
        if documents:
            self._documents(documents, loaded)
        return loaded

    def _documents(self, tenants: Sequence[str], loaded: Loaded) -> None:
        db, asked = self._db, _json(tenants)
        among = "where tenant in (select value from json_each(?))"
        users: dict[str, list[str]] = {}
        numbers: dict[str, list[str]] = {}
        bindings: dict[str, list[tuple[str, int, str]]] = {}
        for tenant, document in db.execute(f"select tenant, document from users {among}", (asked,)):
            users.setdefault(tenant, []).append(document)
        for tenant, document in db.execute(f"select tenant, document from service_numbers {among}", (asked,)):
            numbers.setdefault(tenant, []).append(document)
        for tenant, *binding in db.execute(
            f"select tenant, currency, valid_from_us, version from deck_bindings {among}", (asked,)
        ):
            bindings.setdefault(tenant, []).append((binding[0], binding[1], binding[2]))
        for tenant, document in db.execute(f"select tenant, document from tenants {among}", (asked,)):
            loaded.documents[tenant] = Documents(
                document, users.get(tenant, ()), numbers.get(tenant, ()), bindings.get(tenant, ())
            )

    def _sessions(self, calls: Sequence[Call]) -> dict[Call, SessionRow]:
        found = {}
        for call in calls:
            row = self._db.execute(_SESSION, call).fetchone()
            if row is not None:
                found[call] = rows.session_of(row[1:], row[0])
        return found

    async def counters(self, tenant: str, period: int) -> dict[tuple[str, int], Counter]:
        """Reads the counters of an early period."""
        found = self._db.execute(
            "select counter, used, reserved from counters where tenant = ? and period = ?", (tenant, period)
        )
        return {(counter, period): Counter(used, reserved) for counter, used, reserved in found}

    async def imported(self, rows: Sequence[RowKey]) -> dict[RowKey, ImportedRow]:
        """Reads booked rows by their keys."""
        found = {}
        for key in rows:
            row = self._db.execute(_IMPORTED, key).fetchone()
            if row is not None:
                found[key] = ImportedRow._make(row)
        return found

    async def payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Reads payments by their keys."""
        found = {}
        for key in keys:
            row = self._db.execute(_PAYMENT, key).fetchone()
            if row is not None:
                found[key] = Payment._make(row)
        return found

    async def papers(self, keys: Sequence[PaperKey]) -> dict[PaperKey, Paper]:
        """Reads papers by their keys."""
        found = {}
        for key in keys:
            row = self._db.execute(_PAPER, key).fetchone()
            if row is not None:
                found[key] = Paper._make(row)
        return found

    async def due_payments(self, now_us: int, limit: int) -> list[PaymentKey]:
        """Payments that a worker has to look at."""
        return list(
            self._db.execute(
                f"select tenant, payment from payments where due_us < {NEVER_US} and due_us <= ? "
                "order by due_us limit ?",
                (now_us, limit),
            )
        )

    async def commit(self, books: Sequence[Book]) -> None:
        """Writes set-wise and commits; the commit returns when the disk has it (synchronous=FULL)."""
        db = self._db
        if not books:
            db.execute("rollback")
            return
        for book in books:
            book.version += 1
        try:
            _write(db, books)
        except sqlite3.OperationalError as error:  # a full disk, or one that fails: there was no commit
            raise StoreAway(f"{self._path}: {error}") from error
        except sqlite3.IntegrityError as error:
            if error.sqlite_errorcode in _TWICE:
                raise Duplicate(f"{self._path}: {error}") from error
            raise
        try:
            db.execute("commit")
        except sqlite3.OperationalError as error:
            if db.in_transaction:  # a full disk: nothing of it is there
                raise StoreAway(f"{self._path}: {error}") from error
            raise UnknownOutcome(f"{self._path}: {error}") from error

    async def rollback(self) -> None:
        """Ends the transaction, if one is open."""
        if self._connection is not None and self._connection.in_transaction:
            self._connection.execute("rollback")

    async def due_sessions(self, now_us: int, limit: int) -> list[Call]:
        """Silent sessions, the longest silent first."""
        return list(
            self._db.execute(
                "select tenant, call_id from sessions "
                "where state = 1 and due_us <= ? order by due_us limit ?",
                (now_us, limit),
            )
        )

    async def due_expiries(self, now_us: int, limit: int) -> list[str]:
        """Tenants whose next lot has expired."""
        found = self._db.execute(
            f"select tenant from wallets where next_expiry_us < {NEVER_US} and next_expiry_us <= ? limit ?",
            (now_us, limit),
        )
        return [tenant for (tenant,) in found]

    async def prepare_months(self, now_us: int) -> None:
        """Nothing to do: one file holds all months."""

    async def drop_old_hours(self, now_us: int) -> int:
        """Removes counters of hours that are long over; a statement, and so a transaction, of its own."""
        try:
            dropped = self._db.execute(_DROP_HOURS, (rows.first_kept_hour(now_us),))
        except sqlite3.OperationalError as error:
            raise StoreBusy(f"{self._path}: {error}") from error
        return dropped.rowcount

    async def due_trims(self, now_us: int, limit: int) -> list[Call]:
        """Closed sessions that have been kept long enough."""
        return list(
            self._db.execute(
                "select tenant, call_id from sessions "
                "where state <> 1 and body <> '' and due_us <= ? limit ?",
                (now_us, limit),
            )
        )


def _json(values: Sequence[str]) -> str:
    return msgspec.json.encode(values).decode()


def _write(db: sqlite3.Connection, books: Sequence[Book]) -> None:
    """All rows of a transaction, one statement a table."""
    new = [rows.wallet_values(book) for book in books if book.is_new]
    old = [rows.wallet_values(book) for book in books if not book.is_new]
    if new:
        db.executemany(_INSERT_WALLET, new)
    if old:
        db.executemany(_UPDATE_WALLET, [(*values[1:], values[0]) for values in old])
    _write_sessions(db, books)
    _many(db, _INSERT_ENTRY, [(book.tenant, *entry) for book in books for entry in book.entries])
    _many(db, _INSERT_CHARGE, [(book.tenant, *charge) for book in books for charge in book.charges])
    _many(db, _INSERT_IMPORTED, [(book.tenant, *row) for book in books for row in book.new_imported])
    _many(
        db,
        _UPDATE_IMPORTED,
        [(row.charge, book.tenant, row.identity) for book in books for row in book.moved_imported],
    )
    _many(
        db,
        _COUNTER,
        [
            (book.tenant, name, period, counter.used, counter.reserved)
            for book in books
            for (name, period), counter in book.dirty_counters.items()
        ],
    )
    _many(db, _INSERT_LOT, [(book.tenant, *lot) for book in books for lot in book.new_lots])
    _many(
        db,
        _INSERT_NOTICE,
        [(book.tenant, *notice) for book in books for notice in book.notices],
    )
    _write_money(db, books)
    _many(
        db,
        _INSERT_CHANGE,
        [(book.tenant, *change) for book in books for change in book.audit],
    )
    for book in books:
        for document in book.documents:
            _write_document(db, book.tenant, document.table, document.key, document.text)


def _write_money(db: sqlite3.Connection, books: Sequence[Book]) -> None:
    """Payments, papers, and what was paid a day."""
    _many(
        db,
        _PUT_PAYMENT,
        [(book.tenant, *payment) for book in books for payment in book.dirty_payments.values()],
    )
    papers = [(book.tenant, paper) for book in books for paper in book.dirty_papers.values()]
    _many(db, _PUT_PAPER, [(tenant, *paper) for tenant, paper in papers if paper.document])
    _many(
        db, _DROP_PAPER, [(tenant, paper.kind, paper.key) for tenant, paper in papers if not paper.document]
    )
    _many(
        db,
        _COUNT_DAY,
        [(book.tenant, day, paid, calls) for book in books for day, (paid, calls) in book.days.items()],
    )


def _write_sessions(db: sqlite3.Connection, books: Sequence[Book]) -> None:
    inserted: list[SessionRow] = []
    inserts: list[tuple[Any, ...]] = []
    updates: list[tuple[Any, ...]] = []
    deletes: list[tuple[int]] = []
    for book in books:
        for session in book.dirty_sessions.values():
            if session.is_void:
                deletes.append((session.row,))
                continue
            values = (
                session.state,
                session.due_us,
                rows.reserved_micros(session),
                session.charge,
                rows.body_text(session),
            )
            if session.row:
                updates.append((*values, session.row))
            else:
                inserted.append(session)
                inserts.append((book.tenant, session.call_id, *values))
    if inserts:
        db.executemany(_INSERT_SESSION, inserts)
        # The file's lock is ours, so the new rows have the numbers up to the last one.
        (last,) = db.execute("select last_insert_rowid()").fetchone()
        for number, session in enumerate(inserted, last - len(inserted) + 1):
            session.row = number
    _many(db, _UPDATE_SESSION, updates)
    _many(db, "delete from sessions where id = ?", deletes)


def _many(db: sqlite3.Connection, statement: str, values: Iterable[tuple[Any, ...]]) -> None:
    if values:
        db.executemany(statement, values)


def _write_document(db: sqlite3.Connection, tenant: str, table: str, key: str, text: str) -> None:
    """Writes or removes one document; `table` is one of ours, never a caller's word."""
    if table == "tenants":
        db.execute(
            "insert into tenants (tenant, document) values (?, ?) "
            "on conflict do update set document = excluded.document",
            (tenant, text),
        )
        return
    if table == "deck_bindings":
        currency, valid_from_us = key.split("/")
        db.execute(
            "insert into deck_bindings (tenant, currency, valid_from_us, version) values (?, ?, ?, ?) "
            "on conflict do update set version = excluded.version",
            (tenant, currency, int(valid_from_us), text),
        )
        return
    column = _KEY_OF[table]
    if text:
        db.execute(
            f"insert into {table} (tenant, {column}, document) values (?, ?, ?) "
            "on conflict do update set document = excluded.document",
            (tenant, key, text),
        )
    else:
        db.execute(f"delete from {table} where tenant = ? and {column} = ?", (tenant, key))
