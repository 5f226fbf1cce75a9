"""How much an auto-recharge buys: strict, level-triggered, one payment (domain.md 8, rulings.md 27)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import NO_LIMIT
from talktime.core.money import parse_money
from talktime.core.recharge import recharge_micros

money = st.integers(-(10**15), 10**15)
adds = st.integers(1, 10**15) | st.integers(1, 1000)


@pytest.mark.parametrize(
    ("available", "below", "add", "cap_left", "bought"),
    [
        ("100", "100", "200", None, "0"),  # strictly below
        ("99.99", "100", "200", None, "200"),
        ("99.999999", "100", "200", None, "200"),
        ("-3", "10", "100", None, "100"),
        ("-30", "50", "20", None, "80"),  # the least multiple that reaches it
        ("10", "50", "20", None, "40"),
        ("9.99", "50", "20", None, "60"),
        ("0", "20", "50", "20", "20"),  # clamped to what the cap leaves
        ("0", "20", "50", "0", "0"),
        ("0", "20", "50", "-5", "0"),
        ("-500", "100", "0", None, "0"),  # no rule
        ("0", "0", "200", None, "0"),
    ],
)
def test_one_payment(available: str, below: str, add: str, cap_left: str | None, bought: str) -> None:
    left = NO_LIMIT if cap_left is None else parse_money(cap_left)
    assert recharge_micros(parse_money(available), parse_money(below), parse_money(add), left) == parse_money(
        bought
    )


def test_ninety_nine_and_two_hundred() -> None:
    available = parse_money("99.99")
    assert available + recharge_micros(
        available, parse_money("100"), parse_money("200"), NO_LIMIT
    ) == parse_money("299.99")


@given(money, money, adds)
def test_the_least_multiple_that_reaches_the_trigger(available: int, below: int, add: int) -> None:
    bought = recharge_micros(available, below, add, NO_LIMIT)
    assert bought % add == 0
    if available >= below:
        assert bought == 0
    else:
        assert available + bought >= below > available + bought - add


@given(money, money, adds, st.integers(-(10**12), 10**16), st.integers(0, 10**15))
def test_a_cap_is_hard(available: int, below: int, add: int, cap_left: int, least: int) -> None:
    """What a cap cuts below the least payment is not paid at all (recharge.md 3)."""
    wanted = recharge_micros(available, below, add, NO_LIMIT, least)
    bought = recharge_micros(available, below, add, cap_left, least)
    assert wanted == recharge_micros(available, below, add, NO_LIMIT)  # only what is cut is measured
    if wanted <= cap_left:
        assert bought == wanted
    else:
        assert bought == (cap_left if cap_left >= least and cap_left > 0 else 0)


@pytest.mark.parametrize(
    ("cap_left", "least", "bought"), [(49, 50, 0), (50, 50, 50), (80, 50, 80), (100, 50, 100), (300, 50, 100)]
)
def test_a_payment_under_the_minimum_is_not_made(cap_left: int, least: int, bought: int) -> None:
    assert recharge_micros(0, 100, 100, cap_left, least) == bought


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9), st.integers(1, 10**8), st.integers(1, 10**9))
def test_several_drops_buy_what_one_drop_buys(available: int, below: int, add: int, drop: int) -> None:
    """Evaluated after each entry or once after both: the balance at the end is the same."""
    one_by_one = available + recharge_micros(available, below, add, NO_LIMIT) - drop
    one_by_one += recharge_micros(one_by_one, below, add, NO_LIMIT)
    at_once = available - drop + recharge_micros(available - drop, below, add, NO_LIMIT)
    assert one_by_one == at_once
