"""What if, in a browser: usage is brought and tried on; figures are those of `talktime rate`."""

from __future__ import annotations

import tomllib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest
from playwright.sync_api import Page, expect

from talktime.doors.cli.rate import charge_request
from talktime.doors.cli.rate_request import RateRequest
from talktime.insight.summary import summary
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.look import look
from tests.doors.made_files import FRANCE, leg, licence, usage, user

TENANT: Final = "trying"
ANA, BO = "ana@trying.example", "bo@trying.example"
CREDITS, DOMESTIC, BOTH = "MCOPSTNC", "MCOPSTN1", "MCOPSTN2"

SETTINGS: Final = """[tenant]
id = "trying"
name = "Trying things on"
country = "US"
currency = "USD"
[[billing_accounts]]
id = "direct"
agreement = "MOSA"
[[administrators]]
upn = "billing@contoso.example"
roles = ["billing_administrator"]
[[administrators]]
upn = "helpdesk@contoso.example"
roles = ["helpdesk_administrator"]
"""

PATIENT_MS: Final = 60_000
"""A file is looked at, and a question worked out, in a process that has to start first."""

Told = dict[str, Any]


def tenant_text(plan: str) -> str:
    """The tenant file with both users on one plan."""
    return SETTINGS + licence(plan, 2) + user(ANA, CREDITS, plan) + user(BO, CREDITS, plan)


@pytest.fixture(scope="module")
def tried(center: Center, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tenant of our own with 50 on its account, and a folder with its usage of last month."""
    folder = tmp_path_factory.mktemp("trying")
    tables = tomllib.loads(tenant_text(DOMESTIC))
    bought = datetime.now(UTC) - timedelta(days=90)
    center.management.tenants.make({**tables, "purchases": [{"at": bought, "amount": "50"}]})
    day = datetime.now(UTC) - timedelta(days=40)
    legs = [
        leg(f"{at}", f"{day + timedelta(days=at):%Y-%m-%dT12:00:00Z}", 60 * (at + 1), FRANCE, UPN=ANA)
        for at in range(8)
    ]
    (folder / "last-month.csv").write_text(usage(*legs), "utf-8")
    return folder


def rated(folder: Path, plan: str, *, below: str | None = None, add: str | None = None) -> Told:
    """What `talktime rate --json` says of the same usage with everybody on a plan."""
    path = folder / f"{plan}.toml"
    path.write_text(tenant_text(plan), "utf-8")
    files = [str(folder / "last-month.csv")]
    asked = RateRequest(files, tenant=path, balance="50", recharge_below=below, recharge_add=add)
    return summary(charge_request(asked))


def figure(page: Page, label: str) -> list[str]:
    """The cells of a line of the comparison: today's, then a scenario's and the difference."""
    row = page.get_by_role("row").filter(has=page.get_by_role("cell", name=label, exact=True))
    return [cell.inner_text() for cell in row.get_by_role("cell").all()][1:]


def amount(words: str) -> Decimal:
    return Decimal(words.replace(",", "").replace("—", "0"))


def choose(page: Page, label: str, option: str) -> None:
    """Opens a list by its label and takes an entry."""
    page.get_by_label(label, exact=True).click()
    page.get_by_role("option", name=option).first.click()


def test_usage_is_tried_on_other_plans_and_amounts(center: Center, signed_in: SignedIn, tried: Path) -> None:
    page = signed_in("billing@contoso.example")
    page.goto(f"{center.url}/tenants/{TENANT}/what-if")
    expect(page.get_by_text("Nothing was asked yet.")).to_be_visible(timeout=PATIENT_MS)
    page.get_by_label("File of usage").set_input_files(tried / "last-month.csv")
    expect(page.get_by_text("last-month.csv: 8 calls can be charged.")).to_be_visible(timeout=PATIENT_MS)
    assert "file=" in page.url
    page.get_by_label("Name", exact=True).fill("Abroad <b>included</b>")
    choose(page, "Change the plan of", "every user (2)")
    choose(page, "To", BOTH)
    choose(page, "Of users in", "US")
    choose(page, "Spend cap a month of", "each user")
    page.get_by_label("Cap", exact=True).fill("none")
    choose(page, "Auto-recharge", "with these amounts")
    page.get_by_label("When balance is below").fill("ten")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_text("decimal string")).to_be_visible(timeout=PATIENT_MS)
    page.get_by_label("When balance is below").fill("49.5")
    page.get_by_label("Add this amount").fill("20")
    look(page)
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible(timeout=PATIENT_MS)

    today = rated(tried, DOMESTIC)
    other = rated(tried, BOTH, below="49.5", add="20")
    cells = figure(page, "It would have cost")
    assert [amount(cell) for cell in cells] == [
        Decimal(today["amount"]),
        Decimal(other["amount"]),
        Decimal(other["amount"]) - Decimal(today["amount"]),
    ]
    assert Decimal(today["amount"]) > Decimal(other["amount"])
    ends = [amount(cell) for cell in figure(page, "Balance at the end")[:2]]
    assert ends == [Decimal(today["closing_balance"]), Decimal(other["closing_balance"])]
    assert page.get_by_text("Abroad <b>included</b>").first.is_visible()
    with page.expect_download() as taken:
        page.get_by_role("link", name="As Excel").click()
    assert taken.value.suggested_filename == "what-if.xlsx"
    look(page)

    address = page.url
    page.goto(f"{center.url}/tenants/{TENANT}/what-if")
    page.get_by_role("link", name="Abroad <b>included</b>").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible(timeout=PATIENT_MS)
    assert page.url == address


def test_plans_that_the_planner_proposes_are_tried(center: Center, signed_in: SignedIn, tried: Path) -> None:
    brought = center.management.tenant(TENANT).usage_files.bring(tried / "last-month.csv")
    page = signed_in("billing@contoso.example")
    page.goto(f"{center.url}/tenants/{TENANT}/what-if?file={brought.id}&plans={DOMESTIC}.{BOTH}.US")
    proposed = f"Plans as the planner proposes them: {DOMESTIC} in US becomes {BOTH}."
    expect(page.get_by_text(proposed)).to_be_visible(timeout=PATIENT_MS)
    look(page)
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_role("heading", name="Side by side")).to_be_visible(timeout=PATIENT_MS)
    other = rated(tried, BOTH)
    assert amount(figure(page, "It would have cost")[1]) == Decimal(other["amount"])


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("cat.csv", b"\x89PNG\r\n\x1a\n0000", "cat.csv"),
        ("rates.csv", b"prefix,price_per_minute\n44,0.02\n", "rates.csv"),
    ],
)
def test_a_wrong_file_is_one_sentence(
    center: Center, signed_in: SignedIn, tried: Path, name: str, content: bytes, sentence: str
) -> None:
    assert tried.is_dir()
    page = signed_in("billing@contoso.example", phone=True, dark=True)
    page.goto(f"{center.url}/tenants/{TENANT}/what-if")
    file = {"name": name, "mimeType": "text/csv", "buffer": content}
    page.get_by_label("File of usage").set_input_files(file)  # type: ignore[arg-type]
    told = page.get_by_role("alert").filter(has_text=sentence)
    expect(told).to_be_visible(timeout=PATIENT_MS)
    assert told.inner_text().count("\n") <= 1
    look(page, complaints=("422",))


def test_a_role_that_may_not(center: Center, signed_in: SignedIn, tried: Path) -> None:
    assert tried.is_dir()
    page = signed_in("helpdesk@contoso.example", tenant=TENANT)
    expect(page.get_by_role("link", name="What if")).to_have_count(0)
    page.goto(f"{center.url}/tenants/{TENANT}/what-if")
    expect(page.get_by_label("File of usage")).to_have_count(0)
    assert center.management.tenant(TENANT).usage_files.all() is not None
