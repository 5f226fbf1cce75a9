"""The store on PostgreSQL: two round trips a transaction, all rows of a table in one statement.

The wallets are locked first, what they guard is read by a later statement, and the writes travel with their
commit (rulings.md 33). A commit whose end nobody saw is neither cancelled nor tried again (feasibility.md 5).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

import psycopg
from psycopg.errors import LockNotAvailable, UniqueViolation
from psycopg.pq import PipelineStatus, TransactionStatus

from talktime.core.limits import NEVER_US
from talktime.ledger import rows
from talktime.ledger.book import Book
from talktime.ledger.database import DatabaseError, DatabaseUrl, check_current
from talktime.ledger.partitions import ensure_partitions
from talktime.ledger.postgres_link import Line, Link, one_line
from talktime.ledger.postgres_writes import texts, writes
from talktime.ledger.records import Counter, ImportedRow, Paper, Payment, SessionRow, State
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

Cursor = psycopg.AsyncCursor[tuple[Any, ...]]

_STORED: Final = 1
"""`SessionRow.row` of a stored session: its key finds it, it needs no place."""

_BEGIN: Final = "begin isolation level read committed"
_LOCK: Final = "select tenant, version from wallets where tenant = any(%s::text[]) order by tenant for update"
_LOCK_FREE: Final = f"{_LOCK} skip locked"
_KNOWN: Final = "select tenant from wallets where tenant = any(%s::text[])"
_SESSIONS: Final = (
    f"select tenant, {', '.join(rows.SESSION_COLUMNS)} from sessions"
    " where (tenant, call_id) in (select * from unnest(%s::text[], %s::text[]))"
)
_IMPORTED: Final = (
    "select tenant, identity, call_id, charge from imported"
    " where (tenant, identity) in (select * from unnest(%s::text[], %s::text[]))"
)
_PAYMENTS: Final = (
    f"select tenant, {', '.join(Payment._fields)} from payments"
    " where (tenant, payment) in (select * from unnest(%s::text[], %s::text[]))"
)
_PAPERS: Final = (
    f"select tenant, {', '.join(Paper._fields)} from papers"
    " where (tenant, kind, key) in (select * from unnest(%s::text[], %s::text[], %s::text[]))"
)
_DUE_PAYMENTS: Final = (
    f"select tenant, payment from payments where due_us < {NEVER_US} and due_us <= %s"
    " order by due_us limit %s"
)
_AMONG: Final = "where tenant = any(%s::text[])"
_WALLETS: Final = f"select {', '.join(rows.WALLET_COLUMNS)} from wallets {_AMONG}"
_COUNTERS: Final = f"select tenant, counter, period, used, reserved from counters {_AMONG}"
_TENANTS: Final = f"select tenant, document from tenants {_AMONG}"
_USERS: Final = f"select tenant, document from users {_AMONG}"
_NUMBERS: Final = f"select tenant, document from service_numbers {_AMONG}"
_BINDINGS: Final = f"select tenant, currency, valid_from_us, version from deck_bindings {_AMONG}"
_DUE_SESSIONS: Final = (
    f"select tenant, call_id from sessions where state = {State.OPEN:d} and due_us <= %s"
    " order by due_us limit %s"
)
_DUE_EXPIRIES: Final = (
    f"select tenant from wallets where next_expiry_us < {NEVER_US} and next_expiry_us <= %s limit %s"
)
_DUE_TRIMS: Final = (
    f"select tenant, call_id from sessions where state <> {State.OPEN:d} and body <> '' and due_us <= %s"
    " order by due_us limit %s"
)
# Rows that a commit is about to write are left to the next time: the two never wait for each other.
_DROP_HOURS: Final = (
    "delete from counters where (tenant, counter, period) in (select tenant, counter, period from counters"
    f" where period >= {HOURS_FROM} and period < %s and reserved = 0 for update skip locked)"
)
_BY_KEY: Final = {
    "plan_cache_mode": "force_generic_plan",  # the statements are always the same
    "enable_seqscan": "off",  # and every one of them finds its rows by key, however small the tables are
}


class PostgresStore:
    """Implements `ledger.store.Store`; several of them may work on one database.

    `commit_timeout_s`: a commit that has not returned by then has an unknown outcome, its connection is
    dropped; other answers are waited for as long. `lock_timeout_s`: how long `begin` waits for a wallet.
    """

    def __init__(
        self, url: DatabaseUrl, *, commit_timeout_s: float = 5.0, lock_timeout_s: float = 5.0
    ) -> None:
        self._url = url
        self._timeout_s = commit_timeout_s
        self._lock_timeout_s = lock_timeout_s
        self._set_lock_timeout = f"set local lock_timeout = '{round(lock_timeout_s * 1000)}ms'"
        # A commit waits for locks too (two workers make one tenant), and less long than its watchdog.
        usual = {"lock_timeout": f"{round(commit_timeout_s * 500)}ms"}
        self._link = Link(url, usual | _BY_KEY)
        # The round asks while a transaction is open, so it has a connection of its own.
        self._round = Link(url, usual)
        self._asking = asyncio.Lock()

    async def open(self) -> None:
        """Connects. Raises DatabaseError: nobody there, another schema, or commits could be lost."""
        await asyncio.to_thread(check_current, self._url)
        try:
            await self._link.connect()
            await asyncio.to_thread(_make_partitions, self._url, time.time_ns() // 1_000)
        except psycopg.Error as error:
            await self._link.drop()
            raise DatabaseError(f"the database {self._url} cannot be used: {one_line(error)}") from error

    async def close(self) -> None:
        """Ends both connections."""
        await self._link.drop()
        async with self._asking:
            await self._round.drop()

    # --- a transaction ---------------------------------------------------------------------------------

    async def begin(self, tenants: Sequence[str], calls: Sequence[Call], *, wait: bool) -> Opening:
        """Locks the wallets and reads their versions and the sessions, in one round trip.

        A wallet that was not locked is asked for once more: busy, or not there (version -1).
        Raises StoreAway, and StoreBusy where a lock was waited for in vain.
        """
        names, pairs = texts(tenants), _pairs(calls)
        had_one = self._link.connection is not None
        try:
            return await self._begin(tenants, names, pairs, wait=wait)
        except StoreAway:
            if not had_one:
                raise
        return await self._begin(tenants, names, pairs, wait=wait)  # it died unseen, between transactions

    async def _begin(self, tenants: Sequence[str], names: str, pairs: list[str], *, wait: bool) -> Opening:
        connection = await self._link.connected()
        if connection.pgconn.transaction_status != TransactionStatus.IDLE:
            await self.rollback()
            connection = await self._link.connected()
        begun, locked, sessions = connection.cursor(), connection.cursor(), connection.cursor()
        patience_s = self._timeout_s + self._lock_timeout_s if wait else self._timeout_s
        try:
            async with self._link.talking(patience_s):
                async with connection.pipeline():
                    await begun.execute(_BEGIN)
                    if wait:
                        await begun.execute(self._set_lock_timeout)
                    await locked.execute(_LOCK if wait else _LOCK_FREE, (names,))
                    if pairs:
                        await sessions.execute(_SESSIONS, pairs)
                found = dict(await locked.fetchall())
                versions: dict[str, int] = dict.fromkeys(tenants, -1) | found
                busy = await self._busy(connection, tenants, found) if len(found) < len(tenants) else ()
                known = _sessions(await sessions.fetchall()) if pairs else {}
        except LockNotAvailable as error:
            await self.rollback()
            raise StoreBusy(f"another worker holds the wallet: {one_line(error)}") from error
        for tenant in busy:
            del versions[tenant]
        return Opening(versions, frozenset(busy), known)

    async def _busy(self, connection: Line, tenants: Sequence[str], found: Mapping[str, int]) -> list[str]:
        """Of the wallets that were not locked those that exist."""
        absent = texts([tenant for tenant in tenants if tenant not in found])
        cursor = await connection.execute(_KNOWN, (absent,))
        return [tenant for (tenant,) in await cursor.fetchall()]

    async def load(self, books: Sequence[str], documents: Sequence[str], calls: Sequence[Call]) -> Loaded:
        """Reads what is not in memory, in one round trip."""
        questions: dict[str, Sequence[str]] = {}
        if books:
            questions = dict.fromkeys((_WALLETS, _COUNTERS), (texts(books),))
        if documents:
            questions |= dict.fromkeys((_TENANTS, _USERS, _NUMBERS, _BINDINGS), (texts(documents),))
        if calls:
            questions[_SESSIONS] = _pairs(calls)
        async with self._link.talking(self._timeout_s) as connection:
            cursors: dict[str, Cursor] = {question: connection.cursor() for question in questions}
            async with connection.pipeline():
                for question, cursor in cursors.items():
                    await cursor.execute(question, questions[question])
            found = {question: await cursor.fetchall() for question, cursor in cursors.items()}
        loaded = Loaded(sessions=_sessions(found.get(_SESSIONS, ())))
        _add_books(loaded, found)
        _add_documents(loaded, found)
        return loaded

    async def counters(self, tenant: str, period: int) -> dict[tuple[str, int], Counter]:
        """Reads the counters of an early period."""
        async with self._link.talking(self._timeout_s) as connection:
            cursor = await connection.execute(
                "select counter, used, reserved from counters where tenant = %s and period = %s",
                (tenant, period),
            )
            found = await cursor.fetchall()
        return {(counter, period): Counter(used, reserved) for counter, used, reserved in found}

    async def imported(self, rows: Sequence[RowKey]) -> dict[RowKey, ImportedRow]:
        """Reads booked rows by their keys."""
        async with self._link.talking(self._timeout_s) as connection:
            cursor = await connection.execute(_IMPORTED, _pairs(rows))
            found = await cursor.fetchall()
        return {(tenant, row[0]): ImportedRow._make(row) for tenant, *row in found}

    async def payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Reads payments by their keys."""
        async with self._link.talking(self._timeout_s) as connection:
            cursor = await connection.execute(_PAYMENTS, _pairs(keys))
            found = await cursor.fetchall()
        return {(tenant, row[0]): Payment._make(row) for tenant, *row in found}

    async def papers(self, keys: Sequence[PaperKey]) -> dict[PaperKey, Paper]:
        """Reads papers by their keys."""
        async with self._link.talking(self._timeout_s) as connection:
            columns = [texts(column) for column in zip(*keys, strict=True)]
            cursor = await connection.execute(_PAPERS, columns)
            found = await cursor.fetchall()
        return {(tenant, row[0], row[1]): Paper._make(row) for tenant, *row in found}

    async def commit(self, books: Sequence[Book]) -> None:
        """Writes and commits in one round trip. Raises UnknownOutcome where its end was not seen."""
        if not books:
            # After a rollback psycopg would forget its prepared statements. And a commit makes a repeated
            # answer wait for the standby: locking the wallets was logged, so the commit waits for its log.
            await self._end("commit")
            return
        for book in books:
            book.version += 1
        written = list(writes(books))
        self._link.warning = ""
        try:
            async with self._link.talking(self._timeout_s) as connection:
                cursor, commit = connection.cursor(), connection.cursor()
                async with connection.pipeline():
                    for statement, columns in written:
                        await cursor.execute(statement, columns)
                    await commit.execute("commit")
        except StoreAway as error:
            raise UnknownOutcome(f"the end of a commit was not seen: {error}") from error
        except LockNotAvailable as error:
            if len(books) > 1:
                raise  # each of its commands is tried alone
            await self.rollback()
            raise StoreBusy(f"another worker holds what is written: {one_line(error)}") from error
        except UniqueViolation as error:
            raise Duplicate(one_line(error)) from error
        if self._link.warning:
            raise UnknownOutcome(f"PostgreSQL warned when it committed: {self._link.warning}")
        if commit.statusmessage != "COMMIT":
            raise StoreAway("the transaction had failed before its commit; nothing was written")
        for book in books:
            for session in book.dirty_sessions.values():
                session.row = _STORED

    async def rollback(self) -> None:
        """Ends the transaction, if one is open; a connection that is stuck in it is dropped."""
        connection = self._link.connection
        if connection is None:
            return
        pgconn = connection.pgconn
        if pgconn.transaction_status == TransactionStatus.IDLE:
            return
        in_pipeline = pgconn.pipeline_status != PipelineStatus.OFF
        if in_pipeline or pgconn.transaction_status == TransactionStatus.ACTIVE:
            await self._link.drop()
            return
        try:
            await self._end("rollback")
        except StoreAway:
            return  # what was not committed ends with its connection
        except psycopg.Error:
            await self._link.drop()

    async def _end(self, how: Literal["commit", "rollback"]) -> None:
        async with self._link.talking(self._timeout_s) as connection:
            await connection.execute(how)

    # --- what is due -----------------------------------------------------------------------------------

    async def due_sessions(self, now_us: int, limit: int) -> list[Call]:
        """Silent sessions, the longest silent first. Raises StoreAway."""
        return [(tenant, call_id) for tenant, call_id in await self._ask(_DUE_SESSIONS, now_us, limit)]

    async def due_expiries(self, now_us: int, limit: int) -> list[str]:
        """Tenants whose next lot has expired. Raises StoreAway."""
        return [tenant for (tenant,) in await self._ask(_DUE_EXPIRIES, now_us, limit)]

    async def due_payments(self, now_us: int, limit: int) -> list[PaymentKey]:
        """Payments that a worker has to look at. Raises StoreAway."""
        return [(tenant, payment) for tenant, payment in await self._ask(_DUE_PAYMENTS, now_us, limit)]

    async def due_trims(self, now_us: int, limit: int) -> list[Call]:
        """Closed sessions that have been kept long enough. Raises StoreAway."""
        return [(tenant, call_id) for tenant, call_id in await self._ask(_DUE_TRIMS, now_us, limit)]

    async def prepare_months(self, now_us: int) -> None:
        """Makes the partitions of this month and the next two. Raises StoreAway."""
        try:
            await asyncio.to_thread(_make_partitions, self._url, now_us)
        except psycopg.OperationalError as error:
            raise StoreAway(f"the months could not be prepared: {one_line(error)}") from error

    async def drop_old_hours(self, now_us: int) -> int:
        """Removes the counters of hours that are long over; how many. Raises StoreAway."""
        return (await self._on_the_round(_DROP_HOURS, rows.first_kept_hour(now_us))).rowcount

    async def _ask(self, question: str, now_us: int, limit: int) -> list[tuple[Any, ...]]:
        return await (await self._on_the_round(question, now_us, limit)).fetchall()

    async def _on_the_round(self, statement: str, *parameters: int) -> Cursor:
        """Runs a statement, and so a transaction, beside the one of the engine."""
        async with self._asking:
            await self._round.connected()
            async with self._round.talking(self._timeout_s) as connection:
                return await connection.execute(statement, parameters)


def _make_partitions(url: DatabaseUrl, now_us: int) -> None:
    with psycopg.connect(url.place, autocommit=True) as connection:
        ensure_partitions(connection, now_us)


# --- rows ---------------------------------------------------------------------------------------------


def _pairs(calls: Sequence[Call]) -> list[str]:
    return [texts(column) for column in zip(*calls, strict=True)]


def _sessions(found: Sequence[tuple[Any, ...]]) -> dict[Call, SessionRow]:
    return {(tenant, row[0]): rows.session_of(row, _STORED) for tenant, *row in found}


Found = Mapping[str, Sequence[tuple[Any, ...]]]


def _add_books(loaded: Loaded, found: Found) -> None:
    for row in found.get(_WALLETS, ()):
        book = rows.book_of(row)
        book.loaded_from = rows.early_month(book.last_us)
        loaded.books[book.tenant] = book
    for tenant, counter, period, used, reserved in found.get(_COUNTERS, ()):
        book = loaded.books[tenant]
        if period >= book.loaded_from or not period:
            book.counters[counter, period] = Counter(used, reserved)


def _add_documents(loaded: Loaded, found: Found) -> None:
    users: dict[str, list[str]] = {}
    numbers: dict[str, list[str]] = {}
    bindings: dict[str, list[tuple[str, int, str]]] = {}
    for tenant, document in found.get(_USERS, ()):
        users.setdefault(tenant, []).append(document)
    for tenant, document in found.get(_NUMBERS, ()):
        numbers.setdefault(tenant, []).append(document)
    for tenant, currency, valid_from_us, version in found.get(_BINDINGS, ()):
        bindings.setdefault(tenant, []).append((currency, valid_from_us, version))
    for tenant, document in found.get(_TENANTS, ()):
        loaded.documents[tenant] = Documents(
            document, users.get(tenant, ()), numbers.get(tenant, ()), bindings.get(tenant, ())
        )
