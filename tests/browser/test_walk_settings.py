"""A walk through notices and settings: who is told of what, webhooks, the audit log, tickets; who may not."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look

GLOBAL = "global@northwind.example"
SCRIPT = "<img src=x onerror='window.stored=1'><script>window.stored=1</script>"


def at(page: Page, center: Center, path: str, tenant: str = "northwind") -> Page:
    page.goto(f"{center.url}/tenants/{tenant}/{path}")
    return page


def press(page: Page, name: str) -> None:
    page.get_by_role("button", name=name, exact=True).click()


def is_marked(page: Page, label: str) -> None:
    """The field says that it is wrong, and has the focus."""
    expect(page.locator(".q-field--error").get_by_label(label)).to_be_focused()


# --- alerts and recipients -----------------------------------------------------------------------------


def test_alerts_take_good_values_and_say_what_is_wrong_with_bad_ones(
    center: Center, signed_in: SignedIn
) -> None:
    page = at(signed_in(GLOBAL), center, "alerts")
    low = page.get_by_label("Tell when less is available than (USD)")
    days = page.get_by_label("Tell when credits last fewer days than")
    low.fill("200 -1")
    press(page, "Save")
    expect(page.get_by_text("must be above 0")).to_be_visible()
    is_marked(page, "Tell when less is available than (USD)")
    low.fill("200, 50")
    days.fill("soon")
    press(page, "Save")
    expect(page.get_by_text("Write a whole number of days")).to_be_visible()
    days.fill("400")
    press(page, "Save")
    expect(page.get_by_text("from 0 to 365")).to_be_visible()
    days.fill("9")
    press(page, "Save")
    expect(page.get_by_text("Saved.")).to_be_visible()
    expect(page.get_by_label("Tell when credits last fewer days than")).to_have_value("9")
    found = center.ask("/v1/tenants/northwind/alerts")
    assert (found["low"], found["runway_days"]) == (["200", "50"], 9)
    look(at(page, center, "alerts"))


def test_of_two_who_edit_the_alerts_the_second_is_told(center: Center, signed_in: SignedIn) -> None:
    first, second = (at(signed_in(GLOBAL), center, "alerts") for _ in range(2))
    days = "Tell when credits last fewer days than"
    first.get_by_label(days).fill("21")
    press(first, "Save")
    expect(first.get_by_text("Saved.")).to_be_visible()
    second.get_by_label(days).fill("22")
    press(second, "Save")
    expect(second.get_by_text("Somebody else changed this")).to_be_visible()
    assert center.ask("/v1/tenants/northwind/alerts")["runway_days"] == 21


@pytest.mark.long
def test_other_roles_are_chosen_for_an_event(center: Center, signed_in: SignedIn) -> None:
    page = at(signed_in(GLOBAL), center, "alerts")
    page.get_by_label("Balance low").click()
    page.get_by_role("option", name="License Administrator").click()
    page.keyboard.press("Escape")
    press(page, "Save")
    expect(page.get_by_text("Saved.")).to_be_visible()
    chosen = center.ask("/v1/tenants/northwind/alerts")["recipients"]
    assert set(chosen) == {"balance_low"}
    assert "license_administrator" in chosen["balance_low"]


# --- webhooks ------------------------------------------------------------------------------------------


def test_a_webhook_from_its_making_to_its_end(center: Center, signed_in: SignedIn) -> None:
    page = at(signed_in(GLOBAL), center, "webhooks")
    address = page.get_by_label("Address")
    address.fill("ftp://hooks.example")
    press(page, "Make the webhook")
    expect(page.get_by_role("alert").filter(has_text="is no web address")).to_be_focused()
    address.fill(center.hooks.url_for("/takes"))
    page.get_by_role("checkbox", name="The address is inside our own network").click()
    press(page, "Make the webhook")
    secret = page.get_by_label("Copy this now").input_value()
    assert secret.startswith("whsec_")
    press(page, "I have kept it")
    expect(page.get_by_label("Copy this now")).to_have_count(0)
    look(page)
    page.get_by_role("link", name="/takes").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Webhook")
    assert secret not in page.content(), "nobody can read it again"
    press(page, "Send a test")
    expect(page.get_by_text("The test arrived.")).to_be_visible()
    press(page, "Make a new secret")
    press(page, "Make it")
    assert page.get_by_label("Copy this now").input_value() not in ("", secret)
    press(page, "I have kept it")
    press(page, "Switch off")
    expect(page.get_by_role("button", name="Switch on again")).to_be_visible()
    expect(page.get_by_text("nothing is sent to it")).to_be_visible()
    look(page)
    press(page, "Switch on again")
    expect(page.get_by_role("button", name="Switch off")).to_be_visible()
    press(page, "Remove")
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("There is no webhook yet.")).to_be_visible()
    assert center.ask("/v1/tenants/northwind/webhooks")["webhooks"] == []


@pytest.mark.long
def test_a_test_that_does_not_arrive_says_why(center: Center, signed_in: SignedIn) -> None:
    page = at(signed_in(), center, "webhooks", "contoso")
    page.get_by_role("link", name="/refuses").click()
    press(page, "Send a test")
    expect(page.get_by_text("The test did not arrive: ")).to_be_visible()


# --- notices -------------------------------------------------------------------------------------------


def test_a_notice_shows_to_whom_it_went_and_goes_again(center: Center, signed_in: SignedIn) -> None:
    page = at(signed_in("billing@contoso.example"), center, "notices?kind=purchase_succeeded", "contoso")
    lines = page.get_by_role("row")
    expect(lines.nth(1)).to_contain_text("credits bought")
    assert "Auto-recharge" not in page.get_by_role("table").inner_text()
    look(page)
    page.get_by_role("link", name="credits bought").first.click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Notice")
    expect(page.get_by_text("What keeps working")).to_be_visible()
    expect(page.get_by_role("cell", name="billing@contoso.example")).to_be_visible()
    look(page)
    press(page, "Send again")
    page.get_by_role("dialog").get_by_role("button", name="Send again").click()
    expect(page.get_by_text(re.compile(r"\d+ messages are on the way again"))).to_be_visible()


# --- the audit log and tickets -------------------------------------------------------------------------


def test_the_audit_log_is_searched_and_shows_before_and_after(center: Center, signed_in: SignedIn) -> None:
    alerts = center.management.tenant("northwind").alerts
    for days in (30, 31):
        alerts.put({"runway_days": days})
    page = at(signed_in(GLOBAL), center, "audit")
    page.get_by_label("Search").fill("Alerts PUT")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("search=Alerts"))
    first = page.get_by_role("row").nth(1)
    expect(first).to_contain_text("alerts put")
    expect(first).to_contain_text("runway_days: 30")
    expect(first).to_contain_text("31")
    look(page)


def test_a_ticket_is_opened_answered_and_closed_and_runs_no_script(
    center: Center, signed_in: SignedIn
) -> None:
    page = at(signed_in(GLOBAL), center, "tickets")
    page.get_by_label("What is it about").fill(SCRIPT)
    page.get_by_label("Subject").fill(SCRIPT)
    press(page, "Open the ticket")
    expect(page.get_by_role("heading", level=2, name=SCRIPT)).to_be_visible()
    press(page, "Send the comment")
    is_marked(page, "Comment")
    page.get_by_label("Comment").fill("Nobody answered.")
    press(page, "Send the comment")
    expect(page.get_by_text("Nobody answered.")).to_be_visible()
    look(page)
    press(page, "Close the ticket")
    press(page, "Close it")
    expect(page.get_by_text("Closed", exact=True).first).to_be_visible()
    expect(page.get_by_role("button", name="Send the comment")).to_have_count(0)
    for path in ("tickets", "audit", "notices"):
        at(page, center, path)
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        assert page.evaluate("window.stored") is None
    at(page, center, "tickets")
    expect(page.get_by_text(SCRIPT)).to_be_visible()


# --- who may not ---------------------------------------------------------------------------------------


def test_what_a_role_may_not_is_not_offered_and_refused(center: Center, signed_in: SignedIn) -> None:
    page = at(signed_in("license@contoso.example"), center, "alerts", "contoso")
    expect(page.get_by_role("table", name="Who is told of what").first).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    menu = page.get_by_role("navigation", name="Main")
    for label in ("Webhooks", "Audit log", "Support tickets"):
        expect(menu.get_by_role("link", name=label, exact=True)).to_have_count(0)
    for path in ("webhooks", "webhooks/wh_x", "audit", "tickets", "tickets/T-contoso-000001"):
        answer = page.goto(f"{center.url}/tenants/contoso/{path}")
        assert answer is not None
        assert answer.status == 403
        expect(page.get_by_text("Your roles here do not allow")).to_be_visible()


@pytest.mark.parametrize(("dark", "phone"), [(True, False), (False, True)], ids=["dark", "phone"])
@pytest.mark.long
def test_every_page_can_be_looked_at(center: Center, signed_in: SignedIn, dark: bool, phone: bool) -> None:
    page = signed_in(dark=dark, phone=phone)
    notice = center.ask("/v1/tenants/contoso/notices?limit=1")["notices"][0]["id"]
    hook = center.ask("/v1/tenants/contoso/webhooks")["webhooks"][0]["id"]
    paths = ("notices", f"notices/{notice}", "alerts", "webhooks", f"webhooks/{hook}", "audit", "tickets")
    for path in (*paths, "tickets/T-contoso-000001"):
        at(page, center, path, "contoso")
        expect(page.get_by_role("heading", level=1)).to_be_visible()
        look(page)
