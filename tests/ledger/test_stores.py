"""One suite for both stores: what is committed is read back, by the same store and by a second one."""

import asyncio
import json
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest
import sqlalchemy as sa

from talktime.core.limits import NEVER_US
from talktime.ledger.book import Book
from talktime.ledger.commands import Fund, NewTenant, Refused, Wallet
from talktime.ledger.database import DatabaseError, open_engine, open_url
from talktime.ledger.engine import Engine
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.records import (
    Change,
    Charge,
    Counter,
    Document,
    Facts,
    ImportedRow,
    Session,
    SessionRow,
    State,
)
from talktime.ledger.rows import HOUR_US, wallet_values
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Documents, Duplicate, Opening, Store, StoreAway

AWKWARD = 'a "quoted" \\ {comma, brace}\n\ttab\x1f, NULL, ünïcode \N{TELEPHONE RECEIVER}'
NOON_US = 1_767_268_800_000_000  # 2026-01-01 12:00 UTC
MONTH = 2026 * 12


def new_store(url: str) -> Store:
    place = open_url(url)
    return SqliteStore(place.path) if place.kind == "sqlite" else PostgresStore(place)


@asynccontextmanager
async def opened(url: str, count: int) -> AsyncIterator[list[Store]]:
    async with AsyncExitStack() as stack:
        stores = [new_store(url) for _ in range(count)]
        for store in stores:
            await store.open()
            stack.push_async_callback(store.close)
        yield stores


async def commit(store: Store, *books: Book) -> None:
    """A transaction that writes these books; they are clean afterwards, as the engine leaves them."""
    await store.begin(sorted(book.tenant for book in books), [], wait=False)
    await store.commit(books)
    for book in books:
        book.is_new = False
        book.forget()


async def read(store: Store, tenant: str) -> tuple[Book | None, Documents | None]:
    await store.begin([tenant], [], wait=False)
    loaded = await store.load([tenant], [tenant], [])
    await store.rollback()
    return loaded.books.get(tenant), loaded.documents.get(tenant)


async def session(store: Store, tenant: str, call_id: str) -> SessionRow | None:
    opening = await store.begin([tenant], [(tenant, call_id)], wait=False)
    loaded = await store.load([], [], [(tenant, call_id)])
    await store.rollback()
    assert loaded.sessions == opening.sessions
    return opening.sessions.get((tenant, call_id))


def new_book(tenant: str) -> Book:
    book = Book(tenant)
    book.is_new, book.currency, book.time_zone, book.last_us = True, "EUR", "Europe/Rome", NOON_US
    book.changed = True
    return book


def funded(tenant: str, amount: int = 1_000) -> Book:
    book = new_book(tenant)
    book.open_lot(amount, NOON_US + 1, "funded", "funding:hand", "purchase", f"payment of {tenant}")
    return book


def body(text: str) -> Session:
    facts = Facts(
        "user_out", text, "", "+1", "+2", "x", text, "d", "1", (60, 60, 0, 1, 1, 0, 0, 6), 1, 1, 1,
        ("pool",), MONTH, (), (), 0, 5, 5, ("flag",),
    )  # fmt: skip
    return Session(facts, 10, 60, 5, 1, 0, [(1, 70), (2, 30)], [("pool", 60)], [])


def stored(url: str, columns: str, table: str) -> list[tuple[Any, ...]]:
    with open_engine(open_url(url)).connect() as connection:
        found = connection.execute(sa.text(f"select {columns} from {table} order by 1, 2"))
        return [tuple(row) for row in found]


def run(test: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(test, 60))


# --- round trips -----------------------------------------------------------------------------------


def test_a_book_comes_back_as_it_was(database: str) -> None:
    async def test() -> None:
        async with opened(database, 2) as (store, other):
            book = funded("t", 1_000)
            book.owe(250)
            book.open_lot(9_007_199_254_740_993, NEVER_US, "funded", "funding:hand", "purchase", "p2")
            book.hold(300, NOON_US)
            book.flags, book.charge, book.config_version = 3, 7, 2
            await commit(store, book)
            for reader in (store, other):
                found, _ = await read(reader, "t")
                assert found is not None
                assert wallet_values(found) == wallet_values(book)
                assert (found.version, found.lots, found.head) == (1, book.lots, book.head)
            book.owe(1)
            book.changed = True
            await commit(other, book)
            found, _ = await read(store, "t")
            assert found is not None
            assert (found.version, found.overdraft) == (2, book.overdraft)

    run(test())


def test_counters_of_early_months_are_read_when_they_are_asked_for(database: str) -> None:
    early, late, hour = ("pool", MONTH - 3), ("pool", MONTH - 2), ("cap", 490_000)

    async def test() -> None:
        async with opened(database, 1) as (store,):
            book = new_book("t")
            for name, period in (early, late, hour, (AWKWARD, 0)):
                book.count(name, period, 40, 2)
            await commit(store, book, funded("other"))
            found, _ = await read(store, "t")
            assert found is not None
            assert found.counters == dict.fromkeys((late, hour, (AWKWARD, 0)), Counter(40, 2))
            assert not found.has_period(MONTH - 3)
            await store.begin(["t"], [], wait=False)
            assert await store.counters("t", MONTH - 3) == {early: Counter(40, 2)}
            await store.rollback()
            book.count(*late, -1, -2)
            await commit(store, book)
            found, _ = await read(store, "t")
            assert found is not None
            assert found.counters[late] == Counter(39, 0)

    run(test())


def test_sessions_are_found_by_tenant_and_call(database: str) -> None:
    async def test() -> None:
        async with opened(database, 2) as (store, other):
            book = funded("t")
            book.keep(SessionRow("c", State.OPEN, 5, 0, body(AWKWARD)))
            book.keep(SessionRow(AWKWARD, State.DENIED, 6, 0, body("")))
            await commit(store, book, funded("u"))
            for reader in (store, other):
                row = await session(reader, "t", "c")
                assert row is not None
                assert (row.state, row.due_us, row.charge, row.body) == (State.OPEN, 5, 0, body(AWKWARD))
                assert row.row != 0
                assert await session(reader, "u", "c") is None
            assert (await session(store, "t", AWKWARD)) is not None
            row = book.sessions["c"]
            row.state, row.due_us, row.charge, row.body = State.ENDED, 9, 4, None
            book.keep(row)
            await commit(store, book)
            row = await session(other, "t", "c")
            assert row is not None
            assert (row.state, row.due_us, row.charge, row.body) == (State.ENDED, 9, 4, None)
            assert stored(database, "call_id, reserved", "sessions") == sorted([("c", 0), (AWKWARD, 100)])

    run(test())


def test_documents_are_put_and_removed(database: str) -> None:
    async def test() -> None:
        async with opened(database, 1) as (store,):
            book = new_book("t")
            book.documents = [
                Document("tenants", "", AWKWARD),
                Document("users", "a", "first"),
                Document("users", "b", '{"b":1}'),
                Document("users", "a", "last"),
                Document("service_numbers", "+1", "n"),
                Document("deck_bindings", "EUR/0", "v1"),
                Document("deck_bindings", "EUR/77", "v2"),
            ]
            await commit(store, book)
            _, found = await read(store, "t")
            assert found is not None
            assert (found.tenant, sorted(found.users)) == (AWKWARD, ["last", '{"b":1}'])
            assert found.service_numbers == ["n"]
            assert sorted(found.bindings) == [("EUR", 0, "v1"), ("EUR", 77, "v2")]
            book.documents = [
                Document("tenants", "", "new"),
                Document("users", "a", ""),
                Document("users", "b", ""),
                Document("users", "b", "again"),
                Document("service_numbers", "+1", ""),
                Document("deck_bindings", "EUR/77", "v3"),
            ]
            await commit(store, book)
            _, found = await read(store, "t")
            assert found is not None
            assert (found.tenant, found.users, found.service_numbers) == ("new", ["again"], ())
            assert sorted(found.bindings) == [("EUR", 0, "v1"), ("EUR", 77, "v3")]

    run(test())


def test_what_only_grows_is_written_whole(database: str) -> None:
    charge = Charge(1, "c", NOON_US, 5, AWKWARD, "x", 60, 20, 40, 9, 4, 3, 2, 0, '{"a":"\\n"}')
    change = Change(NOON_US, "me", AWKWARD, "", "{}")

    async def test() -> None:
        async with opened(database, 1) as (store,):
            books = [funded("t"), funded("u")]
            for book in books:
                book.charges, book.audit = [charge], [change]
                book.notice("told", {"by": AWKWARD})
            entries = [(book.tenant, *entry) for book in books for entry in book.entries]
            lots = [(book.tenant, *lot) for book in books for lot in book.new_lots]
            await commit(store, *books)
            journal = stored(
                database,
                "tenant, number, at_us, kind, debit, credit, amount, lot, charge, corrects, hash",
                "journal",
            )
            assert [(*row[:-1], bytes(row[-1])) for row in journal] == entries
            assert (
                stored(database, "tenant, lot, bought_us, expires_us, amount, origin, reference", "lots")
                == lots
            )
            names = (
                "tenant, number, call_id, at_us, start_us, user_name, category, billed_s, pool_s, paid_s,"
                " amount, credits, post_usage, overdraft, corrects, body"
            )
            assert stored(database, names, "charges") == [("t", *charge), ("u", *charge)]
            outbox = stored(database, "tenant, at_us, kind, body, done_us", "outbox")
            assert [(*row[:3], row[4]) for row in outbox] == [(t, NOON_US, "told", 0) for t in "tu"]
            assert {json.loads(row[3])["by"] for row in outbox} == {AWKWARD}
            audit = stored(database, "tenant, at_us, who, what, before, after", "audit")
            assert audit == [("t", *change), ("u", *change)]

    run(test())


def test_rows_of_files_are_booked_once_and_follow_their_charge(database: str) -> None:
    async def test() -> None:
        async with opened(database, 2) as (store, other):
            first, second = funded("t"), funded("u")
            for book in (first, second):
                book.book_row(ImportedRow(AWKWARD, "shared", 1))
            first.book_row(ImportedRow("b", "shared", 2))
            await commit(store, first, second)
            first.book_row(ImportedRow(AWKWARD, "shared", 3))
            await commit(store, first)
            asked = [(tenant, identity) for tenant in "tux" for identity in (AWKWARD, "b", "c")]
            await other.begin(["t", "u"], [], wait=False)
            assert await other.imported(asked) == {
                ("t", AWKWARD): ImportedRow(AWKWARD, "shared", 3),
                ("t", "b"): ImportedRow("b", "shared", 2),
                ("u", AWKWARD): ImportedRow(AWKWARD, "shared", 1),
            }
            await other.rollback()
            first.imported = {}  # as if nobody had looked
            first.book_row(ImportedRow("b", "", 4))
            with pytest.raises(Duplicate):
                await commit(store, first)
            await store.rollback()
            assert sorted(stored(database, "tenant, identity, charge", "imported")) == sorted(
                [("t", AWKWARD, 3), ("t", "b", 2), ("u", AWKWARD, 1)]
            )

    run(test())


def test_what_is_due_is_told_in_the_middle_of_a_transaction(database: str) -> None:
    async def test() -> None:
        async with opened(database, 1) as (store,):
            book = funded("t")
            for call_id, due_us in (("b", 20), ("a", 10), ("late", 31)):
                book.keep(SessionRow(call_id, State.OPEN, due_us, 0, body("")))
            book.keep(SessionRow("closed", State.ENDED, 30, 1, body("")))
            book.keep(SessionRow("trimmed", State.ENDED, 30, 1, None))
            book.keep(SessionRow("denied", State.DENIED, 31, 0, body("")))
            await commit(store, book, new_book("empty"))
            await store.begin(["t"], [], wait=False)
            assert await store.due_sessions(30, 9) == [("t", "a"), ("t", "b")]
            assert await store.due_sessions(30, 1) == [("t", "a")]
            assert await store.due_trims(30, 9) == [("t", "closed")]
            assert await store.due_expiries(NOON_US, 9) == []
            assert await store.due_expiries(NOON_US + 1, 9) == ["t"]
            await store.rollback()

    run(test())


def test_hours_that_are_long_over_are_dropped_unless_somebody_holds_them(database: str) -> None:
    hour = NOON_US // HOUR_US

    async def test() -> None:
        async with opened(database, 1) as (store,):
            book = new_book("t")
            for name, period, reserved in (
                ("old", hour - 9, 0),
                ("held", hour - 9, 1),
                ("now", hour, 0),
                ("month", MONTH - 40, 0),
                ("ever", 0, 0),
            ):
                book.count(name, period, 5, reserved)
            await commit(store, book)
            assert await store.drop_old_hours(NOON_US) == 1
            assert await store.drop_old_hours(NOON_US) == 0
            left = [name for name, _ in stored(database, "counter, period", "counters")]
            assert left == ["ever", "held", "month", "now"]

    run(test())


# --- transactions ----------------------------------------------------------------------------------


def version(opening: Opening, tenant: str, known: int) -> int:
    """What the engine sees: a tenant that is not named is as it was."""
    return opening.versions.get(tenant, known)


def test_the_commit_of_a_second_store_makes_books_stale(database: str) -> None:
    async def test() -> None:
        async with opened(database, 2) as (store, other):
            mine = funded("t")
            await commit(store, mine, funded("u"))
            await store.begin(["t", "u"], [], wait=False)
            await store.rollback()
            theirs, _ = await read(other, "t")
            assert theirs is not None
            theirs.owe(5)
            await commit(other, theirs)
            opening = await store.begin(["t", "u"], [], wait=False)
            await store.rollback()
            assert (version(opening, "t", 1), version(opening, "u", 1)) == (2, 1)
            assert opening.busy == frozenset()

    run(test())


def test_a_tenant_that_does_not_exist_is_neither_locked_nor_busy(database: str) -> None:
    async def test() -> None:
        async with opened(database, 1) as (store,):
            for wait in (False, True):
                opening = await store.begin(["nobody"], [("nobody", "c")], wait=wait)
                loaded = await store.load(["nobody"], ["nobody"], [("nobody", "c")])
                await store.rollback()
                assert version(opening, "nobody", -1) == -1
                assert (opening.busy, dict(opening.sessions)) == (frozenset(), {})
                assert (loaded.books, loaded.documents, loaded.sessions) == ({}, {}, {})

    run(test())


def test_a_disk_that_fills_while_rows_are_written_is_told_as_that(sqlite_database: str) -> None:
    async def test() -> None:
        async with opened(sqlite_database, 1) as (store,):
            assert isinstance(store, SqliteStore)
            await commit(store, funded("t"))
            (pages,) = store._db.execute("pragma page_count").fetchone()
            store._db.execute(f"pragma max_page_count = {pages}")
            large = new_book("u")
            large.open_lot(1, NOON_US + 1, "funded", "funding:hand", "purchase", "x" * 1_000_000)
            with pytest.raises(StoreAway, match="full"):
                await commit(store, large)
            await store.rollback()
            store._db.execute(f"pragma max_page_count = {pages + 1_000}")
            await commit(store, funded("u"))
            assert stored(sqlite_database, "tenant, version", "wallets") == [("t", 1), ("u", 1)]

    run(test())


@pytest.mark.parametrize("end", ["rollback", "nothing to commit"])
def test_a_transaction_without_a_commit_leaves_nothing(database: str, end: str) -> None:
    async def test() -> None:
        async with opened(database, 2) as (store, other):
            await commit(store, funded("t"))
            twice = [funded("new"), funded("t")]  # one that is fine, one that exists
            with pytest.raises(Duplicate, match=r"(?i)unique"):
                await commit(store, *twice)
            await store.rollback()
            await store.rollback()
            assert await read(other, "new") == (None, None)
            await store.begin(["t"], [], wait=False)
            await (store.rollback() if end == "rollback" else store.commit([]))
            await commit(other, funded("u"))  # no lock is left
            assert [row[1] for row in stored(database, "tenant, version", "wallets")] == [1, 1]

    run(test())


def test_an_empty_database_is_refused(empty_database: str) -> None:
    async def test() -> None:
        store = new_store(empty_database)
        with pytest.raises(DatabaseError, match="talktime db upgrade"):
            await store.open()
        await store.close()

    run(test())


# --- under the engine ------------------------------------------------------------------------------


@asynccontextmanager
async def engines(url: str, count: int) -> AsyncIterator[list[Engine]]:
    async with AsyncExitStack() as stack:
        started = [Engine(new_store(url), lambda documents: documents) for _ in range(count)]
        for engine in started:
            await engine.start()
            stack.push_async_callback(engine.stop)
        yield started


def fund(tenant: str, amount: int, reference: str = "") -> Fund:
    return Fund(tenant, amount, lambda bought_us: bought_us + 10**15, "hand", reference=reference)


def made(tenant: str) -> NewTenant:
    return NewTenant(tenant, "EUR", "UTC", [Document("tenants", "", "{}")])


async def answers_of(commands: Sequence[Any], started: Sequence[Engine]) -> list[Any]:
    waiting = [started[number % len(started)].submit(command) for number, command in enumerate(commands)]
    return list(await asyncio.gather(*waiting))


def test_one_of_two_makers_makes_a_tenant(database: str) -> None:
    async def test() -> None:
        async with engines(database, 2) as both:
            for name in ("a", "b", "c"):
                answers = await answers_of([made(name), made(name)], both)
                assert sorted(type(answer).__name__ for answer in answers) == ["Refused", "Wallet"]
                (refused,) = [answer for answer in answers if isinstance(answer, Refused)]
                assert refused.code == "exists"
        assert stored(database, "tenant, version", "wallets") == [("a", 1), ("b", 1), ("c", 1)]

    run(test())


def test_two_engines_share_hot_wallets_to_the_micro(database: str) -> None:
    async def test() -> None:
        async with engines(database, 2) as both:
            await answers_of([made("a"), made("b")], both[:1])
            commands = [fund("ab"[number % 3 == 0], 1 + number) for number in range(200)]
            answers = await answers_of(commands, both)
            assert all(isinstance(answer, Wallet) for answer in answers)
        expected = {
            tenant: sum(command.amount for command in commands if command.tenant == tenant) for tenant in "ab"
        }
        assert dict(stored(database, "tenant, balance", "wallets")) == expected
        assert sorted(stored(database, "tenant, amount", "journal")) == sorted(
            (command.tenant, command.amount) for command in commands
        )

    run(test())


def test_a_command_that_cannot_be_stored_harms_no_other(
    database: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with engines(database, 1) as started:
            await answers_of([made("a"), made("b")], started)
            commands = [fund("a", 1, "paid"), fund("b", 10), fund("a", 100, "paid"), fund("a", 1_000)]
            waiting = [started[0].submit(command) for command in commands]
            answers = await asyncio.gather(*waiting, return_exceptions=True)
            assert [type(answer) for answer in answers] == [Wallet, Wallet, Duplicate, Wallet]
        assert stored(database, "tenant, balance", "wallets") == [("a", 1_001), ("b", 10)]

    run(test())
    assert "tried one by one" in caplog.text
