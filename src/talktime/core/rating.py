"""Rating: seconds of a call -> billed seconds -> amount.

A call is billed in a first part and whole steps after it; its amount is one exact fraction of price and
fee, rounded once (domain.md 3, rulings.md 13).
"""

from typing import Final

from talktime.core.money import MICROS_PLACES, ceil_div, round_div

AFTER_FIRST: Final = 0
WHOLE: Final = 1

INCREMENTS: Final = {"after_first": AFTER_FIRST, "whole": WHOLE}
"""Names of the increment models in decks -> their numbers (domain.md 3)."""

DEFAULT_FIRST_S: Final = 60
DEFAULT_STEP_S: Final = 60
"""A started minute is a whole minute unless the rate says otherwise; also where there is no rate."""

UNIT_MICROS: Final = (1_000_000, 100_000, 10_000, 1_000, 100, 10, 1)
"""Micros of one unit of the last place, by decimals 0 to 6."""

_NANO_SECONDS_PER_MICRO_MINUTE: Final = 60_000


def billed_seconds(duration_s: int, first_s: int, step_s: int, model: int) -> int:
    """Seconds that are billed for a call of `duration_s`.

    `model` AFTER_FIRST: the first part, then whole steps after it. WHOLE: whole steps from the
    beginning, at least the first part. 31 s at 30/18 is 48 or 36. `step_s` > 0.
    """
    if duration_s <= 0:
        return 0
    if model == WHOLE:
        return max(first_s, ceil_div(duration_s, step_s) * step_s)
    if duration_s <= first_s:
        return first_s
    return first_s + ceil_div(duration_s - first_s, step_s) * step_s


def amount_micros(
    pool_s: int,
    billed_s: int,
    first_s: int,
    first_price_nanos: int,
    price_nanos: int,
    fee_micros: int,
    rounding: int,
    decimals: int,
) -> int:
    """Price in micros of the paid seconds [pool_s, billed_s) of a call.

    Pool seconds cover the call from its beginning; paid seconds below `first_s` have the first price.
    Fee and both parts are one fraction, rounded once to `decimals` (0 to 6) places. No paid seconds: 0.
    """
    if billed_s <= pool_s:
        return 0
    paid_in_first_s = max(0, min(billed_s, first_s) - pool_s)
    paid_after_s = billed_s - pool_s - paid_in_first_s
    nano_seconds = (
        fee_micros * _NANO_SECONDS_PER_MICRO_MINUTE
        + first_price_nanos * paid_in_first_s
        + price_nanos * paid_after_s
    )
    if decimals == MICROS_PLACES:
        return round_div(nano_seconds, _NANO_SECONDS_PER_MICRO_MINUTE, rounding)
    unit_micros = UNIT_MICROS[decimals]
    return round_div(nano_seconds, _NANO_SECONDS_PER_MICRO_MINUTE * unit_micros, rounding) * unit_micros
