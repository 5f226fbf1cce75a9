"""Runs put together by hand: rows with only what a test is about, sums added up here by plain Python."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, Final

import polars as pl

from talktime.accounts.tenant import Tenant
from talktime.bulk.result import CategoryTotal, LotUse, Movement, PoolUse, Run, Totals
from talktime.core.deck import Deck, RateRow
from talktime.files.call_columns import CALL_COLUMNS, Kind
from talktime.files.instants import parse_instant
from talktime.files.usage import Usage, usage_schema

NO_AMOUNT: Final = ("price_per_minute", "first_price_per_minute", "connection_fee", "balance_after")
MARCH: Final = "2026-03-01T00:00:00Z"

SCHEMA: Final[dict[Kind, pl.DataType]] = {
    Kind.TEXT: pl.String(),
    Kind.WORD: pl.Categorical(),
    Kind.INSTANT: pl.Datetime("us", "UTC"),
    Kind.SECONDS: pl.Int64(),
    Kind.COUNT: pl.Int64(),
    Kind.MONEY: pl.Int64(),
    Kind.PRICE: pl.Int64(),
    Kind.FLAG: pl.Boolean(),
}
_EMPTY: Final[dict[Kind, Any]] = {
    Kind.TEXT: "",
    Kind.WORD: "",
    Kind.INSTANT: 0,
    Kind.SECONDS: 0,
    Kind.COUNT: 0,
    Kind.MONEY: 0,
    Kind.PRICE: 0,
    Kind.FLAG: False,
}

PAID: Final = {
    "state": "charged",
    "category": "calling_plan_international",
    "rule": "calling_plan_international: the user called abroad",
    "call_type": "user_out",
    "caller": "+14255550100",
    "callee": "+442071838750",
    "country": "GB",
    "user": "ana@contoso.example",
    "duration_seconds": 219,
    "billed_seconds": 240,
    "paid_seconds": 240,
    "prefix": "4420",
    "rate_name": "London",
    "price_per_minute": 20_000_000,
    "first_price_per_minute": 20_000_000,
    "connection_fee": 0,
    "first_seconds": 60,
    "step_seconds": 60,
    "increments": "after_first",
    "rounding": "half_up 6",
    "amount": 80_000,
    "credits": 80_000,
    "funding": "credits",
    "balance_after": 49_920_000,
    "lots": "opening=0.08",
    "currency": "USD",
    "deck": "ours 0123456789ab",
}
"""219 s to London at 0.02 a minute, from a lot of 50."""

FREE: Final = PAID | {
    "state": "free",
    "category": "included_inbound",
    "rule": "included_inbound: inbound calls on toll numbers are included",
    "call_type": "user_in",
    "paid_seconds": 0,
    "free_seconds": 240,
    "prefix": "",
    "rate_name": "",
    "price_per_minute": None,
    "first_price_per_minute": None,
    "connection_fee": None,
    "first_seconds": None,
    "step_seconds": None,
    "increments": "",
    "rounding": "",
    "amount": 0,
    "credits": 0,
    "funding": "free",
    "lots": "",
}

UNRATED: Final = FREE | {
    "state": "unrated",
    "reason": "no_rate",
    "category": "calling_plan_international",
    "call_type": "user_out",
    "callee": "+27721234567",
    "country": "ZA",
    "free_seconds": 0,
    "unrated_seconds": 240,
    "funding": "",
}

BLOCKED: Final = PAID | {
    "state": "blocked",
    "reason": "no_credit",
    "billed_seconds": 0,
    "paid_seconds": 0,
    "blocked_seconds": 240,
    "amount": 0,
    "credits": 0,
    "funding": "",
    "lots": "",
    "balance_after": 0,
}

DECK: Final = Deck("ours", "0123456789ab", "USD", (RateRow("4420", 20_000_000, 20_000_000, name="London"),))
TENANT: Final = Tenant("contoso", "Contoso Ltd", "US", "USD")


def calls_of(rows: Iterable[Mapping[str, Any]]) -> pl.DataFrame:
    """Rows as the frame of a run; `start` and `end` are ISO text, a minute apart where they are not given."""
    table = []
    for number, given in enumerate(rows, 1):
        start_us = parse_instant(given.get("start", MARCH)) + number * 60_000_000 * ("start" not in given)
        row = {column.name: _EMPTY[column.kind] for column in CALL_COLUMNS} | dict.fromkeys(NO_AMOUNT)
        row |= {"id": f"call-{number}", "call_id": f"leg-{number}", "source": "made", "line": number, **given}
        row["start"] = start_us
        row["end"] = (
            parse_instant(given["end"]) if "end" in given else start_us + row["duration_seconds"] * 1_000_000
        )
        table.append(row)
    schema = {column.name: SCHEMA[column.kind] for column in CALL_COLUMNS}
    return pl.DataFrame(table, schema=schema, orient="row")


def run_of(rows: Iterable[Mapping[str, Any]], **changes: Any) -> Run:
    """A run with these calls; its sums follow from them, everything else can be changed by name."""
    calls = calls_of(rows)
    has_wallet = changes.get("has_wallet", True)
    totals = totals_of(calls, changes.get("lots", ()), has_wallet=has_wallet)
    run = Run(
        calls=calls,
        pools=(),
        lots=(),
        movements=(),
        totals=replace(totals, **changes.pop("totals", {})),
        usage=Usage(pl.DataFrame(schema=usage_schema()), ("made",)),
        tenant=TENANT,
        deck=DECK,
        catalogue_digest="abcdef012345",
        has_wallet=has_wallet,
        warnings=(),
    )
    return replace(run, **changes)


def lot(name: str = "opening", amount: int = 50_000_000, drawn: int = 80_000, **changes: Any) -> LotUse:
    """A lot bought on 1 March 2026."""
    bought_us, year_us = parse_instant(MARCH), 365 * 86_400_000_000
    made = LotUse(name, "opening", bought_us, bought_us + year_us, amount, drawn, 0, amount - drawn)
    return replace(made, **changes)


def pool(used_s: int, size_s: int | None = 180_000, **changes: Any) -> PoolUse:
    """A pool of March 2026."""
    return replace(PoolUse("PLAN", "domestic", "US/PR", "2026-03", size_s, used_s, None, None), **changes)


def moved(at: str, kind: str, amount: int, balance_after: int, of: str = "opening") -> Movement:
    """A movement at an instant in ISO text."""
    return Movement(parse_instant(at), kind, of, amount, balance_after)


def totals_of(calls: pl.DataFrame, lots: Iterable[LotUse], *, has_wallet: bool) -> Totals:
    """The sums of a frame of calls."""
    rows = calls.with_columns(pl.col(pl.Categorical).cast(pl.String)).rows(named=True)
    answered = [row for row in rows if row["state"] != "not_answered"]
    charged = [row for row in answered if row["state"] == "charged"]

    def total(name: str) -> int:
        return sum(row[name] for row in rows)

    by_category: dict[str, CategoryTotal] = {}
    for row in answered:
        known = by_category.get(row["category"], CategoryTotal(0, 0, 0))
        by_category[row["category"]] = CategoryTotal(
            known.calls + 1, known.billed_s + row["billed_seconds"], known.amount + row["amount"]
        )
    held = tuple(lots)
    return Totals(
        calls=len(rows),
        answered=len(answered),
        not_answered=len(rows) - len(answered),
        free_calls=sum(row["state"] in ("free", "carried_by_operator") for row in rows),
        pool_only_calls=sum(row["paid_seconds"] == 0 for row in charged),
        paid_calls=sum(row["paid_seconds"] > 0 for row in charged),
        unrated_calls=sum(row["state"] == "unrated" for row in rows),
        blocked_calls=sum(row["state"] == "blocked" for row in rows),
        billed_s=total("billed_seconds"),
        free_s=total("free_seconds"),
        pool_s=total("pool_seconds"),
        paid_s=total("paid_seconds"),
        unrated_s=total("unrated_seconds"),
        blocked_s=total("blocked_seconds"),
        amount=total("amount"),
        credits=total("credits"),
        post_usage=total("post_usage"),
        overdraft=total("overdraft"),
        overdraft_repaid=0,
        rejected_rows=0,
        duplicate_rows=0,
        opening_balance=sum(lot.amount for lot in held if lot.origin == "opening") if has_wallet else None,
        funded=sum(lot.amount for lot in held if lot.origin != "opening") if has_wallet else None,
        forfeited=sum(lot.forfeited for lot in held) if has_wallet else None,
        closing_balance=sum(lot.left for lot in held) - total("overdraft") if has_wallet else None,
        recharges=sum(lot.origin == "recharge" for lot in held) if has_wallet else None,
        recharged=sum(lot.amount for lot in held if lot.origin == "recharge") if has_wallet else None,
        money_ran_out_at_us=None,
        by_category=by_category,
    )
