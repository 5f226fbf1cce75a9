"""A call explained: every step of domain.md 3 in sentences and facts, from its row and the document alone."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.money import ROUNDINGS
from talktime.core.rating import amount_micros
from talktime.files.instants import parse_instant
from talktime.insight.explain import Explanation, explain
from talktime.insight.read_run import call_rows
from talktime.insight.run_document import document_of
from tests.insight.made_runs import BLOCKED, DECK, FREE, PAID, TENANT, UNRATED, lot, run_of


def explained(row: Mapping[str, Any], **changes: Any) -> Explanation:
    """The explanation of the one call of a run."""
    run = run_of([row], lots=changes.pop("lots", (lot(),)), **changes)
    return explain(call_rows(run.calls)[0], document_of(run))


def sentences(explanation: Explanation) -> dict[str, str]:
    """The steps by name."""
    return {step.name: step.sentence for step in explanation.steps}


def test_a_paid_call_is_explained_from_category_to_balance() -> None:
    row = PAID | {"start": "2026-03-02T10:00:00.25Z"}
    assert sentences(explained(row)) == {
        "call": "user_out of ana@contoso.example: +14255550100 to +442071838750, "
        "started 2026-03-02 10:00:00 UTC, 219 s.",
        "category": "Category calling_plan_international: the user called abroad.",
        "rate": "Deck ours 0123456789ab: prefix 4420 (London) is the longest that fits: 0.02 USD a minute.",
        "billed": "219 s are billed as 240 s (4 min): 60 s first, then steps of 60 s.",
        "amount": "Money pays for 240 s (4 min): 240 s at 0.02/min = 0.08 USD.",
        "funding": "Paid: 0.08 by credits (0.08 of lot opening (opening balance of 2026-03-01)).",
        "balance": "The balance after it was 49.92 USD.",
    }


def test_the_facts_are_those_of_the_specification() -> None:
    steps = {step.name: step.facts for step in explained(PAID).steps}
    assert steps["category"]["catalogue"] == "abcdef012345"
    assert steps["category"]["rule"] == PAID["rule"]
    assert steps["rate"]["deck"] == "ours 0123456789ab"
    assert (steps["rate"]["prefix"], steps["rate"]["price_per_minute"]) == ("4420", "0.02")
    assert (steps["billed"]["duration_seconds"], steps["billed"]["billed_seconds"]) == (219, 240)
    assert (steps["amount"]["paid_seconds"], steps["amount"]["amount"]) == (240, "0.08")
    assert steps["funding"]["lots"] == [
        {
            "lot": "opening",
            "amount": "0.08",
            "bought_at": "2026-03-01T00:00:00Z",
            "expires_at": "2027-03-01T00:00:00Z",
            "origin": "opening",
        }
    ]
    assert steps["balance"] == {"balance_after": "49.92", "recharge": "0"}


MIXED = PAID | {
    "pool_seconds": 90,
    "paid_seconds": 150,
    "pool": "PLAN domestic US/PR 2026-03=60;CONF conferencing 2026-03=30",
    "pool_left_seconds": 0,
    "first_price_per_minute": 30_000_000,
    "first_seconds": 120,
    "step_seconds": 30,
    "connection_fee": 50_000,
    "amount": 105_000,
    "credits": 60_000,
    "overdraft": 45_000,
    "funding": "pool+credits+overdraft",
    "lots": "opening=0.05;recharge-1=0.01",
    "balance_after": -45_000,
    "recharge": 200_000_000,
    "flags": "masked_price;end_disagrees",
}


def test_a_call_of_pools_fee_two_prices_and_overdraft() -> None:
    lots = (lot(), lot("recharge-1", origin="recharge"))
    told = explained(MIXED, lots=lots)
    by_name = sentences(told)
    assert by_name["rate"].endswith("0.02 USD a minute, the first 120 s at 0.03, connection fee 0.05.")
    assert by_name["billed"].endswith("120 s first, then steps of 30 s.")
    assert by_name["included_minutes"] == (
        "Included minutes paid for the first 90 s: 60 s (1 min) of PLAN domestic US/PR 2026-03, "
        "30 s of CONF conferencing 2026-03; 0 s (0 min) were left in the last."
    )
    assert by_name["amount"] == (
        "Money pays for 150 s: 0.05 fee + 30 s at 0.03/min + 120 s at 0.02/min = 0.105 USD."
    )
    assert by_name["funding"] == (
        "Paid: 0.06 by credits (0.05 of lot opening (opening balance of 2026-03-01), 0.01 of lot recharge-1 "
        "(auto-recharge of 2026-03-01)), 0.045 by overdraft, to be repaid by the next purchase."
    )
    assert by_name["balance"] == (
        "The balance after it was -0.045 USD; that was below the trigger, so 200 were bought."
    )
    assert [step.facts["flag"] for step in told.steps if step.name == "flag"] == [
        "masked_price",
        "end_disagrees",
    ]


@pytest.mark.parametrize(
    ("row", "told", "untold"),
    [
        (FREE, {"amount": "All 240 s (4 min) are free."}, {"rate", "funding", "included_minutes"}),
        (
            UNRATED,
            {
                "rate": "Deck ours 0123456789ab has no row for +27721234567.",
                "billed": "219 s are billed as 240 s (4 min): started minutes.",
                "amount": "240 s (4 min) stay unrated and cost nothing until a deck has a rate.",
            },
            {"funding"},
        ),
        (
            BLOCKED,
            {
                "decision": "Blocked (no_credit): the balance did not cover the first interval. It takes no "
                "included minutes and costs nothing. What helps: buy credits or switch auto-recharge on.",
                "billed": "219 s would have been billed as 240 s (4 min): 60 s first, then steps of 60 s.",
            },
            {"amount", "funding"},
        ),
        (
            FREE | {"state": "not_answered", "duration_seconds": 0, "billed_seconds": 0, "free_seconds": 0},
            {},
            {"rate", "billed", "amount", "funding"},
        ),
        (
            PAID
            | {
                "pool_seconds": 240,
                "paid_seconds": 0,
                "amount": 0,
                "pool": "P=240",
                "pool_left_seconds": None,
            },
            {
                "included_minutes": "Included minutes paid for the first 240 s (4 min): 240 s (4 min) of P.",
                "amount": "Nothing is left for money to pay.",
            },
            {"funding"},
        ),
        (
            PAID | {"credits": 0, "post_usage": 80_000, "lots": "", "balance_after": None},
            {"funding": "Paid: 0.08 by the invoice after use."},
            {"balance"},
        ),
        (
            PAID | {"increments": "whole", "first_seconds": 30, "step_seconds": 6},
            {"billed": "219 s are billed as 240 s (4 min): whole steps of 6 s, at least 30 s."},
            set(),
        ),
    ],
)
def test_what_is_told_and_what_is_not(row: dict[str, Any], told: dict[str, str], untold: set[str]) -> None:
    by_name = sentences(explained(row))
    assert {name: by_name[name] for name in told} == told
    assert not untold & set(by_name)


def test_an_unanswered_call_says_so() -> None:
    row = FREE | {"state": "not_answered", "duration_seconds": 0, "billed_seconds": 0, "free_seconds": 0}
    assert sentences(explained(row))["call"].endswith("It was not answered, so nothing is billed.")


def test_a_text_message_is_no_unanswered_call() -> None:
    row = FREE | {"state": "not_answered", "category": "sms", "call_type": "sms_out", "duration_seconds": 0}
    told = explained(row | {"billed_seconds": 0, "free_seconds": 0})
    assert sentences(told)["call"].endswith(" 0 s. It is a text message, listed, not charged.")
    assert (told.is_message, told.state) == (True, "not_answered")


@pytest.mark.parametrize(
    ("call_type", "direction", "told"),
    [
        ("conf_in", "", "no inbound row"),
        ("", "inbound", "no inbound row"),
        ("user_out", "inbound", "no row"),
        ("", "", "no row"),
    ],
)
def test_an_unrated_call_that_came_in_misses_an_inbound_row(
    call_type: str, direction: str, told: str
) -> None:
    row = UNRATED | {"call_type": call_type, "direction": direction}
    assert sentences(explained(row))["rate"] == f"Deck ours 0123456789ab has {told} for +27721234567."


def test_a_refused_premium_number_says_what_helps() -> None:
    assert sentences(explained(BLOCKED | {"reason": "premium_refused"}))["decision"].endswith(
        " What helps: nothing, the operator refuses such numbers; tell the user."
    )


def test_the_run_is_named_in_one_line() -> None:
    rows = [PAID | {"source": f"{name}.csv"} for name in "edcba"]
    run = run_of(rows, tenant=replace(TENANT, stated=True))
    rated_at_us = parse_instant("2026-04-01T08:30:00Z")
    told = explain(call_rows(run.calls)[0], document_of(run, rated_at_us=rated_at_us)).run
    assert told.sentence == (
        "a.csv, b.csv, c.csv and 2 more; tenant Contoso Ltd (contoso); deck ours 0123456789ab; "
        "rated 2026-04-01 08:30:00 UTC"
    )
    assert told.as_json() == {
        "files": ["a.csv", "b.csv", "c.csv"],
        "files_total": 5,
        "tenant": "Contoso Ltd (contoso)",
        "deck": "ours 0123456789ab",
    }


def test_a_run_of_an_earlier_program_is_named_without_files_and_time() -> None:
    run = run_of([PAID], tenant=replace(TENANT, stated=False))
    document = replace(document_of(run), files=())
    told = explain(call_rows(run.calls)[0], document).run
    assert told.sentence == "no tenant file; deck ours 0123456789ab"


def test_sample_prices_are_marked() -> None:
    told = explained(PAID, deck=replace(DECK, sample=True))
    assert sentences(told)["rate"].startswith("Deck ours 0123456789ab (sample prices): prefix 4420")


def test_a_lot_that_the_document_left_out_is_still_named() -> None:
    assert sentences(explained(PAID, lots=()))["funding"] == "Paid: 0.08 by credits (0.08 of lot opening)."


def test_an_explanation_is_plain_json() -> None:
    told = explained(MIXED).as_json()
    assert json.loads(json.dumps(told)) == told
    assert (told["id"], told["call_id"], told["state"], told["amount"]) == (
        "call-1",
        "leg-1",
        "charged",
        "0.105",
    )
    assert [step["step"] for step in told["steps"]][:3] == ["call", "category", "rate"]


@given(
    first_s=st.integers(1, 90),
    pool_s=st.integers(0, 200),
    paid_s=st.integers(1, 400),
    prices=st.tuples(st.integers(0, 10**10), st.integers(0, 10**10)),
    fee=st.integers(0, 10**6),
    rounding=st.sampled_from(sorted(ROUNDINGS)),
    decimals=st.integers(0, 6),
)
def test_the_arithmetic_that_is_shown_gives_the_amount(
    first_s: int, pool_s: int, paid_s: int, prices: tuple[int, int], fee: int, rounding: str, decimals: int
) -> None:
    billed_s = pool_s + paid_s
    amount = amount_micros(
        pool_s, billed_s, first_s, prices[0], prices[1], fee, ROUNDINGS[rounding], decimals
    )
    row = PAID | {
        "billed_seconds": billed_s,
        "pool_seconds": pool_s,
        "pool": f"P={pool_s}",
        "paid_seconds": paid_s,
        "first_seconds": first_s,
        "first_price_per_minute": prices[0],
        "price_per_minute": prices[1],
        "connection_fee": fee,
        "rounding": f"{rounding} {decimals}",
        "amount": amount,
    }
    sentence = sentences(explained(row))["amount"]
    shown, _, result = sentence.removesuffix(".").partition(": ")[2].partition(" = ")
    exact = sum((_part(part) for part in shown.split(" + ")), Fraction(0))
    told = Fraction(Decimal(result.split(" ")[0]))
    assert told * 10**6 == amount
    assert abs(told - exact) <= Fraction(1, 10**decimals)
    assert ("rounded" in sentence) == (told != exact)


def _part(part: str) -> Fraction:
    """`0.05 fee` or `60 s at 0.03/min` as a fraction of the currency unit."""
    if part.endswith(" fee"):
        return Fraction(part.removesuffix(" fee"))
    seconds, price = part.removesuffix("/min").split(" s at ")
    return Fraction(seconds) * Fraction(price) / 60
