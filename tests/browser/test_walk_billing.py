"""Billing accounts as people walk them: the default one, the move to post-usage step by step, invoices."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import expect

from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look
from tests.funding.pdf_text import text_of

BOSS, BILLING, TEAMS = "global@contoso.example", "billing@contoso.example", "teams@contoso.example"

TENANT: Final[dict[str, Any]] = {
    "tenant": {
        "id": "woodgrove",
        "name": "Woodgrove Bank",
        "country": "US",
        "currency": "USD",
        "default_billing_account": "direct",
    },
    "billing_accounts": [
        {"id": "direct", "agreement": "MOSA"},
        {"id": "new", "agreement": "MCA", "post_usage_enabled": False},
    ],
    "licences": [{"plan": "MCOPSTN1", "purchased": 2, "billing_account": "new"}],
    "auto_recharge": {"enabled": True, "below": "10", "add": "50"},
    "administrators": [
        {"upn": BOSS, "roles": ["global_administrator"]},
        {"upn": TEAMS, "roles": ["teams_administrator"]},
    ],
}
"""An organisation of these tests: calls are billed under MCA, and a rule that was on before still is."""


@pytest.fixture(scope="module")
def woodgrove(center: Center) -> str:
    """The address of its pages."""
    center.management.tenants.make(TENANT)
    return f"{center.url}/tenants/woodgrove"


def test_default_account_is_changed_after_its_effect_was_read(
    center: Center, signed_in: SignedIn, woodgrove: str
) -> None:
    accounts = center.management.tenant("woodgrove").billing_accounts
    page = signed_in(BOSS)
    page.goto(f"{woodgrove}/billing")
    expect(page.get_by_text("MOSA")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Domestic Calling Plan 2"))).to_be_visible()
    look(page)
    page.get_by_role("button", name="Make new the default").click()
    dialog = page.get_by_role("dialog")
    expect(
        dialog.get_by_text('Credits are bought on "new", and receipts are made out to it.')
    ).to_be_visible()
    dialog.get_by_role("button", name="Cancel").click()
    assert accounts.all()["default"] == "direct", "nobody said yes"
    page.get_by_role("button", name="Make new the default").click()
    dialog.get_by_role("button", name="Make it the default").click()
    expect(page.get_by_role("button", name="Make direct the default")).to_be_visible()
    assert accounts.all()["default"] == "new"


def test_move_to_post_usage_step_by_step(center: Center, signed_in: SignedIn, woodgrove: str) -> None:
    tenant = center.management.tenant("woodgrove")
    page = signed_in(BOSS)
    page.goto(f"{woodgrove}/billing")
    page.get_by_role("link", name="Move to post-usage").click()
    for obstacle in tenant.post_usage.get().value.against:
        expect(page.get_by_text(obstacle.remedy)).to_be_visible()
    look(page)
    page.get_by_role("link", name="Next").click()
    expect(page).to_have_url(re.compile(r"step=2$"))
    page.get_by_role("button", name="Turn auto-recharge off").click()
    page.get_by_role("dialog").get_by_role("button", name="Turn off").click()
    expect(page.get_by_role("note").filter(has_text="Auto-recharge is off.")).to_be_visible()
    assert tenant.recharge.get().value.state == "off"
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text(tenant.post_usage.get().value.dry_run.left_over)).to_be_visible()
    page.get_by_role("link", name="Next").click()
    page.get_by_role("button", name="Switch post-usage on").click()
    page.get_by_role("dialog").get_by_role("button", name="Switch it on").click()
    expect(page.get_by_role("button", name="Switch post-usage off")).to_be_visible()
    assert tenant.post_usage.get().value.enabled
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_text("Everything is set")).to_be_visible()
    expect(page.get_by_text(re.compile("^Post-usage billing$"))).to_be_visible()


def test_shared_address_of_a_step_shows_that_step_and_nothing_to_who_may_not(
    signed_in: SignedIn, woodgrove: str
) -> None:
    page = signed_in(TEAMS, dark=True, phone=True)
    page.goto(f"{woodgrove}/billing/post-usage?step=4")
    expect(page.get_by_role("heading", name="Switch post-usage on")).to_be_visible()
    expect(page.get_by_role("button", name=re.compile("Switch post-usage"))).to_have_count(0)
    look(page)
    page.goto(f"{woodgrove}/billing")
    expect(page.get_by_role("button", name=re.compile("the default"))).to_have_count(0)
    page.goto(f"{woodgrove}/invoices")
    expect(page.get_by_text(re.compile("Your roles here do not allow to see invoices"))).to_be_visible()


def test_invoice_comes_as_pdf_and_for_bookkeeping(center: Center, signed_in: SignedIn) -> None:
    invoices = center.management.tenant("fabrikam").invoices
    (head, *_) = invoices.pages().items()
    page = signed_in("global@fabrikam.example")
    page.goto(f"{center.url}/tenants/fabrikam/invoices")
    look(page)
    with page.expect_download() as pdf:
        page.get_by_role("link", name=head.number, exact=True).click()
    assert head.number in text_of(Path(pdf.value.path()).read_bytes())
    with page.expect_download() as file:
        page.get_by_role("link", name=f"CSV of {head.number}").click()
    assert Path(file.value.path()).read_bytes().decode() == invoices.csv(head.number)
