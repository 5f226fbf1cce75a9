"""Group commit: batches, commands that fail among others, queues that are full, an engine that stops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import pytest

from talktime.ledger.book import Book
from talktime.ledger.commands import Fund, NewTenant, Wallet
from talktime.ledger.engine import MAX_BATCH, Engine, QueueFull, Stopping
from talktime.ledger.records import SessionRow
from talktime.ledger.store import Documents, StoreAway, UnknownOutcome
from tests.databases import database, sqlite_database
from tests.live.live_desk import store_of

__all__ = ["database", "sqlite_database"]  # fixtures

UNIT = 1_000_000
FOREVER_US = 2**60


class Broken(Exception):  # noqa: N818 - a test's own
    """What a faulty command raises."""


@dataclass(frozen=True)
class Faulty:
    """Changes the book, then fails."""

    tenant: str
    call_id: str = ""
    creates: bool = False

    def decide(self, book: Book | None, session: SessionRow | None, now_us: int) -> object:
        del session, now_us
        assert book is not None
        book.open_lot(UNIT, FOREVER_US, "funded", "funding:nobody", "purchase")
        raise Broken(self.tenant)


def nothing(documents: Documents) -> object:
    return documents


def new(tenant: str) -> NewTenant:
    return NewTenant(tenant, "USD", "UTC", ())


def fund(tenant: str, amount: int = UNIT) -> Fund:
    return Fund(tenant, amount, lambda _: FOREVER_US, "manual")


def on(url: str, story: Callable[[Engine], Coroutine[Any, Any, None]], **options: Any) -> None:
    """Runs a story with an engine on a database."""

    async def run() -> None:
        engine = Engine(store_of(url), nothing, **options)
        await engine.start()
        try:
            await story(engine)
        finally:
            if engine.is_alive:
                await engine.stop()

    asyncio.run(run())


def test_what_waits_is_one_transaction(database: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(new("t"))
        before = engine.observed.batches
        answers = await asyncio.gather(*[engine.submit(fund("t")) for _ in range(300)])
        assert [wallet.balance for wallet in answers if isinstance(wallet, Wallet)] == [
            n * UNIT for n in range(1, 301)
        ]
        assert engine.observed.batches - before == 2
        assert engine.observed.operations == 301
        assert MAX_BATCH < 300

    on(database, story)


def test_a_faulty_command_harms_no_other(database: str) -> None:
    """Neither those of its tenant nor those of others; and nothing of it is stored."""

    async def story(engine: Engine) -> None:
        await asyncio.gather(engine.submit(new("a")), engine.submit(new("b")))
        waiting = [engine.submit(c) for c in (fund("a"), Faulty("a"), fund("b"), fund("a"))]
        first, broken, other, last = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(broken, Broken)
        assert [w.balance for w in (first, other, last) if isinstance(w, Wallet)] == [UNIT, UNIT, 2 * UNIT]
        assert engine.observed.failed_batches == 1

    on(database, story)


def test_a_full_queue_refuses(sqlite_database: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(new("t"))
        waiting = [engine.submit(fund("t")) for _ in range(3)]
        assert (engine.is_full, engine.waiting) == (True, 3)
        with pytest.raises(QueueFull, match="3 operations wait"):
            engine.submit(fund("t"))
        await asyncio.gather(*waiting)
        assert not engine.is_full

    on(sqlite_database, story, max_queue=3)


def test_a_stop_finishes_what_waits(database: str) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(new("t"))
        waiting = [engine.submit(fund("t")) for _ in range(5)]
        stopping = asyncio.create_task(engine.stop())
        await asyncio.sleep(0)
        with pytest.raises(Stopping):
            engine.submit(fund("t"))
        answers = await asyncio.gather(*waiting)
        await stopping
        assert isinstance(answers[-1], Wallet)
        assert answers[-1].balance == 5 * UNIT

    on(database, story)


@pytest.mark.parametrize("error", [UnknownOutcome("?"), StoreAway("gone")])
def test_after_a_commit_that_failed_the_book_is_read_again(sqlite_database: str, error: Exception) -> None:
    async def story(engine: Engine) -> None:
        await engine.submit(new("t"))
        commit = engine.store.commit

        async def fails(books: object) -> None:
            del books
            await engine.store.rollback()
            raise error

        engine.store.commit = fails  # type: ignore[method-assign]
        with pytest.raises(type(error)):
            await engine.submit(fund("t"))
        engine.store.commit = commit  # type: ignore[method-assign]
        wallet = await engine.submit(fund("t", 5))
        assert isinstance(wallet, Wallet)
        assert (wallet.balance, wallet.lot) == (5, 1)

    on(sqlite_database, story)


def test_two_engines_on_one_database_see_each_other(database: str) -> None:
    async def story(engine: Engine) -> None:
        other = Engine(store_of(database), nothing)
        await other.start()
        await engine.submit(new("t"))
        balances = []
        for turn in (engine, other, other, engine, other):
            wallet = await turn.submit(fund("t"))
            assert isinstance(wallet, Wallet)
            balances.append(wallet.balance // UNIT)
        await other.stop()
        assert balances == [1, 2, 3, 4, 5]

    on(database, story)


def test_memory_is_bounded(sqlite_database: str) -> None:
    """Books that were not used for long are forgotten, not what they hold."""

    async def story(engine: Engine) -> None:
        for n in range(30):
            await engine.submit(new(f"t{n}"))
            await engine.submit(fund(f"t{n}"))
            assert len(engine._books) <= 10
        wallet = await engine.submit(fund("t0"))
        assert isinstance(wallet, Wallet)
        assert wallet.balance == 2 * UNIT

    on(sqlite_database, story, max_books=10)
