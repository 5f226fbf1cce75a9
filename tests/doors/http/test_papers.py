"""Receipts and credit notes through HTTP: pages, JSON, PDF, and nothing of another tenant."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.databases import database, sqlite_database
from tests.doors.http.shops import CONTOSO, Shop, got, told

__all__ = ["database", "sqlite_database"]  # fixtures


def test_receipts_come_in_pages_and_as_pdf(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        for at in range(5):
            await shop.buy("60", f"k{at}")
        seen, cursor = [], ""
        while cursor is not None:
            page = await got(shop.client.get(f"{CONTOSO}/receipts", params={"limit": 2, "cursor": cursor}))
            seen += [receipt["number"] for receipt in page["receipts"]]
            cursor = page["next"]
        assert seen == [f"R-contoso-00000{number}" for number in (5, 4, 3, 2, 1)]
        first = await shop.client.get(f"{CONTOSO}/receipts/{seen[0]}.pdf")
        assert first.headers["content-type"] == "application/pdf"
        assert first.headers["content-disposition"] == f'attachment; filename="{seen[0]}.pdf"'
        assert first.content[:5] == b"%PDF-"
        again = await shop.client.get(f"{CONTOSO}/receipts/{seen[0]}.pdf")
        assert again.content == first.content

    told(story, database, tmp_path)


def test_credit_note_as_pdf(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        await shop.card()
        payment = (await shop.buy("60"))["payment"]
        place, body = f"{CONTOSO}/payments/{payment}/refunds", {"amount": "60", "reason": "not needed"}
        await got(shop.client.post(place, json=body, headers={"Idempotency-Key": "r"}), 201)
        pdf = await shop.client.get(f"{CONTOSO}/credit-notes/C-contoso-000001.pdf")
        assert (pdf.status_code, pdf.content[:5]) == (200, b"%PDF-")

    told(story, sqlite_database, tmp_path)


@pytest.mark.parametrize("kind", ["receipts", "credit-notes", "invoices"])
def test_paper_that_is_not_there(sqlite_database: str, tmp_path: Path, kind: str) -> None:
    async def story(shop: Shop) -> None:
        for name in ("X-1", "X-1.pdf", "R-contoso-000001"):
            problem = await got(shop.client.get(f"{CONTOSO}/{kind}/{name}"), 404)
            assert problem["code"] == "unknown_paper"
        for path in (kind, f"{kind}/X-1"):
            problem = await got(shop.client.get(f"/v1/tenants/nobody/{path}"), 404)
            assert problem["code"] == "unknown_tenant"

    told(story, sqlite_database, tmp_path)


def test_who_may_see_papers(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        async with (
            shop.of_role("billing_administrator") as may,
            shop.of_role("helpdesk_administrator") as not_,
        ):
            for path in ("receipts", "credit-notes", "invoices", "months", "payments", "payment-methods"):
                await got(may.get(f"{CONTOSO}/{path}"))
                assert (await got(not_.get(f"{CONTOSO}/{path}"), 403))["code"] == "forbidden"

    told(story, sqlite_database, tmp_path)
