"""What only PostgreSQL can do to a store: locks of others, a server that dies, a standby that is gone.

No test waits for a time: each waits until something is so, and one that hangs is ended.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
import pytest
from psycopg import sql

from talktime.ledger.book import FIRST_HEAD, Book, chained
from talktime.ledger.commands import Wallet
from talktime.ledger.database import DatabaseError, DurabilityError, open_url, upgrade
from talktime.ledger.engine import Engine
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.records import Entry, SessionRow, State
from talktime.ledger.store import Duplicate, StoreAway, StoreBusy, UnknownOutcome
from tests.ledger.test_stores import commit, fund, funded, made, opened, read, run, stored
from tests.postgres_servers import Folder, PostgresPair, Server

PATIENCE_S = 30


def pg_store(url: str, **options: float) -> PostgresStore:
    return PostgresStore(open_url(url), **options)


@asynccontextmanager
async def opened_with(url: str, **options: float) -> AsyncIterator[PostgresStore]:
    store = pg_store(url, **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()


async def until_async(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not await asyncio.to_thread(reached):
            await asyncio.sleep(0.02)


def end_backends(url: str) -> int:
    """Ends every other connection to this database, as an operator would; how many there were."""
    with psycopg.connect(url, autocommit=True) as connection:
        return connection.execute(
            "select pg_terminate_backend(pid, 10000) from pg_stat_activity"
            " where datname = current_database() and application_name = 'talktime'"
        ).rowcount


# --- locks of others -------------------------------------------------------------------------------


def test_wallets_that_another_store_holds_are_passed_over(postgres_database: str) -> None:
    async def test() -> None:
        async with opened(postgres_database, 2) as (store, other):
            await commit(store, *(funded(tenant) for tenant in "abc"))
            await store.begin(["a", "b"], [], wait=False)
            opening = await other.begin(["a", "b", "c", "nobody"], [], wait=False)
            assert opening.busy == {"a", "b"}
            assert dict(opening.versions) == {"c": 1, "nobody": -1}
            await other.rollback()
            await store.rollback()
            opening = await other.begin(["a", "b", "c"], [], wait=False)
            assert (opening.busy, dict(opening.versions)) == (frozenset(), {"a": 1, "b": 1, "c": 1})

    run(test())


def test_who_waits_for_a_wallet_gets_it_or_is_told_that_it_is_busy(postgres_database: str) -> None:
    async def test() -> None:
        async with (
            opened_with(postgres_database) as store,
            opened_with(postgres_database, lock_timeout_s=0.1) as hasty,
            opened_with(postgres_database) as patient,
        ):
            await commit(store, funded("a"))
            book, _ = await read(store, "a")
            assert book is not None
            await store.begin(["a"], [], wait=False)
            with pytest.raises(StoreBusy):
                await hasty.begin(["a"], [], wait=True)
            opening = await hasty.begin(["a"], [], wait=False)  # it is not stuck in what failed
            assert opening.busy == {"a"}
            await hasty.rollback()
            waiting = asyncio.create_task(patient.begin(["a"], [("a", "c")], wait=True))
            book.keep(SessionRow("c", State.OPEN, 5, 0, None))
            await store.commit([book])
            opening = await waiting
            assert dict(opening.versions) == {"a": 2}
            assert ("a", "c") in opening.sessions  # what the lock was waited for is read after it
            await patient.rollback()

    run(test())


def test_of_two_transactions_that_make_a_tenant_the_later_fails_whole(postgres_database: str) -> None:
    async def test() -> None:
        async with (
            opened_with(postgres_database) as store,
            opened_with(postgres_database, commit_timeout_s=0.4) as other,
        ):
            for holder in (store, other):
                await holder.begin(["a"], [], wait=False)
            # The first one has not committed, so the other waits for it: not for ever.
            held = store._link.connection
            assert held is not None
            await held.execute(
                "insert into wallets select 'a', 1, 0, 'EUR', 'UTC', 0, 0, 0, 1, 0, 0, '', 0, 0, 0, '[]'"
            )
            with pytest.raises(StoreBusy):
                await other.commit([funded("a")])
            await held.execute("commit")
            with pytest.raises(Duplicate):
                await commit(other, funded("a"), funded("b"))
            await other.rollback()
            assert await read(other, "b") == (None, None)

    run(test())


def test_a_text_that_cannot_be_stored_is_an_error_of_its_own_operation(postgres_database: str) -> None:
    async def test() -> None:
        async with opened(postgres_database, 1) as (store,):
            with pytest.raises(psycopg.DataError, match="NUL"):
                await store.begin(["a"], [("a", "c\0")], wait=False)
            with pytest.raises(psycopg.DataError, match="NUL"):
                await commit(store, funded("a"), funded("b\0"))
            await store.rollback()
            await commit(store, funded("a"))
            assert stored(postgres_database, "tenant, version", "wallets") == [("a", 1)]

    run(test())


# --- opening ---------------------------------------------------------------------------------------


def test_a_database_that_could_forget_is_refused(postgres_database: str) -> None:
    with psycopg.connect(postgres_database, autocommit=True) as connection:
        name = sql.Identifier(connection.info.dbname)
        connection.execute(sql.SQL("alter database {} set synchronous_commit = off").format(name))

    async def test() -> None:
        with pytest.raises(DurabilityError, match="synchronous_commit"):
            await pg_store(postgres_database).open()
        with pytest.raises(DatabaseError, match="cannot be used"):
            await pg_store("postgresql://postgres@/nothing?host=/nowhere").open()

    run(test())


def test_the_months_to_come_have_their_partitions(postgres_database: str) -> None:
    async def test() -> None:
        async with opened(postgres_database, 1):
            names = {name for name, _ in stored(postgres_database, "relname, relkind", "pg_class")}
            assert len([name for name in names if name.startswith("journal_2")]) >= 3

    run(test())


# --- connections that die --------------------------------------------------------------------------


def test_a_connection_that_died_between_transactions_is_not_noticed(postgres_database: str) -> None:
    async def test() -> None:
        async with opened(postgres_database, 1) as (store,):
            await commit(store, funded("a"))
            assert end_backends(postgres_database) == 1
            await commit(store, funded("b"))
            assert await store.due_sessions(1, 1) == []
            assert end_backends(postgres_database) == 2
            with pytest.raises(StoreAway):
                await store.due_sessions(1, 1)
            assert await store.due_sessions(1, 1) == []
            assert [row[0] for row in stored(postgres_database, "tenant, version", "wallets")] == ["a", "b"]

    run(test())


def test_a_connection_that_dies_in_a_transaction_takes_it_along(postgres_database: str) -> None:
    async def test() -> None:
        async with opened(postgres_database, 1) as (store,):
            await commit(store, funded("a"))
            for attempt in ("load", "counters", "commit", "rollback"):
                await store.begin(["a"], [], wait=False)
                assert end_backends(postgres_database) == 1
                match attempt:
                    case "load":
                        with pytest.raises(StoreAway):
                            await store.load(["a"], [], [])
                    case "counters":
                        with pytest.raises(StoreAway):
                            await store.counters("a", 0)
                    case "commit":
                        with pytest.raises(UnknownOutcome):
                            await store.commit([funded("b")])
                    case "rollback":
                        await store.rollback()
            assert await read(store, "b") == (None, None)

    run(test())


@pytest.fixture
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that a test may kill, with a migrated database `ledger`."""
    request.getfixturevalue("postgres_database")  # skips where there is no PostgreSQL
    folder = Folder()
    try:
        server = Server(folder, "k", 5001)
        server.initialise()
        server.start()
        server.execute(sql.SQL("create database ledger"))
        upgrade(open_url(server.url("ledger")))
        yield server
    finally:
        folder.remove()


class Payers:
    """Clients that pay in, micro by micro, and keep book of what they were told."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.told: dict[type, set[str]] = {
            kind: set() for kind in (Wallet, UnknownOutcome, StoreAway, StoreBusy)
        }
        self.stopping = False

    async def pay(self, name: str) -> None:
        number = 0
        while not self.stopping:
            number += 1
            reference = f"{name}-{number}"
            try:
                answer: object = await self.engine.submit(fund(f"t{number % 5}", 1, reference))
            except (UnknownOutcome, StoreAway, StoreBusy) as error:
                answer = error
                await asyncio.sleep(0.01)
            self.told[type(answer)].add(reference)

    @property
    def acknowledged(self) -> set[str]:
        return self.told[Wallet]

    async def until_more(self, kind: type | tuple[type, ...], more: int) -> None:
        kinds = kind if isinstance(kind, tuple) else (kind,)
        before = sum(len(self.told[each]) for each in kinds)
        async with asyncio.timeout(PATIENCE_S):
            while sum(len(self.told[each]) for each in kinds) < before + more:
                await asyncio.sleep(0.01)


@asynccontextmanager
async def paying(url: str, **options: float) -> AsyncIterator[Payers]:
    engine = Engine(pg_store(url, **options), lambda documents: documents)
    await engine.start()
    await asyncio.gather(*(engine.submit(made(f"t{number}")) for number in range(5)))
    payers = Payers(engine)
    clients = [asyncio.create_task(payers.pay(str(number))) for number in range(8)]
    try:
        yield payers
    finally:
        payers.stopping = True
        await asyncio.gather(*clients)
        await engine.stop()


def check_ledger(url: str, payers: Payers) -> None:
    """Nothing acknowledged is lost, nothing refused is there, and all sums and chains agree."""
    kept = {reference for _, reference in stored(url, "tenant, reference", "lots")}
    assert payers.acknowledged <= kept
    assert kept <= payers.acknowledged | payers.told[UnknownOutcome]
    assert sum(balance for _, balance in stored(url, "tenant, balance", "wallets")) == len(kept)
    columns = "tenant, number, at_us, kind, debit, credit, amount, lot, charge, corrects, hash"
    heads = {tenant: FIRST_HEAD for tenant, _ in stored(url, "tenant, version", "wallets")}
    for tenant, *values in stored(url, columns, "journal"):
        entry = Entry(*values)
        heads[tenant] = chained(heads[tenant], entry)
        assert bytes(entry.hash) == heads[tenant]
    assert {tenant: bytes(head) for tenant, head in stored(url, "tenant, head", "wallets")} == heads


def test_a_server_that_is_killed_loses_nothing_that_was_acknowledged(server: Server) -> None:
    url = server.url("ledger")

    async def test() -> None:
        async with paying(url) as payers:
            for _ in range(2):
                await payers.until_more(Wallet, 60)
                await asyncio.to_thread(server.kill)
                await payers.until_more((StoreAway, UnknownOutcome), 8)
                await asyncio.to_thread(server.start)
                await payers.until_more(Wallet, 30)
        assert payers.told[StoreAway]
        check_ledger(url, payers)

    run(test())


def test_the_promoted_standby_goes_on_with_all_that_was_acknowledged(postgres_pair: PostgresPair) -> None:
    async def test() -> None:
        async with paying(postgres_pair.url) as payers:
            await payers.until_more(Wallet, 60)
            await asyncio.to_thread(postgres_pair.kill_primary)
            await payers.until_more(StoreAway, 8)
            await asyncio.to_thread(postgres_pair.promote)
            await payers.until_more(Wallet, 60)
        check_ledger(postgres_pair.standby.url("ledger"), payers)

    run(test())


# --- a standby that is gone ------------------------------------------------------------------------


WAITING = "pg_stat_activity where wait_event = 'SyncRep'"


def waits_for_the_standby(pair: PostgresPair) -> Callable[[], bool]:
    def waits() -> bool:
        with pair.primary.connect("ledger") as connection:
            found = connection.execute(
                "select 1 from pg_stat_activity where wait_event = 'SyncRep'"
            ).fetchone()
        return found is not None

    return waits


def test_without_its_standby_a_commit_is_unknown_and_nothing_hangs(postgres_pair: PostgresPair) -> None:
    async def test() -> None:
        options = {"commit_timeout_s": 0.5, "lock_timeout_s": 0.2}
        engine = Engine(pg_store(postgres_pair.url, **options), lambda documents: documents)
        await engine.start()
        await engine.submit(made("a"))
        await engine.submit(made("b"))
        await asyncio.to_thread(postgres_pair.kill_standby)
        with pytest.raises(UnknownOutcome):
            await engine.submit(fund("a", 1))
        with pytest.raises(StoreBusy):  # its commit still waits over there and holds the wallet
            await engine.submit(fund("a", 10))
        with pytest.raises(UnknownOutcome):
            await engine.submit(fund("b", 100))
        assert await asyncio.to_thread(waits_for_the_standby(postgres_pair))  # nobody cancelled it
        await asyncio.to_thread(postgres_pair.standby.start, "cluster_name=b")
        await until_async(postgres_pair.in_sync)
        for tenant, balance in (("a", 1_001), ("b", 1_100)):
            answer: Any = await engine.submit(fund(tenant, 1_000))
            assert answer.balance == balance
        await engine.stop()

    run(test())


def test_a_repeated_answer_waits_for_the_standby_too(postgres_pair: PostgresPair) -> None:
    """What it tells again was written by somebody whose own wait may have been cut short."""

    async def test() -> None:
        async with opened_with(postgres_pair.url, commit_timeout_s=2 * PATIENCE_S) as store:
            await commit(store, funded("a"))
            await asyncio.to_thread(postgres_pair.kill_standby)
            await store.begin(["a"], [], wait=True)
            nothing = asyncio.create_task(store.commit([]))
            await until_async(waits_for_the_standby(postgres_pair))
            assert not nothing.done()
            await asyncio.to_thread(postgres_pair.standby.start, "cluster_name=b")
            await nothing

    run(test())


def balance_seen(pair: PostgresPair, tenant: str) -> int:
    with pair.primary.connect("ledger") as connection:
        row = connection.execute("select balance from wallets where tenant = %s", [tenant]).fetchone()
    assert row is not None
    return int(row[0])


def test_a_wait_that_ends_without_the_standby_is_unknown(postgres_pair: PostgresPair) -> None:
    def cancel_waits() -> None:
        with postgres_pair.primary.connect("ledger") as connection:
            connection.execute(
                "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'"
            )

    async def test() -> None:
        async with opened_with(postgres_pair.url, commit_timeout_s=2 * PATIENCE_S) as store:
            books = [funded("a"), funded("b")]
            await commit(store, *books)
            await asyncio.to_thread(postgres_pair.kill_standby)
            for book, balance in zip(books, (1_005, 1_000), strict=True):
                task = asyncio.create_task(overdraw(store, book, -5))
                await until_async(waits_for_the_standby(postgres_pair))
                if book.tenant == "a":  # the operator ends the wait: visible, and not safe
                    await asyncio.to_thread(cancel_waits)
                    with pytest.raises(UnknownOutcome, match="warned"):
                        await task
                else:  # our own task is ended: the wait goes on, and nobody sees what is not safe
                    task.cancel()
                    with pytest.raises(asyncio.CancelledError):
                        await task
                    assert await asyncio.to_thread(waits_for_the_standby(postgres_pair))
                assert await asyncio.to_thread(balance_seen, postgres_pair, book.tenant) == balance

    run(test())


async def overdraw(store: PostgresStore, book: Book, micros: int) -> None:
    book.owe(micros)
    await commit(store, book)
