"""Home and the calls in progress as people walk them: the ledger's figures, calls that come and are ended."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

from playwright.sync_api import Locator, Page, expect

from talktime.doors.admin.words import plain_amount
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.keyboard import press
from tests.browser.look import look

ANA = "rosa.whitfield@contoso.example"
LONDON = "+442079460000"
CALLS = "/tenants/contoso/calls"


def part(page: Page, title: str) -> Locator:
    """The card with this heading."""
    return page.locator("section.tt-card").filter(has=page.get_by_role("heading", name=title, level=2))


def shown(amount: str) -> str:
    """An amount of the API as pages write it."""
    return plain_amount(Decimal(amount))


@contextmanager
def calling(center: Center, name: str) -> Iterator[str]:
    """A call of Ana that begins while somebody looks; whatever is left of it is released."""
    call_id = f"{name}-{time.monotonic_ns()}"
    begun = center.live.start(
        call_id, tenant="contoso", call_type="user_out", user=ANA, callee=LONDON, requested_seconds=120
    )
    assert begun.call_id == call_id
    try:
        yield call_id
    finally:
        if call_id in in_progress(center):
            center.management.tenant("contoso").calls.release(call_id)


def in_progress(center: Center) -> list[str]:
    return [call["call_id"] for call in center.ask("/v1/tenants/contoso/calls-in-progress")["calls"]]


def test_home_shows_what_the_ledger_says(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(tenant="contoso")
    overview = center.ask("/v1/tenants/contoso/overview")
    balance = part(page, "Balance").first
    for name in ("balance", "available", "reserved"):
        expect(balance).to_contain_text(shown(overview[name]))
    month = part(page, "Spend this month")
    for name in ("spent", "spent_full", "before_same", "before"):
        expect(month).to_contain_text(shown(overview["spend"][name]))
    lasts = part(page, "How long it lasts")
    for name in ("burn_28", "burn_7"):
        expect(lasts).to_contain_text(shown(overview["runway"][name]))
    assert len(overview["alerts"]) == page.locator(".tt-said").count()
    look(page)


def test_chart_has_the_days_of_the_ledger_as_a_table(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(tenant="contoso")
    part(page, "Balance over time").get_by_role("link", name="90 days").click()
    page.wait_for_url("**days=90")
    history = center.ask("/v1/tenants/contoso/credits/history?days=90")
    card = part(page, "Balance over time")
    first, second = (card.locator("details").nth(at) for at in (0, 1))
    first.locator("summary").click()
    rows = first.locator("tbody tr")
    assert rows.count() == 90 + min(90, len(history["forecast"]))
    assert rows.nth(89).locator("td").nth(1).inner_text() == shown(history["balance"])
    assert rows.nth(0).locator("td").nth(1).inner_text() == shown(history["days"][0]["balance"])
    second.locator("summary").click()
    head = second.locator("th").all_inner_texts()
    column = second.locator(f"tbody td:nth-child({head.index('Calls') + 1})").all_inner_texts()
    calls = [Decimal(text.replace(",", "")) for text in column]
    assert -sum(calls) == sum(Decimal(day["paid"]) for day in history["days"])


def test_call_that_begins_appears_and_is_ended_from_the_page(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("teams@contoso.example")
    page.goto(f"{center.url}{CALLS}")
    with calling(center, "walk") as call_id:
        row = page.locator("tbody tr").filter(has=page.get_by_label(f"End call {call_id}"))
        expect(row).to_contain_text("0:00 of 2:00")
        look(page)
        press(page, f"End call {call_id}")
        field = page.get_by_label("Length in seconds")
        expect(field).to_be_focused()
        field.fill("a while")
        page.get_by_role("button", name="End the call").click()
        expect(page.get_by_text("Write whole seconds, such as 61.")).to_be_visible()
        field.fill("61")
        page.get_by_role("button", name="End the call").click()
        expect(row).to_have_count(0)
        assert call_id not in in_progress(center)
        story = center.ask(f"/v1/tenants/contoso/calls/{call_id}")
        assert (story["state"], story["charges"][-1]["duration_seconds"]) == ("lost", 61)

        page.goto(f"{center.url}{CALLS}/{call_id}")
        charge = part(page, f"Charge {story['charges'][-1]['number']}")
        expect(charge).to_contain_text("2:00")
        expect(charge).to_contain_text(shown(story["charges"][-1]["balance_after"]))
        expect(part(page, "What was decided at its start")).to_contain_text(
            f"+{story['facts']['rate']['prefix']}"
        )
        look(page)


def test_stuck_reservation_is_released_after_asking(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(tenant="contoso")
    with calling(center, "stuck") as call_id:
        page.goto(f"{center.url}{CALLS}/{call_id}")
        page.get_by_role("button", name="Release").click()
        expect(page.get_by_role("heading", name="Release this call?")).to_be_visible()
        page.keyboard.press("Enter")  # the answer that does nothing has the focus
        expect(page.get_by_role("heading", name="Release this call?")).to_have_count(0)
        assert call_id in in_progress(center)
        page.goto(f"{center.url}{CALLS}")
        page.get_by_label(f"Release what call {call_id} holds").click()
        page.get_by_role("dialog").get_by_role("button", name="Release").click()
        expect(page.get_by_label(f"End call {call_id}")).to_have_count(0)
        assert call_id not in in_progress(center)
        story = center.ask(f"/v1/tenants/contoso/calls/{call_id}")
        assert (story["state"], story["charges"]) == ("lost", [])


def test_who_may_not_end_calls_is_not_offered_it_and_is_refused(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("auditor@talktime.example")
    with calling(center, "watched") as call_id:
        page.goto(f"{center.url}{CALLS}")
        expect(page.locator("tbody tr").filter(has_text="rosa.whitfield").first).to_be_visible()
        assert page.get_by_role("button", name=re.compile("^(End|Release)")).count() == 0
        page.goto(f"{center.url}{CALLS}/{call_id}")
        expect(page.get_by_text("In progress").first).to_be_visible()
        assert page.get_by_role("button", name=re.compile("^(End|Release)")).count() == 0
    helpdesk = signed_in("helpdesk@contoso.example")
    helpdesk.goto(f"{center.url}{CALLS}")
    expect(helpdesk.get_by_text("Your roles here do not allow to see usage.")).to_be_visible()
    home = signed_in("helpdesk@contoso.example", tenant="contoso")
    expect(part(home, "How long it lasts")).to_be_visible()
    for title in ("Spend this month", "Calls in progress", "What ate it this month"):
        assert part(home, title).count() == 0, title
    look(home)


def test_path_of_an_empty_tenant_leads_to_where_each_step_is_done(signed_in: SignedIn) -> None:
    page = signed_in("global@northwind.example", tenant="northwind")
    steps = part(page, "First steps")
    assert steps.locator("li").count() == 5
    for action, address in (
        ("Buy credits", "/credits/add"),
        ("Add a card", "/credits/payment-methods"),
        ("Set up auto-recharge", "/credits/auto-recharge"),
        ("Assign licences", "/users"),
    ):
        link = steps.get_by_role("link", name=action)
        assert link.get_attribute("href") == f"/tenants/northwind{address}"
    expect(part(page, "When the balance is 0")).to_contain_text("Calls to your toll-free numbers")
    look(page)


def test_under_mca_nothing_stops(signed_in: SignedIn) -> None:
    page = signed_in("global@fabrikam.example", tenant="fabrikam")
    expect(part(page, "When the balance is 0")).to_contain_text("All calls go on")
    assert page.get_by_text("Recommended: turn it on").count() == 0
    look(page)


def test_long_names_and_scripts_are_words(signed_in: SignedIn) -> None:
    page = signed_in("global@wingtip.example", tenant="wingtip", phone=True)
    expect(part(page, "Balance").first).to_contain_text("98,765,432.12")
    look(page)
    assert page.title() != "ran"
