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
) -> tuple[int, int, int, int, int, int, int, int, int]:
    """Decides and charges one whole call that somebody pays for.

    Returns (refusal, billed_s, pool_s, unrated_s, amount, credits, post_usage, overdraft, recharge), money
    in micros. The call is refused where `start` would refuse it; otherwise it is charged whole: pool
    seconds from its beginning, then money. A call without a rate takes its pool seconds, the rest stays
    unrated and costs nothing (refusal NO_RATE). `recharge` is what is bought right after the charge.
    """
    billed_s = billed_seconds(duration_s, first_s, step_s, model)
    first_interval_s = billed_seconds(1, first_s, step_s, model)
    needs_money = 1 if pool_free_s < first_interval_s else 0
    price = 0
    if needs_money and rated:
        price = amount_micros(
            take(pool_free_s, first_interval_s),
            first_interval_s,
            first_s,
            first_price_nanos,
            price_nanos,
            fee_micros,
            rounding,
            decimals,
        )
    reason = refusal(gates, needs_money, rated, price, balance, cap_left, behind, wallet)
    if reason not in (NONE, NO_RATE):
        topup = recharge_micros(balance, below, add, recharge_cap_left)
        return reason, billed_s, 0, 0, 0, 0, 0, 0, topup
    pool_s = take(pool_free_s, billed_s)
    if not rated and pool_s < billed_s:
        return NO_RATE, billed_s, pool_s, billed_s - pool_s, 0, 0, 0, 0, 0
    amount = amount_micros(
        pool_s, billed_s, first_s, first_price_nanos, price_nanos, fee_micros, rounding, decimals
    )
    credits, post_usage, overdraft = split(amount, balance, behind)
    topup = recharge_micros(balance - credits - overdraft, below, add, recharge_cap_left)
    return NONE, billed_s, pool_s, 0, amount, credits, post_usage, overdraft, topup
