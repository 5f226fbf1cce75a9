"""Money that looks wrong, by tables on both sides of each threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from talktime.core.deck import RateRow
from talktime.insight.finding import Detail, Weight
from talktime.insight.suspicion import dear_callers, long_calls, odd_rates, vendor_differences
from tests.insight.made_runs import DECK, FREE, PAID, run_of

USUAL = [PAID] * 20
"""Twenty calls of 0.08: the median."""


def paid(user: str, amount: int) -> dict[str, Any]:
    """A call of a user."""
    return PAID | {"user": user, "amount": amount, "credits": amount}


def test_a_caller_with_three_dear_calls_is_told() -> None:
    dear = [paid("mallory", 1_600_001)] * 3
    (finding,) = dear_callers(run_of([*USUAL, *dear]))
    assert finding.sentence == "1 caller made calls dearer than 20 times the median (1.6 USD)."
    assert finding.details == (Detail("mallory", 3, 720, 4_800_003),)


@pytest.mark.parametrize(
    "rows",
    [
        [*USUAL, *[paid("mallory", 1_600_000)] * 3],
        [*USUAL, *[paid("mallory", 9_000_000)] * 2],
        [*USUAL[:16], *[paid("mallory", 9_000_000)] * 3],
        [*[FREE] * 30, *[paid("mallory", 9_000_000)] * 3],
    ],
)
def test_fewer_or_cheaper_calls_are_not_told(rows: list[Mapping[str, Any]]) -> None:
    assert list(dear_callers(run_of(rows))) == []


@pytest.mark.parametrize(("seconds", "told"), [(14_400, False), (14_401, True)])
def test_paid_calls_of_more_than_four_hours_are_told(seconds: int, told: bool) -> None:
    found = list(
        long_calls(run_of([PAID | {"duration_seconds": seconds}, FREE | {"duration_seconds": 50_000}]))
    )
    assert [finding.sentence for finding in found] == (
        ["1 paid call lasted longer than 4 hours."] if told else []
    )


def deck_rows(prices: Iterable[int], country: str = "GB", prefix: str = "44") -> tuple[RateRow, ...]:
    """Rows of one country, prefix 440, 441, ..."""
    return tuple(RateRow(f"{prefix}{n}", price, price, country=country) for n, price in enumerate(prices))


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ([10, 10, 10, 100], "443: 0.0000001 a minute, its neighbours 0.00000001"),
        ([10, 10, 10, 99], None),
        ([10, 10, 100], None),
        ([10, 10, 10, 0], "443: 0 a minute, its neighbours 0.00000001"),
        ([0, 0, 0, 0], None),
    ],
)
def test_a_rate_ten_times_its_neighbours_is_told(prices: list[int], told: str | None) -> None:
    rows = deck_rows(prices)
    last = rows[-1]
    call = PAID | {"prefix": last.prefix, "price_per_minute": last.price_nanos}
    found = list(odd_rates(run_of([call], deck=replace(DECK, rows=rows))))
    assert [detail.what for finding in found for detail in finding.details] == (
        [] if told is None else [told]
    )


def test_rates_without_a_country_are_compared_by_their_beginning() -> None:
    rows = deck_rows([10, 10, 10, 500], country="") + deck_rows([500, 500, 500, 500], country="", prefix="88")
    calls = [PAID | {"prefix": row.prefix, "price_per_minute": row.price_nanos} for row in rows]
    (finding,) = odd_rates(run_of(calls, deck=replace(DECK, rows=rows)))
    assert [detail.what[:4] for detail in finding.details] == ["443:"]


def test_a_rate_that_no_call_used_is_not_told() -> None:
    assert list(odd_rates(run_of([PAID], deck=replace(DECK, rows=deck_rows([10, 10, 10, 1000]))))) == []


def test_charges_that_differ_are_told_by_category() -> None:
    rows = [
        PAID | {"vendor_charge": "0.05", "vendor_currency": "USD"},
        PAID | {"vendor_charge": "0,12"},
        FREE | {"vendor_charge": "0.00"},
        PAID | {"vendor_charge": ""},
    ]
    (finding,) = vendor_differences(run_of(rows))
    assert finding.weight is Weight.SOON
    assert finding.sentence == "The charges in the file differ from ours in calling_plan_international."
    assert finding.details == (Detail("calling_plan_international (0.17 in the file)", 2, None, 160_000),)


def test_charges_that_agree_in_sum_are_not_told() -> None:
    rows = [PAID | {"vendor_charge": "0.0700"}, PAID | {"vendor_charge": "0.09"}]
    assert list(vendor_differences(run_of(rows))) == []


def test_a_difference_below_a_micro_is_a_difference() -> None:
    (finding,) = vendor_differences(run_of([PAID | {"vendor_charge": "0.0800000001"}]))
    assert finding.details[0].what == "calling_plan_international (0.0800000001 in the file)"


@pytest.mark.parametrize("charge", ["free", "1e3", "1,234.5", "0.0000000000000001", "-"])
def test_a_charge_that_is_no_amount_is_counted(charge: str) -> None:
    (finding,) = vendor_differences(run_of([PAID | {"vendor_charge": charge}]))
    assert finding.sentence == "1 charge of the file could not be compared (no amount in USD)."


def test_a_charge_in_another_currency_is_counted() -> None:
    (finding,) = vendor_differences(run_of([PAID | {"vendor_charge": "0.09", "vendor_currency": "EUR"}]))
    assert finding.kind == "vendor_charge_unread"


def test_under_sample_prices_a_difference_is_no_surprise() -> None:
    run = run_of([PAID | {"vendor_charge": "0.05"}], deck=replace(DECK, sample=True))
    assert [finding.weight for finding in vendor_differences(run)] == [Weight.SOMETIME]
