"""Auto-recharge as a rule: how much is bought when what is available falls below the trigger.

Level-triggered and strict: 100.00 with a trigger of 100 does nothing (domain.md 8, recharge.md 3).
"""

from talktime.core.money import ceil_div


def recharge_micros(available: int, below: int, add: int, cap_left: int, least: int = 0) -> int:
    """One payment: the least multiple of `add` that lifts `available` to `below`, held to `cap_left`.

    0 where nothing is to be bought: at or above the trigger, no rule (`add` = 0), the cap is met, or what
    it leaves of the wanted amount is less than `least`, the minimum of one payment (recharge.md 3).
    """
    if add <= 0 or available >= below:
        return 0
    wanted = ceil_div(below - available, add) * add
    if wanted <= cap_left:
        return wanted
    return cap_left if cap_left >= max(least, 1) else 0
