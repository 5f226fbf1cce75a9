"""Lots: what a purchase leaves in one, how long it pays, when the wallet is empty (rulings.md 16, 17)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.credits import emptied, opened, usable
from talktime.core.limits import NEVER_US

money = st.integers(0, 10**15) | st.integers(0, 5)
balances = st.integers(-(10**15), 10**15) | st.integers(-3, 3)
instants = st.integers(-(10**16), 10**16) | st.integers(-3, 3)


@pytest.mark.parametrize(
    ("amount", "overdraft", "left", "repaid"),
    [
        (50, 0, 50, 0),
        (50, 20, 30, 20),  # what is overdrawn is its first draw
        (50, 50, 0, 50),
        (50, 70, 0, 50),  # and 20 stay overdrawn
    ],
)
def test_a_purchase_repays_first(amount: int, overdraft: int, left: int, repaid: int) -> None:
    assert opened(amount, overdraft) == (left, repaid)


@given(money, money, money)
def test_a_purchase_lifts_the_balance_by_its_amount(held: int, amount: int, overdraft: int) -> None:
    left, repaid = opened(amount, overdraft)
    assert min(left, repaid, overdraft - repaid) >= 0
    assert (held + left) - (overdraft - repaid) == held - overdraft + amount
    assert left == 0 or repaid == overdraft  # nothing stays overdrawn beside money


@pytest.mark.parametrize(
    ("left", "expires_at_us", "until_us", "money"),
    [
        (50, 1_000, 999, 50),
        (50, 1_000, 1_000, 0),  # the expiry comes before the calls that end then
        (50, 1_000, 1_001, 0),
        (0, 1_000, 999, 0),
        (50, NEVER_US, 10**18, 50),
    ],
)
def test_a_lot_pays_for_what_ends_before_it_expires(
    left: int, expires_at_us: int, until_us: int, money: int
) -> None:
    assert usable(left, expires_at_us, until_us) == money


@given(money, instants, instants, instants)
def test_what_pays_for_a_call_pays_for_one_that_ends_earlier(
    left: int, expires_at_us: int, one_us: int, other_us: int
) -> None:
    earlier_us, later_us = min(one_us, other_us), max(one_us, other_us)
    assert 0 <= usable(left, expires_at_us, later_us) <= usable(left, expires_at_us, earlier_us) <= left
    assert usable(left, expires_at_us, expires_at_us - 1) == left


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [(10, 0, 1), (10, -5, 1), (10, 1, 0), (1, 0, 1), (0, -5, 0), (-5, -9, 0), (0, 0, 0), (-5, 10, 0)],
)
def test_a_wallet_is_emptied_once(before: int, after: int, told: int) -> None:
    assert emptied(before, after) == told


@given(st.integers(1, 10**6), st.lists(st.integers(0, 10**6), max_size=20))
def test_however_it_is_spent_it_is_told_once(balance: int, draws: list[int]) -> None:
    told, left = 0, balance
    for drawn in draws:
        told += emptied(left, left - drawn)
        left -= drawn
    assert told == (left <= 0)


@given(balances, balances)
def test_funding_empties_nothing(before: int, after: int) -> None:
    assert not (emptied(before, after) and after >= before)
