"""Communication Credits as people walk them: bought, declined, confirmed, refilled, exported, and refused."""

from __future__ import annotations

import csv
import re
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import fastexcel
import pytest
from playwright.sync_api import Page, expect

from talktime.doors.admin.words import plain_amount
from tests.browser.centers import DECLINED_LATER, VISA, Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look
from tests.funding.pdf_text import text_of

CONFIRMED: Final = "4000 0027 6000 3184"
"""A card whose holder has to confirm every payment."""

BILLING, TEAMS, PROVIDER = "billing@contoso.example", "teams@contoso.example", "provider@talktime.example"

TENANT: Final[dict[str, Any]] = {
    "tenant": {"id": "tailspin", "name": "Tailspin Toys", "country": "US", "currency": "USD"},
    "billing_accounts": [{"id": "direct", "agreement": "MOSA"}],
    "licences": [{"plan": "MCOPSTN1", "purchased": 2}],
    "administrators": [
        {"upn": BILLING, "roles": ["billing_administrator"]},
        {"upn": TEAMS, "roles": ["teams_administrator"]},
    ],
}
"""An organisation of these tests: without a card, and without credits."""


@pytest.fixture(scope="module")
def tailspin(center: Center) -> str:
    """The address of its pages."""
    center.management.tenants.make(TENANT)
    return f"{center.url}/tenants/tailspin"


def balance(center: Center) -> Decimal:
    return center.management.tenant("tailspin").credits.get().balance


def shown(amount: Decimal) -> re.Pattern[str]:
    """An amount as pages write it."""
    return re.compile(rf"USD\s{re.escape(plain_amount(amount))}")


def add_card(page: Page, at: str, source: str) -> None:
    page.goto(f"{at}/credits/payment-methods")
    page.get_by_label("Card", exact=True).fill(source)
    page.get_by_role("button", name="Add the card").click()
    expect(page.get_by_role("button", name=f"Remove Visa {source[-4:]}")).to_be_visible()


def pay(page: Page, at: str, amount: str, card: str) -> None:
    """From the form to the page that says what became of it; the button is pressed twice."""
    page.goto(f"{at}/credits/add")
    page.get_by_label("Amount").fill(amount)
    page.get_by_role("combobox", name="Payment method").click()
    page.get_by_role("option", name=f"Visa {card[-4:]}").click()
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("The card pays")).to_be_visible()
    page.get_by_role("button", name=f"Pay USD {amount}").dblclick()
    expect(page.get_by_role("link", name="Communication Credits").last).to_be_visible()
    page.wait_for_url("**/credits/add?payment=*")


def test_credits_are_bought_once_and_the_receipt_says_so(
    center: Center, signed_in: SignedIn, tailspin: str
) -> None:
    page = signed_in(BILLING)
    page.goto(f"{tailspin}/credits")
    expect(page.get_by_text("Nothing changed the balance in these days.")).to_be_visible()
    page.get_by_role("link", name="Add funds").click()
    page.get_by_role("link", name="Add a card").click()
    page.get_by_label("Card", exact=True).fill("1234")
    page.get_by_role("button", name="Add the card").click()
    expect(page.get_by_text("This is no card of the sandbox")).to_be_visible()
    expect(page.get_by_label("Card", exact=True)).to_be_focused()
    add_card(page, tailspin, VISA)

    page.goto(f"{tailspin}/credits/add")
    page.get_by_label("Amount").fill("a lot")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text("Must be an amount as a decimal string")).to_be_visible()
    page.get_by_label("Amount").fill("1")
    page.get_by_role("button", name="Continue").click()
    expect(page.get_by_text(re.compile("below the least purchase of 50 USD"))).to_be_visible()
    look(page)
    pay(page, tailspin, "60", VISA)
    expect(page.get_by_text(re.compile("Credits of .*60.00 are there"))).to_be_visible()
    with page.expect_download() as receipt:
        page.get_by_role("link", name="Receipt (PDF)").click()
    text = text_of(Path(receipt.value.path()).read_bytes())
    assert "Tailspin Toys" in text
    assert "60.00" in text

    contoso = center.management.tenant("tailspin")
    assert [(one.state, one.amount) for one in contoso.payments.pages().items()] == [("settled", Decimal(60))]
    entries = list(contoso.books.entries().items())
    assert sum(one.amount for one in entries if one.lot is not None) == balance(center) == Decimal(60)
    page.get_by_role("link", name="Communication Credits").last.click()
    expect(page.locator(".tt-figure strong").first).to_have_text(shown(balance(center)))


def test_declined_card_is_told_in_words_and_costs_nothing(
    center: Center, signed_in: SignedIn, tailspin: str
) -> None:
    page, before = signed_in(BILLING), balance(center)
    add_card(page, tailspin, DECLINED_LATER)
    pay(page, tailspin, "70", DECLINED_LATER)
    expect(page.get_by_text("The payment was declined, and nothing was paid.")).to_be_visible()
    look(page)
    assert balance(center) == before
    page.get_by_role("link", name="Try again").click()
    expect(page.get_by_label("Amount")).to_have_value("70")


def test_page_sees_by_itself_that_the_holder_confirmed(
    center: Center, signed_in: SignedIn, tailspin: str
) -> None:
    page, before = signed_in(BILLING, dark=True, phone=True), balance(center)
    add_card(page, tailspin, CONFIRMED)
    pay(page, tailspin, "80", CONFIRMED)
    look(page)
    with page.expect_popup() as bank:
        page.get_by_role("link", name="Confirm the payment").click()
    bank.value.get_by_role("button", name="Confirm the payment").click()
    expect(page.get_by_text(re.compile("Credits of .*80.00 are there"))).to_be_visible(timeout=20_000)
    assert balance(center) == before + 80


def test_second_of_two_browsers_is_told_that_the_rule_changed(
    center: Center, signed_in: SignedIn, tailspin: str
) -> None:
    rule = center.management.tenant("tailspin").recharge
    one, other = signed_in(BILLING), signed_in(BILLING)
    for page in (one, other):
        page.goto(f"{tailspin}/credits/auto-recharge")
    one.get_by_role("checkbox", name="Auto recharge").click()
    one.get_by_label("Add this amount").fill("50")
    one.get_by_label("When balance is below").fill("ten")
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_label("When balance is below")).to_be_focused()
    expect(one.get_by_role("alert").filter(has_text="'ten' is not a decimal number")).to_be_visible()
    one.get_by_label("When balance is below").fill("10")
    one.get_by_label("At most a calendar month").fill("100")
    expect(
        one.get_by_text(re.compile("Whenever less than 10 USD is available, credits of 50 USD"))
    ).to_be_visible()
    look(one)
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_text("Saved: auto-recharge is on")).to_be_visible()
    other.get_by_label("Add this amount").fill("500")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_text("Somebody else changed this")).to_be_visible()
    kept = rule.get().value.rule
    assert (kept["enabled"], kept["below"], kept["add"], kept["cap_per_month"]) == (True, "10", "50", "100")
    one.get_by_role("button", name="Turn auto-recharge off").click()
    one.get_by_role("button", name="Turn off", exact=True).click()
    expect(one.get_by_text("Auto-recharge is off.").first).to_be_visible()
    assert rule.get().value.state == "off"


def test_exports_are_the_movements_of_the_ledger(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(BILLING)
    page.goto(f"{center.url}/tenants/contoso/credits")
    found = list(center.management.tenant("contoso").credits.movements().items())
    lines = page.get_by_role("table").locator("tbody tr")
    expect(lines).to_have_count(min(len(found), 50))
    expect(lines.first).to_contain_text(shown(found[0].balance))
    expected = [(one.amount, one.balance) for one in found]
    for label, suffix in (("Export to Excel", "xlsx"), ("CSV", "csv")):
        with page.expect_download(timeout=60_000) as file:
            page.get_by_role("button", name=label).click()
        got = rows_of(Path(file.value.path()), suffix)
        assert sorted(got) == sorted(expected), suffix


def rows_of(path: Path, suffix: str) -> list[tuple[Decimal, Decimal]]:
    """(amount, balance after it) of each row of a file."""
    if suffix == "csv":
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = list(csv.DictReader(file))
    else:
        rows = fastexcel.read_excel(path).load_sheet(0).to_polars().to_dicts()
    return [(exact(row["Amount"]), exact(row["Balance After"])) for row in rows]


def exact(value: object) -> Decimal:
    """A cell as micros have it; what a sheet keeps as a float is cut to them."""
    return Decimal(str(value)).quantize(Decimal("0.000001"))


def test_who_may_not_buy_is_not_offered_it_and_refused(signed_in: SignedIn, tailspin: str) -> None:
    page = signed_in(TEAMS)
    page.goto(f"{tailspin}/credits")
    expect(page.get_by_text("Auto-recharge is")).to_be_visible()
    for name in ("Add funds", "Edit auto recharge settings", "Payment methods", "Recharges"):
        expect(page.get_by_role("link", name=name)).to_have_count(0)
    for path in ("credits/add", "credits/auto-recharge", "credits/payments", "credits/payment-methods"):
        page.goto(f"{tailspin}/{path}")
        expect(page.get_by_text(re.compile("Your roles here do not allow to"))).to_be_visible()
        expect(page.get_by_role("button", name=re.compile("Continue|Save"))).to_have_count(0)


def test_large_adjustment_takes_a_second_person(center: Center, signed_in: SignedIn, tailspin: str) -> None:
    page, before = signed_in(PROVIDER), balance(center)
    page.goto(f"{tailspin}/credits/by-hand")
    page.get_by_label("Amount to give").fill("50000")
    page.get_by_label("Reason").fill("a large gift")
    page.get_by_role("button", name="Adjust").click()
    page.get_by_role("dialog").get_by_role("button", name="Adjust").click()
    page.get_by_role("button", name=re.compile("^Approve A-")).click()
    page.get_by_role("dialog").get_by_role("button", name="Approve").click()
    expect(page.locator(".q-notification.bg-negative")).to_be_visible()
    assert balance(center) == before
    page.get_by_role("button", name=re.compile("^Decline A-")).click()
    page.get_by_role("dialog").get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Declined", exact=True).first).to_be_visible()
