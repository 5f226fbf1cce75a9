"""A charged table of calls, end to end: the report adds up by other code, and every call explains itself."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from talktime.accounts.tenant import AutoRecharge, Licence, Purchase, Subscription, Tenant, User
from talktime.bulk.result import Run
from talktime.bulk.run import charge
from talktime.catalog.load import load_catalogue
from talktime.core.deck import Deck, RateRow
from talktime.files.instants import parse_instant
from talktime.files.write_calls import write_report
from talktime.insight.attention import attention
from talktime.insight.explain import explain
from talktime.insight.read_run import call_rows, read_run
from talktime.insight.report import report_of
from talktime.insight.summary import summary
from tests.tables import usage_of

PRICE = 100_000_000
DECK = Deck(
    "ours",
    "0123456789ab",
    "USD",
    (RateRow("1", PRICE, PRICE), RateRow("44", 2 * PRICE, PRICE, fee_micros=50_000, first_s=30, step_s=6)),
)
CALLEES = ("+14255550100", "+442071838750", "+27721234567", "+449012345678", "911", "+4420718387**")
TYPES = ("user_out", "user_out", "user_in", "conf_out", "emergency_out", "user_relay", "dr_out", "ucap_out")


def month() -> list[dict[str, Any]]:
    """200 calls of one month, every kind several times."""
    return [
        {
            "start": f"2026-03-{1 + n // 8:02} {8 + n % 9:02}:{n % 60:02}",
            "duration_s": n * 37 % 900,
            "call_type": TYPES[n % len(TYPES)],
            "upn": ("ana@contoso.example", "bob@contoso.example", "eve@contoso.example")[n % 3],
            "location": "US",
            "caller": "+14255550199",
            "callee": CALLEES[n // 3 % len(CALLEES)],
            "call_id": f"leg-{n // 2}",
        }
        for n in range(200)
    ]


def tenant() -> Tenant:
    """Ana has a plan and may spend, Bob may only spend, Eve is not named; one lot expires in the month."""
    catalogue = load_catalogue()
    credits = next(plan.code for plan in catalogue.plans.values() if plan.kind == "credits")
    pooled = next(
        p.code for p in catalogue.plans.values() if p.kind == "calling" and p.pools and p.scope == "user"
    )
    return Tenant(
        id="contoso",
        name="Contoso Ltd",
        country="US",
        currency="USD",
        subscriptions=(Subscription(pooled, 1),),
        users=(
            User("ana@contoso.example", location="US", licences=(Licence(pooled), Licence(credits))),
            User("bob@contoso.example", location="US", licences=(Licence(credits),)),
        ),
        purchases=(
            Purchase("old", parse_instant("2025-03-09T00:00:00Z"), 50_000_000),
            Purchase("new", parse_instant("2026-03-02T00:00:00Z"), 10_000_000),
        ),
        auto_recharge=AutoRecharge(enabled=True, below_micros=5_000_000, add_micros=8_000_000),
    )


@pytest.fixture(scope="module")
def run() -> Run:
    """The month, charged."""
    usage = replace(usage_of(month()), rejected_rows=3, duplicate_rows=2)
    return charge(usage, tenant(), load_catalogue(), DECK)


@pytest.fixture(scope="module")
def report(run: Run, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The month as Parquet."""
    path = tmp_path_factory.mktemp("month") / "month.parquet"
    write_report(path, report_of(run))
    return path


def test_the_identities_hold_in_the_written_report(run: Run, report: Path) -> None:
    table, told = pq.read_table(report), summary(run)

    def total(column: str, state: str = "", **at_least: int) -> Any:
        rows = table if not state else table.filter(pc.equal(table["state"].cast("string"), state))
        for name, least in at_least.items():
            rows = rows.filter(pc.greater_equal(rows[name], least))
        return rows.num_rows if column == "" else pc.sum(rows[column]).as_py() or 0

    assert told["calls"] == table.num_rows == told["answered"] + told["not_answered"]
    paid = total("", "charged", paid_seconds=1)
    pool_only = total("", "charged") - paid
    free = total("", "free") + total("", "carried_by_operator")
    assert min(free, pool_only, paid, total("", "unrated"), total("", "blocked")) > 0
    assert told["answered"] == free + pool_only + paid + told["unrated_calls"] + told["blocked_calls"]
    assert (told["unrated_calls"], told["blocked_calls"]) == (total("", "unrated"), total("", "blocked"))
    parts = ("free", "pool", "paid", "unrated")
    assert {part: told[f"{part}_seconds"] for part in parts} == {
        part: total(f"{part}_seconds") for part in parts
    }
    assert (
        told["billed_seconds"] == total("billed_seconds") == sum(total(f"{part}_seconds") for part in parts)
    )
    assert told["blocked_seconds"] == total("blocked_seconds")
    amount = total("amount")
    assert Decimal(told["amount"]) == amount == total("credits") + total("post_usage") + total("overdraft")
    assert amount == sum(Decimal(told[name]) for name in ("credits", "post_usage", "overdraft"))
    assert amount == sum(Decimal(category["amount"]) for category in told["by_category"].values())
    money = {
        name: Decimal(told[name]) for name in ("opening_balance", "funded", "forfeited", "closing_balance")
    }
    assert money["forfeited"] > 0
    assert money["opening_balance"] + money["funded"] == (
        Decimal(told["credits"]) + money["forfeited"] + money["closing_balance"] + Decimal(told["overdraft"])
    )


def test_every_call_explains_its_amount_from_the_report_alone(run: Run, report: Path) -> None:
    saved = read_run(report)
    for row in call_rows(run.calls):
        (found,) = saved.find(row["id"]).calls
        told = explain(found, saved.document_for(found))
        steps = {step.name: step.facts for step in told.steps}
        assert steps["category"]["category"] == row["category"]
        assert told.amount == row["amount"]
        drawn = sum(Decimal(lot["amount"]) for lot in steps.get("funding", {}).get("lots", []))
        assert drawn * 10**6 == row["credits"]
        pooled = sum(part["seconds"] for part in steps.get("included_minutes", {}).get("pools", []))
        assert pooled == row["pool_seconds"]
        assert ("decision" in steps) == (row["state"] == "blocked")


def test_what_is_odd_about_the_month_is_found(run: Run) -> None:
    kinds = {finding.kind for finding in attention(run)}
    assert kinds >= {"blocked:not_licensed", "unrated", "expired", "unknown_user", "unknown_call_type"}
