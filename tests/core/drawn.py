"""Generated input of `core.funding.settle`: calls near the edges where somebody else pays or nobody does."""

from typing import NamedTuple

from hypothesis import strategies as st

from talktime.core.limits import NO_LIMIT

UNIT = 1_000_000


class Settle(NamedTuple):
    """The arguments of `settle` in their order; as it stands: a minute at 0.02, paid by 10.00 of credits."""

    duration_s: int = 60
    pool_free_s: int = 0
    rated: int = 1
    first_s: int = 60
    step_s: int = 60
    model: int = 0
    first_price_nanos: int = 20_000_000
    price_nanos: int = 20_000_000
    fee_micros: int = 0
    rounding: int = 0
    decimals: int = 6
    gates: int = 0
    balance: int = 10 * UNIT
    cap_left: int = NO_LIMIT
    behind: int = 0
    wallet: int = 0
    below: int = 0
    add: int = 0
    recharge_cap_left: int = NO_LIMIT
    recharge_least: int = 0
    target: int = 0
    recharge_most: int = 0
    coin: int = 1


class Settled(NamedTuple):
    """What `settle` answers, in its order."""

    refusal: int
    billed_s: int
    pool_s: int
    unrated_s: int
    amount: int
    credits: int
    post_usage: int
    overdraft: int
    recharge: int


prices = st.integers(0, 2 * 10**9) | st.sampled_from([0, 10**9])
money = st.integers(-3 * UNIT, 12 * UNIT) | st.sampled_from([0, 1, UNIT])

settles = st.builds(
    Settle,
    duration_s=st.integers(0, 400),
    pool_free_s=st.integers(0, 400) | st.sampled_from([0, 0, NO_LIMIT]),
    rated=st.sampled_from([1, 1, 1, 0]),
    first_s=st.sampled_from([0, 1, 30, 60]),
    step_s=st.sampled_from([1, 6, 18, 60]),
    model=st.integers(0, 1),
    first_price_nanos=prices,
    price_nanos=prices,
    fee_micros=st.sampled_from([0, 0, 50_000]),
    rounding=st.integers(0, 3),
    decimals=st.integers(0, 6),
    gates=st.sampled_from([0, 0, 0, 0, 1, 2, 4, 6]),
    balance=money,
    cap_left=money | st.just(NO_LIMIT),
    behind=st.integers(0, 1),
    wallet=st.integers(0, 3),
    below=money,
    add=st.integers(0, 3 * UNIT),
    recharge_cap_left=st.integers(0, 5 * UNIT) | st.just(NO_LIMIT),
    recharge_least=st.sampled_from([0, 0, UNIT]),
    target=st.just(0) | money,
    recharge_most=st.sampled_from([0, 0, UNIT, 2 * UNIT + 7]),
    coin=st.sampled_from([1, 10_000, UNIT]),
)
