"""File = oracle: a made-up month costs what a second reading of the documents says, to the micro.

Row by row in settlement order: what became of the call, why, in which category, by which prefix, which
seconds and whose money; then the sums and everything else that moved the balance (rulings.md 26).
"""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings

from talktime.accounts.calendar import to_us
from talktime.bulk.result import Run
from tests import oracle
from tests.conformance.months import Month, months
from tests.conformance.product import run_of
from tests.examples import twice_unless_quick

SECONDS = ("billed", "free", "pool", "paid", "unrated", "blocked")
MONEY = ("amount", "credits", "post_usage", "overdraft", "balance_after")
MOVED = {"purchase", "recharge", "expiry", "balance_zero"}


def asked(month: Month) -> oracle.Result:
    """The oracle's answer."""
    return oracle.charge(
        month.rows,
        deck=month.deck,
        tenant=month.tenant,
        rounding=month.rounding,
        increments=month.increments,
        balance=month.balance,
        recharge=month.recharge,
        treat_as=month.treat_as,
    )


def rows_of_run(run: Run) -> list[dict[str, Any]]:
    """The product's rows in the oracle's words."""
    return [
        {name: row[name] for name in ("id", "state", "reason", "category", *MONEY)}
        | {"prefix": row["prefix"] if row["state"] in ("charged", "blocked") else ""}
        | {f"{kind}_s": row[f"{kind}_seconds"] for kind in SECONDS}
        for row in run.calls.to_dicts()
    ]


def rows_of_oracle(result: oracle.Result) -> list[dict[str, Any]]:
    """Its rows; that a call without a rate is `no_rate` stands in the product's column `reason` too."""
    return [
        row
        | {"prefix": row["prefix"] or "", "reason": "no_rate" if row["state"] == "unrated" else row["reason"]}
        for row in result.rows
    ]


def totals_of_run(run: Run) -> dict[str, Any]:
    t = run.totals
    return {
        **{f"{kind}_seconds": getattr(t, f"{kind}_s") for kind in SECONDS},
        **{name: getattr(t, name) for name in ("amount", "credits", "post_usage", "overdraft", "calls")},
        **{name: getattr(t, name) for name in ("answered", "not_answered", "unrated_calls", "blocked_calls")},
        **{name: getattr(t, name) for name in ("opening_balance", "funded", "forfeited", "closing_balance")},
        "recharges": t.recharges or 0,
        "money_ran_out_at": t.money_ran_out_at_us,
        "by_category": {
            name: {"calls": c.calls, "billed_seconds": c.billed_s, "amount": c.amount}
            for name, c in t.by_category.items()
        },
    }


def totals_of_oracle(result: oracle.Result) -> dict[str, Any]:
    totals = dict(result.totals)
    ran_out = totals["money_ran_out_at"]
    totals["money_ran_out_at"] = None if ran_out is None else to_us(ran_out)
    totals["by_category"] = {name: dict(line) for name, line in totals["by_category"].items()}
    return totals


def movements_of_run(run: Run) -> list[tuple[int, str, int]]:
    """What else moved or marked the balance: instant, kind, and the amount or the balance at zero."""
    return [
        (m.at_us, m.kind, m.balance_after if m.kind == "balance_zero" else m.amount)
        for m in run.movements
        if m.kind in MOVED
    ]


def check(month: Month) -> None:
    run, result = run_of(month), asked(month)
    assert rows_of_run(run) == rows_of_oracle(result)
    assert totals_of_run(run) == totals_of_oracle(result)
    assert movements_of_run(run) == [(to_us(at), kind, amount) for at, kind, amount in result.events]


@settings(max_examples=twice_unless_quick())
@given(months())
def test_odd_calls_cost_what_the_oracle_says(month: Month) -> None:
    """Unknown types and people, hidden digits, premium, other operators, nothing answered."""
    check(month)


@settings(max_examples=twice_unless_quick())
@given(months(plain=True))
def test_plain_calls_cost_what_the_oracle_says(month: Month) -> None:
    """Pools, credits, post-usage, overdraft, caps and recharges, all at once."""
    check(month)
