"""The ledger for one command: opened, asked, closed again.

What changes money or a tenant goes through the engine, as it does in `talktime serve`, so a command may run
beside a server: the store's locks put both in one order (rulings.md 33).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from time import time_ns
from typing import TYPE_CHECKING, Final, TypeVar

from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.accounts.administration import Administration
    from talktime.ledger.database import DatabaseUrl
    from talktime.ledger.store import Store

T = TypeVar("T")

WHO: Final = "command line"
"""How the audit log names whoever types commands on this machine."""


def administer(database: str | None, ask: Callable[[Administration], Awaitable[T]]) -> T:
    """Asks one thing of a running engine. Raises WrongUse or Unusable with a sentence."""
    with ledger_faults():
        url = ready(database)
        return asyncio.run(_asked(url, ask))


async def _asked(url: DatabaseUrl, ask: Callable[[Administration], Awaitable[T]]) -> T:
    from talktime.accounts.administration import Administration
    from talktime.catalog.load import load_catalogue
    from talktime.ledger.decks import Decks
    from talktime.ledger.reading import Reader
    from talktime.live.desk import Desk
    from talktime.live.rates import RateBooks
    from talktime.settings import read_settings

    catalogue, decks = load_catalogue(read_settings().catalogue), Decks(url)
    desk = Desk(open_store(url), catalogue, rates=RateBooks(source=decks))
    await desk.start(rounds=False)
    try:
        return await ask(Administration(desk.engine, Reader(url), decks, catalogue))
    finally:
        await desk.stop()


def open_store(url: DatabaseUrl) -> Store:
    """The store of a database."""
    if url.kind == "sqlite":
        from talktime.ledger.sqlite_store import SqliteStore

        return SqliteStore(url.path)
    from talktime.ledger.postgres_store import PostgresStore

    return PostgresStore(url)


def ready(database: str | None) -> DatabaseUrl:
    """The database, made and brought to the newest step where it is not there yet. Raises DatabaseError."""
    from talktime.ledger.database import upgrade

    url = database_url(database)
    upgrade(url)
    return url


@contextmanager
def ledger_faults() -> Iterator[None]:
    """Faults of the database whose message is a sentence for people."""
    from talktime.ledger.database import DatabaseError
    from talktime.ledger.engine import QueueFull, Stopping
    from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

    try:
        yield
    except DatabaseError as problem:
        raise WrongUse(str(problem)) from None
    except (StoreAway, StoreBusy, QueueFull, Stopping) as problem:
        raise Unusable(f"{problem}; nothing was changed") from None
    except UnknownOutcome as problem:
        raise Unusable(f"{problem}; nobody can say whether it was done: look before you repeat it") from None


def now_us() -> int:
    """The instant of a command."""
    return time_ns() // 1_000
