"""A store that is asked like any other and keeps nothing: what would a command do?

Books stay in memory as the commands left them, so the next command sees what this one would have done; no
transaction is committed. One process, for as long as a dry run takes.
"""

from __future__ import annotations

from collections.abc import Sequence

from talktime.ledger.book import Book
from talktime.ledger.records import Counter, ImportedRow, Paper, Payment
from talktime.ledger.store import Call, Loaded, Opening, PaperKey, PaymentKey, RowKey, Store


class DryStore:
    """Implements `ledger.store.Store` on another store, of which it only reads."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def open(self) -> None:
        """As the store."""
        await self._store.open()

    async def close(self) -> None:
        """As the store."""
        await self._store.close()

    async def begin(self, tenants: Sequence[str], calls: Sequence[Call], *, wait: bool) -> Opening:
        """As the store: a book that somebody else has changed meanwhile is read anew."""
        return await self._store.begin(tenants, calls, wait=wait)

    async def load(self, books: Sequence[str], documents: Sequence[str], calls: Sequence[Call]) -> Loaded:
        """As the store."""
        return await self._store.load(books, documents, calls)

    async def counters(self, tenant: str, period: int) -> dict[tuple[str, int], Counter]:
        """As the store."""
        return await self._store.counters(tenant, period)

    async def imported(self, rows: Sequence[RowKey]) -> dict[RowKey, ImportedRow]:
        """As the store."""
        return await self._store.imported(rows)

    async def payments(self, keys: Sequence[PaymentKey]) -> dict[PaymentKey, Payment]:
        """As the store."""
        return await self._store.payments(keys)

    async def papers(self, keys: Sequence[PaperKey]) -> dict[PaperKey, Paper]:
        """As the store."""
        return await self._store.papers(keys)

    async def due_payments(self, now_us: int, limit: int) -> list[PaymentKey]:
        """Nothing is due in a dry run."""
        del now_us, limit
        return []

    async def commit(self, books: Sequence[Book]) -> None:
        """Ends the transaction without a trace."""
        del books
        await self._store.rollback()

    async def rollback(self) -> None:
        """As the store."""
        await self._store.rollback()

    async def due_sessions(self, now_us: int, limit: int) -> list[Call]:
        """Nothing is due in a dry run."""
        del now_us, limit
        return []

    async def due_expiries(self, now_us: int, limit: int) -> list[str]:
        """Nothing is due in a dry run."""
        del now_us, limit
        return []

    async def prepare_months(self, now_us: int) -> None:
        """Nothing is written in a dry run."""

    async def drop_old_hours(self, now_us: int) -> int:
        """Nothing is removed in a dry run."""
        del now_us
        return 0

    async def due_trims(self, now_us: int, limit: int) -> list[Call]:
        """Nothing is due in a dry run."""
        del now_us, limit
        return []
