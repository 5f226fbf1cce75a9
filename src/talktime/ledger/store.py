"""What the engine asks of a store: lock and read, load, write and commit; one transaction at a time.

The engine declares this port; `sqlite_store` and `postgres_store` implement it (rulings.md 33, style.md).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from talktime.ledger.book import Book
from talktime.ledger.records import Counter, ImportedRow, Paper, Payment, SessionRow


class UnknownOutcome(Exception):  # noqa: N818 - not a fault of the program
    """A commit whose outcome nobody knows: the connection died, or a standby did not answer.

    Nothing may be answered; a repeat of the operation finds out (rulings.md 33).
    """


class StoreBusy(Exception):  # noqa: N818 - not a fault of the program
    """The database is locked by somebody else for too long; nothing was written."""


class StoreAway(Exception):  # noqa: N818 - not a fault of the program
    """The database cannot be reached; nothing was written."""


class Duplicate(Exception):  # noqa: N818 - a refusal of the database
    """What may be there only once is there already; nothing of the transaction was written."""


Call = tuple[str, str]
"""(tenant, call id)."""

RowKey = tuple[str, str]
"""(tenant, identity of a row of a rated file)."""


PaymentKey = tuple[str, str]
"""(tenant, payment)."""

PaperKey = tuple[str, str, str]
"""(tenant, kind, key)."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What a transaction sees when it begins.

    `versions`: the stored versions that books in memory have to be compared with; a tenant that is not named
    was changed by nobody else. `busy`: tenants that another worker holds. `sessions`: those of the asked
    calls that exist.
    """

    versions: Mapping[str, int]
    busy: frozenset[str]
    sessions: Mapping[Call, SessionRow]


class Documents(NamedTuple):
    """A tenant's documents as JSON: its own, users by key, service numbers, deck bindings.

    `bindings`: (currency, valid from in us, deck version).
    """

    tenant: str
    users: Sequence[str]
    service_numbers: Sequence[str]
    bindings: Sequence[tuple[str, int, str]]


@dataclass(slots=True)
class Loaded:
    """Books, documents and sessions that were read."""

    books: dict[str, Book] = field(default_factory=dict)
    documents: dict[str, Documents] = field(default_factory=dict)
    sessions: dict[Call, SessionRow] = field(default_factory=dict)


class Store(Protocol):
    """One connection that the engine owns. Methods are called one after the other."""

    async def open(self) -> None:
        """Connects, and refuses a database that is not durable or not migrated."""

    async def close(self) -> None:
        """Ends the connection."""

    async def begin(self, tenants: Sequence[str], calls: Sequence[Call], *, wait: bool) -> Opening:
        """Begins a transaction: locks the wallets in the order of their names, reads the asked sessions.

        `wait` False passes over wallets that another worker holds.
        """

    async def load(self, books: Sequence[str], documents: Sequence[str], calls: Sequence[Call]) -> Loaded:
        """Reads books, documents and sessions of locked tenants; what does not exist is absent."""

    async def counters(self, tenant: str, period: int) -> dict[tuple[str, int], Counter]:
        """Reads the counters of one early period that a book was loaded without."""

    async def imported(self, rows: Sequence[RowKey]) -> dict[RowKey, ImportedRow]:
        """Those of the asked rows of locked tenants that were booked."""

    async def payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """Those of the asked payments of locked tenants that exist."""

    async def papers(self, keys: Sequence[PaperKey]) -> dict[PaperKey, Paper]:
        """Those of the asked papers of locked tenants that exist."""

    async def due_payments(self, now_us: int, limit: int) -> list[PaymentKey]:
        """Payments that a worker has to look at, the longest waiting first (no lock, no transaction)."""

    async def commit(self, books: Sequence[Book]) -> None:
        """Writes all changes of these books and commits.

        Raises UnknownOutcome where nobody can say whether it did, and Duplicate where a key or a payment's
        reference is there already.
        """

    async def rollback(self) -> None:
        """Ends the transaction without a trace."""

    async def due_sessions(self, now_us: int, limit: int) -> list[Call]:
        """Open sessions that have been silent for too long (no lock, no transaction)."""

    async def due_expiries(self, now_us: int, limit: int) -> list[str]:
        """Tenants with a lot that has expired and still holds free money."""

    async def prepare_months(self, now_us: int) -> None:
        """Makes room for the months to come, where the database keeps months apart."""

    async def drop_old_hours(self, now_us: int) -> int:
        """Removes the counters of hours that are long over and of which nothing is reserved.

        No lock of a wallet: nobody asks them any more. Returns how many.
        """

    async def due_trims(self, now_us: int, limit: int) -> list[Call]:
        """Closed sessions whose answers have been kept long enough."""
