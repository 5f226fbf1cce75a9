"""The rate books of the running system: decks by version, and which one all tenants are bound to.

A deck is never edited, so a book that was read stays right; only bindings change (rulings.md 14). They are
read every few seconds and at once after a change in this process; a call looks into memory only.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Protocol

from talktime.core.deck import RateBook
from talktime.ledger.store import StoreAway
from talktime.live.tenant import bound_at

if TYPE_CHECKING:
    from collections.abc import Sequence

    from talktime.core.deck import Deck
    from talktime.live.tenant import LiveTenant

MAX_BOOKS: Final = 64
"""Books in memory; of more, the one that was read first is let go of."""

REFRESH_S: Final = 3.0
"""Seconds between two looks at the bindings of all tenants."""

log = logging.getLogger(__name__)


class DeckSource(Protocol):
    """Where decks are kept. The methods block and raise StoreAway."""

    def deck(self, version: str) -> Deck | None:
        """A deck by its version."""

    def bindings(self) -> Sequence[tuple[str, int, str]]:
        """The bindings of all tenants: (currency, valid from in us, version)."""


@dataclass(slots=True)
class RateBooks:
    """Books by version, and the bindings of all tenants: (currency, valid from in us, version)."""

    books: dict[str, RateBook] = field(default_factory=dict)
    bindings: tuple[tuple[str, int, str], ...] = ()
    source: DeckSource | None = None
    _absent: set[str] = field(default_factory=set)

    def book_for(self, tenant: LiveTenant, at_us: int) -> tuple[str, RateBook | None]:
        """(version, book) in force for a tenant at an instant: its own binding, else that of all.

        Raises StoreAway where the deck is not in memory and cannot be read.
        """
        currency = tenant.tenant.currency
        version = tenant.deck_at(currency, at_us) or bound_at(self.bindings, currency, at_us)
        book = self.books.get(version)
        if book is None and version and self.source is not None:
            book = self.load(version)
        return version, book

    def load(self, version: str) -> RateBook | None:
        """The book of a version, read if it is not in memory; None where no such deck is stored.

        A version that is not there is asked for once between two refreshes.
        """
        book = self.books.get(version)
        if book is not None or self.source is None or version in self._absent:
            return book
        deck = self.source.deck(version)
        if deck is None:
            self._absent.add(version)
            return None
        while len(self.books) >= MAX_BOOKS:
            self.books.pop(next(iter(self.books)), None)
        book = self.books[version] = RateBook(deck)
        return book

    def refresh(self) -> None:
        """Reads the bindings of all tenants and the decks that they name. Raises StoreAway."""
        if self.source is None:
            return
        bindings = tuple(self.source.bindings())
        self._absent.clear()
        for version in dict.fromkeys(version for _, _, version in bindings[-MAX_BOOKS:]):
            self.load(version)
        self.bindings = bindings

    async def keep_fresh(self, every_s: float = REFRESH_S) -> None:
        """Refreshes until it is cancelled."""
        while True:
            await asyncio.sleep(every_s)
            try:
                await asyncio.to_thread(self.refresh)
            except StoreAway as error:
                log.warning("the deck bindings could not be read: %s", error)
