"""Who may come in: administrators, keys and people are looked after in a browser, and the rights hold."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from talktime.client import Management, ProblemError
from tests.browser.browsers import PATIENCE_MS
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look

expect.set_options(timeout=PATIENCE_MS)

NEW = "nora.berg@northwind.example"
PASSWORD = "a horse on a staple"
TENANT = "northwind"
GLOBAL = f"global@{TENANT}.example"


@pytest.fixture(autouse=True)
def as_before(center: Center) -> Iterator[None]:
    """The administrators of the organisation are put back, and who came in by a test is shut out."""
    northwind = center.management.tenant(TENANT).administrators
    before = northwind.get().value
    yield
    northwind.put(before)
    for person in center.management.people.pages().items():
        if person.upn.startswith("nora") and not person.disabled_at:
            center.management.people.disable(person.upn)


def choose(page: Page, label: str, *options: str) -> None:
    """Ticks options of a field that takes several."""
    page.get_by_role("combobox", name=label).click()
    for option in options:
        page.get_by_role("option", name=option, exact=True).click()
    page.keyboard.press("Escape")


def shown_secret(page: Page) -> str:
    """What a dialog shows once; the dialog is closed."""
    field = page.get_by_label("Copy this now")
    expect(field).to_have_value(re.compile(".{20,}"))
    secret = field.input_value()
    page.get_by_role("button", name="I have kept it").click()
    expect(field).to_have_count(0)
    return secret


def test_an_administrator_is_added_invited_and_comes_in(
    center: Center, signed_in: SignedIn, stranger: Callable[..., Page]
) -> None:
    page = signed_in(GLOBAL)
    page.goto(f"{center.url}/tenants/{TENANT}/administrators")
    look(page)
    page.get_by_role("link", name="Add an administrator").click()
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Write the name that this person signs in with.")).to_be_visible()
    page.get_by_label("UPN", exact=True).fill(NEW)
    page.get_by_label("Name", exact=True).fill("<b>Nora</b> Berg")
    choose(page, "Roles", "Helpdesk Administrator")
    look(page)
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Make a link to sign in").click()
    link = shown_secret(page)
    expect(page.get_by_role("link", name="<b>Nora</b> Berg")).to_be_visible()

    hers = stranger()
    hers.goto(link)
    for field in hers.locator("input[type=password]").all():
        field.fill(PASSWORD)
    hers.locator("form button[type=submit]").first.click()
    expect(hers.get_by_role("heading", level=1)).to_be_visible()
    hers.goto(f"{center.url}/tenants/{TENANT}/administrators")
    expect(hers.get_by_text(NEW)).to_be_visible()
    expect(hers.get_by_role("link", name="Add an administrator")).to_have_count(0)
    hers.goto(f"{center.url}/tenants/contoso")
    expect(hers.get_by_role("heading", name="Not found")).to_be_visible()

    page.get_by_role("button", name="Take the roles away").click()
    page.get_by_role("dialog").get_by_role("button", name="Take away").click()
    expect(page.get_by_text(NEW)).to_have_count(0)
    hers.goto(f"{center.url}/tenants/{TENANT}/administrators")
    expect(hers.get_by_role("heading", name="Not found")).to_be_visible()


def test_of_two_who_change_the_administrators_the_second_is_told(center: Center, signed_in: SignedIn) -> None:
    one, two = signed_in(GLOBAL), signed_in(GLOBAL)
    for page in (one, two):
        page.goto(f"{center.url}/tenants/{TENANT}/administrators?upn={GLOBAL}")
    one.get_by_label("Name", exact=True).fill("Gloria the First")
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_role("link", name="Gloria the First")).to_be_visible()
    two.get_by_label("Name", exact=True).fill("Gloria the Second")
    two.get_by_role("button", name="Save").click()
    expect(two.get_by_text("Somebody else changed this")).to_be_visible()
    two.reload()
    expect(two.get_by_role("link", name="Gloria the First")).to_be_visible()


def test_a_key_is_made_shown_once_and_revoked(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(GLOBAL)
    page.goto(f"{center.url}/tenants/{TENANT}/keys")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Say who holds the key.")).to_be_visible()
    page.get_by_label("Name", exact=True).fill("night job")
    page.get_by_role("button", name="Make the key").click()
    expect(page.get_by_text("Say what the key is for")).to_be_visible()
    page.get_by_role("checkbox", name="It manages this organisation").click()
    choose(page, "Roles, where it manages", "Billing Administrator")
    look(page)
    page.get_by_role("button", name="Make the key").click()
    key = shown_secret(page)
    with Management(f"http://127.0.0.1:{center.process.port}", key) as holder:
        in_time(lambda: status_of(holder) == 200, "the key is known")
        assert key not in page.content()
        page.get_by_role("link", name="night job").click()
        page.get_by_role("button", name="Revoke the key").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_text("revoked")).to_be_visible()
        in_time(lambda: status_of(holder) == 401, "the key is refused")


def in_time(wanted: Callable[[], bool], what: str) -> None:
    """The live process looks at the stored keys every second or two."""
    until_s = time.monotonic() + 10
    while not wanted():
        assert time.monotonic() < until_s, f"waited in vain until {what}"
        time.sleep(0.2)


def status_of(holder: Management) -> int:
    """How the live process answers the holder of a key."""
    try:
        return 200 if holder.tenant(TENANT).rights().roles == ("billing_administrator",) else 0
    except ProblemError as problem:
        return problem.status


@pytest.mark.long
def test_the_provider_invites_a_person_and_shuts_it_out(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("provider@talktime.example")
    page.goto(f"{center.url}/people")
    look(page)
    page.get_by_role("link", name="Invite a person").click()
    page.get_by_label("UPN", exact=True).fill("nora@talktime")
    choose(page, "Roles", "Auditor")
    page.get_by_role("button", name="Invite").click()
    link = shown_secret(page)
    assert httpx.get(link).status_code == 200
    page.goto(f"{center.url}/people?upn=nora@talktime")
    expect(page.get_by_text("invited", exact=True).first).to_be_visible()
    look(page)
    page.get_by_role("button", name="Shut out").click()
    page.get_by_role("dialog").get_by_role("button", name="Shut out").click()
    expect(page.get_by_text("shut out", exact=True)).to_be_visible()
    assert httpx.get(link).status_code == 410


@pytest.mark.parametrize(
    ("who", "path"),
    [
        ("helpdesk@contoso.example", "/tenants/contoso/keys"),
        ("auditor@talktime.example", "/people"),
        ("global@contoso.example", "/people"),
    ],
)
def test_who_may_not_is_not_let_in(center: Center, signed_in: SignedIn, who: str, path: str) -> None:
    page = signed_in(who)
    answer = page.goto(f"{center.url}{path}")
    assert answer is not None
    assert answer.status == 403
    expect(page.get_by_role("heading", name="Not for your roles")).to_be_visible()


@pytest.mark.parametrize(
    ("who", "path", "how"),
    [
        (GLOBAL, f"/tenants/{TENANT}/administrators?upn={GLOBAL}", {"dark": True}),
        (GLOBAL, f"/tenants/{TENANT}/keys", {"phone": True}),
        ("provider@talktime.example", "/people?upn=partner@csp.example", {"dark": True, "phone": True}),
    ],
)
@pytest.mark.long
def test_pages_are_in_order_in_the_dark_and_on_a_phone(
    center: Center, signed_in: SignedIn, who: str, path: str, how: Any
) -> None:
    page = signed_in(who, **how)
    page.goto(f"{center.url}{path}")
    look(page)
