"""Rates and decks in the browser: a number looked up, a deck checked, compared, kept and activated."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.browsers import PATIENCE_MS
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.demo_months import SCRIPT
from tests.browser.look import look

expect.set_options(timeout=PATIENCE_MS)

RATES = "/tenants/contoso/rates"
PROVIDER = "provider@talktime.example"

HEAD = "prefix,name,country,direction,price_per_minute,connection_fee,first_seconds,step_seconds\n"
NEW = f"# name = walked\n# currency = USD\n{HEAD}44,United Kingdom {SCRIPT},GB,outbound,0.5,0,60,60\n"
TWICE = f"# currency = USD\n{HEAD}44,One,GB,outbound,0.1,0,60,60\n44,Two,GB,outbound,0.2,0,60,60\n"


def look_up(page: Page, words: str) -> None:
    page.get_by_label("Number or country").fill(words)
    page.get_by_role("button", name="Look up").click()


def test_a_number_and_a_country_are_looked_up(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("helpdesk@contoso.example")
    page.goto(f"{center.url}{RATES}")
    look_up(page, "+44 20 7946 0000")
    page.wait_for_url("**/rates?q=*")
    asked = center.ask("/v1/tenants/contoso/rates?number=%2B442079460000")
    priced = [rate for rate in asked["rates"] if rate["state"] == "prices"]
    longest = max((rate["prefix"] for rate in priced), key=len)
    expect(page.locator("mark")).to_have_text(longest)
    for rate in priced:
        expect(page.locator("#main")).to_contain_text(rate["price_per_minute"])
    look(page)

    shared = page.url
    look_up(page, "kingd")
    page.get_by_role("link", name="United Kingdom").click()
    page.wait_for_url("**country=GB*")
    expect(page.get_by_role("heading", name="United Kingdom (GB)")).to_be_visible()
    page.goto(shared)
    expect(page.locator("mark")).to_have_text(longest)


def test_what_is_no_number_is_said_at_the_field(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("helpdesk@contoso.example", phone=True, dark=True)
    page.goto(f"{center.url}{RATES}?q=%2B0000000")
    expect(page.get_by_text("is no international number")).to_be_visible()
    look(page, complaints=("422",))
    page.goto(f"{center.url}{RATES}?q=%2B999123456")
    expect(page.locator("#main")).to_contain_text("refused (no_rate) online")
    page.goto(f"{center.url}{RATES}?q=Narnia")
    expect(page.get_by_text("No country that the deck has a rate for")).to_be_visible()


def test_a_deck_is_checked_compared_kept_and_activated_for_one(
    center: Center, signed_in: SignedIn, tmp_path: Path
) -> None:
    page = signed_in(PROVIDER)
    page.goto(f"{center.url}/decks")
    before = len(center.ask("/v1/decks")["decks"])
    chosen = page.get_by_label("Rate deck (CSV)")
    for name, text, says in (
        ("none.csv", "what?", "This is no rate deck"),
        ("twice.csv", TWICE, "The deck is refused"),
        ("new.csv", NEW, "1 rates in USD"),
    ):
        (tmp_path / name).write_text(text)
        chosen.set_input_files(tmp_path / name)
        expect(page.get_by_text(says)).to_be_visible()
    assert len(center.ask("/v1/decks")["decks"]) == before, "a check keeps nothing"
    expect(page.get_by_role("heading", name=re.compile("Against .*, which is in force"))).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("44 .*dearer")).first).to_be_visible()
    look(page, complaints=("422",))

    page.get_by_role("button", name="Keep this deck").click()
    page.wait_for_url(re.compile(r"/decks/[0-9a-f]{12}$"))
    assert len(center.ask("/v1/decks")["decks"]) == before + 1
    expect(page.get_by_role("cell", name=re.compile("<script>"))).to_be_visible()
    assert page.title().startswith("Rate deck"), "a stored script did not run"

    page.get_by_role("textbox", name="For", exact=True).fill("northwind")
    page.get_by_role("button", name="Activate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("calls of northwind are charged by walked")
    assert center.ask("/v1/tenants/northwind/deck-bindings")["bindings"] == []
    dialog.get_by_role("button", name="Activate").click()
    expect(page.get_by_text("Activated.")).to_be_visible()
    (binding,) = center.ask("/v1/tenants/northwind/deck-bindings")["bindings"]
    assert binding["version"] == page.url.rpartition("/")[2]


def test_decks_are_the_providers(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("global@contoso.example", tenant="contoso")
    expect(page.get_by_role("link", name="Rate decks")).to_have_count(0)
    page.goto(f"{center.url}/decks")
    expect(page.get_by_text("Your roles here do not allow")).to_be_visible()
    expect(page.get_by_label("Rate deck (CSV)")).to_have_count(0)
