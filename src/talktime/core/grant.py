"""A grant: how long a call in progress may go on for what pools and money cover.

Covered seconds only grow dearer, so the longest covered time is found by halving. A switch is asked for
hanging up when a grant runs out, not trusted to: `billable_s` says what a report beyond it costs
(domain.md 7, rulings.md 21 to 23).
"""

from talktime.core.pools import take
from talktime.core.rating import amount_micros, billed_seconds


def need(
    seconds_s: int,
    pool_free_s: int,
    first_s: int,
    step_s: int,
    model: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> tuple[int, int, int]:
    """What a call of this length takes: (billed_s, pool_s, micros for the seconds beyond the pool)."""
    billed_s = billed_seconds(seconds_s, first_s, step_s, model)
    pool_s = take(pool_free_s, billed_s)
    price = amount_micros(
        pool_s, billed_s, first_s, first_price_nanos, price_nanos, fee_micros, rounding, decimals
    )
    return billed_s, pool_s, price


def is_covered(
    seconds_s: int,
    pool_free_s: int,
    money: int,
    payable: int,
    first_s: int,
    step_s: int,
    model: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> int:
    """1 where pool seconds, and `money` micros for the rest, pay for a call of this length, else 0.

    `payable` 0: money may not pay (no licence, no rate), so the pool has to cover it all.
    """
    prices = (first_price_nanos, price_nanos, fee_micros, rounding, decimals)
    billed_s, pool_s, price = need(seconds_s, pool_free_s, first_s, step_s, model, *prices)
    if pool_s >= billed_s:
        return 1
    return 1 if payable and price <= money else 0


def longest_s(
    least_s: int,
    most_s: int,
    pool_free_s: int,
    money: int,
    payable: int,
    first_s: int,
    step_s: int,
    model: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> int:
    """The largest number of seconds in (least_s, most_s] that is covered, or `least_s` if none is.

    `money`: micros that the whole call may cost, its own reservation included (rulings.md 21).
    """
    rate = (first_s, step_s, model, first_price_nanos, price_nanos, fee_micros, rounding, decimals)
    if most_s <= least_s or is_covered(most_s, pool_free_s, money, payable, *rate):
        return max(most_s, least_s)
    low_s, high_s = least_s, most_s
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if is_covered(middle_s, pool_free_s, money, payable, *rate):
            low_s = middle_s
        else:
            high_s = middle_s
    return low_s


def shrunk_slice_s(slice_s: int, covered_s: int, first_s: int, step_s: int, model: int) -> int:
    """The seconds of a grant that nobody asked a length for: a quarter of what is there, in whole steps.

    At least the first interval, at most `slice_s`; so few calls cannot starve a pool (rulings.md 22). The
    quarter is rounded down.
    """
    quarter_s = max(covered_s, 0) // 4 // step_s * step_s
    return min(slice_s, max(billed_seconds(1, first_s, step_s, model), quarter_s))


def billable_s(duration_s: int, authorised_s: int, slack_s: int) -> tuple[int, int]:
    """(seconds to bill, 1 if that is more than was granted) of a reported duration (rulings.md 23)."""
    if duration_s <= authorised_s:
        return duration_s, 0
    if duration_s <= authorised_s + slack_s:
        return authorised_s, 0
    return duration_s, 1
