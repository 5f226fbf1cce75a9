"""What tests in a browser share: a running admin center, Chromium, and people who have signed in.

    def test_x(center: Center, signed_in: SignedIn) -> None:
        page = signed_in("billing@contoso.example")
        page.goto(f"{center.url}/tenants/contoso/credits")
        look(page)

The center is made once for all; a test that changes a setting puts it back, or works in another tenant.
All tests of this folder run in one process of xdist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.browser.browsers import Chromium, new_context, new_page, running_chromium, set_aside, skipped
from tests.browser.centers import Center, open_center
from tests.databases import fresh_postgres, fresh_sqlite

HERE = Path(__file__).parent
FEW = 500
"""Calls of a month where one page is looked at."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """One process has the center and the browser."""
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.xdist_group("browser"))


@pytest.fixture(scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.long)])
def center(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    """A running admin center with the demo month; `make test-long` has all walks on PostgreSQL, too."""
    folder = tmp_path_factory.mktemp("center")
    with set_aside(), ExitStack() as stack:
        if request.param == "sqlite":
            database = fresh_sqlite(folder)
        else:
            database = stack.enter_context(fresh_postgres("the admin center on PostgreSQL"))
        yield stack.enter_context(open_center(database, folder))


@pytest.fixture(scope="session")
def postgres_center(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Center]:
    """The same on PostgreSQL, for what `make test` looks at there."""
    folder = tmp_path_factory.mktemp("center")
    with (
        set_aside(),
        fresh_postgres("the admin center on PostgreSQL") as database,
        open_center(database, folder, calls=FEW) as made,
    ):
        yield made


@pytest.fixture(scope="session")
def chromium_or_reason() -> Iterator[Chromium | str]:
    """The browser of this process, or why there is none."""
    with running_chromium() as found:
        yield found


@pytest.fixture
def browser(request: pytest.FixtureRequest, chromium_or_reason: Chromium | str) -> Iterator[Browser]:
    """Chromium; the test is skipped by name where there is none."""
    if isinstance(chromium_or_reason, str):
        skipped(chromium_or_reason, request.node.name)
    assert isinstance(chromium_or_reason, Chromium)
    with chromium_or_reason.spoken_to() as found:
        yield found


class SignedIn(Protocol):
    """Opens a window of its own for somebody who has signed in.

    `tenant`: the page is at that organisation's Home already. `of`: another center than the usual one.
    """

    def __call__(
        self,
        upn: str = "global@contoso.example",
        *,
        tenant: str = "",
        dark: bool = False,
        phone: bool = False,
        of: Center | None = None,
    ) -> Page: ...


@pytest.fixture
def window(browser: Browser) -> Iterator[Callable[..., BrowserContext]]:
    """Makes windows of people who have not signed in; `dark`, `phone`. They are closed afterwards."""
    opened: list[BrowserContext] = []

    def made(*, dark: bool = False, phone: bool = False) -> BrowserContext:
        opened.append(new_context(browser, dark=dark, phone=phone))
        return opened[-1]

    yield made
    for context in opened:
        context.close()


@pytest.fixture
def stranger(window: Callable[..., BrowserContext]) -> Callable[..., Page]:
    """Opens a page for somebody who has not signed in; `dark`, `phone`."""
    return lambda **how: new_page(window(**how))


@pytest.fixture
def signed_in(center: Center, window: Callable[..., BrowserContext]) -> SignedIn:
    """Opens a page for somebody by the UPN; whoever asks twice has two windows in one session."""

    def page_of(
        upn: str = "global@contoso.example",
        *,
        tenant: str = "",
        dark: bool = False,
        phone: bool = False,
        of: Center | None = None,
    ) -> Page:
        where = of or center
        context = window(dark=dark, phone=phone)
        for name, value in where.cookies_of(upn).items():
            context.add_cookies([{"name": name, "value": value, "url": where.url}])
        page = new_page(context)
        if tenant:
            page.goto(f"{where.url}/tenants/{tenant}")
        return page

    return page_of
