"""Lists that come in pages: each page says where the next one begins, and is asked for when it is needed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from talktime.client.exchanges import Exchange

T = TypeVar("T")

Place = str | int
"""Where a page begins: `next` of the page before, "" for the first one."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """A page of a list. `next` is where the next one begins, None on the last."""

    items: tuple[T, ...]
    next: Place | None


@dataclass(frozen=True, slots=True)
class Listing(Generic[T]):
    """A list: the request for the page at a place, and where to begin."""

    ask: Callable[[Place], Exchange[Page[T]]]
    begin: Place


class Pages(Generic[T]):
    """A list, page by page; it may be gone through again, and is then asked for again."""

    def __init__(self, listing: Listing[T], run: Callable[[Exchange[Page[T]]], Page[T]]) -> None:
        self._listing = listing
        self._run = run

    def __iter__(self) -> Iterator[Page[T]]:
        """The pages from the first one on."""
        place: Place | None = self._listing.begin
        while place is not None:
            page = self._run(self._listing.ask(place))
            yield page
            place = page.next

    def items(self) -> Iterator[T]:
        """What the pages hold, one by one."""
        for page in self:
            yield from page.items

    def first(self) -> Page[T]:
        """The first page alone."""
        return self._run(self._listing.ask(self._listing.begin))


class AsyncPages(Generic[T]):
    """The same for programs with an event loop: `async for page in ...`, `await ....first()`."""

    def __init__(
        self, listing: Listing[T], run: Callable[[Exchange[Page[T]]], Coroutine[Any, Any, Page[T]]]
    ) -> None:
        self._listing = listing
        self._run = run

    async def __aiter__(self) -> AsyncIterator[Page[T]]:
        """The pages from the first one on."""
        place: Place | None = self._listing.begin
        while place is not None:
            page = await self._run(self._listing.ask(place))
            yield page
            place = page.next

    async def items(self) -> AsyncIterator[T]:
        """What the pages hold, one by one."""
        async for page in self:
            for item in page.items:
                yield item

    async def first(self) -> Page[T]:
        """The first page alone."""
        return await self._run(self._listing.ask(self._listing.begin))
