"""Months through HTTP: closed in order and once, the invoice of post-usage, the journal for bookkeeping."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

from talktime.accounts.calendar import month_start_us
from tests.databases import database, sqlite_database
from tests.doors.http.shops import CONTOSO, UNDER_MCA, Shop, got, told

__all__ = ["database", "sqlite_database"]  # fixtures

HOUR_US = 3_600_000_000
APRIL_US = month_start_us(2026 * 12 + 3, "UTC")
POOR = {**UNDER_MCA, "purchases": []}
"""contoso under MCA without credits: paid calls are post-usage."""


async def close(shop: Shop, month: str, status: int) -> object:
    return await got(shop.client.post(f"{CONTOSO}/months/{month}/close"), status)


async def used(shop: Shop) -> None:
    """Two calls that are paid after use, and the time at which March can be closed."""
    await shop.call("c1", 90)
    await shop.call("c2", 600)
    shop.clock.now_us = APRIL_US + 72 * HOUR_US


def test_month_is_closed_once_with_an_invoice_that_adds_up(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await used(shop)
        closed = await close(shop, "2026-03", 201)
        assert isinstance(closed, dict)
        assert (closed["month"], closed["invoice"], closed["repeated"]) == (
            "2026-03",
            "I-contoso-000001",
            False,
        )
        assert await close(shop, "2026-03", 200) == {**closed, "repeated": True}
        (head,) = (await got(shop.client.get(f"{CONTOSO}/invoices")))["invoices"]
        invoice = await got(shop.client.get(f"{CONTOSO}/invoices/I-contoso-000001"))
        assert {key: invoice[key] for key in head} == head
        calls = (await got(shop.client.get(f"{CONTOSO}/calls")))["calls"]
        owed = sum(Decimal(call["post_usage"]) for call in calls)
        assert owed > 0
        assert sum(Decimal(line["amount"]) for line in invoice["lines"]) == Decimal(invoice["usage"]) == owed
        taxes = sum(Decimal(line["amount"]) for line in invoice["taxes"])
        assert Decimal(invoice["net"]) + taxes == Decimal(invoice["gross"])
        text = (await shop.client.get(f"{CONTOSO}/invoices/I-contoso-000001.csv")).text
        rows = list(csv.DictReader(io.StringIO(text)))
        assert sum(Decimal(row["amount"]) for row in rows) == Decimal(invoice["gross"])
        pdf = await shop.client.get(f"{CONTOSO}/invoices/I-contoso-000001.pdf")
        assert (pdf.headers["content-type"], pdf.content[:5]) == ("application/pdf", b"%PDF-")
        listed = (await got(shop.client.get(f"{CONTOSO}/months")))["months"]
        assert listed == [closed]

    told(story, database, tmp_path, POOR)


def test_month_is_not_closed_too_early_or_out_of_order(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        shop.clock.now_us = APRIL_US + 72 * HOUR_US - 1
        early = await close(shop, "2026-03", 409)
        assert isinstance(early, dict)
        assert (early["code"], "2026-04-04T00:00:00Z" in early["detail"]) == ("too_early", True)
        shop.clock.now_us += 1
        await close(shop, "2026-03", 201)
        for month, code in (("2026-02", "out_of_order"), ("2026-04", "too_early"), ("2027-01", "too_early")):
            problem = await close(shop, month, 409)
            assert isinstance(problem, dict)
            assert problem["code"] == code
        for month in ("2026-13", "2026-3", "0000-01", "1969-12", "x"):
            await close(shop, month, 400)

    told(story, database, tmp_path, POOR)


def test_month_waits_for_a_call_that_is_still_open(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        from talktime.live.operations import EndCall, StartCall

        shop.clock.now_us = APRIL_US - 1
        start = StartCall("contoso", "c1", 0, "user_out", user="ana@contoso.example", callee="+442079460000")
        await shop.desk.submit(start)
        shop.clock.now_us = APRIL_US + 80 * HOUR_US
        problem = await close(shop, "2026-03", 409)
        assert isinstance(problem, dict)
        assert (problem["code"], "still in progress" in problem["detail"]) == ("too_early", True)
        await shop.desk.submit(EndCall("contoso", "c1", 1, duration_s=60))
        await close(shop, "2026-03", 201)

    told(story, database, tmp_path, POOR)


def test_journal_of_a_month_balances_as_json_and_csv(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        place = f"{CONTOSO}/months/2026-03/journal"
        await shop.call("c1", 90)
        journal = await got(shop.client.get(place))
        accounts = {line["account"]: line for line in journal["accounts"]}
        assert journal["balance"] == "0"
        assert Decimal(accounts["usage"]["credits"]) > 0
        assert accounts["credits"]["opening"] != accounts["credits"]["closing"]
        text = await shop.client.get(place, params={"format": "csv"})
        assert text.headers["content-type"].startswith("text/csv")
        rows = list(csv.DictReader(io.StringIO(text.text)))
        assert {row["account"]: row["closing"] for row in rows} == {
            name: line["closing"] for name, line in accounts.items()
        }
        assert sum(Decimal(row["closing"]) for row in rows) == 0
        await got(shop.client.get(place, params={"format": "xml"}), 400)

    told(story, database, tmp_path, UNDER_MCA)


def test_only_the_provider_closes(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with shop.of_role("global_administrator") as own:
            await got(own.post(f"{CONTOSO}/months/2026-01/close"), 403)
        await got(shop.client.post("/v1/tenants/nobody/months/2026-01/close"), 404)
        await close(shop, "2026-01", 201)

    told(story, sqlite_database, tmp_path)
