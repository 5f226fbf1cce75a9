"""What `import` and `rerate` share: an engine for one command that touches many calls, in earnest or dry.

Every transaction is whole, and what is done already is passed over: whoever is interrupted starts again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TypeVar

from talktime.doors.cli.engine import open_store
from talktime.doors.cli.ledger import database_url
from talktime.doors.cli.problems import Unusable, WrongUse

if TYPE_CHECKING:
    from talktime.ledger.database import DatabaseUrl
    from talktime.live.desk import Desk

T = TypeVar("T")

AGAIN: Final = "what was done before stays; start the command again, it goes on where it stopped"

ALL_BOOKS: Final = 2**31
"""A dry run must not let go of a book: it is the only memory of what would have been done."""


def with_desk(url: DatabaseUrl, work: Callable[[Desk], Awaitable[T]], *, dry_run: bool) -> T:
    """Runs something that hands commands to an engine of its own. Raises Unusable with a sentence."""
    with many_faults():
        return asyncio.run(_worked(url, work, dry_run=dry_run))


async def _worked(url: DatabaseUrl, work: Callable[[Desk], Awaitable[T]], *, dry_run: bool) -> T:
    from talktime.catalog.load import load_catalogue
    from talktime.ledger.dry_store import DryStore
    from talktime.live.desk import Desk
    from talktime.settings import read_settings

    catalogue, store = load_catalogue(read_settings().catalogue), open_store(url)
    desk = Desk(DryStore(store), catalogue, max_books=ALL_BOOKS) if dry_run else Desk(store, catalogue)
    await desk.start(rounds=False)
    try:
        return await work(desk)
    finally:
        await desk.stop()


def many_ready(database: str | None) -> DatabaseUrl:
    """The database; it is neither made nor brought to a newer step here. Raises WrongUse or Unusable."""
    from talktime.ledger.database import DatabaseError, check_current

    with many_faults():
        url = database_url(database)
        if url.kind == "sqlite" and not url.path.is_file():
            raise DatabaseError(f"there is no database at {url.path}; see --database")
        check_current(url)
        return url


@contextmanager
def many_faults() -> Iterator[None]:
    """Faults of the database whose message is a sentence for people."""
    from talktime.ledger.database import DatabaseError
    from talktime.ledger.store import StoreAway, StoreBusy, UnknownOutcome

    try:
        yield
    except DatabaseError as problem:
        raise WrongUse(str(problem)) from None
    except (StoreAway, StoreBusy, UnknownOutcome) as problem:
        raise Unusable(f"{problem}; {AGAIN}") from None
