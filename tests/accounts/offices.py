"""An administration on an engine that runs, with a clock that tests set."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from talktime.accounts.administration import Administration
from talktime.accounts.payment_methods import PaymentMethods
from talktime.accounts.provider import Provider
from talktime.accounts.tickets import Tickets
from talktime.catalog.load import load_catalogue
from talktime.ledger.database import open_url
from talktime.ledger.decks import Decks
from talktime.ledger.postgres_store import PostgresStore
from talktime.ledger.reading import Reader
from talktime.ledger.sqlite_store import SqliteStore
from talktime.ledger.store import Store
from talktime.live.desk import Desk

NOW_US = 1_772_366_400_000_000  # 2026-03-01T12:00:00Z
DAY_US = 86_400_000_000
UNIT = 1_000_000


class Office:
    """An administration on a desk that runs."""

    def __init__(self, database: str) -> None:
        url = open_url(database)
        self.catalogue = load_catalogue()
        store: Store = SqliteStore(url.path) if url.kind == "sqlite" else PostgresStore(url)
        self.now_us = NOW_US
        self.desk = Desk(store, self.catalogue, clock_us=lambda: self.now_us)
        self.reader = Reader(url)
        self.decks = Decks(url)
        engine = self.desk.engine
        self.use = Administration(engine, self.reader, self.decks, self.catalogue)
        self.provider = Provider(engine, self.reader, self.catalogue, self.use)
        self.cards = PaymentMethods(engine, self.catalogue)
        self.tickets = Tickets(engine, self.reader, self.catalogue)


@asynccontextmanager
async def office(database: str) -> AsyncIterator[Office]:
    made = Office(database)
    await made.desk.start(rounds=False)
    try:
        yield made
    finally:
        await made.desk.stop()
