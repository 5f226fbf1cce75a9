"""Auto-recharge as a rule: whether something is bought now, how much, and if not, why.

Level-triggered and strict: 100.00 with a trigger of 100 does nothing (domain.md 8, recharge.md 2 to 4, 8).
Money in micros, instants in microseconds.
"""

from enum import IntEnum
from typing import Final

from talktime.core.limits import US_PER_S
from talktime.core.money import ceil_div

DAY_US: Final = 86_400 * US_PER_S
"""The 24 h in which payments are counted (recharge.md 1)."""


class Why(IntEnum):
    """Why an evaluation does not pay; `verdict` says in which order it is asked. Names are stored."""

    PAYS = 0
    NOT_ARMED = 1
    IN_FLIGHT = 2
    ABOVE_TRIGGER = 3
    SUSPENDED = 4
    NOT_ELIGIBLE = 5
    NO_PAYMENT_METHOD = 6
    COOLING_DOWN = 7
    CAPPED = 8
    TENANT_NOT_ACTIVE = 9


def recharge_micros(
    available: int,
    below: int,
    add: int,
    cap_left: int,
    least: int = 0,
    target: int = 0,
    most: int = 0,
    coin: int = 1,
) -> int:
    """One payment: the least multiple of `add` that lifts `available` to `below`, held to `cap_left`.

    With a `target` it is what is missing to it, rounded up to the currency's smallest `coin`, and at least
    the minimum of one payment. `most` holds one payment, 0 for any; what is cut is cut down to a whole coin.
    0 where nothing is to be bought: at or above the trigger, no rule (neither `add` nor `target`), the cap is
    met, or what is left of the wanted amount is less than `least`, the minimum of one payment (recharge.md 3,
    rulings.md 27).
    """
    if available >= below or (add <= 0 and target <= 0):
        return 0
    if target > 0:
        wanted = max(ceil_div(target - available, coin) * coin, least)
    else:
        wanted = ceil_div(below - available, add) * add
    allowed = cap_left if most <= 0 or cap_left < most else most
    if wanted <= allowed:
        return wanted
    cut = allowed // coin * coin  # down: a cap is hard
    return cut if cut >= max(least, 1) else 0


def cooled_us(paid_us: int, cool_down_s: int) -> int:
    """When the cool-down after a payment has passed; from that instant on the rule may pay again."""
    return paid_us + cool_down_s * US_PER_S


def day_opens_us(paid_us: int) -> int:
    """When a payment no longer counts among those of the last 24 h: at that instant, not after it.

    Of a rule that allows so many payments in 24 h, `paid_us` is the one that many payments ago.
    """
    return paid_us + DAY_US


def verdict(
    armed: int,
    in_flight: int,
    suspended: int,
    active: int,
    eligible: int,
    has_method: int,
    below_trigger: int,
    cooling_down: int,
    amount: int,
) -> int:
    """A `Why` from what is known of a rule, 0 or 1 each; `amount` is what the caps leave to be paid.

    What only a person can mend comes before what is available: that changes with each call.
    """
    if not armed:
        return Why.NOT_ARMED
    if in_flight:
        return Why.IN_FLIGHT
    if suspended:
        return Why.SUSPENDED
    if not active:
        return Why.TENANT_NOT_ACTIVE
    if not eligible:
        return Why.NOT_ELIGIBLE
    if not has_method:
        return Why.NO_PAYMENT_METHOD
    if not below_trigger:
        return Why.ABOVE_TRIGGER
    if cooling_down:
        return Why.COOLING_DOWN
    return Why.CAPPED if amount <= 0 else Why.PAYS
