"""Seconds of a call -> billed seconds -> amount, against the fractions of domain.md 3 and rulings.md 13."""

from fractions import Fraction
from math import ceil
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import MAX_CALL_S, MAX_FEE_MICROS, MAX_INCREMENT_S, MAX_PRICE_NANOS
from talktime.core.money import DOWN, HALF_EVEN, HALF_UP, ROUNDINGS, UP
from talktime.core.rating import AFTER_FIRST, INCREMENTS, WHOLE, amount_micros, billed_seconds
from tests.core.test_money import rounded

durations = st.integers(0, MAX_CALL_S) | st.integers(0, 200)
intervals = st.integers(1, MAX_INCREMENT_S) | st.sampled_from([1, 6, 18, 30, 60])
firsts = intervals | st.just(0)
models = st.sampled_from([AFTER_FIRST, WHOLE])
prices = st.integers(0, MAX_PRICE_NANOS) | st.integers(0, 10**9)
fees = st.integers(0, MAX_FEE_MICROS) | st.just(0)
roundings = st.sampled_from(sorted(ROUNDINGS.values()))
decimals = st.integers(0, 6)

# --- billed seconds --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("duration_s", "first_s", "step_s", "after_first_s", "whole_s"),
    [
        (219, 60, 60, 240, 240),  # domain.md 14: 4 minutes
        (60, 60, 60, 60, 60),
        (61, 60, 60, 120, 120),
        (0, 60, 60, 0, 0),
        (1, 60, 60, 60, 60),
        (31, 30, 18, 48, 36),  # domain.md 3
        (30, 30, 18, 30, 36),
        (1, 30, 18, 30, 30),
        (49, 30, 18, 66, 54),
        (48, 30, 18, 48, 54),
        (5, 6, 6, 6, 6),
        (601, 1, 1, 601, 601),
        (7, 0, 6, 12, 12),
        (-1, 60, 60, 0, 0),
    ],
)
def test_billed_seconds(duration_s: int, first_s: int, step_s: int, after_first_s: int, whole_s: int) -> None:
    found = [
        billed_seconds(duration_s, first_s, step_s, INCREMENTS[name]) for name in ("after_first", "whole")
    ]
    assert found == [after_first_s, whole_s]


@given(durations, firsts, intervals, models)
def test_billed_seconds_is_the_formula(duration_s: int, first_s: int, step_s: int, model: int) -> None:
    steps = ceil(Fraction(max(0, duration_s - first_s), step_s))
    expected = {
        AFTER_FIRST: first_s + steps * step_s,
        WHOLE: max(first_s, ceil(Fraction(duration_s, step_s)) * step_s),
    }
    assert billed_seconds(duration_s, first_s, step_s, model) == (expected[model] if duration_s else 0)


@given(durations, durations, firsts, intervals, models)
def test_billed_seconds_cover_the_call_and_never_fall(
    one_s: int, other_s: int, first_s: int, step_s: int, model: int
) -> None:
    shorter_s, longer_s = sorted((one_s, other_s))
    billed_s = billed_seconds(longer_s, first_s, step_s, model)
    assert longer_s <= billed_s < longer_s + max(first_s, step_s, 1)
    assert billed_seconds(shorter_s, first_s, step_s, model) <= billed_s


@given(st.integers(1, MAX_CALL_S), intervals, intervals)
def test_a_billed_duration_is_billed_as_itself(duration_s: int, first_s: int, step_s: int) -> None:
    """What was rounded is not rounded up again (rulings.md 13)."""
    billed_s = billed_seconds(duration_s, first_s, step_s, AFTER_FIRST)
    assert billed_seconds(billed_s, first_s, step_s, AFTER_FIRST) == billed_s


# --- amounts ---------------------------------------------------------------------------------------

CENT = 10_000_000  # nanos a minute


@pytest.mark.parametrize(
    ("pool_s", "billed_s", "amount"),
    [
        (0, 180, 270_000),  # 0.05 + 0.10 + 2 x 0.06
        (0, 60, 150_000),
        (30, 180, 220_000),  # 0.05 + half of the first part + 2 x 0.06
        (60, 180, 170_000),  # the pool covers the first part: the fee stays
        (90, 180, 140_000),
        (180, 180, 0),  # no paid seconds: no fee
        (240, 180, 0),
        (0, 0, 0),
    ],
)
def test_fee_first_part_and_the_rest(pool_s: int, billed_s: int, amount: int) -> None:
    assert amount_micros(pool_s, billed_s, 60, 10 * CENT, 6 * CENT, 50_000, HALF_UP, 6) == amount


def test_ten_minutes_at_two_cents_in_one_second_steps_cost_twenty_cents() -> None:
    billed_s = billed_seconds(600, 1, 1, AFTER_FIRST)
    assert amount_micros(0, billed_s, 1, 2 * CENT, 2 * CENT, 0, HALF_UP, 6) == 200_000


@pytest.mark.parametrize(
    ("decimals_kept", "half_up", "up", "down", "half_even"),
    [
        (6, 12_450_000, 12_450_000, 12_450_000, 12_450_000),
        (1, 12_500_000, 12_500_000, 12_400_000, 12_400_000),
        (0, 12_000_000, 13_000_000, 12_000_000, 12_000_000),
    ],
)
def test_rounding_of_a_deck(decimals_kept: int, half_up: int, up: int, down: int, half_even: int) -> None:
    found = [
        amount_micros(0, 60, 60, 1245 * CENT, 1245 * CENT, 0, method, decimals_kept)
        for method in (HALF_UP, UP, DOWN, HALF_EVEN)
    ]
    assert found == [half_up, up, down, half_even]


class Part(NamedTuple):
    """The arguments of `amount_micros` in their order."""

    pool_s: int
    billed_s: int
    first_s: int
    first_price_nanos: int
    price_nanos: int
    fee_micros: int
    rounding: int
    decimals: int


def parts(longest_s: int) -> st.SearchStrategy[Part]:
    seconds = st.integers(0, longest_s)
    return st.builds(Part, seconds, seconds, seconds, prices, prices, fees, roundings, decimals)


@given(parts(3 * MAX_CALL_S))
def test_an_amount_is_one_fraction_rounded_once(part: Part) -> None:
    """Seconds below the first part at its price, the others at theirs, the fee with the first paid one."""
    paid = range(min(part.pool_s, part.billed_s), part.billed_s)
    early_s = len(range(paid.start, min(max(part.first_s, paid.start), paid.stop)))
    nano_seconds = part.first_price_nanos * early_s + part.price_nanos * (len(paid) - early_s)
    exact = Fraction(nano_seconds, 60 * 10**9) + (Fraction(part.fee_micros, 10**6) if paid else 0)
    expected = rounded(exact * 10**part.decimals, part.rounding) * 10 ** (6 - part.decimals)
    assert amount_micros(*part) == expected


@given(parts(400))
def test_seconds_priced_one_by_one(part: Part) -> None:
    """The same amount by adding up every paid second: nothing slips at the edge of the first part."""
    part = part._replace(decimals=6)
    seconds = [
        part.first_price_nanos if second < part.first_s else part.price_nanos
        for second in range(part.pool_s, part.billed_s)
    ]
    exact = Fraction(sum(seconds), 60_000) + (part.fee_micros if seconds else 0)
    assert amount_micros(*part) == rounded(exact, part.rounding)


@given(parts(MAX_CALL_S), durations)
def test_more_pool_never_costs_more(part: Part, more_s: int) -> None:
    assert amount_micros(*part._replace(pool_s=part.pool_s + more_s)) <= amount_micros(*part)
