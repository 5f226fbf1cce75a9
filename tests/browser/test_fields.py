"""What stands in a field when somebody acts is what counts, however slow the browser and the connection."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

import pytest
from playwright.sync_api import Page, WebSocketRoute, expect

from tests.browser.browsers import PATIENCE_MS
from tests.browser.centers import Center, wait_until
from tests.browser.conftest import SignedIn

expect.set_options(timeout=PATIENCE_MS)

WRITTEN = """
(field) => {
  field.focus();
  field.value = 'user-17';
  field.dispatchEvent(new Event('input', {bubbles: true}));
"""
"""Writes into a field; what follows happens before the page can tell anybody of it."""

ENTER = "field.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter', bubbles: true}))"
LEAVE = "field.blur()"

FIELDS = (
    ("contoso/reports", "User or service number", "user", ENTER),
    ("contoso/reports", "User or service number", "user", LEAVE),
    ("contoso/users", "Search", "search", ENTER),
    ("contoso/audit", "Search", "search", ENTER),
)


def asked(page: Page, address: str, name: str) -> None:
    """Waits until the address asks for something, and holds what it asks for."""
    page.wait_for_url(lambda url: name in dict(parse_qsl(urlsplit(url).query)))
    parts = urlsplit(page.url)
    assert parts.path == f"/tenants/{address}"
    assert dict(parse_qsl(parts.query))[name] == "user-17"


@pytest.mark.parametrize(
    ("address", "label", "name", "act"), FIELDS, ids=[f"{at}-{row[0][8:]}" for at, row in enumerate(FIELDS)]
)
def test_what_is_written_is_asked_for(
    center: Center, signed_in: SignedIn, address: str, label: str, name: str, act: str
) -> None:
    page = signed_in()
    page.goto(f"{center.url}/tenants/{address}")
    page.get_by_label(label).evaluate(f"{WRITTEN} {act}; }}")
    asked(page, address, name)


def test_keys_before_the_connection_come_in_their_order(center: Center, signed_in: SignedIn) -> None:
    page, held = signed_in(), list[WebSocketRoute]()

    def hold(connection: WebSocketRoute) -> None:
        held.append(connection)

    page.route_web_socket("**/_nicegui_ws/**", hold)
    page.goto(f"{center.url}/tenants/contoso/users")
    search = page.get_by_label("Search")
    search.press_sequentially("user-17", delay=7)
    page.get_by_role("button", name="Search").click()
    wait_until(lambda: search.is_visible() and bool(held), "the page asks for a connection")
    for connection in held:
        connection.connect_to_server()
    asked(page, "contoso/users", "search")
