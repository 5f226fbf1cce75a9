"""Usage reports as people walk them: figures of the ledger, filters, columns, files that are added up."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import fastexcel
import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from playwright.sync_api import Locator, Page, expect

from talktime.client import ProblemError
from talktime.client.management.usage import By
from talktime.doors.admin.words import minutes, plain_amount
from talktime.ledger.database import open_engine, open_url
from tests.browser.browsers import PATIENCE_MS
from tests.browser.centers import Center
from tests.browser.conftest import SignedIn
from tests.browser.keyboard import press, tab_to
from tests.browser.look import look

expect.set_options(timeout=PATIENCE_MS)

REPORTS = "/tenants/contoso/reports"
BYS: tuple[By, ...] = ("category", "user", "country", "service_number", "cost_centre")
MICROS = 1_000_000


class Days(NamedTuple):
    """A span of whole days of the tenant."""

    since: datetime
    until: datetime

    @property
    def span_us(self) -> tuple[int, int]:
        return int(self.since.timestamp()) * MICROS, int(self.until.timestamp()) * MICROS


class Ledger(NamedTuple):
    """What the tables of the ledger say of a span, without any code of ours."""

    calls: int
    amount: Decimal


def days(center: Center, count: int) -> Days:
    """The last days of contoso, today among them."""
    zone = ZoneInfo(center.ask("/v1/tenants/contoso")["tenant"]["time_zone"])
    today = datetime.now(zone).date()

    def midnight(day: date) -> datetime:
        return datetime.combine(day, time(), zone).astimezone(UTC)

    return Days(midnight(today - timedelta(days=count - 1)), midnight(today + timedelta(days=1)))


def ledger(center: Center, span: Days, category: str = "") -> Ledger:
    """Calls and their cost, each with its newest charge."""
    query = sa.text(
        "select count(*), coalesce(sum(amount), 0) from charges where tenant = 'contoso'"
        " and start_us >= :since and start_us < :until and (:category = '' or category = :category)"
        " and number not in (select corrects from charges where tenant = 'contoso')"
    )
    since, until = span.span_us
    with open_engine(open_url(center.database)).connect() as db:
        told = {"since": since, "until": until, "category": category}
        calls, micros = db.execute(query, told).one()
    return Ledger(int(calls), Decimal(int(micros)).scaleb(-6))


def part(page: Page, title: str | re.Pattern[str]) -> Locator:
    """The card with this heading."""
    return page.locator("section.tt-card").filter(has=page.get_by_role("heading", name=title, level=2))


def figure(page: Page, label: str) -> Locator:
    """A large figure by what stands above it."""
    return page.locator("p.tt-figure").filter(has=page.get_by_text(label, exact=True)).locator("strong")


def choose(page: Page, field: str, option: str) -> None:
    """Opens a drop-down by the keyboard and takes one of what it offers."""
    box = page.get_by_role("combobox", name=field)
    box.focus()
    box.press("Enter")
    page.get_by_role("option", name=option, exact=True).click()


def column(page: Page, head: str) -> list[str]:
    """The cells of a column of the table of calls."""
    table = page.locator(".tt-calls table")
    place = table.locator("thead th").all_inner_texts().index(head)
    return table.locator(f"tbody td:nth-child({place + 1})").all_inner_texts()


def amount(cell: str) -> Decimal:
    """The amount of a cell: USD 1,234.50."""
    return Decimal(re.sub(r"[^\d.-]", "", cell))


# --- on the page -------------------------------------------------------------------------------------------


def test_report_runs_and_says_what_the_ledger_says(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto(center.url + REPORTS)
    expect(page.get_by_role("heading", level=1)).to_have_text("Usage reports")
    choose(page, "Date range", "Last 7 days")
    press(page, "Run report")
    page.wait_for_url("**/reports?range=7")
    span = days(center, 7)
    told, found = ledger(center, span), center.management.tenant("contoso").usage.summary(**span._asdict())
    assert (found.total.calls, found.total.amount) == told
    assert told.calls > 0
    expect(figure(page, "Calls")).to_have_text(f"{told.calls:,}")
    expect(figure(page, "Spend")).to_contain_text(plain_amount(told.amount))
    expect(figure(page, "Billed minutes")).to_have_text(minutes(found.total.billed_seconds))
    expect(figure(page, "Paid minutes")).to_have_text(minutes(found.total.paid_seconds))
    chart = page.locator(".tt-charts details").first
    chart.locator("summary").click()
    cells = chart.locator("tbody td:nth-child(2)").all_inner_texts()
    assert len(cells) == 7
    assert sum(map(amount, cells)) == told.amount
    look(page)


def test_filter_changes_calls_and_sums_and_the_address(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto(center.url + REPORTS)
    expect(figure(page, "Calls")).to_be_visible()
    choose(page, "Category", "Pay-As-You-Go calls")
    page.wait_for_url("**category=pay_as_you_go*")
    told = ledger(center, days(center, 28), "pay_as_you_go")
    expect(figure(page, "Calls")).to_have_text(f"{told.calls:,}")
    expect(figure(page, "Spend")).to_contain_text(plain_amount(told.amount))
    assert set(column(page, "Category")) == {"Pay-As-You-Go calls"}
    (who, *_) = column(page, "UPN")
    page.get_by_label("User or service number").fill(who)
    page.keyboard.press("Enter")
    page.wait_for_url("**user=*")
    expect(page.locator(".tt-calls tbody tr").first).to_contain_text(who)
    choose(page, "Call type", "user_out")
    page.wait_for_url("**call_type=user_out*")
    page.reload()
    expect(page.get_by_role("combobox", name="Category")).to_be_visible()
    rows = center.management.tenant("contoso").usage.pages(
        **days(center, 28)._asdict(), user=who, category="pay_as_you_go", call_type="user_out", limit=50
    )
    expected = rows.first().items
    assert expected
    assert column(page, "UPN") == [who] * len(expected)
    assert list(map(amount, column(page, "Charge"))) == [call.charge for call in expected]
    look(page)


@pytest.mark.long
def test_calls_of_a_country_page_by_page(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    usage = center.management.tenant("contoso").usage
    lines = usage.spend("country", **days(center, 28)._asdict()).lines
    most = max(lines, key=lambda line: line.calls)
    page.goto(f"{center.url}{REPORTS}?range=28&tab=country")
    page.locator(".tt-calls").get_by_role("link", name=f"({most.key})").click()
    page.wait_for_url(f"**country={most.key}*")
    seen: list[str] = []
    while True:
        expect(page.locator(".tt-calls tbody tr").first).to_be_visible()
        seen += column(page, "Charge")
        onward = page.get_by_role("link", name="Next page")
        if not onward.count():
            break
        page.goto(f"{center.url}{onward.get_attribute('href')}")
    assert len(seen) == most.calls
    assert sum(map(amount, seen)) == most.amount


@pytest.mark.long
def test_columns_are_chosen_by_the_keyboard_and_stay_in_the_address(
    center: Center, signed_in: SignedIn
) -> None:
    page = signed_in()
    page.goto(center.url + REPORTS)
    tab_to(page, "Columns")
    page.keyboard.press("Enter")
    press(page, "Matched Prefix", "Space")
    page.wait_for_url("**columns=*prefix*")
    page.get_by_role("checkbox", name="UPN").press("Space")
    heads = page.locator(".tt-calls thead th")
    expect(heads.filter(has_text="Matched Prefix")).to_have_count(1)
    expect(heads.filter(has_text="UPN")).to_have_count(0)
    page.evaluate("() => scrollTo(0, 0)")
    look(page)
    page.goto(page.url)
    expect(heads.filter(has_text="Matched Prefix")).to_have_count(1)
    expect(heads.filter(has_text="UPN")).to_have_count(0)
    page.locator(".tt-calls").get_by_role("link", name="Explain").first.click()
    page.wait_for_url("**/contoso/calls/*")


@pytest.mark.long
def test_spend_reconciles_by_each_thing(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto(f"{center.url}/tenants/contoso/spend?range=28")
    told = ledger(center, days(center, 28))
    for by in BYS:
        tab = f"By {by.replace('_', ' ')}"
        page.get_by_role("navigation", name="Spend by").get_by_role("link", name=tab).click()
        page.wait_for_url(f"**by={by}*")
        table = page.get_by_role("table", name=f"Spend {tab.lower()}", exact=True)
        expect(table.locator("tfoot")).to_contain_text(plain_amount(told.amount))
        lines = center.management.tenant("contoso").usage.spend(by, **days(center, 28)._asdict()).lines
        cells = table.locator("tbody td:nth-child(6)").all_inner_texts()
        assert [amount(cell) for cell in cells] == [line.amount for line in lines[:50]]
        expect(page.get_by_text("Reconciled")).to_be_visible()


WRONG_DAYS = (
    ("2026-03-10", "2026-03-09", "Last day", "The last day has to be the first day or a later one."),
    ("", "2026-03-09", "First day", "Write a day as 2026-03-31."),
    ("2020-01-01", "2026-03-09", "Last day", "A report is of 400 days at most"),
)


def test_wrong_days_are_refused_at_the_field(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto(center.url + REPORTS)
    expect(figure(page, "Calls")).to_be_visible()
    choose(page, "Date range", "Custom")
    for first, last, field, sentence in WRONG_DAYS:
        page.get_by_label("First day").fill(first)
        page.get_by_label("Last day").fill(last)
        page.get_by_role("button", name="Run report").click()
        box = page.locator(".q-field").filter(has=page.get_by_label(field))
        expect(box).to_contain_text(sentence)
        expect(page.get_by_label(field)).to_be_focused()
        assert page.url.endswith(REPORTS)


@pytest.mark.long
def test_custom_days_are_of_the_tenants_zone(center: Center, signed_in: SignedIn) -> None:
    page, span = signed_in(), days(center, 3)
    zone = ZoneInfo(center.ask("/v1/tenants/contoso")["tenant"]["time_zone"])
    first, last = span.since.astimezone(zone).date(), (span.until.astimezone(zone) - timedelta(days=1)).date()
    page.goto(center.url + REPORTS)
    choose(page, "Date range", "Custom")
    page.get_by_label("First day").fill(first.isoformat())
    page.get_by_label("Last day").fill(last.isoformat())
    page.get_by_role("button", name="Run report").click()
    page.wait_for_url(f"**range=custom&since={first}&until={last}")
    expect(figure(page, "Calls")).to_have_text(f"{ledger(center, span).calls:,}")


# --- files -------------------------------------------------------------------------------------------------


def excel(path: Path) -> list[dict[str, Any]]:
    rows = fastexcel.read_excel(str(path)).load_sheet("export", dtypes="string").to_arrow().to_pylist()
    return [dict(row) for row in rows]


def comma_separated(path: Path) -> list[dict[str, Any]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def parquet(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


READERS: dict[str, Callable[[Path], list[dict[str, Any]]]] = {
    "Export to Excel": excel,
    "CSV": comma_separated,
    "Parquet": parquet,
}


def fetched(page: Page, file: Locator, folder: Path) -> Path:
    """A file that a link on the page gives, once the link is there."""
    with page.expect_download(timeout=3 * PATIENCE_MS) as download:
        file.click(timeout=3 * PATIENCE_MS)
    path = folder / download.value.suggested_filename
    download.value.save_as(path)
    return path


def test_files_come_to_the_ledger(center: Center, signed_in: SignedIn, tmp_path: Path) -> None:
    page = signed_in()
    page.goto(f"{center.url}{REPORTS}?range=28&category=pay_as_you_go")
    told = ledger(center, days(center, 28), "pay_as_you_go")
    for at, button in enumerate(READERS):
        page.get_by_role("button", name=button, exact=True).click()
        expect(page.locator(".tt-exports > div")).to_have_count(at + 1)
    for line, read in zip(page.locator(".tt-exports > div").all(), READERS.values(), strict=True):
        rows = read(fetched(page, line.get_by_role("link", name="Download"), tmp_path))
        assert len(rows) == told.calls > 0
        assert sum(Decimal(str(row["Charge"])) for row in rows) == told.amount
        assert {row["Category"] for row in rows} == {"pay_as_you_go"}
        assert all(row["UPN"].endswith("@contoso.example") for row in rows)
    page.goto(f"{center.url}/tenants/contoso/exports")
    expect(page.locator("tbody tr").first).to_contain_text("Pay-As-You-Go calls")
    expect(page.locator("tbody tr").first).to_contain_text(f"{told.calls:,} rows")
    look(page)


# --- pools -------------------------------------------------------------------------------------------------


def test_pools_say_what_is_left_and_who_used_it(center: Center, signed_in: SignedIn) -> None:
    page = signed_in()
    page.goto(f"{center.url}/tenants/contoso/pools?month={center.last_month}")
    report = center.management.tenant("contoso").pools.report(month=center.last_month)
    cells = page.get_by_role("table", name="Minute pools").locator("tbody td:nth-child(5)").all_inner_texts()
    assert sorted(cells) == sorted(minutes(line.used_seconds) for line in report.pools)
    line = max(report.pools, key=lambda line: line.used_seconds)
    page.goto(f"{page.url}&pool={line.name}")
    found = center.management.tenant("contoso").pools.consumers(line.name, month=center.last_month, limit=10)
    card = part(page, re.compile("Top consumers"))
    shown = card.locator("tbody tr")
    expect(shown).to_have_count(len(found.consumers))
    expect(shown.first).to_contain_text(found.consumers[0].user)
    expect(shown.first).to_contain_text(minutes(found.consumers[0].seconds))
    expect(card.locator("tfoot")).to_contain_text(minutes(line.used_seconds))
    look(page)
    choose(page, "Month", datetime.fromisoformat(f"{center.this_month}-01").strftime("%B %Y"))
    page.get_by_role("button", name="Run report").click()
    page.wait_for_url(f"**month={center.this_month}")


@pytest.mark.long
def test_nothing_yet_says_what_to_do(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("global@northwind.example")
    for name, sentence in (
        ("reports", "There is no call in these days."),
        ("spend", "There is no call in these days."),
        ("pools", "No licence gives included minutes"),
        ("exports", "Nothing was exported yet."),
    ):
        page.goto(f"{center.url}/tenants/northwind/{name}")
        expect(page.get_by_text(sentence)).to_be_visible()
        look(page)


# --- who may see what --------------------------------------------------------------------------------------


def test_who_may_see_no_names_sees_words(center: Center, signed_in: SignedIn, tmp_path: Path) -> None:
    page = signed_in("billing@contoso.example")
    page.goto(center.url + REPORTS)
    expect(figure(page, "Calls")).to_be_visible()
    words = set(column(page, "UPN")) - {""}
    assert words
    assert all(re.fullmatch(r"user-[0-9a-f]{16}", word) for word in words)
    page.get_by_label("User or service number").fill("rosa.whitfield@contoso.example")
    page.keyboard.press("Enter")
    expect(page.locator(".q-field").filter(has=page.get_by_label("User or service"))).to_contain_text(
        "may see no names"
    )
    page.get_by_label("User or service number").fill(min(words))
    page.keyboard.press("Enter")
    page.wait_for_url("**user=user-*")
    expect(page.locator(".tt-calls tbody tr").first).to_contain_text(min(words))
    page.get_by_role("button", name="CSV", exact=True).click()
    path = fetched(page, page.locator(".tt-exports").get_by_role("link", name="Download"), tmp_path)
    rows = comma_separated(path)
    assert {row["Microsoft Entra ObjectId"] for row in rows} == {min(words)}
    assert {row["UPN"] + row["User Display Name"] for row in rows} == {""}
    assert page.get_by_role("link", name="Minute pools").count() == 0


def test_who_may_not_is_not_offered_it_and_refused(center: Center, signed_in: SignedIn) -> None:
    page = signed_in("helpdesk@contoso.example", tenant="contoso")
    for name in ("reports", "spend", "pools", "exports"):
        assert page.locator(f'.tt-menu a[href="/tenants/contoso/{name}"]').count() == 0
        assert page.request.get(f"{center.url}/tenants/contoso/{name}").status == 403
    page.goto(center.url + REPORTS)
    expect(page.get_by_text("Your roles here do not allow")).to_be_visible()


@pytest.mark.long
def test_somebody_elses_file_does_not_come(center: Center, signed_in: SignedIn) -> None:
    contoso = center.management.tenant("contoso")
    ordered = contoso.exports.wait(contoso.exports.order("usage", "csv", with_names=True).id, every_s=0.2)
    page = signed_in("billing@contoso.example")
    address = f"{center.url}/download/tenants/contoso/exports/{ordered.id}/file"
    assert page.request.get(address).status == 403
    assert signed_in("global@northwind.example").request.get(address).status == 404
    with pytest.raises(ProblemError):
        contoso.exports.order("usage", "csv", user="rosa.whitfield@contoso.example")


@pytest.mark.long
def test_reports_on_a_phone_in_the_dark(center: Center, signed_in: SignedIn) -> None:
    page = signed_in(dark=True, phone=True)
    for name in ("reports", "spend?by=user", "pools", "exports"):
        page.goto(f"{center.url}/tenants/contoso/{name}")
        expect(page.locator("table").first).to_be_attached()
        look(page)
