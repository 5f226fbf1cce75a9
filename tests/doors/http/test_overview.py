"""The first page, the balance over time and the movements through HTTP, on both databases."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from talktime.accounts.calendar import twelve_months_on_us
from talktime.core.money import parse_money
from talktime.ledger.commands import Expire, Fund
from talktime.ledger.database import connect_sqlite, open_url
from talktime.live.operations import EndCall
from tests.databases import database, sqlite_database
from tests.doors.http.houses import Door, open_door

__all__ = ["database", "sqlite_database"]  # fixtures

CONTOSO = "/v1/tenants/contoso"
DAY_US = 86_400_000_000
MCA = [{"id": "direct", "agreement": "MCA"}]


def told(story: Callable[[Door], Awaitable[None]], url: str, *, funded: bool = True) -> None:
    async def run() -> None:
        async with open_door(url, funded=funded) as door:
            await story(door)

    asyncio.run(run())


async def got(door: Door, path: str, **query: Any) -> Any:
    answer = await door.client.get(f"{CONTOSO}{path}", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def called(door: Door, call_id: str, seconds: int = 61) -> None:
    """A call to London that is over."""
    await door.call(call_id)
    await door.desk.submit(EndCall("contoso", call_id, 1, seconds))


async def changed(door: Door, path: str, change: Callable[[dict[str, Any]], None]) -> None:
    """Reads a part of the tenant, changes it and puts it back."""
    table = (await door.client.get(f"{CONTOSO}{path}")).json()
    change(table)
    answer = await door.client.put(f"{CONTOSO}{path}", json=table)
    assert answer.status_code == 200, answer.text


async def funded(door: Door, micros: int, reference: str) -> None:
    await door.desk.engine.submit(
        Fund("contoso", micros, lambda at: twelve_months_on_us(at, "UTC"), "card", "purchase", reference)
    )


async def five_days(door: Door) -> None:
    """Calls, a purchase in the middle of a day, credits taken back; the clock ends on the fifth day."""
    for day in range(5):
        for call in range(3):
            await called(door, f"d{day}-{call}", 60 * (day + 1))
            door.clock.now_us += 60_000_000
        if day == 2:
            await funded(door, 20_000_000, "order-1")
            await called(door, "late", 60)
        if day == 3:
            taken = {"amount": "-5", "reason": "a mistake", "reference": "case-1"}
            assert (await door.client.post(f"{CONTOSO}/adjustments", json=taken)).status_code == 201
        if day < 4:
            door.clock.now_us += DAY_US


# --- the balance over time ---------------------------------------------------------------------------------


def test_days_of_the_history_make_the_balance(database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        found, credits = await got(door, "/credits/history"), await got(door, "/credits")
        days = found["days"]
        assert len(days) == 28
        assert (days[-1]["balance"], found["balance"]) == (credits["balance"], credits["balance"])
        at = parse_money(found["start"])
        for day in days:
            came = sum(parse_money(day[kind]) for kind in ("purchase", "recharge", "on_behalf", "other"))
            at += came - parse_money(day["paid"]) - parse_money(day["expired"])
            assert parse_money(day["balance"]) == at, day
        assert [day["purchase"] for day in days[-5:]] == ["0", "0", "20", "0", "0"]
        assert [day["other"] for day in days[-5:]] == ["0", "0", "0", "-5", "0"]
        assert all(parse_money(day["paid"]) > 0 for day in days[-5:])
        assert found["reconciled"] is True

    told(story, database)


def test_history_goes_on_where_it_was_remembered(database: str) -> None:
    """What was added up once is not forgotten, and what comes later is in it, in any order of asking."""

    async def story(door: Door) -> None:
        for days in (28, 365, 90):
            await called(door, f"c{days}")
            found = await got(door, "/credits/history", days=days)
            assert len(found["days"]) == days
            assert found["balance"] == (await got(door, "/credits"))["balance"]
        door.clock.now_us += DAY_US
        await called(door, "next")
        found = await got(door, "/credits/history")
        assert found["balance"] == (await got(door, "/credits"))["balance"]
        assert parse_money(found["days"][-1]["paid"]) * 3 == parse_money(found["days"][-2]["paid"])

    told(story, database)


def test_expired_credits_stand_on_the_day_on_which_they_went(database: str) -> None:
    async def story(door: Door) -> None:
        await called(door, "c1")
        left = (await got(door, "/credits"))["balance"]
        door.clock.now_us += 337 * DAY_US  # the lot of 1 February ended at midnight
        await door.desk.engine.submit(Expire("contoso"))
        found = await got(door, "/credits/history")
        assert [day["expired"] for day in found["days"] if day["expired"] != "0"] == [left]
        assert (found["balance"], found["forecast"]) == ("0", [])
        lines = (await got(door, "/movements", kind="expiry"))["movements"]
        assert [(line["amount"], line["balance"]) for line in lines] == [(f"-{left}", "0")]

    told(story, database)


def test_forecast_is_the_band_of_the_runway(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        has = Decimal((await got(door, "/credits"))["balance"])
        taken = {"amount": str(1 - has), "reason": "a mistake", "reference": "case-2"}
        assert (await door.client.post(f"{CONTOSO}/adjustments", json=taken)).status_code == 201
        found = await got(door, "/credits/history")
        runway, balance = found["runway"], Decimal(found["balance"])
        assert runway["days_low"] < runway["days_expected"] < runway["days_high"]
        assert (found["forecast"][0]["day"], found["forecast"][-1]["high"]) == ("2026-03-06", "0")
        for one in found["forecast"]:
            assert 0 <= Decimal(one["low"]) <= Decimal(one["expected"]) <= Decimal(one["high"]) <= balance
        for edge, days in (("low", "days_low"), ("expected", "days_expected"), ("high", "days_high")):
            ends = [at for at, one in enumerate(found["forecast"], 1) if one[edge] == "0"]
            assert runway[days] in (ends[0], ends[0] + 1)  # spent up, or too little for the day after

    told(story, sqlite_database)


def test_wallet_that_the_journal_does_not_make_is_shown_to_nobody(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        link = connect_sqlite(open_url(sqlite_database).path)
        link.execute("update wallets set balance = balance + 1")
        link.close()
        answer = await door.client.get(f"{CONTOSO}/credits/history")
        assert (answer.status_code, answer.json()["code"]) == (500, "not_reconciled")

    told(story, sqlite_database)


# --- movements ---------------------------------------------------------------------------------------------


def test_movements_are_what_changed_the_balance_newest_first(database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        lines = (await got(door, "/movements"))["movements"]
        assert [line["kind"] for line in lines] == [
            *("calls", "adjustment", "calls"),
            *("calls", "purchase", "calls", "calls", "calls"),
        ]
        assert lines[0]["balance"] == (await got(door, "/credits"))["balance"]
        for newer, older in pairwise(lines):
            assert parse_money(newer["balance"]) - parse_money(newer["amount"]) == parse_money(
                older["balance"]
            )
        (bought,) = (await got(door, "/movements", kind="purchase"))["movements"]
        assert (bought["amount"], bought["reference"], bought["lot"]) == ("20", "order-1", 2)

    told(story, database)


@pytest.mark.parametrize("limit", [1, 3, 8])
def test_pages_of_movements_hold_each_once(sqlite_database: str, limit: int) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        whole = (await got(door, "/movements"))["movements"]
        found, cursor = [], ""
        while True:
            page = await got(door, "/movements", limit=limit, cursor=cursor)
            found += page["movements"]
            if page["next"] is None:
                break
            cursor = page["next"]
            await called(door, f"meanwhile-{len(found)}")
        assert found == whole

    told(story, sqlite_database)


def test_span_of_movements_begins_with_a_day(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        lines = await got(
            door, "/movements", **{"from": "2026-03-03T18:00:00Z", "until": "2026-03-04T00:00:00Z"}
        )
        assert [line["kind"] for line in lines["movements"]] == ["calls", "purchase", "calls"]
        none = await door.client.get(
            f"{CONTOSO}/movements?from=2026-03-03T00:00:00Z&until=2026-03-02T00:00:00Z"
        )
        assert none.status_code == 422

    told(story, sqlite_database)


# --- the first page ----------------------------------------------------------------------------------------


def codes(page: Any) -> list[str]:
    return [alert["code"] for alert in page["alerts"]]


def test_page_says_what_the_ledger_says(database: str) -> None:
    async def story(door: Door) -> None:
        await five_days(door)
        await door.call("open")
        page, credits = await got(door, "/overview"), await got(door, "/credits")
        for name in ("balance", "reserved", "available", "overdraft", "currency", "mode", "runway_days"):
            assert page[name] == credits[name], name
        assert page["calls_in_progress"] == 1
        spend = (await got(door, "/spend"))["total"]["amount"]
        assert page["spend"]["spent"] == spend
        assert (page["spend"]["full_days"], page["spend"]["before"]) == (4, "0")
        advice = page["auto_recharge"]["advice"]
        assert (advice["code"], advice["action"]["path"]) == (
            "turn_on",
            "/tenants/contoso/credits/auto-recharge",
        )

    told(story, database)


def test_path_of_a_new_tenant(sqlite_database: str) -> None:
    tenant = {
        "tenant": {"id": "contoso", "name": "Contoso", "country": "US", "currency": "USD"},
        "billing_accounts": [{"id": "direct", "agreement": "MOSA"}],
    }

    async def story(door: Door) -> None:
        assert (await door.client.post("/v1/tenants", json=tenant)).status_code == 201
        page = await got(door, "/overview")
        steps = {step["code"]: step for step in page["first_time"]["steps"]}
        assert {code: step["state"] for code, step in steps.items()} == {
            "eligibility": "open",
            "card": "open",
            "amount": "open",
            "auto_recharge": "open",
            "spenders": "open",
        }
        assert "Buy Audio Conferencing or a Calling Plan first." in steps["eligibility"]["says"]
        assert "50 USD or more" in steps["amount"]["says"]
        assert steps["amount"]["action"]["path"] == "/tenants/contoso/credits/add"
        assert (codes(page), page["first_time"]["ready"]) == ([], False)

    told(story, sqlite_database, funded=False)


def test_path_says_who_cannot_spend(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        steps = {
            step["code"]: step["state"] for step in (await got(door, "/overview"))["first_time"]["steps"]
        }
        assert (steps["eligibility"], steps["amount"], steps["spenders"]) == ("done", "done", "done")
        user = {"upn": "ben@contoso.example", "location": "US", "licences": ["MCOPSTN1"]}
        answer = await door.client.put(f"{CONTOSO}/users/ben@contoso.example", json=user)
        assert answer.status_code in (200, 201), answer.text
        page = await got(door, "/overview")
        (step,) = (one for one in page["first_time"]["steps"] if one["code"] == "spenders")
        assert (step["state"], step["says"][:2]) == ("open", "1 ")

    told(story, sqlite_database)


def test_under_mca_nothing_is_needed_and_nothing_stops(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        assert "Calls to your toll-free numbers" in (await got(door, "/overview"))["at_zero"]["stops"]
        await changed(door, "", lambda table: table.update(billing_accounts=MCA))
        page = await got(door, "/overview")
        assert (page["mode"], page["at_zero"]["backed"], page["at_zero"]["stops"]) == ("draining", True, [])
        states = {step["state"] for step in page["first_time"]["steps"]}
        assert states == {"not_needed", "done"}
        assert page["auto_recharge"]["advice"] is None

    told(story, sqlite_database)


def test_under_mca_with_the_rule_on_it_is_advised_to_turn_it_off(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        rule = {"enabled": True, "below": "1", "add": "50"}
        assert (await door.client.put(f"{CONTOSO}/auto-recharge", json=rule)).status_code == 200
        assert codes(await got(door, "/overview")) == ["recharge_without_card"]
        await changed(door, "", lambda table: table.update(billing_accounts=MCA))
        page = await got(door, "/overview")
        assert codes(page) == ["recharge_without_card", "recharge_under_mca"]
        assert page["auto_recharge"]["advice"]["code"] == "turn_off"

    told(story, sqlite_database)


def test_alerts_stand_in_order_of_urgency_each_with_its_action(sqlite_database: str) -> None:
    async def story(door: Door) -> None:
        taken = {"amount": "-49.95", "reason": "a mistake", "reference": "case-1"}
        assert (await door.client.post(f"{CONTOSO}/adjustments", json=taken)).status_code == 201
        alerts = {"low": ["20", "10"]}
        assert (await door.client.put(f"{CONTOSO}/alerts", json=alerts)).status_code == 200
        caps = {"caps": [{"scope": "cost_centre", "id": "Sales", "amount": "0"}]}
        assert (await door.client.put(f"{CONTOSO}/caps", json=caps)).status_code == 200
        page = await got(door, "/overview")
        assert codes(page) == ["balance_low", "spend_cap_reached"]
        low, cap = page["alerts"]
        assert low["says"] == "0.05 USD are available, less than your level of 10 USD."
        assert cap["says"].startswith("The cap of cost centre Sales is reached: ")
        assert low["action"] == {
            "says": "Make the credits last",
            "page": "credits",
            "path": "/tenants/contoso/credits",
        }

        rest = {"amount": "-0.05", "reason": "the rest", "reference": "case-2"}
        assert (await door.client.post(f"{CONTOSO}/adjustments", json=rest)).status_code == 201
        suspended = {"status": "suspended", "reason": "unpaid"}
        answer = await door.client.put(f"{CONTOSO}/status", json=suspended)
        assert answer.status_code == 200, answer.text
        assert codes(await got(door, "/overview")) == [
            "tenant_suspended",
            "balance_zero",
            "spend_cap_reached",
        ]

    told(story, sqlite_database)


@pytest.mark.parametrize(
    ("role", "sees_usage", "may_buy"),
    [
        ("billing_administrator", True, True),
        ("teams_administrator", True, False),
        ("helpdesk_administrator", False, False),
    ],
)
def test_parts_are_left_out_for_who_may_not_see_them(
    sqlite_database: str, role: str, sees_usage: bool, may_buy: bool
) -> None:
    async def story(door: Door) -> None:
        caps = {"caps": [{"scope": "cost_centre", "id": "Sales", "amount": "0"}]}
        assert (await door.client.put(f"{CONTOSO}/caps", json=caps)).status_code == 200
        async with door.holder(role) as holder:
            page = (await holder.get(f"{CONTOSO}/overview")).json()
        assert ((page["spend"] is not None), page["calls_in_progress"] is not None) == (
            sees_usage,
            sees_usage,
        )
        assert codes(page) == (["spend_cap_reached"] if sees_usage else [])
        assert (page["auto_recharge"]["advice"]["action"] is not None) == may_buy

    told(story, sqlite_database)
