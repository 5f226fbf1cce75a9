"""Who pays for a call: pool seconds first, then credits, then post-usage or overdraft.

`settle` owns that order for a whole call, and with it the caps and the recharge that follows: the live
path and the bulk path both call it and nobody else decides it (rulings.md 2, 20, 37).
"""

from talktime.core.pools import take
from talktime.core.rating import amount_micros, billed_seconds
from talktime.core.recharge import recharge_micros
from talktime.core.refusals import NO_RATE, NONE, refusal


def split(amount: int, balance: int, behind: int) -> tuple[int, int, int]:
    """Divides an amount in micros into (credits, post-usage, overdraft).

    The lots are drawn first, to the last micro; the rest is post-usage where it stands behind, else it is
    booked as overdraft (domain.md 6).
    """
    credits = take(balance, amount)
    rest = amount - credits
    return (credits, rest, 0) if behind else (credits, 0, rest)


def first_interval(
    pool_free_s: int,
    rated: int,
    first_s: int,
    step_s: int,
    model: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> tuple[int, int]:
    """What `start` asks for: (whether money is needed, micros of the first interval after pool with its fee).

    A call may begin when its first interval is covered; that and nothing more is tested (rulings.md 21).
    """
    interval_s = billed_seconds(1, first_s, step_s, model)
    if pool_free_s >= interval_s:
        return 0, 0
    if not rated:
        return 1, 0
    pool_s = take(pool_free_s, interval_s)
    price = amount_micros(
        pool_s, interval_s, first_s, first_price_nanos, price_nanos, fee_micros, rounding, decimals
    )
    return 1, price


def charge_whole(
    billed_s: int,
    pool_free_s: int,
    rated: int,
    balance: int,
    behind: int,
    first_s: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> tuple[int, int, int, int, int, int]:
    """Charges a call that took place: pool seconds from its beginning, then money.

    Returns (pool_s, unrated_s, amount, credits, post_usage, overdraft). Without a rate the seconds beyond the
    pool stay unrated and cost nothing.
    """
    pool_s = take(pool_free_s, billed_s)
    if not rated and pool_s < billed_s:
        return pool_s, billed_s - pool_s, 0, 0, 0, 0
    amount = amount_micros(
        pool_s, billed_s, first_s, first_price_nanos, price_nanos, fee_micros, rounding, decimals
    )
    credits, post_usage, overdraft = split(amount, balance, behind)
    return pool_s, 0, amount, credits, post_usage, overdraft


def settle(
    duration_s: int,
    pool_free_s: int,
    rated: int,
    first_s: int,
    step_s: int,
    model: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
    gates: int,
    balance: int,
    cap_left: int,
    behind: int,
    wallet: int,
    below: int,
    add: int,
    recharge_cap_left: int,
    recharge_least: int = 0,
    target: int = 0,
    recharge_most: int = 0,
    coin: int = 1,
) -> tuple[int, int, int, int, int, int, int, int, int]:
    """Decides and charges one whole call that somebody pays for, and what is bought right after it.

    Returns (refusal, billed_s, pool_s, unrated_s, amount, credits, post_usage, overdraft, recharge).
    Where `start` would refuse, nothing is taken. What no rate prices stays unrated: refusal NO_RATE.
    The rule of recharge is `recharge.recharge_micros`, with its arguments in their order from `below` on.
    """
    billed_s = billed_seconds(duration_s, first_s, step_s, model)
    prices = (first_price_nanos, price_nanos, fee_micros, rounding, decimals)
    needs_money, price = first_interval(pool_free_s, rated, first_s, step_s, model, *prices)
    reason = refusal(gates, needs_money, rated, price, balance, cap_left, behind, wallet)
    if reason != NONE:
        unrated_s = billed_s if reason == NO_RATE else 0
        topup = recharge_micros(
            balance, below, add, recharge_cap_left, recharge_least, target, recharge_most, coin
        )
        return reason, billed_s, 0, unrated_s, 0, 0, 0, 0, topup
    pool_s, unrated_s, amount, credits, post_usage, overdraft = charge_whole(
        billed_s, pool_free_s, rated, balance, behind, first_s, *prices
    )
    after = balance - credits - overdraft
    topup = recharge_micros(after, below, add, recharge_cap_left, recharge_least, target, recharge_most, coin)
    return (
        NO_RATE if unrated_s > 0 else NONE,
        billed_s,
        pool_s,
        unrated_s,
        amount,
        credits,
        post_usage,
        overdraft,
        topup,
    )
