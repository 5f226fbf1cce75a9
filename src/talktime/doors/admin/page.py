"""What a page is: an address, a title, what one has to be allowed to see it, and a function that builds it.

    @page("/tenants/{tenant}/credits", title="Communication Credits", needs="see_balance")
    async def credits(at: Visit) -> None: ...

`PAGES` holds all of them; the centre mounts them inside the frame, and tests and screenshots walk them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, NamedTuple

from talktime.doors.admin.visit import Visit

__all__ = ["PAGES", "Page", "Visit", "page"]

Build = Callable[[Visit], Awaitable[None]]


class Page(NamedTuple):
    """A page of the centre. `needs` "" asks for no operation; `wide` lets it fill the window."""

    path: str
    title: str
    needs: str
    build: Build
    wide: bool = False


PAGES: Final[dict[str, Page]] = {}
"""All pages by path."""


def page(path: str, *, title: str, needs: str = "", wide: bool = False) -> Callable[[Build], Build]:
    """Makes a function the page of an address. Raises ValueError where there is one already."""

    def made(build: Build) -> Build:
        if path in PAGES:
            raise ValueError(f"{path} is the address of two pages")
        PAGES[path] = Page(path, title, needs, build, wide)
        return build

    return made
