"""How much an auto-recharge buys: strict, level-triggered, one payment (domain.md 8, rulings.md 27)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talktime.core.limits import NO_LIMIT
from talktime.core.money import parse_money
from talktime.core.recharge import Why, recharge_micros, verdict

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


@pytest.mark.parametrize(
    ("available", "target", "most", "cap_left", "bought"),
    [
        (99, 500, 0, 10**6, 401),  # what is missing to it
        (100, 500, 0, 10**6, 0),  # strictly below the trigger
        (-50, 500, 0, 10**6, 550),
        (99, 120, 0, 10**6, 50),  # at least the minimum of one payment
        (0, 500, 300, 10**6, 300),  # at most the maximum
        (0, 500, 300, 200, 200),
        (0, 500, 300, 49, 0),
    ],
)
def test_a_target(available: int, target: int, most: int, cap_left: int, bought: int) -> None:
    assert recharge_micros(available, 100, 0, cap_left, 50, target, most) == bought


@pytest.mark.parametrize(
    ("available", "add", "target", "cap_left", "bought"),
    [
        (99_990_001, 0, 120_000_000, NO_LIMIT, 20_010_000),  # up to a whole coin
        (0, 200_000_000, 0, 70_009_999, 70_000_000),  # a cap down to one
        (0, 200_000_000, 0, 9_999, 0),
    ],
)
def test_whole_coins(available: int, add: int, target: int, cap_left: int, bought: int) -> None:
    assert recharge_micros(available, 100_000_000, add, cap_left, 0, target, 0, 10_000) == bought


coins = st.sampled_from((1, 1_000, 10_000, 10**6))
limits = st.integers(0, 10**13)


@given(money, money, st.integers(0, 10**9), limits, limits, limits, coins)
def test_a_payment_is_within_all_its_bounds(
    available: int, below: int, add_coins: int, least: int, target: int, most: int, coin: int
) -> None:
    """Whole coins, no more than the maximum and the cap, nothing at the trigger, and it gets on."""
    add, least = add_coins * coin, least // coin * coin
    for cap_left in (0, least, 10**12 + 1, NO_LIMIT):
        bought = recharge_micros(available, below, add, cap_left, least, target, most, coin)
        assert bought >= 0
        assert bought <= cap_left
        assert bought % coin == 0
        assert not most or bought <= most
        assert bought == 0 or available < below
        if bought and target:
            assert bought >= least
            assert available + bought < max(target + coin, available + least + 1)
    if available < below and (add or target):
        assert recharge_micros(available, below, add, NO_LIMIT, least, max(target, 0), 0, coin) > 0 or (
            target and target <= available and not least
        )


ARMED = {"armed": 1, "below_trigger": 1, "active": 1, "eligible": 1, "has_method": 1, "amount": 1}
AGAINST = (
    ({"armed": 0}, Why.NOT_ARMED),
    ({"in_flight": 1}, Why.IN_FLIGHT),
    ({"suspended": 1}, Why.SUSPENDED),
    ({"active": 0}, Why.TENANT_NOT_ACTIVE),
    ({"eligible": 0}, Why.NOT_ELIGIBLE),
    ({"has_method": 0}, Why.NO_PAYMENT_METHOD),
    ({"below_trigger": 0}, Why.ABOVE_TRIGGER),
    ({"cooling_down": 1}, Why.COOLING_DOWN),
    ({"amount": 0}, Why.CAPPED),
)
FLAGS = (
    "armed",
    "in_flight",
    "suspended",
    "active",
    "eligible",
    "has_method",
    "below_trigger",
    "cooling_down",
    "amount",
)


def judged(known: dict[str, int]) -> int:
    return verdict(*(known.get(flag, 0) for flag in FLAGS))


def test_an_armed_rule_pays() -> None:
    assert judged(ARMED) == Why.PAYS


@given(st.sets(st.sampled_from(range(len(AGAINST)))))
def test_of_several_reasons_the_first_is_told(chosen: set[int]) -> None:
    known = dict(ARMED)
    for number in chosen:
        known |= AGAINST[number][0]
    assert judged(known) == (AGAINST[min(chosen)][1] if chosen else Why.PAYS)


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9), st.integers(1, 10**8), st.integers(1, 10**9))
def test_several_drops_buy_what_one_drop_buys(available: int, below: int, add: int, drop: int) -> None:
    """Evaluated after each entry or once after both: the balance at the end is the same."""
    one_by_one = available + recharge_micros(available, below, add, NO_LIMIT) - drop
    one_by_one += recharge_micros(one_by_one, below, add, NO_LIMIT)
    at_once = available - drop + recharge_micros(available - drop, below, add, NO_LIMIT)
    assert one_by_one == at_once
