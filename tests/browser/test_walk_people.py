"""Users, licences, numbers, caps and cost centres in the browser, for those who may change them."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from talktime.client import ProblemError
from tests.browser.browsers import PATIENCE_MS
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look

expect.set_options(timeout=PATIENCE_MS)

USERS = "/tenants/northwind/users"
UPN = "walker@northwind.example"


@pytest.fixture
def walker(center: Center) -> str:
    """A user of northwind, put anew for each test; returns the address of its page."""
    users = center.management.tenant("northwind").users
    users.put(UPN, {"upn": UPN, "name": "Walker", "licences": ["MCOPSTN1"], "cost_centre": "Sales"})
    return f"{center.url}{USERS}/{UPN}"


def field(page: Page, label: str) -> None:
    """Waits until a form is there."""
    expect(page.get_by_label(label, exact=True)).to_be_visible()


def test_users_are_found_and_shown(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("helpdesk@contoso.example")
    page.goto(f"{center.url}/tenants/contoso/users")
    look(page)
    first = center.ask("/v1/tenants/contoso/users?limit=1000")["users"][5]
    page.get_by_label("Search").fill(first["upn"])
    page.get_by_role("button", name="Search").click()
    page.wait_for_url("**search=*")
    page.get_by_role("link", name=first["name"]).click()
    expect(page.get_by_role("heading", name=first["name"])).to_be_visible()
    expect(page.get_by_role("button", name="Save")).to_have_count(0)
    look(page)
    page.goto(f"{center.url}/tenants/contoso/users/import")
    expect(page.get_by_text("Your roles here do not allow")).to_be_visible()


def test_two_browsers_on_one_user(walker: str, center: Center, signed_in: SignedIn) -> None:
    """A bad value is said at its field; the second of two who change is told, and nothing is lost."""
    one, other = (signed_in("global@northwind.example") for _ in range(2))
    for page in (one, other):
        page.goto(walker)
        field(page, "Name")
    one.get_by_label("Cap a month").fill("12 euros")
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_text("is not a decimal number such as 12.50")).to_be_visible()
    one.get_by_label("Cap a month").fill("12.50")
    one.get_by_label("Name", exact=True).fill("First")
    one.get_by_role("button", name="Save").click()
    expect(one.get_by_role("heading", name="First")).to_be_visible()
    other.get_by_label("Name", exact=True).fill("Second")
    other.get_by_role("button", name="Save").click()
    expect(other.get_by_text("Somebody else changed this")).to_be_visible()
    kept = center.management.tenant("northwind").users.get(UPN).value
    assert (kept.get("name"), kept.get("cap_per_month")) == ("First", "12.5")
    assert kept.get("licences") == ["MCOPSTN1"]
    look(other, complaints=("412",))


@pytest.mark.usefixtures("walker")
def test_a_file_of_users_is_previewed_and_then_brought_in(
    center: Center, signed_in: SignedIn, tmp_path: Path
) -> None:
    page = signed_in("global@northwind.example")
    page.goto(f"{center.url}{USERS}/import")
    good, bad = tmp_path / "good.csv", tmp_path / "bad.csv"
    bad.write_text(f"upn,licences\n{UPN},NONE\n")
    good.write_text(f"upn,name,location\n{UPN},Walker,GB\nnew@northwind.example,<script>1</script>,US\n")
    page.get_by_label("File of users (CSV)").set_input_files(bad)
    expect(page.get_by_text("This file cannot be imported")).to_be_visible()
    expect(page.get_by_role("cell", name=re.compile("line 2"))).to_be_visible()
    page.get_by_label("File of users (CSV)").set_input_files(good)
    expect(page.get_by_text("1 added, 1 changed, 0 removed, 0 unchanged")).to_be_visible()
    expect(page.get_by_role("row", name=re.compile("Location: US → GB"))).to_be_visible()
    upns = [user["upn"] for user in center.ask("/v1/tenants/northwind/users")["users"]]
    assert upns == [UPN], "a preview changes nothing"
    look(page, complaints=("422",))
    page.get_by_role("button", name="Change 2 users").click()
    expect(page.get_by_text("Done: 1 added, 1 changed")).to_be_visible()
    users = center.management.tenant("northwind").users
    assert users.get("new@northwind.example").value.get("name") == "<script>1</script>"
    users.remove("new@northwind.example")


@pytest.mark.long
def test_a_user_is_removed_after_asking(walker: str, center: Center, signed_in: SignedIn) -> None:
    page = signed_in("global@northwind.example")
    page.goto(walker)
    page.get_by_role("button", name="Remove the user").click()
    page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    assert center.management.tenant("northwind").users.get(UPN).value["upn"] == UPN
    page.get_by_role("button", name="Remove the user").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.wait_for_url("**/users")
    with pytest.raises(ProblemError, match="no user"):
        center.management.tenant("northwind").users.get(UPN)
    expect(page.get_by_text("There are no users yet")).to_be_visible()


@pytest.mark.usefixtures("walker")
@pytest.mark.long
def test_numbers_caps_and_cost_centres(center: Center, signed_in: SignedIn) -> None:
    page, northwind = signed_in("global@northwind.example"), center.management.tenant("northwind")
    page.goto(f"{center.url}/tenants/northwind/numbers?number=new")
    page.get_by_label("Number", exact=True).fill("call me")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("is not a telephone number")).to_be_visible()
    page.get_by_label("Number", exact=True).fill("+18005550177")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("link", name="+18005550177")).to_be_visible()
    assert northwind.service_numbers.get("+18005550177").value["kind"] == "toll_free"
    northwind.service_numbers.remove("+18005550177")

    page.goto(f"{center.url}/tenants/northwind/caps")
    page.get_by_label("User or cost centre").fill("Sales")
    page.get_by_label("Limit a month").fill("75")
    page.get_by_role("button", name="Save cap").click()
    expect(page.get_by_role("cell", name="Sales")).to_be_visible()
    assert [cap.limit for cap in northwind.caps.get().value] == [75]
    page.get_by_role("button", name="Remove the cap of the cost centre Sales").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    expect(page.get_by_text("No caps")).to_be_visible()
    assert northwind.caps.get().value == ()

    page.goto(f"{center.url}/tenants/northwind/cost-centres")
    look(page)


def test_licences_and_what_a_feature_needs(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("global@contoso.example", phone=True)
    page.goto(f"{center.url}/tenants/contoso/licences")
    for one in center.ask("/v1/tenants/contoso/licences")["licences"]:
        expect(page.get_by_role("row", name=re.compile(f"{one['plan']} .*{one['assigned']}"))).to_be_visible()
    look(page)
    page.goto(f"{center.url}/tenants/contoso/marketplace?feature=toll_free_dial_in")
    (way,) = center.ask("/v1/features/toll_free_dial_in")["ways"]
    expect(page.get_by_text(way["sentence"])).to_be_visible()
    look(page)
