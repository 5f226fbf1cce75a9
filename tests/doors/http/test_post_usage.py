"""The way to post-usage through HTTP: what stands against it, the dry run, and the setting."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from talktime.ledger.database import open_engine, open_url
from tests.databases import database, sqlite_database
from tests.doors.http.houses import TENANT
from tests.doors.http.shops import BUYER, CONTOSO, UNDER_MCA, Shop, got, told

__all__ = ["database", "sqlite_database"]  # fixtures

PLACE = f"{CONTOSO}/post-usage"
DAY_US = 86_400_000_000


def test_tenant_that_drains_sees_the_day_on_which_it_ends(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        for day in range(2):
            await shop.call(f"c{day}", 3_600)
            shop.clock.now_us += DAY_US
        seen = await got(shop.client.get(PLACE))
        assert (seen["mode"], seen["enabled"], seen["billing_account"]) == ("draining", True, "new")
        assert (seen["can_switch"], seen["against"], seen["warnings"]) == (True, [], [])
        month, week = seen["dry_run"]["courses"]
        assert (month["days"], week["days"]) == (28, 7)
        run = seen["dry_run"]
        assert week["ends_on"] < month["ends_on"]
        assert run["earliest"] < run["expected"] < run["latest"] <= month["ends_on"]
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        runway = credits["runway"]
        assert (runway["burn_28"], runway["burn_7"]) == (month["burn_a_day"], week["burn_a_day"])
        assert credits["runway_days"] == runway["days_low"] < runway["days_expected"] < runway["days_high"]
        assert (runway["from_days"], runway["left_out"], runway["growth_percent"]) == (2, [], None)
        assert "neither refunded nor moved" in seen["dry_run"]["left_over"]

    told(story, database, tmp_path, UNDER_MCA)


def test_nothing_spent_ends_when_the_lot_expires(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        seen = await got(shop.client.get(PLACE))
        assert (seen["dry_run"]["earliest"], seen["dry_run"]["latest"]) == ("2027-02-01", "2027-02-01")
        (course, _) = seen["dry_run"]["courses"]
        assert (course["spent"], course["forfeited"]) == ("0", "50")
        assert course["expiring"] == [{"lot": 1, "amount": "50", "expires_at": "2027-02-01T00:00:00Z"}]

    told(story, sqlite_database, tmp_path, UNDER_MCA)


def test_what_stands_against_the_switch_is_said(database: str, tmp_path: Path) -> None:
    accounts = [{"id": "direct", "agreement": "MOSA"}, {"id": "new", "agreement": "MCA"}]
    mixed: dict[str, Any] = {**TENANT, "billing_accounts": accounts}
    mixed["tenant"] = {**TENANT["tenant"], "default_billing_account": "direct"}

    async def story(shop: Shop) -> None:
        await shop.card()
        rule = {"enabled": True, "below": "1", "add": "60"}
        await got(shop.client.put(f"{CONTOSO}/auto-recharge", json=rule))
        seen = await got(shop.client.get(PLACE))
        assert [one["code"] for one in seen["against"]] == ["auto_recharge_on", "subscriptions_elsewhere"]
        assert (seen["can_switch"], seen["mode"]) == (False, "prepaid")
        settings = await got(shop.client.get(CONTOSO))
        settings["tenant"]["default_billing_account"] = "new"
        settings["licences"][0]["billing_account"] = "new"
        await got(shop.client.put(CONTOSO, json=settings))
        seen = await got(shop.client.get(PLACE))
        assert [one["id"] for one in seen["warnings"]] == ["recharge_under_mca"]
        await got(shop.client.post(f"{CONTOSO}/auto-recharge/off"))
        seen = await got(shop.client.get(PLACE))
        assert (seen["mode"], seen["can_switch"], seen["warnings"]) == ("draining", True, [])

    told(story, database, tmp_path, mixed)


def test_setting_is_changed_with_audit_and_by_one_editor(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        first = await shop.client.get(PLACE)
        tag = {"If-Match": first.headers["etag"]}
        off = await got(shop.client.put(PLACE, json={"enabled": False}, headers=tag))
        assert (off["enabled"], [one["code"] for one in off["against"]]) == (False, ["post_usage_off"])
        stale = await got(shop.client.put(PLACE, json={"enabled": True}, headers=tag), 412)
        assert stale["code"] == "changed_meanwhile"
        (line, *_) = (await got(shop.client.get(f"{CONTOSO}/audit")))["audit"]
        assert (line["what"], '"post_usage_enabled":false' in line["after"]) == (
            "post-usage switched off",
            True,
        )
        async with shop.of_role("teams_administrator") as reader:
            await got(reader.get(PLACE))
            await got(reader.put(PLACE, json={"enabled": True}), 403)
        await got(shop.client.put(PLACE, json={"enabled": "no"}), 400)

    told(story, database, tmp_path, UNDER_MCA)


def test_tenant_without_an_mca_account(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        seen = await got(shop.client.get(PLACE))
        assert (seen["enabled"], seen["billing_account"]) == (None, None)
        assert [one["code"] for one in seen["against"]] == ["no_mca_account"]
        problem = await got(shop.client.put(PLACE, json={"enabled": True}), 409)
        assert problem["code"] == "no_mca_account"
        await got(shop.client.get("/v1/tenants/nobody/post-usage"), 404)

    told(story, sqlite_database, tmp_path, BUYER)


def test_lots_are_listed_with_those_that_are_over(database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        for at in range(3):
            lot = {"amount": "60", "currency": "USD", "reference": f"r{at}"}
            await got(shop.client.post(f"{CONTOSO}/lots", json=lot), 201)
        gone = {"amount": "-55", "reason": "spent", "reference": "t"}
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=gone), 201)
        page = await got(shop.client.get(f"{CONTOSO}/lots", params={"limit": 2}))
        rest = await got(shop.client.get(f"{CONTOSO}/lots", params={"limit": 2, "cursor": page["next"]}))
        lots = [*page["lots"], *rest["lots"]]
        assert [(lot["lot"], lot["left"], lot["open"]) for lot in lots] == [
            (4, "60", True),
            (3, "60", True),
            (2, "55", True),
            (1, "0", False),
        ]
        assert rest["next"] is None

    told(story, database, tmp_path, TENANT)


def test_lot_is_opened_once_by_the_key_of_its_request(sqlite_database: str, tmp_path: Path) -> None:
    async def story(shop: Shop) -> None:
        lot, headers = {"amount": "60", "currency": "USD"}, {"Idempotency-Key": "k-1"}
        first = await got(shop.client.post(f"{CONTOSO}/lots", json=lot, headers=headers), 201)
        again = await got(shop.client.post(f"{CONTOSO}/lots", json=lot, headers=headers), 200)
        assert again == {**first, "repeated": True}
        given = {"amount": "5", "reason": "sorry"}
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=given, headers=headers), 409)
        headers = {"Idempotency-Key": "k-2"}
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=given, headers=headers), 201)
        await got(shop.client.post(f"{CONTOSO}/adjustments", json=given, headers=headers), 200)
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["balance"] == "65"

    told(story, sqlite_database, tmp_path)


def test_what_was_overdrawn_before_is_named_since_no_invoice_takes_it_over(
    sqlite_database: str, tmp_path: Path
) -> None:
    owed = "5 USD are overdrawn; billing after use does not take them over."

    async def story(shop: Shop) -> None:
        assert (await got(shop.client.get(f"{CONTOSO}/credits")))["warnings"] == []
        assert (await got(shop.client.get(PLACE)))["notes"] == []
        with open_engine(open_url(sqlite_database)).begin() as db:
            db.execute(sa.text("update wallets set balance = -5000000, overdraft = 5000000, lots = '[]'"))
        credits = await got(shop.client.get(f"{CONTOSO}/credits"))
        assert (credits["mode"], credits["overdraft"]) == ("post_usage", "5")
        assert [(one["id"], one["says"]) for one in credits["warnings"]] == [("overdrawn", owed)]
        notes = (await got(shop.client.get(PLACE)))["notes"]
        assert [note for note in notes if note.startswith(owed)] != []

    told(story, sqlite_database, tmp_path, UNDER_MCA)
