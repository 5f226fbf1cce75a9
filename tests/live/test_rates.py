"""Rate books in memory: when a deck is read, how often, and what a change of the bindings does."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field, replace

import pytest

from talktime.accounts.documents import tenant_text
from talktime.accounts.tenant import Tenant
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck
from talktime.files.decks.sample import default_deck
from talktime.ledger.store import Documents, StoreAway
from talktime.live import rates
from talktime.live.rates import RateBooks
from talktime.live.tenant import LiveTenant, live_tenant


@dataclass
class Shelf:
    """Decks that are kept, and what was asked for."""

    versions: set[str]
    bound: list[tuple[str, int, str]]
    asked: list[str] = field(default_factory=list)
    away: bool = False

    def deck(self, version: str) -> Deck | None:
        self.asked.append(version)
        return replace(default_deck(), version=version) if version in self.versions else None

    def bindings(self) -> list[tuple[str, int, str]]:
        if self.away:
            raise StoreAway("gone")
        return self.bound


def tenant(*own: tuple[str, int, str]) -> LiveTenant:
    document = tenant_text(Tenant("t", "T", "US", "USD"))
    return live_tenant(Documents(document, (), (), own), load_catalogue())


def test_bound_decks_are_read_before_a_call_asks() -> None:
    shelf = Shelf({"a", "b"}, [("EUR", 0, "b"), ("USD", 0, "a")])
    books = RateBooks(source=shelf)
    books.refresh()
    assert sorted(shelf.asked) == ["a", "b"]
    version, book = books.book_for(tenant(), 5)
    assert version == "a"
    assert book is not None
    assert book.deck.version == "a"
    assert len(shelf.asked) == 2


def test_own_binding_goes_before_that_of_all_and_is_read_once() -> None:
    shelf = Shelf({"a", "b"}, [("USD", 0, "a")])
    books = RateBooks(source=shelf)
    books.refresh()
    mine = tenant(("USD", 10, "b"))
    found = [books.book_for(mine, at_us)[0] for at_us in (9, 10, 11)]
    assert found == ["a", "b", "b"]
    assert shelf.asked == ["a", "b"]


def test_deck_that_is_not_there_is_asked_for_once_a_refresh() -> None:
    shelf = Shelf(set(), [])
    books = RateBooks(source=shelf)
    for _ in range(5):
        assert books.book_for(tenant(("USD", 0, "x")), 5) == ("x", None)
    assert shelf.asked == ["x"]
    shelf.versions.add("x")
    books.refresh()
    assert books.book_for(tenant(("USD", 0, "x")), 5)[1] is not None


def test_books_in_memory_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rates, "MAX_BOOKS", 3)
    shelf = Shelf({str(n) for n in range(9)}, [])
    books = RateBooks(source=shelf)
    for n in range(9):
        assert books.load(str(n)) is not None
    assert list(books.books) == ["6", "7", "8"]


def test_bindings_survive_a_database_that_is_away(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf({"a", "b"}, [("USD", 0, "a")])
    books = RateBooks(source=shelf)
    books.refresh()
    shelf.away = True

    async def story() -> None:
        fresh = asyncio.create_task(books.keep_fresh(0.01))
        async with asyncio.timeout(20):
            while not caplog.records:
                await asyncio.sleep(0.005)
            assert books.book_for(tenant(), 5)[0] == "a"
            shelf.bound, shelf.away = [("USD", 0, "b")], False
            while books.book_for(tenant(), 5)[0] != "b":
                await asyncio.sleep(0.005)
        fresh.cancel()
        with suppress(asyncio.CancelledError):
            await fresh

    asyncio.run(story())
    assert "could not be read" in caplog.text


def test_nothing_is_bound_without_a_source() -> None:
    books = RateBooks()
    books.refresh()
    assert books.book_for(tenant(), 5) == ("", None)
