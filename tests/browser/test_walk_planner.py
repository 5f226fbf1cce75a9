"""The planner, in a browser: the organisation's own months, an answer to read, a rule to use, a file."""

from __future__ import annotations

import io
import zipfile
from datetime import UTC, datetime
from typing import Final

from playwright.sync_api import Page, expect

from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look

TENANT: Final = "fabrikam"
PATIENT_MS: Final = 120_000
"""The plan is worked out in a process that has to start first."""

CARDS: Final = (
    "In short",
    "What the usage can tell",
    "What was paid",
    "Included minutes by pool",
    "Forecast",
    "What to buy",
    "Which plan for whom",
)


def asked(center: Center, page: Page, tenant: str) -> str:
    """Asks by the organisation's own months with the usual settings; the address of the answer."""
    page.goto(f"{center.url}/tenants/{tenant}/planner")
    expect(page.get_by_text("Nothing was asked yet.")).to_be_visible(timeout=PATIENT_MS)
    page.get_by_role("button", name="Use these months").click()
    expect(page.get_by_role("heading", name="2. Settings")).to_be_visible(timeout=PATIENT_MS)
    page.get_by_label("Hours that a payment may take").fill("soon")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_text("valid integer")).to_be_visible(timeout=PATIENT_MS)
    page.get_by_label("Hours that a payment may take").fill("48")
    page.get_by_role("button", name="Licence prices").click()
    look(page, complaints=("400",))
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_role("heading", name=CARDS[0])).to_be_visible(timeout=PATIENT_MS)
    return page.url


def workbook(page: Page) -> list[str]:
    """The names of the parts of the Excel file that the page offers."""
    with page.expect_download(timeout=PATIENT_MS) as download:
        page.get_by_role("link", name="As Excel").click()
    with zipfile.ZipFile(io.BytesIO(download.value.path().read_bytes())) as book:
        return book.namelist()


def test_plan_is_asked_for_read_and_taken_away(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("both@contoso.example", tenant=TENANT)
    address = asked(center, page, TENANT)
    for name in CARDS:
        expect(page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    told = center.management.tenant(TENANT).planner.get(address.rpartition("/")[2])
    assert (told.state, told.settings.lead_hours) == ("done", 48)
    assert told.result is not None
    paid = told.result.paid
    spent = center.management.tenant(TENANT).usage.spend(
        "category", since=told.result.from_, until=datetime.now(UTC)
    )
    assert paid.calls == spent.total.calls
    for sentence in told.conclusions:
        expect(page.get_by_text(sentence[:60]).first).to_be_visible()
    look(page)
    assert any(name.startswith("xl/worksheets/") for name in workbook(page))

    phone = signed_in("both@contoso.example", tenant=TENANT, phone=True, dark=True)
    phone.goto(address)
    expect(phone.get_by_role("heading", name=CARDS[0])).to_be_visible(timeout=PATIENT_MS)
    look(phone)


def test_proposed_rule_is_filled_in_and_not_saved(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("global@contoso.example")
    before = center.management.tenant("contoso").recharge.get().value.rule
    page.goto(f"{center.url}/tenants/contoso/credits/auto-recharge?below=37.5&add=75")
    expect(page.get_by_text("The amounts that were proposed are filled in.")).to_be_visible(
        timeout=PATIENT_MS
    )
    expect(page.get_by_label("When balance is below")).to_have_value("37.5")
    expect(page.get_by_label("Add this amount")).to_have_value("75")
    expect(page.get_by_text("Whenever less than 37.5")).to_be_visible(timeout=PATIENT_MS)
    assert center.management.tenant("contoso").recharge.get().value.rule == before
