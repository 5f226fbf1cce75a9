"""A tenant's month for finance, read as streams: charges that are paid after use, sums of the journal.

A month has a million charges, so rows come one after the other and of a charge's body only what an invoice
needs is decoded. What is read never changes: journal and charges only grow. On SQLite charges have no index
by tenant; a reading begins after the row where the last one left off (rulings.md 35).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import psycopg

from talktime.ledger.database import DatabaseError, DatabaseUrl, connect_sqlite
from talktime.ledger.records import POST_USAGE, Session, State
from talktime.ledger.store import StoreAway

FETCHED_ROWS: Final = 5_000
"""Rows of a stream that are in memory at a time."""

RANGE_ROWS: Final = 200_000
"""Rows of SQLite that one statement looks at, so that none holds the write-ahead log for long."""

_COLUMNS: Final = "number, corrects, billed_s, paid_s, amount, post_usage, body"
_MATTERS: Final = "(post_usage <> 0 or corrects <> 0)"


class _Facts(msgspec.Struct, array_like=True, gc=False):
    """The first fields of `records.Facts`."""

    call_type: msgspec.Raw
    user: msgspec.Raw
    service: msgspec.Raw
    caller: msgspec.Raw
    callee: str
    category: str
    why: msgspec.Raw
    deck: str
    prefix: str
    rate: tuple[int, ...]
    rated: int
    licensed: int
    paid: int
    pools: msgspec.Raw
    period: int


class _Body(msgspec.Struct, array_like=True, gc=False):
    """The first fields of `records.ChargeBody`."""

    facts: _Facts
    duration_s: int
    lots: msgspec.Raw
    pools: msgspec.Raw
    entry: int


class PostUsed(msgspec.Struct, gc=False):
    """A charge of which something is paid after use, or that corrects another one.

    `row` is its place on SQLite, 0 elsewhere; `period` the billing month; `rate` as in `records.Facts`;
    `amount` what the call cost and `post_usage` the part of it that is paid after use, in micros; `entry` its
    first entry in the journal, or 0.
    """

    row: int
    number: int
    corrects: int
    billed_s: int
    paid_s: int
    amount: int
    post_usage: int
    callee: str
    category: str
    deck: str
    prefix: str
    rate: tuple[int, ...]
    period: int
    entry: int


class Moved(NamedTuple):
    """What went from one account to another before a span of time and within it, in micros."""

    debit: str
    credit: str
    before: int
    within: int


_decode: Final = msgspec.json.Decoder(_Body).decode
_session: Final = msgspec.json.Decoder(Session).decode

Query = Callable[[str, Sequence[Any]], Iterator[tuple[Any, ...]]]
"""Runs a statement with `?` in it; its rows come one after the other."""


class MonthReader:
    """Reads one database. Every method raises StoreAway where it does not answer; streams too, on the way."""

    def __init__(self, url: DatabaseUrl) -> None:
        self._url = url
        self._is_sqlite = url.kind == "sqlite"

    def newest_charge(self, tenant: str) -> int:
        """The number of the newest charge of a tenant: a cut; 0 where it has none."""
        with self._open() as query:
            found = list(query("select charge from wallets where tenant = ?", [tenant]))
        return int(found[0][0]) if found else 0

    def post_used(self, tenant: str, after: int, cut: int, after_row: int = 0) -> Iterator[PostUsed]:
        """Charges with numbers in (after, cut] that matter to an invoice, in no order that counts.

        `after_row`: on SQLite, a row before which none of them lies.
        """
        asked = f"from charges where tenant = ? and number > ? and number <= ? and {_MATTERS}"
        if not self._is_sqlite:
            with self._open() as query:
                for row in query(f"select 0, {_COLUMNS} {asked}", [tenant, after, cut]):
                    yield _post_used(row)
            return
        statement = f"select id, {_COLUMNS} {asked} and id > ? and id <= ?"
        with self._open() as query:
            ((newest,),) = query("select coalesce(max(id), 0) from charges", [])
            for first in range(after_row, newest, RANGE_ROWS):
                for row in query(statement, [tenant, after, cut, first, first + RANGE_ROWS]):
                    yield _post_used(row)

    def charges(self, tenant: str, rows: Mapping[int, int]) -> Iterator[PostUsed]:
        """The charges with these numbers, in no order that counts; by the row of each where that is known.

        On SQLite those with row 0 are searched from the newest on; the search ends with the last of them.
        """
        if not rows:
            return
        with self._open() as query:
            search = self._sqlite_charges if self._is_sqlite else self._by_number
            for row in search(query, tenant, rows):
                yield _post_used(row)

    def _by_number(self, query: Query, tenant: str, rows: Mapping[int, int]) -> Iterator[tuple[Any, ...]]:
        statement = f"select 0, {_COLUMNS} from charges where tenant = ? and number = any(?)"
        yield from query(statement, [tenant, list(rows)])

    def _sqlite_charges(
        self, query: Query, tenant: str, rows: Mapping[int, int]
    ) -> Iterator[tuple[Any, ...]]:
        known = [row for row in rows.values() if row]
        unknown = [number for number, row in rows.items() if not row]
        if known:
            among = "id in (select value from json_each(?)) and tenant = ?"
            yield from query(f"select id, {_COLUMNS} from charges where {among}", [_json(known), tenant])
        if unknown:
            among = "tenant = ? and number in (select value from json_each(?)) order by id desc limit ?"
            values = [tenant, _json(unknown), len(unknown)]
            yield from query(f"select id, {_COLUMNS} from charges where {among}", values)

    def posted(self, tenant: str, entry: int, first: int, last: int, without: Sequence[int]) -> int:
        """What the entries on post-usage moved, from entry number `entry` on, for charges `first` to `last`.

        In micros; corrections took some back. The charges `without` are left out.
        """
        among = "(select value from json_each(?))" if self._is_sqlite else "(select unnest(?::bigint[]))"
        statement = (
            f"select sum(case when debit = '{POST_USAGE}' then amount else -amount end) from journal"
            f" where tenant = ? and number >= ? and charge between ? and ?"
            f" and (debit = '{POST_USAGE}' or credit = '{POST_USAGE}') and charge not in {among}"
        )
        left_out = _json(without) if self._is_sqlite else list(without)
        with self._open() as query:
            ((moved,),) = query(statement, [tenant, entry, first, last, left_out])
        return int(moved or 0)

    def moved(self, tenant: str, start_us: int, end_us: int) -> list[Moved]:
        """What each pair of accounts moved before [start, end) and within it."""
        statement = (
            "select debit, credit, sum(case when at_us < ? then amount else 0 end),"
            " sum(case when at_us >= ? then amount else 0 end)"
            " from journal where tenant = ? and at_us < ? group by debit, credit order by debit, credit"
        )
        with self._open() as query:
            rows = query(statement, [start_us, start_us, tenant, end_us])
            return [Moved(debit, credit, int(before), int(within)) for debit, credit, before, within in rows]

    def oldest_open_start_us(self, tenant: str) -> int | None:
        """When the oldest call in progress began (its start as the rules take it); None for none."""
        # On SQLite by the index over open sessions of all tenants: a tenant's closed ones are many more.
        own = "tenant || ''" if self._is_sqlite else "tenant"
        statement = f"select body from sessions where state = {State.OPEN.value} and {own} = ?"
        with self._open() as query:
            starts = [_session(body).facts.base_us for (body,) in query(statement, [tenant]) if body]
        return min(starts, default=None)

    @contextmanager
    def _open(self) -> Iterator[Query]:
        """A connection for one reading."""
        opened = self._sqlite() if self._is_sqlite else self._postgres()
        try:
            with opened as query:
                yield query
        except (sqlite3.Error, psycopg.Error, DatabaseError) as error:
            raise StoreAway(f"the database does not answer: {' '.join(str(error).split())}") from error

    @contextmanager
    def _sqlite(self) -> Iterator[Query]:
        with closing(connect_sqlite(self._url.path)) as connection:
            connection.execute("pragma query_only = on")

            def query(statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
                cursor = connection.execute(statement, values)
                cursor.arraysize = FETCHED_ROWS
                return iter(cursor)

            yield query

    @contextmanager
    def _postgres(self) -> Iterator[Query]:
        with psycopg.connect(self._url.place) as connection, ExitStack() as cursors:
            connection.read_only = True
            connection.execute("set local cursor_tuple_fraction = 1.0")  # all rows are wanted, not the first

            def query(statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
                cursor = cursors.enter_context(connection.cursor(name="month", binary=True))
                cursor.execute(statement.replace("?", "%s").encode(), values)
                return _ahead(cursor)

            yield query


def _ahead(cursor: psycopg.ServerCursor[tuple[Any, ...]]) -> Iterator[tuple[Any, ...]]:
    """The rows of a cursor; the server makes the next ones while we work on these."""
    with ThreadPoolExecutor(1, "month") as fetching:
        asked = fetching.submit(cursor.fetchmany, FETCHED_ROWS)
        while rows := asked.result():
            asked = fetching.submit(cursor.fetchmany, FETCHED_ROWS)
            yield from rows


def _json(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(numbers).decode()


def _post_used(row: tuple[Any, ...]) -> PostUsed:
    place, number, corrects, billed_s, paid_s, amount, post_usage, text = row
    body = _decode(text)
    facts = body.facts
    return PostUsed(
        place,
        number,
        corrects,
        billed_s,
        paid_s,
        amount,
        post_usage,
        facts.callee,
        facts.category,
        facts.deck,
        facts.prefix,
        facts.rate,
        facts.period,
        body.entry,
    )
