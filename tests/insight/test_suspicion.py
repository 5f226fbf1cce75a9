"""Money that looks wrong, by tables on both sides of each threshold."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from talktime.core.deck import RateRow
from talktime.files.decks.check import check_deck
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
    assert finding.sentence == "1 caller made calls dearer than 1.6 USD, 20 times the median."
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


def used(*rows: RateRow) -> list[dict[str, Any]]:
    """A paid call by each of these rows."""
    return [PAID | {"prefix": row.prefix, "price_per_minute": row.price_nanos} for row in rows]


def odd(calls: list[dict[str, Any]], rows: tuple[RateRow, ...]) -> list[Detail]:
    """What is told about the rates of a run."""
    found = odd_rates(run_of(calls, deck=replace(DECK, rows=rows)))
    return [detail for finding in found for detail in finding.details]


@pytest.mark.parametrize(
    ("prices", "told"),
    [
        ([10, 10, 10, 100], True),
        ([10, 10, 10, 99], False),
        ([10, 10, 100], True),
        ([10, 100], False),
        ([0, 0, 0, 0], False),
    ],
)
def test_a_rate_ten_times_its_neighbours_is_told(prices: list[int], told: bool) -> None:
    rows = deck_rows(prices)
    found = odd(used(rows[-1]), rows)
    assert [detail.what.partition(":")[0] for detail in found] == ([f"prefix {rows[-1].prefix}"] * told)


def test_it_says_what_the_check_of_decks_says() -> None:
    deck = replace(DECK, rows=deck_rows([10, 10, 10, 100]))
    (finding,) = odd_rates(run_of(used(deck.rows[3]), deck=deck))
    assert finding.sentence == "1 price in use is far above the neighbours'."
    (detail,) = finding.details
    assert detail.what in {finding.text for finding in check_deck(deck)}


def test_mobile_rates_are_compared_with_mobile_rates() -> None:
    landline = tuple(replace(row, type="landline") for row in deck_rows([10] * 6))
    mobile = tuple(replace(row, type="mobile") for row in deck_rows([500, 500, 500, 9_000], prefix="447"))
    found = odd(used(*landline, *mobile), landline + mobile)
    assert [detail.what[:12] for detail in found] == ["prefix 4473:"]


def test_rows_of_one_dear_price_are_told_once_with_all_their_calls() -> None:
    rows = deck_rows([10, 10, 10, 10, 10, 100, 100])
    (detail,) = odd(used(rows[5], rows[6], rows[6], rows[0]), rows)
    assert detail.what.startswith(("prefix 445 and 1 more: ", "prefix 446 and 1 more: "))
    assert (detail.count, detail.seconds, detail.amount) == (3, 720, 240_000)


def test_rates_without_a_country_are_compared_by_their_beginning() -> None:
    rows = deck_rows([10, 10, 10, 500], country="") + deck_rows([500, 500, 500, 500], country="", prefix="88")
    assert [detail.what[:11] for detail in odd(used(*rows), rows)] == ["prefix 443:"]


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
