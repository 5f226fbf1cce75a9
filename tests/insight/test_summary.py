"""The JSON object of a run: exact names, decimal strings, null where there is nothing."""

import json
from dataclasses import replace

from talktime.files.instants import parse_instant
from talktime.insight.summary import summary
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, UNRATED, lot, run_of

NAMES = set(
    """
    calls answered billed_minutes pool_minutes paid_minutes amount currency credits post_usage blocked_calls
    unrated_calls rejected_rows duplicate_rows recharges closing_balance by_category deck
    not_answered free_minutes unrated_minutes blocked_minutes overdraft opening_balance funded forfeited
    money_ran_out_at format warnings overdraft_repaid
    billed_seconds pool_seconds paid_seconds free_seconds unrated_seconds blocked_seconds
    """.split()
)
"""design.md (Command line), rulings.md 4 and decision 0004.1."""


def test_every_name_of_the_specification_is_there() -> None:
    assert set(summary(run_of([PAID]))) >= NAMES


def test_a_run_in_numbers() -> None:
    rows = [
        PAID,
        FREE,
        UNRATED,
        BLOCKED,
        PAID | {"state": "not_answered", "billed_seconds": 0, "paid_seconds": 0, "amount": 0, "credits": 0},
    ]
    told = summary(run_of(rows, lots=(lot(),)))
    expected = {
        "calls": 5,
        "answered": 4,
        "not_answered": 1,
        "billed_minutes": "12",
        "billed_seconds": 720,
        "paid_minutes": "4",
        "free_minutes": "4",
        "unrated_minutes": "4",
        "blocked_minutes": "4",
        "blocked_calls": 1,
        "unrated_calls": 1,
        "amount": "0.08",
        "credits": "0.08",
        "overdraft": "0",
        "opening_balance": "50",
        "closing_balance": "49.92",
        "funded": "0",
        "recharges": 0,
        "money_ran_out_at": None,
        "currency": "USD",
        "format": "made",
        "warnings": [],
    }
    assert {name: told[name] for name in expected} == expected
    assert told["deck"] == {"name": "ours", "version": "0123456789ab", "rates": 1, "sample": False}
    assert told["by_category"]["calling_plan_international"] == {
        "calls": 3,
        "billed_minutes": "8",
        "billed_seconds": 480,
        "amount": "0.08",
    }


def test_repaid_overdraft_is_told() -> None:
    told = summary(run_of([PAID], lots=(lot(),), totals={"overdraft_repaid": 12_500}))
    assert told["overdraft_repaid"] == "0.0125"


def test_without_a_wallet_balances_are_null() -> None:
    told = summary(run_of([PAID | {"balance_after": None}], has_wallet=False))
    wallet = ("opening_balance", "closing_balance", "funded", "forfeited", "recharges", "money_ran_out_at")
    assert {name: told[name] for name in wallet} == dict.fromkeys(wallet)


def test_odd_minutes_and_the_instant_without_money_are_text() -> None:
    ran_out = parse_instant("2026-03-17T14:02:05.5Z")
    run = run_of(
        [PAID | {"paid_seconds": 100, "billed_seconds": 100}], totals={"money_ran_out_at_us": ran_out}
    )
    told = summary(run)
    assert (told["paid_minutes"], told["paid_seconds"]) == ("1.666667", 100)
    assert told["money_ran_out_at"] == "2026-03-17T14:02:05.5Z"


def test_warnings_of_files_and_run_are_told_once() -> None:
    run = run_of([PAID], warnings=("two", "three"))
    run = replace(run, usage=replace(run.usage, warnings=("one", "two")))
    assert summary(run)["warnings"] == ["one", "two", "three"]


def test_a_sample_deck_says_so() -> None:
    assert summary(run_of([PAID], deck=replace(DECK, sample=True)))["deck"]["sample"] is True


def test_the_summary_is_plain_json() -> None:
    told = summary(run_of([PAID, FREE], lots=(lot(),)))
    assert json.loads(json.dumps(told)) == told
